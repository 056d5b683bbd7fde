"""The one kind of error that commands print as a sentence."""


class UserError(ValueError):
    """Something the user can mend. The message is one sentence: what was received, what is allowed, what to do."""
