"""ProGAN generators as TF1-Hub modules with random weights, in two naming schemes, each by its own code's arithmetic.

Plain TensorFlow 1, and nothing of kgan's: networks of kgan's that draw the same have read the variables rightly.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
SCHEMES = ("TF-GAN", "NVIDIA")


class Module(NamedTuple):
    """What a module is like."""

    scheme: str
    resource: bool = True  # resource variables, else reference variables
    size: int = 16
    width: int = 16  # most channels; each resolution from 32 on has at most 2^14 / size, as in the paper
    latent_dim: int = 32
    channels: int = 3
    scope: str = ""
    output: str = "(x + 1) / 2"  # "[0, 1]", "[-1, 1]": x itself; "tanh", "clipped": of "(x + 1) / 2"
    averages: str | None = None  # "used": the graph takes the moving averages; "beside": it does not
    fused: bool = True
    normalised: bool = True  # z is
    turned: str = ""  # a layer whose kernel the graph turns by 180° before it is used
    lod: float = 0.0  # of NVIDIA's: 0 where all has been faded in


def write(directory, module):
    """Writes the SavedModel; returns the directory. At 16×16 this takes a second."""
    with tf1.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(0)
        z = tf1.placeholder(tf.float32, [None, module.latent_dim], "latent_vector")
        x = {"TF-GAN": _tf_gan, "NVIDIA": _nvidia}[module.scheme](z, module, _Variables(module))
        images = {"(x + 1) / 2": lambda: (x + 1) / 2, "clipped": lambda: tf.clip_by_value((x + 1) / 2, 0, 1),
                  "tanh": lambda: (tf.tanh(x) + 1) / 2}.get(module.output, lambda: x)()
        tf1.train.create_global_step()
        session.run(tf1.global_variables_initializer())
        signature = tf1.saved_model.predict_signature_def({"latent_vector": z}, {"default": images})
        builder = tf1.saved_model.Builder(str(directory))
        builder.add_meta_graph_and_variables(session, [], {"default": signature})
        builder.save()
    (directory / "tfhub_module.pb").write_bytes(b"\x08\x03")  # format 3
    return directory


class _Variables:
    """Makes variables: kernels of N(0, 1), small biases, and for RGB what leaves few values outside the range."""

    def __init__(self, module):
        self.module = module

    def kernel(self, name, shape, layer, rgb=False):
        """Returns a kernel, as the graph uses it."""
        deviation = {"[0, 1]": 0.15, "clipped": 0.6}.get(self.module.output, 0.3) if rgb else 1.0
        kernel = self._variable(name, shape, 0.0, deviation)
        return kernel[::-1, ::-1] if layer == self.module.turned else kernel

    def bias(self, name, shape, rgb=False):
        """Returns a bias."""
        return self._variable(name, shape, 0.5 if rgb and self.module.output == "[0, 1]" else 0.0, 0.1)

    def _variable(self, name, shape, mean, deviation):
        def made(name):
            return tf1.get_variable(self.module.scope + name, shape, use_resource=self.module.resource,
                                    initializer=tf1.random_normal_initializer(mean, deviation))

        variable = made(name)
        if self.module.averages is None:
            return variable
        average = made(f"{name}/ExponentialMovingAverage")
        return average if self.module.averages == "used" else variable


def _leaky(x):
    return tf.maximum(x, 0.2 * x)


def _normalised(x, axis):
    return x * tf1.rsqrt(tf.reduce_mean(tf.square(x), axis=axis, keepdims=True) + 1e-8)


def _sizes(module):
    return [4 * 2**k for k in range((module.size // 4).bit_length())]


def _tf_gan(z, module, variables):
    """Channels last; first a 4×4 convolution of z amid zeros; every resolution makes RGB, all but the last times 0."""
    def layer(x, block, name, size, filters, padding="SAME", slope=0.0, rgb=False):
        scope = f"progressive_gan_generator/progressive_gan_block_{block}/{name}"
        shape = (size, size, x.shape[-1], filters)
        kernel = variables.kernel(f"{scope}/conv2d/kernel", shape, f"{block}/{name}", rgb)
        scale = np.sqrt(2 / ((1 + slope**2) * np.prod(shape[:-1])))
        return scale * tf1.nn.conv2d(x, kernel, strides=1, padding=padding) + variables.bias(f"{scope}/bias", filters,
                                                                                             rgb)

    def larger(x, times):
        return x if times == 1 else tf.batch_to_space(tf.tile(x, (times**2, 1, 1, 1)), times, [[0, 0], [0, 0]])

    x = z[:, None, None, :]
    x = tf.pad(_normalised(x, 3) if module.normalised else x, [[0, 0], [3, 3], [3, 3], [0, 0]])
    images = []
    for block, size in enumerate(_sizes(module), 1):
        filters = min(module.width, 2**14 // size)
        first = (4, filters, "VALID") if block == 1 else (3, filters)
        x = larger(x, 1 if block == 1 else 2)
        x = _normalised(_leaky(layer(x, block, "conv0", *first)), 3)
        x = _normalised(_leaky(layer(x, block, "conv1", 3, filters)), 3)
        rgb = layer(x, block, "to_rgb", 1, module.channels, slope=1.0, rgb=True)
        images.append((1.0 if size == module.size else 0.0) * larger(rgb, module.size // size))
    return tf.add_n(images)


def _nvidia(z, module, variables):
    """Channels first; first a dense layer; up-convolutions are fused; `lod` says how far resolutions are faded in."""
    def scaled(name, shape, gain, fan_in, rgb=False):
        return variables.kernel(f"{name}/weight", shape, name, rgb) * (gain / np.sqrt(fan_in))

    def biased(x, name, rgb=False):
        return x + tf.reshape(variables.bias(f"{name}/bias", x.shape[1], rgb), (1, -1, 1, 1))

    def last(function):  # TensorFlow convolves on CPUs with channels last alone
        return lambda x: tf.transpose(function(tf.transpose(x, (0, 2, 3, 1))), (0, 3, 1, 2))

    def layer(x, name, filters, size=3, gain=2**0.5, rgb=False):
        shape = (size, size, x.shape[1], filters)
        kernel = scaled(name, shape, gain, np.prod(shape[:-1]), rgb)
        return biased(last(lambda x: tf1.nn.conv2d(x, kernel, strides=1, padding="SAME"))(x), name, rgb)

    def fused(x, name, filters):
        kernel = scaled(name, (3, 3, filters, x.shape[1]), np.sqrt(2), 9 * x.shape[1])
        kernel = tf.pad(kernel, [[1, 1], [1, 1], [0, 0], [0, 0]])
        kernel = kernel[1:, 1:] + kernel[:-1, 1:] + kernel[1:, :-1] + kernel[:-1, :-1]
        size = 2 * x.shape[2]
        return biased(last(lambda x: tf1.nn.conv2d_transpose(x, kernel, (tf.shape(x)[0], size, size, filters), 2,
                                                             "SAME"))(x), name)

    def larger(x):
        return tf.repeat(tf.repeat(x, 2, 2), 2, 3)

    lod = tf1.get_variable(f"{module.scope}lod", initializer=np.float32(module.lod), trainable=False,
                           use_resource=module.resource)
    x, image, sizes = _normalised(z, 1) if module.normalised else z, None, _sizes(module)
    for level, size in enumerate(sizes):
        filters = min(module.width, 2**14 // size)
        if size == 4:
            kernel = scaled("4x4/Dense", (module.latent_dim, 16 * filters), np.sqrt(2) / 4, module.latent_dim)
            x = biased(tf.reshape(x @ kernel, (-1, filters, 4, 4)), "4x4/Dense")
        elif module.fused:
            x = fused(x, f"{size}x{size}/Conv0_up", filters)
        else:
            x = layer(larger(x), f"{size}x{size}/Conv0", filters)
        x = _normalised(_leaky(x), 1)
        x = _normalised(_leaky(layer(x, "4x4/Conv" if size == 4 else f"{size}x{size}/Conv1", filters)), 1)
        number = len(sizes) - 1 - level
        rgb = layer(x, f"ToRGB_lod{number}", module.channels, 1, 1.0, rgb=True)
        image = rgb if image is None else rgb + (larger(image) - rgb) * tf.clip_by_value(lod - number, 0.0, 1.0)
    return tf.transpose(image, (0, 2, 3, 1))
