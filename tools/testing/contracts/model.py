"""What a journal must be, in dicts and lists: the model that every journal is held to.

Rule 1: a write is judged by how things were before its group, and by what the writes before it in the group do.
Rule 2: if a write may be refused for several reasons, any of them will do, but a writer who lost the run is told that.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from attrs import define, evolve, field, frozen

from detent.kernel import (
    Beside,
    Cell,
    Checkpoint,
    Delivery,
    Entry,
    Header,
    Outline,
    RunStatus,
    Standing,
    Write,
    read_checkpoint,
    read_entry,
)

__all__ = ["Kept", "Model", "Wanted"]

LIVING: tuple[RunStatus, ...] = ("running", "waiting", "parked", "ending", "changed", "inert")

Reasons = set[str]


@define(eq=False)
class Kept:
    """What is known of one run."""

    header: Header
    opening: tuple[int, str]
    entries: list[Entry] = field(factory=list[Entry])
    checkpoint: Checkpoint | None = None
    standing: Standing = Standing()
    became: tuple[str, str] | None = None
    begins: Checkpoint | None = None
    """What it begins with, if it is a fork."""

    @property
    def digests(self) -> tuple[str, str]:
        """The shape and the rules of its machine now."""
        return self.became or (self.header.shape, self.header.rules)

    @property
    def head(self) -> tuple[int, str]:
        """The entry that the next one follows."""
        return (self.entries[-1].seq, self.entries[-1].hash) if self.entries else self.opening

    @property
    def newest(self) -> Checkpoint | None:
        """The newest checkpoint, as its bytes say."""
        made = self.checkpoint
        return None if made is None else read_checkpoint(made.body, made.hash)

    @property
    def unread(self) -> tuple[Entry, ...]:
        """The entries that follow the newest checkpoint."""
        return self.later(0 if self.checkpoint is None else self.checkpoint.seq)

    def later(self, seq: int) -> tuple[Entry, ...]:
        """The entries after one, as their bytes say."""
        return tuple(read_entry(one.body, one.hash) for one in self.entries if one.seq > seq)

    def is_chained(self) -> bool:
        """Whether each entry hashes to the one before it, by number and by hash."""
        seq, last = self.opening
        for entry in self.entries:
            digest = blake2b(bytes.fromhex(last) + entry.body, digest_size=32).hexdigest()
            if (entry.seq, entry.hash) != (seq + 1, digest):
                return False
            seq, last = entry.seq, entry.hash
        return True


@frozen
class Wanted:
    """What is asked of `find`; what is left out is not asked."""

    due_by: int | None = None
    in_flight: bool | None = None
    held: bool | None = None
    mail: bool | None = None
    statuses: tuple[RunStatus, ...] = ()
    machines: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    after: str = ""
    limit: int = 1000

    def fits(self, kept: Kept, has_mail: bool) -> bool:
        """Whether a run stands so."""
        stands = kept.standing
        return all(
            (
                self.due_by is None or (stands.due is not None and stands.due <= self.due_by),
                self.in_flight is None or stands.in_flight == self.in_flight,
                self.held is None or stands.held == self.held,
                self.mail is None or has_mail == self.mail,
                not self.statuses or stands.status in self.statuses,
                not self.machines or kept.header.machine in self.machines,
                not self.shapes or kept.digests[0] in self.shapes,
            )
        )


@define(eq=False)
class Model:
    """A journal without bytes, tables and transactions."""

    runs: dict[str, Kept] = field(factory=dict[str, Kept])
    epochs: dict[str, int] = field(factory=dict[str, int])
    keys: dict[tuple[str, str], int] = field(factory=dict[tuple[str, str], int])
    boxes: dict[str, list[Delivery]] = field(factory=dict[str, list[Delivery]])
    cells: dict[str, Cell] = field(factory=dict[str, Cell])
    beside: dict[str, Beside] = field(factory=dict[str, Beside])
    outlines: dict[str, Outline] = field(factory=dict[str, Outline])

    def find(self, wanted: Wanted) -> list[tuple[str, Standing]]:
        """The runs that stand so, in the order of their ids."""
        fits = (
            (run, kept.standing)
            for run, kept in sorted(self.runs.items())
            if wanted.fits(kept, bool(self.boxes.get(run)))
        )
        return [one for one in fits if one[0] > wanted.after][: wanted.limit]

    def next_due(self, after: int) -> int | None:
        """When something is due next."""
        dues = [kept.standing.due or 0 for kept in self.runs.values()]
        return min((due for due in dues if due > after), default=None)

    def shapes(self) -> tuple[tuple[str, str], ...]:
        """Machines of which there are runs that are not over."""
        living = [kept for kept in self.runs.values() if kept.standing.status in LIVING]
        return tuple(sorted({(kept.header.machine, kept.digests[0]) for kept in living}))

    def machines(self) -> dict[str, tuple[str, str]]:
        """The machines of all runs."""
        return {run: (kept.header.machine, kept.digests[0]) for run, kept in self.runs.items()}

    def judge(self, batch: Sequence[Write]) -> tuple[Reasons, ...]:
        """Why each write of a batch may be refused; nothing if it must be written."""
        reasons: list[Reasons] = [set() for _ in batch]
        groups: dict[object, list[int]] = {}
        for place, write in enumerate(batch):
            groups.setdefault(write.together or place, []).append(place)
        for places in groups.values():
            group = [batch[place] for place in places]
            own = [self._reasons(write, group) for write in group]
            if any(own):
                for place, why in zip(places, own, strict=True):
                    reasons[place] = {"fenced"} if "fenced" in why else why or {"together"}
            for write in () if any(own) else group:
                self._write(write)
        return tuple(reasons)

    def deliver(self, deliveries: Iterable[Delivery]) -> tuple[Reasons, ...]:
        """Why each delivery must be refused; nothing if it is put into its box."""
        reasons: list[Reasons] = []
        for one in deliveries:
            taken = (one.run, one.key) in self.keys
            why = {"unknown"} if one.run not in self.runs else {"key"} if taken else set[str]()
            reasons.append(why)
            if not why:
                self._send(one)
        return tuple(reasons)

    def claim(self, run: str) -> int:
        """The next epoch of a run."""
        self.epochs[run] = self.epochs.get(run, 0) + 1
        return self.epochs[run]

    def cell(self, name: str) -> Cell:
        """A cell, written or not."""
        return self.cells.get(name, Cell(name))

    def _reasons(self, write: Write, group: Sequence[Write]) -> Reasons:
        why: Reasons = set()
        kept = self.runs.get(write.run)
        born = {other.run for other in group if other.header is not None}
        if write.epoch != self.epochs.get(write.run, 0):
            why.add("fenced")
        if write.header is not None and kept is not None:
            why.add("exists")
        if write.header is None and kept is None:
            why.add("unknown")
        if kept is not None and write.after != kept.head:
            why.add("head")
        here = {one.number: one for one in self.boxes.get(write.run, ())}
        if sorted(write.takes) != sorted({*write.takes} & here.keys()):
            why.add("inbox")
        if any(sent.run not in self.runs and sent.run not in born for sent in write.sends):
            why.add("unknown")
        earlier = group[: group.index(write)]
        if self._has_taken_keys(write, earlier, {here[n].key for n in write.takes if n in here}):
            why.add("key")
        if not self._are_present(write.cells, earlier):
            why.add("cell")
        return why

    def _has_taken_keys(self, write: Write, earlier: Sequence[Write], opened: set[str]) -> bool:
        """Whether a key of a write is taken; the key of a delivery goes over to the entry of its event."""
        taken = {key for other in earlier for key in _keys(other)}
        for place in _keys(write):
            number = self.keys.get(place)
            is_own = number == 0 and place[0] == write.run and place[1] in opened
            is_entry = any(entry.key == place[1] for entry in write.entries)
            if place in taken or (number is not None and not (is_own and is_entry)):
                return True
            taken.add(place)
        return False

    def _are_present(self, cells: Sequence[Cell], earlier: Sequence[Write]) -> bool:
        """Whether each cell has the version it is given with, when its turn comes."""
        versions: dict[str, int] = {}
        for cell in (cell for other in earlier for cell in other.cells):
            versions[cell.name] = cell.version + 1
        for cell in cells:
            if versions.get(cell.name, self.cell(cell.name).version) != cell.version:
                return False
            versions[cell.name] = cell.version + 1
        return True

    def _write(self, write: Write) -> None:
        kept = self.runs.get(write.run)
        if kept is None:
            assert write.header is not None
            opening = (0, write.header.hash)
            if write.header.origin is not None:
                assert write.checkpoint is not None
                opening = (write.checkpoint.seq, write.checkpoint.hash)
            kept = self.runs[write.run] = Kept(write.header, opening)
            kept.begins = None if write.header.origin is None else write.checkpoint
        box = self.boxes.setdefault(write.run, [])
        for one in [one for one in box if one.number in write.takes]:
            box.remove(one)
            del self.keys[one.run, one.key]
        for entry in write.entries:
            kept.entries.append(entry)
            if entry.key is not None:
                self.keys[write.run, entry.key] = entry.seq
        kept.checkpoint = write.checkpoint or kept.checkpoint
        kept.standing = write.standing or kept.standing
        kept.became = write.became or kept.became
        for sent in write.sends:
            self._send(sent)
        for cell in write.cells:
            self.cells[cell.name] = evolve(cell, version=cell.version + 1)
        self.beside.update((one.digest, one) for one in write.beside)
        self.outlines.update((one.digest, one) for one in write.outlines)

    def _send(self, delivery: Delivery) -> None:
        self.boxes.setdefault(delivery.run, []).append(evolve(delivery, beside=()))
        self.beside.update((one.digest, one) for one in delivery.beside)
        self.keys[delivery.run, delivery.key] = 0


def _keys(write: Write) -> list[tuple[str, str]]:
    """The keys that a write takes, in its own run and in others."""
    own = [(write.run, entry.key) for entry in write.entries if entry.key is not None]
    return [*own, *((sent.run, sent.key) for sent in write.sends)]
