"""A run in memory: where it is, what is before it, and what it has under way.

Rule 1: whoever drives a run is the only one who steps it; everybody else puts what is to happen into its line.
Rule 2: it can be dropped whenever nothing is under way and nothing is in line: all that counts is in the journal.
"""

from collections import deque
from collections.abc import Callable
from contextvars import Context as Variables
from typing import Any, Protocol

from attrs import define, evolve, field

from detent.kernel.backlog import Backlog
from detent.kernel.decisions import Signal
from detent.kernel.entries import Header
from detent.kernel.frames import Frame
from detent.kernel.journal import Standing
from detent.kernel.recorder import Head
from detent.kernel.scheduler.alarms import Alarm
from detent.kernel.scheduler.replies import Reply
from detent.kernel.scheduler.served import Served
from detent.kernel.signals import Receipt
from detent.kernel.snapshot import End, Snapshot
from detent.kernel.steps import Moved
from detent.kernel.upgrades import Renewal
from detent.kernel.wire import Tree

__all__ = ["Barrier", "Item", "Live", "Underway", "end_of"]


@define(eq=False)
class Item:
    """Something that is to happen to a run: a signal, a note, or another look at what is held or due.

    `at` is when it came (zero: when it is its turn), `takes` the number of the delivery that it is (below zero: to
    look for deliveries), `again` an effect that was under way when a kernel died, `broke` why it cannot be stepped,
    `birth` the first step of a run with its input.
    """

    signal: Signal | None = None
    at: int = 0
    key: str | None = None
    reply: Reply[Any] | None = None
    note: Tree = None
    admits: int = 0
    again: int = 0
    takes: int = 0
    broke: Exception | None = None
    birth: tuple[Moved[Any], object] | None = None

    def answer(self, receipt: Receipt) -> None:
        """Tell whoever waits for it what became of it."""
        if self.reply is not None:
            self.reply.give(receipt)

    def refuse(self, error: Exception) -> None:
        """Tell whoever waits for it why nothing became of it."""
        if self.reply is not None:
            self.reply.refuse(error)


class Underway(Protocol):
    """An effect that is being performed."""

    @property
    def effect(self) -> int:
        """Its id in the run."""
        ...

    def stop(self) -> None:
        """Tell it to stop; it is abandoned if it does not."""
        ...

    def interrupt(self) -> None:
        """Cut it: nobody will hear what comes of it."""
        ...


def end_of(run: str, snapshot: Snapshot[Any]) -> End:
    """How a run that is over has ended, with all that is told of it."""
    ended: Any = snapshot.end
    pending = snapshot.pending
    if not pending.doubts and not pending.abandoned:
        whole: End = ended
        return whole
    told: End = evolve(
        ended,
        in_doubt=tuple(f"{run}/{id}" for id in pending.doubts),
        abandoned=tuple(f"{run}/{id}" for id in pending.abandoned),
    )
    return told


@define(eq=False)
class Barrier:
    """Effects that wait until others have ended that were told to stop."""

    stopping: set[int]
    held: list[int]


@define(eq=False)
class Live:
    """A run in memory."""

    id: str
    served: Served
    header: Header
    epoch: int
    head: Head
    snapshot: Snapshot[Any]
    seed: int
    standing: Standing | None = None
    backlog: Backlog | None = None
    renewal: Renewal | None = None
    parent: tuple[str, int] | None = None
    variables: Variables | None = None
    frame: Frame | None = None
    """What it was when somebody was last told of it; nothing if nobody listens."""
    line: deque[Item] = field(factory=deque[Item])
    flying: dict[int, Underway] = field(factory=dict[int, Underway])
    barriers: list[Barrier] = field(factory=list[Barrier])
    is_driven: bool = False
    is_gone: bool = False
    has_slot: bool = False
    alarm: Alarm | None = None
    due: int | None = None
    later: dict[int, int] = field(factory=dict[int, int])
    when_ended: list[Callable[[], None]] = field(factory=list[Callable[[], None]])

    @property
    def end(self) -> End:
        """How it ended, with all that is told of it; of a run that is over."""
        return end_of(self.id, self.snapshot)

    @property
    def is_over(self) -> bool:
        """Whether it has come to its end, with nothing in flight."""
        snapshot = self.snapshot
        return snapshot.end is not None and not snapshot.pending.effects

    @property
    def is_held(self) -> bool:
        """Whether something of it is held, and will begin by itself."""
        stands = self.standing
        return stands is not None and stands.held and stands.status not in ("parked", "ending")

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or in line."""
        return not self.flying and not self.line and not self.is_driven

    def pass_barriers(self) -> None:
        """Let in what has waited until others had ended."""
        for barrier in tuple(self.barriers):
            flying = self.snapshot.pending.effects
            barrier.stopping = {id for id in barrier.stopping if any(one.has(id) for one in flying)}
            if not barrier.stopping:
                self.barriers.remove(barrier)
                self.line.extend(Item(admits=id) for id in barrier.held)
