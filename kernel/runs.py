"""A run as its user has it in hand: what can be asked of it, wherever it is.

Rule 1: a handle is an id and a kernel. It holds nothing of the run, which may be in memory or put away; but for how
        it ended, if it is the handle that `start` gave: that is known as long as somebody has it, whatever the
        journal forgets.
Rule 2: whoever waits here may be cancelled: the run goes on.
"""

from typing import Any, Generic, Protocol, TypeVar

from attrs import field, frozen

from detent.kernel.asking import Question
from detent.kernel.errors import RunEnded
from detent.kernel.frames import Frame
from detent.kernel.listing import Listed
from detent.kernel.signals import Event, Receipt
from detent.kernel.snapshot import End, Snapshot, Status
from detent.kernel.watching import Sights

__all__ = ["Behind", "Run", "result_of"]

D = TypeVar("D")
R = TypeVar("R")

GOOD = ("completed", "completed_with_failures", "stopped")


def result_of(run: str, end: End) -> Any:
    """What a run has come to. Raises RunEnded if it ended without a result."""
    if end.status not in GOOD:
        raise RunEnded(run, end)
    return end.value


class Behind(Protocol):
    """What a handle needs of its kernel."""

    async def send(self, run: str, event: Event, key: str | None = None) -> Receipt:
        """See Run."""
        ...

    async def answer(self, run: str, wait: int, value: object) -> Receipt:
        """See Run."""
        ...

    async def cancel(self, run: str, reason: str) -> Status:
        """See Run."""
        ...

    async def resume(self, run: str, skip: bool) -> None:
        """See Run."""
        ...

    async def end_of(self, run: str) -> End:
        """See Run."""
        ...

    async def snapshot_of(self, run: str) -> Snapshot[Any]:
        """See Run."""
        ...

    async def frame_of(self, run: str) -> Frame:
        """See Run."""
        ...

    def watch(self, run: str, after: int) -> Sights:
        """See Run."""
        ...

    async def log_of(self, run: str) -> tuple[bytes, ...]:
        """See Run."""
        ...

    async def listed_of(self, run: str) -> Listed:
        """See Run."""
        ...

    async def questions_of(self, run: str) -> tuple[Question, ...]:
        """See Run."""
        ...


@frozen
class Run(Generic[D, R]):
    """One execution of a machine."""

    id: str
    _behind: Behind = field(alias="behind", eq=False, repr=False)
    _ending: object = field(default=None, alias="ending", eq=False, repr=False)

    async def send(self, event: Event, *, key: str | None = None) -> Receipt:
        """Send an event: what became of it, once that is stored. A key is taken once."""
        return await self._behind.send(self.id, event, key)

    async def answer(self, wait: int, value: object) -> Receipt:
        """Answer a question, by its id. Raises NoSuchWait and AlreadyAnswered, and WrongInput if the type is wrong."""
        return await self._behind.answer(self.id, wait, value)

    async def cancel(self, reason: str = "") -> Status:
        """Ask the run to end; returns when that is stored, with the status it has then.

        From then on nothing begins but what compensates. A run that has ended stays as it is.
        """
        return await self._behind.cancel(self.id, reason)

    async def resume(self, *, skip: bool = False) -> None:
        """Go on with a parked run: what broke is stepped again, or, with `skip`, left out."""
        await self._behind.resume(self.id, skip)

    async def wait_result(self) -> R:
        """What the run comes to. Raises RunEnded if it ends without a result."""
        answer: R = result_of(self.id, await self._behind.end_of(self.id))
        return answer

    async def wait_end(self) -> End:
        """How the run ends: never an error, whatever the end is."""
        return await self._behind.end_of(self.id)

    def watch(self, *, after: int = 0) -> Sights:
        """Everything that happens to the run and to those inside it, from after an entry on, until its end."""
        return self._behind.watch(self.id, after)

    async def log(self) -> tuple[bytes, ...]:
        """The run log until now, with those of the runs inside it: lines to be written to a `*.run.jsonl` file."""
        return await self._behind.log_of(self.id)

    async def snapshot(self) -> Snapshot[D]:
        """All that the run is now, as far as it is stored."""
        return await self._behind.snapshot_of(self.id)

    async def frame(self) -> Frame:
        """The same as a plain tree: also of a run whose machine has changed, or is not served here."""
        return await self._behind.frame_of(self.id)

    async def status(self) -> Listed:
        """How the run stands, as `kernel.runs` lists it, without loading it."""
        return await self._behind.listed_of(self.id)

    async def questions(self) -> tuple[Question, ...]:
        """What is asked and has no answer yet."""
        return await self._behind.questions_of(self.id)
