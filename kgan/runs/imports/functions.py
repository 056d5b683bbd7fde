"""What a .keras file says of the function that its network computes, beside its weights.

Weights also fit into a network of the same shapes and another function. So the file's config.json is compared, by which
no code runs. Those of tf-keras and of other Kerases are read as Keras writes its own today.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras

from kgan.runtime.errors import UserError

PASSING = ("InputLayer", "Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "Identity", "Reshape",
           "Flatten")  # layers that hand values on when a generator draws
# Settings that matter in training alone, or that the shapes of weights tell.
IDLE = ("activation", "axis", "batch_", "dtype", "input_length", "mask_zero", "momentum", "name", "quantization_config",
        "renorm", "seed", "synchronized", "trainable")
IDLE_ENDS = ("_constraint", "_initializer", "_regularizer")
RANGES = {"tanh": "-1 to 1", "hard_tanh": "-1 to 1", "sigmoid": "0 to 1", "hard_sigmoid": "0 to 1"}
OWN = "kgan's own layer"  # whatever it is called: names of kgan's may change
SHOWN = 4  # differences in a sentence


class Step(NamedTuple):
    """A layer, or the activation in one."""

    kind: str
    settings: dict[str, Any]
    after: tuple[str, ...]  # kinds of the steps before


def check_same(file: Path, generator: keras.Model) -> None:
    """Raises UserError when the network in a .keras file computes another function than `generator`.

    Their weights are of the same shapes, which is not looked at.
    """
    ours = json.loads(json.dumps(keras.saving.serialize_keras_object(generator)))
    try:
        with zipfile.ZipFile(file) as archive:
            unlike = differences(json.loads(archive.read("config.json")), ours)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{str(file)!r} can't be loaded (its config.json is none of a network's: {error!r}); bring it "
                        "back from a copy.") from error
    if unlike:
        more = f" and {len(unlike) - SHOWN} more" if len(unlike) > SHOWN else ""
        raise UserError(f"{str(file)!r} holds a generator of these shapes and of another function: "
                        f"{'; '.join(unlike[:SHOWN])}{more}; choose the model that it is of.")


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Returns in which ways the functions of two networks differ, by their configurations; a phrase each."""
    networks = steps(theirs), steps(ours)
    ends = [_end(network) for network in networks]
    phrases = [f"its images are {ends[0]}, not {ends[1]}"] if ends[0] != ends[1] else []
    for kind in dict.fromkeys(step.kind for network in networks for step in network):
        a, b = ([step for step in network if step.kind == kind] for network in networks)
        if len(a) != len(b):
            phrases.append(f"{len(a)} times {kind}, not {len(b)}")
            continue
        for step, own in zip(a, b, strict=True):
            keys = [key for key in step.settings if step.settings[key] != own.settings.get(key, step.settings[key])
                    and not (kind == "activation" and step is networks[0][-1])]  # `_end` has named it
            phrases += [f"{kind}'s {key} {step.settings[key]}, not {own.settings[key]}" for key in keys]
            if step.after != own.after:
                phrases.append(f"{kind} after {' and '.join(step.after)}, not after {' and '.join(own.after)}")
    return list(dict.fromkeys(phrases))


def steps(network: Mapping[str, Any]) -> list[Step]:
    """Returns the steps of a network, given its configuration, in the order of its layers."""
    sequence: list[Step] = []
    ends: dict[str, tuple[str, ...]] = {}  # kinds of the steps whose values a layer hands on, by its name
    after: tuple[str, ...] = ()
    for layer in _layers(network):
        if sources := list(_sources(layer.get("inbound_nodes"))):
            after = tuple(sorted({kind for source in sources for kind in ends.get(source, ())}))
        for kind, settings in _parts(layer):
            sequence.append(Step(kind, settings, after))
            after = (kind,)
        ends[layer["config"]["name"]] = after
    return sequence


def _layers(network: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yields the layers of a network. A network in it stands as its layers, then as one that hands their values on."""
    for layer in network["config"]["layers"]:
        if "layers" in layer["config"]:
            yield from _layers(layer)
            yield {**layer, "class_name": "Identity", "inbound_nodes": []}
        else:
            yield layer


def _sources(nodes: Any) -> Iterator[str]:
    """Yields the names in lists as ["dense", 0, 0], which tell where a layer's inputs come from in every Keras."""
    if isinstance(nodes, dict):
        nodes = list(nodes.values())
    if not isinstance(nodes, list):
        return
    if len(nodes) > 2 and [type(part) for part in nodes[:3]] == [str, int, int]:
        yield nodes[0]
    for node in nodes:
        yield from _sources(node)


def _parts(layer: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Returns what a layer does: its kind and settings, and an activation by itself."""
    name, config = layer["class_name"], layer["config"]
    own = str(layer.get("registered_name")).startswith("kgan>") and not hasattr(keras.layers, name)
    if name in PASSING:
        return []
    if name in ("Activation", "ReLU", "LeakyReLU"):
        parts = []
    else:
        settings = {key: _value(value) for key, value in config.items()
                    if not key.startswith(IDLE) and not key.endswith(IDLE_ENDS)}
        parts = [(OWN if own else name, settings)]
    function = _activation(layer if name in ("ReLU", "LeakyReLU") else config.get("activation"))
    return parts if function == "linear" else [*parts, ("activation", {"function": function})]


def _activation(activation: Any) -> str:
    """Returns what an activation is called, with its slope: of a name, or of the configuration of a layer."""
    if activation is None or isinstance(activation, str):
        return {None: "linear", "leaky_relu": "leaky_relu(0.2)"}.get(activation, activation) or "linear"
    name, config = activation["class_name"], activation["config"]
    if name == "function":
        return _activation(config)
    if name not in ("ReLU", "LeakyReLU"):
        return f"{name}({json.dumps(config, sort_keys=True)})"
    slope = config.get("negative_slope", config.get("alpha", 0.0)) or 0.0
    limits = {key: config[key] for key in ("max_value", "threshold") if config.get(key)}
    return (f"leaky_relu({_value(slope):g})" if slope else "relu") + (f" {limits}" if limits else "")


def _value(value: Any) -> Any:
    """Returns a setting such that equal ones are equal: float32's digits, and lists of one for their element."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list) and len(value) == 1:
        return _value(value[0])
    return value


def _end(network: list[Step]) -> str:
    last = network[-1] if network else None
    function = last.settings["function"] if last and last.kind == "activation" else "linear, without bounds"
    return f"{function} ({RANGES[function]})" if function in RANGES else function
