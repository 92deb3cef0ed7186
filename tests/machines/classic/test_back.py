"""Our machines as machines of the library: an independent judge of the step, and drawings."""

from collections.abc import Iterator
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from transitions.extensions import HierarchicalGraphMachine

from detent import (
    After,
    Always,
    Done,
    Final,
    History,
    Machine,
    On,
    Region,
    State,
    compile_machine,
)
from detent.kernel import Moved, Part, begin, step
from detent.machines.classic import Model, to_transitions
from detent.tools.testing.samples import EVENTS, Tally
from detent.tools.testing.strategies import Features, machines
from tests.settings import times

Push, Pull, Turn, _ = EVENTS
BOTH_KNOW = Features(
    parallel=False,
    history=False,
    effects=False,
    timers=False,
    deferral=False,
    eventless=False,
    bugs=False,
)
EACH = 200  # events for each machine
LEAST = times(20_000)  # events that must be judged by all of them together


def without_done(parts: tuple[Part[Any], ...]) -> Iterator[Part[Any]]:
    """States and rows, but for those the library has no word for."""
    for part in parts:
        if isinstance(part, State) and not isinstance(part, Final):
            yield State(part.name, *without_done(part.parts))
        elif not isinstance(part, Done):
            yield part


def test_the_judge_walks_where_our_step_walks() -> None:
    judged: list[int] = []
    moved: list[int] = []

    @settings(max_examples=times(150))
    @given(machines(BOTH_KNOW), st.integers())
    def walk_both(machine: Machine[Any, Any, Any], seed: int) -> None:
        parts = without_done(machine.parts)
        table = compile_machine(Machine(machine.name, *parts, data=Tally, microsteps=40))
        now = begin(table, Tally()).snapshot
        judge: Model = to_transitions(table.machine, Tally()).model
        for kind in Random(seed).choices(EVENTS, k=EACH):
            if now.end is not None:  # what has come to its end is begun again
                now = begin(table, Tally()).snapshot
                judge = to_transitions(table.machine, Tally()).model
            event = kind()
            judge.send(event)
            stepped = step(table, now, event)
            now = stepped.snapshot

            assert judge.active == frozenset(now.configuration)
            assert judge.data == now.data
            judged.append(1)
            moved.append(isinstance(stepped, Moved))

    walk_both()

    assert len(judged) >= LEAST
    assert sum(moved) > len(judged) / 10


# -- where the two disagree, because they are meant to


def both(*parts: Any) -> tuple[Any, Any, Model]:
    """A machine in both shapes."""
    table = compile_machine(Machine("both", *parts, data=Tally))
    return table, begin(table, Tally()).snapshot, to_transitions(table.machine, Tally()).model


def test_regions_look_at_the_data_as_it_was_before_any_of_them_moved() -> None:
    table, now, judge = both(
        State(
            "all",
            Region("one", State("counting", On(Push, update=Tally.add))),
            Region("two", State("low", On(Push, to="high", when="data.count > 0")), State("high")),
        )
    )

    ours = step(table, now, Push()).snapshot
    judge.send(Push())

    assert "low" in ours.configuration
    assert "high" in judge.active


def test_what_leaves_several_regions_is_taken_once() -> None:
    table, now, judge = both(
        State(
            "all",
            Region("one", On(Push, to="over", update=Tally.add)),
            Region("two", On(Push, to="over", update=Tally.add)),
        ),
        State("over"),
    )

    ours = step(table, now, Push()).snapshot
    judge.send(Push())

    assert (ours.configuration, ours.data.count) == (("over",), 1)
    assert judge.active == {"over"}
    assert judge.data.count == 2


def test_a_run_that_has_come_to_its_end_answers_nothing_any_more() -> None:
    table, now, judge = both(State("on", On(Push, to="end")), Final("end"), On(Turn, to="on"))
    now = step(table, now, Push()).snapshot
    judge.send(Push())

    assert str(step(table, now, Turn())).startswith("Turn rejected in end")
    assert not judge.send(Turn())


# -- drawings


def test_a_machine_is_drawn_by_the_library() -> None:
    drawn: Any = to_transitions(
        Machine(
            "lamp",
            State("off", On(Push, to="lit", when="data.count < 3", update=Tally.add)),
            State("lit", State("dim", On(Turn, to="bright")), State("bright"), On(Pull, to="off")),
            data=Tally,
        ),
        Tally(),
        kind=HierarchicalGraphMachine,
        graph_engine="mermaid",
    )

    text = drawn.get_graph().source

    assert "Push" in text
    assert "bright" in text


def test_what_the_library_has_no_word_for_is_a_trigger_that_nobody_calls() -> None:
    carried = to_transitions(
        Machine(
            "waiting",
            State("off", After(5, to="lit"), Always(to="lit", when="data.count > 9")),
            State("lit", History("back"), State("dim", On(Push, to="back"))),
            data=Tally,
        )
    )

    assert {"after 5 s", "always", "Push"} <= carried.events.keys()
    (row,) = carried.get_transitions("Push")
    assert row.dest == "lit"
