"""The YAML head of a model card: what model hubs list and filter by (huggingface.co/docs/hub/model-cards).

JSON is YAML, so a value is written as JSON.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from kgan.data.public import LICENCES, Licence
from kgan.recipe import Recipe
from kgan.scoring.table import METRICS

UNKNOWN = Licence("", {"license": "unknown"})  # and of the weights, as of the data
TASK = "unconditional-image-generation"


def head(name: str, recipe: Recipe, scores: Mapping[str, Any] | None) -> str:
    """Returns the head, between its two lines of dashes.

    Args:
        name: of the model.
        recipe: of the run.
        scores: what `runs.scores.load` has; None: there is no model-index.
    """
    licence = LICENCES.get(recipe.dataset or "", UNKNOWN)
    tags = ["gan" if recipe.adversarial else "pca", "kgan", recipe.model, "image-generation"]
    fields: dict[str, Any] = {"library_name": "keras", "pipeline_tag": TASK, **licence.hub,
                              "tags": list(dict.fromkeys(tags)),
                              **({} if licence.dataset is None else {"datasets": [licence.dataset]})}
    if scores is not None:
        result = {"task": {"type": TASK},
                  "dataset": {"type": licence.dataset or recipe.dataset or "own-pictures",
                              "name": recipe.dataset or "own pictures", "split": "test"},
                  "metrics": _metrics(scores["numbers"])}
        fields["model-index"] = [{"name": name, "results": [result]}]
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items())
    return "\n".join(["---", *lines, "---"]).replace("<", r"\u003c")  # only in texts, where JSON and YAML read it so


def _metrics(numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns what was measured, in the order and the units of the table of metrics."""
    return [{"type": metric.key, "name": metric.heading, "value": float(f"{value * metric.scale:.6g}")}
            for metric in METRICS if (value := numbers.get(metric.key)) is not None and math.isfinite(value)]
