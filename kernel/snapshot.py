"""All that a run is at one instant, as one immutable value.

Rule 1: a snapshot is never changed: the step makes a new one, which shares with the old one what stayed the same.
Rule 2: it holds everything the step needs besides the table, in values that can be stored, and no code.
Rule 3: what is in flight is in it: an effect that was ordered is in the snapshot until its outcome has been stepped.
"""

from typing import Generic, Literal, TypeAlias, TypeVar

from attrs import frozen

from detent.kernel.decisions import Halted, HaltStatus, Parked, Signal
from detent.kernel.definition import FinalStatus
from detent.kernel.facts import Fact
from detent.kernel.flights import Flight
from detent.kernel.signals import Event, Problem
from detent.kernel.values import FrozenMap

__all__ = [
    "DEADLINE",
    "LIMIT",
    "NOTHING_PENDING",
    "End",
    "EndStatus",
    "InLine",
    "Kept",
    "Pending",
    "Snapshot",
    "Status",
    "Timer",
]

DEADLINE, LIMIT = "$deadline", "$limit"
"""Rows that every machine has: its time is over; the time in which it was to end is over."""

Dk = TypeVar("Dk", covariant=True)

EndStatus: TypeAlias = FinalStatus | HaltStatus
Status: TypeAlias = Literal["running", "parked", "ending"] | EndStatus


@frozen
class Timer:
    """A row that waits for its time, in microseconds since 1970."""

    id: int
    owner: str
    row: str
    due: int


@frozen
class Kept:
    """An event that waits for another state, and the entry that put it here."""

    event: Event
    seq: int


@frozen
class InLine:
    """Something that happened while the run was parked, and the entry that put it here.

    What arrives first in a fork was put here by none: such have numbers below zero.
    """

    signal: Signal
    seq: int


@frozen
class End:
    """How a run ended, or will end when what is in flight has been stopped.

    Whoever waits for the end is also told which effects are in doubt, and which were abandoned: by their keys. In a
    snapshot these stand where the others are that are pending.
    """

    status: EndStatus
    value: object = None
    failures: tuple[Problem, ...] = ()
    in_doubt: tuple[str, ...] = ()
    abandoned: tuple[str, ...] = ()


class Pending(Fact, frozen=True):
    """What a run has under way beside its position and its data.

    The first `offered` of the deferred events have been offered to the present configuration. `count` is how many
    effects and timers the run has ordered so far, and so the next id. `doubts` are effects of states already left
    of which nobody knows whether they happened; `abandoned` those that did not end when they were told to.
    `halted` is why the run compensates, `parked` what broke it; what happened in the meantime is in the `line`.
    """

    effects: tuple[Flight, ...] = ()
    timers: tuple[Timer, ...] = ()
    deferred: tuple[Kept, ...] = ()
    offered: int = 0
    history: FrozenMap[str, tuple[str, ...]] = FrozenMap()
    count: int = 1
    doubts: tuple[int, ...] = ()
    abandoned: tuple[int, ...] = ()
    halted: Halted | None = None
    parked: Parked | None = None
    line: tuple[InLine, ...] = ()

    @property
    def is_inert(self) -> bool:
        """Whether this is a fork that nobody has resumed: its time stands still."""
        return self.parked is not None and self.parked.since is not None


NOTHING_PENDING = Pending()


class Snapshot(Fact, Generic[Dk], frozen=True):
    """One instant of a run.

    `configuration` names every active state in document order, outer before inner; `seq` counts the entries of the
    log so far, `at` is the time of the last one (microseconds since 1970).
    """

    configuration: tuple[str, ...]
    data: Dk
    seq: int = 0
    at: int = 0
    pending: Pending = NOTHING_PENDING
    end: End | None = None

    def is_in(self, state: str) -> bool:
        """Whether a state is active."""
        return state in self.configuration

    @property
    def status(self) -> Status:
        """`running`; `parked`; `ending` while it compensates, or has something in flight; then how it ended."""
        if self.pending.parked is not None:
            return "parked"
        if self.end is None:
            return "running" if self.pending.halted is None else "ending"
        return "ending" if self.pending.effects else self.end.status

    @property
    def effects(self) -> tuple[Flight, ...]:
        """What is in flight."""
        return self.pending.effects

    @property
    def timers(self) -> tuple[Timer, ...]:
        """What waits for its time."""
        return self.pending.timers

    @property
    def deferred(self) -> tuple[Event, ...]:
        """The events that wait for another state, oldest first."""
        return tuple(kept.event for kept in self.pending.deferred)
