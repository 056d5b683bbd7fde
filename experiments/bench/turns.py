"""What the benchmarks share: images/s in turns that alternate, and how results are kept."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kgan.runtime import files, machine


def rate(step: Callable[[], Any], images: int, seconds: float = 0.0) -> float:
    """Returns images/s of calls of so many images each, for `seconds`; at least one."""
    began, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds or not count:
        step()
        count += 1
    return count * images / elapsed


def step_of(recipe: Any) -> tuple[Callable[[Any], Any], dict[str, Any]]:
    """Returns a recipe's compiled train step, and a batch of noise for it, of class 0."""
    import tensorflow as tf

    from kgan.runs.build import build_gan

    gan = build_gan(recipe, [1] * recipe.label_count if recipe.clusters_per_class > 1 else None)
    batch = {"image": tf.random.uniform((recipe.images_per_step, *recipe.image_shape), -1, 1)}
    return tf.function(gan.train_step), batch | (
        {"label": tf.zeros((recipe.images_per_step,), tf.int64)} if gan.conditional else {})


def in_turn(steps: Mapping[Any, Callable[[], Any]], images: int, repeats: int,
            seconds: float = 0.0) -> dict[Any, list[float]]:
    """Returns images/s of every step, a number a turn, after a first call that compiles; who goes first changes."""
    for step in steps.values():
        step()
    rates: dict[Any, list[float]] = {name: [] for name in steps}
    for turn in range(repeats):
        for name in list(steps)[::-1 if turn % 2 else 1]:
            rates[name].append(round(rate(steps[name], images, seconds), 1))
    return rates


def medians(rates: Mapping[Any, list[float]]) -> dict[Any, float]:
    """Returns the median of every list."""
    return {name: statistics.median(values) for name, values in rates.items()}


def command() -> str:
    """Returns the command that runs, as typed at the repository's root."""
    return " ".join(["python", "/".join(Path(sys.argv[0]).resolve().parts[-3:]), *sys.argv[1:]])


def facts() -> dict[str, Any]:
    """Returns what stands in a result besides what was measured: the command, the versions and the machine."""
    return {"command": command(), "versions": machine.versions(),
            "machine": {"cores": os.cpu_count(), "architecture": platform.machine()}}


def footer(result: Mapping[str, Any]) -> str:
    """Returns the line below a table: which command measured on what."""
    return f"\n`{result['command']}` on {machine.in_words(result['versions'])}.\n"


def keep_json(result: Mapping[str, Any], out: str | None) -> None:
    """Prints numbers, and writes them where `out`, a file, is given."""
    print(json.dumps(result, indent=2))
    if out:
        files.write_json(Path(out), result)


def keep(result: Mapping[str, Any], out: str | None, name: str, table: str) -> None:
    """Prints a table; writes it and the numbers to OUT/NAME.md and OUT/NAME.json, where `out` is given."""
    print(table)
    if out:
        files.write_json(Path(out, f"{name}.json"), result)
        files.write_text(Path(out, f"{name}.md"), table)
