"""The table of several seeds, worst included, from what `kgan evaluate --json` printed.

    python experiments/studies/seeds.py experiments/results/dcgan_fast

Reads NAME_seedN_LENGTH.json and prints a row for each NAME and LENGTH: every seed's FCD, of other numbers the worst.
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from kgan.scoring.doctor import REAL
from kgan.scoring.table import cell, metrics

SHOWN = ("score", "class_kl", "precision", "recall", "coverage", "one_nn", "agreement")
LARGER_IS_WORSE = {"class_kl", "one_nn"}


def table(folder: Path) -> str:
    """Returns the table of `folder`."""
    found = defaultdict(list)
    for file in sorted(folder.glob("*.json")):
        if named := re.fullmatch(r"(.*)_seed\d+_(.*)", file.stem):
            found[named.groups()].append(json.loads(file.read_text(encoding="utf-8")))
    shown = metrics(*SHOWN)
    lines = ["| run | length | FCD, each seed | " + " | ".join(metric.heading for metric in shown) + " |",
             "|---|---|---" + "|---:" * len(shown) + "|"]
    for (name, length), results in found.items():
        numbers = [result["numbers"] for result in results]
        worst = [(max if metric.key in LARGER_IS_WORSE else min)(one[metric.key] for one in numbers)
                 if all(metric.key in one for one in numbers) else None for metric in shown]
        cells = map(cell, shown, worst)
        fcds = ", ".join(f"{one['fcd']:.2f}" for one in numbers)
        lines.append(f"| {name} | {length} | {fcds} | {' | '.join(cells)} |")
    real = next(iter(found.values()))[0]["yardsticks"][REAL]
    theirs = " | ".join(cell(metric, real[metric.key]) for metric in shown)
    return "\n".join([*lines, f"| *{REAL}* | | {real['fcd']:.2f} | {theirs} |"])


if __name__ == "__main__":
    print(table(Path(sys.argv[1])))
