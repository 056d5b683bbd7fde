import dataclasses
import json
from pathlib import Path

import pytest

from kgan import models
from kgan import recipe as recipes
from kgan.recipe import RENAMED, Recipe
from kgan.runs.directory import Run
from kgan.runtime import fields
from kgan.runtime.errors import UserError

RESULTS = sorted((Path(__file__).parents[1] / "experiments" / "results").glob("*/config.json"))
GROUPS = {"data", "place", "model", "loss", "training"}


@pytest.fixture
def recipe():
    return models.recipe("dcgan")


def test_recipe_survives_json(recipe):
    assert Recipe(**json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.parent.name)
def test_recipes_of_earlier_versions_open(file):
    stored = json.loads(file.read_text(encoding="utf-8"))["recipe"]
    recipe = Recipe.from_dict(stored)
    assert {RENAMED.get(name, name): value for name, value in stored.items()}.items() <= recipe.to_dict().items()
    models.check_shape(recipe)


def test_there_are_recipes_of_earlier_versions():
    assert RESULTS


def test_override_steps_displaces_epochs_and_back(recipe):
    by_steps = recipe.override(steps=7)
    assert (by_steps.steps, by_steps.epochs) == (7, None)
    by_epochs = by_steps.override(epochs=2)
    assert (by_epochs.steps, by_epochs.epochs) == (None, 2)


@pytest.mark.parametrize(("changes", "expected"), [
    ({"epochs": 20, "batch_size": 64}, 18_750),  # 20 · 60,000 / 64
    ({"epochs": 1, "batch_size": 64}, 938),  # 937.5, rounded up
    ({"epochs": 1, "batch_size": 64, "d_steps": 3}, 313),  # 312.5: each step takes three minibatches
    ({"steps": 11}, 11),
])
def test_total_steps_hand_computed(recipe, changes, expected):
    assert recipe.override(**changes).total_steps(60_000) == expected


@pytest.mark.parametrize(("changes", "images", "expected"), [
    ({"sample_every": 30}, 60_000, 30),
    ({"tick": 50, "batch_size": 64}, 60_000, 937.5),  # once a pass
    ({"tick": 50, "batch_size": 64, "d_steps": 3}, 60_000, 312.5),
    ({"tick": 50, "batch_size": 64}, 6_000, 200),  # a pass is 94 steps: every fourth tick
])
def test_grid_interval_hand_computed(recipe, changes, images, expected):
    assert recipe.override(**changes).grid_interval(images) == expected


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"batch_size": 0}, "batch_size=0 must be a number greater than 0"),
    ({"latent_dim": -3}, "latent_dim=-3 must be a number greater than 0"),
    ({"steps": 0}, "steps=0 must be a number greater than 0"),
    ({"epochs": float("nan")}, "epochs=nan must be a number greater than 0"),
    ({"dropout": 1.0}, r"dropout=1.0 must be in \[0, 1\)"),
    ({"dropout": float("nan")}, r"dropout=nan must be in \[0, 1\)"),
    ({"ema_decay": -0.1}, r"ema_decay=-0.1 must be in \[0, 1\)"),
    ({"beta_1": 1.0}, r"beta_1=1.0 must be in \[0, 1\)"),
    ({"seed": -1}, r"seed=-1 must be in \[0, 2147483647\]"),
    ({"seed": 2**31}, r"seed=2147483648 must be in \[0, 2147483647\]"),
    ({"precision": "float16"}, "precision='float16' is unknown; allowed: float32, mixed_bfloat16"),
    ({"loss": "l1"}, "loss='l1' is unknown; allowed: minimax, non_saturating, "),
    ({"channels": 2}, "channels=2 is unknown; allowed: 1, 3"),
    ({"steps": 5, "epochs": 5}, "epochs=5 and steps=5: give one of epochs, steps and images"),
    ({"steps": None, "epochs": None}, "no length: give one of epochs, steps and images"),
    ({"epochs": float("inf")}, "epochs=inf must be a number greater than 0"),
    ({"batch_size": None, "tick": None}, "the recipe lacks batch_size, tick"),
    # Other types: JSON and Python have more than flags.
    ({"latent_dim": 100.5}, "latent_dim=100.5 must be of type int"),
    ({"latent_dim": 100.0}, "latent_dim=100.0 must be of type int"),
    ({"batch_size": 2.5}, "batch_size=2.5 must be of type int"),
    ({"tick": 0.5}, "tick=0.5 must be of type int"),
    ({"steps": True}, "steps=True must be of type int"),
    ({"seed": False}, "seed=False must be of type int"),
    ({"epochs": "3"}, "epochs='3' must be of type float"),
    ({"dropout": True}, "dropout=True must be of type float"),
    ({"dropout": None}, "dropout=None must be of type float"),
    ({"flip": 1}, "flip=1 must be of type bool"),
    ({"model": 3}, "model=3 must be of type str"),
    ({"data": ["a"]}, r"data=\['a'\] must be of type str"),
    ({"g_learning_rate": "fast"}, "g_learning_rate='fast' must be of type float"),
])
def test_impossible_values_are_refused_in_one_sentence(recipe, changes, sentence):
    with pytest.raises(UserError, match=f"^{sentence}") as error:
        recipe.override(**changes)
    assert "\n" not in str(error.value)


def test_whole_numbers_do_for_fractions(recipe):
    assert recipe.override(epochs=3, dropout=0).epochs == 3


def test_every_field_says_what_it_is_and_where_it_counts():
    for field in dataclasses.fields(Recipe):
        assert field.metadata["group"] in GROUPS
        assert field.metadata["help"].endswith(".")
        assert fields.kind(field) in (bool, int, float, str)
    assert set(recipes.fields(*GROUPS)) == set(recipes.fields()) == {field.name for field in dataclasses.fields(Recipe)}
    assert recipes.fields("place") == ("data", "skip_bad")


@pytest.mark.parametrize("values", [{}, {"model": "dcgan"}, {"model": "pca", "latent_dim": 9, "colour": 1}])
def test_fields_that_lack_or_are_unknown_are_refused(values):
    with pytest.raises(UserError):
        Recipe.from_dict(values)


def test_only_a_longer_run_of_its_recipe_extends_a_run(tmp_path):
    stored, run = models.recipe("dcgan").override(epochs=2), Run(tmp_path)
    run.create(stored)
    run.check_extended_by(stored, 640)
    run.check_extended_by(stored.override(epochs=3), 640)
    run.check_extended_by(stored.override(steps=20), 640)  # 2 epochs of 640 at batch 64 = 20 steps
    run.check_extended_by(stored.override(data="moved/elsewhere.csv"), 640)  # the content's hash counts
    with pytest.raises(UserError, match=r"epochs=2 not None, steps=None not 19;"):
        run.check_extended_by(stored.override(steps=19), 640)
    with pytest.raises(UserError, match=r"batch_size=64 not 32, seed=0 not 1;"):
        run.check_extended_by(stored.override(seed=1, batch_size=32, epochs=9), 640)


def test_classes_of_what_is_not_conditional_are_refused_or_dropped():
    told = models.recipe("dcgan_5x5", None, "two_convolutions")
    assert told.override(conditional=False).classes is None
    assert told.override(seed=1).classes == 10
    with pytest.raises(UserError, match=r"conditional=False and classes=3: give one of the two\."):
        told.override(conditional=False, classes=3)


def test_a_field_is_read_by_its_former_name():
    old = models.recipe("dcgan_fast").to_dict()
    old["kinds"] = old.pop("clusters")
    assert Recipe.from_dict(old) == models.recipe("dcgan_fast")


@pytest.mark.parametrize(("classes", "clusters", "each", "labels"), [(None, 0, 1, 0), (None, 1, 1, 0), (None, 7, 7, 7),
                                                               (10, 0, 1, 10), (10, 19, 1, 10), (10, 128, 12, 120)])
def test_clusters_are_shared_out_to_the_classes(classes, clusters, each, labels):
    recipe = models.recipe("dcgan_fast").override(classes=classes, clusters=clusters)
    assert (recipe.clusters_per_class, recipe.label_count) == (each, labels)


def test_label_smoothing_is_of_cross_entropies(recipe):
    assert recipe.label_smoothing == 0
    assert "label_smoothing" not in json.loads(RESULTS[0].read_text(encoding="utf-8"))["recipe"]
    for loss in ("minimax", "non_saturating"):
        assert recipe.override(loss=loss, label_smoothing=0.1).label_smoothing == 0.1
    for loss in ("least_squares", "hinge", "wasserstein", "relativistic"):
        with pytest.raises(UserError, match=f"label_smoothing=0.1 and loss={loss}: only minimax and non_saturating"):
            recipe.override(loss=loss, label_smoothing=0.1)
    with pytest.raises(UserError, match=r"label_smoothing=0.5 must be in \[0, 0.5\)"):
        recipe.override(label_smoothing=0.5)


def test_what_adapts_and_what_is_divided_must_fit_the_rest(recipe):
    with pytest.raises(UserError, match="augment_target=0.5 needs something to apply; give --augment too"):
        recipe.override(augment=None, augment_target=0.5)
    with pytest.raises(UserError, match="batch_size=10 can't be divided into accumulate=4 parts of one size; give"):
        recipe.override(batch_size=10, accumulate=4)
    assert recipe.override(penalty="r1", penalty_weight=0.2).slope_weight == 0.2
    assert recipe.override(penalty="wgan_gp", penalty_weight=0.2).slope_weight is recipe.slope_weight is None
