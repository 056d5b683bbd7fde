import shutil

import pytest

from kgan import models
from kgan.data import sources
from kgan.runs import loop
from kgan.runs.directory import Run


@pytest.fixture(scope="session")
def digits():
    return sources.locate("digits")


@pytest.fixture(scope="session")
def recipe():
    """Of a run that takes seconds: 7 steps, a tick of 3."""
    return models.recipe("dcgan", "digits").override(batch_size=2, steps=7, tick=3, sample_every=3, ema_decay=0.5)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, recipe, digits):
    run = Run(tmp_path_factory.mktemp("finished") / "run")
    assert loop.train(run, recipe, digits).finished
    return run


@pytest.fixture
def trained(finished, tmp_path):
    """A finished run of one's own, to change."""
    return Run(shutil.copytree(finished.path, tmp_path / "run"))
