"""MODEL_CARD.md: what whoever gets an exported generator must know (Mitchell et al. 2019, arXiv:1810.03993).

`cards/` has a template for each format. What a run directory says is text in it, never Markdown or HTML.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kgan import models
from kgan.data.public import LICENCES
from kgan.recipe import Recipe, fields
from kgan.runs.checks import last_name
from kgan.runs.directory import Run
from kgan.runtime import machine, templates
from kgan.scoring import doctor, table
from kgan.serving import hub

TEMPLATES = Path(__file__).with_name("cards")
SAMPLES = "samples.png"
WIDEST = 16  # columns of it

UNKNOWN = ("Pictures of the trainer's own, whose licence kgan does not know: whoever publishes this model states it "
           "here.")


def model_card(run: Run, step: int, name: str, form: str, report: str, scores: dict[str, Any] | None = None) -> str:
    """Returns the card, in Markdown, of the run's generator at `step`.

    Args:
        run: where the generator comes from.
        step: of its weights.
        name: of the model, for the title.
        form: "saved_model", "onnx", "litert", "openvino", "web" or "preset".
        report: what the export's verification printed, or what the preset holds.
        scores: what `runs.scores.load` has of this step.
    """
    config, recipe = run.config(), run.recipe()
    data = config["data"]
    height, width, channels = recipe.for_phase(recipe.phase_of(step)).image_shape
    idle = fields("loss", "training") if not recipe.adversarial else ()
    settings = {key: value for key, value in recipe.to_dict().items() if value is not None and key not in idle}
    if recipe.data is not None:
        settings["data"] = last_name(recipe.data)
    measured = {} if scores is None else {
        "measured": _fenced(table.tables({"generated": scores["numbers"], **scores["yardsticks"]})),
        "protocol": " ".join([scores["protocol"], *scores["notes"]]),
        "verdict": doctor.in_words([doctor.Finding(**finding) for finding in scores["verdict"]], scores["numbers"])}
    return templates.markdown(
        TEMPLATES / f"{form}.md", head=Markup(hub.head(name, recipe, scores)), name=name, height=height,
        width=width, channels=channels, model=recipe.model, origin=data["origin"], images=f"{data['images']:,}",
        made=f"at step {step:,}, trained on" if recipe.adversarial else "fitted to", samples=SAMPLES,
        latent_dim=recipe.latent_dim, report=_fenced(report.strip()), sha256=data["sha256"], classes=recipe.classes,
        labelled=form != "web", counts=_counts(data), agreement=_agreement(scores), licence=licence(recipe),
        settings=list(settings.items()), weights=weights(recipe, config),
        networks=_fenced(models.description(recipe.model)),
        versions=machine.in_words(config["versions"]),
        **{"measured": None, **measured})


def licence(recipe: Recipe) -> str:
    """Returns what is known of the licence of the data."""
    if recipe.dataset is None:
        return UNKNOWN
    if recipe.dataset not in LICENCES:
        return (f"kgan does not know the data set {recipe.dataset}: whoever publishes this model states its licence "
                "here.")
    return LICENCES[recipe.dataset].text


def columns(classes: int) -> int | None:
    """Returns how wide SAMPLES is: so that a column shows one class, where there are few; else None."""
    return classes * max(1, WIDEST // 2 // classes) if 0 < classes <= WIDEST else None


def _fenced(text: str) -> Markup:
    """Returns text for a block of code, which nothing in it can end."""
    return Markup(text.replace("```", "'''"))


def _counts(data: dict[str, Any]) -> str:
    """Returns how many training images each class has, and what it is called, where that is known."""
    counts: Sequence[int] = data.get("class_counts") or ()
    names = data.get("class_names") or ()
    named = [f"{number} ({name})" for number, name in enumerate(names)] if len(names) == len(counts) else range(
        len(counts))
    return ", ".join(f"{name}: {count:,}" for name, count in zip(named, counts, strict=True)) or "not kept"


def _agreement(scores: dict[str, Any] | None) -> str:
    drawn, real = (None, None) if scores is None else (
        numbers.get("agreement") for numbers in (scores["numbers"], scores["yardsticks"].get(doctor.REAL, {})))
    if drawn is None:
        return "whether it draws that class was not measured"
    theirs = "" if real is None else f", and {real:.2%} of real ones for theirs"
    return f"the judge takes {drawn:.2%} of its images for that class{theirs}"


def weights(recipe: Recipe, config: dict[str, Any]) -> str:
    """Returns which of a run's weights are drawn with, what was done to them, and what they began with."""
    rounded = f", rounded to {config['rounded']}" if "rounded" in config else ""
    if not recipe.adversarial:
        return f"fitted in closed form{rounded}"
    weights = "the step's own" if recipe.ema_decay_per_step is None else "their moving average"
    return weights + rounded + _lineage(config)


def _lineage(config: dict[str, Any]) -> str:
    """Returns which networks the run began with, and these before it: names without the paths to them."""
    began, branch = "", config.get("branch")
    while branch:
        step = "" if "file" in branch else f" at step {branch['step']:,}"
        part = f" ({branch['taken']}; anew: {branch['begins_anew']})" if "taken" in branch else ""
        began += f"; begun with those of {last_name(branch['run'])}{step}{part}"
        branch = branch.get("before")
    return began
