"""What is promised of every step, asked of generated machines and of everything that may happen to them."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from detent import Machine, compile_machine, draw
from detent.kernel import (
    Broken,
    Deferred,
    Happened,
    Ignored,
    Moved,
    Rejected,
    Snapshot,
    Stepped,
    Table,
    advance,
    begin,
    canonical,
    recall,
    step,
)
from detent.tools.testing import Features, Walk, machines, signals, walks
from tests.settings import times

Made = tuple[Table[Any, Any, Any], Walk]


@st.composite
def walked(draw: st.DrawFn, features: Features = Features()) -> Made:
    """A machine, and something that happens to it."""
    table = compile_machine(draw(machines(features)))
    return table, draw(walks(table))


def steps_of(made: Made) -> Iterator[tuple[Snapshot[Any], Stepped[Any]]]:
    """Every answer of a walk, with the snapshot before it."""
    table, walk = made
    if walk.signals:
        now = begin(table, walk.input).snapshot
        for signal, at in walk.signals:
            for stepped in advance(table, now, signal, at):
                yield now, stepped
                now = stepped.snapshot


def is_legal(table: Table[Any, Any, Any], configuration: tuple[str, ...]) -> bool:
    """Whether states are exactly those of one configuration, by the definition of SCXML, not by our code."""
    active = {0, *(table.index[name] for name in configuration)}
    nodes = table.nodes
    whole = all(index == 0 or nodes[index].parent in active for index in active)
    one_each = all(
        sum(child in active for child in nodes[index].children) == 1
        for index in active
        if nodes[index].kind == "compound"
    )
    regions = all(
        set(nodes[index].children) <= active for index in active if nodes[index].kind == "parallel"
    )
    histories = any(nodes[index].kind == "history" for index in active)
    ordered = list(configuration) == [n.name for n in nodes if n.index and n.index in active]
    return whole and one_each and regions and ordered and not histories


@settings(max_examples=times(100))
@given(walked())
def test_every_step_has_an_answer_and_every_configuration_is_legal(
    made: Made,
) -> None:
    table, _ = made

    for _, stepped in steps_of(made):
        assert isinstance(stepped, Moved | Ignored | Deferred | Rejected | Broken)
        assert is_legal(table, stepped.snapshot.configuration)


@settings(max_examples=times(60))
@given(walked(), st.data())
def test_no_signal_whatever_raises_at_any_snapshot(made: Made, data: st.DataObject) -> None:
    table, _ = made
    for _, stepped in steps_of(made):
        signal = data.draw(signals(table, stepped.snapshot))

        answered = step(table, stepped.snapshot, signal)

        assert isinstance(answered, Moved | Ignored | Deferred | Rejected | Broken)


@settings(max_examples=times(60))
@given(walked())
def test_equal_steps_come_to_equal_snapshots(made: Made) -> None:
    table, walk = made
    again = compile_machine(table.machine), walk

    first = [canonical(stepped.snapshot) for _, stepped in steps_of(made)]
    second = [canonical(stepped.snapshot) for _, stepped in steps_of(again)]

    assert first == second


@settings(max_examples=times(60))
@given(walked())
def test_no_step_changes_a_snapshot_that_was_there_before(
    made: Made,
) -> None:
    seen: list[tuple[Snapshot[Any], bytes]] = []

    for before, stepped in steps_of(made):
        seen.append((before, canonical(before)))
        seen.append((stepped.snapshot, canonical(stepped.snapshot)))

    assert all(canonical(snapshot) == written for snapshot, written in seen)


@settings(max_examples=times(100))
@given(walked())
def test_what_is_refused_or_ignored_changes_nothing(
    made: Made,
) -> None:
    for before, stepped in steps_of(made):
        if isinstance(stepped, Broken) or (
            isinstance(stepped, Rejected | Ignored) and stepped.cause is None
        ):
            assert stepped.snapshot is before


@settings(max_examples=times(100))
@given(walked())
def test_entries_are_numbered_without_holes(made: Made) -> None:
    for before, stepped in steps_of(made):
        is_entry = stepped.snapshot is not before
        assert stepped.snapshot.seq == before.seq + is_entry
        assert stepped.snapshot.at >= before.at


@settings(max_examples=times(100))
@given(walked(Features(bugs=False)))
def test_an_outcome_reaches_nobody_but_who_ordered_it_and_who_is_around(
    made: Made,
) -> None:
    table, _ = made
    rows = {row.id: row for row in table.rows}

    for before, stepped in steps_of(made):
        if isinstance(stepped, Moved) and isinstance(stepped.signal, Happened):
            id = stepped.signal.effect
            flight = next(flight for flight in before.effects if flight.has(id))
            owner = table.index[flight.owner]
            offered = {owner, *table.ancestors(owner)}
            first = stepped.took[0] if stepped.took else ()
            taken = [rows[row] for row in first if rows[row].kind == "on"]
            assert all(row.source in offered for row in taken)
            assert not (flight.stopping and taken)


@settings(max_examples=times(100))
@given(walked())
def test_what_is_in_flight_belongs_to_an_active_state_or_is_stopping(
    made: Made,
) -> None:
    for _, stepped in steps_of(made):
        now = stepped.snapshot
        active: set[str] = {"", *now.configuration} if now.end is None else {""}
        assert all(flight.stopping or flight.owner in active for flight in now.effects)
        assert all(timer.owner in active for timer in now.timers)
        ids = [flight.id for flight in now.effects] + [timer.id for timer in now.timers]
        assert len(ids) == len(set(ids))
        assert all(id < now.pending.count for id in ids)


@settings(max_examples=times(70))
@given(walked())
def test_what_is_ordered_is_new_and_what_is_stopped_was_there(
    made: Made,
) -> None:
    ordered: set[int] = set()

    for _, stepped in steps_of(made):
        if isinstance(stepped, Moved):
            new = {order.id for order in stepped.ordered}
            assert len(new) == len(stepped.ordered)
            assert not new & ordered
            assert not new & set(stepped.stopped)
            ordered |= new


@settings(max_examples=times(70))
@given(walked())
def test_nothing_happens_after_the_end(made: Made) -> None:
    for before, stepped in steps_of(made):
        if before.end is not None:
            assert stepped.snapshot.data is before.data
            assert stepped.snapshot.configuration == before.configuration
            end = stepped.snapshot.end
            assert end is not None
            assert (end.status, end.value) == (before.end.status, before.end.value)
            assert end.failures[: len(before.end.failures)] == before.end.failures
            assert not (isinstance(stepped, Moved) and (stepped.took or stepped.ordered))


@settings(max_examples=times(70))
@given(walked())
def test_after_an_advance_no_deferred_event_is_due(made: Made) -> None:
    table, walk = made
    if not walk.signals:
        return
    now = begin(table, walk.input).snapshot
    for signal, at in walk.signals:
        answers = list(advance(table, now, signal, at))
        now = answers[-1].snapshot
        if isinstance(answers[-1], Broken):
            return  # what broke stays first in line, and nothing behind it is offered
        if now.pending.parked is None:
            assert recall(table, now) is None or now.pending.offered == len(now.pending.deferred)


@settings(max_examples=times(60))
@given(machines(), st.sampled_from(["mermaid", "dot", "text"]))
def test_every_machine_can_be_drawn(machine: Machine[Any, Any, Any], form: Any) -> None:
    table = compile_machine(machine)
    lit = [node.name for node in table.nodes[1:] if node.depth == 1]

    assert draw(machine, form=form)
    assert draw(table, lit, form)


@settings(max_examples=times(100))
@given(machines())
def test_a_machine_has_the_same_digests_whenever_it_is_compiled(
    machine: Machine[Any, Any, Any],
) -> None:
    first, second = compile_machine(machine), compile_machine(machine)

    assert (first.shape, first.rules) == (second.shape, second.rules)


def test_digests_are_equal_in_every_process_and_for_every_hash_seed() -> None:
    def digests(seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", "from tests.kernel.digests import main; main()"],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    told = {digests(seed) for seed in ("0", "1", "12345")}

    assert len(told) == 1
    assert told.pop().count("\n") == 3
