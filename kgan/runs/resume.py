"""How a run is opened for training: locked, created or compared with what is asked for, and restored."""

import contextlib
import dataclasses
import shlex
from collections.abc import Iterator, Mapping

import numpy as np
from absl import logging

from kgan import images
from kgan.data import cache
from kgan.data.source_types import Source
from kgan.gan import GAN
from kgan.recipe import Recipe
from kgan.runs import callbacks, checkpoints, generators
from kgan.runs.branch import Start, recorded
from kgan.runs.directory import FORMAT, Run, writing
from kgan.runs.minutes import Length
from kgan.runs.training_data import ClassesError, Data, clustering, prepare
from kgan.runtime import machine
from kgan.runtime.errors import UserError


def open_data(run: Run, recipe: Recipe, source: Source, branch: Start | None = None,
              accept_labels: bool = False) -> Data:
    """Returns the images that a new run, or one that exists, trains on, and what D is told of them.

    Raises:
        UserError: as `training_data.prepare`; or the run was started on other images, or D was told others of their
            classes and clusters and `accept_labels` is False.
    """
    if not run.exists():
        try:
            return prepare(source, recipe, start=None if branch is None or branch.networks_alone else branch.parent)
        except ClassesError as error:
            raise UserError(f"{error}. Leave --classes out: then networks are told those that the data "
                            "have.") from error
    recorded = run.config()["data"]
    if recorded["sha256"] != cache.prepare(source, **recipe.image_settings).sha256:
        raise UserError(f"this run was started on other images ({recorded['origin']}), or on the same in another "
                        f"order, than those found now ({source.origin}); bring them back, or {_new_run(run)}.")
    if recipe.classes is None:  # it leaves their number to the data; the run knows how many these had
        recipe = dataclasses.replace(recipe, classes=run.recipe().classes)
    try:
        data = prepare(source, recipe, clustering({} if accept_labels else recorded), start=run)
    except ClassesError as error:
        raise UserError(f"{error}; bring the labels back, or start a new run: --workdir=NEW.") from error
    if data.differences(recorded) and not accept_labels:
        raise UserError("this run's networks were told other classes or clusters of these images than those found now "
                        f"({source.origin}); bring the labels back, go on with the new ones by --accept_labels, or "
                        f"{_new_run(run)}.")
    return data


def _new_run(run: Run) -> str:
    if not run.recipe().adversarial:
        return "choose another --workdir"
    return (f"start a new run from this one: --init_from={shlex.quote(run.name)} --workdir=NEW, with a larger length "
            "where this one is at its end")


def check_branch(run: Run, recipe: Recipe, data: Data, branch: Start | None, minutes: float | None = None) -> None:
    """Raises UserError when a new run can't go on from where it should, or would have nothing to train."""
    if branch is None or run.exists():
        return
    branch.check_keeps(recipe)
    total = recipe.total_steps(data.count)
    if minutes is None and not branch.networks_alone and branch.step >= total:
        raise UserError(f"this run would begin at step {branch.step:,} of {branch.name}, and its length is {total:,} "
                        "steps: there is nothing to train; give a larger --steps, --images or --epochs.")


@contextlib.contextmanager
def open_run(run: Run, recipe: Recipe, data: Data, branch: Start | None = None,
           devices: Mapping[str, str] | None = None, length: Length | None = None) -> Iterator[None]:
    """Locks the run directory, then creates the run or checks that it is the one that is asked for.

    `devices` are facts on them beside the versions, by name; `length` is that of a new run of some minutes.
    """
    versions = machine.versions() | dict(devices or {})
    with contextlib.ExitStack() as held:
        with writing(run):
            run.path.mkdir(parents=True, exist_ok=True)
            held.enter_context(run.locked())
            if not run.exists():
                facts = {} if branch is None else {"branch": branch.facts(recipe)}
                facts |= {} if length is None else {"length": length.to_dict()}
                run.create(recipe, data=data.facts, versions=versions, **facts)
            else:
                _check_same(run, recipe, data, versions)
            run.samples.mkdir(exist_ok=True)
            if not run.reals_file.exists():
                shown = np.random.default_rng(0).permutation(len(data.prepared.images))[:len(callbacks.GRID_SEEDS)]
                images.save_grid(data.prepared.images[shown], run.reals_file)
        yield


def _check_same(run: Run, recipe: Recipe, data: Data, versions: Mapping[str, str]) -> None:
    """Compares recipe and versions with those that the run was started with; keeps the longer recipe and the labels."""
    config = run.config()
    run.check_extended_by(recipe, data.count)
    if changed := machine.changed(config["versions"], versions):
        logging.warning("Note: this run was started with %s. It goes on, but no longer bit for bit.",
                        "; ".join(changed))
    facts = {**data.facts, **config["data"]}
    if data.differences(config["data"]):
        logging.warning("Note: from here on the networks are told other classes or clusters than before.")
        steps = [*config["data"].get("accepted_labels", ()), run.last_step() or 0]
        facts |= {**data.label_facts, "accepted_labels": steps}
    elif data.labels is not None and "labels_sha256" not in config["data"]:
        logging.info("This run's labels were not recorded yet. Each class and cluster has as many images as then; from "
                     "now on the labels themselves are compared.")
    names = data.label_facts.get("class_names")
    if names is not None and names != facts["class_names"]:
        logging.info("The classes are called %s from here on, in place of %s.", ", ".join(names),
                     ", ".join(facts["class_names"]))
        facts["class_names"] = names
    if config.get("length") is not None and recipe.total_steps(data.count) > run.recipe().total_steps(data.count):
        config["length"]["minutes"] = None  # from now on it is that of the recipe
    run.write_config({**config, "format": FORMAT, "recipe": recipe.to_dict(), "data": facts})


def next_step(run: Run, branch: Start | None = None) -> int:
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
    branch: Start | None = None
    if step is not None:
        gan.load_state(checkpoints.load(run.checkpoints, step, gan.shapes))
    elif start is not None and start.parent is None:
        branch = start  # a file may be trusted, which config.json doesn't say
    else:
        branch = recorded(run)
    if branch is not None:
        branch.restore(gan)
        if branch.networks_alone:
            networks = "generator is that" if branch.parent is None else "networks are those"
            logging.info("The %s of %s; the optimizers start anew.", networks, branch.name)
            for name, words in (("Taken", "taken"), ("Begins anew", "begins_anew")):
                if words in (record := run.config().get("branch") or {}):
                    logging.info("%s: %s.", name, record[words])
    if write:
        with writing(run):
            if branch is not None:  # from here on the run stands by itself
                checkpoints.save(run.checkpoints, int(gan.step), gan.state())
            if branch is not None or step is not None:
                generators.save(run, gan.sampler)  # a kill between a checkpoint and it leaves an older one
        checkpoints.remove(run.checkpoints, damaged)
    return int(gan.step)
