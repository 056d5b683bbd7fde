"""One recipe with everything switched on, killed and started again: the run must end as if nothing had happened."""

import os
import random
import subprocess
import sys
import time

import pytest
from test_command import MAIN, _digests, _goes_on, _last, _wait

COMMON = ("--dataset=digits", "--batch_size=4", "--tick=4", "--sample_every=100", "--checkpoint_seconds=0",
          "--evaluate_every=160", "--watch_every=0.2", "--ema_images=100", "--flip",
          "--clip=1", "--z_prior=uniform_unit_variance", "--d_loss_weight=0.7")
SCHEDULE = ("--schedule=cosine", "--decay_images=1500", "--floor=0.2")
RECIPES = {
    # Pairing loss, finite differences, the same augmentation of a pair, both gradients from one pass.
    "penalties": ("--model=dcgan", "--dropout=0", "--loss=relativistic", "--update=simultaneous", "--penalty=r1_r2",
                  "--penalty_weight=1", "--penalty_sigma=0.05", "--penalty_share=0.5", "--penalty_floor=0.1",
                  "--augment=colour,translation,cutout", "--beta_1=0", "--beta_2=0.99", *SCHEDULE),
    # Classes, several steps of each network, RMSprop.
    "classes": ("--model=dcgan_5x5", "--recipe=two_convolutions", "--loss=hinge", "--d_steps=2", "--g_steps=2",
                "--optimizer=rmsprop", "--beta_1=0.1", "--beta_2=0.8", *SCHEDULE),
    # From 4×4 to 16×16, 16 steps for each fade and each resolution alone.
    "growing": ("--model=progan", "--image_size=16", "--max_channels=4", "--latent_dim=8", "--grow_images=64"),
}


def _start(workdir, name, steps):
    flags = [*COMMON, *RECIPES[name], f"--steps={steps}", f"--workdir={workdir}"]
    return subprocess.Popen([sys.executable, "-c", MAIN, *flags], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=dict(os.environ))


@pytest.mark.parametrize(("name", "kills", "steps"), [
    ("penalties", 1, 24), pytest.param("penalties", 10, 240, marks=pytest.mark.slow),
    pytest.param("classes", 10, 160, marks=pytest.mark.slow),
    pytest.param("growing", 10, 80, marks=pytest.mark.slow)])
def test_sigkill_changes_nothing_with_everything_on(tmp_path, name, kills, steps):
    _goes_on(tmp_path / "whole", steps, [*COMMON, *RECIPES[name]])
    chance, workdir = random.Random(3), tmp_path / "run"
    for _ in range(kills):
        process, before = _start(workdir, name, steps), _last(workdir)
        if not _wait(process, lambda before=before: _last(workdir) > before):
            break  # it came to its end
        time.sleep(chance.uniform(0, 0.3))
        process.kill()
        process.communicate()
    _goes_on(workdir, steps, [*COMMON, *RECIPES[name]])
    assert _digests(workdir) == _digests(tmp_path / "whole")
