"""An export behind BentoML, a server that is not ours, with the paths of TensorFlow Serving's REST API.

    pip install bentoml tensorflow
    KGAN_EXPORT=export/digits bentoml serve bento:Generator --port=8601     # in this directory

Loads the newest version once, with TensorFlow alone. BentoML reads the JSON, checks its fields, keeps workers and
queues.
"""

import base64
import os
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import tensorflow as tf
from bentoml.exceptions import InvalidArgument

NAME = Path(os.environ["KGAN_EXPORT"]).resolve().name


@bentoml.service(workers=1, traffic={"timeout": 60})
class Generator:
    """The signatures of the newest version."""

    def __init__(self) -> None:
        directory = Path(os.environ["KGAN_EXPORT"]).resolve()
        self.number = max(int(one.name) for one in directory.iterdir() if one.name.isdecimal())
        self.model = tf.saved_model.load(str(directory / str(self.number)))

    @bentoml.api(route=f"/v1/models/{NAME}:predict")
    def predict(self, inputs: Any = None, instances: Any = None, signature_name: str = "serving_default",
                ctx: bentoml.Context = None) -> dict:
        """Answers a predict request, by columns or by rows."""
        if (inputs is None) == (instances is None):
            raise InvalidArgument("give one of inputs and instances")
        if signature_name not in self.model.signatures:
            raise InvalidArgument(f"no signature {signature_name!r}")
        signature = self.model.signatures[signature_name]
        specs = signature.structured_input_signature[1]
        try:
            values = inputs if inputs is not None else _columns(instances, specs)
            values = values if isinstance(values, dict) else {next(iter(specs)): values}
            drawn = signature(**{name: tf.constant(np.array(value), specs[name].dtype)
                                 for name, value in values.items()})
        except Exception as error:  # of TensorFlow, NumPy and Python: the request is not what the signature takes
            raise InvalidArgument(str(error).splitlines()[0][:200]) from error
        ((_, tensor),) = drawn.items()
        rows = ([{"b64": base64.b64encode(one).decode()} for one in tensor.numpy()] if tensor.dtype == tf.string else
                tensor.numpy().tolist())
        ctx.response.headers["X-Model-Version"] = str(self.number)
        return {"outputs" if inputs is not None else "predictions": rows}


def _columns(instances: list, specs: dict) -> dict:
    rows = [row if isinstance(row, dict) else {next(iter(specs)): row} for row in instances]
    return {name: [row[name] for row in rows] for name in rows[0]}
