"""Waiting for a kernel task: one answer for one caller, and a bell for all who look at a run.

Rule 1: who waits may be cancelled at any time, and changes nothing by it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import trio

from detent.kernel.journal import Verdict, Write
from detent.kernel.snapshot import End

__all__ = ["Bell", "Ending", "Reply", "Waiting"]

T = TypeVar("T")


class Reply(Generic[T]):
    """What somebody is waiting for. Given once; a second answer is dropped, as is one nobody waits for.

    `then` makes the answer of what is given, in that moment: who waits hears it later.
    """

    __slots__ = ("_error", "_event", "_then", "_value")

    def __init__(self, then: Callable[[Any], T] | None = None) -> None:
        self._event = trio.Event()
        self._then = then
        self._value: Any = None
        self._error: Exception | None = None

    def give(self, value: Any) -> None:
        """Answer."""
        if not self._event.is_set():
            self._value = value if self._then is None else self._then(value)
            self._event.set()

    def refuse(self, error: Exception) -> None:
        """Answer with an error."""
        if not self._event.is_set():
            self._error = error
            self._event.set()

    async def wait(self) -> T:
        """The answer. Raises the error if there is one."""
        await self._event.wait()
        if self._error is not None:
            raise self._error
        answer: T = self._value
        return answer


class Waiting:
    """A task that waits until what it has to write is written, together with what others have.

    It may be cancelled until that is under way; from then on it waits until it is known what became of it.
    """

    __slots__ = ("_abort", "_row", "_task", "_verdicts", "is_taken", "writes")

    def __init__(self, row: "list[Waiting]", writes: Sequence[Write]) -> None:
        self.writes = writes
        self.is_taken = False
        self._row = row
        self._task = trio.lowlevel.current_task()
        self._abort: Callable[[], Any] | None = None
        self._verdicts: tuple[Verdict, ...] | None = None
        row.append(self)

    async def told(self) -> tuple[Verdict, ...]:
        """One verdict for each write."""
        await trio.lowlevel.wait_task_rescheduled(self._cancelled)
        if self._verdicts is None and self._abort is not None:
            self._abort()
        assert self._verdicts is not None  # or that has raised
        return self._verdicts

    def tell(self, verdicts: tuple[Verdict, ...]) -> None:
        """Say what became of it."""
        self._verdicts = verdicts
        trio.lowlevel.reschedule(self._task)

    def let_go(self) -> None:
        """Nobody will say what became of it: who is cancelled waits no longer."""
        self.is_taken = False
        if self._abort is not None:
            trio.lowlevel.reschedule(self._task)

    def _cancelled(self, abort: Callable[[], Any]) -> trio.lowlevel.Abort:
        if self.is_taken:
            self._abort = abort
            return trio.lowlevel.Abort.FAILED
        if self in self._row:
            self._row.remove(self)
        return trio.lowlevel.Abort.SUCCEEDED


class Bell:
    """Rings whenever something has changed. `count` tells who was looking elsewhere that it rang."""

    __slots__ = ("__weakref__", "_lot", "count")

    def __init__(self) -> None:
        self._lot = trio.lowlevel.ParkingLot()
        self.count = 0

    def ring(self) -> None:
        """Wake everybody who listens."""
        self.count += 1
        self._lot.unpark_all()

    async def wait_beyond(self, count: int) -> None:
        """Wait until it has rung more than so many times."""
        while self.count <= count:
            await self._lot.park()


class Ending(Bell):
    """Rings when a run is over, or somebody else's. If it is over, here is how, also when the run was forgotten."""

    __slots__ = ("end",)

    def __init__(self) -> None:
        super().__init__()
        self.end: End | None = None
