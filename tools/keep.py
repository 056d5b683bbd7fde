"""Keeps the evidence of a run: config, log, curves, first, early and last grid, and the generator in float16.

    python tools/keep.py runs/zhao experiments/results/long/zhao
    python tools/keep.py runs/zhao experiments/results/long/zhao --nogenerator

The second is for runs that are not at their end. The generator's arrays come from the last checkpoint (its moving
average where there is one), by position, as `kgan.runs.generators.restore` reads them. Scores are kept by hand:
`python -m kgan evaluate RUN > OUT/scores.txt`.
"""

import shutil
import sys
from pathlib import Path

import numpy as np

from kgan import saving
from kgan.runs import checkpoints, log
from kgan.runs.directory import Run, step_of


def main(source: str, target: str, flag: str = "") -> None:
    """Copies what is kept of the run `source` to the directory `target`."""
    run, out = Run(source), Path(target)
    out.mkdir(parents=True, exist_ok=True)
    for file in (run.config_file, run.log_file):
        shutil.copy(file, out)
    log.save_plot(run.log_file, out / run.plot_file.name)
    grids = run.sample_files()
    kept = {grids[0], grids[len(grids) // 5], grids[-1]}
    for file in kept:
        shutil.copy(file, out)
    step = run.last_step()
    print(f"{out}: step {step:,}, grids {', '.join(str(step_of(grid)) for grid in sorted(kept, key=step_of))}")
    if flag == "--nogenerator":
        return
    prefix = f"{saving.sampler(run.recipe().ema_decay_per_step is not None)}/"
    with np.load(run.checkpoints / f"{checkpoints.PREFIX}{step}" / checkpoints.STATE) as state:
        names = [name for name in state if name.startswith(prefix)]
        arrays = {name.removeprefix(prefix): state[name].astype(np.float16) for name in names}
    np.savez_compressed(out / "generator_float16.npz", **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
