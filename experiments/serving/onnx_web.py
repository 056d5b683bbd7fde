"""Does ONNX Runtime Web, in headless Chromium, draw the pictures of an ONNX export? Of z, and of seeds.

    npm pack onnxruntime-web@1.30.0 && tar xzf onnxruntime-web-1.30.0.tgz
    python experiments/serving/onnx_web.py --runtime=package/dist --out=experiments/results/parity

Exports each of --rows (all presets), serves it beside the runtime from this process, and compares 256 pictures in one
batch; then times 20 single pictures. WebAssembly, one thread.
"""

import functools
import http.server
import json
import shutil
import tempfile
import threading
from pathlib import Path

import numpy as np
from absl import app, flags
from parity import COUNT, OUT, ROWS, network

from kgan.runtime import files, machine

RUNTIME = flags.DEFINE_string("runtime", None, "Folder with ort.wasm.min.mjs and its .wasm files.", required=True)
PRESETS = ("mnist", "digits", "cifar10", "pictures", "zhao", "pca")
DRAW = """async ({ file, z, seed, label, latent, count }) => {
  const ort = await import("/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/";
  const session = await ort.InferenceSession.create("/" + file);
  const feeds = (from, to) => ({
    ...(file === "model.onnx" ? { z: new ort.Tensor("float32", Float32Array.from(z.slice(from * latent, to * latent)),
      [to - from, latent]) } : { seed: new ort.Tensor("int64", BigInt64Array.from(seed.slice(from, to).map(BigInt)),
      [to - from]) }),
    ...(label ? { label: new ort.Tensor("int32", Int32Array.from(label.slice(from, to)), [to - from]) } : {}) });
  const { images } = await session.run(feeds(0, count));
  const times = [];
  for (let i = 0; i < 25; i++) {
    const began = performance.now();
    await session.run(feeds(i, i + 1));
    times.push(performance.now() - began);
  }
  let refused = !label;
  if (label) {
    try { label[0] = -1; await session.run(feeds(0, 1)); } catch { refused = true; }
  }
  return { images: Array.from(images.data), times: times.slice(5).sort((a, b) => a - b), refused };
}"""


def main(_: list[str]) -> None:
    """Draws every row in the browser."""
    machine.import_tensorflow()
    from playwright.sync_api import sync_playwright

    from kgan import kernels
    from kgan.serving import onnx, saved_model

    found = {}
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        for file in Path(RUNTIME.value).iterdir():
            if file.suffix in (".mjs", ".wasm"):
                shutil.copy(file, temporary)
        (Path(temporary) / "index.html").write_text("<!doctype html><title>x</title>")
        handler = functools.partial(Quiet, directory=temporary)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for row in ROWS.value or [f"preset:{name}" for name in PRESETS]:
            generator = kernels.plain(network(row), dtype="float32")
            onnx.write(generator, Path(temporary))
            given = saved_model.samples(generator, COUNT)
            for file in onnx.OPSETS:
                shown = browser.new_page()
                shown.goto(f"http://127.0.0.1:{server.server_port}/index.html")
                made = shown.evaluate(DRAW, {
                    "file": file, "z": given["z"].ravel().tolist(), "seed": [str(one) for one in given["seed"]],
                    "label": given["label"].tolist() if "label" in given else None, "latent": given["z"].shape[1],
                    "count": COUNT})
                drawn = np.array(made["images"], int).reshape(given["images"].shape)
                found[f"{row}, {file}"] = {
                    "grey_levels": int(np.abs(drawn - given["images"]).max()), "refuses": made["refused"],
                    "milliseconds": round(made["times"][len(made["times"]) // 2], 2)}
                print(row, file, found[f"{row}, {file}"], flush=True)
                shown.close()
        version = browser.version
        browser.close()
        server.shutdown()
    files.write_json(Path(OUT.value) / "onnx_web.json", {
        "rows": found, "chromium": version, "onnxruntime-web": json.loads(
            (Path(RUNTIME.value).parent / "package.json").read_text())["version"], "versions": machine.versions()})


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files, without a line for each."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    app.run(main)
