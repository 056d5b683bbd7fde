"""The one kind of error that commands print as a sentence."""


class UserError(ValueError):
    """Something the user can mend. The message is one sentence: what was received, what is allowed, what to do."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]
