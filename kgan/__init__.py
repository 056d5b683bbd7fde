"""kgan: generative adversarial networks for images, in Keras 3 on TensorFlow.

Importing this package is quick: TensorFlow is loaded when `kgan.GAN` is first touched.
"""

from typing import Any

from kgan.runtime.version import VERSION

__version__ = VERSION

__all__ = ["GAN", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "GAN":
        from kgan.runtime import machine

        machine.choose_kernels()
        machine.check_backend()
        from kgan.gan import GAN

        return GAN
    raise AttributeError(f"module 'kgan' has no attribute {name!r}")
