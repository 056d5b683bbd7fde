"""What Keras' files and kgan's checkpoints keep of a GAN: how it was made and compiled, and what training changes."""

import importlib
import inspect
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kgan import losses, penalties

NETWORKS = ("generator", "discriminator")
SCALARS = ("update", "d_steps", "g_steps", "ema_decay", "first_step", "fade_steps", "seed")
KERAS_OWN = ("run_eagerly", "steps_per_execution", "jit_compile")  # of `keras.Model.compile`


class Saved(keras.Model):
    """The part of `GAN` that is written and read back; `GAN` says what its attributes mean.

    Example::

        gan.save("gan.keras")
        gan = keras.saving.load_model("gan.keras")  # once kgan.GAN is imported; goes on training, with the same bits
    """

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the arrays in `state`, by name."""
        return {name: tuple(variable.shape) for name, variable in self.named_variables().items()}

    def state(self) -> dict[str, np.ndarray]:
        """Returns everything that training changes: weights, statistics, slots, step, average and dropout's seeds."""
        return {name: keras.ops.convert_to_numpy(variable) for name, variable in self.named_variables().items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Puts back what `state` gave."""
        for name, variable in self.named_variables().items():
            variable.assign(state[name])

    def named_variables(self) -> dict[str, keras.Variable]:
        """Returns the variables whose values `state` gives, by the same names."""
        parts = ("generator", "discriminator", "g_optimizer", "d_optimizer", "ema_generator")
        # Keyed by position: Keras' automatic layer names differ between processes. `variables` includes the states of
        # seed generators.
        return {f"{part}/{number:03}": variable for part in parts if getattr(self, part, None) is not None
                for number, variable in enumerate(getattr(self, part).variables)}

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Leaves out what Keras does before `fit` under a strategy: all is built, and between workers it fails."""

    def save_own_variables(self, store: Any) -> None:
        """Writes the states of dropout's seeds, which Keras leaves out of its files."""
        for name, seed in self._seeds().items():
            store[name] = seed

    def load_own_variables(self, store: Any) -> None:
        """Puts them back."""
        for name, seed in self._seeds().items():
            seed.assign(store[name])

    def _seeds(self) -> dict[str, keras.Variable]:
        return {name.replace("/", "_"): variable for name, variable in self.named_variables().items()
                if variable.name == "seed_generator_state"}

    def get_config(self) -> dict[str, Any]:
        """Returns what the constructor took. Keras reads augmentations of one's own back if they are registered."""
        parts = {name: without_off(keras.saving.serialize_keras_object(getattr(self, name)))
                 for name in (*NETWORKS, "augment")}
        return {"name": self.name, **parts, **{name: getattr(self, name) for name in SCALARS}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> "Saved":
        """Returns a GAN of that configuration, with weights of its own until a file's are loaded."""
        parts = {name: keras.saving.deserialize_keras_object(config[name], custom_objects)
                 for name in (*NETWORKS, "augment")}
        return cls(**config | parts)

    def get_compile_config(self) -> dict[str, Any]:
        """Returns what `compile` took: losses and penalties by name, optimizers and schedules as Keras keeps them.

        Raises:
            UserError: the loss, or a penalty, is not one of kgan's.
        """
        if not self.compiled:
            return {}
        kept = {name: keras.saving.serialize_keras_object(getattr(self, name))
                for name in ("g_optimizer", "d_optimizer", "penalty_decay")}
        own = super().get_compile_config()
        return {"loss": losses.name_of(self.adversarial_loss), "penalties": penalties.settings(self.penalties),
                "d_loss_weight": self.d_loss_weight, "label_smoothing": self.adversarial_loss.label_smoothing, **kept,
                **{name: own[name] for name in KERAS_OWN}}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as `get_compile_config` says."""
        kept = {name: keras.saving.deserialize_keras_object(config[name])
                for name in ("g_optimizer", "d_optimizer", "penalty_decay")}
        self.compile(**config | kept | {"penalties": penalties.from_settings(config["penalties"])})


def write(model: keras.Model, file: Path) -> None:
    """Writes a .keras file that Kerases older than this one open too: its config.json says nothing of what is off."""
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
        return [without_off(one) for one in config]
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
