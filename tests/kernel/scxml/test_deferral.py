"""Events that come too early or to nobody: kept and offered again, ignored, refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.kernel import (
    After,
    Broken,
    Defer,
    Deferred,
    Final,
    Fired,
    Ignore,
    Ignored,
    Machine,
    Moved,
    On,
    Part,
    Region,
    Reject,
    Rejected,
    State,
    advance,
    compile_machine,
    recall,
    step,
)
from tests.kernel.scxml.toys import (
    A,
    Add,
    B,
    Back,
    Break,
    C,
    Go,
    Note,
    NoteEvent,
    Numbered,
    Run,
    Toy,
    Trail,
    start,
)


def waiting(*later: Part[Trail], limit: int = 100) -> Toy:
    """A state that defers A, B and numbered events, and one behind it with the rows under test."""
    return Machine(
        "m",
        State("early", Defer(A, B, Numbered), On(Go, to="later"), On(C, update=Add())),
        State("later", *later, On(Back, to="early")),
        data=Trail,
        defer_limit=limit,
    )


def causes(run: Run, since: int) -> list[int | None]:
    """The causes of the answers of a run from one on."""
    return [
        one.cause
        for one in run.steps[since:]
        if isinstance(one, Moved | Ignored | Rejected) and one.cause is not None
    ]


def test_a_deferred_event_is_kept_and_nothing_else_changes() -> None:
    run = start(waiting())
    before = run.now

    run.send(A())

    assert isinstance(run.last, Deferred)
    assert run.now.deferred == (A(),)
    assert (run.now.seq, run.now.data, run.states) == (before.seq + 1, before.data, ("early",))


def test_deferred_events_are_offered_again_oldest_first() -> None:
    run = start(waiting(On(Numbered, update=NoteEvent())))

    run.send(Numbered(3), Numbered(1), Numbered(2), Go())

    assert run.marks == ("3", "1", "2")
    assert run.now.deferred == ()


def test_each_recalled_event_is_an_entry_of_its_own_that_names_its_cause() -> None:
    run = start(waiting(On(A, update=Note("a")), On(B, update=Note("b")))).send(A(), B(), Go())

    assert [step.snapshot.seq for step in run.steps] == [1, 2, 3, 4, 5, 6]
    assert causes(run, 0) == [2, 3]


def test_the_cause_is_the_entry_that_deferred_also_if_others_came_between() -> None:
    run = start(waiting(On(A), On(B))).send(C(), A(), C(), C(), B(), Go())

    assert causes(run, 0) == [3, 6]


def test_a_step_that_does_not_change_the_configuration_recalls_nothing() -> None:
    run = start(waiting(On(A))).send(A(), C())

    assert (run.now.deferred, len(run.steps)) == ((A(),), 3)
    assert recall(run.table, run.now) is None


def test_a_self_transition_recalls_nothing() -> None:
    machine = Machine("m", State("s", Defer(A), On(Go, to="s")), data=Trail)

    run = start(machine).send(A(), Go())

    assert (run.now.deferred, len(run.steps)) == ((A(),), 3)


def test_recalled_events_come_before_what_is_sent_next() -> None:
    machine = waiting(On(Numbered, update=NoteEvent()))

    run = start(machine).send(Numbered(1), Go(), Numbered(2))

    assert run.marks == ("1", "2")


def test_a_timer_that_changes_the_configuration_recalls_too() -> None:
    machine = Machine(
        "m", State("s", Defer(A), After(1, to="t")), State("t", On(A, update=Note("a"))), data=Trail
    )

    assert start(machine).send(A(), Fired(1)).marks == ("a",)


def test_deferring_again_writes_nothing() -> None:
    run = start(waiting(Defer(A))).send(A(), Go())

    assert [type(step).__name__ for step in run.steps] == ["Moved", "Deferred", "Moved"]
    assert (run.now.deferred, run.now.seq) == ((A(),), 3)
    assert recall(run.table, run.now) is None


def test_what_is_deferred_again_keeps_its_place_and_its_cause() -> None:
    run = start(waiting(Defer(A), On(B, update=Note("b")))).send(A(), B(), A(), Go())

    assert run.marks == ("b",)
    assert [(kept.event, kept.seq) for kept in run.now.pending.deferred] == [(A(), 2), (A(), 4)]


def test_what_was_deferred_again_is_offered_once_a_recalled_event_has_moved_the_run() -> None:
    machine = Machine(
        "m",
        State("one", Defer(A, B), On(Go, to="two")),
        State("two", Defer(A), On(B, to="three", update=Note("b"))),
        State("three", On(A, update=Note("a"))),
        data=Trail,
    )

    run = start(machine).send(A(), B(), Go())

    assert run.marks == ("b", "a")
    assert causes(run, 0) == [3, 2]


def test_what_was_deferred_again_is_not_offered_for_a_recalled_event_that_stays() -> None:
    later = (On(A, when="data.n > 0"), On(B, update=Add()))
    machine = Machine(
        "m",
        Defer(A, B),
        State("early", On(Go, to="later")),
        State("later", *later, On(Back, to="early")),
        data=Trail,
    )

    run = start(machine).send(A(), B(), Go())

    assert (run.now.data.n, run.now.deferred) == (1, (A(),))


def test_new_events_queue_behind_those_deferred_before() -> None:
    run = start(waiting(Defer(Numbered))).send(Numbered(1), Go(), Numbered(2), Back())

    assert run.now.deferred == (Numbered(1), Numbered(2))


def test_recalling_stops_at_the_end_of_the_run() -> None:
    machine = Machine(
        "m",
        State("s", Defer(A, B), On(Go, to="t")),
        State("t", On(A, to="f"), On(B, update=Note("b"))),
        Final("f"),
        data=Trail,
    )

    run = start(machine).send(A(), B(), Go())

    assert (run.now.status, run.marks, run.now.deferred) == ("completed", (), (B(),))


def test_beyond_the_limit_events_are_rejected() -> None:
    run = start(waiting(limit=2)).send(A(), B())
    before = run.now

    refused = step(run.table, before, Numbered(1))

    assert isinstance(refused, Rejected)
    assert refused.snapshot is before
    assert refused.why == "2 events are deferred already"


def test_a_full_line_is_offered_again_without_being_refused() -> None:
    run = start(waiting(Defer(A, B), limit=2)).send(A(), B(), Go())

    assert run.now.deferred == (A(), B())


def test_a_recalled_event_that_means_nothing_leaves_the_line() -> None:
    run = start(waiting(Ignore(A), On(B, update=Note("b")))).send(A(), B(), Go())

    assert [type(step).__name__ for step in run.steps[-3:]] == ["Moved", "Ignored", "Moved"]
    assert (run.now.deferred, run.marks, causes(run, 0)) == ((), ("b",), [2, 3])


def test_a_recalled_event_that_is_refused_leaves_the_line() -> None:
    run = start(waiting(Reject(A), On(B, update=Note("b")))).send(A(), B(), Go())

    assert [type(step).__name__ for step in run.steps[-3:]] == ["Moved", "Rejected", "Moved"]
    assert (run.now.deferred, run.marks, causes(run, 0)) == ((), ("b",), [2, 3])


def test_an_event_that_leaves_the_line_is_counted_as_an_entry() -> None:
    run = start(waiting(Ignore(A))).send(A(), Go())

    assert [step.snapshot.seq for step in run.steps] == [1, 2, 3, 4]


def test_a_recall_that_breaks_keeps_the_event_in_its_place() -> None:
    run = start(waiting(On(A, update=Break()), On(B, update=Note("b")))).send(A(), B(), Go())

    assert isinstance(run.last, Broken)
    assert run.last.signal == A()
    assert (run.now.deferred, run.marks, run.states) == ((A(), B()), (), ("later",))
    assert isinstance(recall(run.table, run.now), Broken)


def test_an_event_that_breaks_is_not_followed_by_recalls() -> None:
    machine = Machine(
        "m", State("s", Defer(A), On(Go, to="t", update=Break())), State("t"), data=Trail
    )

    run = start(machine).send(A(), Go())

    assert isinstance(run.last, Broken)
    assert run.now.deferred == (A(),)


def test_advance_gives_one_answer_for_each_entry() -> None:
    run = start(waiting(On(A), Defer(B))).send(A(), B())

    answers = list(advance(run.table, run.now, Go()))

    assert [str(answer) for answer in answers] == ["Go -> later", "A -> later"]


def test_without_a_true_guard_an_event_is_deferred_if_anybody_defers_it() -> None:
    inner = State("in", On(A, when="data.n > 0", update=Note("a")))
    machine = Machine("m", State("out", Defer(A), inner), data=Trail)

    assert isinstance(start(machine, n=0).send(A()).last, Deferred)
    assert start(machine, n=1).send(A()).marks == ("a",)


def test_an_event_no_guard_lets_through_is_offered_outwards_and_then_ignored() -> None:
    inner = State("in", On(A, when="data.n == 2", update=Note("in")))
    outer = State("out", On(A, when="data.n == 1", update=Note("out")), inner)
    machine = Machine("m", Ignore(A), outer, data=Trail)

    assert start(machine, n=2).send(A()).marks == ("in",)
    assert start(machine, n=1).send(A()).marks == ("out",)
    assert isinstance(start(machine, n=0).send(A()).last, Ignored)


def test_an_event_no_guard_lets_through_and_nobody_excuses_is_rejected() -> None:
    run = start(Machine("m", State("s", On(A, when="data.n > 0"), On(B)), data=Trail))

    refused = run.send(A()).last

    assert isinstance(refused, Rejected)
    assert (refused.why, refused.accepts) == ("no guard for A is true", ("A", "B"))


def test_a_refusal_names_the_events_that_are_expected() -> None:
    machine = Machine("m", State("s", On(B), Ignore(C), Defer(Go), Reject(Back)), data=Trail)

    refused = start(machine).send(A()).last

    assert isinstance(refused, Rejected)
    assert (refused.why, refused.accepts) == ("A is not expected here", ("B", "C", "Go"))


WORDS: dict[str, tuple[Part[Trail], ...]] = {
    "handle": (On(A, update=Note("a")),),
    "defer": (Defer(A),),
    "ignore": (Ignore(A),),
    "reject": (Reject(A),),
    "nothing": (),
}
ANSWERS = {
    "handle": "Moved",
    "defer": "Deferred",
    "ignore": "Ignored",
    "reject": "Rejected",
    "nothing": "Rejected",
}


@given(st.lists(st.sampled_from(list(WORDS)), min_size=5, max_size=5))
def test_over_all_active_states_handle_beats_defer_beats_ignore_beats_reject(
    said: list[str],
) -> None:
    root, around, inside, first, second = (WORDS[word] for word in said)
    nest = State("n", *inside, Region("x", *first), Region("y", *second))
    machine = Machine("m", *root, State("s", *around, nest), data=Trail)

    answer = start(machine).send(A()).last

    strongest = next(word for word in ANSWERS if word in said)
    assert type(answer).__name__ == ANSWERS[strongest]


@given(st.lists(st.integers(0, 2), max_size=12))
def test_a_line_never_loses_or_reorders_what_it_keeps(numbers: list[int]) -> None:
    """Two states defer and take different numbers; whatever happens, every event is taken once."""
    machine = Machine(
        "m",
        Defer(Numbered),
        State("even", On(Numbered, when="event.n == 0", update=NoteEvent()), On(Go, to="odd")),
        State("odd", On(Numbered, when="event.n > 0", update=NoteEvent()), On(Go, to="even")),
        data=Trail,
    )

    run = start(machine).send(*(Numbered(n) for n in numbers))
    kept = [n for n in numbers if n > 0]

    assert [event.n for event in run.now.deferred if isinstance(event, Numbered)] == kept
    assert run.send(Go()).marks == tuple(str(n) for n in (*(0 for n in numbers if n == 0), *kept))


@pytest.mark.parametrize("excuse", [Defer(A), Ignore(A), Reject(A)])
def test_an_event_is_not_excused_by_states_that_are_not_active(excuse: Part[object]) -> None:
    machine = Machine("m", State("s", On(Go, to="t")), State("t", excuse), data=Trail)

    assert isinstance(step(compile_machine(machine), start(machine).now, A()), Rejected)
