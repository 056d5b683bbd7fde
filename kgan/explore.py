"""Explore latent space in the browser: seeds, blends of two, and sliders.

    kgan explore runs/digits

The sliders move z along the directions that change the pictures most. Serves a page on this machine alone, until
Ctrl-C. Needs `pip install 'kgan[explore]'`.
"""

import importlib.util
import os
from collections.abc import Sequence
from types import SimpleNamespace

from kgan import cli
from kgan.runs.generators import open_generator
from kgan.runtime.errors import UserError
from kgan.serving import explorer

FLAGS = (
    cli.STEP,
    cli.integer("port", None, "Port of the page; default: the first free one from 7860 on.", lower_bound=1,
                upper_bound=65_535),
    cli.switch("browser", True, "Open the page in the browser."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Shows the run directory named by the one argument."""
    run = cli.one_run(arguments, "kgan explore WORKDIR")
    if importlib.util.find_spec("gradio") is None:
        raise UserError("exploring needs gradio; pip install 'kgan[explore]'.")
    generator = open_generator(run, options.step)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # nothing leaves this machine
    blocks = explorer.page(*explorer.painter(generator), run)
    try:
        _, url, _ = explorer.serve(blocks, options.port, options.browser)
    except OSError as error:
        raise UserError(f"port {options.port or 'from 7860 on'} is taken; choose another --port.") from error
    print(f"{url} shows {run} until Ctrl-C.", flush=True)
    blocks.block_thread()


if __name__ == "__main__":
    cli.launch(main, FLAGS, "WORKDIR|preset:NAME")
