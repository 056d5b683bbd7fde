"""A run's log as drawings: lines and stacked shares over steps, whose colours the page's style decides."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kgan.report.events import Event
from kgan.runs import log

POINTS = 600  # of a line, at most
LARGEST = 1e100  # value that is drawn; beyond it axes overflow
SHARE = re.compile(r"share_([0-9]{1,5})")  # columns that are stacked

Rows = Sequence[Mapping[str, float]]


class Axes(NamedTuple):
    """A drawing's size and the edges of the plot inside it, in its own units."""

    width: int = 460
    height: int = 190
    left: int = 48
    right: int = 452
    top: int = 18
    bottom: int = 164


AXES = Axes()


class Frame(NamedTuple):
    """The axes that runs share: steps from 0, and values, whose logarithm is drawn where `log`."""

    steps: float
    low: float
    high: float
    log: bool

    def x(self, step: float) -> float:
        """Returns where a step lies."""
        return AXES.left + (AXES.right - AXES.left) * step / max(self.steps, 1)

    def y(self, value: float) -> float:
        """Returns where a value lies."""
        low, high, value = (map(math.log, (self.low, self.high, max(value, self.low))) if self.log else
                            (self.low, self.high, value))
        return AXES.bottom - (AXES.bottom - AXES.top) * (value - low) / ((high - low) or 1)

    @property
    def ticks(self) -> list[float]:
        """Values to write at the axis."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        values = LogLocator(subs=(1, 2, 5)).tick_values(self.low, self.high) if self.log else []
        inside = [value for value in values if self.low <= value <= self.high]
        if len(inside) < 2:  # not even an octave of values
            inside = [value for value in MaxNLocator(4).tick_values(self.low, self.high)
                      if self.low <= value <= self.high]
        return [float(value) for value in inside]


class Line(NamedTuple):
    """A line through points, and dots on them where they are few."""

    points: str
    dots: list[tuple[str, str]]


class Share(NamedTuple):
    """The area of one class."""

    points: str
    fill: str
    title: str


class Drawing(NamedTuple):
    """What the page draws, in the units of AXES; texts stand with where they are written."""

    title: str
    steps: str  # at the right edge
    across: list[tuple[float, str]]
    along: list[tuple[float, str]]
    marks: list[tuple[str, int, str]]  # of events
    keys: Sequence[str] = ()  # names of the lines, where there are several
    lines: Sequence[Line] = ()
    shares: Sequence[Share] = ()
    labels: Sequence[tuple[str, str, str]] = ()  # of shares


def drawings(runs: Sequence[tuple[Rows, Sequence[Event]]],
             probability: bool = False) -> list[tuple[str, list[Drawing | None]]]:
    """Returns, for each group of columns, its title and a drawing for each run, on the same axes; or None.

    Args:
        runs: rows of the log, and events.
        probability: as of `log.panels`, for all of them.
    """
    everything = [row for rows, _ in runs for row in rows]
    steps = max((row["step"] for row in everything), default=0)
    groups: list[tuple[str, list[Drawing | None]]] = []
    for names, label, scale in log.panels(everything, probability):
        if SHARE.fullmatch(names[0]):
            continue
        frame = _frame(everything, names, scale, steps)
        label += ", on a log scale" if frame.log else ""
        groups.append((label, [_lines(rows, names, frame, events, f"{label} over steps") for rows, events in runs]))
    if any(SHARE.fullmatch(name) for row in everything for name in row):
        frame = Frame(steps, 0, 1, False)
        groups.append(("share of each class, the first at the bottom",
                      [_shares(rows, frame, events) for rows, events in runs]))
    return groups


def _frame(rows: Rows, names: Sequence[str], scale: str, steps: float) -> Frame:
    values = [row[name] for row in rows for name in names if _drawn(row, name)] or [0.0]
    if scale == "probability":
        return Frame(steps, 0, 1, False)
    if scale == "log" and min(values) > 0:
        return Frame(steps, min(values), max(values) * 1.05, True)
    return Frame(steps, min(0.0, *values), max(values) * 1.05 or 1, False)


def _drawn(row: Mapping[str, float], name: str) -> bool:
    return abs(row.get(name, math.nan)) <= LARGEST  # NaN compares as false


def _points(rows: Rows, name: str) -> list[tuple[float, float]]:
    """Returns a column's finite values by step; of very many, the lowest and the highest of each stretch."""
    points = [(row["step"], row[name]) for row in rows if _drawn(row, name)]
    if len(points) <= POINTS:
        return points
    size = math.ceil(2 * len(points) / POINTS)
    stretches = [points[start:start + size] for start in range(0, len(points), size)]
    return [point for some in stretches
            for point in sorted({min(some, key=lambda one: one[1]), max(some, key=lambda one: one[1])})]


def _lines(rows: Rows, names: Sequence[str], frame: Frame, events: Sequence[Event], title: str) -> Drawing | None:
    shown = {name: points for name in names if (points := _points(rows, name))}
    if not shown:
        return None
    lines = []
    for points in shown.values():
        placed = [(f"{frame.x(step):.1f}", f"{frame.y(value):.1f}") for step, value in points]
        lines.append(Line(" ".join(map(",".join, placed)), placed if len(points) < 40 else []))
    return _empty(frame, events, title)._replace(lines=lines, keys=list(shown) if len(shown) > 1 else [])


def _shares(rows: Rows, frame: Frame, events: Sequence[Event]) -> Drawing | None:
    """Stacks the shares of the classes, the first at the bottom, each with its number at the end."""
    looked = [row for row in rows if "share_0" in row]
    if not looked:
        return None
    names = [name for name in looked[-1] if SHARE.fullmatch(name)]
    below, shares, labels = [0.0] * len(looked), [], []
    for number, name in enumerate(names):
        above = [low + (row[name] if _drawn(row, name) else 0.0) for low, row in zip(below, looked, strict=True)]
        way = [*zip(looked, above, strict=True), *zip(reversed(looked), reversed(below), strict=True)]
        path = " ".join(f"{frame.x(row['step']):.1f},{frame.y(value):.1f}" for row, value in way)
        shown, share = name.removeprefix("share_"), above[-1] - below[-1]
        fill = f"hsl({360 * number / len(names):.0f} 32% {62 if number % 2 else 72}%)"
        shares.append(Share(path, fill, f"class {shown}: {share:.1%} at the end"))
        if share > 0.055:  # room for the number
            middle = frame.y((above[-1] + below[-1]) / 2)
            labels.append((f"{frame.x(looked[-1]['step']) - 8:.1f}", f"{middle + 4:.1f}", shown))
        below = above
    return _empty(frame, events, "share of each class among samples over steps")._replace(shares=shares, labels=labels)


def _empty(frame: Frame, events: Sequence[Event], title: str) -> Drawing:
    """Returns axes and the marks of events: a line and its number; numbers of neighbours are at different heights."""
    across = [(round(frame.y(value), 1), f"{value:g}") for value in frame.ticks]
    along = [(round(frame.x(step), 1), f"{step:,.0f}") for step in Frame(1, 0, frame.steps, False).ticks]
    marks = [(f"{frame.x(event.step):.1f}", AXES.top - 8 if number % 2 else AXES.top - 1, str(number))
             for number, event in enumerate(events, 1)]
    return Drawing(title, f"{frame.steps:.0f}", across, along, marks)
