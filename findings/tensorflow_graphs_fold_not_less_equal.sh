#!/usr/bin/env bash
# TensorFlow 2.21.0: inside tf.function not (x <= a) becomes x > a, and NaN changes sides.
#
# Run eagerly, `tf.logical_not(x <= 1)` is true of NaN, for no comparison holds of it. In a graph the two operations are
# folded into Greater, which is false of NaN: the same lines give another answer. LiteRT's converter folds likewise.
#
# Why it matters: "not within the limits" is a guard against NaN that passes every eager test, and lets NaN through in the
# graph that is exported.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tensorflow==2.21.0 ai-edge-litert==2.3.0
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - 2> /dev/null <<'PYTHON'
import ai_edge_litert
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def beyond(x):
    return tf.logical_not(x <= 1.0)


x = np.array([0.0, 2.0, np.nan], np.float32)
graph = tf.function(beyond, input_signature=[tf.TensorSpec([3], tf.float32)])
converted = tf.lite.TFLiteConverter.from_concrete_functions([graph.get_concrete_function()], tf.Module()).convert()
interpreter = Interpreter(model_content=converted)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
interpreter.invoke()
seen = {"eager": beyond(tf.constant(x)).numpy().tolist(), "graph": graph(tf.constant(x)).numpy().tolist(),
        "LiteRT": interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist()}
print("tensorflow", tf.__version__, "ai-edge-litert", ai_edge_litert.__version__, seen, flush=True)
assert seen == {"eager": [False, True, True], "graph": [False, True, False], "LiteRT": [False, True, False]}
PYTHON
