"""What checkpoints and Keras' files keep of networks and optimizers: the names of arrays, seeds, configurations.

`gan.STATEFUL` lists the parts of a checkpoint, `runs.checkpoints` writes it; another layout raises `FORMAT` in
`runs.directory`.
"""

import importlib
import inspect
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import keras

from kgan import augment, losses
from kgan import penalties as penalties_lib

# Of the constructor.
SCALARS = ("update", "d_steps", "g_steps", "accumulate", "ema_decay", "first_step", "fade_steps", "seed")
OBJECTS = ("generator", "discriminator", "augment")  # of the constructor, which Keras serializes
COMPILED_OBJECTS = ("g_optimizer", "d_optimizer", "penalty_decay")  # of `compile`, which Keras serializes
KERAS_OWN = ("run_eagerly", "steps_per_execution", "jit_compile")  # of `keras.Model.compile`
LEFT_OUT = ("seed_generator_state", augment.PROBABILITY)  # names of variables


def named_variables(parts: Mapping[str, Any]) -> dict[str, keras.Variable]:
    """Returns the variables of networks, optimizers and others by the names of a checkpoint's arrays: `PART/NUMBER`.

    A part that is None, or has none, gives nothing.
    """
    # Keyed by position: Keras' automatic layer names differ between processes. `variables` includes the states of
    # seed generators.
    return {f"{name}/{number:03}": variable for name, part in parts.items()
            for number, variable in enumerate(getattr(part, "variables", ()))}


def sampler(ema: bool) -> str:
    """Returns the part of a checkpoint that draws samples: the generator, or the moving average of it."""
    return "ema_generator" if ema else "generator"


def part(name: str) -> str:
    """Returns the part that an array of a checkpoint is of, by its name."""
    return name.partition("/")[0]


def save_left_out(variables: Mapping[str, keras.Variable], store: Any) -> None:
    """Writes what Keras leaves out of its files, LEFT_OUT, into a file's `store`."""
    for name, variable in _left_out(variables):
        store[name] = variable


def load_left_out(variables: Mapping[str, keras.Variable], store: Any) -> None:
    """Puts back what `save_left_out` wrote."""
    for name, variable in _left_out(variables):
        variable.assign(store[name])


def _left_out(variables: Mapping[str, keras.Variable]) -> Iterator[tuple[str, keras.Variable]]:
    return ((name.replace("/", "_"), variable) for name, variable in variables.items() if variable.name in LEFT_OUT)


class Serializable(keras.Model):
    """What a `GAN` keeps in Keras' files beside the weights of its networks: what both calls that made it took."""

    named_variables: Callable[[], dict[str, keras.Variable]]

    def save_own_variables(self, store: Any) -> None:
        """Writes the states of dropout's seeds, and others that Keras leaves out of its files."""
        save_left_out(self.named_variables(), store)

    def load_own_variables(self, store: Any) -> None:
        """Puts them back."""
        load_left_out(self.named_variables(), store)

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took. Keras reads registered augmentations back."""
        objects = {name: without_off(keras.saving.serialize_keras_object(getattr(self, name)))
                   for name in OBJECTS}
        return {"name": self.name, **objects, **{name: getattr(self, name) for name in SCALARS}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Returns a GAN of that configuration, with weights of its own until a file's are loaded."""
        return cls(**config | {name: keras.saving.deserialize_keras_object(config[name], custom_objects)
                               for name in OBJECTS})

    def get_compile_config(self) -> dict[str, Any]:
        """Returns what `compile` took: losses and penalties by name, optimizers and schedules as Keras keeps them.

        Raises:
            UserError: the loss, or a penalty, is not one of kgan's.
        """
        if not self.compiled:
            return {}
        own = super().get_compile_config()
        return {"loss": losses.name_of(self.adversarial_loss), "penalties": penalties_lib.settings(self.penalties),
                "d_loss_weight": self.d_loss_weight, "label_smoothing": self.adversarial_loss.label_smoothing,
                **{name: keras.saving.serialize_keras_object(getattr(self, name)) for name in COMPILED_OBJECTS},
                **{name: own[name] for name in KERAS_OWN}}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as `get_compile_config` says."""
        objects = {name: keras.saving.deserialize_keras_object(config[name]) for name in COMPILED_OBJECTS}
        self.compile(**config | objects | {"penalties": penalties_lib.from_settings(config["penalties"])})


def write(model: keras.Model, file: Path) -> None:
    """Writes a .keras file that Kerases older than this one open too: its config.json leaves out what is off."""
    model.save(file)
    with zipfile.ZipFile(file) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents["config.json"] = json.dumps(without_off(json.loads(contents["config.json"]))).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def without_off(config: Any) -> Any:
    """Returns a Keras configuration without the settings of Keras' and kgan's classes that switch something off.

    Each Keras has more settings than the one before, writes all of them, and refuses those that it does not know, as
    BatchNormalization's `renorm` of 3.14. A setting goes if it is None or False and its default is the same; so do
    those of what is off, as `renorm_momentum`. Others stay, also at their defaults: another Keras may have others.
    """
    if isinstance(config, list | tuple):
        return [without_off(part) for part in config]
    if not isinstance(config, dict):
        return config
    kept = {key: without_off(value) for key, value in config.items()}
    usual = {name for name, default in _defaults(config).items() if kept["config"].get(name, default) == default}
    off = {name for name in usual if kept["config"].get(name) is None or kept["config"][name] is False}
    gone = off | {name for name in usual if any(name.startswith(f"{one}_") for one in off)}
    if gone:
        kept["config"] = {key: value for key, value in kept["config"].items() if key not in gone}
    return kept


def _defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the defaults of the constructor of what is configured, by name; nothing where it is another's."""
    module, name = config.get("module"), config.get("class_name")
    if not isinstance(config.get("config"), dict) or not str(module).startswith(("keras.", "kgan.")):
        return {}
    parameters = inspect.signature(getattr(importlib.import_module(str(module)), str(name))).parameters
    return {one.name: one.default for one in parameters.values() if one.default is not one.empty}
