#!/usr/bin/env bash
# ONNX Runtime 1.32.0: with its default optimizations, a Reshape that must fail passes.
#
# The target shape is computed: [n + extra, 2], of a tensor of n rows of 2. With extra = 1 the element counts differ, and
# the operator must raise, as it does at optimization level 0. The default level fuses Shape, Gather, Add and Concat into
# one constant shape, writes -1 for the one length that it does not know, and -1 fits whatever there is: the model returns
# n rows without an error. Two computed lengths are not fused.
#
# Why it matters: a graph has no other way to refuse a request (a label that is no class) than an operator that fails. Who
# checks such a graph at level 0 finds that it refuses, and deploys one that does not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

constants = [numpy_helper.from_array(np.array(value), name) for name, value in (("zero", [0]), ("two", [2]))]
nodes = [helper.make_node("Shape", ["x"], ["shape"]), helper.make_node("Gather", ["shape", "zero"], ["n"]),
         helper.make_node("Add", ["n", "extra"], ["rows"]), helper.make_node("Concat", ["rows", "two"], ["to"], axis=0),
         helper.make_node("Reshape", ["x", "to"], ["y"])]
graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2]),
                                       helper.make_tensor_value_info("extra", TensorProto.INT64, [])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
said = {}
for name, level in (("off", 0), ("default", 99)):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel(level)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    try:
        (y,) = session.run(None, {"x": np.zeros((3, 2), np.float32), "extra": np.array(1)})
        said[name] = f"returns {y.shape}"
    except Exception as error:
        said[name] = f"raises {type(error).__name__}"
print("onnxruntime", onnxruntime.__version__, said)
assert said == {"off": "raises Fail", "default": "returns (3, 2)"}, "this has changed"
PYTHON
