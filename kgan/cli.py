"""What every command shares: errors in one sentence, help and Ctrl-C with the right exit status."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgan import models
from kgan.runs.directory import Run
from kgan.runtime import machine
from kgan.runtime.errors import UserError

if TYPE_CHECKING:
    import keras

INTERRUPTED = 130  # exit status of a process that Ctrl-C ended, by the shells' convention


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Ends the command with status 1 and the error's own sentence, where the user can mend the cause."""
    try:
        yield
    except (UserError, OSError) as error:
        sys.exit(f"kgan: {error}")
    except Exception as error:
        if type(error).__name__ != "ResourceExhaustedError":  # TensorFlow's, which may not be imported here
            raise
        sys.exit("kgan: out of memory; choose a smaller --batch_size or --latent_dim.")


def launch(main: Callable[[Sequence[str]], Any]) -> None:
    """Runs `main(positional arguments)` after absl has parsed the flags."""
    from absl import app, logging

    logging.set_verbosity(logging.WARNING)
    try:
        app.run(lambda argv: main(argv[1:]))
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except SystemExit as stop:
        asked_for_help = any(argument.lstrip("-").startswith("help") for argument in sys.argv[1:])
        sys.exit(0 if asked_for_help and stop.code == 1 else stop.code)  # absl calls help a failure


def open_generator(workdir: str | Path, step: int | None = None) -> "keras.Model":
    """Returns the generator of the run in `workdir`, as of its last checkpoint or of the one of `step`.

    Raises:
        UserError: there is no run, or no generator yet, or no checkpoint of that step.
    """
    run = Run(workdir)
    recipe = run.recipe()
    if step is not None:
        run.check_step(step)
    elif (step := run.last_step()) is None:
        run.check_generator()
    machine.import_tensorflow()
    generator = models.build_generator(recipe)
    if step is None:  # of a closed form, or of a run of format 1
        run.load_generator(generator)
    else:
        run.restore_generator(generator, step, ema=recipe.ema_decay is not None)
    return generator
