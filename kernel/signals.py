"""Events: what happened. Effects: orders to the world. Outcomes: what came of an order.

Rule 1: an event or an effect is a frozen attrs class; its fields are its meaning, and all of them can be stored.
Rule 2: time and chance reach a machine only as fields of events, filled when the event is accepted (`stamped`).
Rule 3: what can come of an effect is a closed set, declared by its class and by how it is ordered.
Left out on purpose: who performs an effect, and how often it is tried.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, Protocol, Self, TypeAlias, TypeVar

import attrs
from attrs import field, frozen

from detent.kernel.facts import Fact
from detent.kernel.values import EPOCH, Json

__all__ = [
    "Declined",
    "Effect",
    "EffectClass",
    "Ended",
    "Event",
    "Failed",
    "Failure",
    "Fired",
    "Happened",
    "InDoubt",
    "Problem",
    "Receipt",
    "Recovery",
    "Returned",
    "Settled",
    "Stamp",
    "Stopped",
    "TimedOut",
    "new_id",
    "now",
    "random",
    "stamp",
    "stamped",
]

T = TypeVar("T")
Tc = TypeVar("Tc", covariant=True)
C = TypeVar("C")

Recovery: TypeAlias = Literal["pure", "idempotent", "reconcilable", "at_most_once"]


@frozen
class Stamp(Generic[Tc]):
    """A source of values that no machine may make up itself: `now`, `new_id`, `random`."""

    name: Literal["now", "new_id", "random"]
    unfilled: Tc


now: Stamp[datetime] = Stamp("now", EPOCH)
new_id: Stamp[str] = Stamp("new_id", "")
random: Stamp[float] = Stamp("random", 0.0)


def stamped(source: Stamp[T]) -> T:
    """Declare a field that is filled when its event is accepted, and recorded with it.

    Until then it holds a value that says so: 1970, an empty text, zero.

    >>> @frozen
    ... class Opened(Event):
    ...     at: datetime = stamped(now)
    """
    filled: T = field(default=source.unfilled, metadata={"detent.stamp": source}, kw_only=True)
    return filled


@frozen
class Event:
    """Something that happened, named in the past tense. Derive from it, with `attrs.frozen`."""


E = TypeVar("E", bound=Event)


def stamp(event: E, *, at: datetime, new_id: Callable[[], str], random: Callable[[], float]) -> E:
    """The event as it is accepted: every stamped field that its sender left alone is filled."""
    sources: Mapping[str, Callable[[], Any]] = {
        "now": lambda: at,
        "new_id": new_id,
        "random": random,
    }
    fills = {
        name: sources[source.name]()
        for name, source in _stamps(type(event))
        if getattr(event, name) == source.unfilled
    }
    return attrs.evolve(event, **fills) if fills else event


_STAMPS: dict[type, tuple[tuple[str, Stamp[Any]], ...]] = {}


def _stamps(kind: type[Any]) -> tuple[tuple[str, Stamp[Any]], ...]:
    """The stamped fields of a class of events, asked for every event that is accepted."""
    known = _STAMPS.get(kind)
    if known is None:
        declared = ((a.name, a.metadata.get("detent.stamp")) for a in attrs.fields(kind))
        known = _STAMPS[kind] = tuple((name, source) for name, source in declared if source)
    return known


@frozen
class Failure(Event):
    """A way of failing that an effect declares (`fails=`), with fields of its own and a row of its own."""


@frozen
class Effect(Generic[T]):
    """An order to the world, as data. `T` is what comes back when it goes well.

    `recovery` says what may be done when nobody knows whether it was carried out: `pure` and `idempotent` effects
    are ordered again, `reconcilable` ones are asked about first, `at_most_once` ones (the default) are never
    ordered again: their outcome is `InDoubt`. `fails` names the declared failures, `version` tells apart effects
    whose meaning changed while their fields did not.
    """

    recovery: ClassVar[Recovery] = "at_most_once"
    fails: ClassVar[tuple[type[Failure], ...]] = ()
    version: ClassVar[int] = 1

    def __init_subclass__(
        cls,
        *,
        recovery: Recovery | None = None,
        fails: Iterable[type[Failure]] | None = None,
        version: int | None = None,
    ) -> None:
        super().__init_subclass__()
        if recovery is not None:
            cls.recovery = recovery
        if fails is not None:
            cls.fails = tuple(fails)
        if version is not None:
            cls.version = version

    @classmethod
    def __ordered__(cls, order: Self) -> Self:
        """The order itself. With `__returned__`, what `EffectClass` tells type checkers."""
        return order

    @classmethod
    def __returned__(cls, value: T) -> T:
        """What comes back, itself."""
        return value


class EffectClass(Protocol[C, T]):
    """The class of an effect: it makes orders `C`, and `T` comes back.

    A protocol of two methods nobody would name a field after, so that an effect may have any field.
    """

    def __ordered__(self, order: C) -> C:
        """See Effect."""
        ...

    def __returned__(self, value: T) -> T:
        """See Effect."""
        ...


@frozen
class Problem:
    """A failure as data: what kind, in which words, and anything a program may want to look at."""

    kind: str
    message: str = ""
    fields: tuple[tuple[str, Json], ...] = ()


@frozen
class Returned(Event, Generic[Tc]):
    """The effect was carried out; this came back."""

    value: Tc
    at: datetime = stamped(now)


@frozen
class Failed(Event):
    """The effect surely did not happen, or failed in a way it did not declare."""

    problem: Problem
    at: datetime = stamped(now)


@frozen
class TimedOut(Event):
    """Nothing came back in time; ordering it again does no harm."""

    at: datetime = stamped(now)


@frozen
class InDoubt(Event):
    """Nobody knows whether it happened, and it must not be ordered twice. `why`: timeout, crash, stopped, raised."""

    why: str = "crash"
    at: datetime = stamped(now)


@frozen
class Declined(Event):
    """It was not tried: a breaker was open, or somebody said no."""

    by: str
    reason: str = ""
    at: datetime = stamped(now)


@frozen
class Stopped(Event):
    """It was stopped before it ended: its state was left, or a sibling failed. `started`: it may have begun."""

    by: str
    started: bool = False
    at: datetime = stamped(now)


@frozen
class Ended(Event, Generic[Tc]):
    """A child run came to its end; `result` is there if its status says so."""

    status: str
    result: Tc | None = None
    problem: Problem | None = None
    at: datetime = stamped(now)


@frozen
class Settled(Event, Generic[Tc]):
    """Every effect of an Each has ended; the outcomes are in the order of the orders."""

    outcomes: tuple[
        Returned[Tc] | Failed | Failure | TimedOut | InDoubt | Declined | Stopped | Ended[Tc], ...
    ]
    at: datetime = stamped(now)


@frozen
class Receipt:
    """What became of an event that was sent, and, if it was refused, what would have been accepted."""

    status: Literal["accepted", "ignored", "deferred", "rejected", "duplicate", "stored"]
    accepts: tuple[str, ...] = ()


class Happened(Fact, frozen=True):
    """An outcome with its address: the id of the effect it belongs to."""

    effect: int
    event: Event


@frozen
class Fired:
    """A timer whose time has come, by its id."""

    timer: int
