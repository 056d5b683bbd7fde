"""Growing: the phases of a run in which the networks stay the same (Karras et al. 2018, arXiv:1710.10196)."""

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kgan.recipe import Recipe

SMALLEST = 4  # the resolution to begin with
LARGEST_BATCHES = {256: 14, 512: 6, 1024: 3}  # by resolution: appendix A.1; up to 128, the recipe's


class Phase(NamedTuple):
    """A part of a run. Where networks do not grow there is one, without end."""

    image_size: int
    batch_size: int
    fade: bool  # whether this resolution fades in; else it stands alone
    start: int  # steps before it
    seen: int  # real images before it
    steps: int | None  # None: without end


def phases(recipe: "Recipe") -> tuple[Phase, ...]:
    """Returns a run's phases: 4×4 alone, then for each resolution up to the recipe's one that fades in, one alone."""
    size, batch_size = recipe.image_size, recipe.batch_size or 1
    if not recipe.grow_images:
        return (Phase(size, batch_size, False, 0, 0, None),)
    sizes = [size]
    while sizes[0] > SMALLEST:
        sizes.insert(0, sizes[0] // 2)
    found: list[Phase] = []
    start = seen = 0
    for size in sizes:
        batch = min(batch_size, LARGEST_BATCHES.get(size, batch_size))
        steps = math.ceil(recipe.grow_images / (batch * recipe.d_steps))
        for fade in (True, False)[size == sizes[0]:]:
            found.append(Phase(size, batch, fade, start, seen, steps))
            start, seen = start + steps, seen + steps * batch * recipe.d_steps
    return tuple(found)


class Growing:
    """The part of `Recipe`, which `self` is, that says how long a run is, and what it trains when."""

    @property
    def grows_to_its_end(self: Any) -> bool:
        """Tells whether the run ends where the last resolution has trained alone: no other length is given."""
        return bool(self.grow_images) and self.steps is self.images is self.epochs is None

    @functools.cached_property
    def phases(self: Any) -> tuple[Phase, ...]:
        """The parts of the run in which the networks stay the same: one, but where they grow."""
        return phases(self)

    def phase_of(self: Any, step: int) -> Phase:
        """Returns the phase that trained the networks of a checkpoint of `step`."""
        return next((phase for phase in reversed(self.phases) if phase.start < step), self.phases[0])

    def at(self: Any, phase: Phase) -> "Recipe":
        """Returns the recipe of the networks of a phase. Where nothing grows it is this one."""
        if not self.grow_images:
            return self
        return self.override(image_size=phase.image_size, batch_size=phase.batch_size, steps=phase.steps,
                             grow_images=self.grow_images if phase.fade else 0)

    def images_seen(self: Any, step: int) -> int:
        """Returns how many real images D has seen after `step` steps."""
        phase = self.phase_of(step)
        return phase.seen + (step - phase.start) * phase.batch_size * self.d_steps

    def full_turns(self: Any, step: int) -> float:
        """Returns in how many steps of the recipe's own batch size D sees as many images as in these."""
        return self.images_seen(step) / self.images_per_step

    def total_steps(self: Any, images: int) -> int:
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


def can_grow_to(image_size: int) -> bool:
    """Tells whether an image size is 4, 8, 16, …, 1024."""
    return image_size in [SMALLEST * 2**k for k in range(9)]
