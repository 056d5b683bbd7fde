"""Where images come from: a name becomes uint8 arrays. `locate` answers in seconds, without TensorFlow."""

import dataclasses
import hashlib
import http.client
import os
import threading
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kgan.errors import UserError

COLAB_CSV = Path("/content/sample_data/mnist_train_small.csv")
SMALL = 20_000  # images in Zhao's subset
MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/train-labels-idx1-ubyte.gz"
NETWORK_SECONDS = 3.0
MNIST_CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set that can be had. `load` returns uint8 images, (n, H, W, C), and labels, (n,), or None."""

    name: str
    origin: str
    count: int
    load: Callable[[], tuple[np.ndarray, np.ndarray | None]]
    ready: bool = True  # False: `load` downloads first


class UnavailableError(UserError):
    """A data set that exists but can't be had here and now."""


def names() -> list[str]:
    """Returns the names that `locate` knows."""
    return list(_SOURCES)


def locate(name: str, data: str | None = None) -> Source:
    """Finds a data set without reading it: on the disk or, within a few seconds, on the network.

    Args:
        name: one of `names()`.
        data: the user's own copy, where the source takes one (`mnist_small`: the CSV).

    Raises:
        UserError: unknown name, or `data` for a source that takes none, or a file that isn't there.
        UnavailableError: neither on the disk nor obtainable; says how to get it.
    """
    if name not in _SOURCES:
        raise UserError(f"dataset={name!r} is unknown; known: {', '.join(_SOURCES)}.")
    if data is not None and name != "mnist_small":
        raise UserError(f"data={data!r} goes with dataset=mnist_small, not with dataset={name}.")
    return _SOURCES[name](data)


def fingerprint(images: np.ndarray) -> str:
    """Returns the SHA-256 of the pixels and their shape, in hexadecimal."""
    digest = hashlib.sha256(str(images.shape).encode())
    digest.update(np.ascontiguousarray(images))
    return digest.hexdigest()


def _digits(_: str | None) -> Source:
    return Source("digits", "scikit-learn's 8×8 digits, enlarged to 28×28", 1797, _load_digits)


def _load_digits() -> tuple[np.ndarray, np.ndarray]:
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = (digits.images * (255 / 16)).round().astype(np.uint8)
    large = [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC)) for image in small]
    return np.stack(large)[..., np.newaxis], digits.target.astype(np.int64)


def _mnist(_: str | None) -> Source:
    directory = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    versions = sorted(directory.glob("mnist/[0-9]*/dataset_info.json"))
    if versions:
        name = f"mnist:{versions[-1].parent.name}"
        return Source("mnist", f"tfds {name}, train", 60_000, lambda: _load_tfds(name, directory))
    if not _reachable(MNIST_URL):
        raise UnavailableError(
            f"MNIST is not prepared in {directory} and its server can't be reached; connect once and run this again, "
            "or point TFDS_DATA_DIR at a prepared copy, or use --dataset=digits, which needs no network.")
    return Source("mnist", "tfds mnist, train", 60_000, lambda: _load_tfds("mnist", directory), ready=False)


def _load_tfds(name: str, directory: Path) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow_datasets as tfds

    if not hasattr(tfds, "load"):  # its import logs and swallows what went wrong
        raise UserError("tensorflow-datasets is installed but broken, as printed above; repair the installation.")
    try:
        data = tfds.load(name, split="train", data_dir=directory, batch_size=-1, as_supervised=True)
    except Exception as error:  # whatever a download can raise: tfds documents no type
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnavailableError(f"tfds could not provide {name} ({reason}); try again, or use --dataset=digits, "
                               "which needs no network.") from error
    return tuple(tfds.as_numpy(data))


def _mnist_small(data: str | None) -> Source:
    csv = Path(data).expanduser() if data is not None else COLAB_CSV
    if csv.is_file():
        return Source("mnist_small", f"CSV {csv.name}", SMALL, lambda: _load_csv(csv))
    if data is not None:
        raise UserError(f"data={data!r} is not a file; give the path of mnist_train_small.csv.")
    try:
        mnist = _mnist(None)
    except UnavailableError as error:
        raise UnavailableError(f"{COLAB_CSV.name} is not at Colab's place; give it by --data=PATH. Instead of it, "
                               f"{error}") from error
    origin = f"first 20,000 of {mnist.origin} (another set than mnist_train_small.csv)"
    return Source("mnist_small", origin, SMALL,
                  lambda: tuple(array[:SMALL] for array in mnist.load()), ready=mnist.ready)


def _load_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # NumPy warns of an empty file
            table = np.loadtxt(path, delimiter=",", dtype=np.int32, ndmin=2)
    except (ValueError, UserWarning) as error:
        raise UserError(f"{path} is not an MNIST CSV: {error}") from error
    labels, pixels = table[:, 0], table[:, 1:]
    if pixels.shape[1] != 28 * 28:
        raise UserError(f"{path} has {table.shape[1]} columns; an MNIST CSV has 785: label, then 784 pixels.")
    if pixels.min() < 0 or pixels.max() > 255 or labels.min() < 0 or labels.max() >= MNIST_CLASSES:
        raise UserError(f"{path} holds values out of range; labels are 0 to 9, pixels 0 to 255.")
    return pixels.reshape(-1, 28, 28, 1).astype(np.uint8), labels.astype(np.int64)


def _reachable(url: str) -> bool:
    """Tells whether `url` answers within NETWORK_SECONDS; a thread, because name look-ups know no time limit."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=NETWORK_SECONDS):
                answers.append(True)
        except (OSError, ValueError, http.client.HTTPException):  # no route; a proxy that is no address; no HTTP
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(NETWORK_SECONDS)
    return bool(answers)


_SOURCES: dict[str, Callable[[str | None], Source]] = {
    "mnist": _mnist,
    "mnist_small": _mnist_small,
    "digits": _digits,
}
