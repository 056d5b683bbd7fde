"""Recipe: what a paper says about training, as frozen scalars that survive JSON unchanged."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from kgan.runtime.errors import UserError
from kgan.runtime.fields import check, field

RENAMED = {"kinds": "clusters"}  # fields that run directories to format 4 call by other names
LENGTH = ("epochs", "steps", "images")  # the fields in which a resumed run may differ, upwards
# Networks that grow (Karras et al. 2018, arXiv:1710.10196) begin at the smallest resolution. Batches of the large ones
# are those of appendix A.1; up to 128×128 they are the recipe's.
SMALLEST = 4
LARGEST_BATCHES = {256: 14, 512: 6, 1024: 3}
RESOLUTIONS = tuple(SMALLEST * 2**k for k in range(9))  # 4, 8, 16, …, 1024


class Phase(NamedTuple):
    """A part of a run in which the networks stay the same. Without growth there is one phase, without end."""

    image_size: int
    batch_size: int
    fade: bool  # True: this resolution fades in; False: it stands alone
    start: int  # steps before this phase
    seen: int  # real images before this phase
    steps: int | None  # None: without end


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every scalar that decides what a run computes.

    A run's length is one of `steps`, `epochs` and `images`; with none, networks that grow stop where they are grown.

    Raises:
        UserError: a value is of another type or outside its range; the sentence names the field and what is allowed.
    """

    model: str = field("Networks: a file in kgan/models.", "model", default=dataclasses.MISSING)
    dataset: str | None = field("Images to learn.", "data")
    data: str | None = field("Your own images, or your own copy of --dataset: a folder or a zip of pictures, "
                             "Parquet, a CSV, an .npz, an .npy or an IDX file.", "place")
    image_size: int = field("Height and width in pixels; of pictures that are not square, the longer side.", "data",
                            default=28, above=0, most=1024)
    height: int | None = field("Height in pixels, where it is the shorter side; absent: --image_size.", "data", least=8,
                               most=1024)
    width: int | None = field("Width in pixels, where it is the shorter side; absent: --image_size.", "data", least=8,
                              most=1024)
    channels: int = field("1 (grey), 3 (colour) or 4 (colour and alpha: transparent pictures).", "data", default=1,
                          choices=(1, 3, 4))
    crop: int | None = field("Longer side in pixels of the centred part cut out before resizing; absent: the largest.",
                             "data", above=0)
    flip: bool = field("Mirror every other image, at random.", "training", default=False)
    skip_bad: bool = field("Leave out pictures that can't be read, instead of stopping.", "place", default=False)
    recipe: str | None = field("One of the model's named recipes; absent: its default.", "model")
    conditional: bool = field("Tell G and D the classes of the data, where these have labels.", "model", default=False)
    classes: int | None = field("Number of classes that G and D are told, in order of the labels; absent: with "
                                "--conditional, as many as the data have, else none.", "model", least=2, most=10_000)
    clusters: int = field("Number of clusters that k-means finds among the images, as many in each class where classes "
                          "are told: G chooses one by z, D is told it; 0: none.", "model", default=0, least=0,
                          most=10_000)
    max_channels: int | None = field("Most channels of a layer, in networks that grow; absent: 512.", "model", least=1,
                                     most=4096)
    grow_images: int = field("Images over which each resolution fades in, and over which it then trains alone, in "
                             "networks that grow; 0: all of the networks at once.", "training", default=0, least=0,
                             most=10**12)
    trainable_blocks: int | None = field("Blocks of G, counted from the image, that are trained; the others stay as "
                                         "they are; absent: all.", "training", least=1, most=1000)
    frozen_d_blocks: int = field("Blocks of D, counted from the image, that stay as they are.", "training", default=0,
                                 least=0, most=1000)
    discriminator_warmup: int = field("Steps at first in which D alone is trained.", "training", default=0, least=0,
                                      most=10**9)
    loss: str | None = field("Adversarial loss.", "loss",
                             choices=("minimax", "non_saturating", "least_squares", "hinge", "wasserstein",
                                      "relativistic"))
    d_loss_weight: float = field("Factor on the discriminator's loss.", "training", default=1.0, above=0)
    label_smoothing: float = field("D's target for real images is 1 less this, with minimax and non_saturating.",
                                   "training", default=0.0, least=0, below=0.5)
    penalty: str | None = field("What the discriminator's slope costs.", "training",
                                choices=("r1", "r2", "r1_r2", "wgan_gp", "wgan_gp_drift"))
    penalty_weight: float | None = field("Weight of --penalty: R1's γ, WGAN-GP's λ. It does not transfer between data.",
                                         "training", above=0)
    penalty_sigma: float | None = field("Take R1 and R2 by finite differences of this size; absent: exactly.",
                                        "training", above=0)
    penalty_share: float = field("Share of the batch that the penalty is taken on.", "training", default=1.0, above=0,
                                 most=1)
    penalty_floor: float | None = field("Where --schedule leaves the penalty's weight, as a share of its start; "
                                        "absent: --floor.", "training", least=0, below=1)
    augment: str | None = field("What D sees is augmented by: colour, translation, cutout, joined by commas.",
                                "training")
    augment_target: float | None = field("Apply each part of --augment to an image with a probability that rises while "
                                         "D overfits more than this, and falls else: r_t where --loss has a threshold, "
                                         "else r_v; absent: to all images.", "training", least=0, below=1)
    latent_dim: int = field("Length of z.", "model", default=dataclasses.MISSING, above=0, most=65_536)
    z_prior: str = field("Distribution of z: N(0, 1), uniform in [-1, 1], or uniform of variance 1.", "model",
                         default="normal", choices=("normal", "uniform", "uniform_unit_variance"))
    epochs: float | None = field("Length: passes over the data; give one of --epochs, --steps and --images.",
                                 "training", above=0, most=10**9)
    steps: int | None = field("Length: turns of both networks.", "training", above=0, most=10**9)
    images: int | None = field("Length: real images seen.", "training", above=0, most=10**12)
    batch_size: int | None = field("Real images per discriminator step.", "loss", above=0, most=65_536)
    accumulate: int = field("Parts of one size into which a batch is divided; the mean of their gradients is what a "
                            "step descends, in less memory.", "training", default=1, above=0, most=1000)
    update: str = field("Order of updates: Algorithm 1's, PyTorch's tutorial's, TensorFlow's tutorial's.", "training",
                        default="alternating", choices=("alternating", "shared", "simultaneous"))
    d_steps: int = field("k of Algorithm 1: discriminator steps per generator step.", "training", default=1, above=0,
                         most=1000)
    g_steps: int = field("Generator steps per turn.", "training", default=1, above=0, most=1000)
    optimizer: str | None = field("Of both networks.", "loss", choices=("adam", "sgd", "rmsprop"))
    g_learning_rate: float | None = field("The generator's step size.", "loss", above=0)
    d_learning_rate: float | None = field("The discriminator's step size.", "loss", above=0)
    beta_1: float | None = field("First-moment decay: Adam's β1, SGD's and RMSprop's momentum.", "loss", least=0,
                                 below=1)
    beta_2: float | None = field("Second-moment decay: Adam's β2, RMSprop's ρ; absent: 0.999 and 0.9.", "training",
                                 least=0, below=1)
    epsilon: float | None = field("Adam's ε; absent: Keras' 1e-7.", "training", above=0)
    clip: float | None = field("Largest value of a gradient's entries; absent: any.", "training", above=0)
    schedule: str = field("Of both rates and the penalty's weight: constant, a cosine down to --floor over "
                          "--decay_images, or Goodfellow et al.'s decay per step down to --floor.", "training",
                          default="constant", choices=("constant", "cosine", "exponential"))
    decay_images: int | None = field("Images after which a schedule is at its floor; then it stays there.", "training",
                                     above=0, most=10**12)
    floor: float = field("Where a schedule ends, as a share of where it starts.", "training", default=0.1, least=0,
                         below=1)
    momentum_end: float | None = field("SGD's momentum after --momentum_images, from --beta_1 in a straight line; "
                                       "absent: constant.", "training", least=0, below=1)
    momentum_images: int | None = field("Images over which SGD's momentum changes.", "training", above=0, most=10**12)
    dropout: float = field("Dropout rate in the discriminator.", "training", default=0.0, least=0, below=1)
    ema_decay: float | None = field("Decay per step of the generator's moving average; none when absent.", "training",
                                    least=0, below=1)
    ema_images: int | None = field("Half-life of the generator's moving average, in images; --ema_decay overrides it.",
                                   "training", above=0, most=10**12)
    precision: str = field("float32, or mixed_bfloat16 (weights stay float32); absent: what is fast here.", "training",
                           default="float32", choices=("float32", "mixed_bfloat16"))
    seed: int = field("Seeds weights, z, dropout and data order.", "model", default=0, least=0, most=2**31 - 1)
    tick: int | None = field("Steps between log rows; grids and checkpoints fall on these.", "loss", above=0,
                             most=10**9)
    sample_every: int | None = field("Steps between sample grids; absent: one a pass, at most one in 4 ticks.",
                                     "training", above=0)
    watch_every: float | None = field("Passes over the data between looks at 2,500 samples beside the training images: "
                                      "FCD, duplicates, the share of each class; absent: none.", "training", above=0,
                                      most=10**9)
    evaluate_every: int | None = field("Steps between evaluations on training images held out for that; absent: none.",
                                       "training", above=0, most=10**9)

    def __post_init__(self) -> None:
        for declared in dataclasses.fields(self):
            check(declared, getattr(self, declared.name))
        if self.adversarial:
            missing = [name for name in fields("loss") if getattr(self, name) is None]
            if missing:
                raise UserError(f"the recipe lacks {', '.join(missing)}.")
            if sum(getattr(self, name) is not None for name in LENGTH) != 1 and not self.grows_to_its_end:
                lengths = " and ".join(f"{name}={value}" for name in LENGTH
                                       if (value := getattr(self, name)) is not None)
                raise UserError(f"{lengths or 'no length'}: give one of epochs, steps and images.")
            self._check_together()

    def _check_together(self) -> None:
        """Raises UserError where fields contradict each other."""
        if (self.penalty is None) != (self.penalty_weight is None):
            raise UserError(f"penalty={self.penalty} and penalty_weight={self.penalty_weight}: give both, or neither.")
        if self.augment_target is not None and not self.augment:
            raise UserError(f"augment_target={self.augment_target} needs something to apply; give --augment too.")
        if uneven := [phase.batch_size for phase in self.phases if phase.batch_size % self.accumulate]:
            raise UserError(f"batch_size={uneven[0]} can't be divided into accumulate={self.accumulate} parts of one "
                            "size; give a batch of a multiple of it.")
        if self.label_smoothing and self.loss not in ("minimax", "non_saturating"):
            raise UserError(f"label_smoothing={self.label_smoothing} and loss={self.loss}: only minimax and "
                            "non_saturating have a target for real images that can be smoothed; leave one out.")
        if (self.height or self.width) and max(self.image_shape[:2]) != self.image_size:
            raise UserError(f"height={self.height}, width={self.width} and image_size={self.image_size}: image_size is "
                            "the longer side; give the shorter one alone.")
        if self.schedule != "constant" and self.decay_images is None:
            raise UserError(f"schedule={self.schedule} needs decay_images, the images after which it is at its floor.")
        if self.momentum_end is not None and (self.optimizer != "sgd" or self.momentum_images is None):
            raise UserError("momentum_end is of optimizer=sgd, and needs momentum_images.")
        if self.grow_images and self.image_size not in RESOLUTIONS:
            raise UserError(f"image_size={self.image_size}: networks grow to 4, 8, 16, 32, …, 1024 pixels.")
        if self.grow_images and self.schedule != "constant":
            raise UserError(f"grow_images={self.grow_images} and schedule={self.schedule}: rates stay constant while "
                            "networks grow.")
        if self.grow_images and self.momentum_end is not None:
            raise UserError(f"grow_images={self.grow_images} and momentum_end={self.momentum_end}: the momentum stays "
                            "constant while networks grow.")
        if self.ema_decay is not None and self.ema_images is not None:
            raise UserError(f"ema_decay={self.ema_decay} and ema_images={self.ema_images}: give one of the two.")

    def without_effect(self) -> dict[str, str]:
        """Returns why a field has no effect beside the others, by its name."""
        reasons = {
            "schedule is constant": () if self.schedule != "constant" else ("decay_images", "floor", "penalty_floor"),
            "there is no penalty": () if self.penalty is not None else ("penalty_sigma", "penalty_share",
                                                                        "penalty_floor"),
            "there is no momentum_end": () if self.momentum_end is not None else ("momentum_images",),
            f"{self.optimizer} has none": {"sgd": ("beta_2", "epsilon"), "rmsprop": ("epsilon",)}.get(
                self.optimizer or "", ()),
        }
        return {name: why for why, names in reasons.items() for name in names}

    @property
    def clusters_per_class(self) -> int:
        """Clusters into which each class is divided, or all images where no classes are told; 1: undivided."""
        return max(1, self.clusters // (self.classes or 1))

    @property
    def label_count(self) -> int:
        """How many labels D is told: classes times the clusters of each; 0: none."""
        labels = (self.classes or 1) * self.clusters_per_class
        return 0 if labels == 1 else labels

    @property
    def ema_decay_per_step(self) -> float | None:
        """Decay per step of the generator's moving average; None: there is none."""
        return 0.5 ** (self.images_per_step / self.ema_images) if self.ema_images is not None else self.ema_decay

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """Returns the recipe that `to_dict` gave, also after JSON, also of older versions.

        Raises:
            UserError: a field is unknown, or missing, or not what it must be.
        """
        try:
            # Adam was the only optimizer before recipes said which.
            return cls(**{"optimizer": "adam"} | {RENAMED.get(name, name): value for name, value in values.items()})
        except TypeError as error:
            raise UserError(str(error)) from error

    @property
    def adversarial(self) -> bool:
        """Tells whether a discriminator takes part; otherwise the model is fitted in closed form."""
        return self.loss is not None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return (self.height or self.image_size, self.width or self.image_size, self.channels)

    @property
    def image_settings(self) -> dict[str, Any]:
        """How pictures become images of this recipe: the arguments of `cache.prepare`."""
        return {"image_size": self.image_size, "height": self.height, "width": self.width, "channels": self.channels,
                "crop": self.crop, "skip_bad": self.skip_bad}

    @property
    def slope_weight(self) -> float | None:
        """γ of R1 and R2; None: D's slope costs nothing, or otherwise."""
        return self.penalty_weight if self.penalty in ("r1", "r2", "r1_r2") else None

    @property
    def images_per_step(self) -> int:
        """Real images that one training step takes: `d_steps` minibatches."""
        assert self.batch_size is not None
        return self.batch_size * self.d_steps

    @property
    def grows_to_its_end(self) -> bool:
        """Tells whether the run ends where the last resolution has trained alone: no other length is given."""
        return bool(self.grow_images) and self.steps is self.images is self.epochs is None

    @functools.cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of the run, in their order.

        Growing begins with 4×4 alone; then each resolution up to the recipe's fades in, and stands alone.
        """
        batch_size = self.batch_size or 1
        if not self.grow_images:
            return (Phase(self.image_size, batch_size, False, 0, 0, None),)
        phases: list[Phase] = []
        start = seen = 0
        for size in (size for size in RESOLUTIONS if size <= self.image_size):
            batch = min(batch_size, LARGEST_BATCHES.get(size, batch_size))
            steps = math.ceil(self.grow_images / (batch * self.d_steps))
            for fade in (True, False) if size > SMALLEST else (False,):
                phases.append(Phase(size, batch, fade, start, seen, steps))
                start, seen = start + steps, seen + steps * batch * self.d_steps
        return tuple(phases)

    def phase_of(self, step: int) -> Phase:
        """Returns the phase that trained the networks of a checkpoint of `step`."""
        return next((phase for phase in reversed(self.phases) if phase.start < step), self.phases[0])

    def for_phase(self, phase: Phase) -> "Recipe":
        """Returns the recipe of the networks of a phase. Where nothing grows it is this one."""
        if not self.grow_images:
            return self
        return self.override(image_size=phase.image_size, batch_size=phase.batch_size, steps=phase.steps,
                             grow_images=self.grow_images if phase.fade else 0)

    def images_seen(self, step: int) -> int:
        """Returns how many real images D has seen after `step` steps."""
        phase = self.phase_of(step)
        return phase.seen + (step - phase.start) * phase.batch_size * self.d_steps

    def full_turns(self, step: int) -> float:
        """Returns in how many steps of the recipe's own batch size D sees as many images as in these."""
        return self.images_seen(step) / self.images_per_step

    def total_steps(self, images: int) -> int:
        """Generator steps of the whole run over a data set of `images` images; 1 for a closed-form fit."""
        if not self.adversarial:
            return 1
        if self.steps is not None:
            return self.steps
        last = self.phases[-1]
        if self.grows_to_its_end:
            return last.start + (last.steps or 0)
        wanted = self.images if self.images is not None else (self.epochs or 0.0) * images
        phase = next((phase for phase in reversed(self.phases) if phase.seen < wanted), self.phases[0])
        return phase.start + math.ceil((wanted - phase.seen) / (phase.batch_size * self.d_steps))

    def override(self, **changes: Any) -> "Recipe":
        """Returns the recipe with `changes` made.

        A length displaces the other two, one moving average the other; what is not conditional is told no classes.

        Raises:
            UserError: it is told classes and made not conditional at once; or as the constructor.
        """
        if changes.get("conditional") is False:
            if changes.get("classes") is not None:
                raise UserError(f"conditional=False and classes={changes['classes']}: give one of the two.")
            changes = {"classes": None} | changes
        for alternatives in (LENGTH, ("ema_decay", "ema_images")):
            if any(name in changes for name in alternatives):
                changes = dict.fromkeys(alternatives) | changes
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields by name; `from_dict` gives the recipe back, also after JSON."""
        return dataclasses.asdict(self)

    def grid_interval(self, images: int) -> float:
        """Steps between sample grids over a data set of `images` images."""
        assert self.tick is not None
        return self.sample_every or max(images / self.images_per_step, 4 * self.tick)


def fields(*groups: str) -> tuple[str, ...]:
    """Returns the names of the fields in these groups; without any, of all."""
    return tuple(declared.name for declared in dataclasses.fields(Recipe)
                 if not groups or declared.metadata["group"] in groups)
