"""What kgan says while it works: messages of its own, shown where the user looks."""

import contextlib
import logging as standard_logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import logging
from tqdm import tqdm

PACKAGE = Path(__file__).parents[1]


def concerns_user(record: standard_logging.LogRecord) -> bool:
    """Tells whether a message is kgan's own, or somebody's error."""
    return record.levelno >= standard_logging.ERROR or Path(record.pathname).is_relative_to(PACKAGE)


class Screen(standard_logging.Handler):
    """Writes kgan's messages as they are to stderr, above a progress bar where there is one; of others only errors."""

    def emit(self, record: standard_logging.LogRecord) -> None:
        """Writes a message."""
        if concerns_user(record):
            tqdm.write(record.getMessage(), file=sys.stderr)
            sys.stderr.flush()


def bar(*counted: Any, in_notebook: bool = True, **settings: Any) -> Any:
    """Returns tqdm's bar, in a notebook a widget if it may be one; where stderr is no terminal it is drawn rarely."""
    from tqdm import auto  # which warns in a notebook without widgets

    draw = auto.tqdm if in_notebook else tqdm
    return draw(*counted, mininterval=0.5 if sys.stderr.isatty() else 20.0, **settings)


def log_to_screen() -> None:
    """Shows what the library logs through absl, from INFO on, as plain lines on stderr."""
    _attach(Screen())


def _attach(handler: standard_logging.Handler) -> None:
    logger = logging.get_absl_logger()
    logger.handlers, logger.propagate = [handler], False
    logging.set_verbosity(logging.INFO)  # not the logger's level: TensorFlow's exports put absl's verbosity back
    for root_handler in standard_logging.root.handlers:  # absl's start adds one, and TensorFlow logs at INFO
        root_handler.setLevel(standard_logging.WARNING)


@contextlib.contextmanager
def attached(handler: standard_logging.Handler) -> Iterator[None]:
    """Gives kgan's messages to `handler` inside the block; the program around it has its own settings back after."""
    logger = logging.get_absl_logger()
    before = logger.handlers, logger.propagate, logging.get_verbosity()
    levels = [(handler, handler.level) for handler in standard_logging.root.handlers]
    _attach(handler)
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before[:2]
        logging.set_verbosity(before[2])
        for root_handler, level in levels:
            root_handler.setLevel(level)
