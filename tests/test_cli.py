import pytest
import tensorflow as tf

from kgan import cli
from kgan.runtime.errors import UserError


def test_what_the_user_can_mend_is_one_sentence():
    for error in (UserError("such a thing."), OSError("such a thing."),):
        with pytest.raises(SystemExit) as stop, cli.one_sentence():
            raise error
        assert stop.value.code == "kgan: such a thing."  # Python prints a string and exits with 1


def test_bugs_keep_their_trace():
    with pytest.raises(ValueError, match="inner"), cli.one_sentence():
        raise ValueError("inner")


def test_out_of_memory_is_one_sentence():
    with pytest.raises(SystemExit, match="out of memory; choose a smaller --batch_size"), cli.one_sentence():
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
