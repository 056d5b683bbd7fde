"""kgan: generative adversarial networks for images, in Keras 3 and TensorFlow.

Importing this package is quick: TensorFlow is loaded when `kgan.GAN` is first touched.
"""

__version__ = "0.2.0"


def __getattr__(name: str):
    if name == "GAN":
        from kgan.runtime import machine

        machine.choose_kernels()
        from kgan.gan import GAN

        return GAN
    raise AttributeError(f"module 'kgan' has no attribute {name!r}")
