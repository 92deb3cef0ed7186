"""What the entries of runs tell, of generated machines and of known ones."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict
from hypothesis import given, settings

from detent import Ignore, compile_machine
from detent.kernel import (
    CallFailed,
    CallFinished,
    CallStarted,
    ChildEnded,
    ChildStarted,
    EventDeferred,
    EventIgnored,
    EventRejected,
    EventTaken,
    Fan,
    LetterDelivered,
    LetterFailed,
    LetterSent,
    Outline,
    RetryScheduled,
    RunFinished,
    RunStarted,
    StateEntered,
    StateLeft,
    Told,
    Unreadable,
    WaitClosed,
    WaitOpened,
    fork,
    instants,
    kinds_from,
    kinds_of,
    tell,
    telling,
)
from detent.kernel.wire import Tree, parsed, spelled
from tests.kernel.replayer.corpus import logs, parcel
from tests.kernel.replayer.purchase import Add, Pay, Purchase, Ship, purchase
from tests.kernel.replayer.runs import Recording, Steps, recordings
from tests.kernel.replayer.test_notes import family, purchase_with, sender
from tests.kernel.tellings import told_in, told_live
from tests.settings import times

BEGINNINGS = (CallStarted, WaitOpened, ChildStarted, LetterSent)
ENDINGS = (CallFinished, CallFailed, WaitClosed, ChildEnded, LetterDelivered, LetterFailed)
DOCUMENT = Path(__file__).parents[2] / "docs" / "watching.md"


def told_of(made: Recording) -> list[Told]:
    """Everything that a run of a generated machine tells."""
    return told_in(made.log, kinds_of(made.table))


def in_flight(made: Recording) -> set[int]:
    """What is under way after the last entry."""
    found: set[int] = set()
    for flight in made.entries[-1].snapshot.effects:
        places = flight.under_way() if isinstance(flight, Fan) else (0,)
        found |= {flight.id + place for place in places}
    return found


@given(recordings())
@settings(max_examples=times(60))
def test_a_run_is_told_as_started_once_and_first(made: Recording) -> None:
    told = told_of(made)

    assert [place for place, one in enumerate(told) if isinstance(one, RunStarted)] == [0]


@given(recordings())
@settings(max_examples=times(60))
def test_a_run_is_told_as_finished_last_and_only_when_it_is_over(made: Recording) -> None:
    told = told_of(made)
    snapshot = made.entries[-1].snapshot

    ends = [place for place, one in enumerate(told) if isinstance(one, RunFinished)]

    is_over = snapshot.end is not None and not snapshot.effects
    assert ends == ([len(told) - 1] if is_over else [])


@given(recordings())
@settings(max_examples=times(80))
def test_what_was_begun_has_at_most_one_end_and_else_is_in_flight(made: Recording) -> None:
    begun: set[tuple[int, int]] = set()  # also to be tried; what was held is told once more
    ended: Counter[tuple[int, int]] = Counter()
    for one in told_of(made):
        attempt = (getattr(one, "effect", 0), getattr(one, "attempt", 1))
        if isinstance(one, (*BEGINNINGS, RetryScheduled)):
            begun.add(attempt)
        elif isinstance(one, ENDINGS):
            ended[attempt] += 1
            assert attempt in begun

    assert {*ended.values()} <= {1}
    assert {id for id, _ in begun - ended.keys()} == in_flight(made)


@given(recordings())
@settings(max_examples=times(60))
def test_what_was_entered_and_not_left_is_where_the_run_is(made: Recording) -> None:
    kinds = kinds_of(made.table)
    index = made.table.index
    before: Any = None
    active: set[str] = set()
    for instant in instants(made.log):
        assert instant.entry is not None
        told = tell(before, instant.entry, instant.frame, "walk", kinds)
        left = [one.state for one in told if isinstance(one, StateLeft)]
        entered = [one.state for one in told if isinstance(one, StateEntered)]
        active = (active - set(left)) | set(entered)
        before = instant.frame

        assert sorted(active, key=lambda state: index[state]) == before["in"]
        assert left == sorted(left, key=lambda state: -index[state])
        assert entered == sorted(entered, key=lambda state: index[state])


@given(recordings())
@settings(max_examples=times(60))
def test_a_log_tells_the_same_as_the_run_itself(made: Recording) -> None:
    assert told_live(made) == told_of(made)
    assert told_live(made, as_read=True) == told_of(made)


@given(recordings())
@settings(max_examples=times(40))
def test_what_is_told_is_plain_and_says_of_what_entry_it_is(made: Recording) -> None:
    whole = {instant.entry.seq: instant.entry for instant in instants(made.log) if instant.entry}

    for one in told_of(made):
        assert (one.run, one.at) == ("walk", whole[one.seq].at)
        assert parsed(spelled(asdict(one)))


@given(recordings())
@settings(max_examples=times(60))
def test_an_outline_says_the_kinds_of_its_machine(made: Recording) -> None:
    assert kinds_from(made.table.shape_outline) == kinds_of(made.table)


# -- examples


def brief(told: list[Told]) -> list[tuple[Any, ...]]:
    """What is told, without what all of it says."""
    return [(type(one).__name__, *list(asdict(one).values())[3:]) for one in told]


def test_a_run_with_calls_questions_and_timers_is_told_from_its_beginning_to_its_end() -> None:
    (log,) = logs(runs=["late"]).values()

    told = told_in(log, kinds_of(compile_machine(parcel())))

    assert brief(told) == [
        ("RunStarted", {"$": "Booking", "name": "books", "sides": 3}),
        ("StateEntered", "packing"),
        ("EventTaken", "Packed", {"$": "Packed", "weight": 3}, None),
        ("EventTaken", "Posted", {"$": "Posted"}, None),
        ("StateLeft", "packing"),
        ("StateEntered", "labelling"),
        ("CallStarted", 1, "label", {"$": "Print", "weight": "books: 3"}, 1),
        ("CallFinished", 1, "label", 1, "C"),
        ("StateLeft", "labelling"),
        ("StateEntered", "travelling"),
        ("StateEntered", "road"),
        ("TimerFired", 2, "road", "road/after/0"),
        ("StateLeft", "road"),
        ("StateLeft", "travelling"),
        ("StateEntered", "asking"),
        ("WaitOpened", 3, "ask", "Is it lost?"),
        ("WaitClosed", 3, "ask", None, "timed_out"),
        ("StateLeft", "asking"),
        ("StateEntered", "gone"),
        (
            "RunFinished",
            "failed",
            None,
            ({"$": "Problem", "kind": "timed_out", "message": "ask", "fields": []},),
        ),
    ]


def test_what_an_each_orders_is_told_as_it_begins() -> None:
    (log,) = logs(runs=["heavy"]).values()

    told = told_in(log, kinds_of(compile_machine(parcel())))

    begun = [(one.seq, one.effect) for one in told if isinstance(one, CallStarted)]
    ended = [(one.seq, one.effect) for one in told if isinstance(one, CallFinished | CallFailed)]
    assert begun == [(3, 1), (6, 3), (6, 4), (7, 5)]
    assert ended == [(4, 1), (7, 3), (8, 5), (9, 4)]


def test_a_deferred_event_is_told_when_it_comes_and_when_something_becomes_of_it() -> None:
    posted, failed = logs(runs=["posted", "failed"]).values()
    kinds = kinds_of(compile_machine(parcel()))
    held: Tree = {"$": "Held"}

    assert EventDeferred("posted", 5, 0, "Held", held) in told_in(posted, kinds)
    assert EventTaken("posted", 8, 0, "Held", held, 5) in told_in(posted, kinds)
    assert EventRejected("failed", 6, 0, "Held", held, 4) in told_in(failed, kinds)


def test_an_ignored_event_is_told_if_it_has_an_entry() -> None:
    run = Steps(purchase_with(Ignore(Ship)), Purchase())
    run.send(Ship())
    run.send(Ship(), "a key")

    told = told_in(run.log, {})

    assert told[2:] == [EventIgnored("run", 2, 0, "Ship", {"$": "Ship"}, None)]


def test_a_child_is_told_by_the_id_of_its_parent_and_its_effect() -> None:
    kinds = kinds_of(compile_machine(sender()))

    told = told_in(family(), kinds)

    assert ChildStarted("parent", 2, 0, 1, "sending", "parent/1") in told
    assert ChildEnded("parent", 3, 0, 1, "sending", "parent/1", "completed") in told


def test_of_a_fork_only_what_is_its_own_is_told() -> None:
    (log,) = logs(runs=["late"]).values()

    assert told_in(fork(log, 4, "fork").lines(), {}) == []


def test_notes_nobody_knows_tell_nothing() -> None:
    run = Steps(purchase(), Purchase())
    run.note({"$painted": "blue"}, 7)
    run.note({}, 9)
    run.send(Add(5))
    run.send(Pay())

    told = told_in(run.log, {})

    assert Counter(one.seq for one in told) == {1: 2, 4: 1, 5: 3}


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"effects":{"charge":{}}}', b'{"effects":[]}'])
def test_what_is_no_shape_outline_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable, match="the outline holds what no run writes"):
        kinds_from(Outline(text, ""))


def test_a_form_of_another_machine_is_refused() -> None:
    (log,) = logs(runs=["late"]).values()

    with pytest.raises(Unreadable, match="entry 3 holds what no run writes: KeyError"):
        told_in(log, {})


def test_the_document_lists_everything_that_may_be_told() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    listed = set(re.findall(r"`([A-Z]\w+)\(", document))
    every: dict[str, Any] = {kind.__name__: kind for kind in Told.__subclasses__()}

    assert listed == set(every)
    assert set(every) <= set(telling.__all__)
    for name, fields in re.findall(r"`([A-Z]\w+)\(([^)`]*)\)`", document):
        own = [attribute.name for attribute in every[name].__attrs_attrs__][3:]
        assert fields.split(", ") == own, name
