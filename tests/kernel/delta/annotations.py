"""Shapes of every kind, values of them, and values that differ from others by a little."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, StrEnum
from typing import Any, Generic, Literal, TypeVar

import attrs
from attrs import frozen
from hypothesis import strategies as st

from detent.kernel import (
    Anything,
    Either,
    Fixed,
    FrozenMap,
    Json,
    Keyed,
    Many,
    Personal,
    Record,
    Scalar,
    Sealed,
    Secret,
    Shape,
    Some,
    fields_of,
    shape_of,
)
from detent.kernel.codec import Codec, classes_in, types_of
from detent.kernel.shapes import merged
from detent.tools.testing import values

__all__ = ["SHAPES", "Draw", "Mood", "codec_of", "pairs"]

T = TypeVar("T")
U = TypeVar("U")
Draw = st.DrawFn


class Colour(Enum):
    """An enumeration."""

    RED = 1
    BLUE = 2


class Mood(StrEnum):
    """An enumeration of texts."""

    GOOD = "good"
    BAD = "bad"


class Rights(Flag):
    """An enumeration of bits."""

    READ = 1
    WRITE = 2


@frozen
class Leaf:
    """A record with a text that may be sealed."""

    text: str = ""
    weight: float = 0.0
    secret: Secret[str] = ""
    mine: Personal[tuple[int, ...]] = ()


@frozen
class Branch:
    """A record that holds itself."""

    inside: "tuple[Leaf | Branch, ...]" = ()
    next: "Branch | None" = None


@frozen
class Box(Generic[T]):
    """A record of anything."""

    value: T
    number: int = 0


@frozen
class Pair(Generic[T, U]):
    """Another."""

    one: T
    other: U


LEAVES: tuple[Any, ...] = (
    *(None, bool, int, float, str, bytes, Decimal, datetime, timedelta),
    *(Colour, Mood, Rights, Leaf, Branch, Json, Literal[1, True, "on", None]),
    *(int | bool, int | float | None, str | None, Leaf | None, Leaf | Branch | str),
    *(tuple[str, ...] | str, FrozenMap[str, int] | Leaf, tuple[int, ...] | tuple[str, str]),
)


def _around(inner: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    return st.one_of(
        inner.map(Many),
        inner.map(Many),
        st.tuples(inner, inner).map(Fixed),
        inner.map(Some),
        inner.map(lambda one: Record(Box, (one,))),
        st.builds(lambda one, other: Record(Pair, (one, other)), inner, inner),
        inner.map(lambda one: merged([one, shape_of(None)])),
        st.tuples(inner, inner).map(merged),
        st.builds(Keyed, st.sampled_from(KEYS), inner),
    )


KEYS = [*map(shape_of, [str, str, int, int | bool, Colour, tuple[int, str], Decimal, Mood])]
SHAPES = st.recursive(st.sampled_from([*map(shape_of, LEAVES)]), _around, max_leaves=5)
"""Shapes of whatever can be stored."""


def codec_of(shape: Shape) -> Codec:
    """A codec that knows the classes of a shape."""
    return Codec(classes_in([shape]))


@st.composite
def pairs(draw: Draw, shape: Shape) -> tuple[Any, Any]:
    """Two values of a shape, the second often little else than the first."""
    one = draw(values(shape))
    if draw(st.integers(0, 3)) == 0:
        return one, draw(values(shape))
    other = one
    for _ in range(draw(st.integers(0, 3))):
        other = neighbour(draw, shape, other)
    return one, other


def neighbour(draw: Draw, shape: Shape, value: Any) -> Any:
    """A value of a shape that differs from another in one place, or in nothing but its objects."""
    match shape:
        case Sealed(inner):
            return neighbour(draw, inner, value)
        case Either(members):
            fitting = [one for one in members if type(value) in types_of(one)]
            stays = len(fitting) == 1 and draw(st.booleans())
            return neighbour(draw, fitting[0], value) if stays else draw(values(shape))
        case Record():
            fields = fields_of(shape)
            name = draw(st.sampled_from(sorted(fields)))
            inner = neighbour(draw, fields[name], getattr(value, name))
            return attrs.evolve(value, **{name: inner})
        case Many(item):
            return _other_tuple(draw, item, value)
        case Fixed(items):
            return _with_other(draw, value, items) if items else value
        case Some(item):
            gone = draw(st.sampled_from(sorted(value, key=repr))) if value else None
            members = value - {gone} if draw(st.booleans()) else value
            return members | {draw(values(item))} if draw(st.booleans()) else members
        case Keyed(key, item):
            return _other_map(draw, key, item, value)
        case Scalar(name):
            return _other_scalar(draw, name, value)
        case Anything():
            if type(value) is tuple:
                return _other_tuple(draw, shape, value)
            if type(value) is FrozenMap:
                return _other_map(draw, Scalar("str"), shape, value)
            return draw(values(shape))
        case _:
            return draw(values(shape))


def _other_tuple(draw: Draw, item: Shape, value: tuple[Any, ...]) -> tuple[Any, ...]:
    """A tuple with items put in, taken out, exchanged or moved."""
    at = draw(st.integers(0, len(value)))
    what = draw(st.sampled_from(["add", "put in", "take out", "change", "turn", "cut", "twice"]))
    if what == "add":
        return (*value, draw(values(item)))
    if what == "put in" or not value:
        return (*value[:at], draw(values(item)), *value[at:])
    at = min(at, len(value) - 1)
    if what == "take out":
        return (*value[:at], *value[at + 1 :])
    if what == "change":
        return (*value[:at], neighbour(draw, item, value[at]), *value[at + 1 :])
    if what == "turn":
        return (*value[1:], value[0])
    return value[at:] if what == "cut" else value + value


def _with_other(draw: Draw, value: tuple[Any, ...], items: tuple[Shape, ...]) -> tuple[Any, ...]:
    at = draw(st.integers(0, len(items) - 1))
    return (*value[:at], neighbour(draw, items[at], value[at]), *value[at + 1 :])


def _other_map(draw: Draw, key: Shape, item: Shape, value: FrozenMap[Any, Any]) -> Any:
    known = [*value]
    at = draw(st.sampled_from(known)) if known else None
    what = draw(st.sampled_from(["add", "take out", "change", "rename"]))
    if what == "add" or not known:
        return value.set(draw(values(key)), draw(values(item)))
    if what == "take out":
        return value.drop(at)
    if what == "rename":
        return value.drop(at).set(draw(values(key)), value[at])
    return value.set(at, neighbour(draw, item, value[at]))


def _other_scalar(draw: Draw, name: str, value: Any) -> Any:
    """A value that Python may take for the same, or a text that grew."""
    if name == "str":
        more = draw(st.sampled_from(["", "x", "long " * 20, "\ud800"]))
        return value + more if draw(st.booleans()) else more + value[1:]
    if name == "float":
        return draw(
            st.sampled_from([-value, int(value) if abs(value) < 2**80 else 1, 0.0, -0.0, 1])
        )
    if name == "Decimal":
        return draw(
            st.sampled_from([value, value * Decimal("1.0"), Decimal("1.0"), Decimal("1.00")])
        )
    if name == "datetime" and value.tzinfo is not None and 1 < value.year < 9999:
        zone = draw(st.sampled_from([UTC, timezone(timedelta(hours=2))]))
        return value.astimezone(zone)
    if name == "int":
        return draw(st.sampled_from([value + 1, -value, 2**63, value]))
    return draw(values(Scalar(name)))
