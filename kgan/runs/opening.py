"""How a run is opened for training: locked, created or compared with what is asked for, and restored."""

import contextlib
from collections.abc import Iterator, Mapping

import numpy as np
from absl import logging

from kgan import images
from kgan.gan import GAN
from kgan.recipe import Recipe
from kgan.runs import checkpoints, generators
from kgan.runs.branch import Start, recorded
from kgan.runs.callbacks import GRID_SEEDS
from kgan.runs.data import Data
from kgan.runs.directory import Run
from kgan.runs.weights import Weights
from kgan.runs.writing import writing
from kgan.runtime import machine
from kgan.runtime.errors import UserError


@contextlib.contextmanager
def opened(run: Run, recipe: Recipe, data: Data, branch: Start | None = None,
           devices: Mapping[str, str] | None = None) -> Iterator[None]:
    """Locks the run directory, then creates the run or checks that it is the one that is asked for.

    `devices` are facts on them beside the versions, by name.
    """
    versions = machine.versions() | dict(devices or {})
    with contextlib.ExitStack() as held:
        with writing(run):
            run.path.mkdir(parents=True, exist_ok=True)
            held.enter_context(run.locked())
            if not run.exists():
                if branch is not None:
                    branch.check_keeps(recipe)
                facts = {} if branch is None else {"branch": branch.facts(recipe)}
                run.create(recipe, data=data.facts, versions=versions, **facts)
            else:
                _check_same(run, recipe, data, versions)
            run.samples.mkdir(exist_ok=True)
            if not run.reals_file.exists():
                shown = np.random.default_rng(0).permutation(len(data.prepared.images))[:len(GRID_SEEDS)]
                images.save_grid(data.prepared.images[shown], run.reals_file)
        yield


def _check_same(run: Run, recipe: Recipe, data: Data, versions: Mapping[str, str]) -> None:
    """Compares recipe, images and versions with those that the run was started with; keeps the longer recipe."""
    config = run.config()
    run.check_extended_by(recipe, data.count)
    if changed := machine.changed(config["versions"], versions):
        logging.warning("Note: this run was started with %s. It goes on, but no longer bit for bit.",
                        "; ".join(changed))
    if config["data"]["sha256"] != data.facts["sha256"]:
        raise UserError(f"this run was started on other images ({config['data']['origin']}) than those found now "
                        f"({data.source.origin}); bring them back, or choose another --workdir.")
    run.write_config({**config, "recipe": recipe.to_dict()})


def reached(run: Run, branch: Start | None = None) -> int:
    """Returns the step from which training will go on: of the newest checkpoint, of the branch, or 0."""
    if run.exists():
        if (step := run.last_step()) is not None:
            return step
        branch = recorded(run)
    return 0 if branch is None or branch.networks_alone else branch.step


def restore(run: Run, gan: GAN, start: Start | None = None, write: bool = True) -> int:
    """Puts the newest checkpoint that verifies into a compiled `gan`; returns its step, 0 when there is none.

    Newer ones are damaged: they are named on the screen and removed. The caller holds the lock, or doesn't `write`.
    """
    step, damaged = checkpoints.newest(run.checkpoints)
    for number, reason in damaged.items():
        logging.warning("The checkpoint of step %s is damaged (%s) and left out.", f"{number:,}", reason)
    if damaged and step is None:
        raise UserError(f"every checkpoint in {str(run.checkpoints)!r} is damaged; bring one back from a copy, or "
                        "choose another --workdir.")
    branch = start if isinstance(start, Weights) else recorded(run)  # a record is trusted with nothing
    if step is None and branch is not None:
        branch.restore(gan)
        if branch.networks_alone:
            networks = "generator is that" if isinstance(branch, Weights) else "networks are those"
            logging.info("The %s of %s; the optimizers start anew.", networks, branch.name)
        if write:
            with writing(run):  # the run stands by itself from here on
                checkpoints.save(run.checkpoints, int(gan.step), gan.state())
                generators.save(run, gan.sampler)
    if step is not None:
        gan.load_state(checkpoints.load(run.checkpoints, step, gan.shapes))
    if write:
        if step is not None:
            with writing(run):
                generators.save(run, gan.sampler)  # a kill between a checkpoint and it leaves an older one
        checkpoints.remove(run.checkpoints, damaged)
    return int(gan.step)
