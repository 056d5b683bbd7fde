"""Every network against its paper: what each file must pass is in `model_checks.py`."""

import keras
import numpy as np
import pytest

from kgan import models

pytest.register_assert_rewrite("model_checks")
from model_checks import run_model_test


@pytest.mark.parametrize("name", models.names())
def test_model(name):
    run_model_test(name)


@pytest.mark.parametrize(("model", "slopes"), [
    ("dcgan", [0.2] * 2), ("dcgan64", [0.2] * 4), ("dcgan_5x5", [0.2] * 4), ("dcgan_pooled", [0.2] * 3),
])
def test_slopes_that_tables_leave_to_the_text(model, slopes):
    layers = models.build(models.recipe(model))[1].layers
    assert [layer.negative_slope for layer in layers if isinstance(layer, keras.layers.LeakyReLU)] == slopes


@pytest.mark.parametrize("model", ["dcgan64", "dcgan_5x5", "dcgan_pooled"])
def test_dcgan_weights_start_from_normal_002(model):
    for network in models.build(models.recipe(model)):
        kernels = [layer.kernel.numpy().ravel() for layer in network.layers if hasattr(layer, "kernel")]
        for kernel in kernels:
            assert kernel.std() == pytest.approx(0.02, abs=5 * 0.02 / np.sqrt(2 * len(kernel)))
            assert kernel.mean() == pytest.approx(0, abs=5 * 0.02 / np.sqrt(len(kernel)))
        heads = [tuple(kernel[:8]) for kernel in kernels]
        assert len(set(heads)) == len(heads)  # no two layers share their random numbers


@pytest.mark.parametrize("model", ["dcgan64", "dcgan_5x5", "dcgan_pooled"])
def test_moving_statistics_follow_within_tens_of_steps(model):
    norms = [layer for network in models.build(models.recipe(model)) for layer in network.layers
             if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {0.9}


def test_dcgan64_batch_norm_is_the_tutorials():
    norms = [layer for network in models.build(models.recipe("dcgan64")) for layer in network.layers
             if isinstance(layer, keras.layers.BatchNormalization)]
    assert all((layer.momentum, layer.epsilon) == (0.9, 1e-5) for layer in norms)
    gammas = np.concatenate([layer.gamma.numpy() for layer in norms])
    assert gammas.mean() == pytest.approx(1, abs=0.003)
    assert gammas.std() == pytest.approx(0.02, abs=0.002)


@pytest.mark.parametrize(("model", "dataset", "data_facts", "length"), [
    ("dcgan", "mnist_small", (28, 1, None, False), (64, 20, None)),
    ("gan", "mnist", (28, 1, None, False), (256, 200, None)),
    ("dcgan_alvarez", "mnist", (28, 1, None, False), (256, 100, None)),
    ("gan_maxout", "mnist", (28, 1, None, False), (100, 200, None)),
    ("gan_nn", "mnist", (28, 1, None, False), (64, 100, None)),
    ("dcgan_5x5", "mnist", (28, 1, None, False), (64, 25, None)),
    ("dcgan_5x5", "celeb_a", (64, 3, 108, True), (64, 25, None)),
    ("dcgan_pooled", "mnist", (28, 1, None, False), (32, None, 50_000)),
    ("dcgan_pooled", "celeb_a", (28, 3, 160, True), (32, 100, None)),
    ("dcgan_pooled", "cifar10", (32, 3, None, False), (32, None, 50_000)),
    ("dcgan64", "cifar10", (64, 3, None, False), (128, 25, None)),
    ("dcgan64", "celeb_a", (64, 3, None, True), (128, 25, None)),
    ("pca", "mnist", (28, 1, None, False), (None, None, None)),
])
def test_recipes_data_and_length(model, dataset, data_facts, length):
    recipe = models.recipe(model, dataset)
    assert recipe.dataset == dataset
    assert (recipe.image_size, recipe.channels, recipe.crop, recipe.flip) == data_facts
    assert (recipe.batch_size, recipe.epochs, recipe.steps) == length


@pytest.mark.parametrize(("model", "loss", "optimizer", "rate", "beta_1"), [
    ("dcgan", "non_saturating", "adam", 2e-4, 0.5),
    ("gan", "non_saturating", "adam", 1e-4, 0.9),
    ("dcgan_alvarez", "non_saturating", "adam", 1e-4, 0.9),
    ("gan_maxout", "minimax", "adam", 2e-4, 0.5),
    ("gan_nn", "non_saturating", "sgd", 0.1, 0.0),
    ("dcgan_5x5", "non_saturating", "adam", 2e-4, 0.5),
    ("dcgan_pooled", "non_saturating", "adam", 2e-4, 0.5),
    ("dcgan64", "non_saturating", "adam", 2e-4, 0.5),
])
def test_recipes_loss_and_optimizer(model, loss, optimizer, rate, beta_1):
    recipe = models.recipe(model)
    assert (recipe.loss, recipe.optimizer, recipe.beta_1) == (loss, optimizer, beta_1)
    assert recipe.g_learning_rate == recipe.d_learning_rate == rate


def test_build_weights_are_a_function_of_the_seed():
    first, again, other = (models.build(models.recipe("dcgan").override(seed=seed))[1].get_weights()
                           for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_build_leaves_the_callers_precision():
    models.build(models.recipe("dcgan").override(precision="mixed_bfloat16"))
    assert keras.config.dtype_policy().name == "float32"


def test_shape_that_a_table_has_not_is_refused_with_those_it_has():
    with pytest.raises(ValueError, match=r"image_size=32, channels=1 is not a shape of dcgan_5x5; it has "
                                         r"--image_size=28 --channels=1 or --image_size=64 --channels=3\."):
        models.build(models.recipe("dcgan_5x5").override(image_size=32))


@pytest.mark.parametrize("model", ["gan", "gan_maxout", "gan_nn"])
def test_perceptrons_take_any_shape(model):
    generator, discriminator = models.build(models.recipe(model).override(image_size=12, channels=3))
    assert generator.output_shape == discriminator.input_shape == (None, 12, 12, 3)


def test_recipe_is_the_papers_unless_the_data_set_has_its_own():
    paper = models.recipe("dcgan")
    assert (paper.dataset, paper.epochs, paper.steps) == ("mnist_small", 20, None)
    assert models.recipe("dcgan", "mnist") == paper.override(dataset="mnist")
    digits = models.recipe("dcgan", "digits")
    assert (digits.dataset, digits.epochs, digits.steps, digits.batch_size) == ("digits", None, 2400, 32)


def test_unknown_model_lists_known():
    with pytest.raises(ValueError, match=r"model='vae' is unknown; known: .*dcgan"):
        models.recipe("vae")
