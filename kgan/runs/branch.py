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

    def restore(self, gan: "GAN") -> None:
        """Puts the checkpoint into a compiled `gan`: both networks, both optimizers, the moving average.

        Where that run kept no average, it starts from the generator's weights.

        Raises:
            UserError: the checkpoint is damaged, or of other networks or optimizers.
        """
        directory = self.run.checkpoints if self.step in checkpoints.steps(self.run.checkpoints) else self.run.best
        averaged = self.run.recipe().averaging is not None
        shapes = {name: shape for name, shape in gan.shapes.items() if averaged or not name.startswith("ema_")}
        try:
            state = checkpoints.load(directory, self.step, shapes)
        except UserError as error:
            raise UserError(f"{error}; a branch keeps the networks and the optimizers.") from error
        if not averaged and gan.ema_generator is not None:
            state |= {f"ema_{name}": array for name, array in state.items() if name.startswith("generator/")}
        gan.load_state(state)


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
