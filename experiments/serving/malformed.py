"""Predict requests that a server of an exported generator must refuse."""

import json


def broken(latent_dim: int) -> list[tuple[str, bytes, int]]:
    """Returns what must be refused: path, body, status."""
    predict = "/v1/models/model:predict"
    z = [[0.0] * latent_dim]
    bodies = [b"", b"{", b"null", b"[1, 2]", b"\xff\xfe", b"[" * 100_000, b'{"inputs": {"seed": [1]}}', *(
        json.dumps(body).encode() for body in (
            {}, {"inputs": z, "instances": z}, {"inputs": z, "color": 1}, {"inputs": z, "signature_name": "train"},
            {"inputs": z, "signature_name": 3}, {"inputs": []}, {"inputs": [0.0] * latent_dim}, {"inputs": [[0.0]]},
            {"inputs": [[0.0] * (latent_dim + 1)]}, {"inputs": [*z, [0.0]]}, {"inputs": [["0"] * latent_dim]},
            {"inputs": [[None] * latent_dim]}, {"inputs": [[float("nan")] * latent_dim]},
            {"inputs": [[1e39] * latent_dim]}, {"inputs": z * 1025}, {"inputs": {"z": z, "seed": [1]}},
            {"instances": []}, {"instances": {"seed": 1}}, {"instances": [{"z": z[0]}, {}]}, *(
                {"signature_name": "sample", "inputs": {"seed": seed}} for seed in (
                    1, "1", [], [1.5], [True], ["1"], [None], [[1]], [2**63], [-2**63 - 1], [10**400], [1, "a"],
                    {"a": 1})),
        ))]
    cases = [(predict, body, 400) for body in bodies]
    cases += [("/v1/models/other:predict", b"{}", 404), ("/v1/models/model/versions/999:predict", b"{}", 404),
              ("/v1/models/model/versions/x:predict", b"{}", 404), ("/v1/models/model:classify", b"{}", 405),
              ("/", b"{}", 404), ("/v1/models/model", b"{}", 405), (predict, b" " * (2**24 + 1), 413)]
    return cases
