"""Run by test_workers: `kgan train`, and at the end the digest of what this worker's networks have become."""

import hashlib
import sys

from kgan.commands import flags, train
from kgan.runtime import machine

machine.import_tensorflow()

import numpy as np

from kgan.runs import loop


def digested(fit_phases):
    def fitted(training, callbacks):
        fit_phases(training, callbacks)
        state = training.gan.state()
        assert all(np.isfinite(values).all() for values in state.values())
        digest = hashlib.sha256(b"".join(state[name].tobytes() for name in sorted(state))).hexdigest()
        print(f"step {training.step} weights {digest}", file=sys.stderr, flush=True)

    return fitted


loop.Training.fit_phases = digested(loop.Training.fit_phases)
flags.launch(train.main, train.FLAGS, headings=train.HEADINGS)
