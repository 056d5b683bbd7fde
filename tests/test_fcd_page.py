"""docs/explain/fcd.md: its numbers are those that were measured, its limits those of the code."""

import json
import operator
import re

from documents import ROOT, text

from kgan.scoring.table import METRICS

PAGE = text(ROOT / "docs" / "explain" / "fcd.md")
MEASURED = json.loads(text(ROOT / "experiments" / "results" / "planted" / "planted.json"))
SETS = {"training images": "training images, as they are", "without the digit 8": "without the digit 8",
        "ten images repeated": "ten images, one of each digit, repeated",
        "blurred, σ = 0.5 pixels": "blurred, σ 0.5 pixels", "noise of 10 grey levels": "with noise, σ 10 grey levels",
        "moved by 1 pixel": "moved by 1 pixels", "moved by 3 pixels": "moved by 3 pixels",
        "a linear model's": "PCA-Gaussian", "uniform noise": "uniform noise"}
COLUMNS = ("fcd", "fcd2", "score", "precision", "recall", "coverage", "memorisation", "roughness")


def test_the_sets_have_the_numbers_that_were_measured():
    for shown, name in SETS.items():
        (row,) = re.findall(rf"^\| {re.escape(shown)} \|(.*)\|$", PAGE, re.MULTILINE)
        cells = row.split("|")[:len(COLUMNS)]
        assert [float(cell) for cell in cells] == [float(f"{MEASURED[name][column]:.2f}") for column in COLUMNS], shown
        said, real = row.split("|")[-1].strip(), MEASURED[name]["doctor"]
        assert re.split(r"[,:]", said)[0] in real, (said, real)


def test_the_limits_are_the_codes():
    rows = [(metric.heading, "below" if limit.past is operator.lt else "above", f"{limit.limit:g}", limit.verdict)
            for metric in METRICS for limit in metric.limits]
    assert re.findall(r"^\| ([\w-]+) \| (below|above) ([\d.]+) \| (.*) \|$", PAGE, re.MULTILINE) == rows
