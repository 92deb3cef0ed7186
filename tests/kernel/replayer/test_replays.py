"""Replay: what was recorded comes out again, of any machine; what is otherwise is told, and where."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    Always,
    Event,
    Machine,
    On,
    State,
    compile_machine,
)
from detent.kernel import (
    Checkpoint,
    DamagedLog,
    Entry,
    Footer,
    NoSuchEntry,
    Replayed,
    Unreadable,
    WrongInput,
    footer_line,
    fork,
    frame_at,
    log_lines,
    opening_lines,
    read_log,
    replay,
    snapshot_at,
    walk,
)
from detent.kernel.entries import chained, entry_body
from detent.kernel.facts import but
from detent.kernel.runlog import entry_line
from tests.kernel.replayer.corpus import (
    Collected,
    Parcel,
    Plan,
    Print,
    Scan,
    logs,
    of_labels,
    of_scans,
    parcel,
    printed,
    scanned,
)
from tests.kernel.replayer.purchase import (
    Add,
    Pay,
    PayFail,
    PayOk,
    Purchase,
    Refund,
    Ship,
    purchase,
)
from tests.kernel.replayer.runs import Recording, Steps, recordings
from tests.settings import times

OPENING = 3  # lines before the first entry: the header and two outlines


# -- what comes out again


@given(recordings())
@settings(max_examples=times(60))
def test_whatever_was_recorded_is_replayed(made: Recording) -> None:
    found = replay(made.log, made.table.machine)

    assert found.divergence is None
    assert found.entries == len(made.entries)
    assert found.changed == ()
    assert not found.torn


@given(recordings())
@settings(max_examples=times(30))
def test_every_snapshot_is_read_as_it_was(made: Recording) -> None:
    log = made.log

    for stepped in made.entries:
        assert snapshot_at(log, stepped.snapshot.seq, made.table.machine) == stepped.snapshot


@given(recordings(), st.data())
@settings(max_examples=times(30))
def test_of_a_torn_log_the_rest_is_replayed(made: Recording, data: st.DataObject) -> None:
    log = made.log
    place = data.draw(st.integers(1, len(log) - 1))
    cut = data.draw(st.integers(1, len(log[place]) - 2))
    torn = [*log[:place], log[place][:cut]]

    found = replay(torn, made.table.machine)

    assert found.divergence is None
    assert found.torn
    assert found.entries == max(0, place - OPENING)


def test_a_replay_says_what_it_came_to() -> None:
    log = logs(runs=["direct"])["direct"]

    assert str(replay(log, parcel())) == "3 entries as recorded"
    assert str(replay(log[: OPENING + 1], parcel())) == "1 entry as recorded"
    assert str(replay([*log, b'{"run":'], parcel())).splitlines() == [
        "3 entries as recorded",
        "the last line is torn and was left out",
    ]


def test_a_log_is_read_once_from_its_beginning_to_its_end() -> None:
    lines = iter(logs(runs=["heavy"])["heavy"])

    assert replay(lines, parcel()).entries == 10
    assert list(lines) == []


def test_several_runs_in_one_log_are_replayed() -> None:
    one, other = logs(runs=["heavy", "posted"]).values()
    mixed = [*one[:5], *other[:7], *one[5:], *other[7:]]

    assert replay(mixed, parcel()).entries == 10 + 11


def test_what_makes_orders_is_called_as_often_as_when_it_was_recorded() -> None:
    called: list[str] = []

    def print_noted(data: Parcel) -> Print:
        called.append("print")
        return printed(data)

    def scans_noted(data: Parcel) -> Iterable[Scan]:
        called.append("scans")
        return scanned(data)

    plan = Plan(**of_labels(print_noted), **of_scans(scans_noted))
    log = logs(plan, ["heavy"])["heavy"]
    recorded = list(called)
    called.clear()

    replay(log, parcel(plan))

    assert recorded == ["print", "scans"]
    assert called == recorded


def test_checkpoints_and_footers_are_read_over() -> None:
    run = Steps(purchase(), Purchase())
    for cents in range(300):
        run.send(Add(cents))
    log = [*run.log, footer_line(Footer("it is cheap"))]

    assert any(isinstance(line.what, Checkpoint) for line in read_log(log))
    assert replay(log, purchase()).entries == 301
    assert frame_at(log, 301).frame == run.recorder.scribe.frame(run.last.snapshot)
    forked = fork(log, 301, "fork")
    frame = dict(forked.checkpoint.frame)
    assert frame.pop("parked") is not None
    assert frame == frame_at(log, 301).frame


def test_a_rule_for_the_beginning_that_changed_is_a_guard() -> None:
    def beginning(when: str) -> Machine[Any, Any, Any]:
        rows = (Always(to="cart", when=when), Always(to="full"))
        full = State("full", On(Pay, to="cart"))
        return Machine(
            "beginning", State("first", *rows), State("cart", On(Add)), full, data=Purchase
        )

    machine = beginning("data.total == 0")
    log = list(log_lines(compile_machine(machine), Purchase(), walk(machine, Purchase())))

    assert str(replay(log, beginning("data.total > 0")).divergence).splitlines()[:3] == [
        "entry 1 of run 'walk' diverges: guard",
        "  recorded: first/0 -> cart",
        "  now:      first/1 -> full",
    ]


# -- logs that do not say what the machine was


def bare(log: Iterable[bytes]) -> list[bytes]:
    """A log without what tells what the machine was."""
    return [line for line in log if not line.startswith(b'{"outline"')]


def test_without_the_old_rules_rows_are_compared_by_their_numbers() -> None:
    (log,) = logs(runs=["failed"]).values()
    never = On(Collected, to="gone")

    assert replay(bare(log), parcel()).divergence is None
    found = replay(bare(log), parcel(Plan(before=(never,))))

    assert [one.path for one in found.changed] == ["rules of parcel"]
    assert found.divergence is not None
    assert (found.divergence.seq, found.divergence.kind) == (2, "guard")


def test_without_the_old_shape_another_is_told_and_not_how() -> None:
    found = replay(bare(incident()), purchase(paid="settled")).divergence

    assert found is not None
    assert (found.kind, found.diff) == ("shape", ())


def test_without_the_old_shape_what_is_in_flight_in_a_fork_has_to_be_told() -> None:
    (log,) = logs(runs=["late"]).values()

    with pytest.raises(WrongInput, match=r"effect 1 \(label\) is of an unknown kind: say whether"):
        fork(bare(log), 3, "fork")
    assert fork(bare(log), 3, "fork", {1: "rerun"}).arriving == ()


# -- an incident, and what was changed since


def incident() -> list[bytes]:
    """The log of an order that was paid at the second try, sent, and sent back."""
    happened = (Add(500), Pay(), PayFail(), Pay(), PayOk(500), Ship(), Refund())
    steps = walk(purchase(), Purchase(), *happened)
    return list(log_lines(compile_machine(purchase()), Purchase(), steps, run="incident"))


def test_a_recorded_order_passes_on_the_machine_it_was_recorded_of() -> None:
    found = replay(incident(), purchase())

    assert (found.entries, found.divergence, found.changed) == (8, None, ())


def test_a_renamed_state_stops_the_replay_before_the_first_entry() -> None:
    found = replay(incident(), purchase(paid="settled"))

    assert found.entries == 0
    assert found.divergence is not None
    assert found.divergence.kind == "shape"
    assert [one.path for one in found.divergence.diff] == ["states.paid", "states.settled"]


def test_a_changed_guard_stops_the_replay_at_the_first_transition_that_differs() -> None:
    found = replay(incident(), purchase(ship="data.paid > data.total"))

    assert str(found).splitlines() == [
        "6 entries as recorded",
        'changed since: states.paid.rows.paid/0.when: "data.paid == data.total" -> "data.paid > data.total"',
        "entry 7 of run 'incident' diverges: guard",
        "  recorded: paid/0 -> shipped",
        "  now:      Ship rejected in paid: no guard for Ship is true",
    ]


def test_a_changed_guard_that_makes_no_difference_is_told_and_does_not_stop_the_replay() -> None:
    found = replay(incident(), purchase(ship="data.paid >= data.total"))

    assert (found.entries, found.divergence) == (8, None)
    assert len(found.changed) == 1


# -- values that are nearly the same


@frozen
class Count(Event):
    """Something is to be counted."""


@frozen
class Number:
    """Data that may be any number."""

    value: int | float | bool | Decimal = 0


@frozen
class Whole:
    """Data that may be whole numbers alone."""

    value: int = 0


def counting(value: Any, data: Any = Number) -> Machine[Any, Any, Any]:
    """A machine that comes to a value."""

    def counted(before: Any, event: Count) -> Any:
        return data(value)

    any_on: Any = On
    any_machine: Any = Machine
    made: Machine[Any, Any, Any] = any_machine(
        "counting", State("on", any_on(Count, update=counted)), data=data
    )
    return made


def counted(machine: Machine[Any, Any, Any], input: Any) -> list[bytes]:
    """The log of one that counted once."""
    return list(log_lines(compile_machine(machine), input, walk(machine, input, Count())))


@pytest.mark.parametrize(
    ("recorded", "now", "shown"),
    [
        (1, 1.0, "data.value: 1 -> 1.0"),
        (1, True, "data.value: 1 -> true"),
        (0.0, -0.0, "data.value: 0.0 -> -0.0"),
        (Decimal("1.0"), Decimal("1.00"), 'data.value.$decimal: "1.0" -> "1.00"'),
        (Decimal("1"), 1, 'data.value: {"$decimal":"1"} -> 1'),
        (1.5, 1.5000000000000002, "data.value: 1.5 -> 1.5000000000000002"),
    ],
)
def test_a_value_that_is_nearly_the_same_is_another(recorded: Any, now: Any, shown: str) -> None:
    log = counted(counting(recorded), Number(7))

    found = replay(log, counting(now)).divergence

    assert found is not None
    assert (found.seq, found.kind) == (2, "reducer")
    assert [str(one) for one in found.diff] == [shown]


def test_a_value_that_the_annotation_excludes_is_broken() -> None:
    log = counted(counting(1, Whole), Whole(7))

    for wrong in (1.0, True):
        found = replay(log, counting(wrong, Whole)).divergence
        assert found is not None
        assert (found.seq, found.kind) == (2, "broken")
        assert found.actual == f"data.value: {wrong} is no int"


# -- logs that cannot be replayed


def test_an_entry_that_is_not_there_is_named() -> None:
    log = logs(runs=["direct"])["direct"]

    with pytest.raises(NoSuchEntry, match="the log has no entry 4: the last is 3"):
        snapshot_at(log, 4, parcel())
    with pytest.raises(NoSuchEntry, match="the log has no entry 0"):
        snapshot_at(log, 0, parcel())
    with pytest.raises(NoSuchEntry, match="run 'other' has no entry 1"):
        snapshot_at(log, 1, parcel(), run="other")


def purchase_of_parcels() -> Machine[Any, Any, Any]:
    """An order under the name of a parcel."""
    return Machine("parcel", *purchase().parts, data=Purchase)


def test_a_snapshot_of_another_shape_does_not_fit() -> None:
    log = logs(runs=["direct"])["direct"]

    with pytest.raises(Unreadable):
        snapshot_at(log, 2, purchase_of_parcels())


def test_a_log_that_is_not_as_it_was_written_is_damaged() -> None:
    log = list(logs(runs=["direct"])["direct"])
    log[4] = log[4].replace(b"counter", b"country")

    with pytest.raises(DamagedLog, match="entry 2"):
        replay(log, parcel())


@pytest.mark.parametrize("event", [{"$": "Add", "cents": 5}, {"$recovered": 1}])
def test_a_run_that_does_not_begin_at_its_beginning_cannot_be_replayed(event: Any) -> None:
    run = Steps(purchase(), Purchase())
    header = run.recorder.header("run")
    body = entry_body(Entry(1, 0, event))
    orphan = Entry(1, 0, event, body=body, hash=chained(header.hash, body))
    log = [*opening_lines(run.recorder, header), entry_line("run", orphan)]

    with pytest.raises(NoSuchEntry, match="run 'run' does not begin at its beginning"):
        replay(log, purchase())


def test_a_delta_that_another_writer_spells_otherwise_is_the_same_delta() -> None:
    run = Steps(purchase(), Purchase())
    first = next(line.what for line in read_log(run.log) if isinstance(line.what, Entry))
    run.send(Add(5))
    told = [line.what for line in read_log(run.log) if isinstance(line.what, Entry)][-1]
    assert told.delta == {"data": {"total": [5]}}
    frame: Any = frame_at(run.log, 2).frame
    other = but(told, delta={"data": [frame["data"]]})
    body = entry_body(other)
    log = [
        *run.log[:-1],
        entry_line("run", but(other, body=body, hash=chained(first.hash, body))),
    ]

    assert replay(log, purchase()) == Replayed(2)
