"""Networks that differ from a paper's in one layer: functions of (generator, discriminator) that return both.

They are built anew from the layers' settings, so they begin with other weights than the paper's of the same seed.
"""

from collections.abc import Callable
from typing import Any


def rebuilt(network: Any, change: Callable[[Any], Any]) -> Any:
    """Returns the network with `change` made of each layer: another layer, or None, which leaves it out."""
    import keras

    from kgan import kernels

    class Nothing(keras.layers.Layer):
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            return inputs

    def clone(layer: Any) -> Any:
        changed = change(layer)
        return Nothing(name=layer.name) if changed is None else changed

    return kernels.faster(keras.models.clone_model(kernels.plain(network), clone_function=clone))


def as_it_is(layer: Any) -> Any:
    """Returns the layer anew."""
    return type(layer).from_config(layer.get_config())


def _kind(layer: Any, name: str) -> bool:
    return type(layer).__name__ == name


def _without(name: str) -> Callable[[Any], Any]:
    return lambda layer: None if _kind(layer, name) else as_it_is(layer)


def _in_g(change: Callable[[Any], Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    return lambda generator, discriminator: (rebuilt(generator, change), discriminator)


def _in_d(change: Callable[[Any], Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    return lambda generator, discriminator: (generator, rebuilt(discriminator, change))


def same(generator: Any, discriminator: Any) -> tuple[Any, Any]:
    """Changes nothing: what the others stand beside."""
    return rebuilt(generator, as_it_is), rebuilt(discriminator, as_it_is)


def _strides(layer: Any) -> Any:
    import keras

    if _kind(layer, "AveragePooling2D"):
        # Of 7 pixels pooling leaves 3 and strides leave 4: a crop keeps the dense layer's size.
        odd = layer.input.shape[1] % 2
        return keras.layers.Cropping2D(((0, 1), (0, 1)), name=layer.name) if odd else None
    if isinstance(layer, keras.layers.Conv2D):
        return type(layer).from_config(layer.get_config() | {"strides": (2, 2)})
    return as_it_is(layer)


def _relu(layer: Any) -> Any:
    import keras

    settings = layer.get_config()
    if _kind(layer, "LeakyReLU") or (_kind(layer, "Activation") and settings["activation"] == "selu"):
        return keras.layers.ReLU(name=layer.name)
    if settings.get("activation") == "selu":
        return type(layer).from_config(settings | {"activation": "relu"})
    return as_it_is(layer)


without_d_norm = _in_d(_without("BatchNormalization"))
without_g_norm = _in_g(_without("BatchNormalization"))
without_dropout = _in_d(_without("Dropout"))
strided = _in_d(_strides)  # strides of 2 in D's convolutions in place of pooling
relu_in_d = _in_d(_relu)  # in place of LeakyReLU
relu_in_g = _in_g(_relu)  # in place of SELU
