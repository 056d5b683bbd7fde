"""Measures of generators that no D trains: PCA with its uniforms, and a decoder trained by a squared error."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.papers.claims import Evidence
from experiments.papers.jobs import Result, lengths
from experiments.papers.lab import Lab

TWENTY = 400_000  # images of Zhao's twenty epochs


def strokes(lab: Lab) -> Evidence:
    """Looks at PCA's samples: how black the background is, and how much of the ink is in the centre, 20×20."""
    result = lab.shown("li_pca")
    images = result.samples(lab.benchmark.count).astype(float)
    return Evidence([{"background": result.numbers["background"],
                      "ink in the centre": float(images[:, 4:24, 4:24].sum() / images.sum())}], result.name)


def wide_uniforms(lab: Lab) -> Evidence:
    """Scores PCA with four uniform distributions of the scores, an observation each."""
    each = [{"uniform": name, **{key: numbers[key] for key in ("fcd", "score", "coverage", "one_nn", "background")}}
            for name, numbers in uniforms(lab).items()]
    return Evidence(each, "`pca`'s components with other ranges of the scores (σ: a score's standard deviation)")


def uniforms(lab: Lab) -> dict[str, Mapping[str, Any]]:
    """Returns the numbers of PCA's samples by the uniform that its scores are drawn from."""
    from kgan.images import to_float
    from kgan.sampling import generate

    generator = lab.shown("li_pca").generator
    low, high, components, middle = generator.get_weights()
    found = {}
    for name in ("min to max", "±√3 σ", "-1 to 1", "0 to 1"):
        def measured(name: str = name) -> Mapping[str, Any]:
            train = lab.benchmark.train.images[:10_000]
            deviation = ((to_float(train).numpy().reshape(len(train), -1) - middle) @ components.T).std(axis=0)
            ranges = {"min to max": (low, high), "±√3 σ": (-3**0.5 * deviation, 3**0.5 * deviation),
                      "-1 to 1": (-np.ones_like(low), np.ones_like(low)), "0 to 1": (0 * low, np.ones_like(low))}
            generator.set_weights([*ranges[name], components, middle])
            return lab.measure(generate(generator, range(lab.benchmark.count)))
        found[name] = lab.cached(f"pca-{name}-{lab.benchmark.count}".replace(" ", "_"), measured)
    generator.set_weights([low, high, components, middle])
    return found


def enlarged(lab: Lab) -> Evidence:
    """Trains Zhao's generator to enlarge digits of 7×7 to 28×28 by MSE; its roughness beside the adversarial one's.

    Twenty epochs of 20,000 images are the length of both.
    """
    adversarial = lab.shown("zhao_likely")
    numbers = lab.cached(f"enlarged-{lab.target(adversarial.job):.0f}", lambda: _enlarged(lab, adversarial))
    return Evidence([{**numbers, "adversarial": adversarial.numbers["roughness"]}],
                    f"the same generator: {lengths([adversarial])}, and one that has seen {numbers['images']:,} images "
                    "and their means over 4×4 pixels",
                    [min(1.0, adversarial.drawn / TWENTY, numbers["images"] / TWENTY)], [0])


def shrunk(images: np.ndarray) -> np.ndarray:
    """Returns the means over 4×4 pixels of images, (n, 28, 28, 1), row by row, (n, 49)."""
    return images.reshape(-1, 7, 4, 7, 4).mean((2, 4)).reshape(-1, 49)


def _enlarged(lab: Lab, adversarial: Result) -> dict[str, Any]:
    import keras

    from kgan import models
    from kgan.images import to_float, to_uint8
    from kgan.metrics import noise

    train, test = lab.benchmark.train.images[:20_000], lab.benchmark.real
    small, unseen = (shrunk(to_float(one).numpy()) for one in (train, test))
    generator = models.build(models.recipe("dcgan", "mnist").override(latent_dim=49))[0]
    generator.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), "mse")
    epochs = max(1, round(min(TWENTY, lab.target(adversarial.job)) / len(train)))
    generator.fit(small, to_float(train).numpy(), batch_size=64, epochs=epochs, verbose=0)
    drawn = to_uint8(generator.predict(unseen, batch_size=250, verbose=0))
    return {"MSE": float(noise.roughness(np.asarray(drawn), test)), "images": epochs * len(train)}
