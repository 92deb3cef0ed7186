"""How long the properties look: a little in the ordinary run, long with `python -m tests --long`."""

import os

__all__ = ["FEW", "LONG", "times"]

LONG = bool(os.environ.get("DETENT_LONG"))
FEW = bool(os.environ.get("DETENT_FEW"))


def times(ordinary: int) -> int:
    """How many examples: those of the ordinary run, twenty times as many, or a quarter of them."""
    if FEW:
        return max(1, ordinary // 4)
    return ordinary * (20 if LONG else 1)
