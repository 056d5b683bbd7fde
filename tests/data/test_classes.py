"""Labels: which of them are classes, and the hash that follows them."""

import numpy as np
import pytest

from kgan.data import cache, classes
from kgan.runtime.errors import UserError


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


def test_folders_are_ordered_by_value_where_all_are_numbers():
    assert classes.in_order(["10", "2", "1", "0", "2"]) == ["0", "1", "2", "10"]
    assert classes.in_order(["10", "2", "b"]) == ["10", "2", "b"]
    assert classes.in_order(["01", "1", "0"]) == ["0", "01", "1"]
    assert classes.in_order(["-1", "0", "1", "10", "-10", "2"]) == ["-10", "-1", "0", "1", "2", "10"]
    assert classes.in_order(["10.5", "10.25", "2", "9"]) == ["2", "9", "10.25", "10.5"]
    assert classes.in_order(["10", "2", "1.2.3"]) == ["1.2.3", "10", "2"]
    assert classes.in_order(["10", "2", "-"]) == ["-", "10", "2"]


def test_names_are_those_of_the_labels_that_there_are():
    assert classes.names_of(np.array([5, 2, 5]), {2: "two", 3: "three"}) == ("two", "5")
    assert classes.names_of(np.arange(classes.MOST + 1), {}) is None


@pytest.mark.parametrize(("labels", "answer"), [([0, 1] * 5, True), ([0, 1] * 4, False), ([3] * 90, False),
                                                ([], False)])
def test_few_images_of_a_label_make_it_an_identifier(labels, answer):
    assert classes.are_classes(np.array(labels, np.int64)) == answer


def test_many_names_are_cut():
    assert classes.in_words(["cat", "dog", "horse"]) == "3 classes: cat, dog, horse"
    assert classes.in_words([*map(str, range(26))]) == "26 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …, 25"


def test_names_become_numbers():
    assert classes.numbers(["dog", "cat", "dog"], ("cat", "dog")) == [1, 0, 1]
    with pytest.raises(UserError, match=r"label 'cow' is none of the 2 classes: cat, dog; give their names, or their "
                                        r"numbers from 0 to 1\."):
        classes.numbers(["cat", "cow"], ("cat", "dog"))
    with pytest.raises(UserError, match="label 'cat' is a name, and no name for each class is kept here"):
        classes.numbers(["cat"], None)
