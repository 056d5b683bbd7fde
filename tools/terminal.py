"""Draws the README's picture of a terminal from what a run printed (needs `pip install rich`).

    kgan train --model=dcgan --dataset=digits --d_learning_rate=0.003 --watch_every=4 --steps=800 2>&1 | tee log.txt
    python tools/terminal.py log.txt docs/pictures/terminal.svg 'kgan train --model=dcgan …'

A line that was written over shows what stood there last. Lines that tell of the doctor are yellow.
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 112


def main(log: str, out: str, command: str) -> None:
    """Renders `log` below a prompt with `command`."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text(f"$ {command}", style="bold"))
    for line in Path(log).read_bytes().decode().split("\n"):
        left = [part for part in line.split("\r") if part.strip()]
        if left:
            console.print(Text(left[-1].strip(), style="bold yellow" if left[-1].startswith("Step") and ": " in left[-1]
                               and ";" in left[-1] else ""))
    drawing = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="kgan"), flags=re.DOTALL)  # no fonts from afar
    Path(out).write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
