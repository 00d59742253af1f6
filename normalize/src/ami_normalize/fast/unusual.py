"""What sends a message to the generic pipeline."""


class Unusual(Exception):
    """The generic pipeline must do this message."""
