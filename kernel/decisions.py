"""What a kernel decides about a run: stepped and recorded like everything else that happens.

Rule 1: a decision says what was decided, by whoever has a clock, a limit or a bug before him; what follows from it for
        the run is the pure step's to say, so that a replay comes to the same.
Rule 2: a decision is about effects in flight, about the run's going on, or about what waits in its line.
Left out on purpose: what only happened to a run and changes nothing (a note, a recovery): that is written, not stepped.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, get_args

from attrs import frozen

from detent.kernel.signals import Event, Fired, Happened, Problem

__all__ = [
    "FAR",
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
    "is_whole",
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

FAR = 2**63 - 1
"""The last time there is."""


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

    Without a signal it is one that waits already: that of `entry`, or else the oldest in the line, or a deferred event.
    `since` is said of a fork that nobody has resumed, and is not decided: its time has stood still since then.
    """

    place: str
    role: str
    callable: str
    problem: Problem
    signal: "Signal | None" = None
    entry: int = 0
    since: int | None = None


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


# -- what a decision has to look like


def is_whole(decision: Decision) -> bool:
    """Whether a decision says what it has to say, whatever its types promise. What it is about is not looked at."""
    return _WHOLE[type(decision)](decision)


def _is_count(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= FAR


def _is_chance(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _are_words(*values: object) -> bool:
    return all(type(value) is str for value in values)


def _are_ids(values: Any) -> bool:
    return _is_exactly(values, tuple) and bool(values) and all(_is_count(one, 1) for one in values)


def _is_exactly(value: object, kind: type) -> bool:
    return type(value) is kind


def _is_mistake(broke: Parked | Broke) -> bool:
    said = _are_words(broke.place, broke.role, broke.callable)
    return said and type(broke.problem) is Problem


_WHOLE: Mapping[type, Callable[[Any], bool]] = {
    Held: lambda one: (
        _are_ids(one.effects) and _are_words(one.why) and bool(one.why) and _is_count(one.until, 0)
    ),
    Admitted: lambda one: _is_count(one.effect, 1) and _is_count(one.attempt, 1),
    AttemptFailed: lambda one: _is_count(one.attempt, 1) and _is_chance(one.chance),
    Abandoned: lambda one: _is_count(one.effect, 1),
    Halted: lambda one: one.status in get_args(HaltStatus) and _are_words(one.reason),
    Parked: lambda one: _is_mistake(one) and type(one.entry) is int and one.since is None,
    Queued: lambda one: True,
    Resumed: lambda one: type(one.skip) is bool,
    Broke: _is_mistake,
}
