"""What notebooks and programs call: `kgan.fit` trains, `kgan.load` opens, and what both return draws.

    run = kgan.fit("dcgan_fast", "digits", workdir="runs/digits")
    run.sample(100)
    kgan.load("mnist").walk([1, 5, 9]).save("walk.gif")

Bad input is a UserError, a ValueError in one sentence.
"""

import difflib
import functools
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgan import presets, recipe
from kgan.api import live, ranges
from kgan.data import arrays, sources
from kgan.data.source_types import Source
from kgan.runs import checkpoints, setup
from kgan.runs.directory import Run
from kgan.runs.mirror import Mirror
from kgan.runtime import files, machine, screen
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    import keras

    from kgan.api.handles import GeneratorHandle, RunHandle


def fit(model: str | None = None, data: Any = None, *, workdir: str | Path | None = None,
        init_from: "str | Path | GeneratorHandle | None" = None, trust: bool = False, minutes: float | None = None,
        callbacks: "Sequence[keras.callbacks.Callback]" = (), strategy: str = "auto", accept_labels: bool = False,
        checkpoint_seconds: float = 30.0, keep: int = checkpoints.HISTORY, patience: int | None = None,
        mirror: str | Path | None = None, deterministic: bool | None = None, **fields: Any) -> "RunHandle":
    """Trains a model in a run directory, as `kgan train` does: the same call with the same `workdir` goes on.

    A notebook shows the newest grid, the curves and the doctor's words while it trains; elsewhere there is text.

    Args:
        model: networks, by name; None: the run's own, else `dcgan`.
        data: name of a data set; path of your own images; an array of images, (n, H, W) or (n, H, W, C), uint8 or
            floats in [0, 1], [-1, 1] or [0, 255]; (images, labels); or ((images, labels), (test images, their labels)).
            None: the run's own, else the model's own. A run on arrays goes on when it is given them again.
        workdir: the run directory; None: runs/MODEL_DATA.
        init_from: RUN, RUN@STEP or preset:NAME, or what `fit` or `load` gave of a run or a preset, whose checkpoint (of
            the step that was loaded) a new run goes on from; or a .keras file or a SavedModel's directory, whose
            generator it begins with.
        trust: read a SavedModel, which is a program.
        minutes: a new run's length, in place of the recipe's: the call ends after so many minutes, with all that it
            does.
        callbacks: of Keras, called after kgan's own at the end of each tick.
        strategy: the devices to train on: "one", "mirrored", "multiworker"; "auto" takes what there is.
        accept_labels: go on with a run though the images' classes or clusters are others now than those that its
            networks were told.
        checkpoint_seconds: between checkpoints, which fall on ticks.
        keep: checkpoints kept beside the last three, spread over the run's whole length on a log scale.
        patience: looks in a row that find nothing better, after which the run ends; None: never.
        mirror: a directory that the run is copied to after each checkpoint, as on a drive; where `workdir` isn't there,
            it is brought back from it.
        deterministic: whether TensorFlow is asked for the same bits each time; None: on GPUs, where it has to be asked.
        fields: of `kgan.recipe.Recipe`, by name: steps=2400, penalty="r1", …; those that are None count as not given.

    Returns:
        The run. Where a notebook's stop button ended it early, the same call goes on.

    Raises:
        UserError: a ValueError in one sentence: an unknown name, a value out of range, data that can't be had, another
            recipe than the run's, or training that diverged.
        KeyboardInterrupt: Ctrl-C, outside notebooks; the run is saved.

    Example::

        run = kgan.fit("dcgan_fast", "photos", workdir="runs/photos", minutes=10, callbacks=[MyTracker()])
    """
    began = time.monotonic()
    in_memory = None if data is None or isinstance(data, str | Path) else _arrays(data)
    given = _given(model, data if in_memory is None else None, fields)
    begins = None if init_from is None else _start(init_from)
    shown = live.Live("Training") if live.in_notebook() else None
    with screen.attached(screen.Screen()) if shown is None else shown.attached():
        job = setup.resolve(given, None if workdir is None else str(workdir), init_from=begins,
                            trust=trust, arrays=in_memory, minutes=minutes,
                            mirror=None if mirror is None else str(mirror))
        from kgan.api.handles import RunHandle
        from kgan.runs import loop

        train = functools.partial(loop.train, *job, minutes=minutes, strategy=strategy, accept_labels=accept_labels,
                                  checkpoint_seconds=checkpoint_seconds, history=keep, began=began, patience=patience,
                                  deterministic=deterministic,
                                  mirror=None if mirror is None else Mirror(job.run, mirror))
        if shown is None:
            outcome = train(callbacks=callbacks)
        else:
            shown.title = f"{job.recipe.model} on {job.recipe.dataset or job.recipe.data or arrays.IN_MEMORY}"
            outcome = train(callbacks=[*callbacks, shown.callback(job.run)], screen=shown.bar)
            shown.end(job.run, outcome.step)
    if outcome.signal is not None and shown is None:
        raise KeyboardInterrupt if outcome.signal == signal.SIGINT else SystemExit(128 + outcome.signal)
    return RunHandle(job.run)


def load(what: "str | Path | GeneratorHandle", step: int | str | None = None, *,
         trust: bool = False) -> "GeneratorHandle":
    """Opens what draws: a run directory, a .keras file, an export, or a preset by its name.

    Args:
        what: a path or, where nothing is there, a preset's name; what `fit` or `load` gave comes back as it is.
        step: of a run's checkpoint; "last": the last one; None: the best where it is kept, else the last one.
        trust: load a SavedModel, which is a program that can do anything on this machine.

    Raises:
        UserError: nothing there that draws, or a SavedModel without `trust`.
    """
    if not isinstance(what, str | Path):
        return what
    path, name = files.expanded(what), str(what).removeprefix(presets.PREFIX)
    run = Run(path)
    if step is not None and not run.exists():
        raise UserError(f"step={step} is for a run directory, and {str(what)!r} is none.")
    is_keras = path.suffix == ".keras" and path.is_file()
    if not (run.exists() or is_keras or path.is_dir() or name in presets.names()):
        raise UserError(f"{str(what)!r} is neither a run directory, nor a .keras file, nor an export, nor a preset"
                        f"{_nearest(name, presets.names())}; presets: {', '.join(presets.names())}.")
    machine.import_tensorflow()
    from kgan.api import handles
    from kgan.runs.generators import open_generator

    if run.exists():
        return handles.RunHandle(run, step)
    if is_keras:
        return handles.open_keras(path)
    if path.is_dir():
        return handles.open_export(path, trust=trust)
    place = f"{presets.PREFIX}{name}"
    return handles.GeneratorHandle(name, open_generator(place), Run(place).class_names)


def _start(init_from: "str | Path | GeneratorHandle") -> str:
    """Returns what a run begins with as `--init_from` names it.

    Raises:
        UserError: it is neither a path nor what was loaded from a run or a preset.
    """
    if isinstance(init_from, str | Path):
        return str(init_from)
    from kgan.api.handles import GeneratorHandle, RunHandle

    if isinstance(init_from, RunHandle):
        return f"{init_from.path}@{init_from.step}"
    if isinstance(init_from, GeneratorHandle) and init_from.name in presets.names():
        return f"{presets.PREFIX}{init_from.name}"
    raise UserError(f"init_from={init_from!r} is neither a path nor a run or preset that was loaded; give the path of "
                    "the .keras file or of the export itself.")


def _given(model: str | None, data: str | Path | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the recipe's fields that were given, as the command's flags would give them.

    Raises:
        UserError: a name that no field has, or data that are neither a known name nor there.
    """
    known = recipe.fields()
    for old, new in recipe.RENAMED.items():
        if fields.get(old) is not None and fields.get(new) is not None:
            raise UserError(f"{old}={fields[old]} and {new}={fields[new]} are one setting, by its old and its new "
                            f"name; give {new} alone.")
    fields = {recipe.RENAMED.get(name, name): value for name, value in fields.items() if value is not None}
    if unknown := [name for name in fields if name not in known]:
        raise UserError(f"fit has no setting {unknown[0]!r}{_nearest(unknown[0], known)}; it takes workdir, init_from, "
                        "trust, minutes, callbacks, strategy, accept_labels, checkpoint_seconds, keep, patience, "
                        "mirror, deterministic and the fields of a recipe: help(kgan.recipe.Recipe).")
    given = {name: value.item() if hasattr(value, "item") else value for name, value in fields.items()}  # NumPy's
    if model is not None:
        given["model"] = model
    if data is not None:
        named = str(data) in sources.names() and "dataset" not in given
        if not named and not files.expanded(data).exists():
            near = _nearest(str(data), sources.names())
            raise UserError(f"data={str(data)!r} is neither there nor a data set{near}; "
                            f"data sets: {', '.join(sources.names())}; your own images: a path.")
        given["dataset" if named else "data"] = str(data)
    return given


def _arrays(data: Any) -> Source:
    """Returns arrays as a source.

    Raises:
        UserError: they are no images, or labels are not one for each, or nobody can know their range.
    """
    if hasattr(data, "element_spec"):
        raise UserError("data is a tf.data.Dataset, and kgan shuffles by itself; give arrays: "
                        "np.stack(list(dataset.unbatch().as_numpy_iterator())).")
    pair = isinstance(data, tuple) and len(data) == 2
    if pair and all(isinstance(one, tuple) and len(one) == 2 for one in data):
        (images, labels), test = data
        return arrays.in_memory(_uint8(images), labels, (_uint8(test[0]), test[1]))
    images, labels = data if pair else (data, None)
    return arrays.in_memory(_uint8(images), labels)


def _uint8(images: Any) -> np.ndarray:
    try:
        array = np.asarray(images)
    except ValueError as error:
        raise UserError("data holds images of several shapes; give one array, (n, H, W) or (n, H, W, C).") from error
    if array.dtype.kind not in "iuf" or array.ndim not in (3, 4) or not array.size:
        raise UserError(f"data is {type(images).__name__} of {array.dtype} and shape {array.shape}; give the name of a "
                        "data set, a path, or images, (n, H, W) or (n, H, W, C).")
    if array.dtype == np.uint8:
        return array
    values = array.reshape(-1, 1, 1)
    return ranges.as_uint8(values, ranges.find_range(values)).reshape(array.shape)


def _nearest(name: str, known: Sequence[str]) -> str:
    """Returns a question after the known name that is most like `name`; "" where none is."""
    near = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
