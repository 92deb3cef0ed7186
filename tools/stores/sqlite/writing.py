"""What is written into a file: whether it may be, and how.

Rule 1: a write is judged by what the file holds at that moment, inside the transaction that writes it, in the order
        that the memory journal judges in.
Rule 2: where a run is, is remembered while this connection is the only one that appends; after anything but a commit
        it is forgotten, and read again.
Rule 3: most writes are one entry: those take one statement, which is its own transaction.
The file is long because judging and writing look at the same rows.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import define, field

from detent.kernel import (
    Beside,
    Cell,
    Committed,
    Conflict,
    ConflictKind,
    DamagedStore,
    Delivery,
    Entry,
    Fenced,
    Header,
    Standing,
    Verdict,
    Write,
    needs_of,
    spelled,
)
from detent.tools.stores.sqlite.finding import LIVING, stands_well
from detent.tools.stores.sqlite.reading import PLACE, Base, hex_of, packed, sound
from detent.tools.stores.sqlite.schema import ENTRIES

__all__ = ["Clerk"]

REMEMBERED = 10_000  # runs: a few hundred bytes each

RUN = """
    SELECT id, epoch, status, in_flight, held, seq, hash, machine, due FROM runs WHERE run = ?
"""
LAST = "SELECT id, hash FROM entries WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1"
BEGIN = """
    INSERT INTO runs (run, machine, epoch, status, due, in_flight, held, is_over, seq, hash, header)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
ENTRY = "INSERT INTO entries VALUES (?, ?, ?)"
CHECKPOINT = "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)"
OPENING = "INSERT INTO openings VALUES (?, ?, ?)"
KEY = "INSERT INTO keys VALUES (?, ?, ?)"
TAKEN = """
    SELECT seq FROM keys WHERE run = ? AND key = ?
    UNION ALL SELECT 0 FROM inbox WHERE run = ? AND key = ?
"""
SEND = "INSERT INTO inbox (run, key, event) VALUES (?, ?, ?)"
CELL = "INSERT OR REPLACE INTO cells VALUES (?, ?, ?)"
BESIDE = """
    INSERT INTO beside (digest, is_sealed, body) VALUES (?, ?, ?)
    ON CONFLICT (digest) DO UPDATE SET is_sealed = excluded.is_sealed, body = excluded.body
    WHERE body IS NULL
"""
NEED = "INSERT OR IGNORE INTO needs SELECT ?, ?, id FROM beside WHERE digest = ?"
MACHINE = "SELECT id FROM machines WHERE name = ? AND shape = ? AND rules = ?"
ERASE = "UPDATE beside SET body = NULL WHERE digest = ? AND is_sealed = 1 AND body IS NOT NULL"


@define(eq=False)
class Known:
    """Where a run is, and how it stands."""

    number: int
    epoch: int
    stands: Standing
    machine: int
    seq: int
    hash: str

    @property
    def head(self) -> tuple[int, str]:
        """The number and the hash of the entry that the next one follows."""
        return self.seq, self.hash


@define(eq=False)
class Group:
    """What is all or none, as far as it has been judged."""

    born: set[str]
    taken: set[tuple[str, str]] = field(factory=set[tuple[str, str]])
    versions: dict[str, int] = field(factory=dict[str, int])

    def add(self, write: Write) -> None:
        """What a write takes, be it refused or not."""
        self.taken.update(
            (write.run, entry.key) for entry in write.entries if entry.key is not None
        )
        self.taken.update((sent.run, sent.key) for sent in write.sends)
        self.versions.update({cell.name: cell.version + 1 for cell in write.cells})


class Clerk:
    """Writes by one connection, which is the only one that appends if it `remembers`."""

    def __init__(self, base: Base, *, remembers: bool) -> None:
        self._base = base
        self._remembers = remembers
        self._runs: dict[str, Known] = {}
        self._rows: list[tuple[int, bytes, bytes]] = []
        self._machines: dict[tuple[str, str, str], int] = {}
        self._outlines: set[str] = set()
        self.numbers: list[int] = []
        """The numbers of what was put into inboxes by this connection, since somebody looked; if it remembers."""
        self.has_erased = False
        """Whether what was erased may still be in the write-ahead log."""

    @contextmanager
    def by(self, base: Base) -> Generator[None]:
        """Write by another connection, in a block."""
        own, self._base = self._base, base
        try:
            yield
        finally:
            self._base = own

    def forget(self) -> None:
        """Read again what was remembered: something may not have been written."""
        self._rows.clear()
        self._runs.clear()
        self._machines.clear()
        self._outlines.clear()

    # -- what is asked of it, inside a transaction

    def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal. Call `flush` before the transaction ends."""
        verdicts: dict[str, Verdict] = {}
        marked: dict[str, list[Write]] = {}
        for write in batch:
            if write.together is not None:
                marked.setdefault(write.together, []).append(write)
        for write in batch:
            if write.together is not None:
                group = marked.pop(write.together, ())
                said = self._all_or_none(group)
                verdicts |= {write.run: one for write, one in zip(group, said, strict=True)}
                continue
            row = self._plain(write)
            if row is None:
                verdicts[write.run] = self._all_or_none((write,))[0]
            else:
                self._rows.append(row)
                verdicts[write.run] = Committed(write.entries[0].seq, write.entries[0].hash)
        return tuple([verdicts[write.run] for write in batch])

    def flush(self) -> None:
        """Write what is written together."""
        if self._rows:
            self._base.executemany(ENTRY, self._rows)
            self._rows.clear()

    def quick(self, write: Write, base: Base | None = None) -> Verdict | None:
        """Write one entry that nothing goes along with, in a transaction of its own; None if there is more to it.

        By another connection if one is given.
        """
        row = self._plain(write)
        if row is None:
            return None
        (base or self._base).execute(ENTRY, row)
        return Committed(write.entries[0].seq, write.entries[0].hash)

    def _all_or_none(self, group: Sequence[Write]) -> list[Verdict]:
        """Write some, or none of them: one verdict for each."""
        judged = Group({write.run for write in group if write.header is not None})
        refused: dict[str, Verdict] = {}
        for write in group:
            why = self._refusal(write, judged)
            if why is not None:
                refused[write.run] = why
            if len(group) > 1:
                judged.add(write)
        if refused:
            return [
                refused.get(write.run) or self._conflict("together", write.run) for write in group
            ]
        for write in group:
            if write.header is not None:  # others of the group may send to it
                self._begin(write, write.header)
        return [self._write(write) for write in group]

    def deliver(self, deliveries: Iterable[Delivery]) -> tuple[Verdict, ...]:
        """See Journal."""
        return tuple(map(self._deliver, deliveries))

    def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """See Journal."""
        claimed: dict[str, int] = {}
        for run in runs:
            known = self._known(run)
            if known is None:
                epoch = self._claimed(run) + 1
                self._base.execute("INSERT OR REPLACE INTO claims VALUES (?, ?)", (run, epoch))
            else:
                epoch = known.epoch = known.epoch + 1
                asked = "UPDATE runs SET epoch = ? WHERE id = ?"
                self._base.execute(asked, (epoch, known.number))
            claimed[run] = epoch
        return claimed

    def erase(self, digests: Iterable[str]) -> int:
        """See Journal. What is freed is overwritten; it may still be in the write-ahead log."""
        self._base.execute("PRAGMA secure_delete = ON").fetchall()
        count = sum(self._base.execute(ERASE, (packed(one),)).rowcount for one in digests)
        self._base.execute("PRAGMA secure_delete = FAST").fetchall()
        self.has_erased = self.has_erased or count > 0
        return count

    def _plain(self, write: Write) -> tuple[int, bytes, bytes] | None:
        """The row of a write of one entry that nothing goes along with, if it is such and follows the last one."""
        if (
            len(write.entries) != 1
            or write.standing is not None
            or write.entries[0].key is not None
            or write.takes
            or write.sends
            or write.beside
            or write.cells
            or write.header is not None
            or write.checkpoint is not None
            or write.became is not None
            or write.outlines
        ):
            return None
        known = self._runs.get(write.run)
        if known is None or known.epoch != write.epoch or (known.seq, known.hash) != write.after:
            return None
        entry = write.entries[0]
        known.seq, known.hash = entry.seq, entry.hash
        return known.number * ENTRIES + entry.seq, bytes.fromhex(entry.hash), entry.body

    # -- whether it may be written

    def _refusal(self, write: Write, group: Group) -> Verdict | None:
        known = self._known(write.run)
        owner = self._claimed(write.run) if known is None else known.epoch
        kind: ConflictKind
        if write.epoch != owner:
            return Fenced(owner)
        if write.header is not None and known is not None:
            kind = "exists"
        elif write.header is None and known is None:
            kind = "unknown"
        elif known is not None and write.after != (known.seq, known.hash):
            kind = "head"
        elif (opened := self._opened(write, known)) is None:
            kind = "inbox"
        elif any(sent.run not in group.born and not self._known(sent.run) for sent in write.sends):
            kind = "unknown"
        elif not self._are_free(write, group.taken, opened):
            kind = "key"
        elif not self._are_present(write.cells, group.versions):
            kind = "cell"
        else:
            return None
        return self._conflict(kind, write.run)

    def _opened(self, write: Write, known: Known | None) -> set[str] | None:
        """The keys of the deliveries that a write takes; None if one of them does not wait there."""
        opened: set[str] = set()
        if not write.takes:
            return opened
        if known is None or len(set(write.takes)) < len(write.takes):
            return None
        asked = "SELECT key FROM inbox WHERE number = ? AND run = ?"
        for number in write.takes:
            row = self._base.execute(asked, (number, known.number)).fetchone()
            if row is None:
                return None
            opened.add(row[0])
        return opened

    def _are_free(self, write: Write, taken: set[tuple[str, str]], opened: set[str]) -> bool:
        """Whether nobody has taken the keys of a write; that of a delivery goes over to the entry of its event."""
        own = [(write.run, entry.key) for entry in write.entries if entry.key is not None]
        if not own and not write.sends:
            return True
        seen = set(taken)
        for place, mine in enumerate((*own, *((sent.run, sent.key) for sent in write.sends))):
            known = self._taken(*mine)
            is_own = place < len(own) and known == 0 and mine[1] in opened
            if mine in seen or (known is not None and not is_own):
                return False
            seen.add(mine)
        return True

    def _are_present(self, cells: Sequence[Cell], versions: Mapping[str, int]) -> bool:
        """Whether each cell has the version it is given with, when its turn comes."""
        now = dict(versions)
        for cell in cells:
            if cell.name not in now:
                asked = "SELECT version FROM cells WHERE name = ?"
                row = self._base.execute(asked, (cell.name,)).fetchone()
                now[cell.name] = 0 if row is None else row[0]
            if now[cell.name] != cell.version:
                return False
            now[cell.name] += 1
        return True

    # -- writing it

    def _write(self, write: Write) -> Verdict:
        known = self._known(write.run)
        assert known is not None  # who is not there was refused, or has begun
        if write.entries:
            self._enter(known, write.entries)
        if write.checkpoint is not None:
            made = write.checkpoint
            row = (known.number, made.seq, bytes.fromhex(made.hash), made.body)
            self._base.execute(CHECKPOINT, row)
        if write.standing is not None and write.standing != known.stands:
            self._stand(known, write.standing)
        if write.became is not None:
            name = "SELECT name FROM machines WHERE id = ?"
            (machine,) = self._base.execute(name, (known.machine,)).fetchone()
            known.machine = self._machine(machine, *write.became)
            asked = "UPDATE runs SET machine = ? WHERE id = ?"
            self._base.execute(asked, (known.machine, known.number))
        for number in write.takes:
            self._base.execute("DELETE FROM inbox WHERE number = ?", (number,))
        for sent in write.sends:
            self._put(sent)
        for cell in write.cells:
            self._base.execute(CELL, (cell.name, spelled(cell.value), cell.version + 1))
        if write.beside:
            self._lay(known, write.beside, needs_of(write))
        for outline in write.outlines:
            if outline.digest not in self._outlines:
                said = (outline.digest, outline.text)
                self._base.execute("INSERT OR IGNORE INTO outlines VALUES (?, ?)", said)
                self._outlines.add(outline.digest)
        return Committed(known.seq, known.hash)

    def _begin(self, write: Write, header: Header) -> None:
        """A new run, without its entries."""
        stands = write.standing or Standing()
        opening = (0, header.hash)
        if header.origin is not None and write.checkpoint is not None:
            opening = (write.checkpoint.seq, write.checkpoint.hash)
        machine = self._machine(header.machine, header.shape, header.rules)
        standing = (stands.status, stands.due, stands.in_flight, stands.held)
        is_over = stands.status not in LIVING
        lines = (is_over, opening[0], packed(opening[1]), header.body)
        row = (write.run, machine, write.epoch, *standing, *lines)
        number = self._base.execute(BEGIN, row).lastrowid
        assert number is not None  # a row was inserted
        if write.epoch:
            self._base.execute("DELETE FROM claims WHERE run = ?", (write.run,))
        if opening[0] and write.checkpoint is not None:
            made = (number, packed(write.checkpoint.hash), write.checkpoint.body)
            self._base.execute(OPENING, made)
        self._remembered(write.run, Known(number, write.epoch, stands, machine, *opening))

    def _enter(self, known: Known, entries: Sequence[Entry]) -> None:
        first = known.number * ENTRIES
        rows = [(first + one.seq, bytes.fromhex(one.hash), one.body) for one in entries]
        if len(rows) == 1:
            self._base.execute(ENTRY, rows[0])
        else:
            self._base.executemany(ENTRY, rows)
        for entry in entries:
            if entry.key is not None:
                self._base.execute(KEY, (known.number, entry.key, entry.seq))
        known.seq, known.hash = entries[-1].seq, entries[-1].hash

    def _stand(self, known: Known, stands: Standing) -> None:
        """Write what has changed of how a run stands, so that no index is written whose answer has not."""
        old, new = known.stands, stands
        columns: list[str] = []
        values: list[Any] = []
        is_over = new.status not in LIVING
        for name, was, now in (
            ("status", old.status, new.status),
            ("due", old.due, new.due),
            ("in_flight", old.in_flight, new.in_flight),
            ("held", old.held, new.held),
            ("is_over", old.status not in LIVING, is_over),
        ):
            if was != now:
                columns.append(f"{name} = ?")
                values.append(now)
        asked = f"UPDATE runs SET {', '.join(columns)} WHERE id = ?"
        self._base.execute(asked, (*values, known.number))
        known.stands = new

    def _lay(self, known: Known, beside: Iterable[Beside], needs: Mapping[str, int]) -> None:
        """Keep what lies beside a log, with the entry that needs it."""
        for one in beside:
            digest = packed(one.digest)
            self._base.execute(BESIDE, (digest, one.is_sealed, one.body))
            self._base.execute(NEED, (known.number, needs[one.digest], digest))

    def _machine(self, *named: str) -> int:
        """The number of a machine, by name, shape and rules."""
        name, shape, rules = named
        number = self._machines.get((name, shape, rules))
        if number is None:
            row = self._base.execute(MACHINE, named).fetchone()
            if row is None:
                asked = "INSERT INTO machines (name, shape, rules) VALUES (?, ?, ?)"
                number = self._base.execute(asked, named).lastrowid
                assert number is not None  # a row was inserted
            else:
                number = int(row[0])
            self._machines[name, shape, rules] = number
        return number

    def _deliver(self, delivery: Delivery) -> Verdict:
        known = self._known(delivery.run)
        if known is None:
            return Conflict("unknown")
        if self._taken(delivery.run, delivery.key) is not None:
            return Conflict("key", *known.head)
        self._put(delivery)
        return Committed(*known.head)

    def _put(self, delivery: Delivery) -> None:
        known = self._known(delivery.run)
        assert known is not None  # what is for nobody was refused
        row = (known.number, delivery.key, spelled(delivery.event))
        number = self._base.execute(SEND, row).lastrowid
        self._lay(known, delivery.beside, {one.digest: known.seq for one in delivery.beside})
        assert number is not None  # a row was inserted
        if self._remembers:
            self.numbers.append(number)

    # -- what is known

    def _known(self, run: str) -> Known | None:
        """Where a run is, if it is there."""
        known = self._runs.get(run)
        if known is not None:
            return known
        self.flush()
        row = self._base.execute(RUN, (run,)).fetchone()
        if row is None:
            return None
        number, epoch, status, in_flight, held, seq, hash, machine, due = row
        if not sound(row, *PLACE, int) or not stands_well(status, due):
            raise DamagedStore(f"how run {run!r} stands is not as it was written")
        first = number * ENTRIES
        last = self._base.execute(LAST, (first, first + ENTRIES)).fetchone()
        if last is not None:
            seq, hash = last[0] - first, last[1]
        stands = Standing(status, due, bool(in_flight), bool(held))
        return self._remembered(run, Known(number, epoch, stands, machine, seq, hex_of(hash)))

    def _remembered(self, run: str, known: Known) -> Known:
        if self._remembers:
            if len(self._runs) >= REMEMBERED:
                del self._runs[next(iter(self._runs))]
            self._runs[run] = known
        return known

    def _claimed(self, run: str) -> int:
        """The epoch of a run that is not there."""
        row = self._base.execute("SELECT epoch FROM claims WHERE run = ?", (run,)).fetchone()
        return 0 if row is None else int(row[0])

    def _taken(self, run: str, key: str) -> int | None:
        known = self._known(run)
        if known is None:
            return None
        row = self._base.execute(TAKEN, (known.number, key) * 2).fetchone()
        return None if row is None else int(row[0])

    def _conflict(self, kind: ConflictKind, run: str) -> Conflict:
        known = self._known(run)
        return Conflict(kind, *((0, "") if known is None else known.head))
