"""The rounds of a kernel: runs that are not in memory are found in the index, and told what it is time for.

Rule 1: a run that is in memory has an alarm of its own. For all that are not there is one: for the next of them. What
        it finds in memory it tells too, unless it was told: when a run was loaded the clock may have been set back.
Rule 2: a round goes by the index alone, a page at a time, and loads nothing but what it finds. What comes to be found
        while it is under way is told by whoever brings it about.
Rule 3: a round never looks back: what was due and did not move then (its machine is not served here) does not make it
        begin again.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from detent.kernel.decisions import Halted
from detent.kernel.journal import Journal, RunStatus, Standing
from detent.kernel.ports import Clock
from detent.kernel.scheduler.alarms import Alarm, Alarms
from detent.kernel.scheduler.live import Item
from detent.kernel.scheduler.lives import UNDRIVEN, Lives

__all__ = ["DRIVEN", "LEFT", "PAGE", "Rounds"]

PAGE = 1_000  # runs that are looked up at once
LEFT = "its parent left the state"
DRIVEN: tuple[RunStatus, ...] = ("running", "waiting", "parked", "ending")
"""How a run stands that a kernel drives."""


class Rounds:
    """Tells runs that were put away, or have not been in memory yet."""

    def __init__(self, journal: Journal, clock: Clock, lives: Lives, alarms: Alarms) -> None:
        self._journal = journal
        self._clock = clock
        self._lives = lives
        self._alarms = alarms
        self._alarm: Alarm | None = None
        self._rung: int | None = None
        self._orphans: deque[str] = deque()
        self._is_going = False
        self.start: Callable[[Callable[[], Awaitable[None]]], object] = _nowhere

    def _set_out(self) -> None:
        """Go round, unless somebody does."""
        if not self._is_going:
            self._is_going = True
            self._lives.telling += 1
            self.start(self._go)

    async def _go(self) -> None:
        """Go round until nothing is left to be told."""
        try:
            while self._orphans or self._rung is not None:
                if self._orphans:
                    await self._end(self._orphans.popleft())
                else:
                    now, self._rung = self._rung or 0, None
                    await self._tell_due(now)
        finally:
            self._is_going = False
            self._lives.telling -= 1
            self._lives.rested.ring()

    # -- what is due

    async def begin(self) -> None:
        """Be woken for the first of all runs of the journal of which something is due."""
        with self._clock.hold():
            due = await self._journal.next_due(-1)
        if due is not None:
            self.keep(self._alarms.at(due, self._ring))

    def keep(self, alarm: Alarm) -> None:
        """An alarm was for a run that is put away now: ring instead of it, unless something else is due before."""
        if self._alarm is not None and self._alarm.at <= alarm.at:
            self._alarms.off(alarm)
            return
        self._alarms.off(self._alarm)
        alarm.ring, alarm.about = self._ring, ""
        self._alarm = alarm

    def _ring(self) -> None:
        """It is time for somebody, whatever the clock says: somebody may have set it back."""
        alarm, self._alarm = self._alarm, None
        if not self._lives.is_suspended:
            due = 0 if alarm is None else alarm.due
            self._rung = max(self._rung or 0, self._alarms.now(), due)
            self._set_out()

    async def _tell_due(self, now: int) -> None:
        await self.tell(lambda: Item(at=now), due_by=now, statuses=DRIVEN)
        with self._clock.hold():
            due = await self._journal.next_due(now)
        if due is not None:
            self.keep(self._alarms.at(due, self._ring, now))

    # -- telling many

    async def tell(
        self, made: Callable[[], Item], when: Callable[[Standing], bool] = bool, **how: Any
    ) -> None:
        """Put something into the line of every run that stands so, but of those that know what is due of them."""
        shapes = tuple(one.table.shape for one in self._lives.served.values())
        after, is_last = "", not shapes
        while not is_last:
            with self._clock.hold():
                page = await self._journal.find(shapes=shapes, after=after, limit=PAGE, **how)
            for run, stands in page:
                if when(stands):
                    await self._wake(run, made())
            after, is_last = (page[-1][0] if page else ""), len(page) < PAGE

    async def _wake(self, run: str, item: Item) -> None:
        """Tell a run. One that is not what its machine is now, or is damaged, is left alone."""
        live = self._lives.get(run)
        if live is not None and item.at and live.due is None:  # its own alarm has rung
            return
        try:
            await self._lives.awake(run)
        except UNDRIVEN:
            return
        self._lives.tell(run, item)

    # -- children of those who left them

    def end(self, child: str) -> None:
        """See to it that a child ends: its parent may have been cut before it told it."""
        self._orphans.append(child)
        self._set_out()

    async def _end(self, child: str) -> None:
        """Tell a child that it is to end, unless it knows: who is told twice ends at once."""
        try:
            live = await self._lives.awake(child)
            if live.snapshot.end is None and live.snapshot.pending.halted is None:
                self._lives.tell(child, Item(Halted("cancelled", LEFT)))
        except UNDRIVEN:
            return


def _nowhere(go: object) -> None:
    """Nobody drives anything yet."""
