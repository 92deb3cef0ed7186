"""What a kernel decides about a run: stepped and recorded like everything else that happens.

Rule 1: a decision says what was decided, by whoever has a clock, a limit or a bug before him; what follows from it for
        the run is the pure step's to say, so that a replay comes to the same.
Rule 2: a decision is about effects in flight, about the run's going on, or about what waits in its line.
Left out on purpose: what only happened to a run and changes nothing (a note, a recovery): that is written, not stepped.
"""

from typing import Literal, TypeAlias

from attrs import frozen

from detent.kernel.signals import Event, Fired, Happened, Problem

__all__ = [
    "STARTED",
    "Abandoned",
    "Admitted",
    "AttemptFailed",
    "Broke",
    "Cancelled",
    "Decision",
    "HaltStatus",
    "Halted",
    "Held",
    "Life",
    "Parked",
    "Queued",
    "Resumed",
    "Signal",
]

HaltStatus: TypeAlias = Literal["cancelled", "timed_out"]


@frozen
class Life:
    """How far an effect in flight has come.

    `attempt` is the one that is under way, or that comes next while it is `held`: why it has not begun. It does not
    begin before `until` (microseconds since 1970; zero: as soon as it can).
    """

    attempt: int = 1
    held: str = ""
    until: int = 0


STARTED = Life()


@frozen
class Held:
    """Effects that were ordered and cannot begin now: why not, and until when not, if that is known."""

    effects: tuple[int, ...]
    why: str
    until: int = 0


@frozen
class Admitted:
    """A held effect begins."""

    effect: int
    attempt: int = 1


@frozen
class AttemptFailed:
    """An attempt came to an outcome that may be tried again. `chance`, from 0 to 1, spreads the delays.

    Whether it is, and when, follows from the form's Retry; if not, it is the outcome.
    """

    effect: int
    attempt: int
    event: Event
    chance: float = 0.0


@frozen
class Abandoned:
    """An effect that did not end when it was told to: what still comes of it is dropped."""

    effect: int


@frozen
class Cancelled(Event):
    """Somebody asked the run to end, or its time is over: rows for it lead to states that `compensate`."""

    reason: str = ""


@frozen
class Halted:
    """The run is to end: it was cancelled, or its deadline has passed. On a run that is ending: at once."""

    status: HaltStatus
    reason: str = ""


@frozen
class Parked:
    """The author's code broke: nothing is stepped until it is mended. `signal` is what broke it.

    Without a signal it is one that waits already: the oldest in the line, or a deferred event.
    """

    place: str
    role: str
    callable: str
    problem: Problem
    signal: "Signal | None" = None


@frozen
class Queued:
    """Something happened to a parked run: it waits in the line."""

    signal: "Signal"


@frozen
class Resumed:
    """The line is taken up again; with `skip`, without what broke."""

    skip: bool = False


@frozen
class Broke:
    """The author's code broke, and the run ends by it."""

    place: str
    role: str
    callable: str
    problem: Problem
    signal: "Signal | None" = None


Decision: TypeAlias = (
    Held | Admitted | AttemptFailed | Abandoned | Halted | Parked | Queued | Resumed | Broke
)
Signal: TypeAlias = Event | Happened | Fired | Decision
