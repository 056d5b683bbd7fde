"""Public data sets through tensorflow-datasets: found on the disk without importing it, else downloaded once."""

import contextlib
import dataclasses
import functools
import http.client
import json
import os
import threading
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kgan.data import hashing, local, pictures
from kgan.data.source_types import Item, Source, UnavailableError
from kgan.runtime.errors import UserError, reason

NETWORK_SECONDS = 3.0
CELEB_A_FILES = ("img_align_celeba.zip", "list_eval_partition.txt", "list_attr_celeba.txt",
                 "list_landmarks_align_celeba.txt", "identity_CelebA.txt")
LABEL_NAMES = "label.labels.txt"  # in which tfds keeps the names of classes that are not just numbers, a line for each
PARTITION = "list_eval_partition"  # of CelebA: a line per picture, its name and 0 (train), 1 or 2


class _Public(NamedTuple):
    train_count: int
    test_count: int
    host: str  # answers when the download can work


PUBLIC = {
    "mnist": _Public(60_000, 10_000, "https://storage.googleapis.com/cvdf-datasets/mnist/train-labels-idx1-ubyte.gz"),
    "fashion_mnist": _Public(60_000, 10_000, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
    "cifar10": _Public(50_000, 10_000, "https://www.cs.toronto.edu/~kriz/"),
    "celeb_a": _Public(162_770, 19_962, "https://drive.google.com/"),
}


class Licence(NamedTuple):
    """What a data set's publishers say; a model's use is bound by it too."""

    text: str
    hub: Mapping[str, str]  # the same in the head of a model card (huggingface.co/docs/hub/repositories-licenses)
    dataset: str | None = None  # its name on the hub


LICENCES = {
    "mnist": Licence("MNIST, Y. LeCun and C. Cortes, derived from NIST's databases: CC BY-SA 3.0 (as stated by "
                     "keras.io/api/datasets/mnist).", {"license": "cc-by-sa-3.0"}, "ylecun/mnist"),
    "fashion_mnist": Licence("Fashion-MNIST, Zalando SE: MIT (github.com/zalandoresearch/fashion-mnist).",
                             {"license": "mit"}, "zalando-datasets/fashion_mnist"),
    "cifar10": Licence("CIFAR-10, A. Krizhevsky, a labelled subset of 80 Million Tiny Images, which its authors have "
                       "withdrawn: its page states no licence (cs.toronto.edu/~kriz/cifar.html).",
                       {"license": "other", "license_name": "none-stated",
                        "license_link": "https://www.cs.toronto.edu/~kriz/cifar.html"}, "uoft-cs/cifar10"),
    "celeb_a": Licence("CelebA, Z. Liu et al., MMLAB, CUHK: non-commercial research only; the pictures are the "
                       "property of their owners (mmlab.ie.cuhk.edu.hk/projects/CelebA.html).",
                       {"license": "other", "license_name": "celeba-non-commercial-research",
                        "license_link": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"}),
    "digits": Licence("Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI: CC BY 4.0 "
                      "(archive.ics.uci.edu/dataset/80).", {"license": "cc-by-4.0"}),
}
# What the preset `pictures` was trained on: experiments/studies/picture_sets.py makes it of public packages.
LICENCES["picture_packages"] = Licence(
    "10,000 pictures of CIFAR-10 (no licence stated); 4,715 drawings of Debian's openclipart-png 0.18 (public domain); "
    "4,026 parts of photographs and wallpapers of its mate-backgrounds 1.26 (CC BY-SA 4.0, GPL-2+), gnome-backgrounds "
    "43.1 (CC BY-SA 3.0, CC0) and plasma-workspace-wallpapers 5.27 (LGPL-3, CC BY-SA 4.0).",
    {"license": "other", "license_name": "several", "license_link": "https://packages.debian.org/bookworm/"})
LICENCES["mnist_small"] = LICENCES["mnist"]


def locate(name: str) -> Source:
    """Finds one of PUBLIC: prepared by tfds, or, within a few seconds, on the network.

    Raises:
        UnavailableError: neither; says how to get it.
    """
    directory = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    prepared = sorted(directory.glob(f"{name}/[0-9]*/dataset_info.json"))
    if prepared:
        return _source(name, directory, prepared[-1].parent)
    manual = directory / "downloads" / "manual"
    at_hand = name == "celeb_a" and all((manual / file).is_file() for file in CELEB_A_FILES)
    if not at_hand and not _reachable(PUBLIC[name].host):
        raise UnavailableError(f"{name} is not prepared in {directory} and its server can't be reached; "
                               f"{_remedy(name, manual)}")
    return _source(name, directory, None)


def own_celeb_a(path: Path) -> Source:
    """Returns CelebA from a user's `img_align_celeba`, the zip or the folder, or from the folder that holds either.

    Where `list_eval_partition.txt` (or .csv) lies in the folder, beside it or above it, the pictures are those of
    the train split.

    Raises:
        UserError: as `local.open_path`, or the list names no picture to train on.
    """
    places = [path, path.parent, path.parent.parent]
    inside = [path / "img_align_celeba.zip", path / "img_align_celeba"]
    path = next((place for place in inside if place.exists()), path)
    lists = [place / f"{PARTITION}{suffix}" for place in places for suffix in (".txt", ".csv")]
    partition = next((file for file in lists if file.is_file()), None)
    if partition is None:
        return local.open_path(path, "celeb_a")
    lines = partition.read_text(encoding="utf-8", errors="replace").replace(",", " ").splitlines()
    train, test = ({fields[0] for fields in map(str.split, lines) if fields[1:] == [number]} for number in "02")
    if not train:
        raise UserError(f"{str(partition)!r} names no picture to train on, as '000001.jpg 0' does; get it anew.")
    chosen = {partition.name: os.path.abspath(partition)}

    def split(name: str, files: set[str], test: Source | None) -> Source:
        source = local.open_path(path, "celeb_a", only=files.__contains__)
        return dataclasses.replace(source, origin=f"{source.origin}, {name} split of {partition.name}", test=test,
                                   content=lambda: f"{name} {source.content()} {hashing.content_hash(chosen)}",
                                   held_out=name == "train" and test is None)

    return split("train", train, split("test", test, None) if test else None)


def _source(name: str, directory: Path, prepared: Path | None) -> Source:
    """Returns both splits, of the version that is `prepared` or, where that is None, of tfds' newest."""
    builder_name = f"{name}:{prepared.name}" if prepared else name

    @functools.cache
    def builder():
        return _builder(builder_name, name, directory)

    def content(split: str) -> str:
        files = sorted(Path(builder().data_dir if prepared is None else prepared).glob("*"))
        return f"{split} {hashing.content_hash({path.name: os.path.abspath(path) for path in files})}"

    def label_names() -> dict[int, str]:
        file = Path(builder().data_dir if prepared is None else prepared) / LABEL_NAMES
        return dict(enumerate(file.read_text(encoding="utf-8").split("\n"))) if file.is_file() else {}

    def source(split: str, count: int) -> Source:
        return Source(name, f"tfds {builder_name}, {split}", _count(prepared, split) if prepared else count,
                      lambda: content(split), lambda: _items(builder(), split), ready=prepared is not None,
                      fetch=builder, label_names=label_names)

    train = source("train", PUBLIC[name].train_count)
    return dataclasses.replace(train, test=source("test", PUBLIC[name].test_count))


def _count(prepared: Path, name: str) -> int:
    try:
        splits = json.loads((prepared / "dataset_info.json").read_text(encoding="utf-8"))["splits"]
        return next(sum(map(int, split["shardLengths"])) for split in splits if split["name"] == name)
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise UserError(f"{prepared} is damaged: its dataset_info.json names no {name} split; remove that folder "
                        "to have it prepared again.") from error


def _builder(builder_name: str, name: str, directory: Path):
    """Returns tfds' builder, downloaded and prepared."""
    import tensorflow_datasets as tfds

    if not hasattr(tfds, "builder"):  # its import logs and swallows what went wrong
        raise UserError("tensorflow-datasets is installed but broken, as printed above; repair the installation.")
    try:
        builder = tfds.builder(builder_name, data_dir=directory)
        builder.download_and_prepare()
    except Exception as error:  # whatever a download can raise: tfds documents no type
        raise UnavailableError(f"tfds could not provide {builder_name} ({reason(error)}); "
                               f"{_remedy(name, directory / 'downloads' / 'manual')}") from error
    return builder


def _items(builder, split: str) -> Iterator[Item]:
    import tensorflow_datasets as tfds

    decoders = {"image": tfds.decode.SkipDecoding()}
    for number, example in enumerate(_examples(builder, split, decoders)):
        label = int(example["label"]) if "label" in example else None
        yield Item(f"image {number}", functools.partial(pictures.decode, example["image"], label))


def _examples(builder, split: str, decoders: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Returns the split's examples, in the order in which they are stored."""
    import tensorflow as tf

    if builder.info.file_format.value == "array_record":  # which as_dataset refuses
        try:
            import array_record  # noqa: F401
        except ImportError as error:
            raise UserError(f"{builder.data_dir} holds array_record files, which need a package that is not installed: "
                            "pip install array_record.") from error
        return builder.as_data_source(split=split, decoders=decoders)
    options = tf.data.Options()
    options.autotune.enabled = False  # its sleeping thread can hold up the end of the iteration for 20 s
    return builder.as_dataset(split=split, decoders=decoders).with_options(options).as_numpy_iterator()


def _remedy(name: str, manual: Path) -> str:
    if name == "celeb_a":
        return (f"Google Drive often refuses its download: get the files {', '.join(CELEB_A_FILES)} with a browser "
                f"from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and put them into {manual}, or give "
                "the first alone by --dataset=celeb_a --data=PATH/img_align_celeba.zip.")
    return (f"connect once and run this again, or point TFDS_DATA_DIR at a prepared copy, or give your own copy by "
            f"--dataset={name} --data=PATH, or use --dataset=digits, which needs no network.")


def _reachable(url: str) -> bool:
    """Tells whether `url` answers within NETWORK_SECONDS; a thread, because name look-ups know no time limit."""
    answers: list[bool] = []

    def ask() -> None:
        # No route; a proxy that is no address; no HTTP.
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=NETWORK_SECONDS).close()
            answers.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(NETWORK_SECONDS)
    return bool(answers)
