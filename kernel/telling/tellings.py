"""What is told to who listens: an entry, what it tells, and the frames around it.

Rule 1: it is made of what was stored, and of nothing else: what is sealed there is sealed here, and what lies beside
        the log stays there.
Rule 2: what was stored is told the same while it happens and later, when somebody else goes on with the run.
"""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from detent.kernel.entries import Entry, Header
from detent.kernel.frames import Frame, followed
from detent.kernel.scribe import EMPTY
from detent.kernel.table import Outline, Table
from detent.kernel.telling.flying import Flying, flying, owner_of
from detent.kernel.telling.kinds import Kinds, kinds_from, kinds_of, outer_from, outer_of
from detent.kernel.telling.teller import tell
from detent.kernel.telling.told import Told

__all__ = ["Lore", "Telling", "both", "lore_from", "lore_of", "telling_of"]


@frozen
class Lore:
    """What frames do not say of a machine: of which kind its forms are, and which state is around each (`""`: none)."""

    kinds: Kinds
    outer: Mapping[str, str]


@frozen
class Telling:
    """An entry of a run and what it tells, with the frames before and after it; before the first there is none.

    What `is_past` happened before whoever is told it was there.
    """

    header: Header
    entry: Entry
    before: Frame | None
    after: Frame
    told: tuple[Told, ...]
    lore: Lore
    is_past: bool = False

    @property
    def run(self) -> str:
        """The run it is of."""
        return self.header.run

    @property
    def seq(self) -> int:
        """The number of the entry."""
        return self.entry.seq

    @property
    def at(self) -> int:
        """When it was written, in microseconds since 1970."""
        return self.entry.at

    @property
    def states(self) -> tuple[str, ...]:
        """The active states after the entry with no other inside them."""
        active: Any = self.after["in"]
        around = {self.lore.outer.get(state, "") for state in active}
        return tuple(state for state in active if state not in around)

    @property
    def is_end(self) -> bool:
        """Whether the run has come to its end, with nothing in flight."""
        return self.after["end"] is not None and not self.after["effects"]

    @property
    def flying(self) -> tuple[Flying, ...]:
        """What was under way, or held, before the entry."""
        return () if self.before is None else tuple(flying(self.before, self.lore.kinds))

    def state_of(self, effect: int) -> str:
        """The state that ordered an effect; empty if it was the run itself, or nobody knows."""
        found = owner_of(self.after, effect)
        if found is None and self.before is not None:
            found = owner_of(self.before, effect)
        return found or ""


def lore_of(table: Table[Any, Any, Any]) -> Lore:
    """What frames do not say of a machine."""
    return Lore(kinds_of(table), outer_of(table))


def lore_from(outline: Outline) -> Lore:
    """The same, read off the shape outline of a log. Raises Unreadable if it is none."""
    return Lore(kinds_from(outline), outer_from(outline))


def both(old: Lore, new: Lore) -> Lore:
    """What is to be known where a run goes from one machine to another."""
    if old is new:
        return old
    return Lore({**old.kinds, **new.kinds}, {**old.outer, **new.outer})


def telling_of(
    header: Header, entry: Entry, before: Frame | None, lore: Lore, is_past: bool = False
) -> Telling:
    """What is told of an entry. Raises Unreadable for what no run writes."""
    after = followed(EMPTY if before is None else before, entry)
    told = tell(before, entry, after, header.run, lore.kinds)
    return Telling(header, entry, before, after, told, lore, is_past)
