"""Branches: a new run that goes on from a checkpoint of another, with other settings."""

from typing import TYPE_CHECKING, Any, NamedTuple

from kgan.recipe import LENGTH, Recipe, fields
from kgan.runs import checkpoints
from kgan.runs.directory import Run
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    from kgan.gan import GAN


class Branch(NamedTuple):
    """Where a run goes on from."""

    run: Run
    step: int

    def facts(self, recipe: Recipe) -> dict[str, Any]:
        """Returns what config.json says of it: run and step, what `recipe` changes, and the branches before it."""
        before, now = self.run.recipe().to_dict(), recipe.to_dict()
        changed = {name: [before[name], now[name]] for name in now
                   if name not in (*LENGTH, *fields("place")) and before[name] != now[name]}
        return {"run": str(self.run.path), "step": self.step, "changed": changed,
                "before": self.run.config().get("branch")}

    def check_same(self, run: Run) -> None:
        """Raises UserError when `run`, which exists, did not go on from here."""
        before = run.config().get("branch") or {}
        if (before.get("run"), before.get("step")) != (str(self.run.path), self.step):
            whence = f"{before.get('run')!r}@{before.get('step')}" if before else "untrained networks"
            raise UserError(f"{str(run.path)!r} is a run already, from {whence}; leave --init_from out to go on with "
                            "it, or choose another --workdir.")

    def restore(self, gan: "GAN", recipe: Recipe) -> None:
        """Puts the checkpoint into a compiled `gan` of `recipe`: both networks, both optimizers but for their rates.

        Where that run kept no moving average, one starts from the generator's weights.

        Raises:
            UserError: the checkpoint is damaged, or of other networks or optimizers.
        """
        from kgan.runs.build import build_gan

        before = self.run.recipe()
        kept = {name: (getattr(before, name), getattr(recipe, name)) for name in ("model", "optimizer", "g_steps")}
        if changed := [f"{name}={then} not {now}" for name, (then, now) in kept.items() if then != now]:
            raise UserError(f"a branch keeps networks and optimizers: {str(self.run.path)!r} has {', '.join(changed)}.")
        parent = build_gan(before)
        directory = self.run.checkpoints if self.step in checkpoints.steps(self.run.checkpoints) else self.run.best
        parent.load_state(checkpoints.load(directory, self.step, parent.shapes))
        for ours, theirs in ((gan.generator, parent.generator), (gan.discriminator, parent.discriminator),
                             (gan.ema_generator, parent.sampler), (gan.g_optimizer, parent.g_optimizer),
                             (gan.d_optimizer, parent.d_optimizer)):
            if ours is not None:
                _copy(theirs, ours)


def _copy(theirs: Any, ours: Any) -> None:
    """Copies all variables of a network or an optimizer, except a rate, which is the recipe's.

    Raises:
        UserError: they are not of the same shapes.
    """
    source, target = ([variable for variable in owner.variables if variable.name != "learning_rate"]
                      for owner in (theirs, ours))
    if [one.shape for one in source] != [one.shape for one in target]:
        raise UserError(f"a branch keeps networks and optimizers: the {ours.name} is of other shapes.")
    for new, old in zip(target, source, strict=True):
        new.assign(old)


def parse(text: str) -> Branch:
    """Turns RUN or RUN@STEP into a branch; without a step, from the last checkpoint.

    Raises:
        UserError: there is no such run, or no checkpoint of that step.
    """
    path, at, step = text.rpartition("@")
    run = Run(path if at and step.isdecimal() else text)
    run.recipe()
    if at and step.isdecimal():
        run.check_step(int(step))
        return Branch(run, int(step))
    last = run.last_step()
    if last is None:
        raise UserError(f"{str(run.path)!r} has no checkpoint to go on from; let it run on first.")
    return Branch(run, last)
