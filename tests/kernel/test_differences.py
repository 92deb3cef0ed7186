"""Differences of trees: nothing that is alike is told, everything else is, where it is."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import Difference, differences
from detent.kernel.differences import ABSENT
from detent.kernel.wire import Tree, spelled
from tests.settings import times

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from((0.0, -0.0, 1.0)),
    st.text("ab$", max_size=2),
)
NAMES = st.text("ab$", max_size=2)
TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)


def sorted_keys(tree: Tree) -> Tree:
    """A tree with the keys of its objects in order: in which order they stand is no difference."""
    if isinstance(tree, dict):
        return {key: sorted_keys(tree[key]) for key in sorted(tree)}
    return [sorted_keys(item) for item in tree] if isinstance(tree, list) else tree


def is_same(one: Tree, other: Tree) -> bool:
    """Whether two trees are one, numbers and truths told apart."""
    return spelled(sorted_keys(one)) == spelled(sorted_keys(other))


@given(TREES, TREES)
@settings(max_examples=times(300))
def test_trees_differ_exactly_if_there_is_a_difference(one: Tree, other: Tree) -> None:
    assert (differences(one, other) == ()) == is_same(one, other)


@given(TREES)
@settings(max_examples=times(100))
def test_a_tree_does_not_differ_from_itself(tree: Tree) -> None:
    assert differences(tree, tree) == ()


@given(TREES, TREES)
@settings(max_examples=times(200))
def test_differences_are_the_same_from_either_side(one: Tree, other: Tree) -> None:
    there = differences(one, other)
    back = differences(other, one)

    turned = {(d.path, shown(d.actual), shown(d.expected)) for d in back}
    assert {(d.path, shown(d.expected), shown(d.actual)) for d in there} == turned


def shown(value: Any) -> str:
    """A value, or that there is none."""
    return repr(value) if value is ABSENT else spelled(value).decode()


@given(TREES, TREES)
@settings(max_examples=times(200))
def test_what_is_told_of_a_place_is_what_stands_there(one: Tree, other: Tree) -> None:
    for difference in differences({"x": one}, {"x": other}):
        assert difference.path.startswith("x")
        assert not is_same(leaf(difference.expected), leaf(difference.actual))


def leaf(value: Any) -> Tree:
    """A value as a tree, one that is not there as one that nothing else is."""
    return ["nothing at all"] if value is ABSENT else value


@given(st.lists(LEAVES, max_size=5), st.integers(0, 5), LEAVES)
@settings(max_examples=times(100))
def test_an_item_that_was_put_in_is_one_difference(
    items: list[Tree], place: int, item: Tree
) -> None:
    longer = [*items[:place], item, *items[place:]]

    (found,) = differences(items, longer)

    assert found.expected is ABSENT
    assert spelled(leaf(found.actual)) == spelled(item)


TOLD: list[tuple[Any, Any, list[str]]] = [
    (1, 2, ["all: 1 -> 2"]),
    (1, 1.0, ["all: 1 -> 1.0"]),
    (1, True, ["all: 1 -> true"]),
    (0.0, -0.0, ["all: 0.0 -> -0.0"]),
    (None, [], ["all: null -> []"]),
    ([], {}, ["all: [] -> {}"]),
    ({"a": 1}, {"a": 2}, ["a: 1 -> 2"]),
    ({"a": {"b": [1]}}, {"a": {"b": [2]}}, ["a.b[0]: 1 -> 2"]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
    ({"a": 1}, {"b": 1}, ["a: 1 -> nothing", "b: nothing -> 1"]),
    ({"a": None}, {}, ["a: null -> nothing"]),
    ([1, 2, 3], [1, 3], ["[1]: 2 -> nothing"]),
    ([1, 2, 3], [2, 3], ["[0]: 1 -> nothing"]),
    ([[1], [2]], [[1], [3]], ["[1][0]: 2 -> 3"]),
    ([1, 2, 3, 4], [1, 5, 6, 4], ["[1]: 2 -> 5", "[2]: 3 -> 6"]),
    ({"$": "A", "n": 1}, {"$": "A", "n": 2}, ["n: 1 -> 2"]),
    ({"$": "A"}, {"$": "B"}, ['all: {"$":"A"} -> {"$":"B"}']),
    ("x" * 80, "y", [f'all: "{"x" * 56}... -> "y"']),
]


@pytest.mark.parametrize(("one", "other", "lines"), TOLD)
def test_a_difference_says_where_and_what(one: Any, other: Any, lines: list[str]) -> None:
    assert [str(found) for found in differences(one, other)] == lines


def test_a_difference_is_a_value() -> None:
    assert differences({"a": 1}, {}) == (Difference("a", 1, ABSENT),)


def test_records_of_two_classes_differ_as_a_whole() -> None:
    (found,) = differences({"x": {"$": "Card", "n": 1}}, {"x": {"$": "Cash", "n": 1}})

    assert found.path == "x"
