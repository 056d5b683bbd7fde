"""Labels: which of them are classes, and the hash that follows them."""

import numpy as np
import pytest

from kgan.data import cache


def _labelled(*parts):
    """Prepared images with these labels, a list for each part."""
    images = [np.zeros((len(labels), 4, 4, 1), np.uint8) for labels in parts]
    return [cache.Prepared(some, np.array(labels, np.int64), cache.fingerprint(some), [])
            for some, labels in zip(images, parts, strict=True)]


def test_classes_are_numbered_in_the_order_of_their_labels():
    train, test = _labelled([1000000, 3, 70] * 5, [70, 3, 3])
    numbers = cache.class_numbers(train, test)
    assert [part.tolist() for part in numbers] == [[2, 0, 1] * 5, [1, 0, 0]]


@pytest.mark.parametrize(("labels", "of_test"), [
    (range(2**31 - 200, 2**31), [2**31 - 1]),  # an image each: identifiers
    ([0, 1] * 4 + [0], [0]),  # four images a class
    ([7] * 50, [7]),
])
def test_identifiers_and_a_lone_class_are_no_classes(labels, of_test):
    assert cache.class_numbers(*_labelled(labels, of_test)) is None


def test_without_labels_there_are_no_classes():
    train, test = _labelled([0, 1] * 50, [0, 1])
    assert cache.class_numbers(train, test) is not None
    assert cache.class_numbers(train._replace(labels=None), test) is None
    assert cache.class_numbers(train, test._replace(labels=None)) is None


def test_hash_of_labels_and_pixels_follows_both():
    (first,), (other,), (again,) = _labelled([0, 1]), _labelled([1, 0]), _labelled([0, 1])
    assert first.labelled_sha256 == again.labelled_sha256 != other.labelled_sha256
    assert first.sha256 == other.sha256
    assert first._replace(labels=None).labelled_sha256 not in (first.labelled_sha256, other.labelled_sha256)
    assert first._replace(sha256="another").labelled_sha256 != first.labelled_sha256
