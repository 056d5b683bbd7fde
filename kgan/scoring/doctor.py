"""The doctor: what is wrong with generated images, in words, with the number that says so and one line of advice.

A verdict is given where a number passes its limit; `table.METRICS` has them, each with its reason.
`tests/scoring/test_doctor.py` plants the conditions.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kgan.scoring.colour_judge import TREATMENTS
from kgan.scoring.table import CHANCE, LINEAR, LOOK, METRICS, OTHER_KIND, PRECISION, PRECISION_32, REAL, VARY, Limit

if TYPE_CHECKING:
    from kgan.losses import Loss

LAST_ROWS = 5  # of the log, over which its means are taken
# Below this share of real images' precision the judge's classes are unreliable: skip class-matched roughness and report
# missing modes last. On MNIST: a precision of 0.5.
TRUSTED = 0.6
HALF_WAY = 0.5  # from real images' FCD to a linear model's: on MNIST trained networks stay below 0.36, PCA has 0.70
SURE = 0.95  # D(x) above it and D(G(z)) below 1 - SURE: nothing is left for G to learn from
# G's loss where D is sure of its images: -log D(G(z)) is above 3 there, by Jensen, and the other losses of kgan.losses
# are larger, or below 0. So one between 0 and this is paid to be found out.
FLIPPED = 0.5
MEMORISED = 0.5  # D_gap: the value that the public code of Karras et al. 2020 holds r_v at by augmenting more
STEEP = 10.0  # times R1 that R2 may be. On MNIST it was 0.6 to 1.3 times, and 0.1 to 1.2 where the penalty was too weak
# Which way the weight γ of D's penalty is to move. A stronger one makes D flatter. It damps a D that runs ahead
# (Mescheder et al. 2018, arXiv:1801.04406, section 4.1), and costs variety: ten times dcgan_fast's γ took its recall on
# MNIST from 0.57 to 0.38. On digits dcgan_fast's costs D 5% of its loss at first and 3% at last.
RAISED = ("discriminator saturated", "fake-side gradients explode", "discriminator memorises")
LOWERED = ("low variety", "off-distribution: blurred")
SLIGHT, HEAVY = 0.01, 0.1  # of D's loss: less hardly holds it, so that three times of it would not; more holds G back
NAMED = 5  # thin classes, the thinnest first
LOOKED = {"fcd", "swd", "train_fcd", "train_swd"}  # columns of which a row has one where samples were looked at
FEWEST = 30  # images, of which a verdict is given
# Of images that lie where real ones lie, the cluster KL above which they are a part of the data alone. Of CIFAR-10:
# real pictures 0.01, and 0.17 at most of 60; ProGAN's 0.04; those of one class alone 0.65 to 1.7. Their precision is
# 0.9 to 1 times that of real pictures.
PARTIAL, INSIDE = 0.5, 0.85
UNTREATED = 0.5  # share of real images to which nothing seems to be done, where the judge knows such pictures: 0.73
TREATED = {  # of colour_judge.TREATMENTS: what is seen, and what to do; others have numbers of their own
    "upside down": ("upside down", "check which row of an image comes first"),
    "on its side": ("turned on their sides", "check the order of height and width"),
    "negative": ("like negatives", "check the sign: black and white are exchanged"),
    "channels mixed": ("like pictures of exchanged colours", "check the order of the colour channels, RGB or BGR"),
    "halves swapped": ("like pictures whose halves are exchanged", "check how images are cut and put together"),
    "tiles shuffled": ("like pictures whose parts are shuffled", "check how images are cut; or train longer"),
    "grey": ("like pictures without colours", "check that the colours are kept"),
}
COLOURS = ("grey", "channels mixed")  # that can't be told where the data have no colours
COLOURLESS = 0.5  # of all images, by which more must be grey than among real ones
SEEN = 0.1  # of all images, by which a treatment must be seen more often, beside those that are copies of one another
NEAR = 0.5  # of the excess of the treatment that stands out most, from which another one is named beside it
# How far the images' mean brightness may be from real ones', of white, and in standard deviations of real images' own.
# Those of one class alone: 0.08 and 0.6 brighter (CIFAR-10), 0.06 and 1.3 darker (MNIST). CIFAR-10's with 60 levels
# added: 0.21 and 1.7 brighter; at half their light: 0.24 and 1.9 darker.
BRIGHTER, BRIGHTNESSES = 0.05, 1.5
FLAT, HARSH = 0.6, 1.5  # contrast: of one class alone 0.79 to 1.12, at half the light 0.5
LIGHT = "check the range of the values, and how they become pixels; or train longer"
HEALTHY = "healthy"
UNLABELLED = "nothing wrong was found in what can be measured without labels; missing classes can't be seen"
TOLD = ", and the nearest other image tells in {:.0%} of cases whether one is generated (by chance 50%)"
ORDER = ("not trained yet", "duplicates", "memorised", "off-distribution: noisy", "off-distribution: blurred",
         OTHER_KIND, "far from the data", "low variety", "checkerboard")  # worst first


class Finding(NamedTuple):
    """One thing that is wrong."""

    verdict: str
    evidence: str
    advice: str


def diagnose(numbers: Mapping[str, Any], rows: Sequence[Mapping[str, float]] = (),
             yardsticks: Mapping[str, Mapping[str, Any]] | None = None,
             loss: "Loss | str | None" = None, weight: float | None = None) -> list[Finding]:
    """Returns what is wrong, worst first; nothing for healthy images.

    Args:
        numbers: as `Benchmark.measure` gives; those that are absent are not judged.
        rows: the last of log.csv, as `last_rows` gives; none for images without a run.
        yardsticks: as `Benchmark.yardsticks` gives, by which limits are scaled; without them they are MNIST's.
        loss: the adversarial loss that the rows are of, or its name. Whether D is sure, or takes the one for the other,
            is judged where it makes D(x) and D(G(z)), the sigmoids of logits, probabilities. None: unknown.
        weight: γ of R1 and R2, of which the rows are. None: unknown.
    """
    real = dict((yardsticks or {}).get(REAL, {}))
    if numbers.get("count", FEWEST) < FEWEST:
        return _with_weight(_log_findings(rows, loss), rows, weight)
    judged = "fcd" in numbers
    trusted = numbers.get("precision", 1.0) >= TRUSTED * (real.get("precision") or PRECISION)
    if trusted and "matched_roughness" in numbers:
        numbers = {**numbers, "roughness": numbers["matched_roughness"]}
        real["roughness"] = real.get("matched_roughness")
    past = [_past(limit, metric.key, numbers, real)
            for metric in METRICS for limit in metric.limits if not (judged and metric.stands_in)
            and not (metric.key == "roughness" and not judged and numbers.get("sharpness") is not None)]
    key = "fcd" if judged else "fcd32"
    by_verdict: dict[str, Finding] = {}
    treated, light = _treated(numbers, real), _light(numbers, real)
    partial = None if judged or treated else _partial(numbers, real)  # what is treated lies in other clusters
    for finding in (treated, light, *past, _far(key, numbers.get(key), yardsticks or {}), partial):
        if finding is not None:
            by_verdict.setdefault(finding.verdict, finding)
    missing = _missing(numbers)
    everything = _with_weight([*_log_findings(rows, loss), *(missing if trusted else ()),
                  *sorted(by_verdict.values(), key=lambda finding: ORDER.index(finding.verdict)),
                  *(() if trusted else missing), *_thin(numbers)], rows, weight)
    # Where nothing has been learned, or all is lost, the rest only repeats it.
    return next(([finding] for finding in everything if finding.verdict in ("diverged", "not trained yet")), everything)


def conclusion(numbers: Mapping[str, Any]) -> str:
    """Returns what is said of images about which nothing is found: healthy, where labels let all be measured."""
    if numbers.get("count", FEWEST) < FEWEST:
        return f"none: {numbers['count']} images are too few to tell; {FEWEST} are the fewest"
    if "fcd" in numbers:
        return HEALTHY
    return UNLABELLED + (TOLD.format(numbers["two_sample"]) if "two_sample" in numbers else "")


def verdict(scores: Mapping[str, Any], evidence: bool = False) -> str:
    """Returns what was said of scores that a run keeps, in one line; with `evidence`, the numbers that say so."""
    return "; ".join(finding["verdict"] + (f": {finding['evidence']}" if evidence else "")
                     for finding in scores["verdict"]) or conclusion(scores["numbers"])


def warn(numbers: Mapping[str, Any], logs: Mapping[str, float], real: Mapping[str, Any],
         loss: "Loss | str | None" = None, weight: float | None = None) -> dict[str, str]:
    """Returns a sentence for each verdict about trouble that shows while a run is training, by verdict.

    Args:
        numbers: about samples.
        logs: the tick's means, and what was measured at its end.
        real: the same numbers about real images, as far as they are known.
        loss: as `diagnose`'s.
        weight: as `diagnose`'s.
    """
    return {finding.verdict: f"{finding.verdict}: {finding.evidence}; {finding.advice}."
            for finding in diagnose(numbers, [logs], {REAL: real}, loss, weight)}


def in_words(findings: Sequence[Finding], numbers: Mapping[str, Any]) -> str:
    """Returns the verdict on images of these numbers as text for the screen."""
    if not findings:
        return f"Verdict: {conclusion(numbers)}."
    lines = (f"  {finding.verdict}: {finding.evidence}.\n    Advice: {finding.advice}." for finding in findings)
    return "\n".join(["Verdict: not healthy.", *lines])


def last_rows(rows: Sequence[Mapping[str, float]], step: int | None = None) -> list[Mapping[str, float]]:
    """Returns the last LAST_ROWS of a run's log rows up to `step`, the last with `D_gap` as of the newest look."""
    rows = [row for row in rows if step is None or row["step"] <= step]
    looked = next((row for row in reversed(rows) if LOOKED & row.keys()), {})
    gap = {name: value for name, value in looked.items() if name == "D_gap"}  # a look may have left it empty
    return [*rows[-LAST_ROWS:-1], *({**row, **gap} for row in rows[-1:])]


def _past(limit: Limit, key: str, numbers: Mapping[str, Any], real: Mapping[str, Any]) -> Finding | None:
    number = numbers.get(key)
    if number is None or not limit.past(number, limit.threshold(real.get(key), real.get("spreads", {}).get(key))):
        return None
    if limit.images and "count" in numbers and round(number * numbers["count"]) < limit.images:
        return None
    return Finding(limit.verdict, limit.evidence.format(**{**numbers, "number": number}), limit.advice)


def _treated(numbers: Mapping[str, Any], real_numbers: Mapping[str, Any]) -> Finding | None:
    """Tells what the colour judge sees to have been done to the images, if it is more than to real ones.

    Where two things stand out nearly alike, both are named: it takes some exchanged colours for negatives.
    """
    if (grey := numbers.get("colourless", 0.0)) > COLOURLESS:
        return Finding(OTHER_KIND, f"{grey:.0%} more of the images than of the real ones look "
                       f"{TREATED['grey'][0]}: their channels are all equal", TREATED["grey"][1])
    if not numbers.get("treated"):
        return None
    seen, real = (dict(zip(TREATMENTS, numbers[key], strict=True)) for key in ("treatments", "real_treatments"))
    named = [name for name in TREATED if numbers.get("colours", True) or name not in COLOURS]
    excess = {name: seen[name] - real[name] for name in named}
    first = next((TREATMENTS[number] for number in numbers["treated"] if TREATMENTS[number] in named), None)
    # Copies of one another may all be of one picture, whose look says nothing.
    copied = max(0.0, numbers.get("duplicates", 0.0) - real_numbers.get("duplicates", 0.0))
    if first is None or excess[first] <= SEEN + copied:
        return None
    near = [name for name in named if name != first and excess[name] >= NEAR * excess[first]]
    told = [first, *sorted(near, key=lambda name: -excess[name])[:1]]
    words = " or ".join(f"{TREATED[name][0]} ({seen[name]:.0%}, and {real[name]:.0%} of the real ones)"
                        for name in told)
    if len(told) == 1:
        words = f"{TREATED[first][0]}, and {real[first]:.0%} of the real ones"
    known = real["none"] > UNTREATED
    return Finding(OTHER_KIND, f"{sum(seen[name] for name in told):.0%} of the images look {words}"
                   f"{'' if known else ', to a judge that knows photographs alone'}",
                   "; or ".join(TREATED[name][1] for name in told) if known else LOOK)


def _light(numbers: Mapping[str, Any], real: Mapping[str, Any]) -> Finding | None:
    """Tells whether the images are brighter or darker than real ones, or of less or more contrast."""
    if numbers.get("brightness") is None:
        return None
    chance = {key: CHANCE * real.get("spreads", {}).get(key, 0.0) for key in ("brightness", "contrast")}
    light, contrast, said = numbers["brightness"], numbers.get("contrast"), []
    if abs(light) > max(BRIGHTER, BRIGHTNESSES * numbers["brightness_spread"],
                        abs(real.get("brightness") or 0.0) + chance["brightness"]):
        said.append(f"the images are {'brighter' if light > 0 else 'darker'} than the real ones, by {abs(light):.0%} "
                    "of white on average")
    usual = real.get("contrast") or 1.0
    if contrast is not None and not min(FLAT, usual - chance["contrast"]) <= contrast <= max(
            HARSH, usual + chance["contrast"]):
        said.append(f"pixels vary {contrast:.2f} times as much as the real ones")
    return Finding(OTHER_KIND, ", and ".join(said), LIGHT) if said else None


def _partial(numbers: Mapping[str, Any], real: Mapping[str, Any]) -> Finding | None:
    """Tells whether images lie where real ones lie, but only in some clusters of them."""
    number, inside = numbers.get("cluster_kl"), real.get("precision32") or PRECISION_32
    if number is None or numbers["precision32"] < INSIDE * inside:
        return None
    spread = real.get("spreads", {}).get("cluster_kl", 0.0)
    if number <= max(PARTIAL, (real.get("cluster_kl") or 0.0) + CHANCE * spread):
        return None
    return Finding("low variety", f"{numbers['missed']:.0%} of the real images are of clusters of which hardly any "
                   f"image is drawn (cluster KL {number:.2f})", VARY)


def _far(key: str, number: float | None, yardsticks: Mapping[str, Mapping[str, Any]]) -> Finding | None:
    """Tells whether FCD, or FCD-32, is nearer to that of a linear model than to that of real images."""
    real, linear = (yardsticks.get(name, {}).get(key) for name in (REAL, LINEAR))
    if number is None or real is None or linear is None or linear <= real:
        return None
    way = (number - real) / (linear - real)
    if way <= HALF_WAY:
        return None
    heading = next(metric.heading for metric in METRICS if metric.key == key)
    return Finding("far from the data", f"{heading} is {way:.0%} of the way from real images ({real:.1f}) to a linear "
                   f"model ({linear:.1f})", "train longer")


def _log_findings(rows: Sequence[Mapping[str, float]], loss: "Loss | str | None") -> list[Finding]:
    if not rows:
        return []
    lost = [name for name in ("d_loss", "g_loss") if not np.isfinite(rows[-1].get(name, 0.0))]
    if lost:
        return [Finding("diverged", f"{' and '.join(lost)} is no longer a finite number",
                        "draw an earlier checkpoint by --step, and start another --workdir with lower rates")]
    real, fake, r1, r2, g_loss = _means(rows, "D(x)", "D(G(z))", "R1", "R2", "g_loss")  # NaN compares as false
    findings = _sure(real, fake, g_loss, loss)
    if r2 > STEEP * r1:
        findings.append(Finding("fake-side gradients explode", f"the mean ‖∇D‖² is {r2:.3g} at generated images (R2) "
                                f"and {r1:.3g} at real ones (R1)", "lower the rates"))
    gap = rows[-1].get("D_gap", 0.0)
    if gap > MEMORISED:
        findings.append(Finding("discriminator memorises", "its mean logit of real images that it wasn't trained on "
                                f"lies {gap:.0%} of the way from that of training images to that of generated ones "
                                "(D_gap)", "train on more images, or with --augment=translation, or with --flip where "
                                "mirrored images are as good, or stop earlier"))
    return findings


def _means(rows: Sequence[Mapping[str, float]], *names: str) -> list[float]:
    return [float(np.mean([row[name] for row in rows if name in row] or [np.nan])) for name in names]


def _with_weight(findings: list[Finding], rows: Sequence[Mapping[str, float]], weight: float | None) -> list[Finding]:
    """Adds to advice, where rows have R1 or R2, which way to move their weight, and by how much.

    Down only where the penalty costs D much and D is not found to be too strong. `_factor` says how far.
    """
    if not any({"R1", "R2"} & row.keys() for row in rows):
        return findings
    penalty, loss = _means(rows, "d_penalty", "d_loss")
    share = penalty / loss if loss > 0 else np.nan  # of some losses the sign means nothing
    up = any(finding.verdict in RAISED for finding in findings)
    if not up and not share > HEAVY:
        return findings
    factor, times = _factor(share, up)
    way = "raise" if up else "lower"
    move = (f"{way} the weight γ of D's penalty {times}" if weight is None else
            f"{way} --penalty_weight from {weight:.2g} to {weight * factor:.2g}")
    if np.isfinite(share):
        move += f" (the penalty is {share:.1%} of D's loss)"
    return [finding._replace(advice=f"{move}, or {finding.advice}")
            if finding.verdict in (RAISED if up else LOWERED) else finding for finding in findings]


def _factor(share: float, up: bool) -> tuple[float, str]:
    """Returns by what to multiply γ whose penalty has this share of D's loss, and the word for it."""
    if not up:
        return 1 / 3, "to a third"
    return (10.0, "tenfold") if share < SLIGHT else (3.0, "threefold")


def _sure(real: float, fake: float, g_loss: float, loss: "Loss | str | None") -> list[Finding]:
    """Judges D(x), D(G(z)) and G's loss where the first two are probabilities."""
    if loss is None or not max(real, fake) > SURE:
        return []
    from kgan import losses

    loss = losses.get(loss) if isinstance(loss, str) else loss
    if not loss.sigmoid:
        return []
    sure = real > SURE and fake < 1 - SURE
    if (fake > SURE and real < 1 - SURE) or (sure and 0 < g_loss < FLIPPED):
        return [Finding("flipped labels", f"D(x) is {real:.3f}, D(G(z)) {fake:.3f}, and the generator's loss "
                        f"{g_loss:.3f}: both networks want the same", "the discriminator's loss needs 1 for real "
                        "and 0 for generated images, the generator's 1 for its own")]
    if not sure:
        return []
    if loss.generator is losses.minimax.generator:
        advice = "take --loss=non_saturating: minimax gives the generator no gradient where the discriminator is sure"
    else:
        advice = "lower --d_learning_rate, or raise --dropout: one that is sure of all images tells the generator " \
                 "little about which are better"
    return [Finding("discriminator saturated", f"D(x) is {real:.3f} and D(G(z)) {fake:.3f}", advice)]


def _missing(numbers: Mapping[str, Any]) -> list[Finding]:
    if not numbers.get("missing"):
        return []
    named = f"class{'es' if len(numbers['missing']) > 1 else ''} {', '.join(map(str, numbers['missing']))}"
    return [Finding("missing modes", f"hardly any image of {named} is drawn",
                    "train longer, or lower the discriminator's rate: it lets the generator get away with few kinds")]


def _thin(numbers: Mapping[str, Any]) -> list[Finding]:
    if not numbers.get("thin"):
        return []
    drawn, real = numbers["shares"], numbers["real_shares"]
    thinnest = sorted(numbers["thin"], key=lambda number: drawn[number] / real[number])
    words = [f"class {number} has {drawn[number]:.1%} of the generated images and {real[number]:.1%} of the real ones"
             for number in thinnest[:NAMED]]
    if len(thinnest) > NAMED:
        words.append(f"and {len(thinnest) - NAMED} more have less than half of their share")
    return [Finding("a class thins out", ", ".join(words),
                    "early in a run, train longer; where the share keeps falling, go on from an earlier checkpoint by "
                    "--init_from, with a lower --d_learning_rate")]
