"""Trees of plain JSON to bytes, and back: the one file that knows the wire library.

Rule 1: a tree has one spelling: no spaces, keys in the order they stand in, texts in UTF-8 with nothing escaped that
        need not be, numbers with a fraction in the fewest digits that read back as the same number.
Rule 2: what is read is one value and nothing else; what is no JSON is refused with the place.
Left out on purpose: what trees mean, and that equal keys are one key (a reader keeps the last).
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

__all__ = ["REFUSED", "NoJson", "Tree", "parsed", "spelled", "strict", "under", "why_refused"]

Tree: TypeAlias = None | bool | int | float | str | list["Tree"] | dict[str, "Tree"]

NoJson = msgspec.DecodeError
"""What `parsed` raises, with the place in its text."""

REFUSED = (NoJson, UnicodeDecodeError, RecursionError)
"""What `strict` readers raise."""

spelled = msgspec.json.Encoder().encode
"""A tree in bytes. Raises RecursionError for one that is nested too deeply."""

_DECODER: msgspec.json.Decoder[Tree] = msgspec.json.Decoder()


def parsed(data: bytes | memoryview) -> Tree:
    """A tree from bytes. Raises NoJson, or RecursionError for one that is nested too deeply."""
    try:
        return _DECODER.decode(data)
    except UnicodeDecodeError as error:
        raise NoJson(why_refused(error)) from None


def strict(*fields: tuple[str, Any] | tuple[str, Any, Any]) -> Callable[[bytes], Any]:
    """What reads objects of exactly these fields (name, type, and what stands for one that is left out).

    It raises one of REFUSED for a field that is missing, unknown or of another type.
    """
    kind = msgspec.defstruct("Object", fields, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(kind).decode


def why_refused(error: Exception) -> str:
    """What one of REFUSED says to people."""
    said = str(error)  # msgspec has an error of its own for that, from 0.23 on
    is_text = isinstance(error, UnicodeDecodeError) or "UTF-8" in said
    return f"a text is no UTF-8: {said}" if is_text else said


def under(tree: Tree, key: str) -> Any:
    """What a tree has under a key; None if it has no such key, or is no object."""
    return tree.get(key) if isinstance(tree, dict) else None
