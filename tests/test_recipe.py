import json

import pytest

from kgan import models
from kgan.recipe import Recipe


@pytest.fixture
def recipe():
    return models.recipe("dcgan")


def test_recipe_survives_json(recipe):
    assert Recipe(**json.loads(json.dumps(recipe.to_dict()))) == recipe


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


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"batch_size": 0}, "batch_size=0 must be a number greater than 0"),
    ({"latent_dim": -3}, "latent_dim=-3 must be a number greater than 0"),
    ({"steps": 0}, "steps=0 must be a number greater than 0"),
    ({"epochs": float("nan")}, "epochs=nan must be a number greater than 0"),
    ({"dropout": 1.0}, r"dropout=1.0 must be in \[0, 1\)"),
    ({"ema_decay": -0.1}, r"ema_decay=-0.1 must be in \[0, 1\)"),
    ({"seed": -1}, r"seed=-1 must be in \[0, 2147483647\]"),
    ({"precision": "float16"}, "precision='float16' is unknown; allowed: float32, mixed_bfloat16"),
    ({"steps": 5, "epochs": 5}, "epochs=5 and steps=5: give one of the two"),
    ({"epochs": float("inf")}, "epochs=inf must be a number greater than 0"),
])
def test_impossible_values_are_refused_in_one_sentence(recipe, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        recipe.override(**changes)
