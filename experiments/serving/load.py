"""The stand-in server under load: right answers, refusals, version swaps, memory; and what a picture costs.

    pip install -e '.[serving,onnx]'
    python experiments/serving/load.py --out=experiments/results/serving

Exports untrained generators of --model, differing in their seed, so that every version answers otherwise. First,
without load, images/s of the live generator's forward pass, the SavedModel's signatures, ONNX Runtime and one HTTP
client, in turns. Then --clients clients send --requests valid requests, of mixed signatures, forms and batch sizes, and
--malformed broken ones; and all of it again while --swaps newer versions appear one after the other. Every answer is
compared with what the version that it names makes of the request in this process: it must be the same bits. Writes
load.json and load.md.
"""

import gc
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from bank import BATCHES, SIGNATURES, Bank, Server
from malformed import broken

from kgan.runtime import files, machine, templates

MODEL = flags.DEFINE_string("model", "dcgan", "Networks to serve.")
CLIENTS = flags.DEFINE_integer("clients", 8, "Clients at once.")
REQUESTS = flags.DEFINE_integer("requests", 10_000, "Valid requests.")
MALFORMED = flags.DEFINE_integer("malformed", 200, "Broken requests.")
SWAPS = flags.DEFINE_integer("swaps", 20, "Versions that appear under load.")
PORT = flags.DEFINE_integer("port", 8601, "The server's port.")
OUT = flags.DEFINE_string("out", None, "Directory for load.json and load.md.")

PART = 0.2  # of the run over which a memory reading is the median; the first such part is for warming up


def main(_: list[str]) -> int:
    """Measures, prints and writes; returns 1 when an answer was wrong."""
    machine.import_tensorflow()
    from kgan import models
    from kgan.serving import export, onnx, saved_model

    with tempfile.TemporaryDirectory() as temporary:
        served, waiting = Path(temporary, "model"), Path(temporary, "waiting")
        saved_model.verify = lambda *_: ""  # a minute of it; `kgan export` does it, and every answer is compared here
        recipe = models.recipe(MODEL.value)
        bank = Bank(recipe.latent_dim)
        for number in range(1, SWAPS.value + 2):
            generator, _ = models.build(recipe.override(seed=number))
            bank.learn(number, export.export(generator, waiting).version)
        served.mkdir()
        (waiting / "1").rename(served / "1")
        onnx.write(models.build(recipe.override(seed=1))[0], Path(temporary))
        server = Server(served, PORT.value)
        try:
            result = {"model": MODEL.value, "quiet": quiet(server, served / "1", Path(temporary), recipe),
                      "steady": storm(server, bank, broken(recipe.latent_dim), {}),
                      "load": storm(server, bank, broken(recipe.latent_dim), {
                          waiting / str(number): served / str(number) for number in range(2, SWAPS.value + 2)})}
        finally:
            server.process.terminate()
    result |= {"command": " ".join(["python", "experiments/serving/load.py", *sys.argv[1:]]),
               "versions": machine.versions()}
    text = templates.markdown(Path(__file__).with_suffix(".jinja"), **result, share=PART, in_words=machine.in_words)
    print(text)
    if OUT.value:
        files.write_json(Path(OUT.value, "load.json"), result)
        files.write_text(Path(OUT.value, "load.md"), text)
    troubles = [result[part][name] for part in ("steady", "load") for name in (
        "wrong", "malformed_not_refused", "went_back")]
    return int(any(troubles))


def quiet(server: Server, version: Path, onnx: Path, recipe: Any) -> list[dict[str, Any]]:
    """Measures without load: for each batch size, seconds a call, in turns; returns a row for each way."""
    import onnxruntime
    import tensorflow as tf

    from kgan import latent, models
    from kgan.serving import saved_model

    generator, _ = models.build(recipe.override(seed=1))
    forward = tf.function(lambda z: saved_model.paint(generator, z))
    signatures = tf.saved_model.load(str(version)).signatures
    session = onnxruntime.InferenceSession(onnx / "model.onnx", providers=["CPUExecutionProvider"])
    connection = server.connect()
    rows = []
    for size in sorted(set(BATCHES)):
        seeds = tf.range(size, dtype=tf.int64)
        z = latent.from_seeds(seeds, recipe.latent_dim)
        z_numpy = z.numpy()

        def post(signature: str, size: int = size) -> None:
            body = json.dumps({"signature_name": signature, "inputs": {"seed": list(range(size))}}).encode()
            status, _, _ = server.ask("POST", "/v1/models/model:predict", body, connection)
            assert status == 200

        ways = {"forward pass": lambda z=z: forward(z).numpy(),
                "ONNX Runtime": lambda z=z_numpy: session.run(None, {"z": z}),
                "serving_default": lambda z=z: signatures["serving_default"](z=z)["images"].numpy(),
                "sample": lambda seeds=seeds: signatures["sample"](seed=seeds)["images"].numpy(),
                "sample_png": lambda seeds=seeds: signatures["sample_png"](seed=seeds)["image_bytes"].numpy(),
                "HTTP sample": lambda: post("sample"), "HTTP sample_png": lambda: post("sample_png")}
        taken: dict[str, list[float]] = {name: [] for name in ways}
        order = random.Random(size)
        for turn in range(120):
            for name, call in order.sample(sorted(ways.items()), len(ways)):  # each feels what ran before it
                time.sleep(0.03)  # ONNX Runtime's threads spin for a while after a call
                began = time.perf_counter()
                call()
                if turn >= 20:  # after warming up
                    taken[name].append(time.perf_counter() - began)
        bare = statistics.median(taken["forward pass"])
        for name, seconds in taken.items():
            rows.append({"way": name, "batch": size, **percentiles(seconds),
                         "images_per_second": size / statistics.median(seconds),
                         "over_forward": bare / statistics.median(seconds)})
    return rows


def storm(server: Server, bank: Bank, cases: list[tuple[str, bytes, int]], swaps: dict[Path, Path]) -> dict[str, Any]:
    """Sends all requests, moves versions into place underneath, and returns what came back."""
    jobs: list[tuple] = [("valid", number % len(bank.requests)) for number in range(REQUESTS.value)]
    jobs += [("broken", number % len(cases)) for number in range(MALFORMED.value)]
    random.Random(1).shuffle(jobs)
    queue, lock = iter(jobs), threading.Lock()
    done: list[dict[str, Any]] = []
    went_back = []

    def client() -> None:
        connection, newest = server.connect(), 0
        while (job := taken()) is not None:
            began = time.perf_counter()
            try:
                row = valid(job[1], connection) if job[0] == "valid" else refused(job[1], connection)
            except Exception as error:  # a request without an answer is a wrong one
                row = {"signature": job[0], "batch": 0, "status": type(error).__name__, "fine": False, "version": None}
                connection = server.connect()
            with lock:
                done.append({"seconds": time.perf_counter() - began, **row})
                if row["version"] is not None and row["version"] < newest:
                    went_back.append(row["version"])
                newest = max(newest, row["version"] or 0)

    def taken() -> tuple | None:
        with lock:
            return next(queue, None)

    def valid(index: int, connection: Any) -> dict[str, Any]:
        signature, values, body = bank.requests[index]
        (value,) = values.values()
        began = time.perf_counter()
        status, version, answer = server.ask("POST", "/v1/models/model:predict", body, connection)
        return {"seconds": time.perf_counter() - began, "signature": signature, "batch": len(value), "status": status,
                "version": version, "fine": status == 200 and bank.right(version, index, answer)}

    def refused(index: int, connection: Any) -> dict[str, Any]:
        path, body, expected = cases[index]
        status, _, answer = server.ask("POST", path, body, connection)
        fine = status == expected and len(json.loads(answer)["error"]) > 5
        if not fine:
            print("Not refused as it should be:", path, body[:80], status, answer[:200], file=sys.stderr)
        return {"signature": "broken", "batch": 0, "status": status, "version": None, "fine": fine}

    def swap() -> None:
        for number, (waiting, served) in enumerate(swaps.items()):
            while len(done) < len(jobs) * (number + 1) / (len(swaps) + 2):
                time.sleep(0.05)
            waiting.rename(served)

    gc.freeze()  # collections that look through all of TensorFlow would stop the clients, a quarter of a second each
    memory: list[tuple[float, int]] = []
    threads = [threading.Thread(target=client) for _ in range(CLIENTS.value)]
    swapper = threading.Thread(target=swap)
    began = time.perf_counter()
    for thread in (*threads, swapper):
        thread.start()
    while any(thread.is_alive() for thread in threads):
        memory.append((len(done) / len(jobs), server.memory()))
        time.sleep(0.2)
    seconds = time.perf_counter() - began
    swapper.join()
    first, last = (statistics.median(read for done_by_then, read in memory if low <= done_by_then <= low + PART)
                   for low in (PART, 1 - PART))
    answered = [one for one in done if one["signature"] != "broken"]
    per_kind = []
    for signature, size in itertools.product(SIGNATURES, sorted(set(BATCHES))):
        some = [one["seconds"] for one in answered if (one["signature"], one["batch"]) == (signature, size)]
        per_kind.append({"signature": signature, "batch": size, "requests": len(some), **percentiles(some)})
    return {"clients": CLIENTS.value, "seconds": seconds, "valid": len(answered),
            "wrong": sum(not one["fine"] for one in answered),
            "malformed": len(done) - len(answered),
            "malformed_not_refused": sum(not one["fine"] for one in done if one["signature"] == "broken"),
            "statuses": dict(sorted(Counter(str(one["status"]) for one in done).items())),
            "swaps": len(swaps), "versions_seen": sorted({one["version"] or 0 for one in answered}),
            "went_back": len(went_back), "images_per_second": sum(one["batch"] for one in answered) / seconds,
            "requests_per_second": len(done) / seconds,
            "memory_mb": {"first": first, "last": last, "peak": max(read for _, read in memory)},
            "memory_growth": last / first - 1, "latency": per_kind}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Returns the median and the 99th percentile, in milliseconds."""
    return {"p50_ms": 1e3 * float(np.percentile(seconds, 50)), "p99_ms": 1e3 * float(np.percentile(seconds, 99))}


if __name__ == "__main__":
    app.run(main)
