"""How long the properties look: a little in the ordinary run, long with `python -m tests --long`."""

import os

__all__ = ["LONG", "times"]

LONG = bool(os.environ.get("DETENT_LONG"))


def times(ordinary: int) -> int:
    """How many examples: those of the ordinary run, or twenty times as many."""
    return ordinary * (20 if LONG else 1)
