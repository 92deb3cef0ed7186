"""What a new value may point to instead of being written again.

Rule 1: a reference is chosen by value: equal values, equal references, whatever objects carry them.
Rule 2: what is short is written: a reference would not be shorter.
"""

from collections.abc import Iterable, Iterator
from itertools import compress
from operator import is_not
from typing import Any, NamedTuple

import attrs

from detent.kernel.codec import Codec, Misfit, types_of
from detent.kernel.edits import came, step_of
from detent.kernel.errors import Unstorable
from detent.kernel.shapes import Either, Many, Record, Scalar, Sealed, Shape, fields_of
from detent.kernel.values import FrozenMap, canonical
from detent.kernel.wire import Tree, spelled

__all__ = [
    "SHORT",
    "Index",
    "Places",
    "alike",
    "is_light",
    "referring",
    "shared_end",
    "shared_start",
    "unlike",
]

SHORT = 40  # bytes: about what a reference takes
WORTHWHILE = 80  # bytes that a reference with an edit must save
LEAST = 3  # bytes that an item takes
MANY_PLACES = 256  # parts of the data that orders are compared with


class Index:
    """Where values are found, by their spelling: in what happened, and in what is added.

    It is made when somebody asks, since few changes hold anything long.
    """

    __slots__ = ("_event", "_found", "_more")

    def __init__(self, event: Tree = None) -> None:
        self._event = event
        self._more: list[tuple[Tree, str]] = []
        self._found: dict[bytes, str] | None = None

    def add(self, tree: Tree, path: str) -> None:
        """Look into a tree too, for what is not found before."""
        self._more.append((tree, path))

    def find(self, text: bytes) -> str | None:
        """The path to a value of that spelling."""
        if self._found is None:
            self._found = {}
            _find_all(came(self._event), "event", self._found)
            for tree, path in self._more:
                _find_all(tree, path, self._found)
        return self._found.get(text)


def _find_all(tree: Tree, path: str, found: dict[bytes, str]) -> None:
    """Every part of a tree that is worth pointing to. What is sealed is not looked into."""
    kind = type(tree)
    if kind is not str and kind is not dict and kind is not list:
        return
    parts: Any = tree
    if kind is str and len(parts) < SHORT:
        return
    text = spelled(tree)
    if len(text) < SHORT:
        return
    found.setdefault(text, path)
    if kind is list:
        for place, item in enumerate(parts):
            _find_all(item, f"{path}/{place}", found)
    elif kind is dict and "$secret" not in parts and "$personal" not in parts:
        for key, item in parts.items():
            if type(item) is not str or len(item) >= SHORT:
                _find_all(item, f"{path}/{step_of(key)}", found)


def referring(value: Tree, index: Index) -> Tree:
    """A value in which everything that is found elsewhere is a reference. What is sealed is not looked into."""
    kind = type(value)
    if kind is not str and kind is not dict and kind is not list:
        return value
    whole: Any = value
    if kind is str:
        path = index.find(spelled(value)) if len(whole) >= SHORT else None
        return value if path is None else {"$ref": path}
    text = spelled(value)
    if len(text) < SHORT or (kind is dict and "$ref" in whole):
        return value
    if path := index.find(text):
        return {"$ref": path}
    if kind is list:
        return [referring(item, index) for item in whole]
    if "$secret" in whole or "$personal" in whole:
        return value  # or its seal would be that of a reference
    return {key: referring(item, index) for key, item in whole.items()}


def unlike(one: Iterable[Any], other: Iterable[Any], end: int) -> Iterator[int]:
    """The places before `end` where two rows of values do not hold the same object, as far as anybody asks."""
    return compress(range(end), map(is_not, one, other))


def alike(one: object, other: object) -> bool:
    """Whether two values have equal canonical bytes. Parts that are the same object are not looked at.

    Raises Misfit if one cannot be stored.
    """
    if one is other:
        return True
    kind: Any = type(one)
    if kind is not type(other):
        return False
    left: Any = one
    right: Any = other
    if kind is tuple:
        return len(left) == len(right) and shared_start(left, right) == len(left)
    if kind is str or kind is int or kind is bool or kind is bytes:
        return bool(one == other)
    names = _names(kind)
    if names is not None:
        return all(alike(getattr(one, name), getattr(other, name)) for name in names)
    if kind is FrozenMap:
        return len(left) == len(right) and alike(tuple(_flat(left)), tuple(_flat(right)))
    try:
        return canonical(one) == canonical(other)
    except Unstorable as error:
        raise Misfit(str(error)) from None


def shared_start(one: tuple[Any, ...], other: tuple[Any, ...]) -> int:
    """How many items two tuples have in common from the first on."""
    end = min(len(one), len(other))
    return next((at for at in unlike(one, other, end) if not alike(one[at], other[at])), end)


def shared_end(one: tuple[Any, ...], other: tuple[Any, ...], at_most: int) -> int:
    """How many items two tuples have in common from the last back."""
    count = 0
    while count < at_most and alike(one[-1 - count], other[-1 - count]):
        count += 1
    return count


class Places:
    """The parts of the data that have names of their own: fields, and fields of records in fields.

    If nothing `is_sealed`, what is short is written as it is; what is sealed is never written twice.
    """

    def __init__(self, codec: Codec, shape: Shape, data: Any, is_sealed: bool = True) -> None:
        self._codec = codec
        self._shape = shape
        self._data = data
        self._is_sealed = is_sealed
        self._found: list[Place] | None = None

    def written(self, shape: Shape, value: Any) -> Tree:
        """The tree of a value, in which parts of the data are references. Raises Misfit."""
        shape = _member(shape, value)
        if not self._is_sealed and weighs(value) < SHORT:
            return self._codec.writer(shape)(value)
        if pointer := self._pointer(shape, value):
            return pointer
        if type(shape) is Many and (spliced := self._spliced(shape, value)):
            return spliced
        if not isinstance(shape, Record) or type(value) is not shape.kind:
            return self._codec.writer(shape)(value)
        written: dict[str, Tree] = {"$": shape.kind.__name__}
        for name, inner in fields_of(shape).items():
            try:
                written[name] = self.written(inner, getattr(value, name))
            except Misfit as misfit:
                raise misfit.inside(name) from None
        return written

    def _pointer(self, shape: Shape, value: Any) -> Tree:
        inner, word = (shape.inner, shape.word) if isinstance(shape, Sealed) else (shape, "")
        for path, known, part, sealed in self._places():
            if type(part) is type(value) and sealed == word and alike(part, value):
                if not word and weighs(value) < SHORT:
                    return None
                if (
                    known is inner
                    or known == inner
                    or self._is_written_so(inner, value, known, part)
                ):
                    return {"$ref": path}
        return None

    def _is_written_so(self, shape: Shape, value: Any, known: Shape, part: Any) -> bool:
        """Whether a value of another shape has the tree of a part: what one seals the other may not."""
        there = self._codec.writer(known)(part)
        return spelled(self._codec.writer(shape)(value)) == spelled(there)

    def _spliced(self, shape: Many, value: Any) -> Tree:
        """A tuple as an edit of the tuple in the data that it has most in common with."""
        best: tuple[int, int, Place] | None = None
        items = _items(value)
        for place in self._places() if items else ():
            if place.shape is shape or place.shape == shape:
                known = _items(place.value)
                start = shared_start(known, items)
                end = shared_end(known, items, min(len(known), len(items)) - start)
                if best is None or start + end > best[0] + best[1]:
                    best = (start, end, place)
        if best is None:
            return None
        start, end, place = best
        if weighs((items[:start], items[len(items) - end :]), WORTHWHILE) < WORTHWHILE:
            return None
        item = self._codec.writer(shape.item)
        new = [item(one) for one in items[start : len(items) - end]]
        return {"$ref": place.path, "edit": [start, len(place.value) - start - end, new]}

    def _places(self) -> "list[Place]":
        if self._found is None:
            self._found = []
            _add_parts(self._found, "data", self._shape, self._data)
        return self._found


class Place(NamedTuple):
    """A part of the data; `word` says if it is sealed."""

    path: str
    shape: Shape
    value: Any
    word: str = ""


def _add_parts(found: list[Place], path: str, shape: Shape, value: object) -> None:
    """Add a value and its parts, each with the way to it."""
    if len(found) >= MANY_PLACES:
        return
    if type(shape) is Sealed:
        found.append(Place(path, shape.inner, value, shape.word))
        return
    shape = _member(shape, value)
    found.append(Place(path, shape, value))
    if type(shape) is Record and type(value) is shape.kind:
        for name, inner in fields_of(shape).items():
            _add_parts(found, f"{path}/{name}", inner, getattr(value, name))


def _member(shape: Shape, value: Any) -> Shape:
    """Which shape of a union a value has, if its type alone says so."""
    if type(shape) is not Either:
        return shape
    fitting = [member for member in shape.members if type(value) in types_of(member)]
    return fitting[0] if len(fitting) == 1 else shape


def weighs(value: object, enough: int = SHORT) -> int:
    """About how many bytes a value takes when it is written; counted only until they are enough."""
    kind: Any = type(value)
    whole: Any = value
    if kind is str or kind is bytes:
        return len(whole) + 2
    weight = 2
    if kind is tuple or kind is frozenset:
        if len(whole) * LEAST >= enough:
            return enough
        parts: Iterable[Any] = whole
    elif kind is FrozenMap:
        parts = _flat(whole)
    elif (names := _names(kind)) is not None:
        parts = (getattr(value, name) for name in names)
        weight = 2 + len(kind.__name__)
    else:
        return 4
    for part in parts:
        weight += 1 + weighs(part, enough - weight)
        if weight >= enough:
            break
    return weight


def is_light(shape: Shape) -> bool:
    """Whether no value of a shape weighs as much as a reference: records of few numbers."""
    if type(shape) is not Record:
        return False
    inner = fields_of(shape).values()
    weight = 2 + len(shape.kind.__name__) + 5 * len(inner)
    return weight < SHORT and all(
        type(one) is Scalar and one.name not in ("str", "bytes") for one in inner
    )


def _names(kind: type[Any]) -> tuple[str, ...] | None:
    """The fields that are part of the value of a record; nothing, if it is no class of attrs."""
    try:
        return _NAMES[kind]
    except KeyError:
        names = [a.name for a in attrs.fields(kind) if a.init] if attrs.has(kind) else None
        known = _NAMES[kind] = None if names is None else tuple(names)
        return known


_NAMES: dict[type[Any], tuple[str, ...] | None] = {}


def _items(value: object) -> tuple[Any, ...]:
    """A tuple as it is; nothing, if it is none."""
    whole: Any = value
    return whole if type(value) is tuple else ()


def _flat(value: FrozenMap[Any, Any]) -> Iterator[Any]:
    for key, item in value.items():
        yield key
        yield item
