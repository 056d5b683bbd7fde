"""One evaluation: numbers, yardsticks, protocol and verdict of a run, a SavedModel, a folder or an array."""

from pathlib import Path
from typing import Any, NamedTuple

from absl import logging

from kgan.drawing import html
from kgan.evaluation.candidate import benchmark_for, measure, open_candidate, protocol
from kgan.runs import log, scores
from kgan.scoring import doctor, table


class Evaluation(NamedTuple):
    """What was found: for programs, for the screen, and what is wrong."""

    content: dict[str, Any]  # JSON
    text: str
    findings: list[doctor.Finding]

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return html.text(self.text)


def evaluate(path: Path, *, step: int | str | None = None, trust: bool = False, skip_bad: bool = False,
             count: int = table.COUNT, dataset: str | None = None, data: str | None = None, crop: int | None = None,
             fid: bool = False) -> Evaluation:
    """Scores what is at `path`; of a run against its own data, the scores are kept in the run.

    Args:
        path: a run directory or preset, a SavedModel, a folder of images or an .npy array of uint8 images.
        step: of the run's checkpoint; "last": the last one; None: the best where it is kept, else the last one.
        trust: load a SavedModel, which is a program.
        skip_bad: leave out pictures of a folder that can't be read.
        count: images of each kind to compare.
        dataset: what to compare with; with `data` None as well, the run's own.
        data: the user's own images, or own copy of `dataset`.
        crop: side of the square cut out of the data set's pictures; None: the run's.
        fid: also measure FID.

    Raises:
        UserError: nothing there that can be scored, or nothing to compare it with.
    """
    candidate = open_candidate(path, step, trust=trust, skip_bad=skip_bad)
    candidate = candidate._replace(skip_bad=skip_bad or candidate.skip_bad)  # of what it is compared with, too
    benchmark, notes = benchmark_for(candidate, count=count, dataset=dataset, data=data, crop=crop, fid=fid)
    numbers = measure(candidate, benchmark)
    yardsticks = benchmark.yardsticks()
    run = candidate.run
    rows = [] if run is None else doctor.last_rows(log.read(run.log_file), candidate.step)
    loss, weight = (None, None) if run is None else (run.recipe().loss, run.recipe().slope_weight)
    findings = doctor.diagnose(numbers, rows, yardsticks, loss, weight)
    words, conclusion = protocol(candidate, benchmark), "not healthy" if findings else doctor.conclusion(numbers)
    healthy = False if findings else True if conclusion == doctor.HEALTHY else None  # None: not to be told
    content = table.json_safe({"protocol": words, "count": benchmark.count, "notes": notes, "numbers": numbers,
                               "yardsticks": yardsticks, "healthy": healthy, "conclusion": conclusion,
                               "verdict": [finding._asdict() for finding in findings]})
    if run is not None and run.preset is None and (dataset, data, crop) == (None, None, None):
        try:
            scores.save(run, candidate.step, content)
        except OSError as error:  # someone else's run
            logging.warning("Note: the scores can't be kept in the run (%s).", error.strerror)
    text = "\n".join([table.tables({"generated": numbers, **yardsticks}), "", words, *notes, "",
                      doctor.in_words(findings, numbers)])
    return Evaluation(content, text, findings)
