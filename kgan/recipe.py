"""Recipe: what a paper says about training, as frozen scalars that survive JSON unchanged."""

import dataclasses
import math
from typing import Any

from kgan.runtime.errors import UserError

PRECISIONS = ("float32", "mixed_bfloat16")
OPTIMIZERS = ("adam", "sgd")
CHANNELS = (1, 3)
LARGEST = {"latent_dim": 65_536, "batch_size": 65_536, "image_size": 1024, "epochs": 10**9, "steps": 10**9,
           "d_steps": 1000, "tick": 10**9, "evaluate_every": 10**9}  # beyond it is a typing error
# What an adversarial recipe must say; a model that is fitted in closed form leaves it None.
ADVERSARIAL = ("loss", "batch_size", "optimizer", "g_learning_rate", "d_learning_rate", "beta_1", "tick")
# What has no effect on a closed form.
TRAINING = (*ADVERSARIAL, "epochs", "steps", "d_steps", "dropout", "ema_decay", "precision", "flip", "sample_every",
            "evaluate_every")


def _field(help_text: str, **default: Any) -> Any:
    return dataclasses.field(metadata={"help": help_text}, **default)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every scalar that decides what a run computes.

    A run's length is `steps` generator steps or, where that is None, `epochs` passes over the data.

    Raises:
        UserError: a value is outside its range; the sentence names the field and the range.
    """

    model: str = _field("Networks: the name of a file in kgan/models.")
    dataset: str | None = _field("Images to learn: mnist, mnist_small, fashion_mnist, cifar10, celeb_a or digits.",
                                 default=None)
    data: str | None = _field("Your own images, or your own copy of --dataset: a folder, a zip or an MNIST-style CSV.",
                              default=None)
    image_size: int = _field("Height and width in pixels.", default=28)
    channels: int = _field("1 (grey) or 3 (colour).", default=1)
    crop: int | None = _field("Side in pixels of the centred square cut out before resizing; absent: the largest.",
                              default=None)
    flip: bool = _field("Mirror every other image, at random.", default=False)
    skip_bad: bool = _field("Leave out pictures that can't be read, instead of stopping.", default=False)
    loss: str | None = _field("Adversarial loss: minimax or non_saturating.", default=None)
    latent_dim: int = _field("Length of z.")
    epochs: float | None = _field("Passes over the data; --steps overrides it.", default=None)
    steps: int | None = _field("Generator steps; --epochs overrides it.", default=None)
    batch_size: int | None = _field("Real images per discriminator step.", default=None)
    d_steps: int = _field("k of Algorithm 1: discriminator steps per generator step.", default=1)
    optimizer: str | None = _field("adam or sgd, for both networks.", default=None)
    g_learning_rate: float | None = _field("The generator's step size.", default=None)
    d_learning_rate: float | None = _field("The discriminator's step size.", default=None)
    beta_1: float | None = _field("First-moment decay: Adam's β1, SGD's momentum.", default=None)
    dropout: float = _field("Dropout rate in the discriminator.", default=0.0)
    ema_decay: float | None = _field("Decay of the generator's moving average; none when absent.", default=None)
    precision: str = _field("float32 or mixed_bfloat16; absent: what is fast here.", default="float32")
    seed: int = _field("Seeds weights, z, dropout and data order.", default=0)
    tick: int | None = _field("Steps between log rows; grids and checkpoints fall on these.", default=None)
    sample_every: int | None = _field("Steps between sample grids; absent: one a pass, at most one in 4 ticks.",
                                      default=None)
    evaluate_every: int | None = _field("Steps between evaluations on training images held out for that; absent: "
                                        "none.", default=None)

    def __post_init__(self) -> None:
        given = {name: value for name, value in self.to_dict().items() if value is not None}
        for name in ("image_size", "crop", "latent_dim", "epochs", "steps", "batch_size", "d_steps",
                     "g_learning_rate", "d_learning_rate", "tick", "sample_every", "evaluate_every"):
            if name in given and not 0 < given[name] < math.inf:
                raise UserError(f"{name}={given[name]} must be a number greater than 0.")
            if name in LARGEST and given.get(name, 0) > LARGEST[name]:
                raise UserError(f"{name}={given[name]} must be at most {LARGEST[name]}.")
        for name in ("beta_1", "dropout", "ema_decay"):
            if name in given and not 0 <= given[name] < 1:
                raise UserError(f"{name}={given[name]} must be in [0, 1).")
        if not 0 <= self.seed < 2**31:
            raise UserError(f"seed={self.seed} must be in [0, 2147483647].")
        for name, allowed in (("precision", PRECISIONS), ("optimizer", OPTIMIZERS), ("channels", CHANNELS)):
            if name in given and given[name] not in allowed:
                raise UserError(f"{name}={given[name]!r} is unknown; allowed: {', '.join(map(str, allowed))}.")
        if self.adversarial:
            missing = [name for name in ADVERSARIAL if name not in given]
            if missing:
                raise UserError(f"the recipe lacks {', '.join(missing)}.")
            if (self.epochs is None) == (self.steps is None):
                raise UserError(f"epochs={self.epochs} and steps={self.steps}: give one of the two.")

    @property
    def adversarial(self) -> bool:
        """Tells whether a discriminator takes part; otherwise the model is fitted in closed form."""
        return self.loss is not None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return (self.image_size, self.image_size, self.channels)

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
        """Generator steps of the whole run over a data set of `images` images; 1 for a closed-form fit."""
        if not self.adversarial:
            return 1
        if self.steps is not None:
            return self.steps
        return math.ceil(self.epochs * images / (self.batch_size * self.d_steps))

    def grid_interval(self, images: int) -> float:
        """Steps between sample grids over a data set of `images` images."""
        return self.sample_every or max(images / (self.batch_size * self.d_steps), 4 * self.tick)
