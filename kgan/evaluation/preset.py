"""What is said of a preset: what it is, its FCD, and the doctor's verdict."""

from kgan.runs import scores
from kgan.runs.directory import Run
from kgan.scoring import doctor


def in_words(run: Run) -> str:
    """Returns one line about a run that has scores: model, step, data, FCD beside real images', the verdict, the card.

    Raises:
        UserError: the scores are damaged.
    """
    recipe, step = run.recipe(), run.last_step()
    assert step is not None
    kept = scores.load(run, step)
    assert kept is not None
    origin = f"at step {step:,}, trained on" if recipe.adversarial else "fitted to"
    text = f"{run.name} is {recipe.model} {origin} {run.config()['data']['origin']}."
    if "fcd" in kept["numbers"]:
        text += f" FCD {kept['numbers']['fcd']:.2f}; real images have {kept['yardsticks'][doctor.REAL]['fcd']:.2f}."
    verdict = f"{'not healthy: ' if kept['verdict'] else ''}{doctor.verdict(kept)}"
    return f"{text} Verdict: {verdict}. Card: {run.path / 'MODEL_CARD.md'}"
