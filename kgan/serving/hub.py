"""The YAML head of a model card: what model hubs list and filter by (huggingface.co/docs/hub/model-cards).

JSON is YAML, so a value is written as JSON.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from kgan.recipe import Recipe
from kgan.scoring.table import METRICS

# Of the weights: that of the data, as `card.LICENCES` tells it, in the hub's words.
LICENCES = {
    "mnist": {"license": "cc-by-sa-3.0"},
    "fashion_mnist": {"license": "mit"},
    "cifar10": {"license": "other", "license_name": "none-stated",
                "license_link": "https://www.cs.toronto.edu/~kriz/cifar.html"},
    "celeb_a": {"license": "other", "license_name": "celeba-non-commercial-research",
                "license_link": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"},
    "digits": {"license": "cc-by-4.0"},
}
LICENCES["mnist_small"] = LICENCES["mnist"]
UNKNOWN = {"license": "unknown"}
DATASETS = {"mnist": "ylecun/mnist", "mnist_small": "ylecun/mnist", "cifar10": "uoft-cs/cifar10",
            "fashion_mnist": "zalando-datasets/fashion_mnist"}  # on the hub
TASK = "unconditional-image-generation"


def head(name: str, recipe: Recipe, scores: Mapping[str, Any] | None) -> str:
    """Returns the head, between its two lines of dashes.

    Args:
        name: of the model.
        recipe: of the run.
        scores: what `runs.scores.load` has; None: there is no model-index.
    """
    known = DATASETS.get(recipe.dataset or "")
    tags = ["gan" if recipe.adversarial else "pca", "kgan", recipe.model, "image-generation"]
    fields: dict[str, Any] = {"library_name": "keras", "pipeline_tag": TASK,
              **LICENCES.get(recipe.dataset or "", UNKNOWN),
              "tags": list(dict.fromkeys(tags)), **({} if known is None else {"datasets": [known]})}
    if scores is not None:
        result = {"task": {"type": TASK},
                  "dataset": {"type": known or recipe.dataset or "own-pictures",
                              "name": recipe.dataset or "own pictures", "split": "test"},
                  "metrics": _metrics(scores["numbers"])}
        fields["model-index"] = [{"name": name, "results": [result]}]
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items())
    return "\n".join(["---", *lines, "---"]).replace("<", r"\u003c")  # only in texts, where JSON and YAML read it so


def _metrics(numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns what was measured, in the order and the units of the table of metrics."""
    return [{"type": metric.key, "name": metric.heading, "value": float(f"{value * metric.scale:.6g}")}
            for metric in METRICS if (value := numbers.get(metric.key)) is not None and math.isfinite(value)]
