import numpy as np
import pytest

from kgan.metrics.score import classifier_score


def test_score_of_sure_and_even_classes_is_their_number():
    assert classifier_score(np.eye(10)[np.arange(50) % 10]) == pytest.approx(10)


def test_score_of_one_class_or_of_no_opinion_is_one():
    assert classifier_score(np.eye(10)[np.zeros(50, int)]) == pytest.approx(1)
    assert classifier_score(np.full((50, 10), 0.1)) == pytest.approx(1)


def test_score_of_three_classes_is_three():
    assert classifier_score(np.eye(10)[np.array([1, 5, 7] * 20)]) == pytest.approx(3)


def test_score_by_hand():
    # p(y) = (1/2, 1/2); each KL is 3/4 ln(3/2) + 1/4 ln(1/2).
    expected = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert classifier_score(np.array([[0.75, 0.25], [0.25, 0.75]])) == pytest.approx(expected)
