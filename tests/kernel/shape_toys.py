"""Annotations of every kind, wild values of them, and trees that are nearly right.

Rule 1: what `tools.testing.values` leaves out because machines seldom meet it is drawn here: numbers that are none,
        half pairs of surrogates, zones with odd seconds, integers without end.
Rule 2: no union is drawn of which a member is sealed in part: which member a value is written by would then decide
        whether it is sealed.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, StrEnum
from functools import cache
from typing import Any, Generic, Literal, NewType, TypeVar, Union
from uuid import UUID

import attrs
from attrs import field, frozen
from hypothesis import strategies as st

from detent.kernel import (
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
    unstorable,
)
from detent.kernel.shapes import parts_of
from detent.kernel.wire import Tree, spelled
from detent.tools.testing import values

__all__ = [
    "JUNK",
    "SHAPES",
    "Box",
    "Branch",
    "Colour",
    "Leaf",
    "Mood",
    "Rights",
    "has_seal",
    "has_union",
    "mutants",
    "same",
    "spelling",
    "ways",
    "wild",
]

T = TypeVar("T")
U = TypeVar("U")
Draw = st.DrawFn


class Colour(Enum):
    """An enumeration with a second name for one of its members."""

    RED = 1
    BLUE = 2
    SCARLET = 1


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
    """A record with something to seal, a private field, and a field that is computed."""

    text: str = ""
    _weight: float = 0.0
    token: Secret[str] = ""
    mine: Personal[tuple[int, ...] | None] = None
    length: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.text))


@frozen
class Branch:
    """A record that holds itself."""

    inside: "tuple[Plain | Branch, ...]" = ()
    next: "Branch | None" = None


@frozen
class Plain:
    """A record without seals."""

    number: int = 0
    ratio: float = 0.5


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


Name = NewType("Name", str)

LEAVES: tuple[Any, ...] = (
    *(None, bool, int, float, str, bytes, Decimal, datetime, date, timedelta, UUID),
    *(Colour, Mood, Rights, Leaf, Branch, Plain, Json, Name, Secret[str], Personal[int]),
    *(Literal[1, True, "on", None], Literal[Colour.RED, "RED", b"RED"], Literal[1, 1.0, -0.0]),
    *(int | bool, int | float | None, Plain | Branch, Plain | str | Decimal, Secret[str] | None),
    *(tuple[str, ...] | str, FrozenMap[str, int] | Plain, tuple[int, ...] | tuple[str, str]),
    *(Json | Plain, Json | Decimal, tuple[()], frozenset[Colour | Mood]),
)


KEYS: tuple[Any, ...] = (str, str, int, int | bool, Colour, tuple[int, str], Decimal, Secret[str])
GENERIC: Any = (tuple, frozenset, FrozenMap, Box, Pair, Union, Secret)
ROW, SET, MAP, BOX, PAIR, UNION, SECRET = GENERIC  # as variables that no type checker looks into
MAKERS: tuple[Callable[[Any, Any, Any], Any], ...] = (
    lambda key, one, other: ROW[one, ...],
    lambda key, one, other: ROW[one, other],
    lambda key, one, other: SET[one],
    lambda key, one, other: MAP[key, one],
    lambda key, one, other: BOX[one],
    lambda key, one, other: PAIR[one, other],
    lambda key, one, other: UNION[one, other],
    lambda key, one, other: SECRET[one],
)


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    make, key = st.sampled_from(MAKERS), st.sampled_from(KEYS)
    return st.builds(lambda make, *given: make(*given), make, key, inner, inner)


ANNOTATIONS = st.recursive(st.sampled_from(LEAVES), _around, max_leaves=5)


def _is_plain(shape: Shape) -> bool:
    """Whether a shape can be stored, and none of its unions is sealed in part."""
    return not any(unstorable(shape)) and not any(
        isinstance(here, Either) and any(map(has_seal, filter(parts_of, here.members)))
        for here in _everything(shape)
    )


def _everything(shape: Shape, seen: frozenset[Shape] = frozenset()) -> Iterator[Shape]:
    yield shape
    inside = fields_of(shape).values() if isinstance(shape, Record) else parts_of(shape)
    for inner in inside if shape not in seen else ():
        yield from _everything(inner, seen | {shape})


def has_seal(shape: Shape) -> bool:
    """Whether anything anywhere in a shape is sealed."""
    return any(isinstance(here, Sealed) for here in _everything(shape))


def has_union(shape: Shape) -> bool:
    """Whether a shape has unions anywhere."""
    return any(isinstance(here, Either) for here in _everything(shape))


SHAPES: st.SearchStrategy[Shape] = ANNOTATIONS.map(shape_of).filter(_is_plain)
"""Shapes of whatever can be stored."""


# -- values

OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23))
WILD: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers() | st.sampled_from([2**63, 2**63 - 1, -(2**63), -(2**63) - 1, 10**40]),
    "float": st.floats() | st.integers(),
    "str": st.text(st.characters(), max_size=8) | st.sampled_from(["\ud800", "$", "a\udfffb"]),
    "Decimal": st.decimals() | st.sampled_from(list(map(Decimal, ("1.0", "1.00", "1E+5", "-0")))),
    "datetime": st.datetimes(timezones=st.none() | st.just(UTC) | st.builds(timezone, OFFSETS)),
}


@cache
def wild(shape: Shape) -> st.SearchStrategy[Any]:
    """Values of a shape, the odd ones among them."""
    match shape:
        case Scalar(name) if name in WILD:
            return WILD[name]
        case Many(item):
            return st.lists(wild(item), max_size=3).map(tuple)
        case Fixed(items):
            return st.tuples(*map(wild, items))
        case Some(item):
            return st.lists(wild(item).filter(_has_hash), max_size=3).map(frozenset)
        case Keyed(key, value):
            keys = wild(key).filter(_has_hash)
            return st.lists(st.tuples(keys, wild(value)), max_size=3).map(FrozenMap)
        case Record(kind):
            return st.deferred(lambda: _records(kind, shape))
        case Either(members):
            return st.one_of(*map(wild, members))
        case Sealed(inner):
            return wild(inner)
        case _:
            return values(shape)


def _has_hash(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:  # of a signaling NaN
        return False
    return True


def _records(kind: Any, shape: Record) -> st.SearchStrategy[Any]:
    aliases = {a.name: a.alias for a in attrs.fields(kind)}
    given = {str(aliases[name]): wild(inner) for name, inner in fields_of(shape).items()}
    return st.builds(kind, **given)


def same(one: Any, other: Any) -> bool:
    """Whether two values have the same types all through. (Their bytes say the rest; members of sets are one kind.)"""
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, FrozenMap):
        return same(tuple(one.items()), tuple(other.items()))
    if attrs.has(type(one)):
        names = [a.name for a in attrs.fields(type(one))]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return True


# -- trees

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from([1, True, 1.0, "1", "Colour.RED", "0x1", 10**30, "", "Plain", "1.0", "aGk="]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["$", "$int", "$decimal", "$set", "$map", "$enum", "$secret", "$sealed"]
            ),
            inner,
            max_size=2,
        )
    ),
    max_leaves=6,
)
"""Whatever a reader of JSON may give, and some of it nearly a value."""


def spelling(tree: Tree) -> bytes:
    """A tree in bytes; the order of the keys of its objects does not matter, as in JSON."""
    return spelled(_sorted(tree))


def _sorted(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_sorted(item) for item in tree]
    if isinstance(tree, dict):
        return {key: _sorted(tree[key]) for key in sorted(tree)}
    return tree


def ways(tree: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all parts of a tree, itself first."""
    yield way
    if isinstance(tree, list):
        for place, item in enumerate(tree):
            yield from ways(item, (*way, place))
    elif isinstance(tree, dict):
        for key, item in tree.items():
            yield from ways(item, (*way, key))


@st.composite
def mutants(draw: Draw, tree: Tree) -> Any:
    """A tree that differs from another in one place."""
    return _changed(draw, tree, draw(st.sampled_from(list(ways(tree)))))


def _changed(draw: Draw, tree: Any, way: tuple[Any, ...]) -> Any:
    if way:
        copy = list(tree) if isinstance(tree, list) else dict(tree)
        copy[way[0]] = _changed(draw, tree[way[0]], way[1:])
        return copy
    others: list[Callable[[], Any]] = [lambda: draw(JUNK)]
    if isinstance(tree, dict):
        others += [
            lambda: _without(draw, tree),
            lambda: {**tree, draw(st.text(max_size=2)): draw(JUNK)},
        ]
        others += [lambda: {f"{key} ": item for key, item in tree.items()}]
    if isinstance(tree, list):
        others += [
            lambda: tree[::-1],
            lambda: tree * 2,
            lambda: tree[1:],
            lambda: [*tree, draw(JUNK)],
        ]
    if isinstance(tree, str):
        others += [
            lambda: f" {tree}",
            lambda: f"{tree}=",
            lambda: f"0{tree}",
            lambda: tree.swapcase(),
        ]
    if isinstance(tree, int | float):
        others += [lambda: bool(tree), lambda: str(tree), lambda: {"$int": "0x5"}, lambda: [tree]]
    return draw(st.sampled_from(others))()


def _without(draw: Draw, tree: dict[str, Tree]) -> Tree:
    gone = draw(st.sampled_from(sorted(tree))) if tree else ""
    return {key: item for key, item in tree.items() if key != gone}
