"""What a new value may point to instead of being written again.

Rule 1: a reference is chosen by value: equal values, equal references, whatever objects carry them.
Rule 2: what is short is written: a reference would not be shorter.
"""

from collections.abc import Iterable, Iterator
from itertools import compress, islice
from operator import is_not
from typing import Any

import attrs
from attrs import frozen

from detent.kernel.codec import Codec, Misfit, types_of
from detent.kernel.edits import step_of
from detent.kernel.errors import Unstorable
from detent.kernel.shapes import Either, Many, Record, Sealed, Shape, fields_of
from detent.kernel.values import FrozenMap, canonical
from detent.kernel.wire import Tree, spelled

__all__ = [
    "SHORT",
    "Index",
    "Places",
    "alike",
    "index_of",
    "referring",
    "shared_end",
    "shared_start",
    "unlike",
]

SHORT = 40  # bytes: about what a reference takes
WORTHWHILE = 80  # bytes that a reference with an edit must save
MANY_PLACES = 64  # parts of the data that orders are compared with

Index = dict[bytes, str]
"""Where values are found, by their spelling."""


def index_of(tree: Tree, path: str, found: Index) -> Index:
    """Where every part of a tree is that is worth pointing to. What is sealed is not looked into."""
    if isinstance(tree, str):
        if len(tree) >= SHORT:
            found.setdefault(spelled(tree), path)
    elif isinstance(tree, list | dict):
        text = spelled(tree)
        if len(text) < SHORT:
            return found
        found.setdefault(text, path)
        if isinstance(tree, list):
            for place, item in enumerate(tree):
                index_of(item, f"{path}/{place}", found)
        elif "$secret" not in tree and "$personal" not in tree:
            for key, item in tree.items():
                index_of(item, f"{path}/{step_of(key)}", found)
    return found


def referring(value: Tree, index: Index) -> Tree:
    """A value in which everything that is found elsewhere is a reference. What is sealed is not looked into."""
    if isinstance(value, str):
        if len(value) >= SHORT and (path := index.get(spelled(value))):
            return {"$ref": path}
        return value
    if not isinstance(value, list | dict):
        return value
    text = spelled(value)
    if len(text) < SHORT or "$ref" in value:
        return value
    if path := index.get(text):
        return {"$ref": path}
    if "$secret" in value or "$personal" in value:
        return value  # or its seal would be that of a reference
    if isinstance(value, list):
        return [referring(item, index) for item in value]
    return {key: referring(item, index) for key, item in value.items()}


def unlike(one: Iterable[Any], other: Iterable[Any], end: int) -> Iterator[int]:
    """The places before `end` where two rows of values do not hold the same object, as far as anybody asks."""
    return compress(range(end), map(is_not, one, other))


def alike(one: object, other: object) -> bool:
    """Whether two values have equal canonical bytes. Parts that are the same object are not looked at.

    Raises Misfit if one cannot be stored.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    left: Any = one
    right: Any = other
    if kind is tuple:
        return len(left) == len(right) and shared_start(left, right) == len(left)
    if kind is str or kind is int or kind is bool or kind is bytes:
        return bool(one == other)
    if attrs.has(kind):
        return all(
            alike(getattr(one, a.name), getattr(other, a.name))
            for a in attrs.fields(kind)
            if a.init
        )
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
    """The parts of the data that have names of their own: fields, and fields of records in fields."""

    def __init__(self, codec: Codec, shape: Shape, data: Any) -> None:
        self._codec = codec
        self._shape = shape
        self._data = data
        self._found: tuple[Place, ...] | None = None

    def written(self, shape: Shape, value: Any) -> Tree:
        """The tree of a value, in which parts of the data are references. Raises Misfit."""
        shape = _member(shape, value)
        if isinstance(shape, Sealed) or weighs(value) >= SHORT:
            if pointer := self._pointer(shape, value):
                return pointer
            if isinstance(shape, Many) and (spliced := self._spliced(shape, value)):
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
        for place in self._places():
            same = place.word == word and alike(place.value, value)
            if same and (place.shape == inner or self._is_written_so(inner, value, place)):
                return {"$ref": place.path}
        return None

    def _is_written_so(self, shape: Shape, value: Any, place: "Place") -> bool:
        """Whether a value of another shape has the tree of a place: what one seals the other may not."""
        there = self._codec.writer(place.shape)(place.value)
        return spelled(self._codec.writer(shape)(value)) == spelled(there)

    def _spliced(self, shape: Many, value: Any) -> Tree:
        """A tuple as an edit of the tuple in the data that it has most in common with."""
        best: tuple[int, int, Place] | None = None
        items = _items(value)
        for place in self._places() if items else ():
            if place.shape == shape:
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

    def _places(self) -> "tuple[Place, ...]":
        if self._found is None:
            self._found = tuple(islice(_parts("data", self._shape, self._data), MANY_PLACES))
        return self._found


@frozen
class Place:
    """A part of the data; `word` says if it is sealed."""

    path: str
    shape: Shape
    value: Any
    word: str = ""


def _parts(path: str, shape: Shape, value: object) -> Iterator[Place]:
    """A value and its parts, each with the way to it; what is short is not worth a reference."""
    if isinstance(shape, Sealed):
        yield Place(path, shape.inner, value, shape.word)
        return
    shape = _member(shape, value)
    kind = type(value)
    if weighs(value) >= SHORT:
        yield Place(path, shape, value)
    if isinstance(shape, Record) and kind is shape.kind:
        for name, inner in fields_of(shape).items():
            yield from _parts(f"{path}/{name}", inner, getattr(value, name))


def _member(shape: Shape, value: Any) -> Shape:
    """Which shape of a union a value has, if its type alone says so."""
    if not isinstance(shape, Either):
        return shape
    fitting = [member for member in shape.members if type(value) in types_of(member)]
    return fitting[0] if len(fitting) == 1 else shape


def weighs(value: object, enough: int = SHORT) -> int:
    """About how many bytes a value takes when it is written; counted only until they are enough."""
    if isinstance(value, str | bytes):
        return len(value) + 2
    kind = type(value)
    whole: Any = value
    weight = 2
    if kind is tuple or kind is frozenset:
        parts: Iterable[Any] = whole
    elif kind is FrozenMap:
        parts = _flat(whole)
    elif attrs.has(kind):
        parts = (getattr(value, a.name) for a in attrs.fields(kind) if a.init)
        weight = 2 + len(kind.__name__)
    else:
        return 4
    for part in parts:
        weight += 1 + weighs(part, enough - weight)
        if weight >= enough:
            break
    return weight


def _items(value: object) -> tuple[Any, ...]:
    """A tuple as it is; nothing, if it is none."""
    whole: Any = value
    return whole if type(value) is tuple else ()


def _flat(value: FrozenMap[Any, Any]) -> Iterator[Any]:
    for key, item in value.items():
        yield key
        yield item
