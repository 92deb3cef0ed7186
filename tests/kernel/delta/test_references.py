"""What a new value may point to instead of being written again."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import FrozenMap, Secret, Shape, canonical, shape_of
from detent.kernel.codec import Codec, Misfit, classes_in
from detent.kernel.delta.references import SHORT, Index, Places, alike, referring, weighs
from detent.kernel.edits import resolved
from detent.kernel.wire import Tree, parsed, spelled
from tests.kernel.delta.annotations import SHAPES, Draw, codec_of, pairs
from tests.settings import times

LONG = "a text that is long enough to be worth pointing to"
MORE = "another that is long enough, and not the same one"


@st.composite
def changes(draw: Draw) -> tuple[Shape, Any, Any]:
    """A shape, and two values of it that have much in common."""
    shape = draw(SHAPES)
    return shape, *draw(pairs(shape))


def copied(shape: Shape, value: Any) -> Any:
    """The same value, in other objects."""
    codec = codec_of(shape)
    return codec.read(shape, parsed(spelled(codec.write(shape, value))))


# -- in the event


@settings(max_examples=times(200))
@given(changes())
def test_a_value_with_references_is_the_value(change: tuple[Shape, Any, Any]) -> None:
    shape, one, other = change
    codec = codec_of(shape)
    source, value = [codec.write(shape, one), LONG], [codec.write(shape, other), LONG]

    pointing = referring(value, Index(source))

    assert spelled(resolved(pointing, {"event": source})) == spelled(value)
    assert len(spelled(pointing)) < len(spelled(value))


def test_what_is_short_is_written() -> None:
    text = "x" * (SHORT - 1)
    value: Tree = [text, [1, 2], {"a": 1}]

    assert referring(value, Index([text, [1, 2]])) == value


def test_the_first_of_equal_places_is_pointed_to() -> None:
    index = Index([LONG, LONG])

    assert referring({"text": LONG}, index) == {"text": {"$ref": "event/0"}}


@pytest.mark.parametrize("word", ["$secret", "$personal"])
def test_a_seal_is_pointed_to_as_a_whole_and_never_looked_into(word: str) -> None:
    sealed: Tree = {word: LONG}
    index = Index({"open": LONG})

    assert referring(sealed, index) == sealed
    assert referring(LONG, Index(sealed)) == LONG
    assert referring([sealed], Index({"key": sealed})) == [{"$ref": "event/key"}]


# -- in the data


@frozen
class Note:
    """A part of the data."""

    text: str
    weight: float = 0.0


@frozen
class Data:
    """Data that orders are made from."""

    text: str = LONG
    notes: tuple[Note, ...] = tuple(Note(f"{LONG} {number}") for number in range(30))
    names: FrozenMap[str, str] = FrozenMap(one=LONG)
    inner: "Data | None" = None
    token: Secret[str] = MORE
    keys: tuple[Secret[str], ...] = (LONG, MORE)
    tags: frozenset[str] = frozenset({LONG, MORE})


@frozen
class Order:
    """What is ordered."""

    text: str = ""
    notes: tuple[Note, ...] = ()
    names: FrozenMap[str, str] = FrozenMap()
    data: Data | None = None
    token: Secret[str] = ""
    open: str = ""
    keys: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    either: str | tuple[Note, ...] | Note = ""


DATA, ORDER = shape_of(Data), shape_of(Order)
CODEC = Codec(classes_in([DATA, ORDER]))
SOURCE = Data(inner=Data(text=MORE))

ORDERS: dict[str, Callable[[Data], Order]] = {
    "a text": lambda data: Order(data.text),
    "a text inside": lambda data: Order(data.inner.text if data.inner else ""),
    "all notes": lambda data: Order(notes=data.notes),
    "the last notes": lambda data: Order(notes=data.notes[-20:]),
    "the first notes": lambda data: Order(notes=data.notes[:20]),
    "notes after another": lambda data: Order(notes=(Note("first"), *data.notes)),
    "notes before another": lambda data: Order(notes=(*data.notes, Note("last"))),
    "notes around another": lambda data: Order(
        notes=(*data.notes[:9], Note("new"), *data.notes[10:])
    ),
    "a map": lambda data: Order(names=data.names),
    "a record": lambda data: Order(data=data.inner),
    "everything": lambda data: Order(data=data),
    "a secret": lambda data: Order(token=data.token),
    "a set": lambda data: Order(tags=data.tags),
    "one of several": lambda data: Order(either=data.notes),
}


def written(order: Order, data: Data = SOURCE) -> Tree:
    """An order that points into the data."""
    return Places(CODEC, DATA, data).written(ORDER, order)


def whole(order: Order) -> bytes:
    """An order as it is in a frame."""
    return spelled(CODEC.write(ORDER, order))


@pytest.mark.parametrize("make", ORDERS.values(), ids=ORDERS)
def test_an_order_points_to_what_it_has_from_the_data(make: Callable[[Data], Order]) -> None:
    order = make(SOURCE)

    tree = written(order)

    source = {"data": CODEC.write(DATA, SOURCE)}
    assert spelled(resolved(tree, source)) == whole(order)
    assert len(spelled(tree)) < len(whole(Order())) + 100


@pytest.mark.parametrize("make", ORDERS.values(), ids=ORDERS)
def test_an_order_points_by_value_and_not_by_object(make: Callable[[Data], Order]) -> None:
    rebuilt = make(copied(DATA, SOURCE))

    assert spelled(written(rebuilt)) == spelled(written(make(SOURCE)))


def test_what_is_sealed_is_not_pointed_to_from_where_it_is_open() -> None:
    order = Order(keys=SOURCE.keys, open=SOURCE.token)

    tree = written(order)

    source = {"data": CODEC.write(DATA, SOURCE)}
    assert spelled(resolved(tree, source)) == whole(order)


def test_what_is_long_is_found_behind_many_short_fields() -> None:
    short = {f"field{number}": attrs.field(default="", type=str) for number in range(100)}
    text = {"text": attrs.field(default=LONG, type=str)}
    kind: Any = attrs.make_class("Wide", {**short, **text}, frozen=True)
    shape = shape_of(kind)

    tree = Places(codec_of(shape), shape, kind()).written(shape_of(str), LONG)

    assert tree == {"$ref": "data/text"}


def test_only_so_many_parts_of_the_data_are_looked_at() -> None:
    fields = {f"field{number}": attrs.field(default="", type=str) for number in range(300)}
    kind: Any = attrs.make_class("Wider", fields, frozen=True)
    shape = shape_of(kind)

    trees = [
        Places(codec_of(shape), shape, kind(**{name: LONG})).written(shape_of(str), LONG)
        for name in ("field9", "field299")
    ]

    assert trees == [{"$ref": "data/field9"}, LONG]


@settings(max_examples=times(200))
@given(changes())
def test_the_parts_of_any_data_are_pointed_to_and_found_again(
    change: tuple[Shape, Any, Any],
) -> None:
    shape, data, value = change
    codec = codec_of(shape)

    tree = Places(codec, shape, data).written(shape, value)
    again = Places(codec, shape, copied(shape, data)).written(shape, copied(shape, value))

    source = {"data": codec.write(shape, data)}
    assert spelled(resolved(tree, source)) == spelled(codec.write(shape, value))
    assert spelled(again) == spelled(tree)


def test_a_part_that_is_not_what_its_field_says_is_named() -> None:
    five: Any = 5
    wrong = Order(notes=(Note("x"), Note(five)))

    with pytest.raises(Misfit, match=r"^notes\[1\].text: 5 is no str$"):
        written(wrong)


def test_a_part_that_cannot_be_stored_is_named() -> None:
    texts: Any = [LONG]
    wrong = Order(text=texts)

    with pytest.raises(Misfit, match=r"^text: .* is no str$"):
        written(wrong)


def test_a_time_in_a_zone_with_rules_is_named() -> None:
    zoned = datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Vienna"))
    at = shape_of(tuple[datetime, ...])
    places = Places(Codec(), at, (datetime(2026, 1, 1, tzinfo=UTC),) * 20)

    with pytest.raises(Misfit, match="zone whose rules cannot be stored"):
        places.written(at, (zoned,) * 20)


# -- alike, and how much it weighs


@settings(max_examples=times(300))
@given(changes())
def test_values_are_alike_exactly_if_their_bytes_are_equal(change: tuple[Shape, Any, Any]) -> None:
    shape, one, other = change

    assert alike(one, other) == (canonical(one) == canonical(other))
    assert alike(one, copied(shape, one))


@settings(max_examples=times(200))
@given(SHAPES.flatmap(lambda shape: pairs(shape)), st.integers(1, 100))
def test_a_value_weighs_enough_whether_or_not_all_of_it_is_counted(
    pair: tuple[Any, Any], enough: int
) -> None:
    for value in pair:
        assert (weighs(value, enough) >= enough) == (weighs(value, 10**9) >= enough)


def test_a_record_weighs_its_name_too() -> None:
    assert weighs(Note("x" * 20)) == 2 + len("Note") + 1 + 22 + 1 + 4
