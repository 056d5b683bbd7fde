"""The phases of a run, worked out by hand."""

import pytest

from kgan import models
from kgan.recipe import Phase
from kgan.runtime.errors import UserError


def growing(**changes):
    return models.recipe("progan").override(**{"image_size": 16, "grow_images": 100, "batch_size": 16, **changes})


def test_phases_by_hand():
    """100 images in batches of 16 are 7 steps, 112 images."""
    assert growing().phases == (
        Phase(4, 16, False, 0, 0, 7), Phase(8, 16, True, 7, 112, 7), Phase(8, 16, False, 14, 224, 7),
        Phase(16, 16, True, 21, 336, 7), Phase(16, 16, False, 28, 448, 7))


def test_batches_shrink_beyond_128_as_in_the_paper():
    """Karras et al. 2018, appendix A.1: 16 up to 128, then 14, 6, 3."""
    recipe = models.recipe("progan").override(image_size=1024)
    assert [(phase.image_size, phase.batch_size) for phase in recipe.phases if not phase.fade] == [
        (4, 16), (8, 16), (16, 16), (32, 16), (64, 16), (128, 16), (256, 14), (512, 6), (1024, 3)]
    assert recipe.phases[-1].seen == pytest.approx(800_000 * 16, abs=100)


def test_what_does_not_grow_is_one_phase_without_end():
    recipe = models.recipe("dcgan")
    assert recipe.phases == (Phase(28, recipe.batch_size, False, 0, 0, None),)
    assert recipe.for_phase(recipe.phases[0]) is recipe


@pytest.mark.parametrize(("step", "phase", "seen"), [(0, 0, 0), (1, 0, 16), (7, 0, 112), (8, 1, 128), (28, 3, 448),
                                                     (29, 4, 464), (1000, 4, 16_000)])
def test_a_checkpoint_is_of_the_phase_that_made_its_last_step(step, phase, seen):
    recipe = growing()
    assert recipe.phase_of(step) == recipe.phases[phase]
    assert recipe.images_seen(step) == seen


@pytest.mark.parametrize(("length", "steps"), [({}, 35), ({"steps": 3}, 3), ({"images": 112}, 7), ({"images": 113}, 8),
                                               ({"images": 1000}, 63), ({"epochs": 2}, 63)])
def test_length_of_a_run_that_grows(length, steps):
    assert growing(**length).total_steps(500) == steps


def test_networks_of_a_phase_grow_no_further():
    fading, alone = (growing().for_phase(growing().phases[number]) for number in (3, 4))
    assert (fading.image_size, fading.grow_images > 0) == (16, True)
    assert (alone.image_size, alone.grow_images, alone.steps) == (16, 0, 7)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"image_size": 28}, "image_size=28: networks grow to 4, 8, 16, 32, …, 1024 pixels"),
    ({"schedule": "cosine", "decay_images": 9}, "rates stay constant while networks grow"),
    ({"steps": 1, "images": 1}, "steps=1 and images=1: give one of epochs, steps and images")])
def test_impossible_growth_is_refused(changes, sentence):
    with pytest.raises(UserError, match=sentence):
        growing(**changes)


def test_only_networks_that_grow_take_its_fields():
    with pytest.raises(UserError, match="max_channels=9: dcgan has no networks that grow; these have: progan"):
        models.build(models.recipe("dcgan").override(max_channels=9))
    with pytest.raises(UserError, match="image_size=28 is not a shape of progan; it has 4, 8, 16, 32"):
        models.build(models.recipe("progan").override(grow_images=0, images=1, image_size=28))
