"""Exports for ever: the victim of the export kill test. Prints READY, then each version once it is there."""

import sys
from pathlib import Path

from kgan import models
from kgan.runtime import machine

machine.import_tensorflow()

from kgan.serving import export, saved_model


def main():
    out, verified = Path(sys.argv[1]), sys.argv[2] == "verified"
    if not verified:
        saved_model.verify = lambda *_: "not verified\n"
    generator = models.build_generator(models.recipe("dcgan"))
    print("READY", flush=True)
    while True:
        print(export.export(generator, out, describe=str.upper).version.name, flush=True)


if __name__ == "__main__":
    main()
