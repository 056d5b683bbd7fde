"""The doctor for anybody's GAN: a Keras callback, and one call per epoch in a loop of one's own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kgan import losses
from kgan.api.ranges import Range, as_uint8, find_range, likeliest
from kgan.data import cache
from kgan.runtime.errors import UserError
from kgan.scoring import doctor
from kgan.scoring.benchmark import Benchmark, Numbers, open_judges, unjudged

COUNT = 1000  # images of each kind that are compared
KNOWN = 10_000  # images, at most, that judges learn from and copies are looked for among
FEWEST = 50
LEAST = FEWEST // 5  # images that are held out of so few
PART = 250  # images that are drawn at a time
ADVICE = {  # where the doctor's own speaks of kgan's flags
    "diverged": "go back to weights from before, and lower the rates",
    "discriminator saturated": "lower the discriminator's rate, or give it dropout: one that is sure of all images "
                               "tells the generator little about which are better",
    "discriminator memorises": "train on more images, or augment what the discriminator sees, both kinds alike, "
                               "or stop earlier",
    "a class thins out": "early in training, train longer; where the share keeps falling, go back to weights from "
                         "before and lower the discriminator's rate",
}

Prior = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


class Doctor(keras.callbacks.Callback):
    """Looks at a generator's samples beside real images and says in words what is wrong, when it is new.

    Part of the images is held out to compare with. Where labels are given, a small classifier is trained on the others
    (kept for the next time; MNIST's comes with kgan), and classes that are missing are seen. Without labels there are
    the numbers that need none: whether the images are of another kind, or of a part of the data alone, copies,
    duplicates, noise, blur, contrast.

    Args:
        images: real ones, square, (n, H, H), (n, H, H, 1) or (n, H, H, 3): uint8, or floats in [-1, 1], [0, 1] or
            [0, 255]; 50 or more, which the GAN is trained on.
        labels: their classes, (n,) integers; None: none are known.
        generator: a Keras model, or a function from noise to images; None: the model's attribute `generator`.
        every: epochs between looks under `fit`.
        count: images of each kind to compare, at most, 10 or more; at most a fifth of the images is held out.
        latent_dim: length of the noise, or its shape without the batch; None: what the generator's input says, else the
            model's attribute `latent_dim`, else what it was at the look before.
        prior: from a NumPy generator and a shape to noise; None: N(0, 1). "uniform": uniform in [-1, 1].
        loss: the adversarial loss by kgan's name, to read `D(x)` and `D(G(z))` by; None: that of the `kgan.GAN` that is
            fitted, else what is given to `look` under these names are probabilities, and what `fit` logs is not judged.
        say: takes each sentence.

    Judges are made from seeds of their own: make the doctor before you set yours.

    Attributes:
        history: a dictionary for each look: `epoch`, `numbers`, `findings`.

    Raises:
        UserError: the images or labels are not of these forms.

    Example::

        model.fit(images, epochs=30, callbacks=[kgan.Doctor(images, labels)])

        doctor = kgan.Doctor(images, labels, generator=generator)  # in a loop of one's own
        for epoch in range(30):
            ...
            doctor.look(epoch=epoch)
    """

    def __init__(self, images: Any, labels: Any = None, *, generator: Any = None, every: int = 1, count: int = COUNT,
                 latent_dim: int | Sequence[int] | None = None, prior: "Prior | str | None" = None,
                 loss: str | None = None, say: Callable[[str], None] = print) -> None:
        super().__init__()
        self.loss = None if loss is None else losses.get(loss)
        if every < 1:
            raise UserError(f"every={every} must be 1 or more.")
        if count < LEAST:
            raise UserError(f"count={count} must be {LEAST} or more: some numbers look for five neighbours.")
        self.generator, self.latent_dim, self.every, self.say = generator, latent_dim, every, say
        self.prior = _prior(prior)
        self.history: list[dict[str, Any]] = []
        self._shape: tuple[int, ...] | None = None  # of the noise at the look before, without the batch
        self._known: set[str] | None = None  # verdicts of the look before
        images = np.asarray(images)
        self.range = find_range(images)
        self.outputs: Range | None = None  # of the generator, from its first look on
        say(f"Doctor: images taken as {images.dtype} in [{self.range.low:g}, {self.range.high:g}].")
        self._benchmark, self._real = _open(as_uint8(images, self.range), labels, count)
        judges = self._benchmark.judges
        say(f"Doctor: {self._benchmark.count:,} images are held out to compare with; "
            + (f"the judge gets {judges[0].accuracy:.1%} of them right." if judges else
               f"{unjudged(self._benchmark.train, self._benchmark.test)}, so it can't see classes that are missing."))

    def on_train_begin(self, logs: Any = None) -> None:
        """Raises UserError when there is no generator to look at."""
        self._noise_shape(self._generator(None))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks, after every `every` epochs."""
        if (epoch + 1) % self.every == 0:
            self.look(epoch=epoch + 1, logs=logs)

    def look(self, generator: Any = None, *, epoch: int | None = None,
             logs: Mapping[str, Any] | None = None) -> list[doctor.Finding]:
        """Draws samples, says what is new, and returns all that is wrong, worst first.

        Args:
            generator: as the constructor's, in place of it.
            epoch: said with the words.
            logs: losses by name, of which `d_loss`, `g_loss`, `D(x)`, `D(G(z))` and `D_gap` (of
                `kgan.metrics.gap`) are judged.

        Raises:
            UserError: no generator, or its images are not of the real ones' shape.
        """
        generator = self._generator(generator)
        drawn = self._draw(generator)
        row = {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
        numbers: Numbers = {}
        if np.isfinite(drawn).all():
            if self.outputs is None or self.range.holds(drawn) or not self.outputs.holds(drawn):
                self.outputs = likeliest(drawn, self.range)
            numbers = self._benchmark.measure(as_uint8(drawn, self.outputs))
        else:
            row["g_loss"] = np.nan
        findings = [finding._replace(advice=ADVICE.get(finding.verdict, finding.advice))
                    for finding in doctor.diagnose(numbers, [row] if row else [], self._real, self._loss())]
        if not any(finding.verdict in ("diverged", "not trained yet") for finding in findings):
            findings = [*_untrained_norms(generator), *findings]
        self.history.append({"epoch": epoch, "numbers": numbers, "findings": findings})
        self._speak(findings, "" if epoch is None else f"Epoch {epoch}: ")
        return findings

    def _speak(self, findings: Sequence[doctor.Finding], when: str) -> None:
        """Says the verdicts that the look before had not; and that all is well, when it is new."""
        new = [f"{when}{finding.verdict}: {finding.evidence}; {finding.advice}." for finding in findings
               if finding.verdict not in (self._known or ())]
        if not findings and self._known != set():
            new = [f"{when}{doctor.conclusion(self.history[-1]['numbers'])}."]
        behind_a_bar = (self.params or {}).get("verbose") in (1, "auto")  # Keras', whose line isn't ended yet
        for number, sentence in enumerate(new):
            self.say(f"\n{sentence}" if behind_a_bar and not number else sentence)
        self._known = {finding.verdict for finding in findings}

    def _loss(self) -> losses.Loss | None:
        """Returns the loss that D's numbers are of, as far as it is known."""
        if self.loss is None and self.model is None:
            return losses.non_saturating  # of which D(x) is the sigmoid
        return self.loss or getattr(self.model, "adversarial_loss", None)

    def _generator(self, other: Any) -> Any:
        for generator in (other, self.generator, getattr(self.model, "generator", None)):
            if generator is not None:
                return generator
        raise UserError("there is no generator to look at: give Doctor(images, generator=…), or the model an attribute "
                        "`generator`.")

    def _noise_shape(self, generator: Any) -> tuple[int, ...]:
        """Returns the noise's shape without the batch."""
        if self.latent_dim is not None:
            return tuple(np.atleast_1d(self.latent_dim).tolist())
        inputs = getattr(generator, "inputs", None) or []
        if len(inputs) > 1:
            raise UserError(f"the generator takes {len(inputs)} inputs; give a function of noise alone: "
                            "Doctor(images, generator=lambda z: generator([z, labels]), latent_dim=…).")
        if inputs and None not in inputs[0].shape[1:]:
            return tuple(inputs[0].shape[1:])
        if (length := getattr(self.model, "latent_dim", None)) is not None:
            return (int(length),)
        if self._shape is not None:
            return self._shape
        raise UserError("nothing says how long the generator's noise is; give Doctor(images, latent_dim=…).")

    def _draw(self, generator: Any) -> np.ndarray:
        """Returns `count` images of the same noise at each look, as the generator gives them."""
        count = self._benchmark.count
        self._shape = shape = self._noise_shape(generator)
        noise = self.prior(np.random.default_rng(0), (count, *shape)).astype(np.float32)
        settings = {"training": False} if isinstance(generator, keras.layers.Layer) else {}
        parts = [generator(keras.ops.convert_to_tensor(noise[start:start + PART]), **settings)
                 for start in range(0, count, PART)]
        drawn = np.concatenate([np.asarray(keras.ops.convert_to_numpy(part), np.float32) for part in parts])
        drawn = drawn[..., None] if drawn.ndim == 3 else drawn
        if drawn.shape[1:] != self._benchmark.real.shape[1:]:
            raise UserError(f"the generator's images are of shape {drawn.shape[1:]}, and the real ones of "
                            f"{self._benchmark.real.shape[1:]}; they must be alike.")
        return drawn


def _untrained_norms(generator: Any) -> list[doctor.Finding]:
    """Tells whether a Keras model's batch norms all have the means that they were made with."""
    means = [variable for variable in getattr(generator, "variables", ()) if variable.path.endswith("/moving_mean")]
    if not means or any(np.any(keras.ops.convert_to_numpy(mean)) for mean in means):
        return []
    return [doctor.Finding("batch norm untrained", f"the moving means of all {len(means)} batch norms are still 0",
                           "call both networks with training=True where they are trained: without it batch norm and "
                           "dropout do nothing")]


def _prior(prior: "Prior | str | None") -> Prior:
    known: dict[str, Prior] = {"normal": lambda random, shape: random.standard_normal(shape),
                               "uniform": lambda random, shape: random.uniform(-1.0, 1.0, shape)}
    if callable(prior):
        return prior
    if (name := prior or "normal") not in known:
        raise UserError(f"prior={prior!r} is unknown; known: {', '.join(known)}, or a function of a NumPy generator "
                        "and a shape.")
    return known[name]


def _open(images: np.ndarray, labels: Any, count: int) -> tuple[Benchmark, dict[str, Numbers]]:
    """Returns what samples are compared with, and the same numbers of real images."""
    if len(images) < FEWEST:
        raise UserError(f"{len(images)} images are few; give {FEWEST} or more.")
    classes = None if labels is None else np.asarray(labels).squeeze()
    if classes is not None and (classes.shape != images.shape[:1] or classes.dtype.kind not in "iu"):
        raise UserError(f"labels are {classes.dtype} of shape {classes.shape}; give a whole number for each of the "
                        f"{len(images):,} images.")
    order = np.random.default_rng(0).permutation(len(images))
    held_out = min(count, len(images) // 5)
    chosen = np.sort(order[:held_out]), np.sort(order[held_out:held_out + KNOWN])
    test, train = (cache.Prepared(images[rows], None if classes is None else classes[rows].astype(np.int64),
                                  cache.fingerprint(images[rows]), []) for rows in chosen)
    judges = open_judges("mnist", train, test) if cache.class_numbers(train, test) else []  # a judge that reads MNIST
    benchmark = Benchmark("the images held out", train, test, judges, count=held_out, subsets=5)
    return benchmark, {doctor.REAL: benchmark.floor()}
