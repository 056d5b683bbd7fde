"""Writes what the kept runs gave wherever it is shown: docs/results/runs.md, and marked parts of other pages.

    python tools/make_results.py

Kept are directories with a config.json in experiments/results/, presets, and what `kgan evaluate --json` printed, with
the recipe added. In a page the text between `<!-- results:NAME -->` and `<!-- /results -->` is made here.
"""

import collections
import functools
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this checkout's kgan, whichever is installed

from experiments.__main__ import PAPERS
from experiments.studies import seeds
from kgan import models, presets
from kgan.recipe import Recipe
from kgan.report import words
from kgan.runs import log
from kgan.runtime import templates
from kgan.scoring import doctor, judge

RESULTS = ROOT / "experiments" / "results"
PAGE = ROOT / "docs" / "results" / "runs.md"
PAGES = [ROOT / page for page in ("README.md", "docs/models.md", "docs/results/leaderboard.md",
                                "docs/explain/gan_or_diffusion.md")]  # have marked parts
MARKED = re.compile(r"(<!-- results:(\w+) -->\n).*?(<!-- /results -->)", re.DOTALL)
JUDGE = f"carried judge {judge.CARRIED[0][:8]}"  # of the README's column


class Score(NamedTuple):
    """What a judge said of a run's samples: FCD, and that of real images; the judge, and the images compared with.

    `colour`: FCD-32 of both, by the colour judge that kgan carries; None where it was not asked.
    """

    fcd: float
    real: float
    judge: str
    images: str
    colour: tuple[float, float] | None = None


class Kept(NamedTuple):
    """A run that is kept. `step` is the one that was scored, else the last; `share` and `picture` may be missing."""

    path: Path
    recipe: Recipe
    version: str
    step: int
    share: float | None
    time: str
    score: Score | None
    picture: Path | None

    @property
    def name(self) -> str:
        """Returns what a reader calls it."""
        return _name(self.path)

    @property
    def length(self) -> str:
        """Returns the steps, and their share of the recipe's length, in words."""
        if not self.recipe.adversarial:
            return "fitted"
        return f"{self.step:,} steps" + ("" if self.share is None else f", {self.share:.0%}")

    @property
    def command(self) -> str:
        """Returns the command that starts the same run."""
        command = words.command(SimpleNamespace(recipe=self.recipe, config={}))
        return re.sub(r"(=\d+)\.0\b", r"\1", command.removesuffix(" --workdir=runs/again"))


def kept() -> list[Kept]:
    """Returns all kept runs, in the order of their paths."""
    configs = [*RESULTS.rglob("config.json"), *presets.DIRECTORY.glob("*/config.json")]
    printed = [(file, json.loads(file.read_text(encoding="utf-8"))) for file in sorted(RESULTS.rglob("*.json"))]
    return [*(_directory(config.parent) for config in sorted(configs)),
            *(_printed(file, values) for file, values in printed
              if isinstance(values, dict) and {"recipe", "numbers", "protocol"} <= values.keys())]


def _directory(path: Path) -> Kept:
    """Returns the run that a directory holds."""
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    recipe = _recipe(config["recipe"], config["format"])
    score, step = _score(path, config["recipe"])
    if step is None:
        step = max((int(log.read(file)[-1]["step"]) for file in path.glob("log*.csv")), default=1)
    pictures = sorted([*path.glob("step_*.*"), *path.glob("samples.png")])
    return Kept(path, recipe, config["versions"]["kgan"], step, _share(recipe, step, config["data"]["images"]),
                _recorded_time(path), score, pictures[-1] if pictures else None)


def _printed(file: Path, values: Mapping[str, Any]) -> Kept:
    """Returns the run of which a file holds what was printed."""
    recipe = _recipe(values["recipe"])
    step = _step(values["protocol"]) or 1
    pictures = [file.with_suffix(suffix) for suffix in (".png", ".jpg") if file.with_suffix(suffix).exists()]
    time = f"{values['seconds']:,.0f} s" if "seconds" in values else "–"
    return Kept(file, recipe, values["versions"]["kgan"], step, _share(recipe, step, None), time, _of_numbers(values),
                pictures[0] if pictures else None)


def _recipe(values: Mapping[str, Any], form: int = 4) -> Recipe:
    """Returns the recipe that a file of any version holds: `gan` was `gan_maxout` up to format 2."""
    model = "gan_maxout" if form <= 2 and values["model"] == "gan" else values["model"]
    shape = {name: getattr(models.recipe(model), name) for name in ("image_size", "channels")}
    return Recipe.from_dict(shape | dict(values) | {"model": model})


@functools.cache
def lengths() -> dict[tuple[str, str | None], float]:
    """Returns how many real images the papers' own trainings see, by model and data set."""
    return {(job.model, job.dataset): job.images for paper in PAPERS for job in paper.jobs
            if job.images and job.name.startswith(paper.name)}


def _share(recipe: Recipe, step: int, images: int | None) -> float | None:
    """Returns which share of the paper's length, or of that in the model's file, `step` is; None: not known."""
    if (length := lengths().get((recipe.model, recipe.dataset))) is not None:
        return step * recipe.images_per_step / length
    whole = models.recipe(recipe.model, recipe.dataset, recipe.recipe)
    if not recipe.adversarial or (images is None and whole.epochs is not None):
        return None
    return step * recipe.images_per_step / (whole.total_steps(images or 0) * whole.images_per_step)


def _score(path: Path, recipe: Mapping[str, Any]) -> tuple[Score | None, int | None]:
    """Returns what is kept of a directory's scores: its own, or those of the leaderboard that has its recipe."""
    if (text := path / "scores.txt").exists():
        printed = text.read_text(encoding="utf-8")
        colour = printed.partition(" FCD-32 ")[2]
        return Score(*_firsts(printed), *_protocol(printed), _firsts(colour) if colour else None), _step(printed)
    for file in sorted((path / "scores").glob("*.json")):
        values = json.loads(file.read_text(encoding="utf-8"))
        if "fcd" not in values["numbers"]:  # without labels there is no judge
            return None, _step(values["protocol"])
        return _of_numbers(values), _step(values["protocol"])
    for board in sorted((RESULTS / "scores").glob("leaderboard_*.json")):
        for ranking in json.loads(board.read_text(encoding="utf-8")):
            for run in ranking["runs"]:
                if all(run["recipe"].get(name) == value for name, value in recipe.items()):
                    return _of_numbers(ranking | {"numbers": run["numbers"]}), run["step"]
    return None, None


def _firsts(printed: str) -> tuple[float, float]:
    """Returns the first numbers of a printed table, of what was generated and of real images."""
    generated, real = (float(re.search(rf"^{name} +(\S+)", printed, re.MULTILINE)[1])
                       for name in ("generated", doctor.REAL))
    return generated, real


def _of_numbers(values: Mapping[str, Any]) -> Score:
    return Score(values["numbers"]["fcd"], values["yardsticks"][doctor.REAL]["fcd"], *_protocol(values["protocol"]))


def _protocol(text: str) -> tuple[str, str]:
    """Returns the judge, and the test images, of a protocol's sentence."""
    match = re.search(r"against ([\d,]+ test images of .*?, at \d+×\d+×\d).* features of ([\w -]*judge \w+)", text)
    assert match, text
    return match[2], match[1]


def _step(protocol: str) -> int | None:
    match = re.search(r"at step ([\d,]+)", protocol)
    return int(match[1].replace(",", "")) if match else None


def _name(path: Path) -> str:
    if path.parent == presets.DIRECTORY:
        return f"{presets.PREFIX}{path.name}"
    return path.relative_to(RESULTS).with_suffix("").as_posix()


def _recorded_time(path: Path) -> str:
    """Returns how long the run took, as the record of experiments/results/ has it."""
    record = (RESULTS / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{_name(path)}/?` \|.*\| ([^|]+) \|$", record, re.MULTILINE)
    time = row[1].partition(";")[0] if row else ""
    return time if re.match(r"[\d,.]+ (s|min|h)\b", time) else "–"


class Paper(NamedTuple):
    """A paper that kgan's networks are of: authors, title, and its address."""

    authors: str
    title: str
    address: str | None

    @property
    def cited(self) -> str:
        """Returns authors and title, in Markdown."""
        title = f"*{self.title}*"
        return f"{self.authors}, {title if self.address is None else f'[{title}]({self.address})'}"


def papers() -> dict[str, Paper]:
    """Returns the papers of CITATION.cff, by the titles that models' files quote."""
    references = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["references"]
    return {reference["title"]: Paper(_authors(reference["authors"]), typeset(reference["title"]), (
        f"https://doi.org/{reference['doi']}" if "doi" in reference else reference.get("url")))
        for reference in references}


def _authors(people: list[dict[str, str]]) -> str:
    names = [person.get("name") or " ".join([*(f"{name[0]}." for name in person["given-names"].split()),
                                             person["family-names"]]) for person in people]
    return ", ".join(names) if len(names) < 4 else f"{names[0]} et al."


def typeset(title: str) -> str:
    """Returns a title with its dash as it is printed."""
    return title.replace("--", " – ")


def quoted_title(model: str) -> str | None:
    """Returns the title of the paper that a model's networks are of; None where they are kgan's own."""
    source = models.description(model).split("\n\n")[1]
    match = re.search(r'"([^"]+)"', " ".join(source.split()))
    return None if source.startswith("Source: kgan's own") or match is None else match[1]


def runs_page(runs: list[Kept]) -> str:
    """Returns the page of all runs: for each model a table for each judge and set of test images."""
    sections = []
    for name in models.names():
        groups, unscored = collections.defaultdict(list), []
        for run in (run for run in runs if run.recipe.model == name):
            (unscored if run.score is None else groups[run.score.judge, run.score.images]).append(run)
        sections.append((name, models.description(name).split("\n\n")[0], groups, unscored))
    return templates.markdown(
        Path(__file__).with_name("runs.jinja"), models=sections, link=lambda path: _link(path, PAGE),
        real=lambda group: ", ".join(sorted({f"{run.score.real:.2f}" for run in group})))


def _link(path: Path, page: Path) -> str:
    return Path(os.path.relpath(path, page.parent)).as_posix()


def _shown(model: str, runs: list[Kept]) -> Kept | None:
    """Returns the model's run that came nearest to the paper's length, of several the first seed's.

    None where none is kept. Runs that `JUDGE` has scored go first; of others, those with a picture.
    """
    def key(run: Kept) -> tuple[bool, bool, float, int, float]:
        share = run.share or 0.0
        return (run.score is not None and run.score.judge == JUDGE, run.picture is not None, min(1.0, share),
                -run.recipe.seed, share)

    return max((run for run in runs if run.recipe.model == model), key=key, default=None)


def papers_table(runs: list[Kept], page: Path) -> str:
    """Returns a row for each network of a paper, with the kept run that came nearest to its paper's length."""
    rows = ["| samples | paper, networks, and the command of the run | length, share | time | FCD (real images) |",
            "|---|---|---|---|---:|"]
    for title, paper in papers().items():
        for model in models.names():
            if quoted_title(model) == title:
                rows.append(_row(model, paper, _shown(model, runs), page))
    return "\n".join(rows)


def _row(model: str, paper: Paper, run: Kept | None, page: Path) -> str:
    networks = models.description(model).split("\n\n")[0].rstrip(".").replace("\n", " ")
    cited = f"{paper.cited}<br><br>[`{model}`]({_link(PAGE, page)}#{model}): {networks}"
    if run is None:
        return f"| no run is kept | {cited} | | | |"
    picture = "none is kept" if run.picture is None else f'<img src="{_link(run.picture, page)}" width="200">'
    if run.score is None:
        fcd = "–"
    elif run.score.judge == JUDGE:
        fcd = f"{run.score.fcd:.2f} ({run.score.real:.2f})"
    elif run.score.colour is not None and run.recipe.channels == 3:
        fcd = "by the carried colour judge: {:.2f} ({:.2f})".format(*run.score.colour)
    else:
        fcd = f"[by another judge]({_link(PAGE, page)}#{model})"
    return f"| {picture} | {cited}<br><br>`{run.command}` | {run.length} | {run.time} | {fcd} |"


def pictures(runs: list[Kept], page: Path) -> str:
    """Returns samples of the papers' networks, two beside each other."""
    best = [_shown(model, runs) for model in models.names() if quoted_title(model) in papers()]
    shown = [run for run in best if run is not None and run.picture is not None]
    tables = []
    for number in range(0, len(shown), 2):
        pair = shown[number:number + 2]
        heads = " | ".join(f"`{run.recipe.model}`: {run.length}" for run in pair)
        cells = " | ".join(f'<img src="{_link(run.picture, page)}" width="400">' for run in pair if run.picture)
        tables.append(f"| {heads} |\n|{'---|' * len(pair)}\n| {cells} |")
    return "\n\n".join(tables)


def five_minutes(runs: list[Kept]) -> str:
    """Returns what the README says first, of the run of `dcgan_fast` that was given five minutes."""
    (score,) = (run.score for run in runs if run.name == "dcgan_fast/timed_seed0_296s")
    assert score is not None
    return ("* **Your processor is enough.** Five minutes of two cores train `dcgan_fast` on MNIST to an FCD of "
            f"{score.fcd:.2f}. That is a distance\n  from real images ([how it is measured](docs/explain/metrics.md)); "
            f"real digits themselves have {score.real:.2f}.")


def filled(page: Path, runs: list[Kept]) -> str:
    """Returns the text of a page with its marked parts made anew."""
    made = {"papers": lambda: papers_table(runs, page), "pictures": lambda: pictures(runs, page),
            "dcgan_fast": lambda: seeds.table(RESULTS / "dcgan_fast"), "five_minutes": lambda: five_minutes(runs),
            "diffusion": lambda: (RESULTS / "diffusion" / "table.md").read_text(encoding="utf-8").rstrip(),
            "leaderboard": lambda: (RESULTS / "scores" / "leaderboard_mnist.md").read_text(encoding="utf-8").rstrip()}
    return MARKED.sub(lambda match: f"{match[1]}{made[match[2]]()}\n{match[3]}", page.read_text(encoding="utf-8"))


def pages() -> dict[Path, str]:
    """Returns every page that shows results, as the kept runs have it."""
    runs = kept()
    return {PAGE: runs_page(runs)} | {page: filled(page, runs) for page in PAGES}


def main() -> None:
    """Writes the pages."""
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
