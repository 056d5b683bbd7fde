"""A run's log as drawings: lines and stacked shares over steps, in SVG whose colours the page's style decides."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kgan.reporting.report.events import Event
from kgan.runs import plots

WIDTH, HEIGHT = 460, 190  # of a drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 48, 452, 18, 164  # edges of the plot inside it
POINTS = 600  # of a line, at most
SHARES = "share_"  # begins the columns that are stacked

Rows = Sequence[Mapping[str, float]]


class Frame(NamedTuple):
    """The axes that runs share: steps from 0, and values, whose logarithm is drawn where `log`."""

    steps: float
    low: float
    high: float
    log: bool

    def x(self, step: float) -> float:
        """Returns where a step lies."""
        return LEFT + (RIGHT - LEFT) * step / max(self.steps, 1)

    def y(self, value: float) -> float:
        """Returns where a value lies."""
        low, high, value = (map(math.log, (self.low, self.high, max(value, self.low))) if self.log else
                            (self.low, self.high, value))
        return BOTTOM - (BOTTOM - TOP) * (value - low) / ((high - low) or 1)

    @property
    def ticks(self) -> list[float]:
        """Values to write at the axis."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        found = LogLocator(subs=(1, 2, 5)).tick_values(self.low, self.high) if self.log else []
        inside = [value for value in found if self.low <= value <= self.high]
        if len(inside) < 2:  # not even an octave of values
            inside = [value for value in MaxNLocator(4).tick_values(self.low, self.high)
                      if self.low <= value <= self.high]
        return [float(value) for value in inside]


def drawings(runs: Sequence[tuple[Rows, Sequence[Event]]]) -> list[tuple[str, list[str]]]:
    """Returns, for each group of columns, its title and a drawing for each run, on the same axes; "" where none is."""
    everything = [row for rows, _ in runs for row in rows]
    steps = max((row["step"] for row in everything), default=0)
    found = []
    for names, label, scale in plots.panels(everything):
        if names[0].startswith(SHARES):
            continue
        frame = _frame(everything, names, scale, steps)
        label += ", on a log scale" if frame.log else ""
        found.append((label, [_lines(rows, names, frame, events, f"{label} over steps") for rows, events in runs]))
    if any(name.startswith(SHARES) for row in everything for name in row):
        frame = Frame(steps, 0, 1, False)
        found.append(("share of each class, the first at the bottom",
                      [_shares(rows, frame, events) for rows, events in runs]))
    return found


def _frame(rows: Rows, names: Sequence[str], scale: str, steps: float) -> Frame:
    values = [row[name] for row in rows for name in names if math.isfinite(row.get(name, math.nan))] or [0.0]
    if scale == "probability":
        return Frame(steps, 0, 1, False)
    if scale == "log" and min(values) > 0:
        return Frame(steps, min(values), max(values) * 1.05, True)
    return Frame(steps, min(0.0, *values), max(values) * 1.05 or 1, False)


def _points(rows: Rows, name: str) -> list[tuple[float, float]]:
    """Returns a column's finite values by step; of very many, the lowest and the highest of each stretch."""
    points = [(row["step"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
    if len(points) <= POINTS:
        return points
    size = math.ceil(2 * len(points) / POINTS)
    stretches = [points[start:start + size] for start in range(0, len(points), size)]
    return [point for some in stretches
            for point in sorted({min(some, key=lambda one: one[1]), max(some, key=lambda one: one[1])})]


def _lines(rows: Rows, names: Sequence[str], frame: Frame, events: Sequence[Event], title: str) -> str:
    shown = {name: points for name in names if (points := _points(rows, name))}
    if not shown:
        return ""
    drawn = []
    for number, points in enumerate(shown.values()):
        path = " ".join(f"{frame.x(step):.1f},{frame.y(value):.1f}" for step, value in points)
        drawn.append(f'<polyline class="line c{number % 8}" points="{path}"/>')
        if len(points) < 40:
            drawn += [f'<circle class="dot c{number % 8}" cx="{frame.x(step):.1f}" cy="{frame.y(value):.1f}" r="2"/>'
                      for step, value in points]
    keys = "".join(f'<span class="key c{number % 8}">{html.escape(name)}</span>' for number, name in enumerate(shown))
    return _drawing(frame, "".join(drawn), events, title, keys if len(shown) > 1 else "")


def _shares(rows: Rows, frame: Frame, events: Sequence[Event]) -> str:
    """Stacks the shares of the classes, the first at the bottom, each with its number at the end."""
    looked = [row for row in rows if f"{SHARES}0" in row]
    if not looked:
        return ""
    names = [name for name in looked[-1] if name.startswith(SHARES)]
    below, drawn = [0.0] * len(looked), []
    for number, name in enumerate(names):
        above = [low + row.get(name, 0.0) for low, row in zip(below, looked, strict=True)]
        way = [*zip(looked, above, strict=True), *zip(reversed(looked), reversed(below), strict=True)]
        path = " ".join(f"{frame.x(row['step']):.1f},{frame.y(value):.1f}" for row, value in way)
        hue = 360 * number / len(names)
        drawn.append(f'<polygon class="share" style="fill:hsl({hue:.0f} 32% {62 if number % 2 else 72}%)" '
                     f'points="{path}"><title>class {name.removeprefix(SHARES)}: {above[-1] - below[-1]:.1%} at the '
                     f"end</title></polygon>")
        if above[-1] - below[-1] > 0.055:  # room for the number
            middle = frame.y((above[-1] + below[-1]) / 2)
            drawn.append(f'<text class="class" x="{frame.x(looked[-1]["step"]) - 8:.1f}" y="{middle + 4:.1f}">'
                         f"{name.removeprefix(SHARES)}</text>")
        below = above
    return _drawing(frame, "".join(drawn), events, "share of each class among samples over steps", "")


def _drawing(frame: Frame, inside: str, events: Sequence[Event], title: str, keys: str) -> str:
    across = "".join(
        f'<line class="rule" x1="{LEFT}" x2="{RIGHT}" y1="{frame.y(value):.1f}" y2="{frame.y(value):.1f}"/>'
        f'<text class="value" x="{LEFT - 6}" y="{frame.y(value) + 3.5:.1f}">{value:g}</text>' for value in frame.ticks)
    along = "".join(f'<text class="step" x="{frame.x(step):.1f}" y="{BOTTOM + 16}">{step:,.0f}</text>'
                    for step in Frame(1, 0, frame.steps, False).ticks)
    marks = "".join(_apart(number, frame.x(event.step)) for number, event in enumerate(events, 1))
    svg = (f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}" '
           f'data-steps="{frame.steps:.0f}" data-left="{LEFT}" data-right="{RIGHT}">{across}{along}{inside}{marks}'
           f'<line class="now" x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{BOTTOM}" visibility="hidden"/></svg>')
    return f'<div class="keys">{keys}</div>{svg}'


def _apart(number: int, x: float) -> str:
    """Returns an event's mark: a line and its number; numbers of neighbours are at different heights."""
    return (f'<line class="event" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{BOTTOM}"/>'
            f'<text class="event" x="{x:.1f}" y="{TOP - 8 if number % 2 else TOP - 1}">{number}</text>')


