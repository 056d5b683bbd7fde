"""A claim of a paper: its sentence, where it stands, what is measured for it, and the rule that gives the verdict.

Verdicts are computed. A measure gives one observation, a dictionary of numbers, for each seed, setting or metric.
A rule says of one whether it speaks for the claim (True), against it (False) or for neither (None). All for:
reproduced. All against: contradicted. Anything else: mixed. An observation that was
trained for less of the paper's length than the rule needs is set aside. Where none is left, the verdict is "undecided",
and says at which length. Other verdicts say it too. An earlier page's observations count where they rest on more
training: what was measured of runs whose directories are gone is not lost.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

REPRODUCED, CONTRADICTED, MIXED = "reproduced", "contradicted", "mixed"
UNDECIDED, UNTESTABLE = "undecided", "not testable here"
SEEDS = 3  # with fewer, chance may have made a verdict
OFF = 0.1  # by which another seed may differ: of GAN(NN)'s four the largest FCD is 1.1 times the smallest
VERDICTS = (REPRODUCED, CONTRADICTED, MIXED, UNDECIDED, UNTESTABLE)
DECIDED = (REPRODUCED, CONTRADICTED, MIXED)

Numbers = Mapping[str, Any]
EARLIER = " (earlier page)"  # after what was measured for it
PARTS = "; "  # of a source


class MissingError(Exception):
    """There is nothing to measure, and here is why. `never` where this project can't have it, else it isn't trained."""

    def __init__(self, reason: str, never: bool = False) -> None:
        super().__init__(reason)
        self.never = never


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a measure found.

    `shares` are, for each observation, the trained part of the paper's length, of the shortest run in it, None where
    length plays no part; empty: it plays none at all. `seeds` are training seeds. `source` says what was measured.
    `data`: it depends on the images that were trained on.
    """

    each: Sequence[Numbers]
    source: str
    shares: Sequence[float | None] = ()
    seeds: Sequence[int] = ()
    data: bool = True

    def length(self) -> float:
        """Returns how much training the observations rest on, in lengths of the paper."""
        return sum(1.0 if share is None else share for share in self.shares or [None] * len(self.each))

    def by_run(self) -> dict[str, "Evidence"] | None:
        """Returns the evidence of each run, where each observation is of one run; else None."""
        sources, names = self.source.split(PARTS), [numbers.get("run") for numbers in self.each]
        if None in names or not len(names) == len(self.shares) == len(self.seeds) == len(sources):
            return None
        return {name: Evidence([numbers], source, [share], [seed], self.data) for name, numbers, source, share, seed in
                zip(names, self.each, sources, self.shares, self.seeds, strict=True)}

    def longer(self, other: "Evidence") -> "Evidence":
        """Returns what rests on more training: where both say what they saw of single runs, the longer of each run."""
        ours, theirs = self.by_run(), other.by_run()
        if ours is None or theirs is None:
            return max(self, other, key=Evidence.length)
        runs = [max(ours.get(name, NOTHING), theirs.get(name, NOTHING), key=Evidence.length) for name in ours | theirs]
        return Evidence([run.each[0] for run in runs], PARTS.join(run.source for run in runs),
                        [run.shares[0] for run in runs], [run.seeds[0] for run in runs], self.data)


NOTHING = Evidence([], "")
ROW = {"observations", "source", "shares", "seeds"}  # of a row that an earlier version may not have had


@dataclasses.dataclass(frozen=True)
class Rule:
    """When an observation speaks for the claim.

    `words` say it, `why` gives the thresholds' reason, `needs` is the share of the length below which an observation is
    set aside. With `early` that is only so for what doesn't speak for the claim: a thing that can be learned has been
    learned, at whatever length.
    """

    words: str
    holds: Callable[[Numbers], bool | None]
    why: str
    needs: float = 0.0
    early: bool = False

    def verdict(self, evidence: Evidence) -> tuple[str, str, float | None]:
        """Returns the verdict, what it says, with length and division, and the smallest share that it rests on."""
        shares = evidence.shares or [None] * len(evidence.each)
        counted = [(numbers, share) for numbers, share in zip(evidence.each, shares, strict=True)
                   if self.counts(numbers, share)]
        longest = max((share for share in shares if share is not None), default=None)
        if not counted:
            short = f"at {percent(longest or 0)} of the length: too short, which takes {percent(self.needs)}"
            return UNDECIDED, short, longest
        answers = [self.holds(numbers) for numbers, _ in counted]
        word = {(True,): REPRODUCED, (False,): CONTRADICTED}.get(tuple({None if one is None else bool(one)
                                                                        for one in answers}), MIXED)
        share = min((share for _, share in counted if share is not None), default=None)
        length = "" if share is None or share > 0.995 else f"at {percent(share)} of the length: "
        counts = [f"{number} {words}" for number, words in (
            (sum(one is not None and bool(one) for one in answers), "for"),
            (sum(one is not None and not one for one in answers), "against"),
            (answers.count(None), "between"), (len(shares) - len(counted), "too short, set aside")) if number]
        told = len(shares) > 1 or word == MIXED
        return word, f"{length}{word}" + (f" ({', '.join(counts)})" if told else ""), share

    def counts(self, numbers: Numbers, share: float | None) -> bool:
        """Tells whether an observation is of enough training to count."""
        return share is None or share >= self.needs or (self.early and bool(self.holds(numbers)))

    def seeds(self, evidence: Evidence) -> list[int]:
        """Returns the seeds of the observations that count, each once; a seed has equally many."""
        seeds, shares = evidence.seeds, evidence.shares or [None] * len(evidence.each)
        if seeds and len(shares) % len(seeds) == 0:
            each = len(shares) // len(seeds)
            seeds = [seeds[place // each] for place, (numbers, share) in enumerate(zip(
                evidence.each, shares, strict=True)) if self.counts(numbers, share)]
        return sorted(set(seeds))

    def turned_by_a_seed(self, evidence: Evidence) -> bool:
        """Tells whether the verdict, of fewer than `SEEDS` seeds, is another where one fraction is `OFF` more or less.

        Whole numbers are counts, and stay.
        """
        word = self.verdict(evidence)[0]
        return word != UNDECIDED and 0 < len(self.seeds(evidence)) < SEEDS and any(
            self.verdict(dataclasses.replace(
                evidence, each=[*evidence.each[:place], {**numbers, name: value * factor},
                                *evidence.each[place + 1:]]))[0] != word
            for place, numbers in enumerate(evidence.each) for name, value in numbers.items()
            if isinstance(value, float) for factor in (1 - OFF, 1 + OFF))


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence of a paper. `line` is that of the text, or the words to search for; without a rule, `reason` says why.

    `measure` takes the laboratory and returns Evidence, or raises MissingError.
    """

    id: str
    sentence: str
    line: str
    measure: Callable[[Any], Evidence] | None = None
    rule: Rule | None = None
    reason: str = ""

    def judge(self, lab: Any, kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Measures and decides; returns the row of the table, JSON. `kept`: that of an earlier page."""
        row = {"id": self.id, "claim": self.sentence, "line": self.line, "verdict": UNTESTABLE, "says": self.reason,
               "observations": [], "share": None, "shares": [], "seeds": [], "source": "", "rule": "", "why": "",
               "needs": 0.0, "early": False, "seeds that count": [], "turned by a seed": False}
        if self.measure is None or self.rule is None:
            return row
        row |= {"rule": self.rule.words, "why": self.rule.why, "needs": self.rule.needs,
                "early": self.rule.early}
        if lab is not None:
            lab.needs = self.rule.needs
        evidence, missing = self.kept(kept), None
        try:
            evidence = self.measure(lab).longer(evidence)
        except MissingError as error:
            missing = error
        if missing and not evidence.each:
            return row | {"verdict": UNTESTABLE if missing.never else UNDECIDED, "says": str(missing)}
        word, says, share = self.rule.verdict(evidence)
        if evidence.data and lab is not None and lab.stand_in:
            says = f"on {lab.stand_in}, {says}"
        return row | {"verdict": word, "says": says, "observations": [dict(one) for one in evidence.each],
                      "share": share, "shares": list(evidence.shares), "seeds": list(evidence.seeds),
                      "source": evidence.source, "seeds that count": self.rule.seeds(evidence),
                      "turned by a seed": self.rule.turned_by_a_seed(evidence)}

    def kept(self, row: Mapping[str, Any] | None) -> Evidence:
        """Returns the evidence of an earlier page's row, if its rule was this one."""
        if not row or self.rule is None or row.get("rule") != self.rule.words or ROW - set(row):
            return NOTHING
        source = PARTS.join(part.removesuffix(EARLIER) + EARLIER for part in row["source"].split(PARTS))
        return Evidence(row["observations"], source, row["shares"], row["seeds"])


def untestable(number: str, sentence: str, line: str, reason: str) -> Claim:
    """Returns a claim that can't be tested here, and why."""
    return Claim(number, sentence, line, reason=reason)


def percent(share: float) -> str:
    """Formats a share of 1: two digits below 10%."""
    return f"{100 * share:.2g}%" if share < 0.1 else f"{share:.0%}"


def at_most(value: float, good: float, bad: float) -> bool | None:
    """True up to `good`, False from `bad` on, None between them."""
    return True if value <= good else False if value >= bad else None


def at_least(value: float, good: float, bad: float) -> bool | None:
    """True from `good` on, False down to `bad`, None between them."""
    return True if value >= good else False if value <= bad else None


def where(told: bool, answer: bool | None) -> bool | None:
    """Returns the answer where the numbers can tell, else None."""
    return answer if told else None


def all_of(*answers: bool | None) -> bool | None:
    """True where all are True, False where all are False, else None."""
    return answers[0] if len(set(answers)) == 1 else None
