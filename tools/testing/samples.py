"""What generated machines are made of: one class of data, a few events, effects, guards and updates.

Everything is pure, and everything may be combined with everything.
"""

from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen

from detent.kernel import (
    Assign,
    Call,
    Doing,
    Each,
    Effect,
    Event,
    Failure,
    FinalStatus,
    Machine,
    Order,
    Retry,
    Spawn,
    State,
    Wait,
    assign,
)

__all__ = [
    "EFFECTS",
    "EVENTS",
    "GUARDS",
    "QUIET_GUARDS",
    "QUIET_UPDATES",
    "STATUSES",
    "UPDATES",
    "Tally",
]

STATUSES: tuple[FinalStatus, ...] = (
    "completed",
    "completed_with_failures",
    "stopped",
    "limit_reached",
    "failed",
)


@frozen
class Push(Event):
    """An event with a number."""

    n: int = 0


@frozen
class Pull(Event):
    """Another."""

    n: int = 0


@frozen
class Turn(Event):
    """A third."""

    n: int = 0


@frozen
class Stop(Event):
    """A fourth."""

    n: int = 0


EVENTS: tuple[type[Push] | type[Pull] | type[Turn] | type[Stop], ...] = (Push, Pull, Turn, Stop)


@frozen
class Jammed(Failure):
    """A declared failure."""

    n: int = 0


@frozen
class Work(Effect[int], recovery="pure"):
    """An effect that can be repeated."""

    n: int


@frozen
class Once(Effect[int], recovery="at_most_once", fails=(Jammed,)):
    """An effect that must not be repeated, and that declares a failure."""

    n: int


@frozen
class Tally:
    """The data: a number that guards look at, and a trail of what happened."""

    count: int = 0
    trail: tuple[str, ...] = ()

    def add(self, event: Event) -> "Tally":
        """Count an event, whatever it is."""
        return evolve(self, count=self.count + 1, trail=(*self.trail[-8:], type(event).__name__))

    def double(self, event: Event) -> "Tally":
        """Another update, which does not commute with `add`."""
        return evolve(self, count=self.count * 2 % 1_000_003)

    def rest(self) -> "Tally":
        """An update without an event."""
        return evolve(self, count=self.count // 2)

    def is_even(self, event: Event) -> bool:
        """A guard with an event."""
        return self.count % 2 == 0

    def is_small(self) -> bool:
        """A guard without one."""
        return self.count < 5

    def work(self) -> Work:
        """An order."""
        return Work(self.count)

    def once(self) -> Once:
        """An order that must not be repeated."""
        return Once(self.count)

    def works(self) -> tuple[Work, ...]:
        """Several orders; sometimes none."""
        return tuple(Work(n) for n in range(self.count % 4))

    def errands(self) -> "list[Order[int | Tally]]":
        """Orders of several kinds."""
        kinds: tuple[Order[int | Tally], ...] = (
            careful(Once(1)),
            quick(Work(2)),
            sure("Is it?"),
            child(Tally(3)),
        )
        return list(kinds[: 1 + self.count % 4])

    def question(self) -> str:
        """What somebody is asked."""
        return f"Is {self.count} enough?"


def trouble(data: Tally, event: Event) -> Tally:
    """An update that raises now and then."""
    return evolve(data, count=10 // (data.count % 7))


def puzzled(data: Tally, event: Event) -> bool:
    """A guard that sometimes gives what is neither true nor false."""
    odd: Any = data.count % 5
    return odd if data.count % 5 > 1 else True


small_machine = Machine("small", State("only"), data=Tally)
careful = Call(Once, name="careful")
quick = Call(Work, timeout=5.0, retry=Retry(attempts=3), name="quick")
sure = Wait(int, deadline=60.0, name="sure")
child = Spawn(small_machine, name="child")

EFFECTS: tuple[Doing[Tally], ...] = (
    Call(Work, Tally.work, timeout=2.0, retry=Retry(base=0)),
    Call(Once, Tally.once, timeout=3.0, breaker="shop"),
    Wait(bool, Tally.question, deadline=10.0),
    Wait(int, "How many?", name="ask"),
    Spawn(small_machine, Tally.rest, name="kid"),
    Each(Work, Tally.works, at_most=2, name="some"),
    Each((careful, quick, sure, child), Tally.errands, stop_on_failure=True, name="errands"),
    Each(Work, Tally.works, name="all"),
)

Guard = str | Callable[[Tally, Event], bool]
Update = Assign | Callable[[Tally, Event], Tally]

GUARDS: tuple[Guard, ...] = (
    "data.count > 2",
    "data.count % 3 == 0 or len(data.trail) > 4",
    "not 'Push' in data.trail",
    Tally.is_even,
    puzzled,
)
QUIET_GUARDS: tuple[str | Callable[[Tally], bool], ...] = (
    "data.count % 4 == 1",
    "data.count > 40",
    Tally.is_small,
)
UPDATES: tuple[Update, ...] = (
    Tally.add,
    Tally.add,
    Tally.double,
    assign(count="data.count + 3"),
    trouble,
)
QUIET_UPDATES: tuple[Callable[[Tally], Tally], ...] = (Tally.rest,)
