"""Named recipes: what each changes, that each trains, and the networks and priors that only they ask for."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import models, sampling
from kgan.layers import ClusterByLatent, Uniform
from kgan.recipe import Recipe
from kgan.runs import loop

NAMED_RECIPES = {
    ("dcgan", "likely"): {"optimizer": "rmsprop", "g_learning_rate": 1e-3, "d_learning_rate": 1e-3, "beta_1": 0.0,
                          "dropout": 0.4, "batch_size": 128},
    ("dcgan64", "algorithm_1"): {"update": "alternating"},
    ("dcgan_5x5", "zero_sum"): {"loss": "minimax", "d_loss_weight": 0.5},
    ("dcgan_5x5", "two_g_steps"): {"g_steps": 2, "z_prior": "uniform"},
    ("dcgan_5x5", "two_convolutions"): {"g_steps": 2, "z_prior": "uniform", "classes": 10},
    ("dcgan_pooled", "minimax"): {"loss": "minimax"},
    ("dcgan_pooled", "chollet"): {"optimizer": "rmsprop", "d_learning_rate": 8e-4, "g_learning_rate": 4e-4,
                                  "beta_1": 0.0, "clip": 1.0, "latent_dim": 32, "d_loss_weight": 0.5},
    ("dcgan_fast", "own_pictures"): {
        "clusters": 16, "loss": "relativistic", "latent_dim": 128, "images": 1_500_000, "decay_images": 1_500_000,
        "batch_size": 32, "beta_1": 0.0, "penalty_weight": 0.0049, "augment": "translation"},
    ("gan_maxout", "experiment"): {
        "loss": "non_saturating", "d_loss_weight": 0.5, "update": "simultaneous", "epochs": None, "images": 12_500_000,
        "optimizer": "sgd", "g_learning_rate": 0.1, "d_learning_rate": 0.1, "momentum_end": 0.7,
        "momentum_images": 12_500_000, "schedule": "exponential", "floor": 1e-5, "decay_images": 287_823_600,
        "z_prior": "uniform_unit_variance"},
    ("gan_nn", "zero_sum"): {"loss": "minimax", "d_loss_weight": 0.5, "g_learning_rate": 0.05},
    **{(model, "algorithm_1"): {"loss": "minimax", "update": "alternating", "optimizer": "sgd", "g_learning_rate": rate,
                                "d_learning_rate": rate, "beta_1": 0.0}
       for model, rate in (("gan", 0.1), ("dcgan_alvarez", 0.01))},
    ("progan", "small"): {"dataset": "cifar10", "image_size": 32, "max_channels": 64, "latent_dim": 64,
                          "grow_images": 10_000},
}
ADVERSARIAL = [name for name in models.names() if models.recipe(name).adversarial]


def test_every_named_recipe_is_listed_here():
    assert {(model, named) for model in models.names() for named in models.recipes(model)} == set(NAMED_RECIPES)


@pytest.mark.parametrize(("model", "named"), NAMED_RECIPES)
def test_named_recipe_is_the_default_but_for(model, named):
    own, default = models.recipe(model, None, named).to_dict(), models.recipe(model).to_dict()
    changes = {name: value for name, value in own.items() if value != default[name]}
    assert changes == {"recipe": named, **NAMED_RECIPES[model, named]}


@pytest.mark.parametrize(("model", "named"), [*((model, None) for model in ADVERSARIAL), *NAMED_RECIPES])
def test_recipe_trains_a_step_and_survives_json(model, named):
    recipe = models.recipe(model, None, named)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    if recipe.grow_images:
        recipe = recipe.override(max_channels=8).for_phase(recipe.phases[0])
    gan = loop.build_gan(recipe.override(batch_size=3))
    networks = (gan.generator, gan.discriminator)
    before = [[weight.numpy() for weight in network.trainable_weights] for network in networks]
    images = tf.random.uniform((3, *recipe.image_shape), -1, 1)
    results = gan.train_step({"image": images, "label": tf.constant([0, 3, 9])})
    assert int(gan.step) == 1
    assert np.isfinite([float(value) for value in results.values()]).all()
    for network, old in zip(networks, before, strict=True):
        weights = [weight.numpy() for weight in network.trainable_weights]
        assert all(np.isfinite(weight).all() for weight in weights)
        assert not np.array_equal(weights[0], old[0])
        assert not np.array_equal(weights[-1], old[-1])


def test_goodfellows_rate_is_divided_by_1_000004_a_step():
    recipe = models.recipe("gan_maxout", None, "experiment")
    assert recipe.floor ** (recipe.batch_size / recipe.decay_images) == pytest.approx(1 / 1.000004, rel=1e-11)
    assert recipe.momentum_images / 50_000 == 250  # passes of the experiment's data
    assert recipe.floor * recipe.g_learning_rate == pytest.approx(1e-6)


def test_lis_game_under_sgd_is_zero_sum():
    recipe = models.recipe("gan_nn", None, "zero_sum")
    assert recipe.d_learning_rate * recipe.d_loss_weight == recipe.g_learning_rate


def test_named_recipe_goes_before_the_settings_of_the_data():
    digits = models.recipe("dcgan", "digits", "likely")
    assert (digits.dataset, digits.steps, digits.epochs) == ("digits", 2400, None)
    assert (digits.batch_size, digits.optimizer, digits.dropout) == (128, "rmsprop", 0.4)
    faces = models.recipe("dcgan_5x5", "celeb_a", "two_g_steps")
    assert (faces.image_shape, faces.crop, faces.flip, faces.g_steps) == ((64, 64, 3), 108, True, 2)


def test_unknown_recipe_lists_known():
    with pytest.raises(ValueError, match=r"recipe='x' is not one of dcgan_5x5's; it has: zero_sum, two_g_steps, two_c"):
        models.recipe("dcgan_5x5", None, "x")
    with pytest.raises(ValueError, match=r"recipe='x' is not one of pca's; it has: none\."):
        models.recipe("pca", None, "x")


@pytest.mark.parametrize("prior", ["normal", "uniform", "uniform_unit_variance"])
@pytest.mark.parametrize("model", ADVERSARIAL)
def test_every_generator_draws_from_the_recipes_prior(model, prior):
    layers = models.build_generator(models.recipe(model).override(z_prior=prior)).layers
    limits = [layer.limit for layer in layers if isinstance(layer, Uniform)]
    assert limits == {"normal": [], "uniform": [1.0], "uniform_unit_variance": [pytest.approx(3**0.5)]}[prior]
    first = next(layer for layer in layers[1:] if not isinstance(layer, ClusterByLatent))  # which reads z as it is
    assert prior == "normal" or isinstance(first, Uniform)


@pytest.fixture(scope="module")
def conditional():
    return models.build(models.recipe("dcgan_5x5", None, "two_convolutions").override(classes=4))


def test_conditional_networks_take_labels(conditional):
    generator, discriminator = conditional
    assert [tensor.name for tensor in generator.inputs] == ["z", "label"]
    assert [tensor.name for tensor in discriminator.inputs] == ["image", "label"]
    assert all(network.inputs[1].dtype == "int32" and network.inputs[1].shape == (None,) for network in conditional)
    assert sampling.classes(generator) == 4


def test_conditional_networks_heed_labels(conditional):
    generator, discriminator = conditional
    z, labels = tf.repeat(tf.random.normal((1, 100)), 4, axis=0), tf.range(4)
    images = generator([z, labels], training=False)
    logits = discriminator([tf.repeat(images[:1], 4, axis=0), labels], training=False).numpy()
    assert len({image.tobytes() for image in images.numpy()}) == len(set(logits[:, 0])) == 4
    drawn = sampling.generate(generator, [5, 5, 6], [1, 2, 1])
    assert not np.array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], sampling.generate(generator, [5], [1])[0])


def test_one_hot_rows_are_no_weights_to_train(conditional):
    for network in conditional:
        (rows,) = [layer for layer in network.layers if isinstance(layer, keras.layers.Embedding)]
        assert rows.trainable_weights == []
        np.testing.assert_array_equal(rows.embeddings, np.eye(4))


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"classes": 10}, r"classes=10: gan has no networks that are told classes; these have: dcgan_5x5, dcgan_fast.*\."),
    ({"conditional": True}, r"conditional=True: gan has no networks that are told classes; these have: dcgan_5x5, .*"),
    ({"clusters": 8}, r"clusters=8: gan has no networks that are told clusters; these have: dcgan_fast.*\."),
])
def test_what_a_model_can_not_be_told_is_refused(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        models.build(models.recipe("gan").override(**changes))
