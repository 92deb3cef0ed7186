"""What happens at a time: one task waits for the next of all things that are due.

Rule 1: an alarm is a time and something to do, quickly and without waiting; it may be called off.
Rule 2: there are two kinds of time. Alarms of the kernel's clock survive a restart and follow the wall; in one process
        such an alarm rings when either the wall or the time that has passed says so. Spans (grace, time-outs) follow
        the time that passes alone.
Rule 3: what was called off is forgotten, at the latest when half of what is kept is of that kind.
"""

import math
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import overload

import trio
from attrs import define

from detent.kernel.ports import Clock

__all__ = ["Alarm", "Alarms"]

FEW = 64  # alarms that were called off and are kept anyway
SECOND = 1_000_000
JUMP = 0.05  # seconds that the wall may gain on the time that passes without having been set
LONGEST_SLEEP = (
    3_600.0  # seconds after which the wall is looked at again, should somebody have set it
)


@define(eq=False, weakref_slot=False)
class Alarm:
    """Something to do at a time (of trio's clock), about a run if it names one. There may be a great many."""

    at: float
    due: int
    """The same as microseconds since 1970; zero for a span."""
    ring: Callable[..., None] | None
    about: str = ""


class Alarms:
    """Rings alarms when it is time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Alarm]] = []
        self._number = 0
        self._off = 0
        self._sleep = trio.CancelScope()
        self._ahead = 0.0

    def now(self) -> int:
        """The time of the kernel's clock."""
        return self._clock.now()

    @overload
    def at(self, due: int, ring: Callable[[], None], now: int = 0) -> Alarm: ...

    @overload
    def at(self, due: int, ring: Callable[[str], None], now: int = 0, *, about: str) -> Alarm: ...

    def at(self, due: int, ring: Callable[..., None], now: int = 0, *, about: str = "") -> Alarm:
        """Ring when the kernel's clock comes to a time. For whoever asks it may be later than the clock says: `now`."""
        delay = (due - max(now, self._clock.now())) / SECOND
        return self._set(Alarm(trio.current_time() + max(0.0, delay), due, ring, about))

    def after(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        """Ring when a span has passed."""
        return self._set(Alarm(trio.current_time() + seconds, 0, ring))

    def off(self, alarm: Alarm | None) -> None:
        """Call an alarm off; one that has rung already, or none at all, is called off too."""
        if alarm is None or alarm.ring is None:
            return
        alarm.ring = None
        self._off += 1
        if self._off > FEW and self._off * 2 > len(self._heap):
            self._heap = [one for one in self._heap if one[2].ring is not None]
            heapify(self._heap)
            self._off = 0

    async def run(self) -> None:
        """Ring, for ever."""
        while True:
            self._ring_due()
            with trio.CancelScope(deadline=self._next()) as self._sleep:
                await trio.sleep_forever()

    def _set(self, alarm: Alarm) -> Alarm:
        self._number += 1
        heappush(self._heap, (alarm.at, self._number, alarm))
        if alarm.at < self._sleep.deadline:
            self._sleep.deadline = min(alarm.at, trio.current_time() + LONGEST_SLEEP)
        return alarm

    def _next(self) -> float:
        while self._heap and self._heap[0][2].ring is None:
            heappop(self._heap)
            self._off -= 1
        if not self._heap:
            return math.inf
        return min(self._heap[0][0], trio.current_time() + LONGEST_SLEEP)

    def _ring_due(self) -> None:
        now = trio.current_time()
        self._look_at_the_wall()
        while self._heap and self._heap[0][0] <= now:
            _, _, alarm = heappop(self._heap)
            ring, alarm.ring = alarm.ring, None
            if ring is None:
                self._off -= 1
            elif alarm.about:
                ring(alarm.about)
            else:
                ring()

    def _look_at_the_wall(self) -> None:
        """If somebody has set the wall forward, what is due by it is due."""
        now = trio.current_time()
        ahead = self._clock.now() / SECOND - now
        if self._ahead and ahead > self._ahead + JUMP:
            late = ahead - self._ahead
            self._heap = [
                (at - late if alarm.due else at, number, alarm) for at, number, alarm in self._heap
            ]
            heapify(self._heap)
        self._ahead = ahead
