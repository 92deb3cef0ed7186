"""What a person writes, as values."""

from typing import Any

from attrs import frozen

from detent import (
    Call,
    Declined,
    Each,
    Effect,
    Ended,
    Event,
    Failed,
    Failure,
    Ignored,
    InDoubt,
    Machine,
    Returned,
    Settled,
    Spawn,
    State,
    Stopped,
    TimedOut,
)
from detent.kernel import begin, compile_machine, step
from detent.kernel.layout import MANY_PLANS, Layout
from examples.turnstile import Coin, Gate, turnstile


@frozen
class Jam(Failure):
    """A failure."""


@frozen
class Work(Effect[int], recovery="idempotent", fails=(Jam,)):
    """An effect."""


@frozen
class Data:
    """The data."""


small = Machine("small", State("only"), data=Data)
each: Each[Any, int] = Each(Work, lambda data: [Work()])
call = Call(Work)
spawn = Spawn(small)


def test_the_outcomes_of_a_form_are_its_attributes() -> None:
    outcomes: dict[Any, type[Event]] = {
        each.returned: Returned,
        each.failed: Failed,
        each.failed_as(Jam): Jam,
        each.timed_out: TimedOut,
        each.in_doubt: InDoubt,
        each.declined: Declined,
        each.stopped: Stopped,
        each.ended: Ended,
        each.settled: Settled,
        call.declined: Declined,
        call.in_doubt: InDoubt,
        spawn.ended: Ended,
    }

    assert all(outcome.choices[0][1] is kind for outcome, kind in outcomes.items())


def test_what_did_not_return_is_everything_else_that_is_possible() -> None:
    assert [kind for _, kind in call.unreturned.choices] == [Failed, Jam]
    assert [kind for _, kind in each.unreturned.choices] == [Failed, Jam]


def test_outcomes_are_joined() -> None:
    joined = call.returned | call.failed | spawn.ended

    assert [kind for _, kind in joined.choices] == [Returned, Failed, Ended]


def test_forms_made_alike_are_equal() -> None:
    assert Call(Work) == call
    assert Call(Work, timeout=1.0) != call


def test_a_machine_is_shown_by_its_name() -> None:
    assert repr(small) == "<machine 'small'>"
    assert repr(compile_machine(small)) == "<table of 'small', 1 states>"
    assert small.machine is small


def test_the_methods_for_type_checkers_give_back_what_they_get() -> None:
    data = Data()

    assert small.__begins_with__(data) is data
    assert small.__results_in__(data) is data


def test_where_nothing_moved_nothing_was_ordered() -> None:
    table = compile_machine(turnstile)
    unlocked = step(table, begin(table, Gate()).snapshot, Coin()).snapshot

    ignored = step(table, unlocked, Coin())

    assert isinstance(ignored, Ignored)
    assert (ignored.took, ignored.ordered, ignored.stopped) == ((), (), ())


def test_a_machine_is_compiled_once() -> None:
    again = Machine(turnstile.name, *turnstile.parts, data=turnstile.data)

    assert compile_machine(turnstile) is compile_machine(turnstile)
    assert again == turnstile
    assert compile_machine(again) is not compile_machine(turnstile)


def test_plans_are_forgotten_when_there_are_too_many() -> None:
    table = compile_machine(Machine(turnstile.name, *turnstile.parts, data=turnstile.data))
    now = begin(table, Gate()).snapshot
    layout: Layout = table.layouts[now.configuration]
    filling: Any = {(n,): None for n in range(MANY_PLANS)}
    layout.plans.update(filling)

    step(table, now, Coin())

    assert len(layout.plans) == 1


def test_layouts_are_forgotten_when_there_are_too_many() -> None:
    table = compile_machine(Machine(turnstile.name, *turnstile.parts, data=turnstile.data))
    now = begin(table, Gate()).snapshot
    for n in range(200_000):
        table.layouts[(str(n),)] = None

    unlocked = step(table, now, Coin()).snapshot

    assert set(table.layouts) == {("unlocked",)}
    assert step(table, now, Coin()).snapshot == unlocked
