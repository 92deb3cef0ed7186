"""Values of which a kernel makes several at every step, and keeps them: made in a tenth of the time, and cheap to keep.

Rule 1: a fact is a frozen value like any other: what changes is a new one (`but`). It holds what was there before it,
        never something that holds it: so it cannot be part of a circle, and is not looked at when garbage is sought.
Rule 2: what people write, data, events and effects, are attrs classes: facts are the kernel's own.
"""

from typing import Any, TypeVar

import msgspec

__all__ = ["Fact", "but"]

R = TypeVar("R", bound="Fact")


class Fact(msgspec.Struct, frozen=True, gc=False):
    """A frozen value of the kernel's own."""


def but(fact: R, /, **changes: Any) -> R:
    """The same with some fields changed, as `attrs.evolve` does."""
    return msgspec.structs.replace(fact, **changes)
