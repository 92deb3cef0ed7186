"""Values as people write them, where a type is known."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from detent.kernel import (
    FrozenMap,
    Json,
    Machine,
    Secret,
    State,
    compile_machine,
    parsed,
    scribe_of,
    shape_of,
    spelled,
)
from detent.tools.cli.exits import Usage
from detent.tools.cli.values import Unfit, fields_said, from_json, from_text, given_json


class Colour(Enum):
    """A choice."""

    RED = "r"
    BLUE = 2


@frozen
class Point:
    """A record with a default."""

    x: int
    y: int = 0
    name: str | None = None


@frozen
class Line:
    """A record of records."""

    ends: tuple[Point, Point]
    tags: frozenset[str] = frozenset()
    lengths: FrozenMap[str, float] = FrozenMap()
    token: Secret[str] = ""


@frozen
class Even:
    """A record that is particular."""

    n: int = field()

    def __attrs_post_init__(self) -> None:
        if self.n % 2:
            raise ValueError(f"{self.n} is odd")


JSON: list[tuple[Any, Any, Any]] = [
    (int, 5, 5),
    (float, 5, 5),
    (float, 1.5, 1.5),
    (str, "a", "a"),
    (bool, True, True),
    (type(None), None, None),
    (int | None, None, None),
    (Decimal, "1.50", Decimal("1.50")),
    (Decimal, 2, Decimal("2")),
    (date, "2026-11-29", date(2026, 11, 29)),
    (datetime, "2026-11-29T12:00:00Z", datetime(2026, 11, 29, 12, tzinfo=UTC)),
    (timedelta, 90, timedelta(seconds=90)),
    (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678-1234-5678-1234-567812345678")),
    (bytes, "aGk=", b"hi"),
    (bytes, {"$bytes": "aGk="}, b"hi"),
    (Colour, "RED", Colour.RED),
    (Colour, "blue", Colour.BLUE),
    (Colour, 2, Colour.BLUE),
    (Colour, {"$enum": "Colour.RED"}, Colour.RED),
    (Literal["a", 1], 1, 1),
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (frozenset[int], [1, 1, 2], frozenset({1, 2})),
    (FrozenMap[str, int], {"a": 1}, FrozenMap(a=1)),
    (FrozenMap[int, int], {"7": 1}, FrozenMap({7: 1})),
    (Json, {"a": [1]}, FrozenMap(a=(1,))),
    (Point, {"x": 1}, Point(1)),
    (Point, {"$": "Point", "x": 1, "name": "p"}, Point(1, name="p")),
    (Point | int, 3, 3),
    (Point | Even, {"n": 2}, Even(2)),
    (
        Line,
        {"ends": [{"x": 1}, {"x": 2}], "tags": ["a"], "lengths": {"m": 1}, "token": "t"},
        Line((Point(1), Point(2)), frozenset({"a"}), FrozenMap(m=1), "t"),
    ),
]


@pytest.mark.parametrize(("kind", "plain", "value"), JSON, ids=str)
def test_plain_json_is_a_value_where_the_type_is_known(kind: Any, plain: Any, value: Any) -> None:
    read = from_json(shape_of(kind), plain)

    assert (read, type(read)) == (value, type(value))


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_whatever_json_is_given_is_a_value_or_is_refused(plain: Any) -> None:
    for kind in (Point, Line, Colour, Decimal, datetime, tuple[int, ...], Json, Point | int | None):
        try:
            from_json(shape_of(kind), plain)
        except Unfit:
            continue


MISFITS: list[tuple[Any, Any, str]] = [
    (int, "5", '"5" is no int'),
    (int, True, "true is no int"),
    (int, 5.0, "5.0 is no int"),
    (float, "5", '"5" is no number'),
    (bool, 1, "1 is no bool"),
    (str, None, "null is no str"),
    (date, "29.11.2026", 'is no date: write a date, as in "2026-11-29"'),
    (Decimal, "much", 'is no Decimal: write a number, as in "12.50"'),
    (datetime, 5, "is no datetime"),
    (timedelta, "long", "a number of seconds"),
    (UUID, "1", "is no UUID"),
    (bytes, "%", "base64"),
    (Colour, "GREEN", "is none of RED, BLUE"),
    (Literal["a", "b"], "c", "is none of 'a', 'b'"),
    (tuple[int, ...], {"a": 1}, "is no list of int"),
    (tuple[int, ...], [1, "x"], '[1]: "x" is no int'),
    (tuple[int, int], [1], "is no tuple[int, int]"),
    (frozenset[int], 1, "is no list of int"),
    (FrozenMap[str, int], [1], "is no FrozenMap[str, int]"),
    (FrozenMap[str, int], {"a": "b"}, 'a: "b" is no int'),
    (Point, 5, 'write {"x": int, "y": int (may be left out), "name": '),
    (Point, {}, "Point needs x"),
    (Point, {"x": 1, "z": 2}, "Point has no field 'z'"),
    (Point, {"$": "Line", "x": 1}, "this is a Line, not a Point"),
    (Point, {"x": "1"}, 'x: "1" is no int'),
    (Line, {"ends": [{"x": 1}, {"x": None}]}, "ends[1].x: null is no int"),
    (Even, {"n": 3}, "Even refuses it: ValueError: 3 is odd"),
    (int | date, "x", "as int: "),
]


@pytest.mark.parametrize(("kind", "plain", "why"), MISFITS, ids=str)
def test_what_does_not_fit_is_told_with_its_place(kind: Any, plain: Any, why: str) -> None:
    with pytest.raises(Unfit) as caught:
        from_json(shape_of(kind), plain)

    assert why in str(caught.value)


WORDS: list[tuple[Any, str, Any]] = [
    (bool, "y", True),
    (bool, " YES ", True),
    (bool, "no", False),
    (int, "-3", -3),
    (float, "2.5", 2.5),
    (float, "2", 2),
    (str, "a b ", "a b "),
    (str | None, "none", None),
    (str | None, "nobody", "nobody"),
    (int | str, "5", 5),
    (Colour, "red", Colour.RED),
    (Literal["a", 1], "1", 1),
    (Decimal, "2.50", Decimal("2.50")),
    (date, "2026-11-29", date(2026, 11, 29)),
    (Point, '{"x": 1}', Point(1)),
    (tuple[int, ...], "[1, 2]", (1, 2)),
]


@pytest.mark.parametrize(("kind", "word", "value"), WORDS, ids=str)
def test_a_word_is_a_value_where_the_type_is_known(kind: Any, word: str, value: Any) -> None:
    read = from_text(shape_of(kind), word)

    assert (read, type(read)) == (value, type(value))


WRONG: list[tuple[Any, str, str]] = [
    (bool, "maybe", "'maybe' is neither yes nor no"),
    (int, "2.5", "'2.5' is no whole number"),
    (float, "x", "'x' is no number"),
    (type(None), "x", "'x' is not none"),
    (Colour, "green", "is none of RED, BLUE"),
    (Literal["a", 1], "b", "is none of"),
    (int | bool, "x", "'x' is none of"),
    (Point, "x", "this is no JSON"),
    (Point, "{}", "Point needs x"),
]


@pytest.mark.parametrize(("kind", "word", "why"), WRONG, ids=str)
def test_a_word_that_does_not_fit_is_told(kind: Any, word: str, why: str) -> None:
    with pytest.raises(Unfit) as caught:
        from_text(shape_of(kind), word)

    assert why in str(caught.value)


@given(st.builds(Point, st.integers(), st.integers(), st.none() | st.text(max_size=5)))
def test_what_a_log_says_is_read_too(point: Point) -> None:
    codec = scribe_of(compile_machine(Machine("m", State("s"), data=Point))).codec
    shape = shape_of(Point)

    assert from_json(shape, parsed(spelled(codec.write(shape, point)))) == point


def test_what_is_wanted_is_said_as_json() -> None:
    assert fields_said(shape_of(Even)) == '{"n": int}'
    assert fields_said(shape_of(int)) == "int"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "the JSON is no JSON"),
        ("[" * 100_000, "the JSON is no JSON"),
        ("@nowhere.json", "nowhere.json: No such file or directory"),
        ("@/", "/: Is a directory"),
    ],
    ids=["half", "deep", "no file", "a folder"],
)
def test_what_is_no_json_is_told(text: str, why: str) -> None:
    with pytest.raises(Usage) as caught:
        given_json(text)

    assert why in str(caught.value)
