"""A run in memory: its entries as bytes, what has no entries yet, and what of both is forgotten.

Rule 1: of entries and checkpoints only the bytes are kept, so that what is read is what was sealed.
Rule 2: the oldest entries are forgotten many at once, and only if a checkpoint says what the run was after them.
        What is forgotten before anybody has read it is never made: the chain goes on from the checkpoint.
Rule 3: the first entry is kept for ever: it says what the run began with.
Rule 4: a run that waits is small: there are a great many of them. What it is made of cannot be referred to weakly.
"""

from collections.abc import Iterable, Iterator, Sequence

from attrs import define, frozen

from detent.kernel.backlog import ALL, Backlog, Taken
from detent.kernel.entries import Checkpoint, Entry, Header, read_entry
from detent.kernel.errors import NoSuchEntry, Unstorable
from detent.kernel.facts import but
from detent.kernel.journal.protocol import Standing
from detent.kernel.vault import Beside

__all__ = ["Kept", "Link", "Need"]

Need = tuple[Beside, int]
"""What lies beside a log, and the number of the last entry that needs it."""

UNMADE = (0, "")
"""What the first entry follows, as long as there is no header with a hash."""


@frozen
class Link:
    """An entry or a checkpoint as bytes."""

    seq: int
    hash: str
    body: bytes


@define(eq=False, weakref_slot=False)
class Kept:
    """A run in memory. `most` is how many of its entries are kept at least; None: all of them."""

    header: Header
    most: int | None = None
    opening: tuple[int, str] = UNMADE
    """The number and the hash of what the oldest entry that is kept follows."""
    entries: list[Link] | None = None
    stands: Standing = Standing()
    due: int | None = None
    checkpoint: Link | None = None
    keys: dict[str, int] | None = None
    needs: dict[str, int] | None = None
    """What lies beside the log, by digest, with the last entry that needs it."""
    backlog: Backlog | None = None
    first: Link | None = None
    """The first entry, if those after it have been forgotten."""
    became: tuple[str, str] | None = None
    """The digests of its machine, if they are no longer those of the header."""

    @property
    def digests(self) -> tuple[str, str]:
        """The shape and the rules of its machine now."""
        return self.became or (self.header.shape, self.header.rules)

    @property
    def links(self) -> Sequence[Link]:
        """The entries that are kept and made. A run that waits has none that are."""
        return self.entries or ()

    @property
    def head(self) -> tuple[int, str]:
        """The number and the hash of the last entry that was made."""
        last = self.entries[-1] if self.entries else None
        return self.opening if last is None else (last.seq, last.hash)

    @property
    def standing(self) -> Standing:
        """How it stands: what is common to many runs is kept once."""
        return self.stands if self.due is None else but(self.stands, due=self.due)

    @property
    def place(self) -> tuple[int, str]:
        """Where the run is: without a hash, as long as its last entry has not been made."""
        waiting = 0 if self.backlog is None else self.backlog.seq
        return (waiting, "") if waiting else self.head

    # -- writing

    def add(self, entries: Iterable[Entry]) -> None:
        """Keep entries."""
        for entry in entries:
            self._link(entry)
            self.take(entry.key, entry.seq)

    def _link(self, entry: Entry) -> None:
        self.entries = self.entries or []
        self.entries.append(Link(entry.seq, entry.hash, entry.body))

    def stand(self, standing: Standing, common: dict[Standing, Standing]) -> None:
        """How it stands from now on, with those of all runs that nothing is due of."""
        self.due = standing.due
        stands = standing if standing.due is None else but(standing, due=None)
        self.stands = common.setdefault(stands, stands)

    def mark(self, made: Checkpoint | None) -> None:
        """Keep a checkpoint instead of the one before, if there is one."""
        if made is not None:
            self.checkpoint = Link(made.seq, made.hash, made.body)

    def follow(self, backlog: Backlog, taken: Iterable[Taken]) -> None:
        """Keep what is made into entries when somebody reads it."""
        for one in taken:
            backlog.taken.append(one)
            if one.key is not None:
                self.take(one.key, one.after.seq)

    def wait(self, backlog: Backlog) -> None:
        """Make entries when somebody reads them."""
        self.backlog = backlog
        if self.most is not None:
            backlog.most = self.most + self._block

    def take(self, key: str | None, seq: int) -> None:
        """An entry takes a key, if it has one."""
        if key is not None:
            self.keys = self.keys or {}
            self.keys[key] = seq

    def need(self, digest: str, seq: int) -> bool:
        """An entry needs something that lies beside the log: whether it is the first one that does."""
        self.needs = self.needs or {}
        is_first = digest not in self.needs
        self.needs[digest] = seq
        return is_first

    # -- reading

    def taken(self, key: str) -> int | None:
        """The entry that took a key."""
        return None if self.keys is None else self.keys.get(key)

    def needed(self, start: int) -> list[str]:
        """The digests of what an entry, or one after it, needs."""
        return [digest for digest, seq in (self.needs or {}).items() if seq >= start]

    def read(self, after: int, limit: int) -> tuple[Entry, ...]:
        """The entries after one, as `entries` of a journal. Raises NoSuchEntry if they were forgotten."""
        if self.first is not None and after < self.opening[0]:
            if after < self.first.seq and limit == 1:
                return (read_entry(self.first.body, self.first.hash),)
            raise NoSuchEntry(
                f"run {self.header.run!r}: the entries up to {self.opening[0]} were forgotten, as "
                f"MemoryJournal(entries={self.most}) says; read on after {self.opening[0]}"
            )
        return self.later(after, limit)

    def later(self, seq: int, limit: int | None = None) -> tuple[Entry, ...]:
        """The entries after one, as far as they are kept."""
        start = max(0, seq - self.opening[0])
        links = self.links[start:][:limit]
        return tuple(read_entry(link.body, link.hash) for link in links)

    def make(self, backlog: Backlog) -> Iterator[Need]:
        """Make the entries of all that has happened; what lies beside them."""
        self._open(backlog)
        for recorded in backlog.sealed():
            entry = recorded.entry
            self._link(entry)
            self.mark(recorded.checkpoint)
            for one in (*recorded.beside, *recorded.under):
                yield one, entry.seq

    def _open(self, backlog: Backlog) -> None:
        """See to it that there is a header to which entries can be chained."""
        if not self.header.hash:
            self.header = backlog.open()
            self.opening = (0, self.header.hash)

    # -- forgetting

    @property
    def _block(self) -> int:
        """How many entries are forgotten at once, at least."""
        return 1 + (self.most or 0) // 4

    @property
    def is_full(self) -> bool:
        """Whether there are many more entries than are to be kept."""
        waiting = 0 if self.backlog is None else len(self.backlog.taken)
        return self.most is not None and len(self.links) + waiting >= self.most + self._block

    def forget(self) -> Iterator[Need]:
        """Forget the oldest entries; what lies beside a new checkpoint."""
        most, backlog = self.most or 0, self.backlog
        waiting = 0 if backlog is None else len(backlog.taken)
        if backlog is None or waiting <= most:
            self._drop(most - waiting)
        else:
            yield from self._skip(backlog, waiting - most)

    def _skip(self, backlog: Backlog, count: int) -> Iterator[Need]:
        """Forget all entries, and the oldest of what has none."""
        self._open(backlog)
        try:
            if self.first is None:
                self.first = self.entries[0] if self.entries else _first(backlog)
            made, beside = backlog.skip(count)
        except Unstorable:  # whoever reads the run is told; it is kept as it is
            backlog.most = ALL
            self.most = None
            return
        self.entries = None
        self.mark(made)
        self.opening = (made.seq, made.hash)
        for one in beside:
            yield one, made.seq

    def _drop(self, most: int) -> None:
        """Forget the oldest entries, as far as a checkpoint covers them."""
        opened = self.opening[0]
        covered = 0 if self.checkpoint is None else self.checkpoint.seq - opened
        count = min(len(self.links) - most, covered)
        if self.entries and count > 0:
            self.first = self.first or self.entries[0]
            last = self.entries[count - 1]
            self.opening = (last.seq, last.hash)
            del self.entries[:count]

    def needless(self, opening: Checkpoint | None = None) -> list[str]:
        """The digests of what lies beside entries that were forgotten, and is needed by no others.

        The first entry needs its own, and so does what a fork begins with.
        """
        if self.first is None or self.checkpoint is None or self.needs is None:
            return []
        start = min(self.opening[0] + 1, self.checkpoint.seq)
        lines = self.first.body + (b"" if opening is None else opening.body)
        gone = [
            digest
            for digest, seq in self.needs.items()
            if self.first.seq < seq < start and digest.encode() not in lines
        ]
        for digest in gone:
            del self.needs[digest]
        return gone


def _first(backlog: Backlog) -> Link:
    entry = backlog.first().entry
    return Link(entry.seq, entry.hash, entry.body)
