"""Every network against its paper: the rows are in `tables.py`, what each file must pass in `model_checks.py`."""

import keras
import numpy as np
import pytest
from tables import TABLES, TOTALS

from kgan import models
from kgan.recipe import Recipe

pytest.register_assert_rewrite("model_checks")
from model_checks import run_model_test, shapes


@pytest.mark.parametrize("name", models.names())
def test_model(name):
    run_model_test(name)


def test_tables_are_of_networks_that_there_are():
    expected = {(model, part, shape) for model in models.names() for shape in shapes(model)
                for part in ("generator", "discriminator") if part == "generator" or models.recipe(model).adversarial}
    assert set(TABLES) == set(TOTALS) == expected


def test_published_totals():
    """Zhao's tables, and the counts that others have published for the 64×64×3 DCGAN."""
    assert TOTALS["dcgan", "generator", (28, 28, 1)] == (840_705, 840_321)
    assert TOTALS["dcgan", "discriminator", (28, 28, 1)][0] == 212_865
    assert TOTALS["dcgan64", "generator", (64, 64, 3)][1] == 3_576_704
    assert TOTALS["dcgan64", "discriminator", (64, 64, 3)][1] == 2_765_568


@pytest.mark.parametrize(("model", "kernel", "slopes", "rates", "strides"), [
    ("dcgan", 5, [0.2] * 2, [0.3] * 2, ([2, 2], [2, 2])),
    ("dcgan64", 4, [0.2] * 4, [], ([1, 2, 2, 2, 2], [2, 2, 2, 2, 1])),
    ("dcgan_5x5", 5, [0.2] * 4, [], ([2, 2, 2, 2], [2, 2, 2, 2])),
    ("dcgan_pooled", 3, [0.2] * 3, [0.4], ([1, 2, 2], [1, 1, 1])),
    ("gan", None, [], [0.2, 0.5, 0.5], ([], [])),
    ("gan_nn", None, [], [], ([], [])),
])
def test_kernels_strides_slopes_and_rates(model, kernel, slopes, rates, strides):
    networks = models.build(models.recipe(model))
    convolutions = [[layer for layer in network.layers if "Conv" in type(layer).__name__] for network in networks]
    assert all(layer.kernel_size == (kernel, kernel) for layers in convolutions for layer in layers)
    assert tuple([layer.strides[0] for layer in layers] for layers in convolutions) == strides
    discriminator = networks[1].layers
    assert [layer.negative_slope for layer in discriminator if isinstance(layer, keras.layers.LeakyReLU)] == slopes
    assert [layer.rate for layer in discriminator if isinstance(layer, keras.layers.Dropout)] == rates


@pytest.mark.parametrize(("model", "hidden"), [
    ("dcgan", ["linear", "selu", "tanh"]), ("gan", ["relu", "relu", "tanh"]), ("gan_nn", ["relu", "tanh"]),
    ("dcgan64", ["linear"] * 4 + ["tanh"]), ("dcgan_5x5", ["linear"] * 4 + ["tanh"]),
    ("dcgan_pooled", ["linear"] * 3 + ["tanh"]),
])
def test_generator_activations(model, hidden):
    layers = [layer for layer in models.build_generator(models.recipe(model)).layers if hasattr(layer, "kernel")]
    assert [layer.activation.__name__ for layer in layers] == hidden


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


def test_hidden_activations_of_the_convolutional_generators():
    hidden = {name: [getattr(layer, "activation", layer) for layer in models.build_generator(models.recipe(name)).layers
                     if isinstance(layer, (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU))]
              for name in ("dcgan_5x5", "dcgan64", "dcgan_pooled")}
    assert [function.__name__ for function in hidden["dcgan_5x5"]] == ["selu"] * 4
    assert [type(layer).__name__ for layer in hidden["dcgan64"]] == ["ReLU"] * 4
    assert [type(layer).__name__ for layer in hidden["dcgan_pooled"]] == ["LeakyReLU"] * 3


def test_dcgan64_batch_norm_is_the_tutorials():
    norms = [layer for network in models.build(models.recipe("dcgan64")) for layer in network.layers
             if isinstance(layer, keras.layers.BatchNormalization)]
    assert all((layer.momentum, layer.epsilon) == (0.9, 1e-5) for layer in norms)
    gammas = np.concatenate([layer.gamma.numpy() for layer in norms])
    assert gammas.mean() == pytest.approx(1, abs=0.003)
    assert gammas.std() == pytest.approx(0.02, abs=0.002)


@pytest.mark.parametrize(("model", "dataset", "data_facts", "length"), [
    ("dcgan", "mnist_small", (28, 1, None, False), (64, 20, None)),
    ("gan", "mnist", (28, 1, None, False), (100, 200, None)),
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
def test_recipes_carry_the_papers_data_and_length(model, dataset, data_facts, length):
    recipe = models.recipe(model, dataset)
    assert recipe.dataset == dataset
    assert (recipe.image_size, recipe.channels, recipe.crop, recipe.flip) == data_facts
    assert (recipe.batch_size, recipe.epochs, recipe.steps) == length


@pytest.mark.parametrize(("model", "loss", "optimizer", "rate", "beta_1"), [
    ("dcgan", "non_saturating", "adam", 2e-4, 0.5),
    ("gan", "minimax", "adam", 2e-4, 0.5),
    ("gan_nn", "non_saturating", "sgd", 0.1, 0.0),
    ("dcgan_5x5", "non_saturating", "adam", 2e-4, 0.5),
    ("dcgan_pooled", "non_saturating", "adam", 2e-4, 0.5),
    ("dcgan64", "non_saturating", "adam", 2e-4, 0.5),
])
def test_recipes_carry_loss_and_optimizer(model, loss, optimizer, rate, beta_1):
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


@pytest.mark.parametrize("model", ["gan", "gan_nn"])
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


@pytest.fixture(scope="module")
def fitted():
    """Images whose pixels lie on two lines through their mean, the generator fitted to them, and the scores."""
    generator = np.random.default_rng(0)
    scores = generator.uniform(-1, 1, (500, 2)) * [60, 20]
    directions = np.linalg.qr(generator.normal(size=(16, 2)))[0].T
    images = (128 + scores @ directions).round().astype(np.uint8).reshape(500, 4, 4, 1)
    recipe = Recipe(model="pca", image_size=4, channels=1, latent_dim=2)
    return images, models.fit_generator(images, recipe)


def test_pca_decodes_the_components_of_the_data(fitted):
    """Against NumPy's eigenvectors of the covariance: same plane, same mean, same score ranges."""
    images, network = fitted
    flat = images.reshape(500, 16) / 127.5 - 1
    top = np.linalg.eigh(np.cov(flat.T)).eigenvectors[:, ::-1][:, :2].T
    low, high, kernel, bias = network.get_weights()
    np.testing.assert_allclose(bias, flat.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(np.abs(kernel @ top.T), np.eye(2), atol=1e-3)
    scores = (flat - flat.mean(axis=0)) @ kernel.T
    np.testing.assert_allclose(low, scores.min(axis=0), atol=1e-4)
    np.testing.assert_allclose(high, scores.max(axis=0), atol=1e-4)


def test_pca_latent_is_uniform_over_the_ranges(fitted):
    _, network = fitted
    low, high, kernel, bias = network.get_weights()
    z = np.array([[0.0, 0.0], [-9.0, 9.0], [0.6744898, -0.6744898]], np.float32)  # Φ: 1/2; 0 and 1; 3/4 and 1/4
    shares = np.array([[0.5, 0.5], [0, 1], [0.75, 0.25]])
    expected = np.clip((low + (high - low) * shares) @ kernel + bias, -1, 1)
    np.testing.assert_allclose(network(z, training=False).numpy().reshape(3, 16), expected, atol=1e-5)


def test_pca_needs_as_many_images_as_components(fitted):
    recipe = models.recipe("pca").override(image_size=4, latent_dim=10)
    with pytest.raises(ValueError, match="latent_dim=10 components need as many images and pixels; there are 3 images"):
        models.fit_generator(fitted[0][:3], recipe)


def test_pca_subsamples_what_is_too_large(fitted, monkeypatch):
    monkeypatch.setattr(models._module("pca"), "LARGEST", 100 * 16)
    recipe = Recipe(model="pca", image_size=4, channels=1, latent_dim=2)
    some = models.fit_generator(fitted[0], recipe).get_weights()
    assert not np.array_equal(some[2], fitted[1].get_weights()[2])
    np.testing.assert_allclose(np.abs(some[2] @ fitted[1].get_weights()[2].T), np.eye(2), atol=0.05)
