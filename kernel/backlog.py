"""What has happened to a run and has no entries yet: they are made when somebody reads them.

A journal in memory need not spell what nobody reads. The answers of a run share with one another what stayed the same,
and say as much as its entries do; the entries, with their bytes and hashes, follow from them whenever they are made.

Rule 1: what is in a backlog has happened: it is read like everything else, in its place.
Rule 2: entries are the same, byte for byte, as if they had been made at once; unless some before them were skipped.
        Then they are chained to the checkpoint that stands in their place.
"""

from collections.abc import Iterator
from typing import Any

from attrs import define, field, frozen

from detent.kernel.entries import Checkpoint, Header, write_header
from detent.kernel.errors import Unstorable
from detent.kernel.recorder import NOWHERE, Head, Recorded, Recorder
from detent.kernel.snapshot import Snapshot
from detent.kernel.steps import Stepped
from detent.kernel.vault import Beside
from detent.kernel.wire import Tree

__all__ = ["ALL", "Backlog", "Taken"]

ALL = 1 << 62
"""More answers than there will ever be."""


@frozen(weakref_slot=False)
class Taken:
    """One entry to be: an answer and the snapshot before it, what a run began with, or a note."""

    before: Snapshot[Any] | None
    stepped: Stepped[Any] | None
    key: str | None = None
    input: object = None
    note: Tree = None
    at: int = 0

    @property
    def seq(self) -> int:
        """The number of the entry."""
        return 1 if self.before is None else self.before.seq + 1

    def recorded(self, recorder: Recorder, header: Header, head: Head) -> Recorded:
        """The entry. Raises Unstorable, which names the place."""
        stepped: Any = self.stepped
        before: Any = self.before
        if before is None:
            return recorder.begin(header, stepped, self.input)
        if self.note is not None:
            note: Any = self.note
            return recorder.note(head, before, note, self.at)
        made: Any = recorder.record(head, before, stepped, self.key)
        recorded: Recorded = made  # only what is an entry is taken
        return recorded


@define(eq=False, weakref_slot=False)
class Backlog:
    """The answers of a run that nobody has read so far. With `most` of them its journal has to see to it."""

    recorder: Recorder
    header: Header
    head: Head = NOWHERE
    taken: list[Taken] = field(factory=list[Taken])
    most: int = ALL

    def open(self) -> Header:
        """The header, with its bytes and its hash."""
        if not self.header.hash:
            self.header = write_header(self.header)
            self.head = Head(self.header.hash)
        return self.header

    def first(self) -> Recorded:
        """The entry of the oldest, which stays where it is. Raises Unstorable."""
        self.open()
        return self.taken[0].recorded(self.recorder, self.header, self.head)

    def skip(self, count: int) -> tuple[Checkpoint, tuple[Beside, ...]]:
        """Forget the oldest: a checkpoint in their place, with what lies beside it. Raises Unstorable."""
        self.open()
        now: Any = self.taken[count].before
        made, beside = self.recorder.checkpoint(now, self.head.hash)
        self.head = Head(made.hash, len(made.body) + sum(len(one.body) for one in beside))
        del self.taken[:count]
        return made, beside

    def sealed(self) -> Iterator[Recorded]:
        """Make the entries. Raises Unstorable at the first that cannot be made; those before it are made."""
        self.open()
        while self.taken:
            waiting, self.taken = self.taken, []
            for place, one in enumerate(waiting):
                try:
                    recorded = one.recorded(self.recorder, self.header, self.head)
                except Unstorable:
                    self.taken[:0] = waiting[place:]
                    raise
                self.head = recorded.head
                yield recorded
