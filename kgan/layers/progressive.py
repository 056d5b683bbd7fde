"""Layers of Karras et al. 2018, "Progressive growing of GANs" (arXiv:1710.10196), written from the paper."""

import math
from typing import Any

import keras
from keras import ops

_registered = keras.saving.register_keras_serializable(package="kgan")
HE = math.sqrt(2.0)  # gain of He et al. 2015 for layers that a rectifier follows


@_registered
class EqualizedConv2D(keras.layers.Conv2D):
    """A convolution with equalised learning rate (section 4.1): weights of N(0, 1), scaled where they are used.

    The scale is gain / √(k · k · channels), He's. Adam's steps do not depend on the scale of a weight, so all weights
    move at one relative speed. The bias is not scaled.

    Args:
        filters, kernel_size: as `keras.layers.Conv2D`, of which all else holds too.
        gain: √2 where a LeakyReLU follows, 1 where nothing does.
    """

    def __init__(self, filters: int, kernel_size: Any, *, gain: float = HE, **kwargs: Any) -> None:
        kwargs.setdefault("kernel_initializer", keras.initializers.RandomNormal(stddev=1.0))
        super().__init__(filters, kernel_size, **kwargs)
        self.gain = gain

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolves with the scaled kernel; Keras adds the bias."""
        return super().convolution_op(inputs, kernel * (self.gain / math.sqrt(math.prod(kernel.shape[:-1]))))

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return super().get_config() | {"gain": self.gain}


@_registered
class EqualizedDense(keras.layers.Layer):
    """A dense layer with equalised learning rate: (batch, n) → (batch, *shape), scaled by gain / √n.

    Its bias has one value for each of the last axis, so that to (4, 4, 512) it is the paper's "Conv 4×4" of z.
    """

    def __init__(self, shape: tuple[int, ...], *, gain: float = HE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.gain = gain

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the kernel, (n, *shape), of N(0, 1), and the bias, zeros."""
        self.kernel = self.add_weight(shape=(input_shape[-1], *self.shape), name="kernel",
                                      initializer=keras.initializers.RandomNormal(stddev=1.0))
        self.bias = self.add_weight(shape=self.shape[-1:], initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Maps (batch, n) to (batch, *shape)."""
        kernel = ops.reshape(self.kernel, (inputs.shape[-1], -1)) * (self.gain / math.sqrt(inputs.shape[-1]))
        return ops.reshape(ops.matmul(inputs, kernel), (-1, *self.shape)) + self.bias

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return super().get_config() | {"shape": self.shape, "gain": self.gain}


@_registered
class PixelNorm(keras.layers.Layer):
    """Gives the values of each pixel, or of each z, a mean square of 1: x / √(mean(x²) + 1e-8) (section 4.2)."""

    def call(self, inputs: Any) -> Any:
        """Maps (…, channels) to the same shape; in float32, since squares need its range."""
        x = ops.cast(inputs, "float32")
        return ops.cast(x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-8), inputs.dtype)


@_registered
class MinibatchStddev(keras.layers.Layer):
    """Appends a map of how much images differ: (batch, H, W, C) → (batch, H, W, C + 1) (section 3).

    The standard deviation of each value over the images of a group, averaged over all values: one number a group.
    Groups are of 4 images where these divide the batch, else the whole batch. The paper takes the whole batch; groups,
    which also make the number the same for every batch size, are of its published code.
    """

    GROUP = 4

    @classmethod
    def group(cls, count: Any) -> Any:
        """Returns how many images a group has, in a batch of `count`."""
        return ops.where(count % cls.GROUP == 0, cls.GROUP, count)

    def call(self, inputs: Any) -> Any:
        """Appends the map."""
        group = self.group(ops.shape(inputs)[0])
        _, height, width, channels = inputs.shape
        x = ops.reshape(ops.cast(inputs, "float32"), (group, -1, height, width, channels))
        deviation = ops.sqrt(ops.mean(ops.square(x - ops.mean(x, axis=0)), axis=0) + 1e-8)
        number = ops.mean(deviation, axis=(1, 2, 3), keepdims=True)
        number = ops.cast(ops.tile(number, (group, height, width, 1)), inputs.dtype)
        return ops.concatenate([inputs, number], axis=-1)


@_registered
class Fade(keras.layers.Layer):
    """Blends old and new: (1 - α) old + α new (figure 2). `alpha` is a weight, (), that training sets: 0 to 1."""

    def build(self, old_shape: tuple[int | None, ...], new_shape: tuple[int | None, ...]) -> None:
        """Makes alpha: 0."""
        self.alpha = self.add_weight(shape=(), initializer="zeros", trainable=False, name="alpha", dtype="float32")

    def call(self, old: Any, new: Any) -> Any:
        """Blends tensors of one shape."""
        return blend(old, new, self.alpha)


@_registered
class Clip(keras.layers.Layer):
    """Cuts images to [-1, 1] where samples are drawn; in training they pass as they are."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns images of the same shape."""
        return inputs if training else ops.clip(inputs, -1.0, 1.0)


def blend(old: Any, new: Any, alpha: Any) -> Any:
    """Returns (1 - α) old + α new, in the precision of `new`."""
    alpha = ops.cast(alpha, new.dtype)
    return (1.0 - alpha) * old + alpha * new


def fades(*networks: keras.Model | None) -> list[Fade]:
    """Returns the layers of this class in the networks, of which some may be None."""
    return [layer for network in networks if network is not None for layer in network.layers if isinstance(layer, Fade)]


def smaller(images: Any, size: int) -> Any:
    """Averages images, (n, H, H, C), over squares, down to (n, size, size, C); `size` divides H."""
    times = images.shape[1] // size
    return images if times == 1 else ops.average_pool(images, times, times)


def half_sharp(images: Any, alpha: Any) -> Any:
    """Blends images, (n, H, H, C), with what half the resolution has of them: real images while a fade is at α.

    Section 2: "during this transition we interpolate between two resolutions of the real images".
    """
    low = ops.repeat(ops.repeat(ops.average_pool(images, 2, 2), 2, axis=1), 2, axis=2)
    return blend(low, images, alpha)
