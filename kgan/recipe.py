"""Recipe: what a paper says about training, as frozen scalars that survive JSON unchanged."""

import dataclasses
import math
from typing import Any

from kgan.errors import UserError

PRECISIONS = ("float32", "mixed_bfloat16")
LARGEST = 65_536  # latent_dim and batch_size beyond it are typing errors


def _field(help_text: str, **default: Any) -> Any:
    return dataclasses.field(metadata={"help": help_text}, **default)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every scalar that decides what a run computes.

    A run's length is `steps` generator steps or, where that is None, `epochs` passes over the data.

    Raises:
        UserError: a value is outside its range; the sentence names the field and the range.
    """

    model: str = _field("Network pair: the name of a file in kgan/models.")
    dataset: str = _field("Images to learn: mnist, mnist_small or digits.")
    data: str | None = _field("mnist_small only: path of mnist_train_small.csv.", default=None)
    loss: str = _field("Adversarial loss: minimax or non_saturating.")
    latent_dim: int = _field("Length of z.")
    epochs: float | None = _field("Passes over the data; --steps overrides it.", default=None)
    steps: int | None = _field("Generator steps; --epochs overrides it.", default=None)
    batch_size: int = _field("Real images per discriminator step.")
    d_steps: int = _field("k of Algorithm 1: discriminator steps per generator step.", default=1)
    g_learning_rate: float = _field("Adam's step size for the generator.")
    d_learning_rate: float = _field("Adam's step size for the discriminator.")
    beta_1: float = _field("Adam's first-moment decay, both networks.")
    dropout: float = _field("Dropout rate in the discriminator.", default=0.0)
    ema_decay: float | None = _field("Decay of the generator's moving average; none when absent.", default=None)
    precision: str = _field("float32 or mixed_bfloat16.", default="float32")
    seed: int = _field("Seeds weights, z, dropout and data order.", default=0)
    tick: int = _field("Steps between log rows; grids and checkpoints fall on these.")
    sample_every: int | None = _field("Steps between sample grids; absent: one a pass, at most one in 4 ticks.",
                                      default=None)

    def __post_init__(self) -> None:
        positive = ("latent_dim", "batch_size", "d_steps", "g_learning_rate", "d_learning_rate", "tick")
        optional = ("epochs", "steps", "sample_every")
        for name in positive + tuple(name for name in optional if getattr(self, name) is not None):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise UserError(f"{name}={value} must be a number greater than 0.")
        for name in ("latent_dim", "batch_size"):
            if getattr(self, name) > LARGEST:
                raise UserError(f"{name}={getattr(self, name)} must be at most {LARGEST}.")
        for name in ("beta_1", "dropout") + (("ema_decay",) if self.ema_decay is not None else ()):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name}={getattr(self, name)} must be in [0, 1).")
        if not 0 <= self.seed < 2**31:
            raise UserError(f"seed={self.seed} must be in [0, 2147483647].")
        if self.precision not in PRECISIONS:
            raise UserError(f"precision={self.precision!r} is unknown; allowed: {', '.join(PRECISIONS)}.")
        if (self.epochs is None) == (self.steps is None):
            raise UserError(f"epochs={self.epochs} and steps={self.steps}: give one of the two.")

    def override(self, **changes: Any) -> "Recipe":
        """Returns the recipe with `changes` made; `steps` displaces `epochs` and the reverse."""
        if "steps" in changes and "epochs" not in changes:
            changes["epochs"] = None
        elif "epochs" in changes and "steps" not in changes:
            changes["steps"] = None
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields by name; `Recipe(**d)` gives the recipe back, also after JSON."""
        return dataclasses.asdict(self)

    def total_steps(self, images: int) -> int:
        """Generator steps of the whole run over a data set of `images` images."""
        if self.steps is not None:
            return self.steps
        return math.ceil(self.epochs * images / (self.batch_size * self.d_steps))

    def grid_interval(self, images: int) -> float:
        """Steps between sample grids over a data set of `images` images."""
        return self.sample_every or max(images / (self.batch_size * self.d_steps), 4 * self.tick)
