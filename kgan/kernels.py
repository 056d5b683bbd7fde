"""The same layers and the same Adam, computed with kernels that are faster on CPUs.

Model files say what a network is, in Keras' own layers; `faster` keeps its weights and its function and changes how
TensorFlow computes it. What each change gave, on which kind of CPU, is in `experiments/results/speed/`.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import tensorflow as tf

from kgan import winograd
from kgan.runtime import machine

_registered = keras.saving.register_keras_serializable(package="kgan")


def faster(model: keras.Model, leave: Collection[str] = ()) -> keras.Model:
    """Returns `model` with this module's layers in place of Keras'; same names, weights and function.

    Replaced are layers that are exactly Keras' own (subclasses are somebody's own function) and stand in the model
    itself; models nested in it are left as they are.

    Args:
        model: a functional model.
        leave: names of Keras' classes that stay, as "BatchNormalization".
    """
    return with_layers(model, {getattr(keras.layers, layer.__name__): layer for layer in LAYERS
                               if layer.__name__ not in leave})


def plain(model: keras.Model, **settings: Any) -> keras.Model:
    """Returns `model` with Keras' own layers again: what goes into a file that loads without kgan.

    `settings`, such as dtype, take the place of every layer's own.
    """
    return with_layers(model, {layer: getattr(keras.layers, layer.__name__) for layer in LAYERS}, **settings)


def with_layers(model: keras.Model, classes: Mapping[type, Any], **settings: Any) -> keras.Model:
    """Returns `model` with layers of other classes in place of those that are exactly of a class, weights and all.

    Args:
        model: a functional model.
        classes: by the class that a layer has, the one that it gets.
        settings: arguments of every layer's constructor, in place of its own.
    """
    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        own = settings if isinstance(layer, keras.layers.Layer) else {}  # operators, as * and +, have no settings
        config, kind = {**layer.get_config(), **own}, classes.get(type(layer), type(layer))
        padding = getattr(layer, "output_padding", None)
        if padding is not None and "output_padding" not in keras.layers.Conv2DTranspose.get_config(layer):
            # Keras 3.13 forgets it, in its files too: there `Conv2DTranspose` below stands for Keras' own.
            config["output_padding"], kind = padding, Conv2DTranspose
        return kind.from_config(config)

    other = keras.models.clone_model(model, clone_function=replaced)
    for new, old in zip(other.variables, model.variables, strict=True):
        new.assign(old)  # seeds of dropout included
    return other


def _in_float32(compute: Callable[..., tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
    """Computes; bfloat16 on a processor without instructions for it in float32, rounded once at the end."""
    if inputs[0].dtype != tf.bfloat16 or machine.computes_bfloat16():
        return compute(*inputs)
    return tf.cast(compute(*(tf.cast(values, tf.float32) for values in inputs)), tf.bfloat16)


class _Strided:
    """A strided convolution as three linear maps, between `images` (large) and `maps` (small), NHWC.

    A convolution goes from images to maps; a transposed one, and a convolution's gradient, from maps to images.
    """

    def __init__(self, layer: keras.layers.Layer) -> None:
        self.kernel_size, self.strides, self.padding = layer.kernel_size, layer.strides, layer.padding.upper()

    def maps(self, images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves images, (batch, H, W, C), with a kernel, (k, k, C, F), into maps, (batch, h, w, F)."""
        return _in_float32(lambda *inputs: tf.nn.conv2d(*inputs, self.strides, self.padding), images, kernel)

    def images(self, maps: tf.Tensor, kernel: tf.Tensor, size: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
        """The transposed map, from maps to images of `size` (dynamic) and `shape` (static)."""
        few = self.strides == (2, 2) and self.padding == "SAME" and shape[-1] <= 4
        return _in_float32(lambda maps, kernel: self._images_by_blocks(maps, kernel, shape) if few else
                           tf.nn.conv2d_transpose(maps, kernel, size, self.strides, self.padding), maps, kernel)

    def trained_maps(self, images: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """`maps` with the gradients of this class."""
        if self._by_winograd(images.shape, kernel):
            return _in_float32(lambda images, kernel: winograd.maps(images, kernel, self.strides[0]), images, kernel)

        @tf.custom_gradient
        def convolve(images: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            return self.maps(images, kernel), lambda maps: (
                self.trained_images(maps, kernel, tf.shape(images), images.shape),
                _in_float32(self._kernel, images, maps))

        return convolve(images, kernel)

    def trained_images(self, maps: tf.Tensor, kernel: tf.Tensor, size: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
        """`images` with the gradients of this class."""
        if self._by_winograd(shape, kernel):
            return _in_float32(lambda maps, kernel: winograd.images(maps, kernel, shape[1:3], self.strides[0]),
                               maps, kernel)

        @tf.custom_gradient
        def transpose(maps: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            return self.images(maps, kernel, size, shape), lambda images: (
                self.trained_maps(images, kernel), _in_float32(self._kernel, images, maps))

        return transpose(maps, kernel)

    def _by_winograd(self, images: tf.TensorShape, kernel: tf.Tensor) -> bool:
        """Tells whether `winograd` computes this: it needs float32's digits."""
        return (self.padding == "SAME" and winograd.pays(images, kernel.shape, self.strides)
                and (kernel.dtype == tf.float32
                     or (kernel.dtype == tf.bfloat16 and not machine.computes_bfloat16())))

    def _kernel(self, images: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
        """The kernel's gradient, from images and maps."""
        (height, width), channels, filters = self.kernel_size, images.shape[-1], maps.shape[-1]
        if maps.shape[1] * maps.shape[2] > 16 or channels * filters < 2**17:
            return tf.raw_ops.Conv2DBackpropFilter(
                input=images, filter_sizes=(height, width, channels, filters), out_backprop=maps,
                strides=(1, *self.strides, 1), padding=self.padding)
        # On small maps with many channels the kernel above runs at a fifth of a matrix product's speed.
        patches = tf.image.extract_patches(images, (1, height, width, 1), (1, *self.strides, 1), (1, 1, 1, 1),
                                           self.padding)
        product = tf.matmul(tf.reshape(patches, (-1, height * width * channels)), tf.reshape(maps, (-1, filters)),
                            transpose_a=True)
        return tf.reshape(product, (height, width, channels, filters))

    def _images_by_blocks(self, maps: tf.Tensor, kernel: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
        """Stride 2 in pixels is stride 1 in blocks of 2×2 pixels, whose 4·C channels keep the vector units busy."""
        (k_rows, k_columns), (_, rows, columns, filters) = self.kernel_size, maps.shape
        _, height, width, channels = shape
        down, across = math.ceil(k_rows / 2), math.ceil(k_columns / 2)  # blocks of the kernel; zeros fill the last
        kernel = tf.pad(kernel, [[0, 2 * down - k_rows], [0, 2 * across - k_columns], [0, 0], [0, 0]])
        # Axes: block row, row in the block, block column, column in the block, channel, filter.
        kernel = tf.reshape(kernel, (down, 2, across, 2, channels, filters))
        # Block row, block column, row in the block, column in the block, channel, filter: as depth_to_space reads them.
        kernel = tf.transpose(kernel, (0, 2, 1, 3, 4, 5))
        # What is in a block becomes its channels.
        kernel = tf.reshape(kernel, (down, across, 4 * channels, filters))
        size = (tf.shape(maps)[0], rows + down - 1, columns + across - 1, 4 * channels)
        images = tf.nn.depth_to_space(tf.nn.conv2d_transpose(maps, kernel, size, 1, "VALID"), 2)
        top = max((rows - 1) * 2 + k_rows - height, 0) // 2  # what "same" cuts off before the images
        left = max((columns - 1) * 2 + k_columns - width, 0) // 2
        return images[:, top:top + height, left:left + width]


def _known(layer: keras.layers.Layer, inputs: tf.Tensor) -> bool:
    """Tells whether the layer's arithmetic is computed here: of images of a known size, in the usual order."""
    return (layer.data_format == "channels_last" and layer.dilation_rate == (1, 1) and getattr(layer, "groups", 1) == 1
            and None not in inputs.shape[1:])


@_registered
class Conv2D(keras.layers.Conv2D):
    """Keras' layer with `_Strided`'s gradients in training."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves, adds the bias, activates."""
        if not _known(self, inputs):
            return super().call(inputs)
        strided = _Strided(self)
        convolve = strided.trained_maps if training else strided.maps
        maps = convolve(inputs, tf.convert_to_tensor(self.kernel))
        return self.activation(tf.nn.bias_add(maps, self.bias) if self.use_bias else maps)


@_registered
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Keras' layer with `_Strided`'s forward pass and, in training, its gradients."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves, adds the bias, activates."""
        if not _known(self, inputs):
            return super().call(inputs)
        strided, shape = _Strided(self), tf.TensorShape(self.compute_output_shape(inputs.shape))
        size = tf.concat([tf.shape(inputs)[:1], shape[1:]], 0)
        transpose = strided.trained_images if training else strided.images
        images = transpose(inputs, tf.convert_to_tensor(self.kernel), size, shape)
        return self.activation(tf.nn.bias_add(images, self.bias) if self.use_bias else images)

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took."""
        return super().get_config() | {"output_padding": self.output_padding}


@_registered
class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras' layer, as a product and a sum where a kernel covers a whole map: D's last step to a number a channel."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Convolves each channel alone, adds the bias, activates."""
        whole = self.padding == "valid" and tuple(inputs.shape[1:3]) == self.kernel_size and self.depth_multiplier == 1
        if not (whole and _known(self, inputs)):
            return super().call(inputs)
        maps = tf.reduce_sum(inputs * self.kernel[..., 0], (1, 2), keepdims=True)
        return self.activation(tf.nn.bias_add(maps, self.bias) if self.use_bias else maps)


@_registered
class Dense(keras.layers.Dense):
    """Keras' layer, in float32 arithmetic where bfloat16 would be slow."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Multiplies, adds the bias, activates."""
        if len(inputs.shape) != 2:
            return super().call(inputs, training=training)
        outputs = _in_float32(tf.matmul, inputs, tf.convert_to_tensor(self.kernel))
        return self.activation(tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs)


@_registered
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer with one kernel a direction in training, where Keras has a dozen."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        """Normalises over all axes but the last."""
        known = (len(inputs.shape) in (2, 4) and self.axis in (-1, len(inputs.shape) - 1) and self.scale and self.center
                 and not getattr(self, "renorm", False) and mask is None
                 and self.variable_dtype in ("float32", "bfloat16"))  # what the kernel takes
        if not (known and training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        images = inputs if len(inputs.shape) == 4 else inputs[:, None, None]
        if self.synchronized:
            normal, mean, variance = self._over_replicas(images)
        else:
            normal, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=images, scale=self.gamma, offset=self.beta, mean=[], variance=[], epsilon=self.epsilon)
            count = tf.cast(tf.reduce_prod(tf.shape(images)[:-1]), tf.float32)
            variance *= (count - 1.0) / count  # the kernel gives n - 1's, Keras keeps n's
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return tf.reshape(normal, tf.shape(inputs))

    def _over_replicas(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Normalises by all replicas' images. Keras' E[x²] - E[x]² loses digits that this keeps."""
        values, context = tf.cast(images, tf.float32), tf.distribute.get_replica_context()
        mean = context.all_reduce("MEAN", tf.reduce_mean(values, [0, 1, 2]))
        variance = context.all_reduce("MEAN", tf.reduce_mean(tf.math.squared_difference(values, mean), [0, 1, 2]))
        normal = tf.nn.batch_normalization(values, mean, variance, self.beta, self.gamma, self.epsilon)
        return tf.cast(normal, images.dtype), mean, variance


@_registered
class Dropout(keras.layers.Dropout):
    """Keras' layer with 16 random bits an element, where Keras draws 32: the rate is rounded to 1/65,536."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Sets elements to zero at random and scales the others."""
        threshold = round(self.rate * 2**16)
        if not training or not 0 < threshold < 2**16 or self.noise_shape is not None:
            return super().call(inputs, training=training)
        count = tf.size(inputs)
        words = tf.random.stateless_uniform([(count + 3) // 4], tf.cast(self.seed_generator.next(), tf.int32), None,
                                            None, tf.uint64, alg="philox")
        bits = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count], tf.shape(inputs))
        return inputs * (tf.cast(bits >= threshold, inputs.dtype) * (2**16 / (2**16 - threshold)))


LAYERS = (Dense, Conv2D, Conv2DTranspose, DepthwiseConv2D, BatchNormalization, Dropout)


@_registered
class Adam(keras.optimizers.Adam):
    """Keras' Adam with one kernel a variable, where Keras has some fifteen."""

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """Moves `variable` and its two moments."""
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        index, step = self._get_variable_index(variable), tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle, m=self._momentums[index].value.handle, v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step, beta2_power=self.beta_2**step, lr=learning_rate, beta1=self.beta_1,
            beta2=self.beta_2, epsilon=self.epsilon, grad=gradient)
