"""Edits: how one tree becomes another, and which are refused."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel.applying import Folding, applied, ordered_in
from detent.kernel.delta.differ import Differ
from detent.kernel.edits import BadEdit, edited, pointed, resolved, step_of
from detent.kernel.scribe import EMPTY
from detent.kernel.wire import Tree, spelled, under
from tests.kernel.delta.annotations import SHAPES, Draw, codec_of, pairs
from tests.settings import times

RECORD: Tree = {"$": "Leaf", "text": "abc", "items": [1, 2, 3]}
SET: Tree = {"$set": [1, 2]}

EDITED: list[tuple[Any, Any, Any]] = [
    (1, [2], 2),
    (RECORD, {"text": ["x"]}, {"$": "Leaf", "text": "x", "items": [1, 2, 3]}),
    (RECORD, {"text": [1, 1, "--"]}, {"$": "Leaf", "text": "a--c", "items": [1, 2, 3]}),
    (RECORD, {"items": [1, 2, []]}, {"$": "Leaf", "text": "abc", "items": [1]}),
    (RECORD, {"items": {"1": [9]}}, {"$": "Leaf", "text": "abc", "items": [1, 9, 3]}),
    ({"b": 1}, {"a": [2]}, {"a": 2, "b": 1}),
    ({"a": 1, "b": 2}, {"a": [], "c": [3]}, {"b": 2, "c": 3}),
    ({"a": 1}, {"a": []}, {}),
    ({}, {"a": [None]}, {"a": None}),
    (SET, {"$set": [[1], [0, 7]]}, {"$set": [0, 2, 7]}),
    ({"$map": [[1, "a"]]}, {"$map": [1, 0, [[2, "b"]]]}, {"$map": [[1, "a"], [2, "b"]]}),
]

MISFITS: list[tuple[Any, Any]] = [
    (1, None),
    (1, 5),
    (1, "x"),
    (1, []),
    (1, [1, 2]),
    (1, [0, 0, []]),
    (1, [1, 2, 3, 4]),
    (1, {"a": [1]}),
    (None, {}),
    (RECORD, {"other": [1]}),
    (RECORD, {"text": []}),
    (RECORD, {"text": {"a": [1]}}),
    (RECORD, {"items": {"3": [1]}}),
    (RECORD, {"items": {"-1": [1]}}),
    (RECORD, {"items": {"1.5": [1]}}),
    (RECORD, {"items": {"²": [1]}}),
    (RECORD, {"items": {"9" * 5000: [1]}}),
    (RECORD, {"items": {"0": []}}),
    (RECORD, {"items": [[1], [2]]}),
    (RECORD, {"items": [0, 4, []]}),
    (RECORD, {"items": [4, 0, []]}),
    (RECORD, {"items": [-1, 0, []]}),
    (RECORD, {"items": [0, -1, []]}),
    (RECORD, {"items": [True, 0, []]}),
    (RECORD, {"items": [0, 1.0, []]}),
    (RECORD, {"items": [0, 0, "text"]}),
    (RECORD, {"text": [0, 0, []]}),
    (RECORD, {"text": [0, 0, None]}),
    ({"a": 1}, {"b": []}),
    ({"a": 1}, {"b": {"c": [1]}}),
    ({"a": 1}, {"b": [0, 0, [1]]}),
    ({"a": 1}, {"$b": [1]}),
    ({"$decimal": "1.0"}, {"more": [1]}),
    ({"$decimal": "1.0"}, {"$decimal": []}),
    (SET, {"$set": [1, 0, [3]]}),
    (SET, {"$set": {"0": [3]}}),
    (SET, {"$set": [[1, 2]]}),
    (SET, {"$set": [[3], []]}),
    (SET, {"$set": [[], [1]]}),
    (SET, {"$set": [[], [3, 3]]}),
    (SET, {"$set": [1, 2]}),
    (SET, {"$set": []}),
    (SET, {"more": [1]}),
    (1, [{"$ref": "event/nothing"}]),
    (1, [{"$ref": "event/list/2"}]),
    (1, [{"$ref": "event/list/-1"}]),
    (1, [{"$ref": "event/list/ 1"}]),
    (1, [{"$ref": "event/list/0/0"}]),
    (1, [{"$ref": "event/text/0"}]),
    (1, [{"$ref": "nowhere"}]),
    (1, [{"$ref": ""}]),
    (1, [{"$ref": 5}]),
    (1, [{"$ref": None}]),
    (1, [{"$ref": ["event"]}]),
    (1, [{"$ref": "event", "more": 1}]),
    (1, [{"$ref": "event/list", "edit": [0, 9, []]}]),
    (1, [{"$ref": "event/list", "edit": None}]),
    (1, [[{"deep": {"$ref": "event/nothing"}}]]),
]
SOURCES: dict[str, Tree] = {"event": {"list": ["a", "b"], "text": "abc", "a/b~c": 7}}


@pytest.mark.parametrize(("tree", "edit", "after"), EDITED, ids=str)
def test_an_edit_makes_another_tree_and_leaves_the_old_one_alone(
    tree: Any, edit: Any, after: Any
) -> None:
    before = deepcopy(tree)

    made = edited(tree, edit, {})

    assert spelled(made) == spelled(after)
    assert spelled(tree) == spelled(before)


@pytest.mark.parametrize(("tree", "edit"), MISFITS, ids=lambda one: str(one)[:60])
def test_an_edit_that_does_not_fit_is_refused(tree: Any, edit: Any) -> None:
    before = deepcopy(tree)

    with pytest.raises(BadEdit):
        edited(tree, edit, SOURCES)

    assert spelled(tree) == spelled(before)


def test_a_reference_is_what_it_points_to() -> None:
    assert resolved([{"$ref": "event/list"}, {"x": {"$ref": "event/list/1"}}], SOURCES) == [
        ["a", "b"],
        {"x": "b"},
    ]


def test_a_reference_may_have_an_edit_of_its_own() -> None:
    value: Tree = {"$ref": "event/list", "edit": [2, 0, [{"$ref": "event/text"}]]}

    assert resolved(value, SOURCES) == ["a", "b", "abc"]


@given(st.text(), st.text())
def test_any_key_can_stand_in_a_path(outer: str, inner: str) -> None:
    sources: dict[str, Tree] = {"event": {outer: {inner: 1}}}

    assert pointed(f"event/{step_of(outer)}/{step_of(inner)}", sources) == 1


def test_what_is_new_among_effects_and_timers_comes_last() -> None:
    timers: Tree = {"2": [], "9": []}
    frame: dict[str, Tree] = {**EMPTY, "timers": timers}

    after = applied(frame, {"timers": {"10": [[1]], "2": []}}, None)

    assert spelled(after["timers"]) == b'{"9":[],"10":[1]}'


def test_effects_may_point_into_the_data_that_comes_with_them() -> None:
    effect: Tree = ["all", "say", 7, {"$ref": "data"}]
    change: Tree = {"effects": {"1": [effect]}, "data": [{"$ref": "event"}]}

    after = applied(EMPTY, change, "said")

    assert after["effects"] == {"1": ["all", "say", 7, "said"]}


# -- what follows from an event and its time

FAN: dict[str, Tree] = {"orders": [[0, "a"], [0, "b"]], "begun": 2, "asked": [], "heard": []}
FLYING: dict[str, Tree] = {
    **EMPTY,
    "effects": {"3": ["all", "say", 0, "x"], "4": ["all", "each", 0, {"$fan": FAN}]},
    "timers": {"6": ["all", "all/0", 9]},
    "count": 7,
}
DECLARED: Tree = {"$": "OutOfStock", "left": 0}
CAME: Tree = {"$": "Returned", "value": 1, "at": {"$datetime": "1970-01-01T00:00:00.000001+00:00"}}


def test_an_outcome_takes_its_effect_out() -> None:
    after = applied(FLYING, {}, {"$happened": [3, DECLARED]})

    assert after == {**FLYING, "effects": {"4": under(FLYING["effects"], "4")}}


@pytest.mark.parametrize("outcome", [DECLARED, {"$": "Returned", "value": 1}, CAME])
def test_an_outcome_of_an_each_is_the_last_that_was_heard(outcome: Tree) -> None:
    after: Any = applied(FLYING, {}, {"$happened": [5, outcome]}, 1)

    heard = after["effects"]["4"][3]["$fan"]["heard"]
    assert heard == [[1, DECLARED if outcome is DECLARED else CAME]]
    assert applied(after, {}, {"$fired": 6}) == {**after, "timers": {}}


@pytest.mark.parametrize("happened", [[5], [True, CAME], ["5", CAME], [6, CAME], [2, CAME], 5])
def test_an_outcome_of_nothing_in_flight_is_refused(happened: Tree) -> None:
    with pytest.raises(BadEdit):
        applied(FLYING, {}, {"$happened": happened}, 1)


def test_an_outcome_at_no_time_is_refused() -> None:
    with pytest.raises(BadEdit, match="no time"):
        applied(FLYING, {}, {"$happened": [5, {"$": "Returned", "value": 1}]}, "soon")


def test_what_is_new_was_ordered_when_its_entry_was_written_and_is_counted() -> None:
    change: dict[str, Tree] = {"effects": {"7": [["all", "each", None, {"$fan": FAN}]]}}

    after: Any = applied(FLYING, change, None, 11)

    assert after["effects"]["7"] == ["all", "each", 11, {"$fan": FAN}]
    assert after["count"] == 9
    assert applied(FLYING, {**change, "count": [20]}, None, 11)["count"] == 20
    assert applied(FLYING, {"timers": {"8": [["all", "x", 1]]}}, None)["count"] == 9


@pytest.mark.parametrize("new", ["x", [], ["all", "say", 0]])
def test_what_is_no_effect_in_flight_is_refused(new: Tree) -> None:
    with pytest.raises(BadEdit, match="no effect in flight"):
        applied(FLYING, {"effects": {"7": [new]}}, None)


def test_an_effect_without_a_number_is_refused() -> None:
    with pytest.raises(BadEdit, match="is no id"):
        applied(FLYING, {"effects": {"x": [["all", "say", 0, None]]}}, None)


def test_the_effects_that_are_ordered_are_told_by_the_change() -> None:
    two: Tree = ["all", "each", None, {"$fan": {**FAN, "begun": 1}}]
    none: Tree = ["all", "each", None, {"$fan": {**FAN, "begun": 9}}]
    effects: Tree = {"7": [two], "8": [["all", "say", None, 1]], "3": {"3": [1]}, "9": [none]}

    assert ordered_in({"effects": effects}) == (7, 8)
    assert ordered_in({"data": [1]}) == ()


@pytest.mark.parametrize("change", [None, [], "x", {"nothing": [1]}, {"end": []}, {"seq": 5}])
def test_a_change_that_does_not_fit_a_frame_is_refused(change: Any) -> None:
    before = spelled(EMPTY)

    with pytest.raises(BadEdit):
        applied(EMPTY, change, None)

    assert spelled(EMPTY) == before


def test_a_change_that_is_nested_too_deeply_is_refused() -> None:
    deep: Tree = None
    for _ in range(5_000):
        deep = [deep]

    with pytest.raises(BadEdit, match="nested too deeply"):
        applied(EMPTY, {"data": [deep]}, None)


def test_a_timer_that_does_not_run_cannot_have_fired() -> None:
    with pytest.raises(BadEdit, match="timer 9 is not running"):
        applied(FLYING, {}, {"$fired": 9})


def test_an_order_may_point_into_the_event_and_into_the_data_with_an_edit() -> None:
    grown: Tree = {"$ref": "data", "edit": [1, 0, [{"$ref": "event/more"}]]}
    effect: Tree = ["all", "say", None, [{"$ref": "event/text"}, {"$ref": "data"}, grown]]
    event: Tree = {"$": "Said", "text": "abc", "more": "d"}

    after: Any = applied({**EMPTY, "data": ["c"]}, {"effects": {"1": [effect]}}, event, 3)

    assert after["effects"] == {"1": ["all", "say", 3, ["abc", ["c"], ["c", "d"]]]}


@pytest.mark.parametrize("path", ["before", "before/data", "before/effects/9", "after", "event/x"])
def test_a_reference_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(BadEdit):
        applied(FLYING, {"data": [{"$ref": path}]}, {"$": "Said"})


def test_what_was_in_flight_before_can_be_pointed_to() -> None:
    after = applied(FLYING, {"data": [{"$ref": "before/effects/3/3"}]}, {"$happened": [3, CAME]})

    assert after["data"] == "x"


def test_a_frame_may_own_more_than_it_remembers() -> None:
    lists: dict[str, Tree] = {f"{number:04}": [number] for number in range(1_100)}
    frame: dict[str, Tree] = {**EMPTY, "data": {**lists}}
    grow: Tree = {"data": {key: [1, 0, [0]] for key in lists}}
    folding = Folding(frame)

    for _ in range(3):
        folding.follow(grow, None, 0)
        grow = {"data": {key: [0, 0, [0]] for key in lists}}

    assert folding.frame()["data"] == {key: [0, 0, number, 0] for number, key in enumerate(lists)}
    assert frame["data"] == lists == {f"{number:04}": [number] for number in range(1_100)}


# -- edits that were damaged


@st.composite
def damaged(draw: Draw) -> tuple[Tree, Tree]:
    """A tree, and an edit of it in which something was exchanged."""
    shape = draw(SHAPES)
    old, new = draw(pairs(shape))
    codec = codec_of(shape)
    edit = Differ(codec).compare(shape)(old, new)
    return codec.write(shape, old), _damage(draw, deepcopy(edit))


ODD = st.sampled_from(
    [None, True, -1, 0, 1, 10**6, 1.5, "", "x", [], [[]], [1], [[], []], [0, 0, []], [0, 1, "x"]]
) | st.sampled_from(
    [{}, {"0": [1]}, {"$": ["X"]}, {"$ref": "data/x"}, {"$set": [[], []]}, {"x": []}]
)


def _damage(draw: Draw, tree: Any) -> Any:
    """Something else in one place of a tree."""
    if isinstance(tree, list | dict) and tree and draw(st.integers(0, 4)):
        keys: list[Any] = list(range(len(tree))) if isinstance(tree, list) else list(tree)
        key = draw(st.sampled_from(keys))
        if draw(st.integers(0, 5)) == 0:
            del tree[key]
        else:
            tree[key] = _damage(draw, tree[key])
        return tree
    return draw(ODD)


@settings(max_examples=times(300))
@given(damaged())
def test_a_damaged_edit_is_refused_or_makes_a_tree_and_never_anything_else(
    given: tuple[Tree, Tree],
) -> None:
    tree, edit = given
    before = spelled(tree)

    try:
        made = edited(tree, edit, {})
    except BadEdit:
        made = None

    assert spelled(made)
    assert spelled(tree) == before
    assert "$ref" not in spelled(made).decode()
