"""A frame that is written again for another machine: nothing is lost, and what follows is the same."""

from copy import copy
from typing import Any

from hypothesis import assume, given, settings

from detent import Machine, State, Upgrade, compile_machine
from detent.kernel import Entry, Snapshot, Stepped, Table, scribe_of, spelled, step
from detent.kernel.definition import fill
from detent.kernel.frames import followed
from detent.kernel.upgrades import Former, Migration, migrated, renewal
from tests.kernel.replayer.runs import Recording, recordings
from tests.settings import times


def called(name: str) -> str:
    """What a state is called in the other machine."""
    return f"new {name}"


def renamed(part: Any) -> Any:
    """A part of a machine, with other names for states."""
    other = copy(part)
    if isinstance(part, State):
        fill(other, name=called(part.name), parts=tuple(map(renamed, part.parts)))
    to: str | None = getattr(part, "to", None)
    if to is not None:
        fill(other, to=called(to))
    return other


def other_of(machine: Machine[Any, Any, Any]) -> Machine[Any, Any, Any]:
    """The same machine with other names for states."""
    any_machine: Any = Machine
    other: Machine[Any, Any, Any] = any_machine(
        machine.name,
        *map(renamed, machine.parts),
        data=machine.data,
        background=machine.background,
        defer_limit=machine.defer_limit,
        microsteps=machine.microsteps,
        background_limit=machine.background_limit,
    )
    return other


def moved(now: Snapshot[Any], old: Table[Any, Any, Any], new: Table[Any, Any, Any]) -> Migration:
    """A snapshot of one machine in another, states by their place."""
    pairs = zip(old.nodes[1:], new.nodes[1:], strict=True)
    states: dict[str, str | None] = {one.name: other.name for one, other in pairs}
    upgrade: Upgrade[Any] = Upgrade(new.machine, old.shape, states=states)
    former = Former(old.shape_outline, old.rules_outline)
    was = ("walk", scribe_of(old).frame(now), now.at)
    made = migrated(upgrade, new, former, was, (old.shape, old.rules))
    assert isinstance(made, Migration), made
    return made


def told(snapshot: Snapshot[Any], table: Table[Any, Any, Any]) -> dict[str, Any]:
    """A frame, without what is another after a migration: its number, and what was offered."""
    frame: dict[str, Any] = scribe_of(table).frame(snapshot)
    return {key: part for key, part in frame.items() if key not in ("seq", "offered")}


@settings(max_examples=times(30), deadline=None)
@given(recordings())
def test_a_run_that_is_moved_and_moved_back_is_what_it_was(made: Recording) -> None:
    old, new = made.table, compile_machine(other_of(made.table.machine))
    for stepped in made.entries:
        now = stepped.snapshot

        there = moved(now, old, new)
        frame = followed(
            scribe_of(old).frame(now),
            Entry(there.snapshot.seq, there.snapshot.at, there.event, delta=there.delta),
        )
        back = moved(there.snapshot, new, old)

        assert frame == scribe_of(new).frame(there.snapshot)
        assert told(back.snapshot, old) == told(now, old)
        assert back.snapshot.seq == now.seq + 2


@settings(max_examples=times(30), deadline=None)
@given(recordings())
def test_what_happens_to_a_run_that_was_moved_comes_to_the_same(made: Recording) -> None:
    old, new = made.table, compile_machine(other_of(made.table.machine))
    count = 0
    for before, after in zip(made.steps, made.steps[1:], strict=False):
        now = before.snapshot
        signal: Any = after.signal
        if signal is None or now.pending.deferred or getattr(after, "cause", None) is not None:
            continue
        there = moved(now, old, new).snapshot
        came: Stepped[Any] = step(new, there, signal, after.snapshot.at)
        again = step(old, now, signal, after.snapshot.at)

        assert type(came) is type(again)
        if not came.snapshot.pending.deferred and came.snapshot.pending.parked is None:
            back = moved(came.snapshot, new, old).snapshot
            said = spelled(told(back, old)).replace(b"new ", b"")  # what went wrong names states
            assert said == spelled(told(again.snapshot, old))
        count += 1
    assume(count)


@settings(max_examples=times(30), deadline=None)
@given(recordings())
def test_by_the_same_rules_no_timer_is_another(made: Recording) -> None:
    table = made.table
    known = renewal("old", table.rules_outline, table)

    for stepped in made.entries:
        taken = known.taken(stepped.snapshot, stepped.snapshot.at)

        assert taken.delta == {}
        assert taken.after.pending == stepped.snapshot.pending
        assert taken.after.seq == stepped.snapshot.seq + 1
    assert renewal("old", None, table).rows == {}
