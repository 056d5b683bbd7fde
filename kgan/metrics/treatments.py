"""What was done to pictures: do generated ones look upside down, negative and so on more often than real ones?

A classifier says of each picture how likely each treatment is; real pictures show what it says where nothing was done.
"""

from typing import Any

import numpy as np

MORE = 0.1  # of all pictures, by which a treatment must be seen more often than among real ones
CHANCE = 5.0  # standard errors that the difference must pass


def numbers(seen: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """Returns the mean probability of each treatment, and which are `treated`: more frequent than among real pictures.

    `seen` and `real` are probabilities, (n, treatments) and (m, treatments). Those that are the most standard errors
    more frequent come first.
    """
    error = np.sqrt(seen.var(axis=0) / len(seen) + real.var(axis=0) / len(real))
    more = seen.mean(axis=0) - real.mean(axis=0)
    treated = np.flatnonzero((more > MORE) & (more > CHANCE * error))
    return {"treatments": seen.mean(axis=0).tolist(), "real_treatments": real.mean(axis=0).tolist(),
            "treated": treated[np.argsort(-more[treated] / np.maximum(error[treated], 1e-12))].tolist()}
