"""MODEL_CARD.md: what whoever gets an exported generator must know (Mitchell et al. 2019, arXiv:1810.03993)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kgan import models
from kgan.recipe import Recipe, fields
from kgan.runs.directory import Run
from kgan.scoring import doctor
from kgan.scoring.table import tables
from kgan.serving import hub

SAMPLES = "samples.png"
WIDEST = 16  # columns of it

# What the publishers say; a model's use is bound by it too.
LICENCES = {
    "mnist": "MNIST, Y. LeCun and C. Cortes, derived from NIST's databases: CC BY-SA 3.0 (as stated by "
             "keras.io/api/datasets/mnist).",
    "fashion_mnist": "Fashion-MNIST, Zalando SE: MIT (github.com/zalandoresearch/fashion-mnist).",
    "cifar10": "CIFAR-10, A. Krizhevsky, a labelled subset of 80 Million Tiny Images, which its authors have "
               "withdrawn: its page states no licence (cs.toronto.edu/~kriz/cifar.html).",
    "celeb_a": "CelebA, Z. Liu et al., MMLAB, CUHK: non-commercial research only; the pictures are the property of "
               "their owners (mmlab.ie.cuhk.edu.hk/projects/CelebA.html).",
    "digits": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI: CC BY 4.0 "
              "(archive.ics.uci.edu/dataset/80).",
}
LICENCES["mnist_small"] = LICENCES["mnist"]
UNKNOWN = ("Pictures of the trainer's own, whose licence kgan does not know: whoever publishes this model states it "
           "here.")

USE = {
    "saved_model": """A SavedModel: TensorFlow alone loads it, and TensorFlow Serving serves the directory
above this one.

```python
import tensorflow as tf

model = tf.saved_model.load(".")  # this directory
images = model.signatures["sample"](seed=tf.constant([0, 1, 2], tf.int64){label})["images"]  # uint8
```

`sample` and `sample_png` draw a seed's picture, which depends on no other seed in the batch; `serving_default` takes z,
drawn from N(0, 1). On one machine a seed's picture is bit for bit the same in all batches of one size; in a batch of
another size, or on another machine, kernels differ, and a pixel may move by a grey level.""",
    "onnx": """An ONNX model in float32, for ONNX Runtime and whatever else reads ONNX.

```python
import numpy as np
import onnxruntime

z = np.random.default_rng(0).normal(size=(3, {latent_dim})).astype(np.float32)
(images,) = onnxruntime.InferenceSession("model.onnx").run(["images"], {{"z": z{label}}})  # uint8
```""",
    "web": """A web page that draws, without network: open `index.html`, from this disk or from any server. It is one
file, which can be sent alone. A seed's picture is that of `kgan.generate` to within a grey level.""",
    "preset": """A preset, which kgan carries and draws without network.

```sh
kgan sample {name} --seeds=0-63{label} --out=grid.png
```""",
}
LABELS = {"saved_model": ", label=tf.constant([1, 1, 1])", "onnx": ', "label": np.array([1, 1, 1], np.int32)',
          "web": "", "preset": " --labels=1"}
OTHERS = {"saved_model": "; TensorFlow on a processor refuses others, which XLA, GPUs and other programs do not check",
          "onnx": "; others are not checked", "web": "", "preset": ""}
GOLDEN = {
    "saved_model": " `golden.json` holds ten seeds and the pictures that they\ngive; `python check.py "
                   "http://localhost:8501` asks a server for the same and compares, within a grey level.",
    "onnx": " `golden.json` holds ten z's and the pictures that they\ngive; `python check.py model.onnx` asks ONNX "
            "Runtime for the same and compares, within a grey level.",
    "web": "", "preset": "",
}
KERAS_FILE = """

The run's `generator.keras`, where it is published with this card, opens in Keras 3.8 and later (of `dcgan_5x5`: in 3.12
and later); where it has layers that Keras lacks, `import kgan.layers` first."""
KEPT = {"preset": "Kept in float16, drawn in float32", "web": "Drawn in float32"}


CARD = """{head}

# {name}

A generator of {size}×{size}×{channels} images: kgan's `{model}` {made} {origin}.

![seeds 0 to 63]({samples})

*Seeds 0 to 63, not chosen{shown}.*

## Use

{use}

```
{report}
```

`manifest.json` holds size and SHA-256 of every other file here.{golden}

## Data

{images:,} images: {origin} (SHA-256 of the prepared pixels: `{sha256}`).{classes}

Licence of the data: {licence}

## Training

| setting | value |
|---|---|
{settings}
| weights | {weights} |

Started with {versions}. {kept}, whatever the precision of training.

The networks, and what their source leaves open:

```
{networks}
```

## Metrics

{metrics}

## Limits

- It draws what its data show, in their proportions at best: see *modes* and *class KL*, where they were measured. It
  {told}, and it makes {size}×{size} pixels and no other size.
- Pictures may resemble training images: see *memorisation* and *copies*. Where these show people, or are under a
  licence, that matters.
- Samples are no new observations: statistics of them are statistics of this model.
- What the weights may be used for depends on the licence of the data.
"""


def model_card(run: Run, step: int, name: str, form: str, report: str, scores: dict[str, Any] | None = None) -> str:
    """Returns the card, in Markdown, of the run's generator at `step`.

    Args:
        run: where the generator comes from.
        step: of its weights.
        name: of the model, for the title.
        form: "saved_model", "onnx", "web" or "preset".
        report: what the export's verification printed, or what the preset holds.
        scores: what `runs.scores.load` has of this step.
    """
    config, recipe = run.config(), run.recipe()
    data, versions = config["data"], config["versions"]
    size, _, channels = recipe.at(recipe.phase_of(step)).image_shape
    idle = fields("loss", "training") if not recipe.adversarial else ()
    settings = {key: value for key, value in recipe.to_dict().items() if value is not None and key not in idle}
    if recipe.data is not None:
        settings["data"] = Path(recipe.data).name  # the rest of the path is nobody's business
    keras_file = "" if form == "preset" else KERAS_FILE
    return CARD.format(
        head=hub.head(name, recipe, scores), name=name, size=size, channels=channels,
        model=recipe.model, origin=data["origin"], images=data["images"],
        made=f"at step {step:,}, trained on" if recipe.adversarial else "fitted to", samples=SAMPLES,
        use=_use(form, recipe, name), golden=GOLDEN[form] + keras_file, report=report.strip(), sha256=data["sha256"],
        **_classes(recipe, data.get("class_counts"), scores),
        licence=UNKNOWN if recipe.dataset is None else LICENCES[recipe.dataset], settings=_rows(settings),
        weights=weights(recipe, config), networks=models.description(recipe.model), metrics=_metrics(scores),
        kept=KEPT.get(form, "Exported in float32"),
        versions=", ".join(f"{library} {version}" for library, version in versions.items()))


def columns(classes: int) -> int | None:
    """Returns how wide SAMPLES is: so that a column shows one class, where there are few; else None."""
    return classes * max(1, WIDEST // 2 // classes) if 0 < classes <= WIDEST else None


def _use(form: str, recipe: Recipe, name: str) -> str:
    label = "" if recipe.classes is None else LABELS[form]
    use = USE[form].format(name=name, latent_dim=recipe.latent_dim, label=label)
    told = f"`label` is the number of a class, 0 to {(recipe.classes or 0) - 1}{OTHERS[form]}."
    return use if not label else f"{use}\n\n{told}"


def _classes(recipe: Recipe, counts: Sequence[int] | None, scores: dict[str, Any] | None) -> dict[str, str]:
    """Returns what the card says of classes: those of the pictures, those of the data, and what G can be told."""
    if recipe.classes is None:
        return {"shown": "", "classes": "", "told": "can't be told what to draw"}
    each = ", ".join(f"{number}: {count:,}" for number, count in enumerate(counts or ())) or "not kept"
    return {"shown": f"; the class is the seed modulo {recipe.classes}",
            "classes": f"\n\n{recipe.classes} classes, numbered in the order of the data's labels. Training images of "
                       f"each: {each}.",
            "told": f"is told a class and nothing else ({_agreement(scores)})"}


def _agreement(scores: dict[str, Any] | None) -> str:
    drawn, real = (None, None) if scores is None else (
        numbers.get("agreement") for numbers in (scores["numbers"], scores["yardsticks"].get(doctor.REAL, {})))
    if drawn is None:
        return "whether it draws that class was not measured"
    theirs = "" if real is None else f", and {real:.2%} of real ones for theirs"
    return f"the judge takes {drawn:.2%} of its images for that class{theirs}"


def weights(recipe: Recipe, config: dict[str, Any]) -> str:
    """Returns which of a run's weights are drawn with, what was done to them, and what they began with."""
    rounded = f", rounded to {config['rounded']}" if "rounded" in config else ""
    if not recipe.adversarial:
        return f"fitted in closed form{rounded}"
    return ("the step's own" if recipe.averaging is None else "their moving average") + rounded + _lineage(config)


def _lineage(config: dict[str, Any]) -> str:
    """Returns which networks the run began with, and these before it: names without the paths to them."""
    began, branch = "", config.get("branch")
    while branch:
        step = "" if "file" in branch else f" at step {branch['step']:,}"
        began += f"; begun with those of {Path(branch['run']).name}{step}"
        branch = branch.get("before")
    return began


def _rows(settings: dict[str, Any]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in settings.items())


def _metrics(scores: dict[str, Any] | None) -> str:
    if scores is None:
        return "Not measured: `kgan evaluate` scores a run, and exports after it say what it found."
    return f"""```
{tables({"generated": scores["numbers"], **scores["yardsticks"]})}
```

{" ".join([scores["protocol"], *scores["notes"]])}

{doctor.in_words([doctor.Finding(**finding) for finding in scores["verdict"]])}"""
