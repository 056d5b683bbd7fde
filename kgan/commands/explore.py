"""Explore latent space in the browser, on a page that draws by itself.

    kgan explore runs/digits
    kgan explore preset:mnist --out=pages --nobrowser

The page is that of `kgan export --format=web`: seeds, ways from one to another, and steps along the directions that
change the pictures most. It is one file, which needs no server.
"""

import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from kgan.commands import flags
from kgan.runs.directory import Run
from kgan.serving import export

ARGUMENTS = "WORKDIR|preset:NAME"
FLAGS = (
    flags.STEP,
    flags.Flag("out", str, None, "Directory that the page is exported to; default: a new one among the temporary "
               "files."),
    flags.Flag("browser", bool, True, "Open the page in the browser."),
)


def main(arguments: Sequence[str], options: SimpleNamespace) -> None:
    """Shows the run directory named by the one argument."""
    run = Run(flags.one_run(arguments, "kgan explore WORKDIR"))
    run.recipe()  # or what is wrong is said, before anything is written
    out = Path(options.out or Path(tempfile.mkdtemp(prefix="kgan-"), run.path.resolve().name)).expanduser()
    page = export.export_run(run, out, "web", options.step).version / export.MAIN_FILE["web"]
    print(page, flush=True)
    if options.browser:
        webbrowser.open(page.resolve().as_uri())
