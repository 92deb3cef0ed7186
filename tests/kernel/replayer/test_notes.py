"""What else stands in a log: notes, keys, what was deferred, what is sealed, the runs of children."""

from typing import Any

import pytest
from attrs import evolve, frozen

from detent import Defer, Ended, Event, Ignore, Machine, On, Spawn, State, compile_machine
from detent.kernel import (
    Key,
    Recorder,
    Secret,
    Unreadable,
    WrongInput,
    log_lines,
    replay,
    snapshot_at,
    walk,
)
from detent.kernel.facts import but
from tests.kernel.replayer.corpus import Booking, Held, Parcel, Plan, logs, parcel
from tests.kernel.replayer.purchase import Add, Pay, Purchase, Ship, purchase
from tests.kernel.replayer.runs import Steps


def test_what_happened_to_a_run_rather_than_in_it_changes_nothing() -> None:
    run = Steps(purchase(), Purchase())
    run.send(Add(500))
    before = run.last.snapshot
    run.note({"$recovered": 3}, 7)
    after = run.last.snapshot
    run.note({"$recovered": 4, "by": "hand"}, 5)
    run.note({}, 9)
    run.send(Pay())

    assert but(after, seq=before.seq, at=before.at) == before
    assert (after.seq, after.at) == (3, 7)
    assert replay(run.log, purchase()).entries == 6
    assert replay(run.log, purchase()).divergence is None
    assert snapshot_at(run.log, 3, purchase()) == after


def test_what_lies_beside_a_log_from_another_size_on_is_no_difference() -> None:
    happened = (Add(5), Pay())
    recorder = Recorder(compile_machine(purchase()), large=4)
    steps = walk(purchase(), Purchase(), *happened)

    log = list(log_lines(recorder.table, Purchase(), steps, recorder=recorder))

    assert any(line.startswith(b'{"blob"') for line in log)
    assert replay(log, purchase()).entries == 3


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
