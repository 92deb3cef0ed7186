"""Runs about which something was decided, as logs: read without the machine, replayed, forked, compared."""

from typing import Any, get_args

import pytest
from attrs import evolve
from hypothesis import given, settings

from detent.kernel import (
    Abandoned,
    Admitted,
    Call,
    Cancelled,
    Decision,
    Final,
    Fired,
    Halted,
    Happened,
    Head,
    Held,
    Machine,
    On,
    Queued,
    Recorded,
    Recorder,
    Resumed,
    Retry,
    Returned,
    State,
    Stopped,
    Unstorable,
    advance,
    begin,
    compile_machine,
    frame_at,
    opening_lines,
    recorded_lines,
    replay,
    scribe_of,
    snapshot_at,
    verify_log,
)
from detent.kernel.applying import applied
from detent.kernel.edits import BadEdit
from detent.kernel.facts import but
from detent.kernel.scribe import EMPTY
from detent.kernel.wire import Tree, parsed, spelled
from tests.kernel.decisions.logs import Log, attempt
from tests.kernel.decisions.toys import (
    DOWN,
    PARK,
    SECOND,
    cancelling,
    retried,
    tried,
    undo,
    working,
)
from tests.kernel.delta.logs import Made, every_frame, recorded, walked
from tests.kernel.scxml.toys import A, Go, Note, Ping, Trail, ping, returned
from tests.settings import times


def is_decided(made: Made) -> bool:
    """Whether anything is decided in a walk."""
    return any(isinstance(signal, get_args(Decision)) for signal, _ in made[1].signals)


decided = walked().filter(is_decided)


def lines_of(made: Made) -> list[bytes]:
    """The log of a walk."""
    recorder = Recorder(made[0])
    lines = [*opening_lines(recorder, recorder.header("run"))]
    for one in recorded(made):
        lines += recorded_lines("run", one)
    return lines


# -- any machine, anything decided


@settings(max_examples=times(60))
@given(decided)
def test_a_run_about_which_something_was_decided_replays(made: Made) -> None:
    found = replay(lines_of(made), made[0].machine)

    assert found.divergence is None


@settings(max_examples=times(60))
@given(decided)
def test_a_frame_is_what_the_deltas_before_it_make(made: Made) -> None:
    scribe = scribe_of(made[0])

    for _, one, after in every_frame(recorded(made)):
        assert spelled(after) == spelled(scribe.frame(one.snapshot))
        assert scribe.snapshot(parsed(spelled(after))) == one.snapshot


@settings(max_examples=times(40))
@given(decided)
def test_what_is_written_does_not_depend_on_a_reload(made: Made) -> None:
    once = [one.entry.hash for one in recorded(made)]

    assert [one.entry.hash for one in recorded(made, reloading=True)] == once


@settings(max_examples=times(60))
@given(decided)
def test_a_frame_is_never_smaller_than_its_recorder_thinks(made: Made) -> None:
    table, walk = made
    recorder = Recorder(table)
    now = begin(table, walk.input).snapshot
    for signal, at in walk.signals:
        for stepped in advance(table, now, signal, at):
            frame: Any = recorder.scribe.frame(now)
            flights = frame["effects"].items()
            flying = {int(id): len(id) + 4 + len(spelled(one)) for id, one in flights}
            head = Head("", 0, len(spelled(frame)), flying)
            try:
                told = recorder.record(head, now, stepped)
            except Unstorable:
                return
            now = stepped.snapshot
            if told is not None:
                assert told.head.least <= len(spelled(recorder.scribe.frame(now)))


# -- by hand


def test_a_header_tells_the_seed_and_the_deadline() -> None:
    log = Log(cancelling(), deadline=SECOND)

    header: Any = parsed(log.header.body)
    assert [*header][-3:] == ["at", "seed", "deadline"]
    assert (header["seed"], header["deadline"]) == (7, SECOND)
    assert (log.header.seed, log.header.deadline) == (7, SECOND)


def test_a_header_without_them_says_nothing_of_them() -> None:
    header: Any = parsed(Recorder(compile_machine(cancelling())).header("run").body)

    assert [*header][-1] == "at"


def test_a_run_with_a_deadline_replays_with_it() -> None:
    log = Log(cancelling(), deadline=SECOND).send(Fired(1), at=SECOND)

    found = replay(log.lines, log.table.machine)

    assert (found.entries, found.divergence) == (2, None)


def test_a_run_that_compensates_replays() -> None:
    log = Log(cancelling()).send(Halted("cancelled", "x"), returned(2), Happened(1, Stopped("x")))

    assert log.last.snapshot.status == "cancelled"
    assert replay(log.lines, log.table.machine).divergence is None


def test_what_waited_names_the_entry_that_put_it_there() -> None:
    log = Log(working(retried)).send(PARK, Queued(A()), Queued(tried()), key="abc")

    log.send(Resumed())

    frame = frame_at(log.lines, 6).frame
    assert frame["line"] == [[{"$attempt_failed": parsed(spelled(attempt()))}, 4]]
    assert (log.entry.cause, log.entry.event) == (4, {"$attempt_failed": attempt(False)})
    assert replay(log.lines, log.table.machine).divergence is None
    assert verify_log(log.lines) == {"run": log.last.head.hash}


def test_what_is_queued_keeps_the_key_of_its_sender() -> None:
    log = Log(working(retried)).send(PARK).send(Queued(A()), key="abc")

    assert (log.entry.key, log.entry.event) == ("abc", {"$queued": {"$": "A"}})


def test_what_broke_keeps_the_key_of_its_sender() -> None:
    log = Log(working(retried)).send(evolve(PARK, signal=A()), key="abc")

    assert log.entry.key == "abc"


NOTES: list[dict[str, Tree]] = [
    {"$noted": [1, "half"]},
    {"$recovered": {"epoch": 2}},
    {"$interrupted": [1]},
    {"$breaker": {"name": "shop", "to": "open"}},
]


@pytest.mark.parametrize("note", NOTES, ids=str)
def test_a_note_is_left_alone(note: dict[str, Tree]) -> None:
    log = Log(working(retried)).note(note).send(Held((1,), "x"), Admitted(1), returned(1))

    assert replay(log.lines, log.table.machine).divergence is None


# -- divergences


def test_what_waited_and_was_not_taken_first_is_told() -> None:
    log = Log(working(retried)).send(PARK, Queued(A()))
    table, before = log.table, log.last
    resumed = next(iter(advance(table, before.snapshot, Resumed())))
    told = log.recorder.record(before.head, before.snapshot, resumed)
    assert told is not None
    moved = next(iter(advance(table, evolve_line(told), Go())))
    late = log.recorder.record(told.head, told.snapshot, moved)
    assert late is not None

    lines = [*log.lines, *recorded_lines("run", told), *recorded_lines("run", late)]

    found = replay(lines, table.machine).divergence
    assert found is not None
    assert (found.kind, found.actual) == ("guard", "before it, A -> at work")


def evolve_line(told: Recorded) -> Any:
    """A snapshot of which somebody has lost the line."""
    now = told.snapshot
    return but(now, pending=but(now.pending, line=()))


def test_a_row_for_cancelled_that_is_gone_is_told() -> None:
    log = Log(cancelling()).send(Halted("cancelled", "x"))
    other = Machine(
        "m",
        State("at work", On(retried.returned, to="undoing"), do=retried),
        State("undoing", On(undo.returned, to="undone"), do=undo, compensates=True),
        State("undone", On(Cancelled)),
        data=Trail,
    )

    found = replay(log.lines, other).divergence

    assert found is not None
    assert found.kind == "event removed"


def test_a_row_for_cancelled_that_is_not_taken_is_told() -> None:
    log = Log(cancelling()).send(Halted("cancelled", "x"))
    rows = [part for part in cancelling().parts if isinstance(part, State)]
    other = Machine("m", *rows, On(Cancelled, to="undoing", when="data.n > 9"), data=Trail)

    found = replay(log.lines, other).divergence

    assert found is not None
    assert found.kind == "guard"


def test_a_row_for_an_attempt_that_is_gone_is_told() -> None:
    log = Log(working(retried)).send(tried(event=Returned(1)))
    state: Any = working(retried).parts[0]
    rest = [row for row in state.parts if row != OK]
    other = Machine("m", State("at work", *rest, do=retried), State("away"), data=Trail)

    found = replay(log.lines, other).divergence

    assert found is not None
    assert found.kind == "event removed"


OK = On(retried.returned, update=Note("ok"))


def test_that_an_effect_is_tried_less_often_is_told() -> None:
    log = Log(working(retried)).send(tried())
    once = evolve_retry(Retry(attempts=1))

    found = replay(log.lines, working(once)).divergence

    assert found is not None
    assert found.seq == 2


def evolve_retry(retry: Retry) -> Any:
    """The form with another policy."""
    return Call(Ping, ping, retry=retry, name="ping")


# -- reading without the machine


def test_what_is_seldom_is_put_in_its_place() -> None:
    later: Any = applied(EMPTY, {"line": [[1]], "abandoned": [[2]]}, {"$x": 1})
    after: Any = applied(later, {"halted": [{"x": 1}], "line": [1, 0, [2]]}, {"$x": 1})

    assert [*after][-3:] == ["abandoned", "halted", "line"]
    assert after["line"] == [1, 2]
    assert "line" not in applied(after, {"line": []}, {"$x": 1})


@pytest.mark.parametrize("edit", [[], [0, 0, [1]], {"0": [1]}])
def test_what_is_not_there_is_not_edited(edit: Any) -> None:
    with pytest.raises(BadEdit, match="no 'line'"):
        applied(EMPTY, {"line": edit}, {"$x": 1})


def test_the_end_of_a_run_is_edited_where_a_problem_comes() -> None:
    log = Log(ending_in_background())

    log.send(Go(), Happened(1, DOWN))

    assert log.entry.delta["end"] == {
        "failures": [0, 0, [{"$": "Problem", "kind": "down", "message": "", "fields": []}]]
    }
    assert replay(log.lines, log.table.machine).divergence is None


def ending_in_background() -> Machine[Trail, Trail, Trail]:
    """A run that ends by Go, with something in the background."""
    return Machine(
        "m",
        On(retried.returned),
        State("s", On(Go, to="f")),
        Final("f"),
        data=Trail,
        background=retried,
    )


def test_a_snapshot_of_any_entry_is_that_of_the_run() -> None:
    log = Log(working(retried)).send(Go(), Abandoned(1))

    assert snapshot_at(log.lines, 3, log.table.machine) == log.last.snapshot
