"""From answers to entries: what a run's log is told of each step.

Rule 1: one answer, one entry, with a number one higher than the one before. Rejected and Broken answers are none,
        unless they say what became of what had waited; an Ignored one is none unless it has a key.
Rule 2: a checkpoint is due when the last one and what followed are more than twice the present frame, and 16 kB. So
        what is stored grows as what happened does, and whoever loads a run reads little more than its frame twice.
"""

from collections.abc import Mapping
from typing import Any

from detent.kernel.applying import ordered_in
from detent.kernel.delta import Brief, Changes
from detent.kernel.entries import (
    NOTHING,
    AnswerWord,
    Checkpoint,
    Entry,
    Header,
    chained,
    entry_body,
    unwritten,
    write_header,
)
from detent.kernel.facts import Fact, but
from detent.kernel.flights import Fan, Flight
from detent.kernel.scribe import Scribe, scribe_of
from detent.kernel.snapshot import Snapshot
from detent.kernel.steps import Deferred, Ignored, Moved, Rejected, Stepped
from detent.kernel.table import Table
from detent.kernel.values import FrozenMap, tree
from detent.kernel.vault import LARGE, Beside, Key, Vault, restored, stowed
from detent.kernel.wire import Tree, spelled

__all__ = ["ANSWERS", "NOWHERE", "Head", "Recorded", "Recorder"]

SMALL = 16_384  # bytes: a log of fewer is read in one piece anyway
NEVER = 1 << 62  # bytes: what is no entry is kept for a short time, and in one piece
ANSWERS: dict[type, AnswerWord] = {
    Moved: "moved",
    Deferred: "deferred",
    Ignored: "ignored",
    Rejected: "rejected",
}
"""What an entry calls an answer."""


NOTHING_FLIES: Mapping[int, int] = {}


class Head(Fact, frozen=True):
    """Where the log of a run is: its last hash, how much is to be read to load it, how large its frame is at least.

    `flying` is how much of that each effect in flight takes. Who does not know what is least says nothing: zero is
    always right, and for a frame that is small as good as anything.
    """

    hash: str
    unread: int = 0
    least: int = 0
    flying: Mapping[int, int] = NOTHING_FLIES


NOWHERE = Head("")
"""The head of a log that has no lines so far."""


class Recorded(Fact, frozen=True):
    """What an answer comes to in the log: the snapshot after it, the entry, and what lies beside it.

    `under` is what lies beside its checkpoint.
    """

    snapshot: Snapshot[Any]
    entry: Entry
    head: Head
    beside: tuple[Beside, ...] = ()
    checkpoint: Checkpoint | None = None
    under: tuple[Beside, ...] = ()


class Recorder:
    """Makes the entries of runs of one machine. With a key, secret and personal fields are sealed."""

    def __init__(
        self, table: Table[Any, Any, Any], key: Key | None = None, large: int = LARGE
    ) -> None:
        self.table = table
        self.scribe: Scribe = scribe_of(table)
        self.changes = Changes(self.scribe)
        self._brief = Brief(self.scribe, self.changes)
        self._key = key
        self._large = large

    @property
    def unsealed(self) -> str:
        """The first secret or personal field that is written as it is, for want of a key; empty if there is none."""
        return self.scribe.sealed if self._key is None else ""

    def sealed(self, written: Tree) -> tuple[Tree, tuple[Beside, ...]]:
        """A tree that is no entry yet, with what is secret sealed, as far as there is a key; what lies beside it."""
        beside: dict[str, Beside] = {}
        return stowed(written, self._key, beside, NEVER), tuple(beside.values())

    def opened(self, written: Tree, beside: Vault) -> Tree:
        """The same the other way round: what is not there, or has no key, stays sealed. Raises Unreadable."""
        return restored(written, beside.get, self._key)

    def header(
        self, run: str, at: int = 0, seed: int | None = None, deadline: int | None = None
    ) -> Header:
        """The first line of a new run."""
        return write_header(self.opening(run, at, seed, deadline))

    def opening(
        self,
        run: str,
        at: int = 0,
        seed: int | None = None,
        deadline: int | None = None,
        baggage: FrozenMap[str, str] = NOTHING,
    ) -> Header:
        """The first line of a new run, before it has bytes and a hash. Raises WrongInput for what has no spelling."""
        table, rest = self.table, (at, None, seed, deadline, baggage)
        return unwritten(Header(run, table.name, table.shape, table.rules, *rest))

    def begin(self, header: Header, begun: Stepped[Any], input: object) -> Recorded:
        """The first entry of a run: what it began with. Raises Unstorable, which names the place."""
        head, after = Head(header.hash), begun.snapshot
        began: dict[str, Tree] = {"$began": self.scribe.codec.write(self.scribe.input, input)}
        if isinstance(begun, Moved) and (change := self._brief.begun(begun, began)) is not None:
            recorded = self._brief_entry(head, None, begun, began, change)
            if recorded is not None:
                return recorded
        return self._recorded(head, None, begun, after, began)

    def record(
        self, head: Head, before: Snapshot[Any], stepped: Stepped[Any], key: str | None = None
    ) -> Recorded | None:
        """The entry of an answer, if it has one. Raises Unstorable, which names the place."""
        after = stepped.snapshot
        if key is None and (told := self._brief.told(before, stepped)) is not None:
            recorded = self._brief_entry(head, before, stepped, *told)
            if recorded is not None:
                return recorded
        if after.seq == before.seq:
            if key is None or not isinstance(stepped, Ignored):
                return None
            after = but(after, seq=before.seq + 1)
        signal: Any = stepped.signal
        event = self.scribe.write_signal(signal, before.pending.effects, after.at)
        return self._recorded(head, before, stepped, after, event, key)

    def _brief_entry(
        self,
        head: Head,
        before: Snapshot[Any] | None,
        stepped: Stepped[Any],
        event: Tree,
        change: dict[str, Tree],
    ) -> Recorded | None:
        """An entry of which there is no more to say, unless something in it is to lie beside it."""
        after, took = stepped.snapshot, stepped.took
        seq, at = after.seq, after.at
        said = {"seq": seq, "at": at, "event": event, "took": took, "delta": change}
        if not took:
            del said["took"]
        body = spelled(said)
        if len(body) >= self._large or (self._key is not None and self.scribe.sealed):
            return None
        ordered = tuple([one.id for one in stepped.ordered])
        parts = (seq, at, event, None, None, "moved", took, change, ordered, ())
        return self._chained(head, (before, after), parts, body)

    def note(self, head: Head, before: Snapshot[Any], event: dict[str, Tree], at: int) -> Recorded:
        """An entry that changes nothing: what happened to the run rather than in it."""
        after = but(before, seq=before.seq + 1, at=max(before.at, at))
        entry = Entry(after.seq, after.at, event)
        return self._finished(head, before, after, entry)

    def renewed(
        self, head: Head, after: Snapshot[Any], event: dict[str, Tree], delta: dict[str, Tree]
    ) -> Recorded:
        """The entry of a machine that has changed: what the run is from now on."""
        ordered = ordered_in(delta)
        entry = Entry(after.seq, after.at, event, delta=delta, effects=ordered)
        return self._finished(head, None, after, entry)

    def checkpoint(
        self, snapshot: Snapshot[Any], hash: str
    ) -> tuple[Checkpoint, tuple[Beside, ...]]:
        """The whole frame of a snapshot, following the entry of that hash."""
        beside: dict[str, Beside] = {}
        whole = self.changes.frame(snapshot)
        frame: Any = stowed(whole, self._key, beside, self._large)
        body = spelled({"seq": snapshot.seq, "frame": frame})
        made = Checkpoint(snapshot.seq, frame, body=body, hash=chained(hash, body))
        return made, tuple(beside.values())

    def entry(
        self,
        before: Snapshot[Any] | None,
        stepped: Stepped[Any],
        after: Snapshot[Any],
        event: Tree,
        key: str | None = None,
    ) -> Entry:
        """What an entry says, before it has bytes and a hash."""
        moved = stepped if isinstance(stepped, Moved) else None
        return Entry(
            after.seq,
            after.at,
            event,
            getattr(stepped, "cause", None),
            key,
            ANSWERS[type(stepped)],
            () if moved is None else moved.took,
            self.changes.between(before, after, event),
            () if moved is None else tuple([order.id for order in moved.ordered]),
            () if moved is None else moved.stopped,
        )

    def body(self, entry: Entry) -> tuple[bytes, tuple[Beside, ...]]:
        """The bytes of an entry, and what lies beside it."""
        body = entry_body(entry)
        if len(body) < self._large and (self._key is None or not self.scribe.sealed):
            return body, ()
        beside: dict[str, Beside] = {}
        event = stowed(entry.event, self._key, beside, self._large)
        delta: Any = stowed(entry.delta, self._key, beside, self._large)
        return entry_body(but(entry, event=event, delta=delta)), tuple(beside.values())

    def _recorded(
        self,
        head: Head,
        before: Snapshot[Any] | None,
        stepped: Stepped[Any],
        after: Snapshot[Any],
        event: Tree,
        key: str | None = None,
    ) -> Recorded:
        return self._finished(head, before, after, self.entry(before, stepped, after, event, key))

    def _finished(
        self, head: Head, before: Snapshot[Any] | None, after: Snapshot[Any], entry: Entry
    ) -> Recorded:
        """An entry with its bytes and its hash, and a checkpoint if one is due."""
        said = (
            entry.seq,
            entry.at,
            entry.event,
            entry.cause,
            entry.key,
            entry.answer,
            entry.took,
            entry.delta,
            entry.effects,
            entry.stopped,
        )
        return self._chained(head, (before, after), said, *self.body(entry))

    def _chained(
        self,
        head: Head,
        between: tuple[Snapshot[Any] | None, Snapshot[Any]],
        said: tuple[Any, ...],
        body: bytes,
        beside: tuple[Beside, ...] = (),
    ) -> Recorded:
        """An entry that has bytes, chained to those before it, and a checkpoint if one is due."""
        before, after = between
        hash = chained(head.hash, body)
        made: Any = Entry
        entry: Entry = made(*said, body, hash)
        unread = head.unread + len(body) + (_size(beside) if beside else 0)
        if before is not None and head.least:  # what was never weighed cannot lose weight
            least = max(0, head.least - _shed_by(head, entry.delta, before, after))
            now = Head(hash, unread, least, head.flying)
        else:
            now = Head(hash, unread)
        recorded = Recorded(after, entry, now, beside)
        if unread < SMALL or unread <= 2 * now.least:
            return recorded
        return self._with_checkpoint(recorded)

    def _with_checkpoint(self, recorded: Recorded) -> Recorded:
        """The same with a checkpoint, if what is to be read is more than twice what there is."""
        frame: Any = self.scribe.frame(recorded.snapshot)
        size = len(spelled(frame))
        head = recorded.head
        if 2 * size < SMALL:
            head = Head(head.hash, head.unread)
        else:
            weights = {
                int(id): len(id) + 4 + len(spelled(one)) for id, one in frame["effects"].items()
            }
            head = Head(head.hash, head.unread, size, weights)
        if head.unread <= 2 * size:
            return but(recorded, head=head)
        made, beside = self.checkpoint(recorded.snapshot, head.hash)
        head = but(head, unread=len(made.body) + _size(beside))
        return but(recorded, head=head, checkpoint=made, under=beside)


def _size(beside: tuple[Beside, ...]) -> int:
    return sum(len(one.body) for one in beside)


def _shed_by(
    head: Head, change: Mapping[str, Tree], before: Snapshot[Any], after: Snapshot[Any]
) -> int:
    """How many bytes of the frame go away with an entry, at most."""
    pending = before.pending
    held: dict[str, Any] = {
        "in": before.configuration,
        "data": before.data,
        "deferred": pending.deferred,
        "offered": pending.offered,
        "history": pending.history,
        "doubts": pending.doubts,
        "abandoned": pending.abandoned,
        "halted": pending.halted,
        "parked": pending.parked,
        "line": pending.line,
    }
    shed = sum(_shed(change[key], held[key]) for key in change.keys() & held.keys())
    shed += sum(len(key) + 4 for key, edit in change.items() if edit == [])
    edits: Any = change.get("effects", {})
    if after.pending.effects is not pending.effects:
        here = {flight.id for flight in after.pending.effects}
        for flight in pending.effects:
            if flight.id not in here:
                shed += head.flying.get(flight.id, 0)
            elif str(flight.id) in edits:
                shed += _shed_of(flight)
    if after.pending.timers is not pending.timers:
        shed += sum(
            len(spelled(tree(one))) for one in pending.timers if one not in after.pending.timers
        )
    return shed


def _shed_of(flight: Flight) -> int:
    """How many bytes of an effect go away at most that stays in flight: it is asked to stop, or its life goes on."""
    if isinstance(flight, Fan):
        lives = len(spelled(tree(flight.lives))) if flight.lives else 0
        return 8 + 8 * flight.asked.bit_count() + lives
    return 8 + len(spelled(tree(flight.life)))


def _shed(edit: Tree, old: Any) -> int:
    """How many bytes of a value go away with an edit, at most."""
    if type(edit) is dict:
        keys = sum(len(spelled(key)) + 2 for key, inner in edit.items() if inner == [])
        return keys + sum(_shed(inner, _inside(old, key)) for key, inner in edit.items())
    parts: Any = edit
    if len(parts) == 3:
        gone = old[parts[0] : parts[0] + parts[1]]
        return len(spelled(tree(gone))) if gone else 0
    if len(parts) == 2:
        taken = spelled(parts[0])
        return len(spelled(tree(old)) if b'"$ref"' in taken else taken)
    return len(spelled(tree(old)))


def _inside(old: object, key: str) -> Any:
    """What an edit of a key is an edit of; a value that is new is nothing so far."""
    value: Any = old
    if key == "$set":
        return value
    if key == "$map":
        return tuple(value.items())
    if type(old) is tuple:
        return value[int(key)]
    if isinstance(old, FrozenMap | dict):
        return value.get(key)
    return getattr(value, key, None)
