"""What is measured for the papers' claims: each function returns a measure, from the laboratory to Evidence.

Means over a log are weighted by rows. "Quarters" are of a log's rows; the last is the end that papers speak of.
"""

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.claims import Evidence, MissingError
from experiments.lab import RESULTS, Lab, Result, lengths

TWENTY = 400_000  # images of Zhao's twenty epochs
UNEQUAL = 1.1  # times as many images, from which runs aren't compared
Rows = Sequence[Mapping[str, float]]
Measure = Callable[[Lab], Evidence]


def shortest(results: Sequence[Result]) -> float | None:
    """Returns the smallest share of its length that what draws was trained; None where none has a length."""
    return min((one for one in map(drawn_share, results) if one is not None), default=None)


def logs(*names: str, numbers: Callable[[Rows], Mapping[str, Any]], whole: float | None = None,
         needed: str = "d_loss") -> Measure:
    """Looks at the logs of jobs, an observation for each run; `whole`: the length that counts, in images."""
    def measure(lab: Lab) -> Evidence:
        found, reasons = [], []
        for name in names:
            try:
                found += [one for one in lab.results(name) if any(needed in row for row in one.rows)]
            except MissingError as missing:
                reasons.append(missing)
        if not found:
            raise reasons[0] if reasons else MissingError(f"not measured: no log of {', '.join(names)} has {needed}")
        each = [{"run": one.name, **numbers(until(one, whole))} for one in found]
        return Evidence(each, lengths(found, drawn=False, whole=whole), [one.share(whole=whole) for one in found],
                        [one.seed for one in found])
    return measure


def until(result: Result, images: float | None) -> Rows:
    """Returns the rows of a result's log up to so many images; None: all."""
    if images is None:
        return result.rows
    each = result.images / result.rows[-1]["step"]
    return [row for row in result.rows if row["step"] * each <= images * 1.001]


def scores(*names: str, numbers: Callable[[Mapping[str, Any], Lab], Mapping[str, Any]]) -> Measure:
    """Scores samples of jobs, an observation for each run."""
    def measure(lab: Lab) -> Evidence:
        found = [one for name in names for one in lab.results(name, generators=True)]
        each = [{"run": one.name, **numbers(one.numbers, lab)} for one in found]
        return Evidence(each, lengths(found), [drawn_share(one) for one in found], [one.seed for one in found])
    return measure


def drawn_share(result: Result) -> float | None:
    """Returns the share of its length that what draws was trained."""
    return result.share(result.drawn)


def together(*names: str, numbers: Callable[..., Mapping[str, Any] | list]) -> Measure:
    """Scores one run of each job beside one another, an observation for each seed that all have."""
    def measure(lab: Lab) -> Evidence:
        jobs = [{one.seed: one for one in lab.results(name, generators=True)} for name in names]
        # What has one seed, as PCA, stands beside each seed of the others.
        seeds = sorted(set.intersection(*(set(job) for job in jobs if len(job) > 1)) if any(
            len(job) > 1 for job in jobs) else next(iter(jobs)))
        used: dict[str, Result] = {}
        each, shares = [], []
        for seed in seeds:
            row = [job.get(seed) or next(iter(job.values())) for job in jobs]
            used |= {one.name: one for one in row}
            values = numbers(*(one.numbers for one in row))
            values = values if isinstance(values, list) else [values]
            each += [{"seed": seed, **value} for value in values]
            shares += [shortest(row)] * len(values)
        return Evidence(each, lengths(list(used.values())), shares, seeds)
    return measure


def mean(rows: Rows, column: str, quarter: int | None = None) -> float:
    """Returns a column's mean over all rows, or over a quarter, 0 to 3."""
    values = [row[column] for row in rows if column in row]
    if quarter is not None:
        values = values[quarter * len(values) // 4:(quarter + 1) * len(values) // 4] or values[-1:]
    return float(np.mean(values)) if values else math.nan


def quarters(*columns: str) -> Callable[[Rows], Mapping[str, float]]:
    """Returns the means of columns in a log's first and last quarter."""
    return lambda rows: {f"{column}, {word} quarter": round(mean(rows, column, number), 4)
                         for column in columns for word, number in (("first", 0), ("last", 3))}


def last(rows: Rows, column: str) -> float:
    """Returns the last value of a column."""
    return [row[column] for row in rows if column in row][-1]


def last_epoch(rows: Rows, column: str) -> float:
    """Returns a column's mean over the last pass over the data."""
    return mean([row for row in rows if row["epoch"] > rows[-1]["epoch"] - 1], column)


def since_epoch(epoch: float, column: str) -> Callable[[Rows], Mapping[str, float]]:
    """Returns a column's mean around that epoch, within 2.5, and over the last fifth of the log."""
    return lambda rows: {
        f"epoch {epoch:g}": mean([row for row in rows if abs(row["epoch"] - epoch) <= 2.5], column),
        "end": mean([row for row in rows if row["epoch"] > 0.8 * rows[-1]["epoch"]], column),
        "last epoch": rows[-1]["epoch"]}


def crests(rows: Rows, start: int) -> Mapping[str, float]:
    """Returns the correlation of both losses from step `start` on, and the share of moves that are opposite."""
    d, g = (np.array([row[name] for row in rows if row["step"] >= start]) for name in ("d_loss", "g_loss"))
    if len(d) < 8:
        d, g = (np.array([row[name] for row in rows]) for name in ("d_loss", "g_loss"))
    opposite = np.diff(d) * np.diff(g) < 0
    return {"correlation": float(np.corrcoef(d, g)[0, 1]), "opposite moves": float(opposite.mean()), "rows": len(d)}


def bound(lab: Lab) -> Evidence:
    """Checks e^-d + e^-g on every row of every log whose losses are sums of -log D, kept or here."""
    from kgan.recipe import Recipe
    from kgan.runs import log

    each = []
    folders = {file.parent for file in RESULTS.rglob("config.json")} | {
        file.parent for file in lab.runs.glob("*/config.json")}
    for folder in sorted(folders):
        try:
            recipe = Recipe.from_dict(json.loads((folder / "config.json").read_text(encoding="utf-8"))["recipe"])
        except (KeyError, ValueError):
            continue
        rows = log.read(folder / "log.csv")
        if recipe.loss == "non_saturating" and rows:
            sums = [math.exp(-row["d_loss"]) + math.exp(-row["g_loss"]) for row in rows]
            each.append({"run": folder.name, "rows": len(rows), "largest e^-d + e^-g": round(max(sums), 4)})
    rows = sum(one["rows"] for one in each)
    return Evidence(each, f"{rows:,} rows of {len(each)} logs; two losses of 0 would give 2",
                    data=False)


def fluctuation(rows: Rows) -> Mapping[str, float]:
    """Returns the spread of D's loss in the second half, as a share of its mean there."""
    half = np.array([row["d_loss"] for row in rows[len(rows) // 2:]])
    return {"spread of d_loss": float(half.std() / abs(half.mean())), "rows": len(half),
            "steps a row": float(rows[-1]["step"] / len(rows))}


def falls_and_rises(rows: Rows) -> Mapping[str, float]:
    """Returns by which share D's loss falls, and G's rises, from the first quarter to the last."""
    d, g = ([mean(rows, name, number) for number in (0, 3)] for name in ("d_loss", "g_loss"))
    return {"D's fall": 1 - d[1] / d[0], "G's rise": g[1] / g[0] - 1}


def drops(rows: Rows) -> Mapping[str, float]:
    """Returns the largest rise of FCD from a look to the next, as a share, and that of both losses there."""
    looks = [row for row in rows if "train_fcd" in row]
    if len(looks) < 4:
        raise MissingError(f"not measured: {len(looks)} looks at samples, which takes four passes over the data")
    looks = looks[1:]
    rises = [after["train_fcd"] / before["train_fcd"] - 1 for before, after in itertools.pairwise(looks)]
    worst = int(np.argmax(rises))
    return {"rise of FCD": rises[worst], "at epoch": looks[worst + 1]["epoch"],
            "of G's loss": looks[worst + 1]["g_loss"] / looks[worst]["g_loss"] - 1,
            "of D's loss": looks[worst + 1]["d_loss"] / looks[worst]["d_loss"] - 1}


def untrained(name: str) -> Measure:
    """Scores untrained networks beside trained ones, an observation for each run."""
    def measure(lab: Lab) -> Evidence:
        found = lab.results(name, generators=True)
        each = [{"run": one.name, "untrained": untrained_fcd(lab, one), "trained": one.numbers["fcd"]} for one in found]
        return Evidence(each, lengths(found), [drawn_share(one) for one in found], [one.seed for one in found])
    return measure


def untrained_fcd(lab: Lab, result: Result) -> float:
    """Returns the FCD of a job's networks before any step."""
    from kgan import models
    from kgan.sampling import generate

    def measured() -> Mapping[str, Any]:
        recipe = models.recipe(result.job.model, lab.stand_in or "mnist", result.job.fields.get("recipe"))
        generator = models.build(recipe.override(seed=result.seed))[0]
        return lab.measure(generate(generator, range(lab.benchmark.count)))

    return lab.cached(f"untrained-{result.job.model}-{result.seed}-{lab.benchmark.count}", measured)["fcd"]


def metrics(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Compares two systems by six numbers, an observation each: whether the second is better."""
    lower = {"fcd": True, "one_nn": True, "swd": True, "precision": False, "coverage": False, "recall": False}
    return [{"metric": key, "first": ours[key], "second": theirs[key],
             "better": (theirs[key] < ours[key]) == low} for key, low in lower.items()]


def arms(base: str, *names: str, numbers: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Measure:
    """Scores changed trainings beside the unchanged one of the same length, an observation for each change."""
    def measure(lab: Lab) -> Evidence:
        baseline, *found = alike([lab.shown(name) for name in (base, *names)])
        unchanged = {f"{key} unchanged": value for key, value in numbers(baseline.numbers).items()}
        each = [{"change": one.job.name, **numbers(one.numbers), **unchanged} for one in found]
        return Evidence(each, lengths([baseline, *found]), [shortest([baseline, one]) for one in found],
                        [one.seed for one in found])
    return measure


def alike(results: Sequence[Result]) -> Sequence[Result]:
    """Returns runs that are to be compared, which have seen as many images, within a tenth.

    Raises:
        MissingError: they have not, as where time was used up.
    """
    seen = [one.drawn for one in results]
    if max(seen) > UNEQUAL * min(seen):
        raise MissingError("not measured: what is to be compared has unequal lengths, " + ", ".join(
            f"{one.job.name} {one.drawn:,}" for one in results) + " images")
    return results


def spread_of(*names: str) -> Measure:
    """Scores the settings of a sweep: one observation, FCD by setting and the worst beside the best."""
    def measure(lab: Lab) -> Evidence:
        found = alike([lab.shown(name) for name in names])
        fcds = {one.job.name: one.numbers["fcd"] for one in found}
        best = min(fcds.values())
        return Evidence([{**fcds, "worst / best": max(fcds.values()) / best}], lengths(found), [shortest(found)],
                        [one.seed for one in found])
    return measure


def best_of(groups: Mapping[str, Sequence[str]]) -> Measure:
    """Scores groups of settings: an observation each, the best FCD in it as a share of the untrained network's."""
    def measure(lab: Lab) -> Evidence:
        each, shares, used = [], [], []
        for group, names in groups.items():
            found = [lab.shown(name) for name in names]
            left = {one.job.name: one.numbers["fcd"] / untrained_fcd(lab, one) for one in found}
            each.append({"objective": group, **left, "best": min(left.values())})
            shares.append(shortest(found))
            used += found
        return Evidence(each, lengths(used), shares, [one.seed for one in used])
    return measure


def permutation(lab: Lab) -> Evidence:
    """Scores both kinds of network with and without their pixels permuted, put back before the judge sees them."""
    pairs = [alike([lab.shown(name) for name in pair]) for pair in (("plain_gan", "permuted_gan"),
                                                                    ("plain_dcgan", "permuted_dcgan"))]
    found = {one.job.name: one for pair in pairs for one in pair}
    fcd = {name: one.numbers["fcd"] for name, one in found.items()}
    each = [{**fcd, "MLP: permuted / plain": fcd["permuted_gan"] / fcd["plain_gan"],
             "DCGAN: permuted / plain": fcd["permuted_dcgan"] / fcd["plain_dcgan"]}]
    return Evidence(each, lengths(list(found.values())), [shortest(list(found.values()))], [0])


def restored(result: Result) -> Any:
    """Returns the GAN of a run's last checkpoint, both networks.

    Raises:
        MissingError: the run has none.
    """
    from kgan.runs import checkpoints
    from kgan.runs.build import build_gan

    step = result.run.last_step() if result.run.exists() else None
    if step is None:
        raise MissingError(f"not measured: {result.name} has no checkpoint")
    gan = build_gan(result.run.recipe())
    gan.load_state(checkpoints.load(result.run.checkpoints, step, gan.shapes))
    return gan


def answers(lab: Lab, name: str) -> dict[str, Any]:
    """Returns D's answers, without dropout, to test images and to as many fakes, as histograms of 50 bins."""
    result = lab.shown(name)

    def measured() -> dict[str, Any]:
        from kgan.images import to_float

        gan, parts = restored(result), {}
        images = {"test images": lab.benchmark.real, "fakes": gan.generate(range(lab.benchmark.count))}
        for kind, pixels in images.items():
            logits = np.concatenate([gan.discriminator(to_float(pixels[at:at + 250]), training=False).numpy()[:, 0]
                                     for at in range(0, len(pixels), 250)])
            said = 1 / (1 + np.exp(-logits))
            parts[kind] = {"mean": float(said.mean()), "near half": float(np.mean(np.abs(said - 0.5) < 0.05)),
                           "histogram": np.histogram(said, 50, (0, 1))[0].tolist()}
        return parts

    return lab.cached(f"answers-{result.name}@{result.drawn}-{lab.benchmark.count}", measured)


def half_everywhere(*names: str) -> Measure:
    """Looks at D's answers to test images and fakes, an observation for each job."""
    def measure(lab: Lab) -> Evidence:
        found = [lab.shown(name) for name in names]
        each = []
        for one in found:
            said = answers(lab, one.job.name)
            each.append({"run": one.name} | {f"{word} D, {kind}": said[kind][word] for kind in said
                                             for word in ("mean", "near half")})
        return Evidence(each, lengths(found), [drawn_share(one) for one in found], [one.seed for one in found])
    return measure


def fresh_discriminator(*names: str) -> Measure:
    """Freezes G, trains a fresh D of Zhao's table for 20,000 images of each kind, takes its loss on unseen ones."""
    def measure(lab: Lab) -> Evidence:
        found = [lab.shown(name) for name in names]
        each = [{"run": one.name} if (drawn_share(one) or 1.0) < lab.needs else {
            "run": one.name, **lab.cached(f"fresh-{one.name}@{one.drawn}", lambda one=one: _fresh(lab, one))}
            for one in found]
        return Evidence(each, lengths(found), [drawn_share(one) for one in found], [one.seed for one in found])
    return measure


def _fresh(lab: Lab, result: Result) -> dict[str, float]:
    import keras
    import tensorflow as tf

    from kgan import losses, models
    from kgan.images import to_float

    _, d = models.build(models.recipe("dcgan", "mnist"))
    optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    random, train = np.random.default_rng(0), lab.benchmark.train.images
    size = min(20_000, len(train) // 64 * 64)
    fakes = result.samples(size + lab.benchmark.count)
    order = random.permutation(len(train))[:size]

    @tf.function
    def step(real: tf.Tensor, fake: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(losses.non_saturating.discriminator(d(real, training=True), d(fake, training=True)))
        optimizer.apply(tape.gradient(loss, d.trainable_variables), d.trainable_variables)

    for at in range(0, size - 63, 64):
        step(to_float(train[order[at:at + 64]]), to_float(fakes[at:at + 64]))
    seen = [np.concatenate([d(to_float(part[at:at + 250]), training=False).numpy() for at in range(0, len(part), 250)])
            for part in (lab.benchmark.real, fakes[size:])]
    loss = float(np.mean(np.logaddexp(0, -seen[0])) + np.mean(np.logaddexp(0, seen[1])))
    return {"loss on unseen images": loss, "right": float((np.mean(seen[0] > 0) + np.mean(seen[1] < 0)) / 2)}


def gradient_is_a_sum(lab: Lab) -> Evidence:
    """Compares D's gradient of its whole loss with the sum of those of its real and its fake half, per array."""
    import tensorflow as tf

    from kgan import losses, models
    from kgan.images import to_float

    g, d = models.build(models.recipe("dcgan64"))
    random = np.random.default_rng(0)
    real = to_float(random.integers(0, 256, (8, 64, 64, 3), np.uint8))
    fake = g(random.normal(size=(8, 100)).astype(np.float32), training=True)
    with tf.GradientTape(persistent=True) as tape:
        logits = d(real, training=True), d(fake, training=True)
        halves = [tf.reduce_mean(half(*logits)) for half in (losses.non_saturating.real, losses.non_saturating.fake)]
        whole = tf.reduce_mean(losses.non_saturating.discriminator(*logits))
    parts = [tape.gradient(loss, d.trainable_variables) for loss in (whole, *halves)]
    difference = max(float(tf.reduce_max(tf.abs(one - first - second)) / (1e-12 + tf.reduce_max(tf.abs(one))))
                     for one, first, second in zip(*parts, strict=True))
    return Evidence([{"largest difference": difference, "arrays": len(parts[0])}],
                    "`dcgan64`, a batch of 8 random images and one of 8 fakes", data=False)


def initial_weights(lab: Lab) -> Evidence:
    """Measures the initial weights of `dcgan64`'s convolutions, and reads its optimizers' settings."""
    from kgan import models

    recipe = models.recipe("dcgan64")
    kernels = [weight.numpy().ravel() for network in models.build(recipe) for weight in network.trainable_weights
               if len(weight.shape) > 1]
    return Evidence([{"mean": float(np.mean(np.concatenate(kernels))), "largest deviation from 0.02": float(max(
        abs(kernel.std() - 0.02) for kernel in kernels)), "g rate": recipe.g_learning_rate,
        "d rate": recipe.d_learning_rate, "beta_1": recipe.beta_1, "adam": recipe.optimizer == "adam"}],
        "the networks as built with seed 0; batch norm's gammas are N(1, 0.02), as in the tutorial of reference 1",
        data=False)


def layer_counts(expected: Mapping[str, Sequence[int]]) -> Measure:
    """Compares the parameters of the built `dcgan`, layer by layer, with those that the paper prints."""
    def measure(lab: Lab) -> Evidence:
        from kgan import models

        each = []
        for name, network in zip(("generator", "discriminator"), models.build(models.recipe("dcgan")), strict=True):
            built = [layer.count_params() for layer in network.layers if layer.count_params()]
            trainable = int(sum(np.prod(weight.shape) for weight in network.trainable_weights))
            each.append({"network": name, "printed": list(expected[name]),
                         "built": [*built, network.count_params(), trainable]})
        return Evidence(each, "the networks as built: parameters of each layer that has any, total, trainable",
                        data=False)
    return measure


def fixed_seeds(lab: Lab) -> Evidence:
    """Compares the grids of the same 64 seeds, first and last, with the grid of real images: SWD, a row a run."""
    from PIL import Image

    from kgan.metrics import sliced
    from kgan.runs.directory import Run

    def pictures(file: Any, like: np.ndarray) -> np.ndarray:
        pixels = np.asarray(Image.open(file).convert("L" if like.ndim == 2 else "RGB"))
        side = pixels.shape[0] // 8
        cut = pixels[:8 * side, :8 * side].reshape(8, side, 8, side, -1).swapaxes(1, 2)
        return cut.reshape(64, side, side, -1)

    each = []
    for config in sorted(lab.runs.glob("*/config.json")):
        run = Run(config.parent)
        grids = run.sample_files()
        if len(grids) > 1 and run.reals_file.is_file():
            like = np.asarray(Image.open(run.reals_file))
            real, first, last = (pictures(file, like) for file in (run.reals_file, grids[0], grids[-1]))
            each.append({"run": run.path.name, "SWD of the first grid": sliced.swd(real, first),
                         "SWD of the last grid": sliced.swd(real, last)})
    if not each:
        raise MissingError("not measured: no run of these has grids yet")
    return Evidence(each, "grids of seeds 0 to 63 of every run here, first and last")


def wide_uniforms(lab: Lab) -> Evidence:
    """Scores PCA with four uniform distributions of the scores, an observation each."""
    each = [{"uniform": name, **{key: numbers[key] for key in ("fcd", "score", "coverage", "one_nn", "background")}}
            for name, numbers in uniforms(lab).items()]
    return Evidence(each, "`pca`'s components with other ranges of the scores (σ: a score's standard deviation)")


def uniforms(lab: Lab) -> dict[str, Mapping[str, Any]]:
    """Returns the numbers of PCA's samples by the uniform that its scores are drawn from."""
    from kgan.images import to_float
    from kgan.sampling import generate

    generator = lab.shown("li_pca").generator
    low, high, components, middle = generator.get_weights()
    found = {}
    for name in ("min to max", "±√3 σ", "-1 to 1", "0 to 1"):
        def measured(name: str = name) -> Mapping[str, Any]:
            train = lab.benchmark.train.images[:10_000]
            deviation = ((to_float(train).numpy().reshape(len(train), -1) - middle) @ components.T).std(axis=0)
            ranges = {"min to max": (low, high), "±√3 σ": (-3**0.5 * deviation, 3**0.5 * deviation),
                      "-1 to 1": (-np.ones_like(low), np.ones_like(low)), "0 to 1": (0 * low, np.ones_like(low))}
            generator.set_weights([*ranges[name], components, middle])
            return lab.measure(generate(generator, range(lab.benchmark.count)))
        found[name] = lab.cached(f"pca-{name}-{lab.benchmark.count}".replace(" ", "_"), measured)
    generator.set_weights([low, high, components, middle])
    return found


def strokes(lab: Lab) -> Evidence:
    """Looks at PCA's samples: how black the background is, and how much of the ink is in the centre, 20×20."""
    result = lab.shown("li_pca")
    images = result.samples(lab.benchmark.count).astype(float)
    return Evidence([{"background": result.numbers["background"],
                      "ink in the centre": float(images[:, 4:24, 4:24].sum() / images.sum())}], result.name)


def density_ratio(lab: Lab) -> Evidence:
    """Trains a small D on two known Gaussians, 1-D, G fixed, and compares its logit with the exact log ratio."""
    return Evidence([lab.cached("density_ratio", ratio_numbers)],
                    "p_data = N(0, 1), p_model = N(1, 1.5²); 3,000 steps of 512 draws each, kgan's loss",
                    data=False)


def ratio_numbers() -> dict[str, Any]:
    """Returns D's logits and the exact log p_data/p_model on a grid, and their largest difference from -2 to 2."""
    import keras
    import tensorflow as tf
    from keras import layers

    from kgan import losses

    keras.utils.set_random_seed(0)
    d = keras.Sequential([keras.Input((1,)), layers.Dense(32, "tanh"), layers.Dense(32, "tanh"), layers.Dense(1)])
    optimizer, random = keras.optimizers.Adam(3e-3), np.random.default_rng(0)

    @tf.function
    def step(real: tf.Tensor, fake: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(losses.non_saturating.discriminator(d(real, training=True), d(fake, training=True)))
        optimizer.apply(tape.gradient(loss, d.trainable_variables), d.trainable_variables)

    for number in range(3000):
        optimizer.learning_rate = 3e-3 * (1 - number / 3000)
        step(*(tf.constant(random.normal(mean, sd, (512, 1)), tf.float32) for mean, sd in ((0, 1), (1, 1.5))))
    x = np.linspace(-2, 2, 41)
    exact = np.log(1.5) - x**2 / 2 + (x - 1) ** 2 / (2 * 1.5**2)
    logits = d(x[:, None].astype(np.float32), training=False).numpy()[:, 0]
    return {"x": x.tolist(), "logit": logits.tolist(), "exact": exact.tolist(),
            "largest difference": float(np.abs(logits - exact).max()), "range of the exact": float(np.ptp(exact))}


def decoder(lab: Lab) -> Evidence:
    """Trains Zhao's generator as a decoder by MSE, from whitened PCA scores; its roughness beside the adversarial's.

    Twenty epochs of 20,000 images are the length of both.
    """
    adversarial = lab.shown("zhao_ours")
    numbers = lab.cached(f"decoder-{lab.target(adversarial.job):.0f}", lambda: _decoder(lab, adversarial))
    return Evidence([{**numbers, "adversarial": adversarial.numbers["roughness"]}],
                    f"the same generator: {lengths([adversarial])}, and a decoder of 100 PCA scores that has seen "
                    f"{numbers['images']:,} images",
                    [min(1.0, adversarial.drawn / TWENTY, numbers["images"] / TWENTY)], [0])


def _decoder(lab: Lab, adversarial: Result) -> dict[str, Any]:
    import keras
    from sklearn.decomposition import PCA

    from kgan import models
    from kgan.images import to_float, to_uint8
    from kgan.metrics import noise

    train, test = lab.benchmark.train.images[:20_000], lab.benchmark.real
    pca = PCA(100, whiten=True, random_state=0).fit(train.reshape(len(train), -1) / 127.5 - 1)
    codes, unseen = (pca.transform(one.reshape(len(one), -1) / 127.5 - 1).astype(np.float32) for one in (train, test))
    generator = models.build(models.recipe("dcgan", "mnist"))[0]
    generator.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), "mse")
    epochs = max(1, round(min(TWENTY, lab.target(adversarial.job)) / len(train)))
    generator.fit(codes, to_float(train).numpy(), batch_size=64, epochs=epochs, verbose=0)

    def rough(z: np.ndarray) -> float:
        drawn = to_uint8(generator.predict(z, batch_size=250, verbose=0))
        return float(noise.roughness(np.asarray(drawn), test))

    return {"MSE, test images": rough(unseen), "MSE, random z": rough(
        np.random.default_rng(0).normal(size=unseen.shape).astype(np.float32)), "images": epochs * len(train)}


def planted(lab: Lab) -> Evidence:
    """Scores sets that are known to be bad, an observation each: does the classifier's score see it?"""
    from kgan.metrics import baselines

    train, count = lab.benchmark.train, lab.benchmark.count
    order = np.random.default_rng(0).permutation(len(train.images))
    classes = np.unique(train.labels)
    ten = np.stack([train.images[np.flatnonzero(train.labels == one)[0]] for one in classes])
    sets = {"uniform noise": lambda: baselines.uniform_noise(lab.benchmark.real.shape),
            "the mean image": lambda: baselines.mean_image(train.images, count),
            "a Gaussian of PCA scores": lambda: baselines.pca_gaussian(train.images, count),
            "ten images, repeated": lambda: np.resize(ten, (count, *ten.shape[1:])),
            "copies of training images": lambda: train.images[np.sort(order[:count])]}
    each = []
    for name, draw in sets.items():
        found = lab.cached(f"planted-{name}-{count}".replace(" ", "_"), lambda draw=draw: lab.measure(draw()))
        each.append({"set": name, "score": found["score"], "real images": lab.real["score"],
                     "fcd": found["fcd"], "copies": found["copies"], "duplicates": found["duplicates"]})
    return Evidence(each, f"{count:,} images of each set")


def stabilised(lab: Lab) -> Evidence:
    """Reads what each part of `dcgan_fast` gives in equal time beside the plain loss, an observation for each part."""
    cells = [json.loads(file.read_text(encoding="utf-8")) for file in
             sorted((RESULTS / "stability" / "cells").glob("*.json"))]
    by_arm = {one["arm"]: one["numbers"]["fcd"] for one in cells if one["seed"] == 0}
    if not {"plain", "recipe", "neither"} <= by_arm.keys():
        raise MissingError("not measured: experiments/results/stability has no cells; run experiments/stability.py")
    return Evidence([{"recipe": words, "fcd": by_arm[arm], "plain": by_arm["plain"]} for arm, words in
                     (("recipe", "dcgan_fast, told classes"), ("kinds", "told no classes"),
                      ("neither", "told nothing"))],
                    "experiments/results/stability, 180 s of one core each", seeds=[0], data=False)


def cifar(lab: Lab) -> Evidence:
    """Compares a perceptron GAN and a DCGAN at 64×64 in colour, at equal images: SWD and roughness."""
    found = [lab.shown(name) for name in ("cifar_gan", "meher")]
    each = [{f"{one.job.name} {key}": value for one in found for key, value in colour(lab, one).items()}]
    equal = min(one.drawn for one in found)
    return Evidence([{**each[0], "images of the shorter": equal}], lengths(found), [shortest(found)], [0])


def colour(lab: Lab, result: Result) -> dict[str, float]:
    """Returns numbers that need no judge of a run's samples beside the pictures held out of its data."""
    from kgan.data import cache
    from kgan.data.sources import locate
    from kgan.metrics import baselines, noise, sliced
    from kgan.reporting.target import open_target

    place = lab.cifar10 or result.run.recipe().data
    if place is None or not Path(place).exists():
        raise MissingError("CIFAR-10 is needed: --cifar10=PATH of a folder or zip", never=True)

    def measured() -> Mapping[str, float]:
        settings = result.run.recipe().preparation
        source = locate(None, str(place))
        test, train = cache.prepare_test(source, **settings).images, cache.prepare(source, **settings).images
        test = baselines.subset(test, lab.count)
        drawn = open_target(result.run.path).draw(len(test))
        return {"swd": sliced.swd(test, drawn), "roughness": noise.roughness(drawn, test),
                "contrast": noise.contrast(drawn, test),
                "real swd": sliced.swd(test, baselines.subset(train, len(test))),
                "linear swd": sliced.swd(test, baselines.pca_gaussian(train, len(test)))}

    return lab.cached(f"colour-{result.name}@{result.drawn}-{lab.count}", measured)


def colours(name: str) -> Measure:
    """Measures a run on pictures in colour by numbers that need no judge, an observation for each seed."""
    def measure(lab: Lab) -> Evidence:
        found = lab.results(name, generators=True)
        each = [{"run": one.name, **colour(lab, one)} for one in found]
        return Evidence(each, lengths(found), [drawn_share(one) for one in found], [one.seed for one in found])
    return measure
