"""Where two runs part: by what happened, and by what came of it."""

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detent import After, Call, Effect, Event, Failure, Machine, On, State, compile_machine
from detent.kernel import (
    Fork,
    Happened,
    Head,
    Moved,
    Recorder,
    Resumed,
    Signal,
    advance,
    canonical,
    diff,
    elapse,
    fork,
    log_lines,
    recorded_lines,
    scribe_of,
    walk,
)
from detent.kernel.values import moment
from detent.tools.testing import signals
from tests.kernel.replayer.corpus import (
    WALKS,
    Booking,
    Collected,
    Packed,
    Plan,
    Posted,
    label,
    logs,
    parcel,
)
from tests.kernel.replayer.runs import Recording, can_be_written, recorded, recordings
from tests.settings import times

PARCEL = compile_machine(parcel())
DAY = 86_400_000_000
OPENING = 3  # lines before the first entry: the header and two outlines


def walked(*happened: Any, name: str = "books", run: str = "walk") -> list[bytes]:
    """The log of a parcel to which these things happened."""
    input = Booking(name)
    return list(log_lines(PARCEL, input, walk(PARCEL, input, *happened), run=run))


# -- runs that do not part


@given(recordings(), st.sampled_from((0, 1, DAY)))
@settings(max_examples=times(50))
def test_equal_runs_at_other_times_part_nowhere(made: Recording, late: int) -> None:
    again = recorded(made.table, made.walk, late)

    assert diff(made.log, again.log) is None


@pytest.mark.parametrize("run", WALKS)
def test_a_run_and_itself_part_nowhere(run: str) -> None:
    (log,) = logs(runs=[run]).values()

    assert diff(log, log) is None


def test_the_pace_of_a_run_is_not_compared() -> None:
    happened = (Packed(3), Posted())
    slow = walked(Packed(3), Posted(), elapse(5), label.returned("C"), elapse(60), elapse(9))
    fast = walked(*happened, label.returned("C"), elapse(59), elapse(1))

    assert diff(slow, fast) is None


def test_equal_runs_under_other_names_part_nowhere() -> None:
    assert diff(walked(Packed(3)), walked(Packed(3), run="other")) is None


# -- runs that part


def test_runs_part_where_they_begin_otherwise() -> None:
    found = diff(walked(), walked(name="paper"))

    assert found is not None
    assert str(found).splitlines() == [
        "entry 1: something else happened",
        '  event.$began.name: "books" -> "paper"',
        '  data.name: "books" -> "paper"',
    ]


def test_runs_part_where_something_else_happened() -> None:
    found = diff(walked(Packed(3), Packed(4), Posted()), walked(Packed(3), Packed(5), Posted()))

    assert found is not None
    assert str(found).splitlines() == [
        "entry 3: something else happened",
        "  event.weight: 4 -> 5",
        "  data.weight: 7 -> 8",
    ]


def test_runs_part_where_something_else_came_of_an_effect() -> None:
    one = walked(Packed(3), Posted(), label.returned("A"))
    other = walked(Packed(3), Posted(), label.returned("B"))

    found = diff(one, other)

    assert found is not None
    assert str(found).splitlines() == [
        "entry 4: something else happened",
        '  event.$happened[1].value: "A" -> "B"',
        '  data.trail[0]: "A" -> "B"',
    ]


def test_runs_of_two_machines_part_where_the_same_came_out_differently() -> None:
    def doubled(data: Any, event: Packed) -> Any:
        return evolve(data, weight=2 * event.weight)

    (one,) = logs(runs=["late"]).values()
    (other,) = logs(Plan(pack=doubled), ["late"]).values()

    found = diff(one, other)

    assert found is not None
    assert str(found).splitlines() == [
        "entry 2: the same came out differently",
        "  data.weight: 3 -> 6",
    ]


def test_a_timer_that_was_set_for_longer_is_a_difference() -> None:
    (one,) = logs(runs=["late"]).values()
    (other,) = logs(Plan(waiting=(After(61, to="asking"),)), ["late"]).values()

    found = diff(one, other)

    assert found is not None
    assert (found.seq, found.what) == (4, "the same came out differently")
    assert [str(one) for one in found.diff] == ["timers.2[2]: 60000000 -> 61000000"]


def test_the_run_that_goes_on_alone_is_named() -> None:
    short, long = walked(Packed(3)), walked(Packed(3), Packed(4), Packed(5))

    assert str(diff(short, long)) == "entry 3: the second run goes on alone"
    assert str(diff(long, short)) == "entry 3: the first run goes on alone"
    assert str(diff([], short)) == "entry 1: the second run goes on alone"
    assert diff([], []) is None


@given(recordings(), st.data())
@settings(max_examples=times(50))
def test_a_run_that_was_cut_short_parts_after_its_last_entry(
    made: Recording, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(made.entries)))
    assume(cut < len(made.entries))

    found = diff(made.log[: OPENING + cut], made.log)

    assert found is not None
    assert (found.seq, found.diff) == (cut + 1, ())


@given(recordings(), st.data())
@settings(max_examples=times(50))
def test_runs_that_differ_in_one_signal_part_there(made: Recording, data: st.DataObject) -> None:
    entries = made.entries
    assume(len(entries) > 1)
    place = data.draw(st.integers(1, len(entries) - 1))
    before = entries[place - 1].snapshot
    other = data.draw(signals(made.table, before))
    stepped = next(iter(advance(made.table, before, other, before.at)))
    assume(isinstance(stepped, Moved) and can_be_written(made.table, before, other))
    assume(timeless(stepped.signal) != timeless(entries[place].signal))
    changed = Recording(made.table, made.walk, (*entries[:place], stepped))

    found = diff(made.log, changed.log)

    assert found is not None
    assert found.seq == place + 1
    assert found.what == "something else happened"


def timeless(signal: Signal | None) -> bytes:
    """A signal without the time at which an outcome came."""
    if isinstance(signal, Happened) and hasattr(signal.event, "at"):
        changes: dict[str, Any] = {"at": moment(0)}
        return canonical(Happened(signal.effect, evolve(signal.event, **changes)))
    return canonical(signal)


# -- a fork and its parent


def test_a_fork_is_compared_with_its_parent_from_where_it_begins() -> None:
    (log,) = logs(runs=["late"]).values()
    forked = fork(log, 4, "fork", at=DAY)

    assert str(diff(log, forked.lines())) == "entry 5: the first run goes on alone"
    assert str(diff(forked.lines(), log)) == "entry 5: the second run goes on alone"


def test_a_fork_parts_from_its_parent_where_something_else_happens() -> None:
    (log,) = logs(runs=["late"]).values()
    forked = fork(log, 4, "fork", at=DAY)

    found = diff([*log, *gone_on(forked, Collected())], log, runs=("fork", "late"))

    assert found is not None
    assert (found.seq, found.what) == (5, "something else happened")


def test_a_fork_to_which_the_same_happens_does_not_part() -> None:
    (log,) = logs(runs=["heavy"]).values()
    forked = fork(log, 5, "fork", at=DAY)
    signals = [one.signal for one in walk(PARCEL, Booking("books"), *WALKS["heavy"])][5:]

    assert diff(log, gone_on(forked, *signals)) is None


def gone_on(forked: Fork, *signals: Any) -> list[bytes]:
    """The log of a fork to which these things happen."""
    recorder = Recorder(PARCEL)
    log = list(forked.lines())
    now, head = scribe_of(PARCEL).snapshot(forked.checkpoint.frame), Head(forked.checkpoint.hash)
    for signal in (Resumed(), *signals):
        for stepped in advance(PARCEL, now, signal, now.at + 7):
            recorded = recorder.record(head, now, stepped)
            if recorded is not None:
                now, head = recorded.snapshot, recorded.head
                log += recorded_lines("fork", recorded)
    return log


# -- which run, and what is no time


def test_of_a_log_of_several_runs_one_is_named() -> None:
    one, other = walked(Packed(3), run="one"), walked(Packed(4), run="other")
    both = [*one, *other]

    assert diff(both, one) is None
    assert diff(both, other, runs=("other", None)) is None
    assert str(diff(both, both, runs=("one", "other"))).startswith("entry 2: something else")


@frozen
class Full(Failure):
    """A failure that says where, under a name that outcomes have for when."""

    at: str


@frozen
class Put(Effect[int], recovery="pure", fails=(Full,)):
    """Something is put somewhere."""


@frozen
class Nothing:
    """Data that never changes."""


@frozen
class Again(Event):
    """Nothing in particular."""


put: Any = Call(Put, lambda data: Put(), name="put")
putting: Machine[Any, Any, Any] = Machine(
    "putting",
    State("busy", On(put.failed_as(Full)), On(put.returned | put.failed), do=put),
    data=Nothing,
)


def test_a_place_is_not_taken_for_a_time() -> None:
    def put_at(place: str) -> Sequence[bytes]:
        steps = walk(putting, Nothing(), put.failed_as(Full)(place))
        return list(log_lines(compile_machine(putting), Nothing(), steps))

    found = diff(put_at("here"), put_at("there"))

    assert found is not None
    assert [str(one) for one in found.diff] == ['event.$happened[1].at: "here" -> "there"']
