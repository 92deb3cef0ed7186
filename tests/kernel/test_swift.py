"""What is gathered in short is what a draft comes to: `backwards` always takes the long way."""

from typing import Any

from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    Always,
    Call,
    Defer,
    Each,
    Effect,
    Event,
    Failed,
    Machine,
    On,
    Problem,
    Returned,
    State,
    TimedOut,
)
from detent.kernel import Happened, Moved, begin, compile_machine, step
from tests.settings import times


@frozen
class Look(Effect[int], recovery="idempotent"):
    """Something that may fail."""


@frozen
class Later(Event):
    """What is kept for later."""


@frozen
class Leave(Event):
    """What leads away."""


@frozen
class Data:
    """How many are looked for, and how many were found."""

    orders: int
    found: int = 0

    def every(self) -> list[Look]:
        """The orders."""
        return [Look()] * self.orders

    def one(self) -> Look:
        """One more order."""
        return Look()

    def count(self, event: object) -> "Data":
        """One more was found."""
        return evolve(self, found=self.found + 1)

    def is_enough(self) -> bool:
        """Whether the others do not matter."""
        return self.found > 2


def gathering(draw: st.DrawFn) -> Machine[Any, Any, Any]:
    """A machine that waits for an Each of any kind, and may have something else under way."""
    at_most, stop = draw(st.sampled_from([None, 1, 3])), draw(st.booleans())
    look = Call(Look, timeout=1.0)
    every: Any = Each(look, Data.every, at_most=at_most, stop_on_failure=stop, name="every")
    beside: Any = Call(Look, Data.one, name="beside")
    rows: list[Any] = [Defer(Later)] if draw(st.booleans()) else [On(Later)]
    rows.append(On(Leave, to="there"))
    if draw(st.booleans()):
        rows.append(Always(when=Data.is_enough, to="there"))
    heard = draw(st.sampled_from(["settled", "both", "each"]))
    if heard != "settled":
        rows.append(On(every.returned, update=Data.count))
    if heard == "each":
        rows.append(On(every.failed | every.stopped if stop else every.failed))
    else:
        rows.append(On(every.settled, to="there"))
    do: tuple[Any, ...] = (every,)
    if draw(st.booleans()):
        do = (every, beside)
        rows.append(On(beside.returned | beside.failed))
    return Machine("m", State("here", *rows, do=do), State("there"), data=Data)


@st.composite
def gatherings(draw: st.DrawFn) -> tuple[Machine[Any, Any, Any], Data, list[Any]]:
    """A machine, what it begins with, and what happens to it."""
    orders = draw(st.integers(1, 6))
    ids = draw(st.permutations(range(1, orders + 2)))
    went = st.sampled_from([Returned(1), Failed(Problem("Lost")), TimedOut()])
    happened: list[Any] = [Happened(id, draw(went)) for id in ids]  # the last is beside, or nothing
    if draw(st.booleans()):
        happened.insert(draw(st.integers(0, orders)), Later())
    return gathering(draw), Data(orders), happened


@given(gatherings())
@settings(max_examples=times(200))
def test_what_is_gathered_in_short_is_what_a_draft_comes_to(
    made: tuple[Machine[Any, Any, Any], Data, list[Any]],
) -> None:
    machine, data, signals = made
    table = compile_machine(machine)
    now = begin(table, data).snapshot

    for at, signal in enumerate(signals):
        short = step(table, now, signal, at)
        long = step(table, now, signal, at, backwards=True)

        assert short == long
        if isinstance(short, Moved):
            now = short.snapshot
