"""Decisions in the log: the trees of entries and frames, and what of them cannot be read."""

from typing import Any

import pytest
from attrs import evolve

from detent.kernel import (
    Abandoned,
    Admitted,
    AttemptFailed,
    Broke,
    Fired,
    Halted,
    Happened,
    Held,
    Parked,
    Problem,
    Queued,
    Recorder,
    Resumed,
    Returned,
    Signal,
    Unreadable,
    scribe_of,
)
from detent.kernel.delta import Changes
from detent.kernel.values import moment
from detent.kernel.wire import Tree, parsed, spelled
from tests.kernel.decisions.toys import DOWN, all_of_them, at_work, cancelling, tried
from tests.kernel.scxml.toys import A, Go, Run, returned, start

BUG = Problem("Bug", "it broke")
BUG_TREE: Tree = {"$": "Problem", "kind": "Bug", "message": "it broke", "fields": []}
SAID: dict[str, Tree] = {"place": "s/0", "role": "update", "callable": "f", "problem": BUG_TREE}
DOWN_TREE: Tree = {
    "$": "Failed",
    "problem": {"$": "Problem", "kind": "down", "message": "", "fields": []},
}
DATED: Tree = {"$datetime": "1970-01-01T00:00:00.000005+00:00"}

TREES: list[tuple[Signal, Tree]] = [
    (Held((1, 2), "limiter", 7), {"$held": {"effects": [1, 2], "why": "limiter", "until": 7}}),
    (Held((1,), "limiter"), {"$held": {"effects": [1], "why": "limiter"}}),
    (Admitted(1, 2), {"$admitted": [1, 2]}),
    (tried(event=evolve(DOWN, at=moment(5))), {"$attempt_failed": [1, 1, DOWN_TREE, 0.0]}),
    (
        AttemptFailed(1, 2, evolve(DOWN, at=moment(6)), 0.5),
        {
            "$attempt_failed": [
                *(1, 2),
                {**DOWN_TREE, "at": {"$datetime": "1970-01-01T00:00:00.000006+00:00"}},  # type: ignore[dict-item]
                0.5,
            ]
        },
    ),
    (Abandoned(1), {"$abandoned": 1}),
    (Halted("cancelled", "x"), {"$halted": {"status": "cancelled", "reason": "x"}}),
    (
        Parked("s/0", "update", "f", BUG, A()),
        {"$parked": {**SAID, "signal": {"$": "A"}}},
    ),
    (Parked("s/0", "update", "f", BUG), {"$parked": {**SAID, "signal": None}}),
    (
        Parked("s/0", "update", "f", BUG, None, 7),
        {"$parked": {**SAID, "signal": None, "entry": 7}},
    ),
    (Queued(Fired(3)), {"$queued": {"$fired": 3}}),
    (
        Queued(Happened(1, Returned(4, at=moment(5)))),
        {"$queued": {"$happened": [1, {"$": "Returned", "value": 4}]}},
    ),
    (Resumed(), {"$resumed": {"skip": False}}),
    (Resumed(True), {"$resumed": {"skip": True}}),
    (
        Broke("s/0", "update", "f", BUG, Fired(3)),
        {"$broke": {**SAID, "signal": {"$fired": 3}}},
    ),
    (Broke("s/0", "update", "f", BUG), {"$broke": {**SAID, "signal": None}}),
]


@pytest.mark.parametrize(("signal", "tree"), TREES, ids=lambda one: str(one)[:60])
def test_a_decision_has_a_tree_and_is_read_back_from_it(signal: Signal, tree: Tree) -> None:
    run = at_work()
    scribe = scribe_of(run.table)

    written = scribe.write_signal(signal, run.now.effects, 5)

    assert written == tree
    read = scribe.read_signal(parsed(spelled(written)), run.now.effects, 5)
    assert read == signal


DAMAGED: list[Tree] = [
    {"$held": {"effects": [1]}},
    {"$held": {"effects": [1], "why": "x", "until": 1, "more": 2}},
    {"$held": {"effects": [1], "why": "x", "more": 2}},
    {"$held": {"effects": "x", "why": "x"}},
    {"$held": None},
    {"$admitted": [1]},
    {"$admitted": [1, True]},
    {"$attempt_failed": [1, 1, DOWN_TREE]},
    {"$attempt_failed": [9, 1, DOWN_TREE, 0.0]},
    {"$attempt_failed": [1, 1, {"$": "Go"}, 0.0]},
    {"$attempt_failed": [1, 1, DOWN_TREE, "x"]},
    {"$abandoned": "x"},
    {"$halted": "x"},
    {"$halted": {"status": "completed", "reason": ""}},
    {"$halted": {"status": "cancelled"}},
    {"$parked": {**SAID}},
    {"$parked": {**SAID, "signal": None, "more": 1}},
    {"$parked": {**SAID, "signal": None, "entry": "x"}},
    {"$parked": {"signal": None}},
    {"$parked": {**SAID, "problem": 5, "signal": None}},
    {"$broke": {**SAID, "signal": None, "entry": 0}},
    {"$broke": {**SAID, "signal": {"$": "Nobody"}}},
    {"$broke": []},
    {"$queued": {"$": "Nobody"}},
    {"$queued": 5},
    {"$resumed": {"skip": 1}},
    {"$resumed": True},
    {"$resumed": {"skip": True}, "$queued": 1},
]


@pytest.mark.parametrize("tree", DAMAGED, ids=str)
def test_what_nobody_decides_is_not_read(tree: Tree) -> None:
    run = at_work()

    with pytest.raises(Unreadable):
        scribe_of(run.table).read_signal(tree, run.now.effects)


# -- frames


def frame(run: Run) -> Any:
    """The frame of a run, as any reader has it."""
    written = scribe_of(run.table).frame(run.now)
    assert scribe_of(run.table).snapshot(parsed(spelled(written))) == run.now
    return parsed(spelled(written))


def test_a_frame_says_nothing_of_what_there_is_not() -> None:
    assert not {"abandoned", "halted", "parked", "line"} & frame(at_work()).keys()
    assert len(frame(at_work())["effects"]["1"]) == 4


def test_a_frame_holds_how_far_an_effect_has_come() -> None:
    run = at_work().send(Held((1,), "limiter", 7))

    assert frame(run)["effects"]["1"][4:] == [0, False, [1, "limiter", 7]]


def test_a_frame_holds_how_far_the_orders_of_an_each_have_come() -> None:
    run = at_work(12, all_of_them()).send(Held((3, 11), "limiter", 7))

    fan = frame(run)["effects"]["1"][3]["$fan"]
    assert [*fan] == ["orders", "begun", "asked", "heard", "stopping", "lives"]
    assert fan["lives"] == {"10": [1, "limiter", 7], "2": [1, "limiter", 7]}


def test_a_frame_holds_what_is_seldom_last_and_in_order() -> None:
    parked = Parked("s/0", "update", "f", BUG)
    run = start(cancelling()).send(Halted("cancelled", "x"), Abandoned(1), parked)

    told = frame(run)

    assert [*told][-4:] == ["end", "abandoned", "halted", "parked"]
    assert told["abandoned"] == [1]
    assert told["halted"] == {"status": "cancelled", "reason": "x"}
    assert told["parked"] == {**SAID, "entry": 0}


def test_a_frame_holds_the_line() -> None:
    run = at_work().send(Parked("s/0", "update", "f", BUG), Queued(Go()), Queued(returned(1, 4)))

    told = frame(run)

    moment_of: Tree = {"$datetime": "1970-01-01T00:00:00+00:00"}
    assert told["line"] == [
        [{"$": "Go"}, 3],
        [{"$happened": [1, {"$": "Returned", "value": 4, "at": moment_of}]}, 4],
    ]


def test_a_checkpoint_holds_the_line_too() -> None:
    run = at_work().send(Parked("s/0", "update", "f", BUG), Queued(returned(1, 4)))
    scribe = scribe_of(run.table)

    written = Changes(scribe).frame(run.now)

    assert spelled(written) == spelled(scribe.frame(run.now))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("halted", 5),
        ("parked", {"place": "x"}),
        ("parked", {**SAID}),
        ("line", [[{"$happened": [9, DOWN_TREE]}, 3]]),
        ("line", 5),
        ("abandoned", 5),
        ("effects", {"1": ["at work", "ping", 0, {"$": "Ping", "n": 3}, 0, False, [1, "x"]]}),
    ],
)
def test_a_frame_that_nobody_wrote_is_not_read(key: str, value: Tree) -> None:
    run = at_work()

    with pytest.raises(Unreadable):
        scribe_of(run.table).snapshot({**frame(run), key: value})


def test_the_life_of_one_that_was_admitted_is_left_out() -> None:
    run = at_work().send(Held((1,), "limiter", 7), Admitted(1))

    assert len(frame(run)["effects"]["1"]) == 4


# -- deltas


def delta(run: Run) -> dict[str, Tree]:
    """What the last answer changes."""
    recorder = Recorder(run.table)
    before, after = run.steps[-2].snapshot, run.now
    signal: Any = run.last.signal
    event = recorder.scribe.write_signal(signal, before.effects, after.at)
    return recorder.changes.between(before, after, event)


def test_that_an_effect_is_held_is_one_edit() -> None:
    run = at_work().send(Held((1,), "limiter", 7))

    assert delta(run) == {"effects": {"1": [4, 0, [0, False, [1, "limiter", 7]]]}}
    assert delta(run.send(Held((1,), "workers"))) == {"effects": {"1": {"6": [[1, "workers", 0]]}}}
    assert delta(run.send(Admitted(1))) == {"effects": {"1": [4, 3, []]}}


def test_that_orders_of_an_each_are_held_is_told_by_place() -> None:
    run = at_work(3, all_of_them()).send(Held((1, 2), "x"))

    def inside(edit: Any) -> Any:
        return edit["effects"]["1"]["3"]["$fan"]

    assert inside(delta(run)) == {"lives": [{"0": [1, "x", 0], "1": [1, "x", 0]}]}
    assert inside(delta(run.send(Held((2, 3), "y", 4)))) == {
        "lives": {"1": [[1, "y", 4]], "2": [[1, "y", 4]]}
    }
    assert inside(delta(run.send(Admitted(1)))) == {"lives": {"0": []}}
    assert inside(delta(run.send(Admitted(2)))) == {"lives": {"1": []}}
    assert inside(delta(run.send(Admitted(3)))) == {"lives": []}


def test_an_attempt_that_is_the_outcome_takes_its_effect_out() -> None:
    run = at_work().send(tried(event=Returned(3)))

    assert delta(run)["effects"] == {"1": []}


def test_a_line_grows_and_goes_by_single_edits() -> None:
    run = at_work().send(Parked("s/0", "update", "f", BUG))
    assert delta(run) == {"parked": [{**SAID, "entry": 0}]}

    assert delta(run.send(Queued(A()))) == {"line": [[[{"$": "A"}, 3]]]}
    assert delta(run.send(Queued(Go()))) == {"line": [1, 0, [[{"$": "Go"}, 4]]]}
    steps = run.send(Resumed()).steps
    pairs = [Run(run.table, steps[place - 1 : place + 1]) for place in (4, 5, 6)]
    assert [delta(pair) for pair in pairs] == [
        {"parked": []},
        {"line": [0, 1, []], "data": {"marks": [0, 0, ["A"]]}},
        {"in": [["away"]], "effects": {"1": [4, 0, [0, True]]}, "line": []},
    ]
