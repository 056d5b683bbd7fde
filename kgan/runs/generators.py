"""Generators of runs: generator.keras for other programs, and any checkpoint's generator for kgan's commands."""

import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgan import models
from kgan.runs import checkpoints
from kgan.runs.directory import Run
from kgan.runtime import files, machine
from kgan.runtime.errors import UserError, reason

if TYPE_CHECKING:
    import keras

MAX_NODES = 10_000  # groups and arrays in an HDF5 file


def open_generator(workdir: str | Path, step: int | str | None = None) -> "keras.Model":
    """Returns the generator of the run in `workdir`, or of `preset:NAME`: of the checkpoint of `Run.drawn_step`.

    Where the run keeps a moving average of the generator, it is that.

    Raises:
        UserError: there is no run or preset, or no generator yet, or no checkpoint of that step.
    """
    run = Run(workdir)
    recipe = run.recipe()
    step = run.drawn_step(step)
    if step is None:
        check_saved(run)
    else:
        run.check_step(step)
    machine.import_tensorflow()
    generator = models.build_generator(recipe.for_phase(recipe.phase_of(step or 0)))
    if step is None:  # the model is fitted in closed form
        load_file(run.generator_file, generator)
    else:
        restore(run, generator, step, ema=recipe.ema_decay_per_step is not None)
    return generator


def save(run: Run, generator: "keras.Model") -> None:
    """Writes generator.keras, in Keras' own layers where it can: it loads without kgan then."""
    write_keras(generator, run.generator_file)


def write_keras(generator: "keras.Model", file: Path) -> None:
    """Writes a generator as a .keras file, in Keras' own layers where it can, which Keras from 3.6 on opens."""
    from kgan import kernels, saving

    with files.replacing(file) as temporary:
        saving.write(kernels.plain(generator), temporary)


def check_saved(run: Run) -> None:
    """Raises UserError when the run has no generator yet, neither in a checkpoint nor in generator.keras."""
    if not run.generator_file.is_file() and run.last_step() is None:
        raise UserError(f"{str(run.path)!r} has no generator.keras yet: it appears with the first "
                        "checkpoint; let the training run on, or start it again.")


def load_file(file: Path, generator: "keras.Model") -> None:
    """Puts the weights of a .keras file into `generator`. No code in the file runs.

    Raises:
        UserError: the file is damaged, of another network, or declares more than that has room for; or a weight is NaN
            or infinite.
    """
    try:
        check_declared(file, 16 * generator.count_params() + 2**20)
        with warnings.catch_warnings(action="ignore"):  # Keras' warnings have paths of its own files
            _load_weights(file, generator)
    except Exception as error:  # zip, HDF5 and Keras raise nearly anything on damaged files
        if (other := _other_shape(file, generator)) is not None:
            raise UserError(f"{str(file)!r} is of other networks: {other}; choose the model, and its sizes, that it is "
                            "of.") from error
        raise UserError(f"{str(file)!r} can't be loaded ({reason(error)}); bring it back from a copy, train anew, or "
                        "choose the model that it is of.") from error
    check_finite(generator, repr(str(file)))


def _load_weights(file: Path, generator: "keras.Model") -> None:
    """Loads a .keras file, also of before format 5, in which the layer `ClusterByLatent` lies under another name."""
    import keras

    from kgan.layers import ClusterByLatent, Kind

    clusters = ClusterByLatent.of(generator)
    if clusters is None or "/layers/kind/vars/0" not in _declared(file):
        generator.load_weights(file)
        return
    as_written = keras.models.clone_model(generator, clone_function=lambda layer: (
        Kind.from_config(layer.get_config()) if layer is clusters else layer))  # the other layers are shared
    as_written.load_weights(file)
    clusters.shares.assign(ClusterByLatent.of(as_written).shares)  # type: ignore[union-attr]


def _declared(file: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of a .keras file's arrays by name."""
    with zipfile.ZipFile(file) as archive, archive.open("model.weights.h5") as member:
        return _check_arrays(member, 2**62)


def _other_shape(file: Path, generator: "keras.Model") -> str | None:
    """Returns the first layer whose array has another shape in a .keras file than here; None where there is none."""
    with tempfile.TemporaryDirectory() as temporary:
        own = Path(temporary, "own.weights.h5")
        generator.save_weights(own)
        ours = _check_arrays(own, 2**62)
    try:
        theirs = _declared(file)
    except Exception:  # as above: then it is damaged
        return None
    for name in ours:
        if theirs.get(name) != ours[name]:
            layer = name.removesuffix("/vars" + name.rpartition("/vars")[2]).rpartition("/")[2]
            return f"its layer {layer} has {theirs.get(name, 'no such array')} where this model's has {ours[name]}"
    return None


def restore(run: Run, generator: "keras.Model", step: int, *, ema: bool) -> None:
    """Puts a checkpoint's generator, or the moving average of it, into `generator`, built from this run's recipe.

    Raises:
        UserError: the checkpoint is damaged, or of other networks.
    """
    from kgan import saving

    variables = saving.named_variables({saving.sampler(ema): generator})
    try:
        state = checkpoints.load(run.checkpoints_of(step), step, {name: v.shape for name, v in variables.items()})
    except ValueError as error:
        raise UserError(f"{error}; choose another --step.") from error
    for name, variable in variables.items():
        variable.assign(state[name])
    check_finite(generator, repr(str(run.path)))


def check_finite(generator: "keras.Model", name: str) -> None:
    """Raises UserError, which begins with `name`, when a weight of the generator is NaN or infinite."""
    bad = checkpoints.not_finite({variable.path: np.asarray(variable) for variable in generator.variables})
    if bad is not None:
        raise UserError(f"{name} holds a generator with a weight that is no finite number (in {bad}): it draws no "
                        "pictures; take an earlier checkpoint or another file of it, or train anew.")


def check_declared(file: Path, largest: int) -> None:
    """Raises ValueError when a .keras file declares more than `largest` bytes, or reaches for other files."""
    with zipfile.ZipFile(file) as archive:
        declared = sum(member.file_size for member in archive.infolist())
        if declared > largest:
            raise ValueError(f"it declares {declared:,} bytes, more than {largest:,}")
        with archive.open("model.weights.h5") as member:
            _check_arrays(member, largest)


def _check_arrays(file: object, largest: int) -> dict[str, tuple[int, ...]]:
    """Walks an HDF5 file: no links, no other files, no more than MAX_NODES nodes and `largest` bytes.

    Returns its arrays' shapes by path.
    """
    import h5py

    with h5py.File(file) as weights:
        groups, declared, nodes = [weights], 0, 0
        shapes: dict[str, tuple[int, ...]] = {}
        while groups:
            group = groups.pop()
            for name in group:
                nodes += 1
                if nodes > MAX_NODES:  # groups may hold one another, without end
                    raise ValueError(f"it holds more than {MAX_NODES:,} groups and arrays")
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError(f"{name} is a link")
                if isinstance(group[name], h5py.Group):
                    groups.append(group[name])
                elif group[name].external or group[name].is_virtual:
                    raise ValueError(f"{name} lies in another file")
                else:
                    declared += group[name].size * group[name].dtype.itemsize
                    shapes[group[name].name] = group[name].shape
        if declared > largest:
            raise ValueError(f"its arrays declare {declared:,} bytes, more than {largest:,}")
    return shapes
