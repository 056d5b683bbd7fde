"""Measures on pictures in colour, by numbers that need no judge."""

from collections.abc import Mapping
from pathlib import Path

from experiments.papers.claims import Evidence, MissingError
from experiments.papers.jobs import Result, lengths
from experiments.papers.lab import Lab
from experiments.papers.measures import runs
from experiments.papers.measures.runs import Measure


def cifar(lab: Lab) -> Evidence:
    """Compares a perceptron GAN and a DCGAN at 64×64 in colour, at equal images: SWD and roughness."""
    found = [lab.shown(name) for name in ("cifar_gan", "meher")]
    each = [{f"{one.job.name} {key}": value for one in found for key, value in colour(lab, one).items()}]
    equal = min(one.drawn for one in found)
    return Evidence([{**each[0], "images of the shorter": equal}], lengths(found), [runs.shortest(found)], [0])


def colour(lab: Lab, result: Result) -> dict[str, float]:
    """Returns numbers that need no judge of a run's samples beside the pictures held out of its data."""
    from kgan.data import cache
    from kgan.data.sources import locate
    from kgan.evaluation.candidate import open_candidate
    from kgan.metrics import baselines, noise, sliced

    place = lab.cifar10 or result.run.recipe().data
    if place is None or not Path(place).exists():
        raise MissingError("CIFAR-10 is needed: --cifar10=PATH of a folder or zip", never=True)

    def measured() -> Mapping[str, float]:
        settings = result.run.recipe().image_settings
        source = locate(None, str(place))
        test, train = cache.prepare_test(source, **settings).images, cache.prepare(source, **settings).images
        test = baselines.subset(test, lab.count)
        drawn = open_candidate(result.run.path).draw(len(test))
        return {"swd": sliced.swd(test, drawn), "roughness": noise.roughness(drawn, test),
                "contrast": noise.contrast(drawn, test),
                "real swd": sliced.swd(test, baselines.subset(train, len(test))),
                "linear swd": sliced.swd(test, baselines.pca_gaussian(train, len(test)))}

    return lab.cached(f"colour-{result.name}@{result.drawn}-{lab.count}", measured)


def colours(name: str) -> Measure:
    """Measures a run on pictures in colour by numbers that need no judge, an observation for each seed."""
    def measure(lab: Lab) -> Evidence:
        found = lab.results(name, generators=True)
        each = [{"run": one.name, **colour(lab, one)} for one in found]
        return runs.of_samples(each, found)
    return measure
