"""Measures of the models that the papers name and did not build, from the kept cells of the fair fight."""

from collections.abc import Mapping
from typing import Any

from experiments.papers.claims import Evidence, MissingError
from experiments.papers.jobs import RESULTS, read
from experiments.papers.lab import Lab


def cells(*systems: str) -> list[list[Mapping[str, Any]]]:
    """Returns the cells of systems with one seed, for each seed that all of them have.

    Raises:
        MissingError: there is none.
    """
    folder = RESULTS / "fair_fight" / "cells"
    found = [[read(folder / f"{system}-{seed}.json") for system in systems] for seed in range(10)]
    if rows := [row for row in found if all(one and "sampling" in one for one in row)]:
        return rows
    raise MissingError(f"not measured: {folder.relative_to(RESULTS)} lacks {' or '.join(systems)}; run python -m "
                       f"experiments.papers.fair_fight --systems={','.join(systems)}")


def slow_and_blurred(lab: Lab) -> Evidence:
    """Compares PixelCNN's seconds to draw 10,000 images with Li's DCGAN's, and VAE's roughness with real images'.

    PixelCNN keeps each pixel's features, the quickest way known; `by whole passes` is what its paper did.
    """
    rows = cells("pixelcnn", "vae", "dcgan_5x5")
    return Evidence([{"slower by": pixelcnn["sampling"] / dcgan["sampling"], "PixelCNN, s": pixelcnn["sampling"],
                      "by whole passes, s": pixelcnn["sampling_by_passes"], "DCGAN, s": dcgan["sampling"],
                      "VAE roughness": vae["numbers"]["roughness"], "VAE FCD": vae["numbers"]["fcd"]}
                     for pixelcnn, vae, dcgan in rows],
                    f"seconds of one core for 10,000 images, worked out from {rows[0][0]['numbers']['count']:,} of "
                    f"PixelCNN; VAE after {rows[0][1]['seconds']:.0f} s of training, "
                    f"{rows[0][1]['numbers']['count']:,} samples",
                    seeds=[row[0]["seed"] for row in rows], data=False)


def simplified(lab: Lab) -> Evidence:
    """Reads how rough a VAE's samples are beside real images, and which share of test images lies among them."""
    rows = [row for (row,) in cells("vae")]
    return Evidence([{key: row["numbers"][key] for key in ("roughness", "recall", "fcd")} for row in rows],
                    f"a VAE after {rows[0]['seconds']:.0f} s of one core, {rows[0]['numbers']['count']:,} samples",
                    seeds=[row["seed"] for row in rows], data=False)
