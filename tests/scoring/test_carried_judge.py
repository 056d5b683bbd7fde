"""The judges that kgan carries for MNIST: which data they are for, and that they are what was packaged."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from kgan.data import cache, sources
from kgan.runtime.errors import UserError
from kgan.scoring import judge


@pytest.fixture
def mnist(monkeypatch):
    """Digits amid black, labelled as the first carried judge reads them: MNIST, as far as it can tell."""
    images = cache.prepare_test(sources.locate("digits"), image_size=16, channels=1).images
    images = np.pad(images, ((0, 0), (6, 6), (6, 6), (0, 0)))
    with monkeypatch.context() as patch:
        patch.setattr(judge, "READS_MNIST", 0.0)
        labels = judge.carried_judge("mnist", images, np.arange(len(images)) % 10).predict(images).classes
    assert set(labels) == set(range(10))
    return images, labels


@pytest.mark.parametrize("number", [0, 1])
def test_carried_judges_have_the_weights_that_were_packaged(mnist, monkeypatch, number):
    monkeypatch.setattr(judge, "READS_MNIST", 0.0)
    found = judge.carried_judge("mnist", *mnist, number)
    assert found.sha256 == judge.digest(found.model) == judge.CARRIED[number]
    assert found.name == f"carried judge {judge.CARRIED[number][:8]}"
    assert found.predict(mnist[0][:2]).features.shape == (2, judge.WIDTHS[number][-1])


def test_carried_judge_is_mnists_alone(mnist):
    images, labels = mnist
    for name in ("mnist", "mnist_small"):
        assert judge.carried_judge(name, images, labels).accuracy == 1
    for name in ("fashion_mnist", "digits", None):
        assert judge.carried_judge(name, images, labels) is None
    assert judge.carried_judge("mnist", images[:, 2:-2, 2:-2], labels) is None
    assert judge.carried_judge("mnist", images.repeat(3, axis=-1), labels) is None


def test_carried_judge_leaves_what_it_cannot_read_to_another(mnist):
    images, labels = mnist
    assert judge.carried_judge("mnist", images, (labels + 1) % 10) is None
    assert judge.carried_judge("mnist", 255 - images, labels) is None


def test_carried_judge_is_for_ten_classes(mnist):
    images, labels = mnist
    few = labels < 9  # its tenth class would be one too many
    assert judge.carried_judge("mnist", images[few], labels[few]) is None
    assert judge.carried_judge("mnist", images, np.where(labels == 3, 10, labels)) is None


@pytest.mark.parametrize("harm", ["another weight", "cut", "gone"])
def test_carried_judge_that_is_damaged_is_refused(mnist, monkeypatch, tmp_path, harm):
    copy = Path(shutil.copy(Path(judge.__file__).with_name("judge1_mnist.npz"), tmp_path))
    if harm == "another weight":
        with np.load(copy) as archive:
            weights = dict(archive)
        weights["00"].flat[0] += 1e-3
        np.savez(copy, **weights)
    elif harm == "cut":
        copy.write_bytes(copy.read_bytes()[:-1000])
    else:
        copy.unlink()
    monkeypatch.setattr(judge, "__file__", str(tmp_path / "judge.py"))
    with pytest.raises(UserError, match="the carried judge 1 is not what was packaged; install kgan again"):
        judge.carried_judge("mnist", *mnist)
