"""What is told of effects and of what a kernel decides, by entries and frames that are written by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.kernel import (
    BreakerChanged,
    CallFailed,
    CallFinished,
    CallStarted,
    CancelRequested,
    ChildEnded,
    ChildStarted,
    EffectAbandoned,
    EffectHeld,
    EffectInterrupted,
    LetterDelivered,
    LetterFailed,
    LetterSent,
    Noted,
    RateWaiting,
    RetryScheduled,
    RunBroke,
    RunFinished,
    RunParked,
    RunRecovered,
    RunResumed,
    SignalQueued,
    StopAsked,
    TimerFired,
    Told,
    Unreadable,
    WaitClosed,
    WaitOpened,
)
from detent.kernel.frames import Frame
from detent.kernel.wire import Tree
from tests.kernel.tellings import call, fan, frame, told_by

WHERE = ("run", 9, 100)
LETTER: Tree = {"$": "Letter", "run": "other", "event": {"$": "Pay"}}
JAM: Tree = {"$": "Failed", "problem": {"$": "Problem", "kind": "Jam", "message": "no paper"}}
BUG: dict[str, Tree] = {
    "place": "state 'cart'",
    "role": "update",
    "callable": "shop:add",
    "problem": {"$": "Problem", "kind": "KeyError", "message": "'x'", "fields": []},
    "signal": {"$": "Pay"},
}
HALTED: Tree = {"status": "cancelled", "reason": ""}
ENDED: Tree = {"status": "failed", "value": None, "failures": [{"kind": "Jam"}]}


def happened(id: int, outcome: Tree) -> Tree:
    """An outcome of an effect."""
    return {"$happened": [id, outcome]}


def parts(of: Frame, id: str = "5") -> set[int]:
    """The orders of an Each that are under way, counted without looking at lives."""
    effects: Any = of["effects"]
    if id not in effects:
        return set()
    what = effects[id][3]["$fan"]
    heard = {place for place, _ in what["heard"]}
    begun = what["asked"] if what["stopping"] else range(what["begun"])
    return set(begun) - heard


@st.composite
def changes_of_an_each(draw: st.DrawFn) -> tuple[int, Frame, Frame]:
    """Two frames of an Each between which one of its orders came to an outcome, and whatever else."""
    size = draw(st.integers(1, 6))
    begun = draw(st.integers(1, size))
    kinds = "".join(draw(st.sampled_from("012")) for _ in range(size))
    place, *others = draw(st.permutations(range(begun)))
    waiting = [*others, *range(begun, size)]
    quiet = [other for other in others if draw(st.booleans())]
    more = [other for other in waiting if other not in quiet and draw(st.booleans())]
    heard: list[Tree] = [[other, JAM] for other in quiet]
    since: list[Tree] = [[place, JAM], *([other, {"$": "Stopped"}] for other in more)]
    asked: list[Tree] = [other for other in others if draw(st.booleans())]
    stopping = draw(st.booleans())
    before = frame({"5": fan(kinds, begun, heard=heard)})
    after = fan(kinds, size, heard=[*heard, *since], stopping=stopping, asked=asked)
    return 5 + place, before, frame({"5": after} if draw(st.booleans()) else None)


@given(changes_of_an_each())
def test_of_an_each_all_that_is_no_longer_under_way_is_told_as_ended_once(
    change: tuple[int, Frame, Frame],
) -> None:
    id, before, after = change

    told = told_by(happened(id, JAM), before, after)

    ended = [one.effect for one in told if isinstance(one, CallFailed | WaitClosed | ChildEnded)]
    assert ended[0] == id
    assert sorted(ended) == sorted(5 + place for place in parts(before) - parts(after))


# -- tables


@pytest.mark.parametrize(
    ("flight", "outcome", "told"),
    [
        (call(), {"$": "Returned", "value": 5}, CallFinished(*WHERE, 3, "charge", 1, 5)),
        (call(), JAM, CallFailed(*WHERE, 3, "charge", 1, "Jam", "no paper")),
        (call(), {"$": "TimedOut"}, CallFailed(*WHERE, 3, "charge", 1, "timed_out", "")),
        (
            call(),
            {"$": "InDoubt", "why": "crash"},
            CallFailed(*WHERE, 3, "charge", 1, "in_doubt", "crash"),
        ),
        (
            call(),
            {"$": "Declined", "by": "bank", "reason": "open"},
            CallFailed(*WHERE, 3, "charge", 1, "declined", "bank: open"),
        ),
        (
            call(),
            {"$": "Declined", "by": "bank", "reason": ""},
            CallFailed(*WHERE, 3, "charge", 1, "declined", "bank"),
        ),
        (
            call(),
            {"$": "Stopped", "by": "exit", "started": True},
            CallFailed(*WHERE, 3, "charge", 1, "stopped", "exit"),
        ),
        (
            call(),
            {"$": "CardRefused", "why": "old"},
            CallFailed(*WHERE, 3, "charge", 1, "CardRefused", '{"why":"old"}'),
        ),
        (
            call(),
            {"$": "NoMoney"},
            CallFailed(*WHERE, 3, "charge", 1, "NoMoney", ""),
        ),
        (
            call("charge", 0, True, [4, "", 0]),
            {"$": "Returned", "value": 5},
            CallFinished(*WHERE, 3, "charge", 4, 5),
        ),
        (
            call("ask"),
            {"$": "Returned", "value": True},
            WaitClosed(*WHERE, 3, "ask", True, "answered"),
        ),
        (call("ask"), {"$": "TimedOut"}, WaitClosed(*WHERE, 3, "ask", None, "timed_out")),
        (call("ask"), {"$": "Stopped"}, WaitClosed(*WHERE, 3, "ask", None, "stopped")),
        (
            call("review"),
            {"$": "Ended", "status": "failed"},
            ChildEnded(*WHERE, 3, "review", "run/3", "failed"),
        ),
        (
            call("review"),
            {"$": "Stopped"},
            ChildEnded(*WHERE, 3, "review", "run/3", "stopped"),
        ),
        (
            call("write"),
            {"$": "Returned", "value": {"$": "Receipt", "status": "accepted", "accepts": []}},
            LetterDelivered(*WHERE, 3, "write", "accepted"),
        ),
        (call("write"), JAM, LetterFailed(*WHERE, 3, "write", "Jam", "no paper")),
    ],
)
def test_an_outcome_is_told_by_what_it_is_of(flight: Tree, outcome: Tree, told: Told) -> None:
    assert told_by(happened(3, outcome), frame({"3": flight}), frame()) == (told,)


@pytest.mark.parametrize(
    ("flight", "told"),
    [
        (call(), CallStarted(*WHERE, 3, "charge", {"$": "Charge", "cents": 5}, 1)),
        (call("ask", order="Again?"), WaitOpened(*WHERE, 3, "ask", "Again?")),
        (call("ask", order={"$blob": "00"}), WaitOpened(*WHERE, 3, "ask", '{"$blob":"00"}')),
        (call("review"), ChildStarted(*WHERE, 3, "review", "run/3")),
        (call("write", order=LETTER), LetterSent(*WHERE, 3, "write", "other", {"$": "Pay"})),
        (call("charge", 0, False, [1, "drain", 0]), EffectHeld(*WHERE, 3, "charge", "drain", 0)),
    ],
)
def test_an_order_is_told_by_what_it_orders(flight: Tree, told: Told) -> None:
    after = frame({"1": call("ask"), "3": flight})

    assert told_by({}, frame({"1": call("ask")}), after, effects=(3,)) == (told,)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            {"$halted": {"status": "cancelled", "reason": "why not"}},
            CancelRequested(*WHERE, "why not", "cancelled"),
        ),
        (
            {"$parked": BUG},
            RunParked(*WHERE, "state 'cart'", "update", "shop:add", "KeyError", "'x'"),
        ),
        (
            {"$broke": BUG},
            RunBroke(*WHERE, "state 'cart'", "update", "shop:add", "KeyError", "'x'"),
        ),
        ({"$queued": {"$fired": 3}}, SignalQueued(*WHERE, {"$fired": 3})),
        ({"$resumed": {"skip": True}}, RunResumed(*WHERE, True)),
        ({"$noted": [3, {"done": 5}]}, Noted(*WHERE, 3, {"done": 5})),
        ({"$recovered": {"epoch": 2}}, RunRecovered(*WHERE, 2)),
        ({"$interrupted": [3]}, EffectInterrupted(*WHERE, 3, "charge")),
        ({"$breaker": {"name": "bank", "to": "open"}}, BreakerChanged(*WHERE, "bank", "open")),
        (
            {"$held": {"effects": [3], "why": "capacity:Charge"}},
            EffectHeld(*WHERE, 3, "charge", "capacity:Charge", 0),
        ),
        (
            {"$held": {"effects": [3], "why": "limit:bank", "until": 170}},
            RateWaiting(*WHERE, 3, "charge", "limit:bank", 170),
        ),
        ({"$abandoned": 3}, EffectAbandoned(*WHERE, 3, "charge")),
        ({"$abandoned": 4}, EffectAbandoned(*WHERE, 4, "")),
    ],
)
def test_what_happens_to_a_run_is_told(event: Tree, told: Told) -> None:
    here = frame({"3": call()})

    assert told_by(event, here, here) == (told,)


@pytest.mark.parametrize(
    "event",
    [
        happened(7, {"$": "Returned", "value": 5}),
        {"$attempt_failed": [7, 1, JAM, 0.5]},
        {"$painted": "blue"},
        {},
    ],
)
def test_what_is_about_nothing_in_flight_tells_nothing(event: Tree) -> None:
    assert told_by(event, frame({"3": call()}), frame({"3": call()})) == ()


@pytest.mark.parametrize(
    "event",
    [
        None,
        happened(3, {"$": "Failed"}),
        {"$happened": [3]},
        {"$fired": 3},
        {"$held": {}},
        {"$parked": {"place": "here"}},
        {"$halted": []},
        {"$admitted": 3},
    ],
)
def test_what_no_run_writes_is_refused_in_words(event: Tree) -> None:
    with pytest.raises(Unreadable, match="entry 9 holds what no run writes"):
        told_by(event, frame({"3": call()}), frame())


@pytest.mark.parametrize(
    "event", [happened(3, JAM), {"$attempt_failed": [3, 1, JAM, 0.5]}, {"$fired": 2}]
)
def test_what_has_waited_and_is_refused_tells_nothing(event: Tree) -> None:
    here = frame({"3": call()}, timers={"2": ["cart", "cart/0", 170]})

    assert told_by(event, here, here, cause=7, answer="rejected") == ()


# -- attempts


def test_an_attempt_that_is_followed_by_another_is_told_with_the_other() -> None:
    after = frame({"3": call("charge", 0, False, [3, "retry", 170])})
    before = frame({"3": call("charge", 0, False, [2, "", 0])})

    assert told_by({"$attempt_failed": [3, 2, JAM, 0.5]}, before, after) == (
        CallFailed(*WHERE, 3, "charge", 2, "Jam", "no paper"),
        RetryScheduled(*WHERE, 3, "charge", 3, 170),
    )


def test_the_last_attempt_is_told_as_the_end() -> None:
    before = frame({"3": call("charge", 0, False, [2, "", 0])})

    assert told_by({"$attempt_failed": [3, 2, {"$": "TimedOut"}, 0.5]}, before, frame()) == (
        CallFailed(*WHERE, 3, "charge", 2, "timed_out", ""),
    )


def test_an_attempt_of_one_of_an_each_is_told_by_its_own_life() -> None:
    before = frame({"5": fan("00", 2)})
    after = frame({"5": fan("00", 2, lives={"1": [2, "retry", 170]})})

    assert told_by({"$attempt_failed": [6, 1, JAM, 0.5]}, before, after) == (
        CallFailed(*WHERE, 6, "all", 1, "Jam", "no paper"),
        RetryScheduled(*WHERE, 6, "all", 2, 170),
    )


@pytest.mark.parametrize("effects", [(), (6,)])
def test_what_is_admitted_is_told_as_begun_once(effects: tuple[int, ...]) -> None:
    before = frame({"5": fan("00", 2, lives={"1": [2, "retry", 170]})})
    after = frame({"5": fan("00", 2, lives={"1": [2, "", 0]})})

    told = told_by({"$admitted": [6, 2]}, before, after, effects=effects)

    assert told == (CallStarted(*WHERE, 6, "all", "order 1", 2),)


# -- what ends by the way


def test_what_was_asked_to_stop_is_told_before_what_is_no_longer_there() -> None:
    before = frame({"3": call(), "4": call("ask"), "5": call("review")})
    after = frame({"3": call("charge", 0, True)})

    assert told_by({"$": "Pay"}, before, after, stopped=(3,))[1:] == (
        StopAsked(*WHERE, 3, "charge"),
        WaitClosed(*WHERE, 4, "ask", None, "stopped"),
        ChildEnded(*WHERE, 5, "review", "run/5", "stopped"),
    )


def test_the_others_of_an_each_end_with_the_one_that_takes_them_with_it() -> None:
    before = frame({"5": fan("012", 2)})
    heard: list[Tree] = [[0, JAM], [1, {"$": "Stopped", "by": "5"}], [2, {"$": "Stopped"}]]
    after = frame({"5": fan("012", 3, heard=heard)})

    assert told_by(happened(5, JAM), before, after) == (
        CallFailed(*WHERE, 5, "all", 1, "Jam", "no paper"),
        WaitClosed(*WHERE, 6, "all", None, "stopped"),
    )


def test_orders_of_an_each_that_were_not_asked_to_stop_are_dropped() -> None:
    before = frame({"5": fan("000", 3)})
    after = frame({"5": fan("000", 3, stopping=True, asked=[1])})

    assert told_by({"$": "Pay"}, before, after, stopped=(6,))[1:] == (
        StopAsked(*WHERE, 6, "all"),
        CallFailed(*WHERE, 5, "all", 1, "stopped", ""),
        CallFailed(*WHERE, 7, "all", 1, "stopped", ""),
    )


def test_an_outcome_that_has_waited_and_is_stepped_no_more_is_told() -> None:
    line: list[Tree] = [
        [{"$": "Pay"}, 6],
        [happened(3, {"$": "Returned", "value": 5}), 7],
        [{"$attempt_failed": [4, 2, JAM, 0.5]}, 8],
    ]
    flights = {"3": call(), "4": call("charge", 0, False, [2, "", 0]), "5": call()}
    before = frame(flights, line=line)

    assert told_by({"$halted": HALTED}, before, frame(end=ENDED)) == (
        CancelRequested(*WHERE, "", "cancelled"),
        CallFinished(*WHERE, 3, "charge", 1, 5),
        CallFailed(*WHERE, 4, "charge", 2, "Jam", "no paper"),
        CallFailed(*WHERE, 5, "charge", 1, "stopped", ""),
        RunFinished(*WHERE, "failed", None, ({"kind": "Jam"},)),
    )


def test_the_outcome_that_broke_a_run_is_told() -> None:
    signal = happened(3, {"$": "Returned", "value": 5})

    told = told_by({"$broke": {**BUG, "signal": signal}}, frame({"3": call()}), frame())

    assert told[1:] == (CallFinished(*WHERE, 3, "charge", 1, 5),)


@pytest.mark.parametrize(
    ("after", "reason"), [(frame(halted={"reason": "in cart"}), "in cart"), (frame(), "")]
)
def test_a_deadline_that_passes_is_told_as_a_request_to_end(after: Frame, reason: str) -> None:
    before = frame(timers={"2": ["", "$deadline", 100]})

    assert told_by({"$fired": 2}, before, after) == (
        TimerFired(*WHERE, 2, "", "$deadline"),
        CancelRequested(*WHERE, reason, "timed_out"),
    )


def test_the_end_of_the_run_is_told_last() -> None:
    assert told_by(happened(3, JAM), frame({"3": call()}), frame(end=ENDED)) == (
        CallFailed(*WHERE, 3, "charge", 1, "Jam", "no paper"),
        RunFinished(*WHERE, "failed", None, ({"kind": "Jam"},)),
    )


def test_a_run_that_is_over_is_not_finished_again() -> None:
    assert told_by({"$noted": [3, 5]}, frame(end=ENDED), frame(end=ENDED)) == (Noted(*WHERE, 3, 5),)
