"""What happened while a run trained: where it began, how its networks grew, what was evaluated, what the doctor saw."""

from collections.abc import Mapping
from typing import NamedTuple

from kgan.report.run_facts import RunFacts
from kgan.runs import checkpoints, checks, directory
from kgan.scoring import doctor, table

BLAMED = {metric.key for metric in table.METRICS} - {"fcd", "modes"}  # columns with limits that need no yardsticks


class Event(NamedTuple):
    """Something that happened at a step, in words."""

    step: int
    words: str


def events(subject: RunFacts) -> list[Event]:
    """Returns what the run's directory tells of, in order; one event a step."""
    unordered = [*_beginning(subject), *_warnings(subject)]
    unordered += [Event(phase.start, f"{phase.image_size}×{phase.image_size} "
                        f"{'fades in' if phase.fade else 'trains alone'}")
                  for phase in subject.recipe.phases if phase.steps is not None]
    unordered += [Event(step, "evaluated") for step in map(directory.step_of, subject.run.scores_files())]
    unordered += [Event(step, "lowest validation score: kept in best/") for step in checkpoints.steps(subject.run.best)]
    by_step: dict[int, list[str]] = {}
    for event in sorted(event for event in unordered if event.step <= subject.reached):
        by_step.setdefault(event.step, []).append(event.words)
    return [Event(step, "; ".join(words)) for step, words in by_step.items()]


def _beginning(subject: RunFacts) -> list[Event]:
    branch = subject.config.get("branch")
    if not branch:
        return []
    first = 0 if branch.get("anew") or "file" in branch else branch.get("step") or 0
    at = f" at step {branch['step']:,}" if branch.get("step") else ""
    return [Event(first, f"goes on from {checks.last_name(branch['run'])}{at}")]


def _warnings(subject: RunFacts) -> list[Event]:
    """Asks the doctor at every row of the log; a verdict is told when it is first given."""
    known, warnings = set[str](), []
    for number, row in enumerate(subject.rows):
        last = subject.rows[max(0, number + 1 - doctor.LAST_ROWS):number + 1]
        for finding in doctor.diagnose(_numbers(row), doctor.last_rows(last), loss=subject.recipe.loss):
            if finding.verdict not in known:
                known.add(finding.verdict)
                warnings.append(Event(int(row["step"]), f"{finding.verdict}: {finding.evidence}"))
    return warnings


def _numbers(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name in BLAMED}
