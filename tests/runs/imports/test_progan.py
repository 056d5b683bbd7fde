"""Names and shapes of two codes' variables, as dictionaries: no file is opened."""

import numpy as np
import pytest

from kgan.runs.imports import progan

TF_GAN = {f"progressive_gan_block_{block}/{layer}/{part}": shape for block in (1, 2) for layer, part, shape in (
    ("conv0", "conv2d/kernel", (4, 4, 5, 6) if block == 1 else (3, 3, 6, 6)), ("conv0", "bias", (6,)),
    ("conv1", "conv2d/kernel", (3, 3, 6, 6)), ("conv1", "bias", (6,)),
    ("to_rgb", "conv2d/kernel", (1, 1, 6, 3)), ("to_rgb", "bias", (3,)))}
WANTED = {"4x4_dense/kernel": (5, 4, 4, 6), "4x4_dense/bias": (6,), "4x4_conv/kernel": (3, 3, 6, 6),
          "4x4_conv/bias": (6,), "8x8_conv_1/kernel": (3, 3, 6, 6), "8x8_conv_1/bias": (6,),
          "8x8_conv_2/kernel": (3, 3, 6, 6), "8x8_conv_2/bias": (6,), "8x8_to_rgb/kernel": (1, 1, 6, 3),
          "8x8_to_rgb/bias": (3,)}


def _under(scope, shapes=TF_GAN, end=""):
    return {f"{scope}/{name}{end}": shape for name, shape in shapes.items()}


def test_generators_are_found_by_scope_averages_first():
    discriminator = {name.replace("to_rgb", "from_rgb"): shape for name, shape in TF_GAN.items()}
    found = progan.find({**_under("d", discriminator), **_under("m/g"), **_under("m/g", end="/Adam"),
                               **_under("m/g", end="/Adam_1"), **_under("m/g", end="/ExponentialMovingAverage"),
                               "global_step": (), "lod": ()})
    assert [(one.scheme, one.prefix, one.averages) for one in found] == [("TF-GAN", "m/g/", True),
                                                                         ("TF-GAN", "m/g/", False)]
    for one in found:
        assert one.recipe == {"image_size": 8, "channels": 3, "latent_dim": 5, "max_channels": 6, "grow_images": 0}
        assert one.misfit(WANTED) is None


def test_of_many_misfits_ten_are_named():
    (one,) = progan.find({name: shape for name, shape in _under("g").items() if "block_2/to_rgb/bias" in name})
    assert one.image_size == 8
    assert one.misfit(WANTED).count("progressive_gan_block") == 9
    (one,) = progan.find({**_under("g"), **{f"g/progressive_gan_block_2/more{n:02}/bias": (1,)
                                                  for n in range(14)}})
    assert one.misfit(WANTED) == "left over: " + ", ".join(
        f"progressive_gan_block_2/more{n:02}/bias" for n in range(10)) + " and 4 more"


@pytest.mark.parametrize("name", ["progressive_gan_block_7/conv0", "Gs/4x4/Conv", "G/128x128/Conv1/x", "weight"])
def test_names_of_nothing(name):
    assert progan.find({name: (1,), f"{name}/bias": (1,), f"{name}/kernel": (1, 1)}) == []


def test_a_4x4_generator_of_nvidias_is_the_smallest():
    (one,) = progan.find({"4x4/Dense/weight": (5, 96), "4x4/Dense/bias": (6,), "4x4/Conv/weight": (3, 3, 6, 6),
                                "4x4/Conv/bias": (6,), "ToRGB_lod0/weight": (1, 1, 6, 1), "ToRGB_lod0/bias": (1,)})
    assert one.recipe == {"image_size": 4, "channels": 1, "latent_dim": 5, "max_channels": 6, "grow_images": 0}
    assert len(one.readings()) == 2


def test_kernels_take_kgans_order():
    """By hand: what a value is at stands in the value."""
    def numbered(*shape):
        return np.array([int("".join(map(str, place))) for place in np.ndindex(shape)]).reshape(shape)

    first, unturned = progan.VALID_CONVOLUTION.values()
    kernel = numbered(4, 4, 5, 6)
    assert first(kernel).shape == unturned(kernel).shape == (5, 4, 4, 6)
    assert first(kernel)[2, 0, 1, 5] == 3225  # what lies at row 3, column 2 makes the pixel at row 0, column 1
    assert unturned(kernel)[2, 0, 1, 5] == 125
    channels_first, channels_last = progan.DENSE.values()
    dense = np.arange(5 * 96).reshape(5, 96)
    assert channels_first(dense)[2, 3, 1, 4] == 2 * 96 + 4 * 16 + 3 * 4 + 1
    assert channels_last(dense)[2, 3, 1, 4] == 2 * 96 + (3 * 4 + 1) * 6 + 4
    fused, _ = progan.FUSED.values()
    assert fused(numbered(3, 3, 2, 4))[0, 1, 3, 1] == 2113
