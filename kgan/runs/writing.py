"""What fails while kgan writes a run is said in a sentence; what fails elsewhere, as in a user's callback, is not."""

import contextlib
from collections.abc import Iterator

from kgan.runs.directory import Run


class NotWrittenError(OSError):
    """The run directory can't be written; the message is a sentence."""


@contextlib.contextmanager
def writing(run: Run) -> Iterator[None]:
    """Says what an OSError inside means: around kgan's own writes into the run directory, and nothing else.

    Raises:
        NotWrittenError: an OSError; the sentence names the checkpoint that is safe.
    """
    try:
        yield
    except NotWrittenError:
        raise
    except OSError as error:
        good = run.last_step()
        raise NotWrittenError(f"workdir={str(run.path)!r} can't be written ({error.strerror or error}); "
                              + ("choose another --workdir." if good is None else f"the checkpoint of step {good:,} is "
                                 "safe: make room, then start the same command again.")) from error
