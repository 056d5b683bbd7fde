"""Keeps the evidence of a finished run: config, log, curves, first, middle and last grid, and the generator in float16.

    python experiments/keep.py runs/zhao experiments/results/long/zhao

The generator's arrays come from the last checkpoint (its moving average where there is one), by position, as
`kgan.runs.generators.restore` reads them; scores are kept by hand: `python -m kgan.evaluate RUN > OUT/scores.txt`.
"""

import shutil
import sys
from pathlib import Path

import numpy as np

from kgan.runs import checkpoints
from kgan.runs.directory import Run, step_of


def main(source: str, target: str) -> None:
    """Copies what is kept of the run `source` to the directory `target`."""
    run, out = Run(source), Path(target)
    out.mkdir(parents=True, exist_ok=True)
    for file in (run.config_file, run.log_file, run.plot_file):
        shutil.copy(file, out)
    grids = run.sample_files()
    for file in {grids[0], grids[len(grids) // 5], grids[-1]}:
        shutil.copy(file, out)
    step = run.last_step()
    prefix = "ema_generator/" if run.recipe().averaging is not None else "generator/"
    with np.load(run.checkpoints / f"{checkpoints.PREFIX}{step}" / checkpoints.STATE) as state:
        names = [name for name in state if name.startswith(prefix)]
        arrays = {name.removeprefix(prefix): state[name].astype(np.float16) for name in names}
    np.savez_compressed(out / "generator_float16.npz", **arrays)
    print(f"{out}: step {step:,}, grids {', '.join(str(step_of(grid)) for grid in grids[::len(grids) // 5])}")


if __name__ == "__main__":
    main(*sys.argv[1:])
