"""What a truncation of z costs in variety and brings in quality: a curve over ψ for a run or a preset.

    TFDS_DATA_DIR=… python experiments/studies/truncation.py preset:mnist --count=5000

The same seeds are drawn at each ψ, and compared with as many test images of the run's own data. Writes truncation.json,
README.md, curve.png and grid.png, a row of seeds for each ψ.
"""

import argparse
import shlex
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from kgan import images, latent, sampling
from kgan.evaluation import candidate
from kgan.metrics import frechet, manifold
from kgan.metrics.baselines import subset
from kgan.runs.generators import open_generator
from kgan.runtime import files, machine, templates

PSIS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)  # above 1, to see whether it should be allowed
SHOWN = 20  # seeds on the grid


def drawn(generator, psi, count, labels):
    """Returns the pictures of `count` seeds at ψ, which may be above 1."""
    z = latent.from_seeds(range(count), latent.dimension(generator)).numpy()
    z[:, sampling.kept(generator):] *= psi
    return sampling.draw_from(sampling.renderer(generator), z, *([] if labels is None else [labels]))


def measured(benchmark, pixels):
    """Returns FCD, and the shares of `manifold`, by the data set's first judge."""
    real, seen = benchmark.real_predictions[0].features, benchmark.judges[0].predict(pixels).features
    return {"fcd": frechet.frechet(real, seen)} | manifold.manifold(real, seen)._asdict()


def figure(rows, real, out):
    """Draws the curve: shares on one side, FCD on the other."""
    shares, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    for name, style in (("precision", "-o"), ("recall", "-o"), ("density", "--"), ("coverage", "--")):
        (line,) = left.plot([row["psi"] for row in rows], [row[name] for row in rows], style, label=name, markersize=3)
        left.axhline(real[name], color=line.get_color(), linewidth=0.7, linestyle=":")
    left.set(xlabel="ψ", title="dotted: real images")
    left.legend()
    right.semilogy([row["psi"] for row in rows], [row["fcd"] for row in rows], "-o", color="black", markersize=3)
    right.axhline(real["fcd"], color="black", linewidth=0.7, linestyle=":")
    right.set(xlabel="ψ", title="FCD (lower is better)")
    shares.tight_layout()
    shares.savefig(out, dpi=110)


def main():
    """Measures, prints and keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run directory or preset:NAME")
    parser.add_argument("--out", type=Path, default=Path("experiments/results/truncation"))
    parser.add_argument("--count", type=int, default=5000)
    options = parser.parse_args()
    scored = candidate.open_candidate(Path(options.run))
    benchmark, notes = candidate.benchmark_for(scored, count=options.count)
    generator, labels = open_generator(options.run), scored.labels(benchmark.count)
    rows, shown = [], []
    for psi in PSIS:
        pixels = drawn(generator, psi, benchmark.count, labels)
        rows.append({"psi": psi} | measured(benchmark, pixels))
        shown.append(pixels[::len(pixels) // SHOWN][:SHOWN])  # of all classes, which come in order
        print(rows[-1], flush=True)
    real = measured(benchmark, subset(benchmark.train.images, benchmark.count))
    facts = {"command": shlex.join(["python", "experiments/studies/truncation.py", *sys.argv[1:]]),
             "protocol": candidate.protocol(scored, benchmark), "count": benchmark.count,
             "seeds": f"0 to {benchmark.count - 1}", "notes": notes, "versions": machine.versions(),
             "real": real, "rows": rows}
    options.out.mkdir(parents=True, exist_ok=True)
    files.write_json(options.out / "truncation.json", facts)
    figure(rows, real, options.out / "curve.png")
    images.save_grid(np.concatenate(shown), options.out / "grid.png", SHOWN)
    text = templates.markdown(Path(__file__).with_suffix(".jinja"), **facts, psis=PSIS, in_words=machine.in_words)
    files.write_text(options.out / "README.md", text)
    print(text)


if __name__ == "__main__":
    main()
