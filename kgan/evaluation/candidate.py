"""What is scored: a run, a SavedModel, a folder of images, or an array of them."""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kgan import latent
from kgan.data import arrays, cache, local, pictures, sources
from kgan.data.source_types import BadPictureError, Source
from kgan.evaluation import exports
from kgan.images import repeated
from kgan.metrics.baselines import subset
from kgan.runs.directory import Run
from kgan.runs.generators import open_generator
from kgan.runs.training_data import check_recorded, locate_recorded
from kgan.runtime.errors import UserError
from kgan.sampling import generate
from kgan.scoring.benchmark import COUNT, Benchmark, Numbers, open_benchmark, unjudged
from kgan.scoring.colour_judge import SHA256

LARGEST = 1024  # height of images
LOOKED_AT = 200  # pictures of a data set, to tell whether it has colours
RELIABLE = 0.9  # accuracy of a judge
FEWEST = 10  # images: some numbers look for five neighbours


class Candidate(NamedTuple):
    """Images not drawn yet, and what the command must know about them."""

    name: str  # for the protocol line: what they are and how they are drawn
    image_shape: tuple[int, int, int]
    limit: int | None  # how many there are; None: as many as one wants
    draw: Callable[[int], np.ndarray]  # returns that many, uint8 (n, H, W, C)
    dataset: str | None = None  # that a run was trained on
    data: str | None = None
    crop: int | None = None
    skip_bad: bool = False
    trained_on: str | None = None  # SHA-256 of the training images
    run: Run | None = None
    step: int = 0  # of its checkpoint
    class_counts: Sequence[int] | None = None  # training images of each class that the generator is told

    def labels(self, count: int) -> np.ndarray | None:
        """Returns the classes that `draw` of as many asks for, int32 (count,); None where it asks for none."""
        return None if self.class_counts is None else latent.proportional_labels(self.class_counts, count)


def open_candidate(path: Path, step: int | str | None = None, *, trust: bool = False,
                   skip_bad: bool = False) -> Candidate:
    """Finds out what is at `path`. A run's generator is that of `step`; by default, that of `Run.drawn_step`.

    A SavedModel, which is a program, is only loaded with `trust`. Pictures of a folder that can't be read are left out
    with `skip_bad`.

    Raises:
        UserError: nothing there that can be scored, or no such step.
    """
    if Run(path).exists():
        return _run(Run(path), step)
    if step is not None:
        raise UserError(f"--step={step} is for a run directory, and {str(path)!r} is none.")
    if path.is_dir():
        saved_model = exports.find(path, trust=trust, flag="--trust", use="score")
        return _folder(path, skip_bad) if saved_model is None else _saved_model(saved_model)
    if path.suffix in (".npy", ".npz") and path.is_file():
        return _array(path)
    raise UserError(f"{str(path)!r} is {'none of these' if path.exists() else 'not there; give one of these'}: a run "
                    "directory, a SavedModel, a folder of images, an .npy or .npz array.")


def benchmark_for(candidate: Candidate, *, count: int = COUNT, dataset: str | None = None, data: str | None = None,
                  crop: int | None = None, fid: bool = False, judges: int = 1) -> tuple[Benchmark, list[str]]:
    """Opens what the candidate is compared with; returns it with sentences that must stand beside the numbers.

    Raises:
        UserError: nothing says what to compare with, or the data can't be used, or there are too few images.
    """
    if dataset is None and data is None:
        dataset, data = candidate.dataset, candidate.data
        if dataset is None and data is None:
            raise UserError(f"{candidate.name}: say what to compare it with, by --dataset=NAME or --data=PATH.")
        if candidate.run is not None and data is not None:  # a path that nobody but config.json names
            source = locate_recorded(candidate.run)
            check_recorded(candidate.run, cache.prepare(source, **candidate.run.recipe().image_settings), source)
    if candidate.limit is not None and candidate.limit < FEWEST:
        raise UserError(f"{candidate.name} holds {candidate.limit} images; {FEWEST} are the fewest that can be "
                        "compared.")
    height, width, channels = candidate.image_shape
    source = sources.locate(dataset, data)
    if candidate.limit is not None and channels == 1 and _has_colours(source):
        channels = 3  # or nothing tells that the images lack them
    benchmark = open_benchmark(source, image_size=max(height, width), height=height, width=width, channels=channels,
                               crop=candidate.crop if crop is None else crop, skip_bad=candidate.skip_bad,
                               count=min(count, candidate.limit or count), judges=judges, fid=fid)
    notes = []
    if candidate.trained_on not in (None, benchmark.train.sha256):
        notes.append("Note: the run was trained on other images than this data set's training images, so the test "
                     "images may be among them.")
    if benchmark.trained is not None:
        notes.append(f"Note: of {len(benchmark.trained)} images none are held out, so samples are compared with half "
                     "of the training images, of which copies would look good: read the number of copies.")
    elif not benchmark.judges:
        notes.append(f"Note: {unjudged(benchmark.train, benchmark.test)}, so no judge learns their classes: the "
                     "carried colour judge stands in.")
    elif benchmark.judges[0].accuracy < RELIABLE:
        told = _told_its_classes(candidate, benchmark)
        notes.append(f"Note: the judge is right on {benchmark.judges[0].accuracy:.0%} only"
                     f"{', and no higher agreement can be asked of a generator' if told else ''}; read its numbers "
                     "beside the yardsticks.")
    if benchmark.count < 2000:
        biased = "FCD and FCD-32 are" if benchmark.judges else "FCD-32 is"
        notes.append(f"Note: {benchmark.count:,} images are few; {biased} biased upwards and all numbers are noisy.")
    return benchmark, notes


def measure(candidate: Candidate, benchmark: Benchmark) -> Numbers:
    """Draws what is scored and returns every number about it.

    Agreement with labels is among them where a run is told the classes of the data that it is compared with.
    """
    asked = candidate.labels(benchmark.count) if _told_its_classes(candidate, benchmark) else None
    return benchmark.measure(candidate.draw(benchmark.count), labels=asked)


def _told_its_classes(candidate: Candidate, benchmark: Benchmark) -> bool:
    """Tells whether a run's class numbers mean the judge's classes: the data are its own, and number them alike."""
    return (candidate.class_counts is not None and bool(benchmark.judges)
            and candidate.trained_on == benchmark.train.sha256 and len(candidate.class_counts) == len(benchmark.shares))


def protocol(candidate: Candidate, benchmark: Benchmark) -> str:
    """Returns the protocol in one line."""
    height, width, channels = benchmark.real.shape[1:]
    judges = "; ".join([*(f"{judge.name}, {judge.accuracy:.2%} on test" for judge in benchmark.judges),
                        f"carried colour judge {SHA256[:8]} at 32×32"])
    return (f"Protocol: {benchmark.count:,} images of {candidate.name}, against {benchmark.count:,} test images of "
            f"{benchmark.origin}, at {height}×{width}×{channels} (bicubic, antialiased where resized)"
            f"; features of {judges}.")


def _run(run: Run, step: int | str | None) -> Candidate:
    recipe = run.recipe()
    step = run.drawn_step(step)  # found once: the run may go on
    generator = open_generator(run.path, step)
    step = run.logged_step() if step is None else step
    weights = "EMA weights" if recipe.ema_decay_per_step is not None else "raw weights"
    name = f"{recipe.model} at step {step:,} ({run.path.name}, training seed {recipe.seed}), {weights}, moving " \
           "batch-norm statistics, seeds from 0"
    data = run.config()["data"]

    def draw(count: int) -> np.ndarray:
        return repeated(generate(generator, range(count), candidate.labels(count)), recipe.image_size)

    candidate = Candidate(name, recipe.image_shape, None, draw, recipe.dataset, recipe.data, recipe.crop,
                          recipe.skip_bad, data["sha256"], run, step, data.get("class_counts"))
    return candidate


def _saved_model(path: Path) -> Candidate:
    export = exports.Export(path)
    shape = export.image_shape
    if len(shape) != 3 or None in shape or shape[2] not in (1, 3, 4) or max(shape[:2]) > LARGEST:
        raise UserError(f"{str(path)!r} is a SavedModel of images of shape {shape}; those of 1, 3 or 4 channels can be "
                        f"scored, up to {LARGEST} pixels a side.")
    if set(export.inputs) != {"z"}:
        raise UserError(f"{str(path)!r} is a SavedModel that takes {', '.join(sorted(export.inputs))}; score its run: "
                        "only that knows how often each class is to be drawn.")
    return Candidate(f"SavedModel {path}, seeds from 0", shape, None, lambda count: export.draw(
        latent.from_seeds(range(count), export.latent_dim).numpy()))


def _folder(path: Path, skip_bad: bool) -> Candidate:
    source = dataclasses.replace(local.open_path(path, plain=True), held_out=False)
    size = next((min(pixels.shape[:2]) for pixels in _pixels(source)), 1)
    if size > LARGEST:
        raise UserError(f"folder {path} holds pictures of {size:,} pixels a side, at which all would be compared; "
                        f"scale them to {LARGEST:,} or less: the size at which they were drawn.")
    images = cache.prepare(source, image_size=size, channels=3, skip_bad=skip_bad).images
    if all((images[..., 0] == images[..., channel]).all() for channel in (1, 2)):  # grey, whatever the files say
        images = images[..., :1]
    return Candidate(f"folder {path}", images.shape[1:], len(images), lambda count: subset(images, count))


def _has_colours(source: Source) -> bool:
    """Tells whether any of a data set's first pictures has colours."""
    source.fetch()
    return any(pixels.ndim == 3 and (pixels != pixels[..., :1]).any()
               for pixels in itertools.islice(_pixels(source), LOOKED_AT))


def _pixels(source: Source) -> Iterator[np.ndarray]:
    """Yields a source's pictures, (H, W) or (H, W, C), but for those that can't be read: `prepare` reports them."""
    for item in source.items():
        with contextlib.suppress(BadPictureError):
            yield np.asarray(pictures.over_white(item.read().picture))


def _array(path: Path) -> Candidate:
    try:
        images = arrays.read_npz(path) if path.suffix == ".npz" else np.load(path, mmap_mode="r", allow_pickle=False)
    except UserError:
        raise
    except Exception as error:  # NumPy reads headers by Python's tokenizer, which raises errors of its own
        raise UserError(f"{str(path)!r} is no array of numbers ({arrays.reason(error)}); save uint8 images, "
                        "(n, H, W, C).") from error
    if images.ndim == 3:
        images = images[..., None]
    height, width, channels = images.shape[1:] if images.ndim == 4 else (0, 1, 0)
    if images.dtype != np.uint8 or channels not in (1, 3, 4) or max(height, width) > LARGEST:
        raise UserError(f"{str(path)!r} holds {images.dtype} of shape {images.shape}; give uint8 images of 1, 3 or 4 "
                        f"channels, up to {LARGEST} pixels a side: (n, H, W, C).")
    return Candidate(f"array {path.name}", (height, width, channels), len(images), lambda count: subset(images, count))
