"""Who looks on: taps are shown every entry and every chunk, listeners are told besides what entries tell.

Rule 1: nothing of it changes a run. They are called in a copy of the context in which the run was started.
Rule 2: what a tap raises is logged the first time, and counted; it is shown the next thing all the same. After some
        errors in a row without anything that went well it is switched off, and that is logged too.
Rule 3: who listens is told what was stored: of a run that is taken up, if he wants, all that he missed.
Rule 4: where nobody looks on, nothing is done.
Left out on purpose: a tap that does not return. It is called where runs are driven; what is slow is to be done aside.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from attrs import define

from detent.kernel.entries import Entry, machine_after, read_entry
from detent.kernel.errors import DetentError, NoSuchEntry
from detent.kernel.frames import Frame, opened
from detent.kernel.journal import Journal
from detent.kernel.ports import Context, Listener, Tap
from detent.kernel.scheduler.live import Live
from detent.kernel.snapshot import Snapshot
from detent.kernel.table import Table
from detent.kernel.telling import Lore, Telling, both, lore_from, lore_of, telling_of

__all__ = ["BrokenTap", "Onlookers"]

PATIENCE = 10  # errors in a row: one may be chance, so many of them are a bug, which costs time at every entry
PAGE = 200  # entries that are read at once
LOG = logging.getLogger("detent.taps")


@define(eq=False)
class BrokenTap:
    """A tap that has raised: its first error, how often it did, and whether it was switched off."""

    tap: Tap
    error: Exception
    errors: int = 1
    in_a_row: int = 1

    @property
    def is_off(self) -> bool:
        """Whether it is shown nothing any more."""
        return self.in_a_row >= PATIENCE


class Onlookers:
    """The taps of a kernel."""

    def __init__(self, taps: Iterable[Tap], journal: Journal) -> None:
        self._taps = tuple(taps)
        self._listeners = tuple(tap for tap in self._taps if isinstance(tap, Listener))
        self._journal = journal
        self._lores: dict[str, Lore] = {}
        self._broken: dict[int, BrokenTap] = {}

    @property
    def broken(self) -> tuple[BrokenTap, ...]:
        """The taps that have raised."""
        return tuple(self._broken.values())

    @property
    def has_listeners(self) -> bool:
        """Whether somebody is told more than entries and chunks."""
        return bool(self._listeners)

    # -- what happens

    def committed(self, live: Live, before: Snapshot[Any] | None, entries: Sequence[Entry]) -> None:
        """Show what was committed of a run that was as it was before."""
        if self._taps and entries:
            variables: Any = live.variables
            variables.copy().run(self._committed, live, before, entries)

    def emitted(self, live: Live, effect: int, attempt: int, chunk: object) -> None:
        """Show what a handler emits."""
        if self._taps:
            variables: Any = live.variables
            variables.copy().run(self._emitted, live.id, effect, attempt, chunk)

    def begins(self, context: Context) -> None:
        """An attempt begins: whoever listens may set what its handler sees."""
        for tap in self._listeners:
            self._show(tap, partial(tap.begins, context))

    def _committed(
        self, live: Live, before: Snapshot[Any] | None, entries: Sequence[Entry]
    ) -> None:
        for tap in self._taps:
            for entry in entries:
                self._show(tap, partial(tap.entry, live.id, entry))
        if self._listeners:
            self._tell(live, before, entries)

    def _emitted(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        for tap in self._taps:
            self._show(tap, partial(tap.chunk, run, effect, attempt, chunk))

    # -- telling

    def _tell(self, live: Live, before: Snapshot[Any] | None, entries: Sequence[Entry]) -> None:
        """Tell what entries tell, by the frame before them, which is kept as long as the run is in memory."""
        lore = self._lore_of(live.served.table)
        frame = live.frame
        if before is not None and (frame is None or frame["seq"] != before.seq):
            frame = _stored(live, before)
        for entry in entries:
            made = self._made(live, entry, frame, lore)
            frame = None if made is None else made.after
            if made is not None:
                self._say(self._listeners, made)
        live.frame = None if live.is_over else frame

    def _made(self, live: Live, entry: Entry, frame: Frame | None, lore: Lore) -> Telling | None:
        """What is told of an entry. If that cannot be said, which is a bug of ours, the run goes on."""
        try:
            return telling_of(live.header, read_entry(entry.body, entry.hash), frame, lore)
        except Exception as error:
            for tap in self._listeners:
                self._count(tap, error)
            return None

    def _say(self, listeners: Iterable[Listener], made: Telling) -> None:
        for tap in listeners:
            self._show(tap, partial(tap.told, made))

    async def recall(self, live: Live) -> None:
        """Tell whoever wants it what has happened to a run so far, before it goes on."""
        if live.is_over:
            return
        variables: Any = live.variables
        asked = (live.id, live.snapshot.seq)
        late = [
            tap for tap in self._listeners if self._show(tap, partial(tap.knows, *asked)) is False
        ]
        if late and live.header.origin is None:
            try:
                async for made in self._past(live):
                    variables.copy().run(self._say, late, made)
            except NoSuchEntry:  # a journal in memory may have forgotten the beginning
                return
            except DetentError as error:  # the past cannot be read; what is needed to go on can
                for tap in late:
                    self._count(tap, error)

    async def _past(self, live: Live) -> AsyncIterator[Telling]:
        """What a run has told so far."""
        header, frame, seq = live.header, None, 0
        digests = (header.shape, header.rules)
        lore = await self._lore(digests[0])
        last, journal = live.snapshot.seq, self._journal
        while seq < last and (entries := await journal.entries(live.id, seq, PAGE)):
            for entry in entries[: last - seq]:
                after = machine_after(entry, digests)
                lores = lore, lore if after == digests else await self._lore(after[0])
                made = telling_of(header, entry, frame, both(*lores), is_past=True)
                frame, seq, digests, lore = made.after, entry.seq, after, lores[1]
                yield made

    async def _lore(self, shape: str) -> Lore:
        """What frames of a shape do not say."""
        known = self._lores.get(shape)
        if known is None:
            outline = await self._journal.outline(shape)
            known = Lore({}, {}) if outline is None else lore_from(outline)
            self._lores[shape] = known
        return known

    def _lore_of(self, table: Table[Any, Any, Any]) -> Lore:
        known = self._lores.get(table.shape)
        if known is None:
            known = self._lores[table.shape] = lore_of(table)
        return known

    # -- taps that raise

    def _show(self, tap: Tap, seen: Callable[[], object]) -> object:
        """Show a tap something. What it answers; nothing if it raises, or is switched off."""
        broken = self._broken.get(id(tap))
        if broken is not None and broken.is_off:
            return None
        try:
            said = seen()
        except Exception as error:
            self._count(tap, error)
            return None
        if broken is not None:
            broken.in_a_row = 0
        return said

    def _count(self, tap: Tap, error: Exception) -> None:
        broken = self._broken.get(id(tap))
        if broken is None:
            self._broken[id(tap)] = BrokenTap(tap, error)
            _log("a tap has raised; the run goes on, and so does the tap: %s", tap, error)
            return
        broken.errors += 1
        broken.in_a_row += 1
        if broken.is_off:
            _log(f"a tap has raised {PATIENCE} times in a row, and is switched off: %s", tap, error)


def _log(text: str, tap: Tap, error: Exception) -> None:
    """Tell people. A log that raises is no reason to stop: `broken` says the same."""
    with suppress(Exception):
        LOG.error(text, type(tap).__qualname__, exc_info=error)


def _stored(live: Live, snapshot: Snapshot[Any]) -> Frame:
    """The frame of a snapshot as a checkpoint would hold it: what is sealed is sealed."""
    made, _ = live.served.recorder.checkpoint(snapshot, live.header.hash)
    return opened(made, {})
