"""What a page says of the model that it draws with: the card, in six lines."""

from typing import Any

from kgan.recipe import Recipe, fields
from kgan.runs.directory import Run
from kgan.runtime import machine
from kgan.scoring import doctor
from kgan.serving import card


def facts(run: Run, step: int, scores: dict[str, Any] | None) -> dict[str, str]:
    """Returns what to say, by heading.

    Args:
        run: where the generator comes from.
        step: of its weights.
        scores: what `runs.scores.load` has of this step.
    """
    config, recipe = run.config(), run.recipe()
    data = config["data"]
    height, width, channels = recipe.image_shape
    told = "" if recipe.classes is None else f", in {recipe.classes} classes"
    return {
        "Model": f"{recipe.model}{f' at step {step:,}' if recipe.adversarial else ''}; weights: "
                 f"{card.weights(recipe, config)}.",
        "Trained on": f"{data['images']:,} images, {height}×{width}×{channels}{told}: {data['origin']}.",
        "Licence of the data": f"{card.licence(recipe)} What the pictures and the weights may be used for depends on "
                               "it.",
        "Scores": _scores(scores),
        "Recipe": _settings(recipe),
        "Limits": "Pictures may resemble training images. Samples are no new observations: statistics of them are "
                  "statistics of this model.",
        "Trained with": f"{machine.in_words(config['versions'])}.",
    }


def _scores(scores: dict[str, Any] | None) -> str:
    if scores is None:
        return "Not measured."
    ours, real = (numbers.get("fcd") for numbers in (scores["numbers"], scores["yardsticks"].get(doctor.REAL, {})))
    distance = "" if ours is None else f"FCD {ours:.2f}" + (f" (real images: {real:.2f})" if real else "") + ". "
    return f"{distance}The doctor's verdict: {doctor.verdict(scores)}. {scores['protocol']}"


def _settings(recipe: Recipe) -> str:
    """Returns what the recipe says of training, where it says something."""
    if not recipe.adversarial:
        return "Fitted in closed form."
    known = {key: value for key, value in recipe.to_dict().items() if value not in (None, False)}
    return ", ".join(f"{key} {known[key]}" for key in fields("loss", "training") if key in known) + "."
