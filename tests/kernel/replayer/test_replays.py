"""Replay: what was recorded comes out again, of any machine; what is otherwise is told, and where."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    Defer,
    Ended,
    Event,
    Ignore,
    Machine,
    On,
    Spawn,
    State,
    compile_machine,
)
from detent.kernel import (
    DamagedLog,
    Entry,
    Key,
    NoSuchEntry,
    Recorded,
    Recorder,
    Secret,
    Unreadable,
    WrongInput,
    advance,
    begin,
    log_lines,
    opening_lines,
    recorded_lines,
    replay,
    snapshot_at,
    walk,
)
from detent.kernel.entries import chained, entry_body
from detent.kernel.runlog import entry_line
from tests.kernel.replayer.corpus import (
    Booking,
    Held,
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
from tests.kernel.replayer.generated import Recording, recordings
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
from tests.settings import times

OPENING = 3  # lines before the first entry: the header and two outlines


# -- what comes out again


@given(recordings())
@settings(max_examples=times(100))
def test_whatever_was_recorded_is_replayed(made: Recording) -> None:
    found = replay(made.log, made.table.machine)

    assert found.divergence is None
    assert found.entries == len(made.entries)
    assert found.changed == ()
    assert not found.torn


@given(recordings())
@settings(max_examples=times(50))
def test_every_snapshot_is_read_as_it_was(made: Recording) -> None:
    log = made.log

    for stepped in made.entries:
        assert snapshot_at(log, stepped.snapshot.seq, made.table.machine) == stepped.snapshot


@given(recordings(), st.data())
@settings(max_examples=times(50))
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


# -- what else stands in a log


class Steps:
    """A run that is recorded step by step."""

    def __init__(self, machine: Machine[Any, Any, Any], input: Any, key: Key | None = None) -> None:
        self.table = compile_machine(machine)
        self.recorder = Recorder(self.table, key)
        header = self.recorder.header("run")
        moved = begin(self.table, input)
        self.last = self.recorder.begin(header, moved, input)
        self.log = [*opening_lines(self.recorder, header), *recorded_lines("run", self.last)]

    def send(self, event: Event, key: str | None = None) -> None:
        """Step an event, and what follows from it."""
        for stepped in advance(self.table, self.last.snapshot, event):
            self.add(self.recorder.record(self.last.head, self.last.snapshot, stepped, key))

    def note(self, event: Any, at: int) -> None:
        """Write down what happened to the run."""
        self.add(self.recorder.note(self.last.head, self.last.snapshot, event, at))

    def add(self, recorded: Recorded | None) -> None:
        """An entry, if there is one."""
        if recorded is not None:
            self.last = recorded
            self.log += recorded_lines("run", recorded)


def test_what_happened_to_a_run_rather_than_in_it_changes_nothing() -> None:
    run = Steps(purchase(), Purchase())
    run.send(Add(500))
    before = run.last.snapshot
    run.note({"$recovered": 3}, 7)
    after = run.last.snapshot
    run.note({"$recovered": 4, "by": "hand"}, 5)
    run.note({}, 9)
    run.send(Pay())

    assert evolve(after, seq=before.seq, at=before.at) == before
    assert (after.seq, after.at) == (3, 7)
    assert replay(run.log, purchase()).entries == 6
    assert replay(run.log, purchase()).divergence is None
    assert snapshot_at(run.log, 3, purchase()) == after


def test_an_ignored_event_with_a_key_is_an_entry_that_changes_nothing() -> None:
    def machine(*parts: Any) -> Machine[Any, Any, Any]:
        return purchase_with(*parts)

    run = Steps(machine(Ignore(Ship)), Purchase())
    run.send(Add(5))
    run.send(Ship())
    run.send(Ship(), "a key")
    run.send(Pay())

    assert replay(run.log, machine(Ignore(Ship))).entries == 4
    for parts, kind in (((), "event removed"), ((On(Ship, to="paying"),), "guard")):
        found = replay(run.log, machine(*parts)).divergence
        assert found is not None
        assert (found.seq, found.kind) == (3, kind)
        assert found.expected == "ignored -> cart"


def purchase_with(*parts: Any) -> Machine[Any, Any, Any]:
    """An order whose first state has other rows too."""
    cart, *others = purchase().parts
    assert isinstance(cart, State)
    return Machine("purchase", State("cart", *cart.parts, *parts), *others, data=Purchase)


@pytest.mark.parametrize(
    ("excused", "shown"),
    [
        (On(Held, to="held"), "before it, Held -> held"),
        (Ignore(Held), "before it, Held ignored in packing"),
        (None, "before it, Held rejected in packing: Held is not expected here"),
    ],
)
def test_a_deferred_event_that_would_now_come_first_is_told(excused: Any, shown: str) -> None:
    log = logs(Plan(excused=Defer(Held)), ["failed"])["failed"]

    found = replay(log, parcel(Plan(excused=excused))).divergence

    assert found is not None
    assert (found.seq, found.kind) == (6, "guard")
    assert (found.expected, found.actual) == ("packing/0 -> packing", shown)


def test_a_deferred_event_that_broke_when_it_was_offered_again_is_left_where_it_was() -> None:
    def broken(data: Parcel, event: Held) -> Parcel:
        raise LookupError("no such thing")

    any_on: Any = On
    plan = Plan(excused=any_on(Held, update=broken))
    log = logs(plan, ["failed"])["failed"]

    assert replay(log, parcel(plan)).divergence is None


@frozen
class Told(Event):
    """Somebody tells a secret."""

    word: Secret[str]


@frozen
class Keeper:
    """Who keeps it."""

    word: Secret[str] = ""

    def keep(self, event: Told) -> "Keeper":
        """What was told."""
        return evolve(self, word=event.word)


keeper = Machine("keeper", State("listening", On(Told, update=Keeper.keep)), data=Keeper)
KEY = Key(b"0123456789abcdef")


def secrets(key: Key | None = KEY) -> Steps:
    """A run with secrets, the second of which follows from the first."""
    run = Steps(keeper, Keeper(), key)
    run.send(Told("psst"))
    run.send(Told("hush"))
    return run


def test_sealed_values_are_replayed_with_the_key() -> None:
    run = secrets()

    assert not any(b"psst" in line or b"hush" in line for line in run.log)
    assert replay(run.log, keeper, key=KEY).entries == 3
    assert snapshot_at(run.log, 3, keeper, key=KEY).data == Keeper("hush")


def test_sealed_values_cannot_be_replayed_without_their_key() -> None:
    run = secrets()

    with pytest.raises(Unreadable):
        replay(run.log, keeper)
    with pytest.raises(Unreadable):
        replay(run.log, keeper, key=Key(b"another key, of 24 bytes"))
    with pytest.raises(Unreadable):
        snapshot_at(run.log, 3, keeper)


def test_what_is_sealed_diverges_like_anything_else() -> None:
    def louder(data: Keeper, event: Told) -> Keeper:
        return Keeper(event.word.upper())

    loud = Machine("keeper", State("listening", On(Told, update=louder)), data=Keeper)

    found = replay(secrets().log, loud, key=KEY).divergence

    assert found is not None
    assert (found.seq, found.kind) == (2, "reducer")


# -- children


@frozen
class Sent(Event):
    """A parcel is to be sent by somebody else."""


@frozen
class Sender:
    """Who lets it be sent."""

    came: str = ""

    def booking(self) -> Booking:
        """What the child begins with."""
        return Booking("child")

    def note(self, event: Ended[str]) -> "Sender":
        """What became of it."""
        return evolve(self, came=event.result or "")


def sender(**changes: Any) -> Machine[Any, Any, Any]:
    """A machine that spawns another."""
    any_spawn: Any = Spawn
    any_on: Any = On
    sending = any_spawn(parcel(Plan(**changes)), Sender.booking, name="sending")
    return Machine(
        "sender",
        State("idle", On(Sent, to="sending")),
        State("sending", any_on(sending.ended, to="idle", update=Sender.note), do=sending),
        data=Sender,
    )


def family() -> list[bytes]:
    """The log of a run and its child."""
    (sending,) = compile_machine(sender()).forms.values()
    ended: Any = sending
    steps = walk(sender(), Sender(), Sent(), ended.ended("completed", "done"))
    parent = list(log_lines(compile_machine(sender()), Sender(), steps, run="parent"))
    child = logs(runs=["direct"])["direct"]
    return [*parent[:5], *child, *parent[5:]]


def test_the_run_of_a_child_is_replayed_by_its_own_machine() -> None:
    assert replay(family(), sender()).entries == 3 + 3

    found = replay(family(), sender(posting=Plan().posting[:1])).divergence
    assert found is not None
    assert (found.run, found.seq, found.kind) == ("direct", 2, "guard")


def test_a_run_of_a_machine_nobody_spawns_is_told_before_the_first_entry() -> None:
    found = replay(family(), parcel())

    assert found.entries == 0
    assert str(found.divergence).splitlines() == [
        "run 'parent' diverges: shape",
        "  recorded: machine 'sender'",
        "  now:      only 'parcel'",
    ]


def test_a_snapshot_of_a_child_is_one_of_its_own_machine() -> None:
    assert snapshot_at(family(), 2, sender(), run="direct").configuration == ("counter",)
    assert snapshot_at(family(), 2, sender()).configuration == ("sending",)
    with pytest.raises(WrongInput, match="run 'parent' is one of machine 'sender'"):
        snapshot_at(family(), 2, parcel())


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


def test_a_run_that_does_not_begin_at_its_beginning_cannot_be_replayed() -> None:
    run = Steps(purchase(), Purchase())
    header = run.recorder.header("run")
    event: Any = {"$": "Add", "cents": 5}
    body = entry_body(Entry(1, 0, event))
    orphan = Entry(1, 0, event, body=body, hash=chained(header.hash, body))
    log = [*opening_lines(run.recorder, header), entry_line("run", orphan)]

    with pytest.raises(NoSuchEntry, match="run 'run' does not begin at its beginning"):
        replay(log, purchase())
