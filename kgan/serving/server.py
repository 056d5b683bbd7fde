"""A small server for trials, in place of TensorFlow Serving: `kgan serve`.

Serves the newest version in the directory, and takes up newer ones as they appear, with the paths and the JSON of
TensorFlow Serving's REST API (tensorflow.org/tfx/serving/api_rest), predict and status alone:

    GET   /v1/models/NAME
    POST  /v1/models/NAME:predict                 {"signature_name": ..., "inputs": ...}, or "instances" by rows
    POST  /v1/models/NAME/versions/N:predict

An answer's header X-Model-Version says which version gave it. Requests that a signature can't answer get 400 and
{"error": ...}. What TensorFlow Serving has besides (gRPC, batching across requests, classify and regress, labels) is
not here. One process, this machine alone: it is not meant for the open network.
"""

import asyncio
import base64
import contextlib
import gc
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import StarletteHTTPException
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from kgan.evaluation.exports import OTHERS
from kgan.runtime.errors import UserError

LARGEST_BODY = 16 * 2**20  # bytes
LARGEST_BATCH = 1024


class Version(NamedTuple):
    """A loaded SavedModel."""

    number: int
    signatures: Mapping[str, Any]
    model: Any  # keeps the variables of `signatures` alive


class Versions:
    """The newest version in a directory, kept up to date."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.current: Version | None = None

    def look(self) -> None:
        """Loads a newer version, if there is one, warms it up, and only then puts it in the place of the one before."""
        numbers = [int(entry.name) for entry in self.directory.iterdir()
                   if entry.name.isdecimal() and (entry / "saved_model.pb").is_file()]
        if not numbers or (self.current is not None and max(numbers) <= self.current.number):
            return
        model = tf.saved_model.load(str(self.directory / str(max(numbers))))
        version = Version(max(numbers), model.signatures, model)
        for signature in version.signatures.values():
            for size in (1, 64):
                signature(**{name: tf.zeros([size, *spec.shape[1:]], spec.dtype)
                             for name, spec in signature.structured_input_signature[1].items()})
        self.current = version
        gc.unfreeze()
        gc.collect()  # the version before is full of cycles
        gc.freeze()  # or every later collection looks through all of TensorFlow, a quarter of a second each

    def keep_looking(self, seconds: float) -> None:
        """Looks every so many seconds, for ever."""
        while True:
            time.sleep(seconds)
            self.try_to_look()

    def try_to_look(self) -> None:
        """Looks; says it when the newest version can't be loaded. Then the one before is served on."""
        try:
            self.look()
        except Exception as error:  # TensorFlow raises many kinds
            print(f"Can't load the newest version: {error}", file=sys.stderr, flush=True)


class RefusedError(ValueError):
    """A request that can't be answered; the message is for its sender."""


def parse(body: bytes | bytearray) -> dict[str, Any]:
    """Returns a predict request's JSON object.

    Raises:
        RefusedError: it is none, or has other fields than the API's.
    """
    def refuse(constant: str) -> None:
        raise RefusedError(f"{constant} is no JSON")

    try:
        request = json.loads(body, parse_constant=refuse)
    except RefusedError:
        raise
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the body is not JSON: {str(error) or 'nested too deeply'}") from error
    if not isinstance(request, dict):
        raise RefusedError("the body must be a JSON object with inputs or instances")
    unknown = sorted(set(request) - {"signature_name", "inputs", "instances"})
    if unknown:
        raise RefusedError(f"unknown field {unknown[0]!r}; known: signature_name, inputs, instances")
    if ("inputs" in request) == ("instances" in request):
        raise RefusedError("give one of inputs and instances")
    return request


def inputs_of(request: dict[str, Any], specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Returns a signature's inputs, checked.

    Raises:
        RefusedError: a name, type, shape, range or size is not what the signature takes.
    """
    if "inputs" in request:
        values = request["inputs"]
        if not isinstance(values, dict):
            if len(specs) > 1:
                raise RefusedError(f"inputs must be an object with {', '.join(sorted(specs))}")
            values = {next(iter(specs)): values}
    else:
        rows = request["instances"]
        if not isinstance(rows, list) or not rows:
            raise RefusedError("instances must be a list of one or more")
        rows = [row if isinstance(row, dict) else {next(iter(specs)): row} for row in rows]
        if any(row.keys() != rows[0].keys() for row in rows):
            raise RefusedError("instances must all have the same names")
        values = {name: [row[name] for row in rows] for name in rows[0]}
    if set(values) != set(specs):
        raise RefusedError(f"the inputs are {', '.join(map(ascii, sorted(values))) or 'none'}; the signature takes "
                           f"{', '.join(sorted(specs))}")
    tensors = {name: _tensor(name, values[name], spec) for name, spec in specs.items()}
    sizes = {name: int(tensor.shape[0]) for name, tensor in tensors.items()}
    if len(set(sizes.values())) > 1:
        raise RefusedError(f"the inputs differ in length: {sizes}")
    return tensors


def _tensor(name: str, value: Any, spec: tf.TensorSpec) -> tf.Tensor:
    shape = [None if size is None else int(size) for size in spec.shape]
    takes = f"{name} must be {spec.dtype.name} of shape {shape}"
    array = np.array(value, object)  # as it came: NumPy would turn a text and a number into two texts
    if array.ndim != len(shape) or array.shape[1:] != tuple(shape[1:]):
        raise RefusedError(f"{takes}; it is ragged or of shape {[*array.shape]}")
    if not 1 <= len(array) <= LARGEST_BATCH:
        raise RefusedError(f"a batch holds 1 to {LARGEST_BATCH}; {name} has {len(array)}")
    others = {type(item) for item in array.flat} - ({int} if spec.dtype.is_integer else {int, float})
    if others:
        raise RefusedError(f"{takes}; it holds a {others.pop().__name__}")
    least, most = np.array([spec.dtype.min, spec.dtype.max]).tolist()
    if min(array.flat) < least or max(array.flat) > most:
        raise RefusedError(f"{takes}; it holds a number beyond {spec.dtype.name}")
    return tf.constant(array.astype(spec.dtype.as_numpy_dtype))


def outputs_of(tensors: Mapping[str, tf.Tensor], by_rows: bool) -> dict[str, Any]:
    """Returns an answer's JSON: "outputs" by column, or "predictions" by row; one output stands without its name."""
    columns = {name: [{"b64": base64.b64encode(item).decode()} for item in tensor.numpy()]
               if tensor.dtype == tf.string else tensor.numpy().tolist() for name, tensor in tensors.items()}
    if len(columns) == 1:
        (column,) = columns.values()
        return {"predictions" if by_rows else "outputs": column}
    if by_rows:
        return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}
    return {"outputs": columns}


def create_app(versions: Versions, name: str) -> FastAPI:
    """Returns the web application for one model."""
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    workers = ThreadPoolExecutor(os.cpu_count())  # more would only wait for one another, and keep memory of their own

    @api.exception_handler(StarletteHTTPException)
    def refused(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code)

    def version_for(asked: str, number: str | None = None) -> Version:
        version = versions.current
        if asked != name:
            raise HTTPException(404, f"no model {asked!r}; there is {name!r}")
        if version is None:
            raise HTTPException(503, f"no version in {versions.directory} yet")
        if number not in (None, str(version.number)):
            raise HTTPException(404, f"version {number} is not loaded; version {version.number} is")
        return version

    @api.get("/v1/models/{model}")
    def status(model: str) -> dict[str, Any]:
        number = version_for(model).number
        return {"model_version_status": [{"version": str(number), "state": "AVAILABLE",
                                          "status": {"error_code": "OK", "error_message": ""}}]}

    async def predict(request: Request, version: Version) -> JSONResponse:
        body, length = bytearray(), int(request.headers.get("content-length", 0))
        received = 0
        try:
            async for part in request.stream():  # to its end, for a client that is still sending doesn't listen
                received += len(part)
                if max(received, length) <= LARGEST_BODY:
                    body += part
        except ClientDisconnect as error:
            raise HTTPException(400, "the client hung up within the body") from error
        if received > LARGEST_BODY:
            raise HTTPException(413, f"the body is longer than {LARGEST_BODY} bytes")
        try:
            content = await asyncio.get_running_loop().run_in_executor(workers, answer, version, body)
        except RefusedError as error:
            raise HTTPException(400, str(error)) from error
        return JSONResponse(content, headers={"X-Model-Version": str(version.number)})

    def answer(version: Version, body: bytearray) -> dict[str, Any]:
        asked = parse(body)
        signature_name = asked.get("signature_name", "serving_default")
        if not isinstance(signature_name, str) or signature_name not in version.signatures:
            raise RefusedError(f"no signature {signature_name!r}; there are {', '.join(sorted(version.signatures))}")
        signature = version.signatures[signature_name]
        try:
            outputs = signature(**inputs_of(asked, signature.structured_input_signature[1]))
        except tf.errors.InvalidArgumentError as error:  # what the graph refuses: a label that is no class
            lines = [line.strip() for line in error.message.splitlines() if " is not in " in line]
            raise RefusedError((lines or error.message.splitlines())[-1][:200]) from error
        return outputs_of(outputs, "instances" in asked)

    @api.post("/v1/models/{model}:predict")
    async def predict_newest(model: str, request: Request) -> JSONResponse:
        return await predict(request, version_for(model))

    @api.post("/v1/models/{model}/versions/{number}:predict")
    async def predict_version(model: str, number: str, request: Request) -> JSONResponse:
        return await predict(request, version_for(model, number))

    return api


def serve(directory: Path, port: int, poll_seconds: float) -> None:
    """Serves the newest version in a directory, on this machine alone, until Ctrl-C; looks for newer ones.

    Raises:
        UserError: the directory holds no versions of a SavedModel, or the port is taken.
    """
    directory = directory.resolve()
    if not directory.is_dir() or (directory / "saved_model.pb").exists():
        raise UserError(f"{str(directory)!r} is no directory of versions; kgan export WORKDIR OUT makes OUT one.")
    if (directory / "config.json").exists():
        raise UserError(f"{str(directory)!r} is a run; kgan export {directory} OUT makes what is served.")
    others = [path.name for path in directory.glob("[0-9]*/*") if path.name in OTHERS]
    if others:
        raise UserError(f"{str(directory)!r} holds {others[0]}; serve takes SavedModels, what --format=saved_model "
                        "writes.")
    with contextlib.closing(socket.socket()) as tried:
        if tried.connect_ex(("127.0.0.1", port)) == 0:
            raise UserError(f"port={port} is taken by another program; give another --port.")
    versions = Versions(directory)
    versions.try_to_look()
    threading.Thread(target=versions.keep_looking, args=(poll_seconds,), daemon=True).start()
    found = "nothing yet" if versions.current is None else f"version {versions.current.number}"
    print(f"http://127.0.0.1:{port}/v1/models/{directory.name} serves {directory} ({found}) until Ctrl-C. One process, "
          "for trials, on this machine alone.", flush=True)
    uvicorn.run(create_app(versions, directory.name), host="127.0.0.1", port=port, log_level="warning")
