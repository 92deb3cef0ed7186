"""Where the entries of many runs are kept: what every store must do.

Rule 1: what is written of one run in one go is written whole or not at all; runs marked `together` are all or none.
        A refusal of one never refuses others.
Rule 2: every write names the entry it follows, by number and hash, and the epoch in which its writer owns the run:
        a writer who lost the run is told so (Fenced), one who is behind is told where the run is (Conflict).
Rule 3: a key is taken once in a run, whether its event waits in the inbox or has an entry.
Rule 4: what a kernel must know of a run without loading it is its Standing; it is written only when it changes.
Left out on purpose: who owns a run for how long, and when a claim is given up.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from attrs import field, frozen

from detent.kernel.backlog import Backlog, Taken
from detent.kernel.entries import Checkpoint, Entry, Header
from detent.kernel.facts import Fact
from detent.kernel.frames import Frame, digests_of, folded, opened, whole
from detent.kernel.scribe import EMPTY
from detent.kernel.snapshot import Snapshot, Status
from detent.kernel.table import Outline
from detent.kernel.vault import Beside, Key
from detent.kernel.wire import Tree

__all__ = [
    "Cell",
    "Committed",
    "Conflict",
    "ConflictKind",
    "Delivery",
    "Fenced",
    "Journal",
    "Loaded",
    "RunStatus",
    "Standing",
    "Unconfirmed",
    "Verdict",
    "Write",
    "frame_of",
    "needs_of",
    "standing_of",
]

RunStatus: TypeAlias = Literal["waiting", "changed", "inert"] | Status
"""What a run is doing: `inert` is a fork that nobody has resumed."""

ConflictKind: TypeAlias = Literal["exists", "unknown", "head", "key", "cell", "inbox", "together"]


class Standing(Fact, frozen=True):
    """What is asked of runs without loading them: how they are, and when or why they are to be touched.

    `due` is when the next timer fires (microseconds since 1970), `in_flight` whether something was ordered that has
    no outcome, `held` whether something of that has not begun.
    """

    status: RunStatus = "running"
    due: int | None = None
    in_flight: bool = False
    held: bool = False


@frozen
class Delivery:
    """An event on its way into a run: it waits in the inbox until an entry takes it. Its number is the journal's.

    What of it is sealed lies `beside`, and is kept where what lies beside the run's log is.
    """

    run: str
    key: str
    event: Tree
    number: int = 0
    beside: tuple[Beside, ...] = field(default=(), eq=False, repr=False)


@frozen
class Cell:
    """A value with a name, shared by all runs of a journal. `version` counts how often it was written."""

    name: str
    value: Tree = None
    version: int = 0


class Write(Fact, frozen=True):
    """What is to be written of one run.

    `after` is the number and the hash of the entry it follows: nothing for a new run, whose `header` is given.
    `takes` are the numbers of deliveries whose events now have entries, `sends` go into the inboxes of other runs,
    `cells` are written if they still have the version they are given with; `became` are the shape and the rules that
    its machine has from now on. Entries that need not be made yet are `later`, and those of a new run are kept in its
    `backlog`; only a journal that has backlogs is given such.
    """

    run: str
    epoch: int
    after: tuple[int, str] | None
    entries: tuple[Entry, ...] = ()
    header: Header | None = None
    checkpoint: Checkpoint | None = None
    standing: Standing | None = None
    beside: tuple[Beside, ...] = ()
    outlines: tuple[Outline, ...] = ()
    takes: tuple[int, ...] = ()
    sends: tuple[Delivery, ...] = ()
    cells: tuple[Cell, ...] = ()
    together: str | None = None
    later: tuple[Taken, ...] = ()
    backlog: Backlog | None = None
    became: tuple[str, str] | None = None


class Committed(Fact, frozen=True):
    """It is written. Where the run is now."""

    seq: int
    hash: str


@frozen
class Fenced:
    """Nothing was written: somebody else owns the run, since that epoch."""

    epoch: int


@frozen
class Conflict:
    """Nothing was written: the run is not where the writer thought, or something is taken. Where the run is."""

    kind: ConflictKind
    seq: int = 0
    hash: str = ""


@frozen
class Unconfirmed:
    """Nobody knows whether it was written: ask `holds`."""

    why: str


Verdict: TypeAlias = Committed | Fenced | Conflict | Unconfirmed


@frozen
class Loaded:
    """What is needed to go on with a run: the newest checkpoint, what followed, and what lies beside them.

    `head` is the number and the hash of the entry that the next one follows; `digests` are the shape and the rules of
    its machine now, which are those of the header until the run is upgraded.
    """

    header: Header
    epoch: int
    standing: Standing
    head: tuple[int, str]
    checkpoint: Checkpoint | None
    entries: tuple[Entry, ...]
    beside: Mapping[str, Beside] = field(factory=dict[str, Beside], repr=False)
    digests: tuple[str, str] = ("", "")

    @property
    def unread(self) -> int:
        """How many bytes were read of it."""
        start = 0 if self.checkpoint is None else len(self.checkpoint.body)
        beside = sum(len(one.body) for one in self.beside.values())
        return start + beside + sum(len(entry.body) for entry in self.entries)


class Journal(Protocol):
    """What a store does for a kernel. Bytes are kept as they are given; nothing in them is looked at."""

    @property
    def at_once(self) -> Callable[[Write], Verdict | None] | None:
        """Writes one entry without waiting for anything that takes long, where a journal can do that, and now.

        If it gives None, nothing was written, and it is to be appended.
        """
        ...

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """Write what is to be written of some runs, each named once: one verdict for each, in the same order."""
        ...

    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """Own runs from now on: their new epochs. Whoever owned them before is fenced off."""
        ...

    async def load(self, run: str) -> Loaded | None:
        """What is needed to go on with a run, if there is such a run."""
        ...

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """The entries of a run after one, oldest first."""
        ...

    async def opening(self, run: str) -> Checkpoint | None:
        """What a fork begins with, whatever checkpoints came later; nothing for any other run."""
        ...

    async def holds(self, run: str, seq: int, hash: str) -> bool:
        """Whether a run has an entry of that number with that hash."""
        ...

    async def taken(self, run: str, key: str) -> int | None:
        """The number of the entry that took a key; 0 if its event waits in the inbox; None if nobody has it."""
        ...

    async def find(
        self,
        *,
        due_by: int | None = None,
        in_flight: bool | None = None,
        held: bool | None = None,
        mail: bool | None = None,
        statuses: Iterable[RunStatus] = (),
        machines: Iterable[str] = (),
        shapes: Iterable[str] = (),
        after: str = "",
        limit: int = 1000,
    ) -> tuple[tuple[str, Standing], ...]:
        """Runs that stand so, in the order of their ids, from after an id on.

        `mail`: something waits in the inbox. `machines` and `shapes` are names and digests of their machines now.
        """
        ...

    async def next_due(self, after: int) -> int | None:
        """When something is due next, of all runs, after a time (microseconds since 1970)."""
        ...

    async def shapes(self) -> tuple[tuple[str, str], ...]:
        """The names and shapes of the machines of which there are runs that are not over, in order."""
        ...

    async def machines(self, runs: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """The names and shapes of the machines of some runs now, as far as there are such runs."""
        ...

    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """Put events into inboxes: one verdict for each. A key that is taken is a Conflict. Who listens is told."""
        ...

    def listen(self, heard: Callable[[str], None]) -> None:
        """Have a function called with each run into whose inbox something is delivered from now on, in this loop.

        What is sent with a Write is not told.
        """
        ...

    async def inbox(self, run: str) -> tuple[Delivery, ...]:
        """What waits in the inbox of a run, in the order in which it came."""
        ...

    async def cells(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """Cells by name; one that was never written has no value and version 0."""
        ...

    async def beside(self, digests: Iterable[str]) -> Mapping[str, Beside]:
        """What lies beside the chains, as far as it is there."""
        ...

    async def erase(self, digests: Iterable[str]) -> int:
        """Forget sealed values: how many were there. The chains stay as they are."""
        ...

    async def outline(self, digest: str) -> Outline | None:
        """What a machine was when a run of it was written."""
        ...


def needs_of(write: Write) -> Mapping[str, int]:
    """The number of the last entry of a write, or of its checkpoint, that needs what lies beside it, by digest."""
    if not write.beside:
        return {}
    lines: list[Entry | Checkpoint] = [*write.entries]
    if write.checkpoint is not None:
        lines.append(write.checkpoint)
    if len(lines) == 1:  # so it is mostly
        return {one.digest: lines[0].seq for one in write.beside}
    needs: dict[str, int] = {}
    for line in sorted(lines, key=lambda one: one.seq):
        needs.update(dict.fromkeys(digests_of(line), line.seq))
    return {one.digest: needs.get(one.digest, write.entries[-1].seq) for one in write.beside}


def frame_of(loaded: Loaded, key: Key | None = None) -> Frame:
    """The frame that a loaded run is at."""
    frame: Frame = EMPTY
    if loaded.checkpoint is not None:
        frame = opened(loaded.checkpoint, loaded.beside, key)
    beside = loaded.beside
    if not beside:
        return folded(frame, loaded.entries)
    return folded(frame, (whole(entry, beside, key) for entry in loaded.entries))


def standing_of(snapshot: Snapshot[object], next_due: int | None, held: bool = False) -> Standing:
    """How a run stands at a snapshot, if its machine has not changed.

    `next_due` is when something happens by itself (see `due`). A run that nothing but an event can move is waiting.
    Whether anything is `held` is seen in the snapshot; more may be known.
    """
    if snapshot.pending.is_inert:
        return Standing("inert")
    in_flight = bool(snapshot.effects)
    status: RunStatus = snapshot.status
    if status == "running" and not in_flight:
        status = "waiting"
    is_held = held or any(flight.is_held for flight in snapshot.effects)
    return Standing(status, next_due, in_flight, is_held)
