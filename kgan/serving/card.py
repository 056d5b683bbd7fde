"""MODEL_CARD.md: what whoever gets an exported generator must know (Mitchell et al. 2019, arXiv:1810.03993)."""

from pathlib import Path
from typing import Any

from kgan import models
from kgan.recipe import Recipe, fields
from kgan.runs.directory import Run
from kgan.scoring import doctor
from kgan.scoring.table import tables

SAMPLES = "samples.png"

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
images = model.signatures["sample"](seed=tf.constant([0, 1, 2], tf.int64))["images"]  # uint8
```

`sample` and `sample_png` draw a seed's picture, which depends on no other seed in the batch; `serving_default` takes z,
drawn from N(0, 1). On one machine a seed's picture is bit for bit the same in all batches of one size; in a batch of
another size, or on another machine, kernels differ, and a pixel may move by a grey level.""",
    "onnx": """An ONNX model in float32, for ONNX Runtime and whatever else reads ONNX.

```python
import numpy as np
import onnxruntime

z = np.random.default_rng(0).normal(size=(3, {latent_dim})).astype(np.float32)
(images,) = onnxruntime.InferenceSession("model.onnx").run(["images"], {{"z": z}})  # uint8
```""",
}


CARD = """# {name}

A generator of {size}×{size}×{channels} images: kgan's `{model}` {made} {origin}.

![seeds 0 to 63]({samples})

*Seeds 0 to 63, not chosen.*

## Use

{use}

```
{report}
```

`manifest.json` holds size and SHA-256 of every other file here.

## Data

{images:,} images: {origin} (SHA-256 of the prepared pixels: `{sha256}`).

Licence of the data: {licence}

## Training

| setting | value |
|---|---|
{settings}
| weights | {weights} |

Started with {versions}. Exported in float32, whatever the precision of training.

The networks, and what their source leaves open:

```
{networks}
```

## Metrics

{metrics}

## Limits

- It draws what its data show, in their proportions at best: see *modes* and *class KL*, where they were measured. It
  can't be told what to draw, and it makes {size}×{size} pixels and no other size.
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
        form: "saved_model" or "onnx".
        report: what the export's verification printed.
        scores: what `runs.scores.load` has of this step.
    """
    config, recipe = run.config(), run.recipe()
    data, versions = config["data"], config["versions"]
    size, _, channels = recipe.image_shape
    idle = () if recipe.adversarial else fields("loss", "training")
    settings = {key: value for key, value in recipe.to_dict().items() if value is not None and key not in idle}
    if recipe.data is not None:
        settings["data"] = Path(recipe.data).name  # the rest of the path is nobody's business
    return CARD.format(
        name=name, size=size, channels=channels, model=recipe.model, origin=data["origin"], images=data["images"],
        made=f"at step {step:,}, trained on" if recipe.adversarial else "fitted to", samples=SAMPLES,
        use=USE[form].format(latent_dim=recipe.latent_dim), report=report.strip(), sha256=data["sha256"],
        licence=UNKNOWN if recipe.dataset is None else LICENCES[recipe.dataset], settings=_rows(settings),
        weights=_weights(recipe), networks=models.description(recipe.model), metrics=_metrics(scores),
        versions=", ".join(f"{library} {version}" for library, version in versions.items()))


def _weights(recipe: Recipe) -> str:
    if not recipe.adversarial:
        return "fitted in closed form"
    return "the step's own" if recipe.averaging is None else "their moving average"


def _rows(settings: dict[str, Any]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in settings.items())


def _metrics(scores: dict[str, Any] | None) -> str:
    if scores is None:
        return "Not measured: `python -m kgan.evaluate` scores a run, and exports after it say what it found."
    return f"""```
{tables({"generated": scores["numbers"], **scores["yardsticks"]})}
```

{" ".join([scores["protocol"], *scores["notes"]])}

{doctor.in_words([doctor.Finding(**finding) for finding in scores["verdict"]])}"""
