"""What a journal answers, held to what its model says."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from detent.kernel import (
    Entry,
    Journal,
    Loaded,
    NoSuchRun,
    frame_of,
    read_checkpoint,
    spelled,
)
from detent.tools.testing.contracts.diary import KEY, PAD, TABLE, sealed
from detent.tools.testing.contracts.model import Kept, Model

__all__ = ["CELLS", "KEYS", "RUNS", "Answers"]

RUNS = ("a", "b", "c", "d")
KEYS = ("k1", "k2", "k3")
CELLS = ("bank", "post")
READ_AT_ONCE = 16_384  # bytes that a load may always read
PLACES = 4  # of a run that are looked at


@frozen
class Answers:
    """A journal, and what it must say: of runs also the frames at which their last writers left them."""

    journal: Journal
    model: Model
    frames: Mapping[str, dict[str, Any]]
    erased: set[str]

    async def check(self) -> None:
        """Ask for everything. Raises AssertionError."""
        for run in RUNS:
            kept = self.model.runs.get(run)
            await self._keys(run)
            if kept is None:
                await self._knows_nothing_of(run)
            else:
                await self._is_loaded(run, kept)
                await self._is_read_in_pages(run, kept)
                await self._holds(run, kept)
        await self._shared()
        await self._listed()

    async def _is_loaded(self, run: str, kept: Kept) -> None:
        """A run is loaded as the model has it, at the frame its last writer left it at."""
        loaded = await self.journal.load(run)
        assert loaded is not None
        assert (loaded.header, loaded.header.body) == (kept.header, kept.header.body)
        assert (loaded.epoch, loaded.standing) == (self.model.epochs.get(run, 0), kept.standing)
        assert loaded.digests == kept.digests
        assert loaded.head == kept.head
        assert loaded.checkpoint == kept.newest
        assert loaded.entries == kept.unread
        assert kept.is_chained()
        begins = await self.journal.opening(run)
        assert begins == (kept.begins and read_checkpoint(kept.begins.body, kept.begins.hash))
        assert begins is None or kept.begins is None or begins.body == kept.begins.body
        self._is_at_its_frame(run, loaded)

    def _is_at_its_frame(self, run: str, loaded: Loaded) -> None:
        frame = self.frames[run]
        assert frame_of(loaded) == sealed(frame)
        if not self.erased:
            assert frame_of(loaded, KEY) == frame
            size = 0 if loaded.checkpoint is None else len(loaded.checkpoint.body)
            size += sum(len(one.body) for one in loaded.beside.values())
            assert loaded.unread == size + sum(len(entry.body) for entry in loaded.entries)
            assert loaded.unread <= READ_AT_ONCE + 2 * len(spelled(frame))

    async def _is_read_in_pages(self, run: str, kept: Kept) -> None:
        """Entries come back byte by byte, from any place on, as many as are wanted."""
        entries = await self.journal.entries(run)
        assert [entry.body for entry in entries] == [entry.body for entry in kept.entries]
        for last in (kept.opening[0], *(entry.seq for entry in _some(kept))):
            later = kept.later(last)
            assert await self.journal.entries(run, last) == later
            assert await self.journal.entries(run, last, 2) == later[:2]

    async def _holds(self, run: str, kept: Kept) -> None:
        for entry in _some(kept):
            assert await self.journal.holds(run, entry.seq, entry.hash)
            assert not await self.journal.holds(run, entry.seq + 1, entry.hash)
            assert not await self.journal.holds(run, entry.seq - 1, entry.hash)
        seq, last = kept.head
        assert not await self.journal.holds(run, seq + 1, last)

    async def _knows_nothing_of(self, run: str) -> None:
        assert await self.journal.load(run) is None
        assert await self.journal.opening(run) is None
        assert not await self.journal.holds(run, 1, "00")
        try:
            await self.journal.entries(run)
        except NoSuchRun:
            return
        raise AssertionError(f"there are entries of {run!r}, which is not there")

    async def _keys(self, run: str) -> None:
        """A key is free, waits, or has an entry; what waits is read in the order in which it came."""
        for key in KEYS:
            known = self.model.keys.get((run, key))
            assert await self.journal.taken(run, key) == known
        box = await self.journal.inbox(run)
        assert list(box) == self.model.boxes.get(run, [])

    async def _shared(self) -> None:
        """Cells, what lies beside the chains, and outlines."""
        cells = tuple(map(self.model.cell, CELLS))
        assert await self.journal.cells(CELLS) == cells
        wanted = [*self.model.beside, *self.erased, "nothing"]
        assert dict(await self.journal.beside(wanted)) == self.model.beside
        for table in (TABLE, PAD.table):
            for outline in (table.shape_outline, table.rules_outline):
                known = self.model.outlines.get(outline.digest)
                assert await self.journal.outline(outline.digest) == known

    async def _listed(self) -> None:
        """The index says of every run how it stands, and is read in pages."""
        everything = tuple((run, kept.standing) for run, kept in sorted(self.model.runs.items()))
        assert await self.journal.find() == everything
        for place in range(len(everything) + 1):
            last = everything[place - 1][0] if place else ""
            page = await self.journal.find(after=last, limit=1)
            assert page == everything[place : place + 1]
        assert await self.journal.shapes() == self.model.shapes()
        runs = [run for run, _ in everything]
        assert dict(await self.journal.machines([*runs, "none"])) == self.model.machines()


def _some(kept: Kept) -> list[Entry]:
    """Some entries of a run, the first and the last among them."""
    found = kept.entries[:: len(kept.entries) // PLACES + 1]
    return found if not found or found[-1] is kept.entries[-1] else [*found, kept.entries[-1]]
