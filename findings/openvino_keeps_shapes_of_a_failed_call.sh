#!/usr/bin/env bash
# OpenVINO 2026.4.1: after a call that is refused, good calls of the size before are refused too.
#
# A model joins two inputs of n rows. Called with 3 and 3 rows it answers; with 2 and 1 it raises, rightly; called again with
# 3 and 3 it raises as well, in new infer requests too, until a call of another size has gone through. The node behind the
# second input keeps the shape that it had in the call that failed, for the first input's shape is that of the last good call.
#
# Why it matters: one client's broken request lets a server refuse other clients' good ones.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q openvino==2026.4.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import openvino as ov
from openvino import opset13 as ops

z = ops.parameter([-1, 4], np.float32, name="z")
label = ops.parameter([-1], np.int32, name="label")
told = ops.gather(ops.constant(np.eye(4, dtype=np.float32)), label, ops.constant(np.int32(0)))
compiled = ov.Core().compile_model(ov.Model([ops.concat([z, told], 1)], [z, label]), "CPU")


def call(rows, labels):
    try:
        compiled.create_infer_request().infer([np.zeros((rows, 4), np.float32), np.zeros(labels, np.int32)])
    except RuntimeError:
        return "raises"
    return "answers"


seen = {"3, 3": call(3, 3), "2, 1": call(2, 1), "3, 3 again": call(3, 3), "3, 3 once more": call(3, 3),
        "5, 5": call(5, 5), "3, 3 after that": call(3, 3)}
print("openvino", ov.__version__, seen)
assert [*seen.values()] == ["answers", "raises", "raises", "raises", "answers", "answers"], "this has changed"
PYTHON
