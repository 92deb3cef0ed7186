"""What has happened to a run and has no entries yet: they are made when somebody reads them.

A journal in memory need not spell what nobody reads. The answers of a run share with one another what stayed the same,
and say as much as its entries do; the entries, with their bytes and hashes, follow from them whenever they are made.

Rule 1: what is in a backlog has happened: it is read like everything else, in its place.
Rule 2: entries are the same, byte for byte, as if they had been made at once; unless some before them were skipped.
        Then they are chained to the checkpoint that stands in their place.
Rule 3: each follows the one before it. So of most answers there is nothing to keep but the answer itself: there are a
        great many of them, and the more is kept the longer it takes to look for garbage.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

from attrs import define, field, frozen

from detent.kernel.entries import Checkpoint, Header, write_header
from detent.kernel.errors import Unstorable
from detent.kernel.facts import but
from detent.kernel.recorder import NOWHERE, Head, Recorded, Recorder
from detent.kernel.snapshot import Snapshot
from detent.kernel.steps import Moved, Stepped
from detent.kernel.vault import Beside
from detent.kernel.wire import Tree

__all__ = ["ALL", "Answer", "Backlog", "Taken", "after"]

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
    def after(self) -> Snapshot[Any]:
        """The snapshot after it."""
        before: Any = self.before
        if self.stepped is not None:
            return self.stepped.snapshot
        noted: Snapshot[Any] = but(before, seq=before.seq + 1, at=max(before.at, self.at))
        return noted

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


Answer: TypeAlias = Taken | Moved[Any]
"""What has been taken; an outcome that moved the run, of which there is nothing more to say, as it is."""


@define(eq=False, weakref_slot=False)
class Backlog:
    """The answers of a run that nobody has read so far. With `most` of them its journal has to see to it.

    `before` is the snapshot which the oldest follows, `epoch` that in which somebody owns the run.
    """

    recorder: Recorder
    header: Header
    head: Head = NOWHERE
    taken: list[Answer] = field(factory=list[Answer])
    most: int = ALL
    before: Snapshot[Any] | None = None
    epoch: int = 0

    @property
    def seq(self) -> int:
        """The number of the newest, if there is any."""
        return after(self.taken[-1]).seq if self.taken else 0

    def open(self) -> Header:
        """The header, with its bytes and its hash."""
        if not self.header.hash:
            self.header = write_header(self.header)
            self.head = Head(self.header.hash)
        return self.header

    def first(self) -> Recorded:
        """The entry of the oldest, which stays where it is. Raises Unstorable."""
        self.open()
        return self._recorded(self.taken[0])

    def skip(self, count: int) -> tuple[Checkpoint, tuple[Beside, ...]]:
        """Forget the oldest: a checkpoint in their place, with what lies beside it. Raises Unstorable."""
        self.open()
        now = after(self.taken[count - 1])
        made, beside = self.recorder.checkpoint(now, self.head.hash)
        self.head = Head(made.hash, len(made.body) + sum(len(one.body) for one in beside))
        self.before = now
        del self.taken[:count]
        return made, beside

    def sealed(self) -> Iterator[Recorded]:
        """Make the entries. Raises Unstorable at the first that cannot be made; those before it are made."""
        self.open()
        while self.taken:
            waiting, self.taken = self.taken, []
            for place, one in enumerate(waiting):
                try:
                    recorded = self._recorded(one)
                except Unstorable:
                    self.taken[:0] = waiting[place:]
                    raise
                self.head = recorded.head
                self.before = recorded.snapshot
                yield recorded

    def _recorded(self, one: Answer) -> Recorded:
        taken = Taken(self.before, one) if isinstance(one, Moved) else one
        return taken.recorded(self.recorder, self.header, self.head)


def after(one: Answer) -> Snapshot[Any]:
    """The snapshot after an answer."""
    return one.snapshot if isinstance(one, Moved) else one.after
