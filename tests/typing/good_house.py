"""Everything else a machine is written with: children, letters, timers, histories, failures."""

from datetime import datetime
from typing import assert_type

from attrs import evolve, frozen

from detent import (
    After,
    Always,
    Answer,
    Assign,
    Call,
    Defer,
    Done,
    Effect,
    Ended,
    Event,
    Failed,
    Failure,
    Final,
    History,
    Ignore,
    InDoubt,
    Machine,
    On,
    Possible,
    Receipt,
    Region,
    Reject,
    Retry,
    Returned,
    Send,
    Spawn,
    State,
    Stopped,
    TimedOut,
    Wait,
    assign,
    new_id,
    now,
    random,
    stamped,
    versioned,
)


@frozen
class Opened(Event):
    name: str
    at: datetime = stamped(now)
    key: str = stamped(new_id)
    chance: float = stamped(random)


@frozen
class Closed(Event): ...


@frozen
class Shipped(Event):
    parcel: str


@frozen
class Refused(Failure):
    why: str
    cents: int = 0


@frozen
class Charge(Effect[int], recovery="reconcilable", fails=(Refused,), version=2):
    cents: int


@frozen
class Paper:
    text: str = ""

    def length(self) -> int:
        return len(self.text)


@frozen
class Desk:
    names: tuple[str, ...] = ()
    since: datetime | None = None
    cents: int = 0

    @classmethod
    def named(cls, name: str) -> "Desk":
        return cls((name,))

    def opened(self, event: Opened) -> "Desk":
        return evolve(self, names=(*self.names, event.name, event.key), since=event.at)

    @versioned(2)
    def lucky(self, event: Opened) -> bool:
        return event.chance > 0.5

    def charge(self) -> Charge:
        return Charge(self.cents)

    def charged(self, event: Returned[int]) -> "Desk":
        return evolve(self, cents=event.value)

    def refused(self, event: Refused) -> "Desk":
        return evolve(self, cents=event.cents)

    def not_charged(self, event: Failed | Refused | InDoubt) -> "Desk":
        return evolve(self, cents=0)

    def paper(self) -> Paper:
        return Paper(" ".join(self.names))

    def reviewed(self, event: Ended[int]) -> "Desk":
        return evolve(self, cents=event.result or 0)

    def warehouse(self) -> str:
        return f"warehouse-{self.cents}"

    def shipped(self) -> Shipped:
        return Shipped(self.names[0])

    def received(self, event: Returned[Receipt]) -> bool:
        return event.value.status == "accepted"

    def patience(self) -> float:
        return 10.0 * len(self.names)

    def tired(self) -> bool:
        return len(self.names) > 3

    def rested(self) -> "Desk":
        return evolve(self, names=())

    def question(self) -> str:
        return f"Close the desk of {self.names[0]}?"

    def many(self) -> int:
        return len(self.names)


review = Machine("review", State("reading"), Final("read"), data=Paper, result=Paper.length)
assert_type(review, Machine[Paper, Paper, int])

charge = Call(Charge, Desk.charge, timeout=3.0, retry=Retry(2), limit="bank", breaker="bank")
refused = charge.failed_as(Refused)
child = Spawn(review, Desk.paper)
letter = Send(Desk.warehouse, Desk.shipped)
note = Send("warehouse", Shipped("7"))
half = Send(Desk.warehouse, Shipped("7"), name="half")
close = Wait(bool, Desk.question, deadline=60.0)

assert_type(charge, Call[Desk, int])
assert_type(child, Spawn[Desk, int])
assert_type(child.ended, Possible[Ended[int], [str, int | None]])
assert_type(letter, Send[Desk])
assert_type(note, Send[object])
assert_type(letter.returned, Possible[Returned[Receipt], [Receipt]])
assert_type(close, Wait[Desk, bool])
assert_type(close.returned, Possible[Returned[bool], [bool]])
assert_type(close.timed_out, Possible[TimedOut, []])
assert_type(assign(cents="data.cents + 1"), Assign)

answers: tuple[Answer, ...] = (
    refused("no money"),
    refused(why="no money", cents=3),
    charge.returned(3),
    charge.declined("bank", "open"),
    charge.in_doubt("crash"),
    child.ended("completed", 5),
    letter.returned(Receipt("accepted")),
    close.timed_out(),
)

desk = Machine(
    "desk",
    State("closed", On(Opened, to="open", update=Desk.opened), Ignore(Closed)),
    State(
        "open",
        State("idle", After(30, to="paying"), After(Desk.patience, to="paying", when=Desk.tired)),
        State(
            "paying",
            On(charge.returned, to="reviewing", update=Desk.charged),
            On(refused, to="idle", when="event.cents > 0", update=Desk.refused),
            On(charge.failed | refused | charge.in_doubt, to="idle", update=Desk.not_charged),
            On(charge.timed_out | charge.declined, to="idle"),
            do=charge,
        ),
        State(
            "reviewing",
            On(child.ended, to="sending", when="event.result != null", update=Desk.reviewed),
            On(child.ended, to="idle"),
            do=child,
        ),
        State(
            "sending",
            On(letter.returned, to="end", when=Desk.received),
            On(letter.returned | letter.failed, to="idle"),
            do=(letter, note, half),
        ),
        Final("end"),
        History("last", to="idle"),
        History("deepest", deep=True),
        Always(to="resting", when=Desk.tired, update=Desk.rested),
        Done(to="both"),
        On(Opened, update=assign(cents="data.cents + 1"), when=Desk.lucky),
        Reject(Closed),
    ),
    State(
        "both",
        Region("left", State("l1", After(1.5, to="l2", update=Desk.rested)), Final("l2")),
        Region("right", State("r1", Always(to="r2", when="data.cents > 0")), Final("r2")),
        Done(to="resting", when=Desk.tired, update=Desk.rested),
    ),
    State(
        "resting",
        On(close.returned, to="gone", when="event.value"),
        On(close.returned | close.timed_out, to="open", reenter=True),
        Defer(Opened, Closed),
        do=close,
    ),
    Final("gone", "stopped"),
    On(Closed, to="gone"),
    data=Desk,
    begin=Desk.named,
    result=Desk.many,
    background=Spawn(review, Desk.paper, name="beside"),
    defer_limit=10,
)
assert_type(desk, Machine[str, Desk, int])

begun_only = Machine("begun", State("only"), data=Desk, begin=Desk.named)
assert_type(begun_only, Machine[str, Desk, Desk])


def told(event: Stopped) -> str:
    return event.by
