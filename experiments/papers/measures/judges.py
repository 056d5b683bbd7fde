"""Measures of the judge, on sets that are known to be bad, and of recipes that others' advice gave."""

import json

import numpy as np

from experiments.papers.claims import Evidence, MissingError
from experiments.papers.jobs import RESULTS
from experiments.papers.lab import Lab


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
        raise MissingError("not measured: experiments/results/stability has no cells; run "
                           "experiments/studies/stability.py")
    return Evidence([{"recipe": words, "fcd": by_arm[arm], "plain": by_arm["plain"]} for arm, words in
                     (("recipe", "dcgan_fast, told classes"), ("kinds", "told no classes"),
                      ("neither", "told nothing"))],
                    "experiments/results/stability, 180 s of one core each", seeds=[0], data=False)
