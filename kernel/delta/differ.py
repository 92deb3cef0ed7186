"""What must be edited so that one value becomes another, as the shape of both says.

Rule 1: the edit depends on the two values alone; that parts are the same object only saves looking at them.
Rule 2: nothing is written but what is new: an item added to ten thousand costs about as much as one added to ten.
"""

from collections.abc import Callable, Sequence
from itertools import chain, takewhile
from operator import is_not
from typing import Any, TypeAlias

from detent.kernel.codec import Codec, Misfit, Writer, types_of
from detent.kernel.delta.references import unlike
from detent.kernel.edits import Edit
from detent.kernel.shapes import (
    Anything,
    Either,
    Fixed,
    Keyed,
    Many,
    Record,
    Scalar,
    Shape,
    Some,
    Unknown,
    fields_of,
    shape_of,
)
from detent.kernel.values import FrozenMap, plain_keys
from detent.kernel.wire import Tree, spelled

__all__ = ["Compare", "Differ", "sequence", "shorter"]

Compare: TypeAlias = Callable[[Any, Any], Edit]
"""Gives the edit that makes the second value of the first, or None if they are one value."""

EXACT = ("None", "bool", "int", "str", "bytes", "date", "timedelta", "UUID")
"""Types of which equal values are one value, in all senses."""

FEW = 8  # of so many flat items one must change before it may be shorter to write all: an edit takes some ten bytes
LONG_TEXT = 64  # characters from which on it is worth while to write only what a text grew by


class Differ:
    """Compares values of any shape."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._known: dict[Shape, Compare] = {}

    def compare(self, shape: Shape) -> Compare:
        """What compares values of a shape. It raises Misfit if a new value is not of the shape."""
        known = self._known.get(shape)
        if known is None:
            self._known[shape] = lambda old, new: self._known[shape](old, new)
            known = self._known[shape] = self._made(shape)
        return known

    def _made(self, shape: Shape) -> Compare:
        match shape:
            case Record():
                return self._records(shape)
            case Many(item):
                return self._tuples(item)
            case Fixed(items):
                return self._fixed(shape, items)
            case Some(item):
                return self._sets(shape, item)
            case Keyed(key, item):
                return self._maps(shape, key, item)
            case Either(members):
                return self._either(shape, members)
            case Anything() | Unknown():
                return self._loose(shape)
            case Scalar(name) if name in EXACT:
                return self._exact(shape)
            case _:
                return self._whole(shape)

    def _whole(self, shape: Shape) -> Compare:
        write = self._codec.writer(shape)

        def compare(old: Any, new: Any) -> Edit:
            if old is new:
                return None
            written = write(new)
            return None if spelled(write(old)) == spelled(written) else [written]

        return compare

    def _exact(self, shape: Shape) -> Compare:
        write = self._codec.writer(shape)

        def compare(old: Any, new: Any) -> Edit:
            if old is new:
                return None
            written = write(new)
            if type(old) is type(new) and old == new:
                return None
            if type(written) is str and type(old) is str and len(old) >= LONG_TEXT:
                return grown(old, written)
            return [written]

        return compare

    def _records(self, shape: Record) -> Compare:
        kind = shape.kind
        fields = [(name, self.compare(inner)) for name, inner in fields_of(shape).items()]
        write = self._codec.writer(shape)

        def compare(old: Any, new: Any) -> Edit:
            if old is new:
                return None
            if type(new) is not kind or type(old) is not kind:
                return [write(new)]
            edit: dict[str, Edit] = {}
            for name, field in fields:
                before, after = getattr(old, name), getattr(new, name)
                if before is not after:
                    try:
                        inner = field(before, after)
                    except Misfit as misfit:
                        raise misfit.inside(name) from None
                    if inner is not None:
                        edit[name] = inner
            return edit or None

        return compare

    def _tuples(self, item: Shape) -> Compare:
        write, compare_items = self._codec.writer(item), self.compare(item)
        whole = self._codec.writer(Many(item))
        is_flat = isinstance(item, Scalar)

        def compare(old: tuple[Any, ...], new: tuple[Any, ...]) -> Edit:
            if old is new:
                return None
            if type(old) is not tuple or type(new) is not tuple:
                return [whole(new)]
            return sequence(old, new, compare_items, write, is_flat)

        return compare

    def _fixed(self, shape: Fixed, items: tuple[Shape, ...]) -> Compare:
        write = self._codec.writer(shape)
        parts = [self.compare(item) for item in items]

        def compare(old: tuple[Any, ...], new: tuple[Any, ...]) -> Edit:
            if old is new:
                return None
            if type(old) is not tuple or type(new) is not tuple or len(new) != len(parts):
                return [write(new)]
            edits = {
                str(place): edit
                for place, part in enumerate(parts)
                if (edit := _at(place, part, old[place], new[place])) is not None
            }
            return {**edits} or None

        return compare

    def _sets(self, shape: Shape, item: Shape) -> Compare:
        write_all, write = self._codec.writer(shape), self._codec.writer(item)
        exact = types_of(item) if isinstance(item, Scalar) and item.name in EXACT else ()

        def compare(old: frozenset[Any], new: frozenset[Any]) -> Edit:
            if old is new:
                return None
            if type(old) is not frozenset or type(new) is not frozenset:
                return [write_all(new)]
            is_exact = set(exact).issuperset(map(type, new))  # or True could hide behind 1
            gone, come = (old - new, new - old) if is_exact else (old, new)
            before = {spelled(tree): tree for tree in map(write, gone)}
            after = {spelled(tree): tree for tree in map(write, come)}
            taken: list[Tree] = [before[key] for key in sorted(before.keys() - after.keys())]
            added: list[Tree] = [after[key] for key in sorted(after.keys() - before.keys())]
            edit: Edit = {"$set": [taken, added]} if taken or added else None
            return edit if len(taken) <= len(new) else shorter(edit, [write_all(new)])

        return compare

    def _maps(self, shape: Shape, key: Shape, item: Shape) -> Compare:
        whole, write = self._codec.writer(shape), self._codec.writer(item)
        write_key, compare_items = self._codec.writer(key), self.compare(item)
        pair_shape = Fixed((key, item))
        write_pair, compare_pairs = self._codec.writer(pair_shape), self.compare(pair_shape)

        def compare(old: FrozenMap[Any, Any], new: FrozenMap[Any, Any]) -> Edit:
            if old is new:
                return None
            if type(old) is not FrozenMap or type(new) is not FrozenMap:
                return [whole(new)]
            if plain_keys(old) != plain_keys(new):
                return [whole(new)]
            if not plain_keys(new):
                pairs = tuple(old.items()), tuple(new.items())
                edit = sequence(*pairs, compare_pairs, write_pair, False)
                return None if edit is None else {"$map": edit}
            edits: dict[str, Edit] = {}
            for name, after in new.items():
                if name not in old:
                    write_key(name)
                    edits[name] = [_at(name, write, after)]
                elif (before := old[name]) is not after:
                    inner = _at(name, compare_items, before, after)
                    if inner is not None:
                        edits[name] = inner
            gone: dict[str, Edit] = {name: [] for name in old if name not in new}
            edits |= gone
            if len(gone) > len(new):
                return shorter(edits, [whole(new)])
            return edits or None

        return compare

    def _either(self, shape: Shape, members: tuple[Shape, ...]) -> Compare:
        whole = self._whole(shape)
        by_type: dict[type, list[Shape]] = {}
        for member in members:
            for kind in types_of(member):
                by_type.setdefault(kind, []).append(member)
        vague = any(not types_of(member) for member in members)
        alone = {
            kind: self.compare(fitting[0])
            for kind, fitting in by_type.items()
            if len(fitting) == 1 and not vague
        }

        def compare(old: object, new: object) -> Edit:
            inner = alone.get(type(new)) if type(old) is type(new) else None
            return whole(old, new) if inner is None else inner(old, new)

        return compare

    def _loose(self, shape: Shape) -> Compare:
        """Values of which the annotation says nothing: their own types do."""
        whole = self._whole(shape)
        text = self._exact(shape)
        tuples = self._tuples(shape)
        is_json = isinstance(shape, Anything)
        maps = self._maps(shape, Scalar("str") if is_json else shape, shape)

        def compare(old: object, new: object) -> Edit:
            kind = type(new)
            if kind is not type(old):
                return whole(old, new)
            if kind is str:
                return text(old, new)
            if kind is tuple:
                return tuples(old, new)
            if kind is FrozenMap:
                return maps(old, new)
            known = None if is_json else shape_of(kind)
            return self._records(known)(old, new) if isinstance(known, Record) else whole(old, new)

        return compare


def sequence(
    old: Sequence[Any], new: Sequence[Any], compare: Compare, write: Writer, is_flat: bool
) -> Edit:
    """The edit that makes one tuple of another: what both begin and end with is left alone.

    If as many items are left of both, each is compared with the one in its place; flat ones are written anew if that
    is shorter.
    """
    one, other = tuple(old), tuple(new)
    end = min(len(one), len(other))
    if end < len(other) and not any(map(is_not, one, other)):  # as most rows change: they grow
        return [end, 0, [_at(place, write, other[place]) for place in range(end, len(other))]]

    def edit_at(place: int) -> Edit:
        edit: Edit = _at(place % len(other), compare, one[place], other[place])
        return edit

    places = unlike(one, other, end)
    start = next((place for place in places if edit_at(place) is not None), end)
    if start == len(one) == len(other):
        return None
    ends = unlike(reversed(one), reversed(other), end - start)
    last = next((back for back in ends if edit_at(-1 - back) is not None), end - start)
    stop = len(other) - last
    inside: Edit = None
    if len(one) == len(other):
        inner = takewhile(lambda place: place < stop, chain((start,), places))
        edits = {place: edit for place in inner if (edit := edit_at(place)) is not None}
        inside = {str(place): edit for place, edit in edits.items()}
        if not is_flat or len(edits) * FEW <= stop - start:
            return inside
    written: list[Tree] = [_at(place, write, other[place]) for place in range(start, stop)]
    spliced: Edit = [start, len(one) - last - start, written]
    return spliced if inside is None else shorter(inside, spliced)


def shorter(one: Edit, other: Edit) -> Edit:
    """The shorter of two edits that come to the same."""
    return one if len(spelled(one)) <= len(spelled(other)) else other


def grown(old: str, new: str) -> Edit:
    """The edit of a text: what it grew by, if it begins as it was."""
    return [len(old), 0, new[len(old) :]] if new.startswith(old) else [new]


def _at(place: object, part: Callable[..., Any], *values: Any) -> Any:
    try:
        return part(*values)
    except Misfit as misfit:
        raise misfit.inside(place) from None
