"""What `kgan.load` and `kgan.fit` give: something that draws, and a run that draws and tells how it went."""

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from kgan import images as images_lib
from kgan import latent, sampling
from kgan.api import live
from kgan.data import arrays, classes
from kgan.drawing import grids, html
from kgan.evaluation import evaluate, exports
from kgan.runs import checks, generators, log, scores
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError, reason
from kgan.scoring import doctor, table
from kgan.serving import export

SIDE = 640  # of a sample in pixels, at most, where its pixels are repeated
COLUMNS = 20  # classes up to which a sample has a column for each

Labels = int | str | Sequence[int] | Sequence[str] | np.ndarray | None


class GeneratorHandle:
    """A generator that draws by seeds. `name` says what it is, `class_names` how its classes are called, if known."""

    def __init__(self, name: str, generator: keras.Model, class_names: Sequence[str] | None = None) -> None:
        self.name = name
        self.generator = generator
        self.class_names = class_names

    @property
    def classes(self) -> int:
        """How many classes the generator can be told; 0 where it takes no labels."""
        return sampling.classes(self.generator)

    def images(self, seeds: Sequence[int] | range, labels: Labels = None, *, truncation: float = 1.0) -> np.ndarray:
        """Returns uint8 images, (len(seeds), H, W, C); each depends on its own seed, and label, alone.

        Args:
            seeds: whole numbers from 0 on.
            labels: a class, or several that the seeds take in turn, by number or by name; None: all classes in turn.
            truncation: ψ, in [0, 1], by which z is scaled: of a smaller one pictures are more alike, and more are good.

        Raises:
            UserError: a seed or a label that is none, or labels for a generator without classes; or a truncation out of
                range, or one that changes nothing, for a generator that normalises z.
        """
        rows = sampling.whole_numbers(seeds, "seeds")
        told = None if labels is None else self._numbers(labels)
        grids.check_labels(self.generator, told)
        return sampling.draw(self._render, self.generator, rows, None if told is None else np.resize(told, len(rows)),
                             truncation=truncation)

    def sample(self, count: int = 64, labels: Labels = None, *, truncation: float = 1.0) -> Image.Image:
        """Returns a grid of the first `count` seeds, a picture of PIL's; with classes, a column for each.

        Raises:
            UserError: as `images`.
        """
        if not 1 <= (count := whole_number(count, "count")) <= sampling.MOST:
            raise UserError(f"count={count} must be from 1 to {sampling.MOST:,}.")
        columns = self.classes if labels is None else len(self._numbers(labels))
        wide = columns if 1 < columns <= min(COLUMNS, count) else None
        drawn = self.images(range(count), labels, truncation=truncation)
        return images_lib.enlarged(images_lib.grid(drawn, wide), SIDE)

    def walk(self, seeds: Sequence[int] = (0,), labels: Labels = None, frames: int = 24, *, truncation: float = 1.0,
             rows: int = 1, columns: int = 1) -> grids.Walk:
        """Draws the way from seed to seed and back to the first; a notebook shows it moving, `.save` writes it.

        Args:
            seeds: to pass, two or more; with several labels one is enough.
            labels: a class to stay in, or several to pass, by number or by name; None: class 0, where there are any.
            frames: pictures from each stop to the next.
            truncation: as of `images`.
            rows: of a grid of walks side by side; the seeds are those of one walk after those of the other.
            columns: likewise.

        Raises:
            UserError: too few stops, or as `images`.
        """
        numbers, told = sampling.whole_numbers(seeds, "seeds"), [] if labels is None else self._numbers(labels)
        frames, rows, columns = (whole_number(value, name) for value, name in (
            (frames, "frames"), (rows, "rows"), (columns, "columns")))
        if max(len(numbers) // max(1, rows * columns), len(told)) < 2:
            raise UserError(f"seeds={seeds} is one stop; a walk needs two or more.")
        drawn: dict[str, Any] = {"truncation": truncation, "rows": rows, "columns": columns}
        if len(told) > 1:
            return grids.class_walk(self.generator, told, numbers, frames, **drawn)
        return grids.walk(self.generator, numbers, frames, *told, **drawn)

    def _numbers(self, labels: Labels) -> list[int]:
        """Returns class numbers; a string is always a class's name, also "7"."""
        given = np.atleast_1d(np.asarray([0] if isinstance(labels, range) else labels))  # which may be huge
        if given.dtype.kind != "U":
            return sampling.whole_numbers(labels, "labels")
        grids.check_labels(self.generator, [0])
        return classes.numbers(given.tolist(), self.class_names)

    def save(self, out: str | Path) -> None:
        """Writes the generator as a .keras file, in Keras' own layers where it can: it loads without kgan then.

        Raises:
            UserError: another suffix.
        """
        if Path(out).suffix != ".keras":
            raise UserError(f"out={str(out)!r} must end in .keras; pictures: .sample().save('grid.png').")
        generators.write_keras(self.generator, Path(out))

    def export(self, out: str | Path, form: str = "saved_model") -> Path:
        """Writes a verified export for servers, the next version in `out`; returns where it is.

        Args:
            out: directory of the versions.
            form: "saved_model", "onnx", "litert", "openvino" or "web".

        Raises:
            UserError: as `kgan export`.
        """
        export.check(Path(out), form)
        return export.export(self.generator, Path(out), form).version

    @functools.cached_property
    def _render(self) -> Callable[..., tf.Tensor]:
        return sampling.renderer(self.generator)

    def __repr__(self) -> str:
        return f"<{self.name}; .sample(64), .images([0, 1]) and .walk([1, 5, 9]) draw>"

    def _repr_html_(self) -> str:
        return html.page(self.name, [html.grid(self.sample(64))], [])


class RunHandle(GeneratorHandle):
    """A run: what it draws, its log, and what was found of it.

    Args:
        run: the run directory.
        step: of a checkpoint; "last": the last one; None: the best where it is kept, else the last one.
    """

    def __init__(self, run: Run, step: int | str | None = None) -> None:
        self.run = run
        self.path = run.path
        self.recipe = run.recipe()
        self._rows_to = math.inf if step in (None, "last") else whole_number(step, "step")
        step = run.drawn_step(step)  # found once: the run may go on
        super().__init__("", generators.open_generator(run.path, step), run.class_names)
        self.step = run.logged_step() if step is None else step
        data = self.recipe.dataset or checks.last_name(self.recipe.data or arrays.IN_MEMORY)
        self.name = f"{self.recipe.model} on {data}, step {self.step:,} ({run.path})"

    @property
    def log(self) -> list[dict[str, float]]:
        """The rows of log.csv, up to the step that was asked for."""
        return [row for row in log.read(self.run.log_file) if row["step"] <= self._rows_to]

    @property
    def scores(self) -> dict[str, float] | None:
        """The numbers that `evaluate` found of this step; None before."""
        kept = scores.load(self.run, self.step)
        return None if kept is None else kept["numbers"]

    @property
    def verdict(self) -> str | None:
        """What the doctor said of this step when it was evaluated, in one line; None before."""
        kept = scores.load(self.run, self.step)
        return None if kept is None else doctor.verdict(kept, evidence=True)

    def evaluate(self, count: int = table.COUNT) -> evaluate.Evaluation:
        """Scores `count` images beside as many test images, as `kgan evaluate`; the run keeps what was found.

        Raises:
            UserError: the data can't be had.
        """
        return evaluate.evaluate(self.path, step=self.step if log.read(self.run.log_file) else None,
                                 count=whole_number(count, "count"))

    def export(self, out: str | Path, form: str = "saved_model") -> Path:
        """As `GeneratorHandle.export`, with a model card."""
        return export.export_run(self.run, Path(out), form, self.step if self.run.last_step() else None).version

    def _repr_html_(self) -> str:
        verdict = self.verdict
        lines = ([f"Verdict: {verdict}.", f"Next: kgan export {self.path} export/{self.path.name}"] if verdict else
                 ["Not evaluated yet.", f"Next: run.evaluate(), or kgan evaluate {self.path}"])
        return html.page(self.name, live.pictures(self.run), lines)


class ExportHandle(GeneratorHandle):
    """A SavedModel that `kgan export` wrote: it draws, and has no layers to look into."""

    def __init__(self, path: Path) -> None:
        self.name = f"export {path}"
        self._export = exports.Export(path)

    @property
    def classes(self) -> int:
        """0: a SavedModel doesn't say how many."""
        return 0

    def images(self, seeds: Sequence[int] | range, labels: Labels = None, *, truncation: float = 1.0) -> np.ndarray:
        """As `GeneratorHandle.images`; labels must be given where the export takes them, and be classes of it.

        Raises UserError for a truncation below 1, too: nothing tells which values of z choose a cluster.
        """
        self._check_truncation(truncation)
        rows = sampling.whole_numbers(seeds, "seeds")
        return self._draw(latent.from_seeds(rows, self._export.latent_dim).numpy(), labels)

    def walk(self, seeds: Sequence[int] = (0,), labels: Labels = None, frames: int = 24, *, truncation: float = 1.0,
             rows: int = 1, columns: int = 1) -> grids.Walk:
        """As `GeneratorHandle.walk`, within one class; one walk alone, and without truncation."""
        self._check_truncation(truncation)
        if (rows, columns) != (1, 1):
            raise UserError(f"{self.name} draws one walk at a time; load its run for a grid of them.")
        numbers = sampling.whole_numbers(seeds, "seeds")
        if len(numbers) < 2:
            raise UserError(f"seeds={seeds} is one stop; a walk needs two or more.")
        stops = latent.from_seeds(numbers, self._export.latent_dim).numpy()
        return grids.Walk(self._draw(latent.walk(stops, frames), labels), frames)

    def _check_truncation(self, truncation: float) -> None:
        if truncation != 1:
            raise UserError(f"truncation={truncation} needs to know which values of z may be scaled, and {self.name} "
                            "doesn't say; load its run.")

    def save(self, out: str | Path) -> None:
        """Raises UserError: a SavedModel has no layers."""
        raise UserError(f"{self.name} can't become a .keras file: it has no layers; save its run.")

    def export(self, out: str | Path, form: str = "saved_model") -> Path:
        """Raises UserError: it is one."""
        raise UserError(f"{self.name} is an export; export its run.")

    def _draw(self, z: np.ndarray, labels: Labels) -> np.ndarray:
        if (labels is None) == ("label" in self._export.inputs):
            raise UserError(f"{self.name} takes {'labels; give labels=' if labels is None else 'no labels'}.")
        if labels is None:
            return self._export.draw(z)
        try:
            return self._export.draw(z, np.resize(sampling.whole_numbers(labels, "labels"), len(z)).astype(np.int32))
        except tf.errors.InvalidArgumentError as error:
            raise UserError(f"labels={labels} are refused by {self.name}: one is none of its classes, which its "
                            "MODEL_CARD.md names.") from error


def open_keras(path: Path) -> GeneratorHandle:
    """Opens the generator in a .keras file, or that of the `GAN` in it. No code in the file runs.

    Raises:
        UserError: it is damaged, or holds what kgan and Keras don't know, or no generator, or NaN.
    """
    from kgan.gan import GAN

    try:
        model: Any = keras.saving.load_model(path, compile=False, safe_mode=True)
        generator = model.sampler if isinstance(model, GAN) else model
        known = len(generator.inputs[0].shape) == 2 and len(generator.outputs[0].shape) == 4
    except Exception as error:  # zip, HDF5 and Keras raise nearly anything on damaged files
        raise UserError(f"{str(path)!r} can't be loaded ({reason(error)}); give a generator or a kgan.GAN that Keras "
                        "saved.") from error
    if not known:
        raise UserError(f"{str(path)!r} holds no generator: it doesn't map z, (n, length), to images, (n, H, W, C).")
    generators.check_finite(generator, repr(str(path)))
    return GeneratorHandle(f"{path.name}", generator)


def open_export(path: Path, *, trust: bool) -> GeneratorHandle:
    """Opens the newest version in a directory of exports, or one version.

    Raises:
        UserError: there is none, or an ONNX model, or a web page, or a SavedModel without `trust`.
    """
    if saved_model := exports.find(path, trust=trust, flag="trust=True", use="load"):
        return ExportHandle(saved_model)
    if pages := [*path.glob("index.html"), *path.glob("[0-9]*/index.html")]:
        raise UserError(f"{str(pages[-1].parent)!r} is a web page; open it in a browser, or load its run.")
    raise UserError(f"{str(path)!r} is neither a run directory nor an export; kgan.fit makes the one, .export the "
                    "other.")


def whole_number(value: Any, name: str) -> int:
    """Returns a whole number, Python's or NumPy's. Raises UserError when it is none, or below 0 or 2⁶³ and more."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**63:
        raise UserError(f"{name}={value!r} must be a whole number.")
    return int(value)
