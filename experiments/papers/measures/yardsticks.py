"""Measures of the models that the papers name and did not build, most of them from the kept cells of the fair fight."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from experiments.papers.claims import Evidence, MissingError
from experiments.papers.jobs import RESULTS, read
from experiments.papers.lab import Lab

REPEATS = 9


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

    By whole passes is what PixelCNN's paper did; to keep each pixel's features is the quickest way known.
    """
    rows = cells("pixelcnn", "vae", "dcgan_5x5")
    each = [({"model": "PixelCNN", "slower by": pixelcnn["sampling_by_passes"] / dcgan["sampling"],
              "features kept, slower by": pixelcnn["sampling"] / dcgan["sampling"],
              "by whole passes, s": pixelcnn["sampling_by_passes"], "DCGAN, s": dcgan["sampling"]},
             {"model": "VAE", "roughness": vae["numbers"]["roughness"], "fcd": vae["numbers"]["fcd"]})
            for pixelcnn, vae, dcgan in rows]
    return Evidence([one for pair in each for one in pair],
                    f"seconds of one core for 10,000 images, worked out from {rows[0][0]['numbers']['count']:,} of "
                    f"PixelCNN; VAE after {rows[0][1]['seconds']:.0f} s of training, "
                    f"{rows[0][1]['numbers']['count']:,} samples",
                    seeds=[row[0]["seed"] for row in rows for _ in range(2)], data=False)


def simplified(lab: Lab) -> Evidence:
    """Reads how rough a VAE's samples are beside real images, and which share of test images lies among them."""
    rows = [row for (row,) in cells("vae")]
    return Evidence([{key: row["numbers"][key] for key in ("roughness", "recall", "fcd")} for row in rows],
                    f"a VAE after {rows[0]['seconds']:.0f} s of one core, {rows[0]['numbers']['count']:,} samples",
                    seeds=[row["seed"] for row in rows], data=False)


def in_parallel(lab: Lab) -> Evidence:
    """Draws one image at a time, by the paper's generators and by a PixelCNN; untrained, as the time is the same."""
    import tensorflow as tf

    from experiments.papers.pixelcnn import SIDE, PixelCNN
    from kgan import models

    pixel_by_pixel = milliseconds(PixelCNN().generate, 1)
    each = []
    for name in ("gan", "dcgan_alvarez"):
        recipe = models.recipe(name, "mnist")
        whole = milliseconds(tf.function(models.build_generator(recipe)), tf.zeros((1, recipe.latent_dim)))
        each.append({"network": name, "ms": whole, "PixelCNN, ms": pixel_by_pixel, "slower by": pixel_by_pixel / whole})
    return Evidence(each, f"the processor's time for one image, a median of {REPEATS}, untrained networks; the "
                          f"PixelCNN draws {SIDE**2} pixels one after the other", data=False)


def milliseconds(draw: Callable[[Any], Any], argument: Any) -> float:
    """Returns the processor's time that a call takes, the first one, which compiles, not counted."""
    draw(argument)
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        draw(argument)
        times.append(1000 * (time.process_time() - began))
    return statistics.median(times)
