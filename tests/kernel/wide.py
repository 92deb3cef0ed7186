"""A machine that has one of everything, for tests that need nothing in particular."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from functools import partial
from typing import Literal
from uuid import UUID

from attrs import evolve, frozen

from detent import (
    After,
    Always,
    Call,
    Defer,
    Done,
    Each,
    Effect,
    Event,
    Failure,
    Final,
    FrozenMap,
    History,
    Ignore,
    Json,
    Machine,
    On,
    Region,
    Reject,
    Retry,
    Returned,
    Send,
    Spawn,
    State,
    Wait,
    assign,
    new_id,
    now,
    random,
    stamped,
    versioned,
)


class Colour(Enum):
    """An enumeration."""

    RED = 1
    BLUE = 2


class Mood(StrEnum):
    """An enumeration of texts."""

    GOOD = "good"
    BAD = "bad"


@frozen
class Leaf:
    """One of two records of a union."""

    weight: Decimal


@frozen
class Branch:
    """The other, which holds both."""

    inside: "tuple[Leaf | Branch, ...]" = ()


@frozen
class Begun(Event):
    """An event with everything that is stamped."""

    label: str
    at: datetime = stamped(now)
    id: str = stamped(new_id)
    luck: float = stamped(random)


@frozen
class Poked(Event):
    """An event without fields."""


@frozen
class Torn(Failure):
    """A declared failure."""

    where: str


@frozen
class Fetch(Effect[Json], recovery="idempotent", fails=(Torn,), version=2):
    """An effect."""

    what: str


@frozen
class All:
    """Data of every kind that can be stored."""

    number: int = 0
    ratio: float = 0.5
    text: str = ""
    raw: bytes = b""
    money: Decimal = Decimal("1.00")
    when: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    day: date = date(2026, 1, 2)
    span: timedelta = timedelta(seconds=1)
    key: UUID = UUID(int=7)
    colour: Colour = Colour.RED
    mood: Mood = Mood.GOOD
    tree: Leaf | Branch = Branch()
    names: tuple[str, ...] = ()
    pair: tuple[int, str] = (0, "")
    tags: frozenset[str] = frozenset()
    notes: FrozenMap[str, Json] = FrozenMap()
    mode: Literal["on", "off"] = "on"
    maybe: int | None = None

    def begin(self, event: Begun) -> "All":
        """An update that keeps what was stamped."""
        return evolve(self, when=event.at, text=event.label)

    def fetch(self) -> Fetch:
        """An order."""
        return Fetch(self.text)

    def fetches(self) -> Iterable[Fetch]:
        """Several orders."""
        return [Fetch(name) for name in self.names]

    def keep(self, event: Returned[Json]) -> "All":
        """An update by an outcome."""
        return evolve(self, notes=FrozenMap(last=event.value))

    def question(self) -> str:
        """A question."""
        return f"{self.text}?"

    def rest(self) -> float:
        """Seconds."""
        return 2.5

    @versioned(3)
    def is_odd(self) -> bool:
        """A guard."""
        return self.number % 2 == 1


def leaf(data: All) -> Leaf:
    """What the child begins with."""
    return Leaf(data.money)


def is_over(limit: int, data: All, event: Poked) -> bool:
    """A guard with an argument of its own."""
    return data.number > limit


fetch = Call(Fetch, All.fetch, timeout=5.0, retry=Retry(attempts=2), limit="web", breaker="web")
fetches = Each(Fetch, All.fetches, at_most=2, name="fetches")
ask = Wait(bool, All.question, deadline=60.0)
child = Spawn(Machine("child", State("waiting"), data=Leaf), leaf)
tell = Send("other", Poked())

wide = Machine(
    "wide",
    On(Begun, to="resting"),
    State(
        "resting",
        On(Begun, to="both", update=All.begin),
        On(Poked, when=partial(is_over, 3), update=assign(number="data.number + 1")),
        After(All.rest, to="both"),
    ),
    State(
        "both",
        History("back"),
        Region(
            "left",
            State(
                "asking",
                On(ask.returned, to="told", when="event.value"),
                On(tell.returned | tell.failed),
                do=(ask, tell),
            ),
            State(
                "told",
                Ignore(Begun),
                Always(to="left end", when=All.is_odd),
            ),
            Final("left end"),
        ),
        Region(
            "right",
            State(
                "fetching",
                On(fetch.returned, to="fanning", update=All.keep),
                On(fetch.failed_as(Torn) | fetch.failed, to="fanning"),
                On(fetch.timed_out | fetch.declined, to="fanning"),
                Defer(Poked),
                do=fetch,
            ),
            State(
                "fanning", On(fetches.settled, to="right end"), Reject(Poked), do=(fetches, child)
            ),
            Final("right end"),
        ),
        On(Poked, to="paused"),
        Done(to="over"),
    ),
    State("paused", On(Poked, to="back"), On(Begun, to="both", reenter=True)),
    Final("over", "stopped"),
    data=All,
    background=Call(Fetch, All.fetch, name="watch"),
)
