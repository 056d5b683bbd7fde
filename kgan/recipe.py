"""Recipe: what a paper says about training, as frozen scalars that survive JSON unchanged."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

from kgan.runtime.errors import UserError

LENGTH = ("epochs", "steps")  # the fields in which a resumed run may differ, upwards


def field(help_text: str, group: str, *, default: Any = dataclasses.MISSING, above: float | None = None,
          least: float | None = None, most: float | None = None, below: float | None = None,
          choices: tuple[Any, ...] = ()) -> Any:
    """Declares a field of `Recipe`: everything that flags, checks and cards need to know about it.

    Args:
        help_text: for `--help`.
        group: "data", "place" (may change in a resumed run), "model", "loss" (must be given where a discriminator
            takes part) or "training". The last two have no effect on models that are fitted in closed form.
        default: without one, the field must be given.
        above: an exclusive lower bound.
        least: an inclusive one.
        most: an inclusive upper bound; beyond it is a typing error.
        below: an exclusive one.
        choices: the values that are allowed.
    """
    metadata = {"help": help_text, "group": group, "above": above, "least": least, "most": most, "below": below,
                "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every scalar that decides what a run computes.

    A run's length is `steps` generator steps or, where that is None, `epochs` passes over the data.

    Raises:
        UserError: a value is of another type or outside its range; the sentence names the field and what is allowed.
    """

    model: str = field("Networks: a file in kgan/models.", "model")
    dataset: str | None = field("Images to learn.", "data", default=None)
    data: str | None = field("Your own images, or your own copy of --dataset: a folder, a zip or an MNIST-style CSV.",
                             "place", default=None)
    image_size: int = field("Height and width in pixels.", "data", default=28, above=0, most=1024)
    channels: int = field("1 (grey) or 3 (colour).", "data", default=1, choices=(1, 3))
    crop: int | None = field("Side in pixels of the centred square cut out before resizing; absent: the largest.",
                             "data", default=None, above=0)
    flip: bool = field("Mirror every other image, at random.", "training", default=False)
    skip_bad: bool = field("Leave out pictures that can't be read, instead of stopping.", "place", default=False)
    loss: str | None = field("Adversarial loss.", "loss", default=None, choices=("minimax", "non_saturating"))
    latent_dim: int = field("Length of z.", "model", above=0, most=65_536)
    epochs: float | None = field("Passes over the data; --steps overrides it.", "training", default=None, above=0,
                                 most=10**9)
    steps: int | None = field("Generator steps; --epochs overrides it.", "training", default=None, above=0, most=10**9)
    batch_size: int | None = field("Real images per discriminator step.", "loss", default=None, above=0, most=65_536)
    d_steps: int = field("k of Algorithm 1: discriminator steps per generator step.", "training", default=1, above=0,
                         most=1000)
    optimizer: str | None = field("Of both networks.", "loss", default=None, choices=("adam", "sgd"))
    g_learning_rate: float | None = field("The generator's step size.", "loss", default=None, above=0)
    d_learning_rate: float | None = field("The discriminator's step size.", "loss", default=None, above=0)
    beta_1: float | None = field("First-moment decay: Adam's β1, SGD's momentum.", "loss", default=None, least=0,
                                 below=1)
    dropout: float = field("Dropout rate in the discriminator.", "training", default=0.0, least=0, below=1)
    ema_decay: float | None = field("Decay of the generator's moving average; none when absent.", "training",
                                    default=None, least=0, below=1)
    precision: str = field("float32, or mixed_bfloat16 (weights stay float32); absent: what is fast here.", "training",
                           default="float32", choices=("float32", "mixed_bfloat16"))
    seed: int = field("Seeds weights, z, dropout and data order.", "model", default=0, least=0, most=2**31 - 1)
    tick: int | None = field("Steps between log rows; grids and checkpoints fall on these.", "loss", default=None,
                             above=0, most=10**9)
    sample_every: int | None = field("Steps between sample grids; absent: one a pass, at most one in 4 ticks.",
                                     "training", default=None, above=0)
    evaluate_every: int | None = field("Steps between evaluations on training images held out for that; absent: none.",
                                       "training", default=None, above=0, most=10**9)

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            _check(one, getattr(self, one.name))
        if self.adversarial:
            missing = [name for name in fields("loss") if getattr(self, name) is None]
            if missing:
                raise UserError(f"the recipe lacks {', '.join(missing)}.")
            if (self.epochs is None) == (self.steps is None):
                raise UserError(f"epochs={self.epochs} and steps={self.steps}: give one of the two.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """Returns the recipe that `to_dict` gave, also after JSON, also of version 0.1 and 0.2.

        Raises:
            UserError: a field is unknown, or missing, or not what it must be.
        """
        try:
            return cls(**{"optimizer": "adam"} | dict(values))  # the only one, before recipes said which
        except TypeError as error:
            raise UserError(str(error)) from error

    @property
    def adversarial(self) -> bool:
        """Tells whether a discriminator takes part; otherwise the model is fitted in closed form."""
        return self.loss is not None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return (self.image_size, self.image_size, self.channels)

    @property
    def preparation(self) -> dict[str, Any]:
        """How pictures become images of this recipe: the arguments of `cache.prepare`."""
        return {"image_size": self.image_size, "channels": self.channels, "crop": self.crop, "skip_bad": self.skip_bad}

    @property
    def images_per_step(self) -> int:
        """Real images that one training step takes: `d_steps` minibatches."""
        assert self.batch_size is not None
        return self.batch_size * self.d_steps

    def override(self, **changes: Any) -> "Recipe":
        """Returns the recipe with `changes` made; `steps` displaces `epochs` and the reverse."""
        if "steps" in changes and "epochs" not in changes:
            changes["epochs"] = None
        elif "epochs" in changes and "steps" not in changes:
            changes["steps"] = None
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields by name; `from_dict` gives the recipe back, also after JSON."""
        return dataclasses.asdict(self)

    def total_steps(self, images: int) -> int:
        """Generator steps of the whole run over a data set of `images` images; 1 for a closed-form fit."""
        if not self.adversarial:
            return 1
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return math.ceil(self.epochs * images / self.images_per_step)

    def grid_interval(self, images: int) -> float:
        """Steps between sample grids over a data set of `images` images."""
        assert self.tick is not None
        return self.sample_every or max(images / self.images_per_step, 4 * self.tick)

    def check_extends(self, stored: "Recipe", images: int) -> None:
        """Allows a longer run of the recipe `stored` that a run over `images` images was started with.

        Raises:
            UserError: anything else differs, or the run would become shorter; the sentence shows each difference.
        """
        old, new = stored.to_dict(), self.to_dict()
        free = (*LENGTH, *fields("place"))  # of data the content's hash is compared instead
        changed = [name for name in old if name not in free and old[name] != new[name]]
        if not changed and self.total_steps(images) < stored.total_steps(images):
            changed = [name for name in LENGTH if old[name] != new[name]]
        if changed:
            differences = ", ".join(f"{name}={old[name]} not {new[name]}" for name in changed)
            raise UserError(f"this run was started with {differences}; go on without these flags, "
                            "or choose another --workdir (only a longer --epochs or --steps extends a run).")


def fields(*groups: str) -> tuple[str, ...]:
    """Returns the names of the fields in these groups; without any, of all."""
    return tuple(one.name for one in dataclasses.fields(Recipe) if not groups or one.metadata["group"] in groups)


def kind(one: dataclasses.Field) -> type:
    """Returns the type that a field's values have, None aside."""
    return next(part for part in (typing.get_args(one.type) or (one.type,)) if part is not type(None))


def _check(one: dataclasses.Field, value: Any) -> None:
    """Raises UserError when a field's value is of another type or outside its range."""
    name, wanted, limits = one.name, kind(one), one.metadata
    if value is None and type(None) in typing.get_args(one.type):
        return
    of_type = isinstance(value, (int, float) if wanted is float else wanted)
    if not of_type or isinstance(value, bool) != (wanted is bool):
        raise UserError(f"{name}={value!r} must be of type {wanted.__name__}.")
    if limits["choices"] and value not in limits["choices"]:
        raise UserError(f"{name}={value!r} is unknown; allowed: {', '.join(map(str, limits['choices']))}.")
    if limits["above"] is not None and not limits["above"] < value < math.inf:
        raise UserError(f"{name}={value} must be a number greater than {limits['above']}.")
    if limits["below"] is not None and not limits["least"] <= value < limits["below"]:
        raise UserError(f"{name}={value} must be in [{limits['least']}, {limits['below']}).")
    if limits["below"] is None and limits["least"] is not None and not limits["least"] <= value <= limits["most"]:
        raise UserError(f"{name}={value} must be in [{limits['least']}, {limits['most']}].")
    if limits["most"] is not None and value > limits["most"]:
        raise UserError(f"{name}={value} must be at most {limits['most']}.")
