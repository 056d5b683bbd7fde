"""The one kind of error that commands print as a sentence, and what other errors say."""


class UserError(ValueError):
    """Something the user can mend. The message is one sentence: what was received, what is allowed, what to do."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


def reason(error: Exception) -> str:
    """Returns the first line of what an error of another library says, 200 characters at most; else its type's name."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
