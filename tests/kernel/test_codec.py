"""Values to trees and back, as annotations say.

The file is long because it has the tables of all that is refused, beside the properties.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Choice,
    FrozenMap,
    Json,
    Personal,
    Secret,
    Shape,
    Unreadable,
    Unstorable,
    canonical,
    decode,
    shape_of,
)
from detent.kernel.codec import Codec, classes_in, types_of
from detent.kernel.wire import parsed, spelled
from tests.kernel.shape_toys import (
    JUNK,
    SHAPES,
    Box,
    Branch,
    Colour,
    Leaf,
    Plain,
    Rights,
    has_seal,
    has_union,
    mutants,
    same,
    spelling,
    ways,
    wild,
)
from tests.settings import times

ONES: list[Any] = [1, True, 1.0, Decimal("1"), Decimal("1.0"), Decimal("1.00"), "1", b"1"]
SEALED: Any = Secret  # as variables that no type checker looks into
OWN: Any = Personal
ALIEN = {"$nothing": 1}  # no shape is written like that


@frozen
class Order:
    """A record with something of everything that has an inside."""

    number: int = 0
    ratio: float = 0.5
    leaf: Plain = Plain()
    pair: tuple[int, str] = (0, "")
    leaves: tuple[Plain, ...] = (Plain(), Plain())
    notes: FrozenMap[str, Plain] = FrozenMap(a=Plain())
    rates: FrozenMap[int, Plain] = FrozenMap({1: Plain()})
    colours: frozenset[Colour] = frozenset({Colour.RED})
    token: Secret[Plain] = Plain()
    any: Json = FrozenMap(b=(1, 2))


@frozen
class Stern:
    """A record that does not take everything."""

    number: int

    def __attrs_post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("below nothing")


@st.composite
def written(draw: st.DrawFn) -> tuple[Shape, Any]:
    """A shape, and a value of it."""
    shape = draw(SHAPES)
    return shape, draw(wild(shape))


# -- there and back


@settings(max_examples=times(300))
@given(written())
def test_what_is_written_reads_back_as_the_same_value_of_the_same_types(given: Any) -> None:
    shape, value = given

    back = Codec().read(shape, Codec().write(shape, value))

    assert canonical(back) == canonical(value)
    assert same(back, value)


@settings(max_examples=times(300))
@given(written())
def test_bytes_read_back_as_the_trees_do(given: Any) -> None:
    shape, value = given
    codec = Codec()
    text = spelled(codec.write(shape, value))

    back = codec.read(shape, parsed(text))

    assert spelled(codec.write(shape, back)) == text


@settings(max_examples=times(200))
@given(written())
def test_what_is_not_sealed_is_written_as_its_canonical_bytes_are(given: Any) -> None:
    shape, value = given
    text = spelled(Codec().write(shape, value))

    assert (text == canonical(value)) or has_seal(shape)
    assert (b"$secret" not in text and b"$personal" not in text) or has_seal(shape)


@given(written())
def test_what_an_annotation_leaves_open_is_read_by_its_tags(given: Any) -> None:
    shape, value = given
    codec, unknown = Codec([*classes_in([shape]), Choice(Colour)]), shape_of(Any)

    back = codec.read(unknown, codec.write(unknown, value)) if _names_are_unique(shape) else value

    assert canonical(back) == canonical(value)


def _names_are_unique(shape: Shape) -> bool:
    names = [one.kind.__name__ for one in classes_in([shape])]
    return len(set(names)) == len(names)


# -- strictness


@settings(max_examples=times(500))
@given(written(), st.data())
def test_a_changed_tree_is_refused_or_is_another_value(given: Any, data: st.DataObject) -> None:
    shape, value = given
    codec = Codec()
    changed = data.draw(mutants(codec.write(shape, value)))

    try:
        back = codec.read(shape, changed)
    except Unreadable:
        return

    assert spelling(codec.write(shape, back)) == spelling(changed)


@settings(max_examples=times(300))
@given(SHAPES, JUNK)
def test_no_tree_makes_a_reader_do_anything_but_read_or_refuse(shape: Shape, junk: Any) -> None:
    codec = Codec(classes_in([shape]))

    for wanted in (shape, shape_of(Any)):
        try:
            back = codec.read(wanted, junk)
        except Unreadable:
            continue
        assert spelling(codec.write(wanted, back)) == spelling(junk)


@settings(max_examples=times(300))
@given(
    st.sampled_from(
        [int, float, str, bytes, Plain, Leaf | Plain, Branch, frozenset[Decimal], Json]
    ),
    st.binary(max_size=12) | JUNK.map(spelled),
)
def test_no_bytes_make_decode_do_anything_but_read_or_refuse(kind: Any, data: bytes) -> None:
    try:
        value = decode(kind, data)
    except Unreadable:
        return

    assert canonical(decode(kind, canonical(value))) == canonical(value)


@settings(max_examples=times(200))
@given(written(), st.data())
def test_what_does_not_fit_is_named_by_its_place(given: Any, data: st.DataObject) -> None:
    shape, value = given
    tree = Codec().write(shape, value)
    way = data.draw(st.sampled_from(list(ways(tree))))

    with pytest.raises(Unreadable) as caught:
        Codec().read(shape, _put(tree, way))

    assert has_union(shape) or str(caught.value).startswith(_place(tree, way))


WAYS = [way for way in ways(Codec().write(shape_of(Order), Order())) if way and "$" not in way]


@pytest.mark.parametrize("way", WAYS, ids=repr)
def test_every_place_of_a_record_is_named(way: tuple[Any, ...]) -> None:
    tree = Codec().write(shape_of(Order), Order())

    with pytest.raises(Unreadable) as caught:
        Codec().read(shape_of(Order), _put(tree, way))

    assert str(caught.value).startswith(_place(tree, way))
    assert str(caught.value).startswith(str(way[0]))


def _put(tree: Any, way: tuple[Any, ...]) -> Any:
    """The tree with something at a place that fits nowhere."""
    if not way:
        return ALIEN
    copy = list(tree) if isinstance(tree, list) else dict(tree)
    copy[way[0]] = _put(tree[way[0]], way[1:])
    return copy


def _place(tree: Any, way: tuple[Any, ...]) -> str:
    """How a message begins that names a place: fields and keys after a dot, items in brackets, pairs as a whole."""
    return _steps(tree, way).lstrip(".")


def _steps(tree: Any, way: tuple[Any, ...]) -> str:
    if not way:
        return ""
    step, rest = way[0], way[1:]
    if isinstance(tree, list):
        return f"[{step}]{_steps(tree[step], rest)}"
    if step in ("$set", "$secret", "$personal"):
        return _steps(tree[step], rest)
    if step == "$map":
        return _steps(tree[step], rest[:1])
    return "" if step.startswith("$") else f".{step}{_steps(tree[step], rest)}"


RECORD = {"$": "Plain", "number": 1, "ratio": 0.5}
REFUSED: list[tuple[Any, Any, str]] = [
    (Plain, {"$": "Plain", "number": 1}, "Plain lacks its field 'ratio'"),
    (Plain, {**RECORD, "more": 1}, "Plain has no field 'more'"),
    (Plain, {**RECORD, "$": "Leaf"}, "is no Plain"),
    (Plain, {"number": 1, "ratio": 0.5}, "is no Plain"),
    (Plain, {**RECORD, "number": 1.0}, "number: 1.0 is no int"),
    (Plain, {**RECORD, "number": True}, "number: True is no int"),
    (Plain, {**RECORD, "ratio": True}, "ratio: True is no float"),
    (Plain | Branch, {**RECORD, "$": "Leaf"}, "is no Branch | Plain"),
    (Plain | Branch, {**RECORD, "$": []}, "is no Branch | Plain"),
    (Plain | None, {"$": {}}, "is no None"),
    (tuple[Plain, ...], [RECORD, {**RECORD, "number": "1"}], "[1].number: '1' is no int"),
    (tuple[int, int], [1], "[1] is no tuple of 2"),
    (FrozenMap[str, int], {"a": 1, "b": "c"}, "b: 'c' is no int"),
    (FrozenMap[str, int], {"$map": [["a", 1]]}, "pairs only where they are needed"),
    (FrozenMap[str, int], {"$map": [["$", 1], ["$", 1]]}, "each key once"),
    (FrozenMap[int, int], {"$map": [[1, 1], [1]]}, "[1]: [1] is no pair"),
    (FrozenMap[int, int], {"$map": [[2, 1], [1, 1]]}, "in their order"),
    (FrozenMap[int, int], {"1": 1}, "'1' is no int"),
    (FrozenMap[Decimal, int], {"$map": [[{"$decimal": "SNAN"}, 1]]}, "Cannot hash"),
    (frozenset[int], {"$set": [1, 1]}, "each member once"),
    (frozenset[int], {"$set": [2, 1]}, "in the order of their spelling"),
    (frozenset[int], [1], "[1] is no frozenset"),
    (frozenset[Decimal], {"$set": [{"$decimal": "SNAN"}]}, "Cannot hash"),
    (Literal["on", 1], True, "True is no one of"),
    (Literal["on", 1], 1.0, "1.0 is no one of"),
    (Colour, {"$enum": "Colour.GREEN"}, "Colour has no member 'GREEN'"),
    (Colour, {"$enum": "Colour.SCARLET"}, "is no Colour"),
    (Colour, {"$enum": "Mood.GOOD"}, "is no Colour"),
    (Rights, {"$enum": "Rights.04"}, "Rights has no member '04'"),
    (Rights, {"$enum": "Rights.01"}, "is no Rights"),
    (Secret[str], "plain", "this is no secret value"),
    (Secret[str], {"$personal": "x"}, "is no secret value"),
    (Secret[str], {"$sealed": "ab"}, "this secret value is sealed, and what it seals is not there"),
    (str, {"$blob": "ab"}, "this str lies beside the log, and is not there"),
    (Json, {"$decimal": "1"}, "is no JSON value"),
    (Json, 2**63, "is no int"),
    (Json | Plain, {"$decimal": "1"}, "is no JSON value"),
    (Json | Decimal, {"$date": "1"}, "is no Decimal | Json"),
    (Any, {"$enum": "Colour.RED"}, "nothing in the machine tells of class Colour"),
    (Any, {"$": "Plain"}, "nothing in the machine tells of class Plain"),
    (Any, {"$what": 1}, "$what is no tag"),
    (Stern, {"$": "Stern", "number": -1}, "Stern refuses its fields: below nothing"),
    (int, 2**63, "is no int"),
]


@pytest.mark.parametrize(("kind", "tree", "why"), REFUSED, ids=repr)
def test_what_is_of_another_shape_is_refused_and_says_why(kind: Any, tree: Any, why: str) -> None:
    with pytest.raises(Unreadable) as caught:
        Codec().read(shape_of(kind), tree)

    assert why in str(caught.value)


SPELLINGS: list[tuple[Any, Any]] = [
    (Decimal, {"$decimal": " 1.0"}),
    (Decimal, {"$decimal": "1_0"}),
    (Decimal, {"$decimal": "1e5"}),
    (Decimal, {"$decimal": "+1"}),
    (Decimal, {"$decimal": "٣"}),
    (Decimal, {"$decimal": 1}),
    (Decimal, {"$decimal": "1.0", "more": 1}),
    (int, {"$int": "0x5"}),
    (int, {"$int": "0X8000000000000000"}),
    (int, {"$int": "0x08000000000000000"}),
    (int, {"$int": "9223372036854775808"}),
    (float, {"$float": "1.0"}),
    (float, {"$float": "NaN"}),
    (float, {"$float": "infinity"}),
    (bytes, {"$bytes": "aGk"}),
    (bytes, {"$bytes": "aGk=="}),
    (bytes, {"$bytes": "aGl="}),
    (bytes, {"$bytes": "aG k="}),
    (bytes, {"$bytes": "aGk=\n"}),
    (bytes, {"$bytes": "__8="}),
    (str, {"$surrogates": "0061"}),
    (str, {"$surrogates": "D800"}),
    (str, {"$surrogates": "d8 00"}),
    (datetime, {"$datetime": "2026-01-02"}),
    (datetime, {"$datetime": "2026-01-02T00:00:00Z"}),
    (datetime, {"$datetime": "2026-01-02 00:00:00"}),
    (datetime, {"$datetime": "2026-01-02T00:00:00.100"}),
    (date, {"$date": "20260102"}),
    (date, {"$date": "2026-W01-5"}),
    (timedelta, {"$timedelta": "1.0"}),
    (timedelta, {"$timedelta": "+1"}),
    (timedelta, {"$timedelta": "9" * 30}),
    (timedelta, {"$timedelta": "9" * 5000}),
    (UUID, {"$uuid": "{00000000-0000-0000-0000-000000000007}"}),
    (UUID, {"$uuid": "00000000000000000000000000000007"}),
    (Any, {"$date": "20260102"}),
    (Any, 2**63),
]


@pytest.mark.parametrize(("kind", "tree"), SPELLINGS, ids=repr)
def test_a_value_has_no_second_spelling(kind: Any, tree: Any) -> None:
    with pytest.raises(Unreadable):
        Codec().read(shape_of(kind), tree)


# -- what Python takes for equal


@pytest.mark.parametrize("one", ONES, ids=repr)
def test_ones_of_different_types_are_told_apart_by_bytes_and_by_reading(one: Any) -> None:
    text = canonical(one)

    assert sum(canonical(other) == text for other in ONES) == 1
    for other in ONES:
        kind = type(other)
        if kind is type(one) or (kind is float and type(one) is int):
            back: Any = decode(kind, text)
            assert type(back) is type(one)
            assert canonical(back) == text
        else:
            with pytest.raises(Unreadable):
                decode(kind, text)
            with pytest.raises(Unstorable):
                Codec().write(shape_of(kind), one)


def test_an_int_in_a_float_field_stays_an_int() -> None:
    text = canonical(Plain(1, 2))

    assert type(decode(Plain, text).ratio) is int
    assert type(decode(Plain, canonical(Plain(1, 2.0))).ratio) is float


def test_a_truth_is_no_number_in_either_direction() -> None:
    for value in (Plain(True), Plain(1, True)):
        with pytest.raises(Unstorable, match=r"True is no (int|float)$"):
            Codec().write(shape_of(Plain), value)
        with pytest.raises(Unreadable, match=r"True is no (int|float)$"):
            decode(Plain, canonical(value))


@given(st.sampled_from([1, True, 1.0, -0.0, None]))
def test_literals_keep_their_types(literal: Any) -> None:
    shape = shape_of(Literal[1, True, 1.0, -0.0, None])

    back = Codec().read(shape, Codec().write(shape, literal))

    assert type(back) is type(literal)
    assert canonical(back) == canonical(literal)


# -- unions and seals


class Counted(int):
    """A number that is not only a number."""


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, Counted(1)),
        (str, Colour.RED),
        (tuple[int, ...], [1]),
        (tuple[int, int], (1,)),
        (frozenset[int], {1}),
        (FrozenMap[str, int], {"a": 1}),
        (FrozenMap[str, int], FrozenMap({1: 1})),
        (Plain, Branch()),
        (Plain | Branch, Leaf()),
        (Colour, "RED"),
        (Literal["on"], "off"),
        (Literal["on"], object()),
        (Json, Plain()),
        (Json, (Decimal(1),)),
        (Any, Plain()),
        (Any, object()),
        (datetime, datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Zurich"))),
    ],
    ids=repr,
)
def test_what_is_of_another_type_is_not_written(kind: Any, value: Any) -> None:
    with pytest.raises(Unstorable):
        Codec().write(shape_of(kind), value)


def test_what_cannot_be_written_is_named_by_its_place() -> None:
    text: Any = "2"
    wrong = Order(leaves=(Plain(), Plain(1, text)))

    with pytest.raises(Unstorable, match=r"^leaves\[1\].ratio: '2' is no float$"):
        Codec().write(shape_of(Order), wrong)


@pytest.mark.parametrize(
    ("kind", "whole"),
    [
        (Secret[str] | None, SEALED[str | None]),
        (Secret[str] | str, Secret[str]),
        (Secret[str] | Literal["x"], SEALED[str | Literal["x"]]),
        (Personal[str] | Secret[int], SEALED[str | int]),
        (Personal[Secret[str]], Secret[str]),
        (FrozenMap[Secret[str], int], SEALED[FrozenMap[str, int]]),
        (FrozenMap[Personal[str] | None, int], OWN[FrozenMap[str | None, int]]),
    ],
    ids=repr,
)
def test_what_is_sealed_in_part_is_sealed_as_a_whole(kind: Any, whole: Any) -> None:
    assert shape_of(kind) == shape_of(whole)


JSONS: list[Any] = [
    *(Plain(), None, 1, "a", (1, (2.0,)), FrozenMap(a=None)),
    *(2**70, (float("inf"), "\ud800"), FrozenMap({"$": -(2**70)}), FrozenMap({"\ud800": ()})),
]


@frozen
class Open:
    """A record with unions of Json."""

    one: Json | Plain = None
    other: Plain | FrozenMap[str, Json] | tuple[Json, ...] = ()


@pytest.mark.parametrize("value", JSONS)
def test_json_or_a_record_may_be_either(value: Any) -> None:
    assert canonical(decode(Open, canonical(Open(value)))) == canonical(Open(value))


def test_what_is_sealed_or_unknown_is_of_no_type_that_can_be_asked_for() -> None:
    assert types_of(shape_of(Secret[str])) == types_of(shape_of(Any)) == ()


def test_what_is_nested_too_deeply_is_refused_in_both_directions() -> None:
    deep: Any = ()
    chain: list[Any] = []
    for _ in range(100_000):
        deep = (deep,)
        chain = [chain]

    with pytest.raises(Unstorable, match="too deeply"):
        Codec().write(shape_of(Json), deep)
    with pytest.raises(Unreadable, match="too deeply"):
        Codec().read(shape_of(Json), chain)
    with pytest.raises(Unreadable, match="too deeply"):
        decode(tuple, b"[" * 100_000)


def test_a_box_of_one_thing_is_no_box_of_another() -> None:
    text = canonical(Box(1))

    assert decode(Box[int], text) == Box(1)
    with pytest.raises(Unreadable, match=r"^value: 1 is no str$"):
        decode(Box[str], text)
