"""Forks: a run that goes on from an entry of another, without touching it.

The file is long, as there are many choices to make.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    Call,
    Each,
    Effect,
    Event,
    InDoubt,
    Machine,
    On,
    State,
    Stopped,
    Wait,
    compile_machine,
)
from detent.kernel import (
    AttemptFailed,
    Checkpoint,
    DamagedLog,
    Entry,
    Fan,
    Flight,
    Fork,
    ForkChoice,
    FrozenMap,
    Halted,
    Happened,
    Head,
    Key,
    Moved,
    NoSuchEntry,
    Recorder,
    Resumed,
    Secret,
    Signal,
    Snapshot,
    Table,
    WrongInput,
    advance,
    due,
    fork,
    log_lines,
    read_log,
    recorded_lines,
    replay,
    scribe_of,
    snapshot_at,
    spelled,
    step,
    verify_log,
    walk,
)
from detent.kernel.facts import but
from detent.kernel.values import moment
from tests.kernel.replayer.corpus import Collected, logs, parcel
from tests.kernel.replayer.runs import Recording, all_of, recordings, resumed
from tests.settings import times

Choices = Mapping[int, ForkChoice]


def in_flight(table: Table[Any, Any, Any], now: Snapshot[Any]) -> dict[int, tuple[str, Any, bool]]:
    """What is in flight, by id: the name of its form, which form of an Each it is, and whether it is to stop.

    What waits in the line of a parked run has come already.
    """
    waiting = {getattr(one.signal, "effect", None) for one in now.pending.line}
    found: dict[int, tuple[str, Any, bool]] = {}
    for flight in now.effects:
        form = table.forms[flight.form]
        if isinstance(flight, Fan) and isinstance(form, Each):
            for index in flight.under_way():
                id = flight.id + index
                found[id] = (flight.form, form.forms[flight.part_of(id)], flight.is_stopping(id))
        else:
            found[flight.id] = (flight.form, form, flight.stopping)
    return {id: one for id, one in found.items() if id not in waiting}


def held(now: Snapshot[Any]) -> set[int]:
    """The effects that have not begun, or not again."""
    ids = range(now.pending.count)
    return {id for id in ids for one in now.effects if one.has(id) and one.life_of(id).held}


def came_of(made: Recording, seq: int) -> dict[int, Event]:
    """What came of effects after an entry."""
    return {
        stepped.signal.effect: stepped.signal.event
        for stepped in reversed(made.entries)
        if isinstance(stepped.signal, Happened | AttemptFailed)
        and isinstance(stepped, Moved)
        and stepped.snapshot.seq > seq
        and not any(one.has(stepped.signal.effect) for one in stepped.snapshot.effects)
    }


def may_choose(form: Any, is_stopping: bool, each: Any, came: Event | None) -> list[ForkChoice]:
    """What may be chosen for an effect in flight, read off the definition of its form."""
    possible = [*form.possible, *([Stopped] if is_stopping or Stopped in each.possible else [])]
    choices: list[ForkChoice] = ["rerun"]
    if InDoubt in possible:
        choices.append("doubt")
    if type(came) in possible:
        choices.append("take")
    return choices


def default(form: Any) -> ForkChoice | None:
    """What is chosen if nobody chooses: never that an effect is ordered twice which must not be."""
    if isinstance(form, Wait):
        return "rerun"
    recovery = form.effect.recovery if isinstance(form, Call) else ""
    defaults: dict[str, ForkChoice] = {
        "pure": "rerun",
        "at_most_once": "doubt",
        "reconcilable": "doubt",
    }
    return defaults.get(recovery)


def where(data: st.DataObject, made: Recording) -> Snapshot[Any] | None:
    """One of the snapshots from which the run went on."""
    going = [one.snapshot for one in made.entries if one.snapshot.end is None]
    return data.draw(st.sampled_from(going)) if going else None


def drawn(data: st.DataObject, made: Recording, now: Snapshot[Any]) -> dict[int, ForkChoice]:
    """Choices that can be made; where there is a default it may be left to it."""
    came = came_of(made, now.seq)
    choices: dict[int, ForkChoice] = {}
    for id, (name, form, is_stopping) in in_flight(made.table, now).items():
        allowed = may_choose(form, is_stopping, made.table.forms[name], came.get(id))
        is_usual = default(form) is not None or id in held(now)
        usual: list[ForkChoice | None] = [None] if is_usual else []
        choice: ForkChoice | None = data.draw(st.sampled_from([*usual, *allowed]))
        if choice is not None:
            choices[id] = choice
    return choices


# -- from anywhere


@given(recordings(), st.data())
@settings(max_examples=times(60))
def test_a_run_is_forked_from_wherever_it_went_on(made: Recording, data: st.DataObject) -> None:
    now = where(data, made)
    if now is None:
        return
    late = data.draw(st.sampled_from((0, 1, 3_600_000_000)))
    choices = drawn(data, made, now)

    forked = fork(made.log, now.seq, "fork", choices, at=now.at + late)

    scribe = scribe_of(made.table)
    snapshot = scribe.snapshot(forked.checkpoint.frame)
    assert going(snapshot) == going(later(now, late))
    assert spelled(scribe.frame(snapshot)) == spelled(forked.checkpoint.frame)
    log = resumed(forked, made.table)
    found = replay(log, made.table.machine)
    assert found.divergence is None
    assert found.entries == sum(isinstance(line.what, Entry) for line in read_log(log))
    assert list(verify_log(log)) == ["fork"]
    assert snapshot_at(log, now.seq, made.table.machine) == snapshot


def going(now: Snapshot[Any]) -> Snapshot[Any]:
    """A snapshot without what tells that nobody has resumed it, nor what is in line."""
    effects = tuple(begun_flight(one) for one in now.effects)
    return but(now, pending=but(now.pending, effects=effects, parked=None, line=()))


def begun_flight(flight: Flight) -> Flight:
    """An effect that is not held for the fork alone."""
    lives = {
        id: evolve(flight.life_of(id), held="")
        for id in range(flight.id, flight.id + len(getattr(flight, "orders", (0,))))
        if flight.life_of(id).held == "fork"
    }
    return flight.living(lives) if lives else flight


@given(recordings(), st.data())
@settings(max_examples=times(60))
def test_what_is_to_be_done_again_is_held_until_the_fork_is_resumed(
    made: Recording, data: st.DataObject
) -> None:
    now = where(data, made)
    if now is None:
        return
    choices = drawn(data, made, now)

    forked = fork(made.log, now.seq, "fork", choices)

    snapshot: Snapshot[Any] = scribe_of(made.table).snapshot(forked.checkpoint.frame)
    again = {
        id
        for id, (_, form, is_stopping) in in_flight(made.table, now).items()
        if not is_stopping and not isinstance(form, Wait) and id not in held(now)
        if (choices.get(id) or default(form)) == "rerun"
    }
    assert held(snapshot) == held(now) | again
    assert snapshot.status == "parked"
    assert due(made.table, snapshot) == ()


@given(recordings(), st.data(), st.sampled_from((0, 1, 86_400_000_000)))
@settings(max_examples=times(60))
def test_the_time_of_a_fork_stands_still_until_it_is_resumed(
    made: Recording, data: st.DataObject, late: int
) -> None:
    now = where(data, made)
    if now is None:
        return
    forked = fork(made.log, now.seq, "fork", drawn(data, made, now))
    snapshot: Snapshot[Any] = scribe_of(made.table).snapshot(forked.checkpoint.frame)

    woken = step(made.table, snapshot, Resumed(), snapshot.at + late)

    seq = now.seq + 1
    assert woken.snapshot.pending.parked is None
    assert going(woken.snapshot) == going(but(later(now, late), seq=seq))
    assert replay(resumed(forked, made.table, late), made.table.machine).divergence is None
    ended = step(made.table, snapshot, Halted("cancelled"), snapshot.at + late)
    assert not ended.snapshot.pending.is_inert


def later(now: Snapshot[Any], late: int) -> Snapshot[Any]:
    """A snapshot as it would be if everything had happened later."""
    pending = but(
        now.pending,
        timers=tuple(evolve(one, due=one.due + late) for one in now.timers),
        effects=tuple(later_flight(one, late) for one in now.effects),
    )
    return but(now, at=now.at + late, pending=pending)


def later_flight(flight: Flight, late: int) -> Flight:
    """An effect in flight, ordered and held later."""
    lives = flight.lives if isinstance(flight, Fan) else {0: flight.life}
    moved = {at: evolve(one, until=one.until + late * bool(one.until)) for at, one in lives.items()}
    if isinstance(flight, Fan):
        return but(flight, at=flight.at + late, lives=FrozenMap(moved))
    return but(flight, at=flight.at + late, life=moved[0])


@given(recordings(), st.data())
@settings(max_examples=times(40))
def test_what_arrives_is_what_was_chosen(made: Recording, data: st.DataObject) -> None:
    now = where(data, made)
    if now is None:
        return
    choices = drawn(data, made, now)

    forked = fork(made.log, now.seq, "fork", choices)

    scribe = scribe_of(made.table)
    arriving: dict[int, Event] = {}
    for written in forked.arriving:
        signal: Signal = scribe.read_signal(written, now.effects)
        assert isinstance(signal, Happened)
        arriving[signal.effect] = signal.event
    came = came_of(made, now.seq)
    expected: dict[int, Any] = {}
    for id, (_, form, is_stopping) in in_flight(made.table, now).items():
        choice = choices.get(id) or ("rerun" if id in held(now) else default(form))
        if choice == "take":
            expected[id] = came[id]
        elif choice == "doubt":
            expected[id] = InDoubt("fork", at=moment(now.at))
        elif is_stopping:
            expected[id] = Stopped("fork", at=moment(now.at))
    assert arriving == expected


@given(recordings(), st.data())
@settings(max_examples=times(40))
def test_what_may_not_be_chosen_is_refused(made: Recording, data: st.DataObject) -> None:
    now = where(data, made)
    flying = {} if now is None else in_flight(made.table, now)
    if now is None or not flying:
        return
    came = came_of(made, now.seq)
    choices = drawn(data, made, now)
    id = data.draw(st.sampled_from(sorted(flying)))
    name, form, is_stopping = flying[id]
    allowed = may_choose(form, is_stopping, made.table.forms[name], came.get(id))
    words: list[ForkChoice] = ["rerun", "take", "doubt"]
    for wrong in words:
        if wrong not in allowed:
            other: Choices = {**choices, id: wrong}
            with pytest.raises(WrongInput, match=rf"effect {id} \({name}\)"):
                fork(made.log, now.seq, "fork", other)
    if default(form) is None and id not in held(now):
        del choices[id]
        with pytest.raises(WrongInput, match=rf"effect {id} \({name}\) is .*: say whether"):
            fork(made.log, now.seq, "fork", choices)


@given(recordings(), st.data())
@settings(max_examples=times(25))
def test_a_fork_is_forked_like_any_run(made: Recording, data: st.DataObject) -> None:
    now = where(data, made)
    if now is None:
        return
    first = fork(made.log, now.seq, "first", drawn(data, made, now))
    log = resumed(first, made.table)
    frames = [snapshot_at(log, seq, made.table.machine) for seq in seqs(log)]
    again = data.draw(st.sampled_from([one for one in frames if one.end is None] or frames[:1]))
    choices: Choices = all_of(in_flight(made.table, again), "rerun")

    second = fork(log, again.seq, "second", choices)

    assert second.header.origin is not None
    assert (second.header.origin.run, second.header.origin.seq) == ("first", again.seq)
    assert second.header.origin.hash == hash_at(log, again.seq)
    snapshot = scribe_of(made.table).snapshot(second.checkpoint.frame)
    assert going(snapshot) == going(again)
    both = [*log, *resumed(second, made.table)]
    assert replay(both, made.table.machine).divergence is None
    assert list(verify_log(both)) == ["first", "second"]


def seqs(log: list[bytes]) -> list[int]:
    """The numbers at which there is a snapshot in the log of a fork."""
    numbered = (line.what for line in read_log(log))
    return list(dict.fromkeys(one.seq for one in numbered if isinstance(one, Entry | Checkpoint)))


def hash_at(log: Iterable[bytes], seq: int) -> str:
    """The hash of an entry, or of what a fork begins with."""
    numbered = (line.what for line in read_log(log))
    return next(o.hash for o in numbered if isinstance(o, Entry | Checkpoint) and o.seq == seq)


# -- where, and under which name


PARCEL = compile_machine(parcel())


def test_a_fork_begins_at_the_hash_of_its_parent() -> None:
    log = logs(runs=["heavy"])["heavy"]

    forked = fork(log, 5, "fork")

    origin = forked.header.origin
    assert origin is not None
    assert (origin.run, origin.seq, origin.hash) == ("heavy", 5, hash_at(log, 5))
    assert (forked.header.shape, forked.header.rules) == (PARCEL.shape, PARCEL.rules)
    assert forked.outlines == (PARCEL.shape_outline, PARCEL.rules_outline)
    assert verify_log(forked.lines()) == {"fork": forked.checkpoint.hash}


def test_the_first_line_of_a_fork_is_a_link_of_its_chain() -> None:
    lines = list(fork(logs(runs=["heavy"])["heavy"], 5, "fork").lines())

    lines[-1] = lines[-1].replace(b"books", b"brook")

    with pytest.raises(DamagedLog):
        verify_log(lines)


def test_what_waits_for_its_time_waits_as_long_as_it_did() -> None:
    log = logs(runs=["late"])["late"]  # entry 4 set a timer of a minute at 0

    frame: Any = fork(log, 4, "fork", at=5_000_000).checkpoint.frame
    before: Any = fork(log, 4, "fork", at=-5).checkpoint.frame

    assert (frame["at"], frame["timers"]["2"][2]) == (5_000_000, 65_000_000)
    assert (before["at"], before["timers"]["2"][2]) == (0, 60_000_000)


def test_a_fork_goes_another_way_than_its_parent() -> None:
    log = logs(runs=["late"])["late"]
    forked = fork(log, 4, "fork")
    now = scribe_of(PARCEL).snapshot(forked.checkpoint.frame)
    recorder, head = Recorder(PARCEL), Head(forked.checkpoint.hash)
    lines = [*log, *forked.lines()]

    for signal in (Resumed(), Collected()):
        (stepped,) = advance(PARCEL, now, signal)
        recorded = recorder.record(head, now, stepped)
        assert recorded is not None
        now, head = recorded.snapshot, recorded.head
        lines += recorded_lines("fork", recorded)

    assert replay(lines, parcel()).entries == 6 + 2
    assert snapshot_at(lines, 6, parcel(), run="fork").configuration == ("delivered",)
    assert snapshot_at(lines, 5, parcel(), run="late").configuration == ("asking",)


def test_a_run_that_is_over_is_not_forked() -> None:
    with pytest.raises(WrongInput) as raised:
        fork(logs(runs=["direct"])["direct"], 3, "fork")

    assert str(raised.value) == "run 'direct' is over at entry 3: nothing follows it"


def test_a_fork_needs_a_name_of_its_own() -> None:
    with pytest.raises(WrongInput) as raised:
        fork(logs(runs=["direct"])["direct"], 2, "direct")

    assert str(raised.value) == "a fork needs a name of its own, not 'direct'"
    with pytest.raises(WrongInput, match="'direct/1' cannot be the name of a fork: `/` is for"):
        fork(logs(runs=["direct"])["direct"], 2, "direct/1")


def test_an_entry_that_is_not_there_cannot_be_forked() -> None:
    log = logs(runs=["direct"])["direct"]

    for seq in (-1, 0, 4):
        with pytest.raises(NoSuchEntry, match=f"the log has no entry {seq}: the last is 3"):
            fork(log, seq, "fork")
    with pytest.raises(NoSuchEntry, match="run 'other' has no entry 1"):
        fork(log, 1, "fork", of="other")


def test_of_a_log_of_several_runs_one_is_named() -> None:
    one, other = logs(runs=["heavy", "late"]).values()

    assert origin_of(fork([*one, *other], 4, "fork")) == ("heavy", hash_at(one, 4))
    assert origin_of(fork([*one, *other], 4, "fork", of="late")) == ("late", hash_at(other, 4))


def origin_of(forked: Fork) -> tuple[str, str]:
    """Where a fork comes from."""
    assert forked.header.origin is not None
    return forked.header.origin.run, forked.header.origin.hash


# -- what is sealed


@frozen
class Pin(Effect[int], recovery="pure"):
    """Somebody's number is looked up."""

    of: Secret[str]


@frozen
class Owner:
    """Whose number it is."""

    name: Secret[str]

    def ask(self) -> Pin:
        """The order."""
        return Pin(self.name)


pin = Call(Pin, Owner.ask, name="pin")
owning = Machine("owning", State("asking", On(pin.returned), do=pin), data=Owner)
KEY = Key(b"0123456789abcdef")


@pytest.mark.parametrize("key", [KEY, None])
def test_what_is_sealed_is_sealed_in_the_fork_too(key: Key | None) -> None:
    table = compile_machine(owning)
    recorder = Recorder(table, KEY)
    log = list(log_lines(table, Owner("Ada"), walk(owning, Owner("Ada")), recorder=recorder))

    lines = list(fork(log, 1, "fork", key=key).lines())

    assert not any(b"Ada" in line for line in lines)
    assert verify_log(lines)
    assert going(snapshot_at(lines, 1, owning, key=KEY)) == snapshot_at(log, 1, owning, key=KEY)
