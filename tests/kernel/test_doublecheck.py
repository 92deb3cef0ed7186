"""Checked mode finds what is not pure."""

import itertools
from typing import Any

from attrs import evolve, frozen
from hypothesis import given, settings

from detent import Broken, Event, Machine, On, Region, State, compile_machine
from detent.kernel import (
    Snapshot,
    Table,
    advance,
    begin,
    canonical,
    checked_advance,
    checked_recall,
    checked_step,
)
from detent.kernel.facts import but
from detent.tools.testing import Features, machines, walks
from tests.settings import times

counter = itertools.count()


@frozen
class Go(Event):
    """The event of every test."""


def data_table(update: Any) -> Table[Any, Any, Any]:
    """A machine of one state with one update, or one of several regions."""

    @frozen
    class Held:
        n: int = 0
        m: int = 0

    state: Any = State("a", On(Go, update=update))
    return compile_machine(Machine("m", state, data=Held))


def at_start(table: Table[Any, Any, Any]) -> Snapshot[Any]:
    """Where a run begins."""
    return begin(table, table.data()).snapshot


def test_an_update_that_asks_something_outside_is_impure() -> None:
    table = data_table(lambda data, event: evolve(data, n=next(counter)))

    found = checked_step(table, at_start(table), Go())

    assert isinstance(found, Broken)
    assert found.bug.problem.kind == "Impure"
    assert found.bug.place == "a/0"


def test_an_update_that_gives_what_cannot_be_stored_is_found() -> None:
    table = data_table(lambda data, event: evolve(data, n=[1]))

    found = checked_step(table, at_start(table), Go())

    assert isinstance(found, Broken)
    assert found.bug.problem.kind == "Unstorable"


def test_an_update_that_changes_what_it_was_given_is_found() -> None:
    def meddle(data: Any, event: Go) -> Any:
        object.__setattr__(data, "n", 5)
        return data

    table = data_table(meddle)

    found = checked_step(table, at_start(table), Go())

    assert isinstance(found, Broken)
    assert found.bug.problem.kind == "Mutation"


def test_data_that_cannot_be_stored_is_found_before_anything_is_done() -> None:
    table = data_table(lambda data, event: data)
    smuggled = but(at_start(table), data=table.data([1]))

    found = checked_step(table, smuggled, Go())

    assert isinstance(found, Broken)
    assert found.bug.problem.kind == "Unstorable"
    assert checked_recall(table, smuggled) is None


def test_a_bug_that_shows_another_object_each_time_is_still_that_bug() -> None:
    kept: list[object] = []

    def strange(data: Any, event: Go) -> Any:
        kept.append(object())
        return kept[-1]

    found = checked_step(data_table(strange), at_start(data_table(strange)), Go())

    assert isinstance(found, Broken)
    assert found.bug.problem.kind == "WrongType"


def regions(one: Any, other: Any) -> Table[Any, Any, Any]:
    """Two regions that update at the same time."""

    @frozen
    class Held:
        n: int = 1

    parts: Any = (
        Region("l", State("l1", On(Go, update=one))),
        Region("r", State("r1", On(Go, update=other))),
    )
    return compile_machine(Machine("m", *parts, data=Held))


def test_regions_whose_updates_do_not_commute_are_in_conflict() -> None:
    table = regions(
        lambda data, event: evolve(data, n=data.n + 1),
        lambda data, event: evolve(data, n=data.n * 3),
    )

    found = checked_step(table, at_start(table), Go())

    assert isinstance(found, Broken)
    assert found.bug.problem.kind == "Conflict"


def test_regions_whose_updates_commute_are_not() -> None:
    table = regions(
        lambda data, event: evolve(data, n=data.n + 1),
        lambda data, event: evolve(data, n=data.n + 3),
    )

    assert checked_step(table, at_start(table), Go()).snapshot.data.n == 5


def test_a_bug_is_a_bug_in_checked_mode_too() -> None:
    table = data_table(lambda data, event: 1 // 0)

    found = checked_step(table, at_start(table), Go())

    assert isinstance(found, Broken)
    assert found.bug.problem.kind == "ZeroDivisionError"


def test_without_deferred_events_there_is_nothing_to_recall() -> None:
    table = data_table(lambda data, event: data)

    assert checked_recall(table, at_start(table)) is None


@settings(max_examples=times(60))
@given(machines(Features(parallel=False)).flatmap(lambda m: walks_of(compile_machine(m))))
def test_pure_machines_walk_in_checked_mode_as_they_do_without(made: Any) -> None:
    table, walk = made
    if not walk.signals:
        return
    now = begin(table, walk.input).snapshot
    for signal, at in walk.signals:
        plain = list(advance(table, now, signal, at))
        checked = list(checked_advance(table, now, signal, at))

        assert [type(step) for step in checked] == [type(step) for step in plain]
        assert canonical(checked[-1].snapshot) == canonical(plain[-1].snapshot)
        now = plain[-1].snapshot


def walks_of(table: Table[Any, Any, Any]) -> Any:
    """A table with its walks."""
    return walks(table).map(lambda walk: (table, walk))
