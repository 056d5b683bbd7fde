"""Files from strangers: odd and hostile images and archives, and model files with traps in them."""

import dataclasses
import io
import json
import pickle
import random
import resource
import struct
import time
import zipfile
import zlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from kgan import cli, models
from kgan.data import cache, local, sources
from kgan.reporting.target import open_subject
from kgan.runs import checkpoints, loop
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError


def _bytes(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _png_header(width, height, colour=0, bits=8):
    """A PNG that declares a size and has next to no pixels."""
    body = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", body), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks)


def _kinds():
    """Returns odd and hostile pictures by file name: True for those that can be converted, False for the others."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 4), np.uint8)
    colour, grey = Image.fromarray(noise[..., :3]), Image.fromarray(noise[..., 0])
    alpha = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [grey]}
    good = {f"plain.{suffix}": _bytes(colour, form) for suffix, form in (
        ("jpg", "JPEG"), ("png", "PNG"), ("bmp", "BMP"), ("gif", "GIF"), ("tif", "TIFF"), ("webp", "WEBP"),
        ("ppm", "PPM"))}
    good |= {f"grey.{suffix}": _bytes(grey, form) for suffix, form in (
        ("jpg", "JPEG"), ("png", "PNG"), ("bmp", "BMP"), ("tif", "TIFF"), ("pgm", "PPM"))}
    good |= {
        "progressive.jpg": _bytes(colour, "JPEG", progressive=True), "cmyk.jpg": _bytes(colour.convert("CMYK"), "JPEG"),
        "turned.jpg": _bytes(colour, "JPEG", exif=exif), "palette.png": _bytes(colour.convert("P"), "PNG"),
        "bilevel.png": _bytes(grey.convert("1"), "PNG"), "alpha.png": _bytes(alpha, "PNG"),
        "grey_alpha.png": _bytes(alpha.convert("LA"), "PNG"), "interlaced.gif": _bytes(grey, "GIF", interlace=1),
        "animated.gif": _bytes(colour, "GIF", **frames), "animated.webp": _bytes(colour, "WEBP", **frames),
        "deep.png": _bytes(Image.fromarray(noise[..., 0].astype(np.uint16) * 257), "PNG"),
        "deep.tif": _bytes(Image.fromarray(noise[..., 0].astype(np.uint16) * 257), "TIFF"),
        "wrong_name.png": _bytes(colour, "JPEG"), "one_pixel.png": _bytes(grey.crop((0, 0, 1, 1)), "PNG"),
        "narrow.png": _bytes(grey.crop((0, 0, 1, 24)), "PNG"),
        "comment.jpg": _bytes(colour, "JPEG", comment=b"x" * 60000),
        "multi.tif": _bytes(colour, "TIFF", **frames), "lzw.tif": _bytes(colour, "TIFF", compression="tiff_lzw"),
        "trailing.png": _bytes(colour, "PNG") + b"junk" * 100,
    }
    bad = {
        "empty.png": b"", "text.jpg": b"no picture at all", "zeros.png": bytes(1000), "html.gif": b"<html></html>",
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF",
        "pdf.png": b"%PDF-1.4\n", "pickle.png": pickle.dumps([1]), "zip.png": b"PK\x03\x04" + bytes(40),
        "half.jpg": _bytes(colour, "JPEG")[:300], "half.png": _bytes(colour, "PNG")[:300],
        "half.gif": _bytes(colour, "GIF")[:60], "header.png": b"\x89PNG\r\n\x1a\n", "header.jpg": b"\xff\xd8\xff\xe0",
        "huge.png": _png_header(60_000, 60_000), "wide.png": _png_header(2**31 - 1, 1), "flat.png": _png_header(0, 10),
        "lying.png": _png_header(5000, 5000), "float.tif": _bytes(Image.new("F", (4, 4), 0.5), "TIFF"),
        "long.png": _png_header(7000, 7000, 6, 16), "bmp.bmp": b"BM" + bytes(60),
    }
    return {name: (data, True) for name, data in good.items()} | {name: (data, False) for name, data in bad.items()}


def _everything(place):
    return sorted(path for path in place.rglob("*"))


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A place for input, a cache of its own, and a check that nothing appears anywhere else."""
    monkeypatch.setenv("KGAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input").mkdir()
    yield tmp_path
    assert {path.name for path in tmp_path.iterdir()} <= {"cache", "input"}


def test_every_odd_kind_is_converted_or_named_in_folder_and_zip(apart, record_property):
    kinds = _kinds()
    assert len(kinds) >= 40
    folder = apart / "input" / "folder"
    folder.mkdir()
    traps = {"../escape.png": _bytes(Image.new("L", (4, 4)), "PNG"), "/absolute.png": b"", "C:/drive.png": b""}
    with zipfile.ZipFile(apart / "input" / "kinds.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (data, _) in kinds.items():
            (folder / name).write_bytes(data)
            archive.writestr(name, data)
        for name, data in traps.items():
            archive.writestr(name, data)
    before = _everything(apart / "input")
    good = [name for name, (_, fine) in kinds.items() if fine]
    bad = {name for name, (_, fine) in kinds.items() if not fine}
    for path, extra in ((folder, set()), (apart / "input" / "kinds.zip", set(traps))):
        prepared = cache.prepare(local.open_path(path), image_size=16, channels=3, skip_bad=True)
        assert {name for name, _ in prepared.bad} == bad | extra
        assert len(prepared.images) == len(good)
        assert all(reason for _, reason in prepared.bad)
    assert _everything(apart / "input") == before
    record_property("kinds", len(kinds) + len(traps))


@pytest.mark.filterwarnings("ignore")  # Pillow's, of odd metadata
@pytest.mark.parametrize("count", [120, pytest.param(1200, marks=pytest.mark.slow)])
def test_mutated_files_never_crash_hang_or_eat_memory(apart, count, record_property):
    chance = random.Random(0)
    whole = [(name, data) for name, (data, fine) in _kinds().items() if fine]
    folder = apart / "input" / "folder"
    folder.mkdir()
    for number in range(count):
        name, data = chance.choice(whole)
        data = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            kind = chance.randrange(4)
            if kind == 0:
                data[at] = chance.randrange(256)
            elif kind == 1:
                del data[at:at + chance.randrange(1, 40)]
            elif kind == 2:
                data[at:at] = chance.randbytes(8)
            else:
                data[at:at + 4] = b"\xff\xff\xff\xff"
            data = data or bytearray(b"\0")
        (folder / f"{number:04}_{name}").write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    source, slowest = dataclasses.replace(local.open_path(folder), held_out=False), 0.0
    names = set()
    for item in source.items():
        began = time.monotonic()
        names.add(item.name)
        try:
            item.read()
        except ValueError as error:
            assert str(error)
        slowest = max(slowest, time.monotonic() - began)
    prepared = cache.prepare(source, image_size=16, channels=1, skip_bad=True)
    assert len(names) == len(prepared.images) + len(prepared.bad) == count
    assert {name for name, _ in prepared.bad} <= names
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    record_property("files, bad ones, slowest s, MB", f"{count}, {len(prepared.bad)}, {slowest:.2f}, {grown:.0f}")
    assert slowest < 5
    assert grown < 1000


@pytest.mark.parametrize("count", [40, pytest.param(300, marks=pytest.mark.slow)])
def test_mutated_archives_and_tables_give_a_sentence_or_pictures(apart, count):
    chance = random.Random(0)
    with zipfile.ZipFile(apart / "input" / "a.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", _bytes(Image.new("L", (8, 8), number), "PNG"))
    table = "\n".join(f"{row % 3}," + ",".join(str((row * column) % 256) for column in range(16)) for row in range(6))
    whole = {"zip": (apart / "input" / "a.zip").read_bytes(), "csv": table.encode()}
    for number in range(count):
        suffix = chance.choice(["zip", "csv"])
        data = bytearray(whole[suffix])
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(data))
            data[at:at + chance.randrange(3)] = chance.randbytes(chance.randrange(4))
        path = apart / "input" / f"{number}.{suffix}"
        path.write_bytes(data)
        began = time.monotonic()
        try:
            prepared = cache.prepare(local.open_path(path), image_size=8, channels=1, skip_bad=True)
            assert len(prepared.images) > 0
        except UserError as error:
            assert "\n" not in str(error)
        assert time.monotonic() - began < 5


class _Canary:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """A PCA run, whose generator.keras is what is loaded, and a dcgan run, whose checkpoint is."""
    place = tmp_path_factory.mktemp("honest")
    loop.train(Run(place / "pca"), models.recipe("pca", "digits").override(latent_dim=5), sources.locate("digits"))
    loop.train(Run(place / "dcgan"), models.recipe("dcgan", "digits").override(steps=1, batch_size=2),
                   sources.locate("digits"))
    return place


def _rezip(file, changes):
    """Rewrites members of a zip: {name: bytes or function of bytes}; None removes."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, change in changes.items():
        members[name] = change(members[name]) if callable(change) else change
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(name, data)


def _h5(edit):
    """Returns a change to model.weights.h5 by a function of the open file."""

    def change(data):
        file = io.BytesIO(data)
        with h5py.File(file, "r+") as weights:
            edit(weights)
        return file.getvalue()

    return change


def _first(weights):
    """The path of some array in it."""
    found = []
    weights.visititems(lambda name, node: found.append(name) if isinstance(node, h5py.Dataset) and node.ndim else None)
    return found[0]


def _external(weights):
    name = _first(weights)
    shape = weights[name].shape
    del weights[name]
    weights.create_dataset(name, shape, "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def _linked(weights):
    name = _first(weights)
    del weights[name]
    weights[name] = h5py.ExternalLink("/etc/hostname", "/x")


def _soft(weights):
    name = _first(weights)
    del weights[name]
    weights[name] = h5py.SoftLink("/nowhere")


def _huge(weights):
    name = _first(weights)
    del weights[name]
    weights.create_dataset(name, (10**6, 10**5), "f4", chunks=(1000, 1000))


def _lambda(canary):
    code = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {
        "name": "x", "function": {"class_name": "__lambda__", "config": {"code": code}}}}
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}).encode()


KERAS_FILES = {
    "garbage": lambda file, _: file.write_bytes(b"garbage"),
    "empty": lambda file, _: file.write_bytes(b""),
    "cut": lambda file, _: file.write_bytes(file.read_bytes()[:-100]),
    "a pickle": lambda file, canary: file.write_bytes(pickle.dumps(_Canary(canary))),
    "no weights": lambda file, _: _rezip(file, {"model.weights.h5": None}),
    "weights that are a pickle": lambda file, canary: _rezip(file, {
        "model.weights.h5": pickle.dumps(_Canary(canary))}),
    "arrays in another file": lambda file, _: _rezip(file, {"model.weights.h5": _h5(_external)}),
    "a link to another file": lambda file, _: _rezip(file, {"model.weights.h5": _h5(_linked)}),
    "a link to nothing": lambda file, _: _rezip(file, {"model.weights.h5": _h5(_soft)}),
    "an array of 400 GB": lambda file, _: _rezip(file, {"model.weights.h5": _h5(_huge)}),
    "a group in itself": lambda file, _: _rezip(file, {
        "model.weights.h5": _h5(lambda weights: weights.__setitem__("again", weights["/"]))}),
    "an array missing": lambda file, _: _rezip(file, {"model.weights.h5": _h5(lambda w: w.__delitem__(_first(w)))}),
    "a bomb of zeros": lambda file, _: _rezip(file, {"bomb": bytes(200_000_000)}),
    "a hundredth flipped": lambda file, _: file.write_bytes(bytes(
        byte ^ (255 if number % 100 == 0 else 0) for number, byte in enumerate(file.read_bytes()))),
}


@pytest.fixture
def copied(honest, tmp_path):
    """Copies an honest run to spoil."""
    import shutil

    return lambda name: Run(shutil.copytree(honest / name, tmp_path / "stranger"))


@pytest.mark.parametrize("trap", KERAS_FILES)
def test_hostile_keras_files_are_refused_in_one_sentence(copied, tmp_path, trap):
    run, canary = copied("pca"), tmp_path / "canary"
    KERAS_FILES[trap](run.generator_file, canary)
    with pytest.raises(UserError, match=r"generator.keras' can't be loaded \(.*\); bring it back") as error:
        cli.open_generator(run.path)
    assert "\n" not in str(error.value)
    assert not canary.exists()


def test_code_in_a_keras_file_is_never_run(copied, tmp_path):
    run, canary = copied("pca"), tmp_path / "canary"
    expected = cli.open_generator(run.path).get_weights()
    _rezip(run.generator_file, {"config.json": _lambda(canary)})
    for loaded, honest in zip(cli.open_generator(run.path).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(loaded, honest)  # the weights are all that is taken
    assert not canary.exists()


def _resave(run, state):
    """Commits a stranger's state, with a manifest that is right."""
    from kgan.runtime import files

    with files.committing(run.checkpoints / "step-1") as aside, open(aside / checkpoints.STATE, "wb") as file:
        np.savez(file, **state)


def _garbage(run):
    """Commits what is no archive, with a manifest that is right."""
    from kgan.runtime import files

    with files.committing(run.checkpoints / "step-1") as aside:
        (aside / checkpoints.STATE).write_bytes(b"garbage")


def _state(run):
    with np.load(run.checkpoints / "step-1" / checkpoints.STATE) as archive:
        return dict(archive)


CHECKPOINTS = {
    "a pickled object": lambda run, canary: _resave(run, _state(run) | {
        "generator/000": np.array([_Canary(canary)], object)}),
    "another shape": lambda run, _: _resave(run, _state(run) | {"generator/000": np.zeros((3, 3), np.float32)}),
    "an array missing": lambda run, _: _resave(run, {
        name: array for name, array in _state(run).items() if name != "generator/000"}),
    "a hundred megabytes too many": lambda run, _: _resave(run, _state(run) | {
        "generator/000": np.zeros(25 * 10**6, np.float32)}),
    "no archive": lambda run, _: _garbage(run),
    "no manifest": lambda run, _: (run.checkpoints / "step-1" / "manifest.json").unlink(),
}


@pytest.mark.parametrize("trap", CHECKPOINTS)
def test_hostile_checkpoints_are_refused_in_one_sentence(copied, tmp_path, trap):
    run, canary = copied("dcgan"), tmp_path / "canary"
    CHECKPOINTS[trap](run, canary)
    with pytest.raises(UserError) as error:
        cli.open_generator(run.path, 1)
    assert "\n" not in str(error.value)
    assert not canary.exists()


CONFIGS = {
    "nested": "[" * 100_000, "a list": "[]", "no recipe": '{"format": 2}', "numbers": '{"format": 2, "recipe": 3}',
    "another model": {"model": "../evil"}, "a huge latent": {"latent_dim": 10**12},
    "a huge image": {"image_size": 10**9},
    "text for a number": {"latent_dim": "100"}, "negative": {"latent_dim": -1},
    "a list of channels": {"channels": [1]},
}


@pytest.mark.parametrize("trap", CONFIGS)
def test_hostile_configs_are_refused_in_one_sentence(copied, trap):
    run, change = copied("pca"), CONFIGS[trap]
    if isinstance(change, str):
        run.config_file.write_text(change)
    else:
        config = json.loads(run.config_file.read_text())
        run.config_file.write_text(json.dumps(config | {"recipe": config["recipe"] | change}))
    with pytest.raises(UserError) as error:
        cli.open_generator(run.path)
    assert "\n" not in str(error.value)


ARRAYS = {
    "pickled": lambda canary: pickle.dumps(_Canary(canary)),
    "object": lambda canary: _npy(np.array([_Canary(canary)], object)),
    "huge": lambda _: _header((10**10, 4, 4, 1)), "negative": lambda _: _header((-1, 4, 4, 1)),
    "torn": lambda _: _npy(np.zeros((2, 4, 4, 1), np.uint8)).replace(b"(2, 4, 4, 1)", b"(2, 4, 4, 1,"),
    "cut": lambda _: _npy(np.zeros((20, 4, 4, 1), np.uint8))[:-50],
    "header": lambda _: b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 200,
}


def _header(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(100)


def _npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize("trap", ARRAYS)
def test_hostile_arrays_are_refused_in_one_sentence(tmp_path, trap):
    canary = tmp_path / "canary"
    (tmp_path / "images.npy").write_bytes(ARRAYS[trap](canary))
    with pytest.raises(UserError) as error:
        open_subject(tmp_path / "images.npy")
    assert "\n" not in str(error.value)
    assert not canary.exists()


def test_honest_files_load(honest, tmp_path):
    for name in ("pca", "dcgan"):
        assert isinstance(cli.open_generator(honest / name), keras.Model)
    np.save(tmp_path / "images.npy", np.zeros((2, 4, 4, 1), np.uint8))
    assert open_subject(tmp_path / "images.npy").limit == 2


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_nan_that_appears_at_random_is_never_saved(tmp_path, monkeypatch, rounds):
    from kgan.runs import callbacks

    chance = random.Random(0)
    log_row = callbacks.Log.on_epoch_end
    recipe = models.recipe("gan_nn", "digits").override(steps=20, tick=2, batch_size=4, ema_decay=0.5,
                                                        optimizer="adam", g_learning_rate=1e-4, d_learning_rate=1e-4)
    for number in range(rounds):
        when, value = 2 * chance.randrange(1, 10), chance.choice([np.nan, np.inf, -np.inf])
        owner = chance.choice(["generator", "discriminator", "ema_generator", "g_optimizer", "d_optimizer"])

        def poison(log, epoch, logs, when=when, value=value, owner=owner):
            log_row(log, epoch, logs)
            if int(log.model.step) == when:
                variables = [v for v in getattr(log.model, owner).variables if v.shape and "float" in str(v.dtype)]
                variable = chance.choice(variables)
                array = np.array(variable)
                array.flat[chance.randrange(array.size)] = value
                variable.assign(array)

        monkeypatch.setattr(callbacks.Log, "on_epoch_end", poison)
        run = Run(tmp_path / str(number))
        with pytest.raises(UserError, match=rf"in the tick that ends at step {when}: a weight is no finite number"):
            loop.train(run, recipe, sources.locate("digits"), checkpoint_seconds=0)
        step, damaged = checkpoints.newest(run.checkpoints)
        assert (step, damaged) == (when - 2 or None, {})
        for kept in checkpoints.steps(run.checkpoints):
            with np.load(run.checkpoints / f"step-{kept}" / checkpoints.STATE) as state:
                assert checkpoints.not_finite(dict(state)) is None
