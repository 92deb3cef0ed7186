"""The journal that is forgotten with the process: the reference that every store is held to.

Rule 1: it forgets what it was told to forget, runs that have ended and the oldest entries, and nothing else.
The file is long because a journal does much, and all of it is done to the same few dictionaries.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import evolve

from detent.kernel.backlog import ALL, Backlog
from detent.kernel.entries import Checkpoint, Entry, read_checkpoint
from detent.kernel.errors import NoSuchRun, WrongInput
from detent.kernel.journal.dues import Dues
from detent.kernel.journal.kept import Kept, Need
from detent.kernel.journal.protocol import (
    Cell,
    Committed,
    Conflict,
    ConflictKind,
    Delivery,
    Fenced,
    Loaded,
    RunStatus,
    Standing,
    Verdict,
    Write,
    needs_of,
)
from detent.kernel.table import Outline
from detent.kernel.vault import Beside

__all__ = ["MemoryJournal"]


LIVING: frozenset[RunStatus] = frozenset(
    {"waiting", "changed", "inert", "running", "parked", "ending"}
)


class MemoryJournal:
    """A journal that is forgotten with the process: the reference that every store is held to.

    Of runs that have ended it keeps the `ended` latest, with all inside them; of those inside one run as many again.
    Of each run it keeps the latest `entries` at least, and up to a quarter more, and the first; those before are
    forgotten as soon as a checkpoint covers them. None is all of them. A watcher who wants entries that were forgotten
    is told so (NoSuchEntry), who has not read an ended run in time that there is none (NoSuchRun); such a run can be
    replayed from what is kept on, and not from its beginning. Keys are kept as long as their run.
    """

    has_backlogs = True
    at_once: Callable[[Write], Verdict | None] | None = None

    def __init__(self, *, ended: int | None = 1_000, entries: int | None = None) -> None:
        for name, most in (("ended", ended), ("entries", entries)):
            if most is not None and (type(most) is not int or most < 1):
                raise WrongInput(f"MemoryJournal({name}={most!r}): it is None, or a number from 1")
        self._most_ended = ended
        self._most_entries = entries
        self._runs: dict[str, Kept] = {}
        self._ended: dict[str, dict[str, None]] = {}
        self._users: Counter[str] = Counter()
        self._inboxes: dict[str, dict[int, Delivery]] = {}
        self._cells: dict[str, Cell] = {}
        self._openings: dict[str, Checkpoint] = {}
        self._beside: dict[str, Beside] = {}
        self._outlines: dict[str, Outline] = {}
        self._epochs: dict[str, int] = {}
        self._standings: dict[Standing, Standing] = {}
        self._dues = Dues(self._is_due)
        self._delivered = 0
        self._listeners: list[Callable[[str], None]] = []

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        if len(batch) == 1:
            return (self._alone(batch[0]),)
        if len({write.run for write in batch}) != len(batch):
            raise WrongInput("a batch names each run once")
        groups: dict[str, list[Write]] = {}
        for write in batch:
            mark = f"run {write.run}" if write.together is None else f"mark {write.together}"
            groups.setdefault(mark, []).append(write)
        verdicts: dict[str, Verdict] = {}
        for group in groups.values():
            refused = self._refusals(group)
            for write in () if refused else group:  # others of the group may send to it
                self._begin(write)
            for write in group:
                if refused:
                    verdicts[write.run] = refused.get(write.run) or self._conflict(
                        "together", write.run
                    )
                else:
                    verdicts[write.run] = self._write(write)
        return tuple(verdicts[write.run] for write in batch)

    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """See Journal."""
        claimed: dict[str, int] = {}
        for run in runs:
            epoch = self._epochs.get(run, 0) + 1
            claimed[run] = self._epochs[run] = epoch
            backlog = self.backlog(run)
            if backlog is not None:
                backlog.epoch = epoch
        return claimed

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        kept = self._made(run)
        if kept is None:
            return None
        link = kept.checkpoint
        checkpoint = None if link is None else read_checkpoint(link.body, link.hash)
        epoch = self._epochs.get(run, 0)
        start = 0 if link is None else link.seq
        entries = kept.later(start)
        beside = await self.beside(kept.needed(start))
        parts = (kept.header, epoch, kept.standing, kept.head, checkpoint, entries)
        return Loaded(*parts, beside, kept.digests)

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """See Journal."""
        return self._run(run).read(after, limit)

    async def opening(self, run: str) -> Checkpoint | None:
        """See Journal."""
        return self._openings.get(run)

    async def holds(self, run: str, seq: int, hash: str) -> bool:
        """See Journal."""
        kept = self._made(run)
        place = -1 if kept is None else seq - kept.opening[0] - 1
        links = () if kept is None or place < 0 else kept.links[place : place + 1]
        return any(link.hash == hash for link in links)

    async def taken(self, run: str, key: str) -> int | None:
        """See Journal."""
        return self._taken(run, key)

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
        """See Journal."""
        wanted, served, shaped = frozenset(statuses), frozenset(machines), frozenset(shapes)
        found: list[tuple[str, Standing]] = []
        some: Iterable[str] = self._runs
        if due_by is not None:
            some = self._dues.until(due_by) & self._runs.keys()
        elif mail:
            some = self._inboxes.keys() & self._runs.keys()
        for run in sorted(run for run in some if run > after):
            kept = self._runs[run]
            stands = kept.standing
            if (
                (due_by is None or (stands.due is not None and stands.due <= due_by))
                and in_flight in (None, stands.in_flight)
                and held in (None, stands.held)
                and (not wanted or stands.status in wanted)
                and (mail is None or bool(self._inboxes.get(run)) is mail)
                and (not served or kept.header.machine in served)
                and (not shaped or kept.digests[0] in shaped)
            ):
                found.append((run, stands))
        return tuple(found[:limit])

    async def next_due(self, after: int) -> int | None:
        """See Journal."""
        return self._dues.after(after)

    async def shapes(self) -> tuple[tuple[str, str], ...]:
        """See Journal."""
        living = (kept for kept in self._runs.values() if kept.standing.status in LIVING)
        return tuple(sorted({(kept.header.machine, kept.digests[0]) for kept in living}))

    async def machines(self, runs: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """See Journal."""
        found = {run: self._runs[run] for run in runs if run in self._runs}
        return {run: (kept.header.machine, kept.digests[0]) for run, kept in found.items()}

    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """See Journal."""
        verdicts = tuple(map(self._deliver, deliveries))
        for delivery, verdict in zip(deliveries, verdicts, strict=True):
            if isinstance(verdict, Committed):
                for heard in self._listeners:
                    heard(delivery.run)
        return verdicts

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Journal."""
        self._listeners.append(heard)

    async def inbox(self, run: str) -> tuple[Delivery, ...]:
        """See Journal."""
        return tuple(self._inboxes.get(run, {}).values())

    async def cells(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """See Journal."""
        return tuple(self._cells.get(name, Cell(name)) for name in names)

    async def beside(self, digests: Iterable[str]) -> Mapping[str, Beside]:
        """See Journal."""
        return {digest: self._beside[digest] for digest in digests if digest in self._beside}

    async def erase(self, digests: Iterable[str]) -> int:
        """See Journal."""
        sealed = [d for d in set(digests) if d in self._beside and self._beside[d].is_sealed]
        for digest in sealed:
            del self._beside[digest]
        return len(sealed)

    async def outline(self, digest: str) -> Outline | None:
        """See Journal."""
        return self._outlines.get(digest)

    # -- one group

    def _alone(self, write: Write) -> Verdict:
        """One write: what is said of most of them is said quickly."""
        born = set[str]() if write.header is None else {write.run}
        return self._refusal(write, born, set(), {}) or self._write(write)

    def _refusals(self, group: Sequence[Write]) -> dict[str, Verdict]:
        """Why the writes of a group cannot be made, by run: each after those before it, be they refused or not."""
        refused: dict[str, Verdict] = {}
        taken: set[tuple[str, str]] = set()
        born = {write.run for write in group if write.header is not None}
        versions: dict[str, int] = {}
        for write in group:
            why = self._refusal(write, born, taken, versions)
            if why is not None:
                refused[write.run] = why
            taken.update(_keys(write))
            versions.update({cell.name: cell.version + 1 for cell in write.cells})
        return refused

    def _refusal(
        self,
        write: Write,
        born: set[str],
        taken: set[tuple[str, str]],
        versions: dict[str, int],
    ) -> Verdict | None:
        kept, owner = self._runs.get(write.run), self._epochs.get(write.run, 0)
        inbox = self._inboxes.get(write.run, {})
        takes = set(write.takes)
        kind: ConflictKind
        if write.epoch != owner:
            return Fenced(owner)
        if write.header is not None and kept is not None:
            kind = "exists"
        elif write.header is None and kept is None:
            kind = "unknown"
        elif kept is not None and not _follows(write, kept):
            kind = "head"
        elif len(takes) < len(write.takes) or not takes <= inbox.keys():
            kind = "inbox"
        elif any(sent.run not in self._runs and sent.run not in born for sent in write.sends):
            kind = "unknown"
        elif not self._are_free(write, taken, {inbox[number].key for number in write.takes}):
            kind = "key"
        elif not self._are_present(write.cells, versions):
            kind = "cell"
        else:
            return None
        return self._conflict(kind, write.run)

    def _are_free(self, write: Write, taken: set[tuple[str, str]], waiting: set[str]) -> bool:
        """Whether nobody has taken the keys of a write; that of a delivery goes over to the entry of its event."""
        seen = set(taken)
        entered = len(_own_keys(write))
        for place, mine in enumerate(_keys(write)):
            known = self._taken(*mine)
            is_own = place < entered and known == 0 and mine[1] in waiting
            if mine in seen or (known is not None and not is_own):
                return False
            seen.add(mine)
        return True

    def _are_present(self, cells: Sequence[Cell], versions: Mapping[str, int]) -> bool:
        """Whether each cell has the version it is given with, when its turn comes."""
        now = dict(versions)
        for cell in cells:
            present = self._cells.get(cell.name, Cell(cell.name)).version
            if now.get(cell.name, present) != cell.version:
                return False
            now[cell.name] = cell.version + 1
        return True

    def _begin(self, write: Write) -> Kept:
        """The run of a write, begun if it is new, without its entries."""
        kept = self._runs.get(write.run)
        if kept is not None or write.header is None:
            return self._runs[write.run]
        first = write.checkpoint if write.header.origin is not None else None
        kept = self._runs[write.run] = Kept(write.header, self._most_entries)
        if first is not None:
            kept.opening = (first.seq, first.hash)
            self._openings[write.run] = read_checkpoint(first.body, first.hash)
        elif write.header.hash:
            kept.opening = (0, write.header.hash)
        return kept

    def _write(self, write: Write) -> Verdict:
        kept = self._begin(write)
        if write.backlog is not None:
            kept.wait(write.backlog)
        if write.later and kept.backlog is not None:
            kept.follow(kept.backlog, write.later)
        elif write.entries:
            self._made(write.run)
        kept.add(write.entries)
        kept.mark(write.checkpoint)
        kept.became = write.became or kept.became
        for number in write.takes:
            del self._inboxes[write.run][number]
        for sent in write.sends:
            self._put(sent)
        for cell in write.cells:
            self._cells[cell.name] = evolve(cell, version=cell.version + 1)
        if write.beside:
            needs = needs_of(write)
            self._lay(kept, ((one, needs[one.digest]) for one in write.beside))
        self._outlines.update({outline.digest: outline for outline in write.outlines})
        if kept.is_full:
            self._lay(kept, kept.forget())
            self._clear(kept.needless(self._openings.get(write.run)))
        if write.standing is not None:
            self.stand(write.run, write.standing)
        return Committed(*kept.place)

    def _is_due(self, due: int, run: str) -> bool:
        """Whether something of a run is due at a time."""
        kept = self._runs.get(run)
        return kept is not None and kept.due == due

    def _lay(self, kept: Kept, beside: Iterable[Need]) -> None:
        """Keep what lies beside a log, with the entry that needs it."""
        for one, seq in beside:
            self._users[one.digest] += kept.need(one.digest, seq)
            self._beside[one.digest] = one

    def _clear(self, digests: Iterable[str]) -> None:
        """A run no longer needs what lies beside its log; forget what nobody needs."""
        for digest in digests:
            self._users[digest] -= 1
            if not self._users[digest]:
                del self._users[digest]
                self._beside.pop(digest, None)

    def _end(self, run: str) -> None:
        """A run has ended: those that did long before it are forgotten."""
        ended = self._ended.setdefault(run.rpartition("/")[0], {})
        ended[run] = None
        if self._most_ended is not None and len(ended) > self._most_ended:
            oldest = next(iter(ended))
            del ended[oldest]
            self._forget(oldest)

    def _forget(self, run: str) -> None:
        """Forget a run, and those inside it."""
        self._clear(self._runs.pop(run).needed(0))
        self._inboxes.pop(run, None)
        self._epochs.pop(run, None)
        self._openings.pop(run, None)
        for child in self._ended.pop(run, ()):
            self._forget(child)

    def stand(self, run: str, standing: Standing) -> None:
        """How a run stands from now on: said by who owns it, and has put what happened into its backlog."""
        kept = self._runs[run]
        before = kept.due
        kept.stand(standing, self._standings)
        if before != standing.due:
            self._dues.put(run, before, standing.due)
        if standing.status not in LIVING:
            self._end(run)

    def backlog(self, run: str) -> Backlog | None:
        """What has happened to a run and has no entries yet."""
        kept = self._runs.get(run)
        return None if kept is None else kept.backlog

    def _made(self, run: str) -> Kept | None:
        """A run with all entries made."""
        kept = self._runs.get(run)
        if kept is None or kept.backlog is None:
            return kept
        self._lay(kept, kept.make(kept.backlog))
        return kept

    def _deliver(self, delivery: Delivery) -> Verdict:
        if delivery.run not in self._runs:
            return self._conflict("unknown", delivery.run)
        if self._taken(delivery.run, delivery.key) is not None:
            return self._conflict("key", delivery.run)
        self._put(delivery)
        return Committed(*self._runs[delivery.run].place)

    def _put(self, delivery: Delivery) -> None:
        self._delivered += 1
        inbox = self._inboxes.setdefault(delivery.run, {})
        inbox[self._delivered] = evolve(delivery, number=self._delivered, beside=())
        self._lay(self._runs[delivery.run], ((one, ALL) for one in delivery.beside))

    def _taken(self, run: str, key: str) -> int | None:
        kept = self._runs.get(run)
        known = None if kept is None else kept.taken(key)
        if known is not None:
            return known
        waits = any(one.key == key for one in self._inboxes.get(run, {}).values())
        return 0 if waits else None

    def _conflict(self, kind: ConflictKind, run: str) -> Conflict:
        kept = self._made(run)
        return Conflict(kind, *((0, "") if kept is None else kept.head))

    def _run(self, run: str) -> Kept:
        kept = self._made(run)
        if kept is None:
            raise NoSuchRun(f"there is no run {run!r}")
        return kept


def _follows(write: Write, kept: Kept) -> bool:
    """Whether a write follows what a run has come to; by number alone, where hashes have not been made."""
    after = write.after
    if write.later or (after is not None and not after[1]):
        return after is not None and after[0] == kept.place[0]
    return after == kept.head


def _keys(write: Write) -> list[tuple[str, str]]:
    """The keys that a write takes: in its own run first, then in others."""
    own = _own_keys(write)
    return [*own, *((sent.run, sent.key) for sent in write.sends)]


def _own_keys(write: Write) -> list[tuple[str, str]]:
    made = [(write.run, entry.key) for entry in write.entries if entry.key is not None]
    return made + [(write.run, one.key) for one in write.later if one.key is not None]
