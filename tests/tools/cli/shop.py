"""Machines that are run by commands: each ends soon, or waits for something."""

import os
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

import trio
from attrs import evolve, frozen

from detent import (
    Call,
    Context,
    Effect,
    Event,
    Fails,
    Final,
    Machine,
    On,
    Retry,
    Returned,
    Spawn,
    State,
    Wait,
    World,
    handle,
)

__all__ = ["box", "family", "form", "parcel", "stubborn"]


@frozen
class Put(Event):
    """Something is put in."""

    cents: int
    note: str = ""


@frozen
class Close(Event):
    """No more is put in."""


@frozen
class Box:
    """What is in it."""

    cents: int = 0
    notes: tuple[str, ...] = ()

    def put(self, event: Put) -> "Box":
        """With something more."""
        notes = (*self.notes, event.note) if event.note else self.notes
        return evolve(self, cents=self.cents + event.cents, notes=notes)


box = Machine(
    "box", State("open", On(Put, update=Box.put), On(Close, to="shut")), Final("shut"), data=Box
)


class Colour(Enum):
    """What can be chosen."""

    RED = "r"
    BLUE = "b"


@frozen
class Place:
    """Where somebody lives."""

    street: str
    number: int = 1


@frozen
class Form:
    """What somebody has filled in."""

    said: tuple[str, ...] = ()

    def add(self, event: Returned[Any]) -> "Form":
        """One answer more."""
        return Form((*self.said, repr(event.value)))


KINDS: tuple[type[Any], ...] = (bool, int, str, Colour, Place, date, Decimal)
waits: list[Wait[Form, Any]] = [
    Wait(kind, f"{kind.__name__}?", name=f"ask_{kind.__name__}") for kind in KINDS
]
names = [f"at_{kind.__name__}" for kind in KINDS]
form = Machine(
    "form",
    *(
        State(name, On(wait.returned, to=after, update=Form.add), do=wait)
        for name, after, wait in zip(names, [*names[1:], "done"], waits, strict=True)
    ),
    Final("done"),
    data=Form,
)


@frozen
class Fetch(Effect[str], recovery="idempotent"):
    """Something to be done elsewhere: `how` says what will come of it."""

    how: str


@frozen
class Parcel:
    """What is to be fetched, and what came of it."""

    how: str = "well"
    got: str = ""

    def order(self) -> Fetch:
        """The order."""
        return Fetch(self.how)

    def take(self, event: Returned[str]) -> "Parcel":
        """It has come."""
        return evolve(self, got=event.value)


fetch = Call(Fetch, Parcel.order, retry=Retry(attempts=2, base=0.05, jitter=0.0))
parcel = Machine(
    "parcel",
    State(
        "fetching",
        On(fetch.returned, to="here", update=Parcel.take),
        On(fetch.failed, to="lost"),
        do=fetch,
    ),
    Final("here"),
    Final("lost", status="failed"),
    data=Parcel,
)


@frozen
class House:
    """Who sends for a parcel."""

    parcel: Parcel = Parcel()


really: Wait[House, bool] = Wait(bool, "Really?", name="really")
begin = Spawn[House, Parcel](parcel, lambda house: house.parcel, name="begin")
family = Machine(
    "family",
    State(
        "asking",
        On(really.returned, to="sending", when="event.value"),
        On(really.returned, to="alone"),
        do=really,
    ),
    State("sending", On(begin.ended, to="alone"), do=begin),
    Final("alone"),
    data=House,
)
stubborn = Machine(
    "stubborn",
    State(
        "fetching",
        On(fetch.returned, to="here", update=Parcel.take),
        On(fetch.failed, to="here"),
        do=fetch,
    ),
    Final("here"),
    data=Parcel,
)


async def bring(order: Fetch, context: Context) -> str:
    """It comes, or not, as the order says."""
    if order.how == "never":
        await trio.sleep_forever()
    if order.how == "second" and context.attempt == 1:
        raise Fails("not yet")
    if order.how == "noted":
        context.note("half way")
        context.emit("a piece")
    if order.how == "lost":
        raise Fails("it is lost")
    return f"{order.how} by {os.getpid()}" if order.how == "pid" else order.how


handlers = [handle(Fetch, bring)]
world = World(parcel, handlers=handlers)


def made() -> World:
    """A world made when it is asked for."""
    return world


def unmade() -> World:
    """A world that cannot be made."""
    raise RuntimeError("no key in the drawer")


nothing = 5
