"""Export a trained generator as a SavedModel.

    python -m kgan.export runs/digits export/digits

Writes the next free version, OUT/1 first. Its signature `serving_default` maps z, float32 (n, latent_dim), drawn
from N(0, 1), to images, uint8 (n, height, width, channels). It needs TensorFlow alone to load.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgan import cli, files
from kgan.errors import UserError

if TYPE_CHECKING:
    import keras


def main(arguments: Sequence[str]) -> None:
    """Exports the run directory named by the first argument to the directory named by the second."""
    with cli.one_sentence():
        if len(arguments) != 2:
            raise UserError("give a run directory and an output directory: python -m kgan.export WORKDIR OUT")
        generator = cli.open_generator(arguments[0])
        version = export(generator, Path(arguments[1]).expanduser())
    print(f"SavedModel: {version}\n"
          f"serving_default: z float32 [None, {generator.input_shape[-1]}] → images uint8 {[*generator.output_shape]}")


def export(generator: "keras.Model", out: Path) -> Path:
    """Writes `generator` as the next version in `out`, aside and then renamed; returns the version's directory.

    Raises:
        OSError: `out` can't be made or written.
    """
    import keras
    import tensorflow as tf

    from kgan import images

    def serve(z: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"images": images.to_uint8(generator(z, training=False))}

    out.mkdir(parents=True, exist_ok=True)
    versions = [int(entry.name) for entry in out.iterdir() if entry.name.isdecimal()]
    version = out / str(max(versions, default=0) + 1)
    archive = keras.export.ExportArchive()
    signature = tf.TensorSpec([None, generator.input_shape[-1]], tf.float32, name="z")
    archive.add_endpoint("serving_default", serve, input_signature=[signature])
    with files.committing(version) as aside:
        archive.write_out(str(aside), verbose=False)
    return version


if __name__ == "__main__":
    cli.launch(main)
