#!/usr/bin/env bash
# A .keras file forgets settings of a compiled loss, and of an initializer, without a word.
#
# Seen with Keras 3.15.1 on jax: `get_config` of losses.Huber leaves out delta, that of losses.CosineSimilarity axis, and that of
# initializers.Identity gain. A model that is saved and loaded has the defaults instead, and goes on training on another loss:
# Huber(delta=0.1) is 0.1 before and 0.7 after, on the same predictions.
#
# Why it matters: `keras.saving.load_model` promises the compiled model back. A run that resumes from such a file descends
# something else, and its curve jumps for no visible reason.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q --disable-pip-version-check keras==3.15.1 jax==0.10.2 2> /dev/null
cd "$place"
KERAS_BACKEND=jax "$place/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

rng = np.random.default_rng(0)
images, targets = rng.normal(size=(2, 4, 3, 5)).astype("float32")


def before_and_after(loss):
    """Returns a model's loss as it was compiled, and as a .keras file gives it back."""
    pixels = keras.Input((3, 5))
    model = keras.Model(pixels, keras.layers.Identity()(pixels))
    model.compile(loss=loss)
    model.save("model.keras")
    again = keras.saving.load_model("model.keras")
    return model.evaluate(images, targets, verbose=0), again.evaluate(images, targets, verbose=0)


seen = []
for name, loss in (("Huber(delta=0.1)", keras.losses.Huber(delta=0.1)),
                   ("CosineSimilarity(axis=1)", keras.losses.CosineSimilarity(axis=1)),
                   ("Huber()", keras.losses.Huber()), ("Dice(axis=(1, 2))", keras.losses.Dice(axis=(1, 2)))):
    before, after = before_and_after(loss)
    seen.append(abs(before - after) > 0.01)
    print(f"{name:25} {before:.4f} before saving, {after:.4f} after loading")
identity = keras.initializers.Identity(gain=3.0)
again = keras.initializers.Identity.from_config(identity.get_config())
gains = [float(np.asarray(one((1, 1)))[0, 0]) for one in (identity, again)]
print(f"Identity(gain=3)          {gains[0]:g} before, {gains[1]:g} after")
# The last two losses are the control: nothing is lost of a default, nor of Dice's axis.
raise SystemExit(0 if seen == [True, True, False, False] and gains == [3.0, 1.0] else "this has changed")
PYTHON
