"""kgan: generative adversarial networks for images, in Keras 3 on TensorFlow.

Importing this package is quick: TensorFlow is loaded when one of its parts is first touched.

    run = kgan.fit("dcgan_fast", "digits", workdir="runs/digits")
    run.sample(100)
    kgan.load("mnist").walk([1, 5, 9]).save("walk.gif")
"""

import importlib
from typing import Any

from kgan.runtime.version import VERSION

__version__ = VERSION

# Where to find what is imported when it is first touched.
_PLACES = {"GAN": "gan", "Doctor": "api.doctor_callback", "fit": "api.facade", "load": "api.facade"}
_MODULES = ("losses", "models")

__all__ = ["GAN", "Doctor", "__version__", "fit", "load", "losses", "models"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES and name not in _MODULES:
        raise AttributeError(f"module 'kgan' has no attribute {name!r}")
    if name in ("GAN", "Doctor", "losses"):
        from kgan.runtime import machine

        machine.choose_kernels()
        machine.check_backend()
    if name == "GAN":
        importlib.import_module("kgan.runs.build")  # .keras files of GANs may name its schedules
    module = importlib.import_module(f"kgan.{_PLACES.get(name, name)}")
    return module if name in _MODULES else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
