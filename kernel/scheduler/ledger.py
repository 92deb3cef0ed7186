"""From turns to the journal: entries are sealed, and what several runs have to write goes into one transaction.

Rule 1: what is being written cannot be called back: whoever waits for it waits until it is known what became of it.
Rule 2: turns that come while a transaction is under way go into the next one, all of them together.
Rule 3: what nobody can say about is asked: a write is there, or it is not.
"""

from collections.abc import Sequence

import trio
from attrs import define

from detent.kernel.backlog import Backlog
from detent.kernel.entries import Checkpoint, Entry, write_header
from detent.kernel.errors import Unstorable
from detent.kernel.facts import but
from detent.kernel.journal import Committed, Journal, Standing, Unconfirmed, Verdict, Write
from detent.kernel.ports import Clock
from detent.kernel.recorder import Head
from detent.kernel.scheduler.dues import standing
from detent.kernel.scheduler.replies import Waiting
from detent.kernel.scheduler.turns import Turn, Unwritable
from detent.kernel.vault import Beside

__all__ = ["Ledger", "Sealed", "seal"]

FEW = 3
"""So many writers each write at once: to write together takes two more turns of the loop, and pays for more of them."""


@define(eq=False)
class Sealed:
    """A turn as it is written: what it comes to if it is."""

    turn: Turn
    head: Head
    standing: Standing
    entries: tuple[Entry, ...]
    write: Write


def seal(turn: Turn, together: str | None = None, is_later: bool = False) -> Sealed:
    """Make the entries of a turn, and what is to be written. Raises Unwritable.

    If the journal has backlogs, entries are made when somebody reads them.
    """
    live = turn.live
    table, recorder = turn.served.table, turn.served.recorder
    is_new = live.standing is None
    if is_new and is_later:
        live.backlog = Backlog(recorder, live.header)
    elif is_new:
        live.header = write_header(live.header)
        live.head = Head(live.header.hash)
    head, entries, beside = live.head, list[Entry](), list[Beside]()
    checkpoint: Checkpoint | None = None
    later = () if live.backlog is None else tuple(turn.taken)
    for place, taken in enumerate(() if later else turn.taken):
        try:
            recorded = taken.recorded(recorder, live.header, head)
        except Unstorable as error:
            raise Unwritable(turn.items[turn.sources[place]], error) from error
        head = recorded.head
        entries.append(recorded.entry)
        beside += recorded.beside
        if recorded.checkpoint is not None:
            checkpoint = recorded.checkpoint
            beside += recorded.under
    stands = standing(turn.served, turn.now, turn.later)
    write = Write(
        live.id,
        live.epoch,
        None if is_new else (live.snapshot.seq, "" if live.backlog is not None else live.head.hash),
        tuple(entries),
        live.header if is_new else None,
        checkpoint,
        stands if stands != live.standing else None,
        tuple(beside),
        (table.shape_outline, table.rules_outline) if is_new else (),
        tuple(turn.takes),
        tuple(turn.sends),
        tuple(turn.changed.cells.values()),
        together,
        later,
        live.backlog if is_new else None,
    )
    if live.renewal is not None:
        outlines = (table.shape_outline, table.rules_outline)
        write = but(write, became=(table.shape, table.rules), outlines=outlines)
    return Sealed(turn, head, stands, tuple(entries), write)


class Ledger:
    """Writes into a journal, for all runs of a kernel.

    `writers` is how many tasks may have something to write.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.writers = 0
        self._journal = journal
        self._clock = clock
        self._waiting: list[Waiting] = []
        self._is_writing = False
        self._bell = trio.Event()

    def is_kept(self, write: Write | None) -> bool:
        """Write at once, if that can be done, and few others have something to write; nothing is kept already."""
        if write is None:
            return True
        if self.writers > FEW or self._is_writing or self._waiting:
            return False
        now = self._journal.at_once
        return now is not None and type(now(write)) is Committed

    async def commit(self, writes: Sequence[Write]) -> tuple[Verdict, ...]:
        """Write, together with whatever else is to be written now: one verdict for each."""
        if self.writers <= FEW and not self._is_writing and not self._waiting:
            now = self._journal.at_once if len(writes) == 1 else None
            verdict = now and now(writes[0])
            if verdict is not None:
                return (verdict,)
            self._is_writing = True
            try:
                return await self._append(writes)
            finally:
                self._is_writing = False
                if self._waiting:
                    self._bell.set()
        return await self.queued(writes).told()

    def queued(self, writes: Sequence[Write]) -> Waiting:
        """Have something written together with whatever else is to be written now."""
        if not self._is_writing:
            self._bell.set()
        return Waiting(self._waiting, writes)

    async def run(self) -> None:
        """Write what has come while something else was being written, for ever."""
        while True:
            await self._bell.wait()
            self._bell = trio.Event()
            while self._waiting and not self._is_writing:
                self._is_writing = True
                batch = self._batch()
                try:
                    verdicts = await self._written([one for w in batch for one in w.writes])
                except BaseException:
                    for waiting in batch:
                        waiting.let_go()
                    raise
                finally:
                    self._is_writing = False
                told = iter(verdicts)
                for waiting in batch:
                    waiting.tell(tuple([next(told) for _ in waiting.writes]))

    def _batch(self) -> list[Waiting]:
        """All that waits; of writes of one run the first: two may wait if two begin it."""
        batch: list[Waiting] = []
        later: list[Waiting] = []
        runs: set[str] = set()
        for waiting in self._waiting:
            mine = [write.run for write in waiting.writes]
            if runs.isdisjoint(mine):
                batch.append(waiting)
                waiting.is_taken = True
            else:
                later.append(waiting)
            runs.update(mine)
        self._waiting[:] = later
        return batch

    async def _written(self, writes: Sequence[Write]) -> tuple[Verdict, ...]:
        now = self._journal.at_once if len(writes) == 1 else None
        verdict = now and now(writes[0])
        return await self._append(writes) if verdict is None else (verdict,)

    async def _append(self, writes: Sequence[Write]) -> tuple[Verdict, ...]:
        with self._clock.hold():
            verdicts = await self._journal.append(writes)
            if any(isinstance(verdict, Unconfirmed) for verdict in verdicts):
                pairs = zip(writes, verdicts, strict=True)
                verdicts = tuple([await self._settled(*pair) for pair in pairs])
        return verdicts

    async def _settled(self, write: Write, verdict: Verdict) -> Verdict:
        """What became of a write that nobody knows of."""
        if not isinstance(verdict, Unconfirmed) or not write.entries:
            return verdict
        last = write.entries[-1]
        if await self._journal.holds(write.run, last.seq, last.hash):
            return Committed(last.seq, last.hash)
        return verdict
