import numpy as np
import pytest
from PIL import Image

from kgan import models
from kgan.data import sources
from kgan.runs import training_data
from kgan.runtime.errors import UserError


def test_without_evaluations_all_prepared_images_are_trained_on(digits, recipe):
    found = training_data.prepare(digits, recipe)
    assert (found.chosen, len(found.held_out), found.count) == (None, 0, 1623)
    assert found.facts == {"origin": digits.origin, "images": 1623, "left_out": 0, "sha256": found.prepared.sha256,
                           "labels_sha256": None, "class_names": [*"0123456789"]}


def test_with_evaluations_a_tenth_is_held_out_of_training(digits, recipe):
    found = training_data.prepare(digits, recipe.override(evaluate_every=3))
    assert (len(found.held_out), found.count, found.facts["images"]) == (162, 1461, 1461)
    np.testing.assert_array_equal(np.sort([*found.chosen, *found.held_out]), np.arange(1623))
    again = training_data.prepare(digits, recipe.override(evaluate_every=5, seed=7))
    np.testing.assert_array_equal(again.held_out, found.held_out)  # the same for every run of the data


def test_of_many_images_a_fixed_number_is_held_out(digits, recipe, monkeypatch):
    monkeypatch.setattr(training_data, "VALIDATION", 50)
    assert len(training_data.prepare(digits, recipe.override(evaluate_every=3)).held_out) == 50


def test_too_few_images_for_a_score_are_one_sentence(tmp_path, recipe):
    for number in range(20):
        Image.new("L", (28, 28), number).save(tmp_path / f"{number}.png")
    asked = recipe.override(dataset=None, data=str(tmp_path), evaluate_every=3)
    with pytest.raises(UserError, match="holds no test images: a tenth is held out of 100 pictures or more"):
        training_data.prepare(sources.locate(None, str(tmp_path)), asked)


def test_conditional_recipe_is_told_as_many_classes_as_the_data_have(digits, recipe, capsys):
    # Fewer than classes: none of each.
    found = training_data.prepare(digits, recipe.override(conditional=True, clusters=4))
    assert "Without effect: clusters=4, fewer than two of each of 10 classes." in capsys.readouterr().err
    assert (found.classes, found.cluster_counts, len(found.class_counts)) == (10, None, 10)
    assert sum(found.class_counts) == 1623
    assert found.facts["class_counts"] == np.bincount(found.prepared.labels).tolist()


def test_a_recipes_own_clusters_that_its_classes_leave_out_are_not_spoken_of(digits, capsys):
    assert training_data.prepare(digits, models.recipe("dcgan_fast", "digits")).clusters == 1
    assert "Without effect" not in capsys.readouterr().err


def test_clusters_divide_each_class_that_is_told(digits, recipe):
    found = training_data.prepare(digits, recipe.override(conditional=True, clusters=39))
    assert (found.classes, found.clusters) == (10, 3)
    np.testing.assert_array_equal(found.labels // 3, found.prepared.labels)
    assert found.facts["class_counts"] == np.bincount(found.prepared.labels).tolist()
    assert np.sum(np.reshape(found.facts["cluster_counts"], (10, 3)), axis=1).tolist() == found.facts["class_counts"]


def test_clusters_stand_in_where_no_classes_are_told(digits, recipe):
    found = training_data.prepare(digits, recipe.override(clusters=4))
    assert (found.classes, found.class_counts, len(found.cluster_counts)) == (None, None, 4)
    assert sum(found.cluster_counts) == 1623
    assert found.facts["cluster_counts"] == np.bincount(found.labels).tolist()


@pytest.mark.parametrize("clusters", [0, 3])
def test_conditional_recipe_on_images_without_labels_goes_on_without(tmp_path, recipe, clusters):
    for number in range(12):
        Image.new("L", (28, 28), 20 * number).save(tmp_path / f"{number}.png")
    asked = recipe.override(dataset=None, data=str(tmp_path), conditional=True, clusters=clusters)
    found = training_data.prepare(sources.locate(None, str(tmp_path)), asked)
    assert (found.classes, found.class_counts) == (None, None)
    assert (found.labels is None) == (clusters == 0)


def test_images_that_are_held_out_are_counted_in_no_class_or_kind(digits, recipe):
    for changes in ({"conditional": True}, {"clusters": 4}):
        found = training_data.prepare(digits, recipe.override(evaluate_every=3, **changes))
        assert sum(found.class_counts or found.cluster_counts) == found.count == 1461


def test_more_clusters_than_images_are_refused(digits, recipe):
    with pytest.raises(UserError, match=r"clusters=1700 are more than the 1,623 images; give fewer --clusters\."):
        training_data.prepare(digits, recipe.override(clusters=1700))
