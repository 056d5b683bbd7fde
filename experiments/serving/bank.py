"""What the load test asks and knows: requests with every version's answers, and the server as a process."""

import base64
import contextlib
import http.client
import io
import itertools
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

BATCHES = (1, 1, 1, 4, 16, 64)  # a client mostly asks for one
SIGNATURES = ("serving_default", "sample", "sample_png")


class Bank:
    """Valid requests, and each version's answer to each."""

    def __init__(self, latent_dim: int) -> None:
        """Makes requests of every signature, form and batch size."""
        from kgan import latent

        chosen = random.Random(0)
        self.requests: list[tuple[str, dict[str, np.ndarray], bytes]] = []
        for signature, size, by_rows in itertools.product(SIGNATURES, BATCHES, (False, True)):
            seeds = [chosen.randrange(-2**63, 2**63) for _ in range(size)]
            name = "z" if signature == "serving_default" else "seed"
            values = latent.from_seeds(seeds, latent_dim).numpy() if name == "z" else np.array(seeds)
            columns = values.tolist()
            form = {"instances": [{name: row} for row in columns] if size > 1 else columns} if by_rows else {
                "inputs": {name: columns} if size > 1 else columns}
            body = {"signature_name": signature, **form}
            self.requests.append((signature, {name: values}, json.dumps(body).encode()))
        self.answers: dict[int, list[np.ndarray]] = {}

    def learn(self, number: int, directory: Path) -> None:
        """Computes a version's answers in this process."""
        import tensorflow as tf

        model = tf.saved_model.load(str(directory))
        self.answers[number] = []
        for signature, values, _ in self.requests:
            (tensor,) = model.signatures[signature](
                **{name: tf.constant(value) for name, value in values.items()}).values()
            self.answers[number].append(pictures(tensor.numpy().tolist()))

    def right(self, number: int, index: int, answer: bytes) -> bool:
        """Tells whether a version's answer to a request is what it must be."""
        (column,) = json.loads(answer).values()
        found = pictures([base64.b64decode(item["b64"]) if isinstance(item, dict) else item for item in column])
        return np.array_equal(found, self.answers[number][index])


def pictures(column: list) -> np.ndarray:
    """Returns an output's images, (n, H, W, C), of pixels or of PNG files."""
    if isinstance(column[0], bytes):
        column = [np.asarray(Image.open(io.BytesIO(item))) for item in column]
    images = np.array(column, np.uint8)
    return images if images.ndim == 4 else images[..., None]


class Server:
    """The stand-in, as a process of its own."""

    def __init__(self, directory: Path, port: int) -> None:
        """Starts it, and waits until it answers."""
        self.port = port
        self.process = subprocess.Popen([sys.executable, "-m", "kgan", "serve", directory, f"--port={port}",
                                         "--poll_seconds=0.5"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.process.stdout.readline()
        for _ in range(100):
            time.sleep(0.1)
            with contextlib.suppress(OSError):
                if self.ask("GET", "/v1/models/model")[0] == 200 and self.process.poll() is None:
                    return
        raise RuntimeError(f"the server does not answer on port {port}; is the port taken?")

    def ask(self, method: str, path: str, body: bytes | None = None,
            connection: http.client.HTTPConnection | None = None) -> tuple[int, int | None, bytes]:
        """Returns an answer's status, version and body."""
        connection = connection or self.connect()
        connection.request(method, path, body)
        response = connection.getresponse()
        version = response.getheader("X-Model-Version")
        return response.status, None if version is None else int(version), response.read()

    def connect(self) -> http.client.HTTPConnection:
        """Opens a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def memory(self) -> int:
        """Returns the anonymous resident memory, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) // 1024
