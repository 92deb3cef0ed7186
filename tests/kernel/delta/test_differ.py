"""What must be edited so that one value becomes another."""

from decimal import Decimal
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import FrozenMap, Json, Shape, Unknown, canonical, shape_of
from detent.kernel.codec import Codec, Misfit, classes_in
from detent.kernel.delta.differ import Differ
from detent.kernel.edits import Edit, edited
from detent.kernel.wire import parsed, spelled
from tests.kernel.delta.annotations import SHAPES, Draw, Mood, codec_of, pairs
from tests.settings import times

Change = tuple[Shape, Any, Any]


@st.composite
def changes(draw: Draw) -> Change:
    """A shape, and two values of it."""
    shape = draw(SHAPES)
    return shape, *draw(pairs(shape))


def edit_of(shape: Shape, old: Any, new: Any) -> Edit:
    """The edit that makes the second value of the first."""
    return Differ(codec_of(shape)).compare(shape)(old, new)


def read_back(shape: Shape, value: Any) -> Any:
    """The same value, in other objects."""
    codec = codec_of(shape)
    return codec.read(shape, parsed(spelled(codec.write(shape, value))))


@settings(max_examples=times(400))
@given(changes())
def test_an_edit_makes_the_tree_of_the_new_value_of_that_of_the_old_one(change: Change) -> None:
    shape, old, new = change
    codec = codec_of(shape)
    before, after = codec.write(shape, old), codec.write(shape, new)
    written = spelled(before)

    edit = edit_of(shape, old, new)

    made = before if edit is None else edited(before, parsed(spelled(edit)), {})
    assert spelled(made) == spelled(after)
    assert spelled(before) == written


@settings(max_examples=times(400))
@given(changes())
def test_there_is_no_edit_exactly_if_both_are_one_value(change: Change) -> None:
    shape, old, new = change

    edit = edit_of(shape, old, new)

    assert (edit is None) == (canonical(old) == canonical(new))


@settings(max_examples=times(300))
@given(changes())
def test_an_edit_depends_on_the_values_and_not_on_their_objects(change: Change) -> None:
    shape, old, new = change

    edits = [
        edit_of(shape, one, other)
        for one in (old, read_back(shape, old))
        for other in (new, read_back(shape, new))
    ]

    assert len({spelled(edit) for edit in edits}) == 1


# -- single cases


@frozen
class Item:
    """A record."""

    name: str = ""
    count: int = 0


LONG = "a text of more than sixty-four characters, so that what it grows by is worth telling"

EDITS: dict[str, tuple[Any, Any, Any, Any]] = {
    "a number": (int, 1, 2, [2]),
    "a field": (Item, Item("a", 1), Item("a", 2), {"count": [2]}),
    "a long text that grows": (str, LONG, LONG + " more", [len(LONG), 0, " more"]),
    "a long text that changes": (str, LONG, "x" + LONG, ["x" + LONG]),
    "a short text that grows": (str, "a", "ab", ["ab"]),
    "one more item": (tuple[int, ...], (1, 2), (1, 2, 3), [2, 0, [3]]),
    "one item less": (tuple[int, ...], (1, 2, 3), (1, 3), [1, 1, []]),
    "an item": (tuple[Item, ...], (Item(), Item()), (Item(), Item("x")), {"1": {"name": ["x"]}}),
    "all items": (tuple[int, ...], (1, 2, 3), (4, 5, 6), [0, 3, [4, 5, 6]]),
    "one of a pair": (tuple[int, str], (1, "a"), (1, "b"), {"1": ["b"]}),
    "a new key": (FrozenMap[str, int], FrozenMap(a=1), FrozenMap(a=1, b=2), {"b": [2]}),
    "a key less": (FrozenMap[str, int], FrozenMap(a=1, b=2), FrozenMap(b=2), {"a": []}),
    "all keys less": (FrozenMap[str, int], FrozenMap(a=1, b=2), FrozenMap(), [{}]),
    "keys that are no texts": (
        FrozenMap[int, str],
        FrozenMap({1: "a", 2: "b"}),
        FrozenMap({1: "a", 2: "c"}),
        {"$map": {"1": {"1": ["c"]}}},
    ),
    "the first key that is no text": (
        FrozenMap[int, str],
        FrozenMap(),
        FrozenMap({1: "a"}),
        [{"$map": [[1, "a"]]}],
    ),
    "members": (frozenset[int], frozenset({1, 2}), frozenset({2, 3}), {"$set": [[1], [3]]}),
    "all members less": (frozenset[int], frozenset({1, 2, 3}), frozenset(), [{"$set": []}]),
    "nothing to a record": (Item | None, None, Item(), [{"$": "Item", "name": "", "count": 0}]),
    "a record in a union": (Item | None, Item(), Item("x"), {"name": ["x"]}),
    "one of a union to another": (int | str, 1, "1", ["1"]),
    "true to one": (int | bool, True, 1, [1]),
    "a whole number to a float": (float, 1, 1.0, [1.0]),
    "zero to minus zero": (float, 0.0, -0.0, [-0.0]),
    "a longer decimal": (Decimal, Decimal("1.0"), Decimal("1.00"), [{"$decimal": "1.00"}]),
    "json inside": (Json, FrozenMap(a=(1, 2)), FrozenMap(a=(1, 2, 3)), {"a": [2, 0, [3]]}),
    "json of another kind": (Json, (1,), FrozenMap(a=1), [{"a": 1}]),
    "a text in json": (Json, LONG, LONG + "!", [len(LONG), 0, "!"]),
}


@pytest.mark.parametrize(("kind", "old", "new", "edit"), EDITS.values(), ids=EDITS)
def test_an_edit_says_what_changed_and_no_more(kind: Any, old: Any, new: Any, edit: Any) -> None:
    assert spelled(edit_of(shape_of(kind), old, new)) == spelled(edit)


def test_what_nothing_is_known_of_is_compared_by_its_own_class() -> None:
    anything = Unknown("anything")
    differ = Differ(Codec(classes_in([shape_of(Item)])))
    compare = differ.compare(anything)

    assert compare(Item("a"), Item("b")) == {"name": ["b"]}
    assert compare((1, Item()), (1, Item(), 2)) == [2, 0, [2]]
    assert compare(FrozenMap({1: Item()}), FrozenMap({1: Item("x")})) == {
        "$map": {"0": {"1": {"name": ["x"]}}}
    }
    assert compare(1, 1) is None
    assert compare(1, True) == [True]
    assert compare(frozenset({1}), frozenset({2})) == [{"$set": [2]}]


ONE: Any = "1"
WRONG: dict[str, tuple[Any, Any, Any, str]] = {
    "a number": (int, 1, "1", "'1' is no int"),
    "true": (int, 1, True, "True is no int"),
    "a field": (Item, Item(), Item("a", ONE), "count: '1' is no int"),
    "an item": (tuple[int, ...], (1, 2), (1, "2"), "[1]: '2' is no int"),
    "one more item": (tuple[int, ...], (1,), (1, "2"), "[1]: '2' is no int"),
    "no tuple": (tuple[int, ...], (1,), [1], "[1] is no tuple"),
    "a pair": (tuple[int, int], (1, 2), (1, "2"), "[1]: '2' is no int"),
    "a longer pair": (tuple[int, int], (1, 2), (1, 2, 3), "(1, 2, 3) is no tuple of 2"),
    "a member that hides": (frozenset[int], frozenset({1, 2}), frozenset({True, 2}), "True is no"),
    "a text that hides": (frozenset[str], frozenset({"good"}), frozenset({Mood.GOOD}), "is no str"),
    "no set": (frozenset[int], frozenset({1}), (1,), "(1,) is no frozenset"),
    "a value": (FrozenMap[str, int], FrozenMap(a=1), FrozenMap(a="1"), "a: '1' is no int"),
    "a key": (FrozenMap[str, int], FrozenMap(a=1), FrozenMap({1: 1}), "1 is no str"),
    "no map": (FrozenMap[str, int], FrozenMap(a=1), {"a": 1}, "is no FrozenMap"),
    "a key in json": (Json, FrozenMap({"$": 1}), FrozenMap({"$": 1, 5: 1}), "5 is no str"),
    "a value in json": (Json, FrozenMap(a=1), FrozenMap(a=b"x"), "a: b'x' is no JSON value"),
    "a union": (int | None, 1, "x", "'x' is no"),
}


@pytest.mark.parametrize(("kind", "old", "new", "why"), WRONG.values(), ids=WRONG)
def test_a_new_value_that_is_not_of_the_shape_is_refused(
    kind: Any, old: Any, new: Any, why: str
) -> None:
    with pytest.raises(Misfit) as caught:
        edit_of(shape_of(kind), old, new)

    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2)),
        (frozenset[int], frozenset({1})),
        (FrozenMap[str, int], FrozenMap(a=1)),
        (Item, Item()),
        (float, 1.5),
        (str, "a text"),
    ],
    ids=str,
)
def test_what_is_the_same_object_has_not_changed(kind: Any, value: Any) -> None:
    assert edit_of(shape_of(kind), value, value) is None
