"""A server's view of a SavedModel: loads it in a process with TensorFlow alone, calls every signature, compares.

    python load_probe.py SAVED_MODEL EXPECTED.npz GREY_LEVELS

EXPECTED.npz holds `signatures`, the names that there must be, `classes`, how many, and, for some requests n, inputs by
name (`n/z`, `n/seed`, …) and `n/images`, which all signatures must make of these, to within GREY_LEVELS. They must draw
nothing of no row, and refuse a z that is not finite, a label that is no class and inputs of different lengths. Prints
the table of signatures that the file has; exits with 1 and the reason when something differs.
"""

import sys
from collections.abc import Callable

import numpy as np
import tensorflow as tf


def main(path: str, expected_file: str, grey_levels: str) -> None:
    """Compares; the arguments are those of the command line."""
    with np.load(expected_file, allow_pickle=False) as archive:
        expected = dict(archive)
    try:
        signatures = tf.saved_model.load(path).signatures
    except Exception as error:  # of many kinds; the parent shows a line
        sys.exit(f"it can't be loaded ({(str(error).splitlines() or [type(error).__name__])[0]})")
    names, classes = expected.pop("signatures").tolist(), int(expected.pop("classes"))
    if sorted(signatures) != names:
        sys.exit(f"it has the signatures {', '.join(sorted(signatures))}, not {', '.join(names)}")
    numbers = sorted({name.split("/")[0] for name in expected}, key=int)
    worst = 0
    for name, serve in signatures.items():
        for number in numbers:
            inputs = {key: tf.constant(expected[f"{number}/{key}"]) for key in serve.structured_input_signature[1]}
            difference = _difference(name, serve(**inputs), expected[f"{number}/images"], int(grey_levels))
            worst = max(worst, difference)
        _check_odd_requests(name, serve, {key: value[:1] for key, value in inputs.items()}, classes)
    sizes = [str(len(expected[f"{number}/images"])) for number in numbers]
    if "kgan" in sys.modules:
        sys.exit("the SavedModel needed kgan")
    print("\n".join(table(signatures)))
    print(f"Verified in a process with TensorFlow alone, in batches of {', '.join(sizes)}: all signatures give "
          f"the live generator's images, {f'to within {worst} grey level(s)' if worst else 'bit for bit'}; bad "
          "requests are refused.")


def _difference(name: str, outputs: dict[str, tf.Tensor], images: np.ndarray, allowed: int) -> int:
    """Returns by how many grey levels a signature's one output differs from the live images."""
    ((key, served),) = outputs.items()
    if served.dtype == tf.string:
        served = tf.stack([tf.io.decode_png(png) for png in served])
    served = served.numpy()
    if served.dtype != np.uint8 or served.shape != images.shape:
        sys.exit(f"{name} gives {key} {served.dtype} {[*served.shape]}, the live generator uint8 {[*images.shape]}")
    difference = np.abs(served.astype(int) - images).max()
    if difference > allowed:
        sys.exit(f"{name} differs from the live generator by up to {difference} grey levels; allowed: {allowed}")
    return int(difference)


def _check_odd_requests(name: str, serve: Callable, one: dict[str, tf.Tensor], classes: int) -> None:
    """Exits unless a signature draws nothing of no row, and refuses what it must; `one` is a good request of a row."""
    ((key, none),) = serve(**{key: value[:0] for key, value in one.items()}).items()
    if none.shape[0]:
        sys.exit(f"{name} gives {key} {[*none.shape]} of no row")
    bad = {f"{key}={value}": one | {key: tf.fill(one[key].shape, tf.cast(value, one[key].dtype))}
           for key, value in (("z", np.nan), ("z", 3e38), ("label", -1), ("label", classes)) if key in one}
    if "label" in one:
        bad |= {f"{labels} labels for {rows} rows": {
            key: tf.repeat(value, labels if key == "label" else rows, axis=0) for key, value in one.items()}
            for labels, rows in ((1, 3), (3, 1), (1, 0), (0, 1))}
    for words, request in bad.items():
        try:
            serve(**request)
        except tf.errors.InvalidArgumentError:
            continue
        sys.exit(f"{name} draws a picture of {words}")


def table(signatures: dict) -> list[str]:
    """Returns the lines of a table of signatures: name, inputs, outputs."""
    rows = [("signature", "inputs", "outputs")]
    for name, serve in sorted(signatures.items()):
        rows.append((name, _described(serve.structured_input_signature[1]), _described(serve.structured_outputs)))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"{name:{widths[0]}}  {inputs:{widths[1]}}  {outputs}" for name, inputs, outputs in rows]


def _described(specs: dict[str, tf.TensorSpec]) -> str:
    return ", ".join(f"{name} {spec.dtype.name} {[*spec.shape]}" for name, spec in sorted(specs.items(), reverse=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
