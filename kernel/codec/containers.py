"""Values with parts: how they are written and read, given how their parts are."""

from collections.abc import Callable, Sequence
from typing import Any

from detent.kernel.codec.leaves import Misfit, Reader, Writer, is_no, no_tree
from detent.kernel.values import FrozenMap, plain_keys
from detent.kernel.wire import Tree, spelled

__all__ = [
    "first_fitting",
    "read_fixed",
    "read_many",
    "read_map",
    "read_sealed",
    "read_set",
    "write_fixed",
    "write_many",
    "write_map",
    "write_sealed",
    "write_set",
]


def first_fitting(options: Sequence[Writer | Reader], given: Any, wanted: str) -> Any:
    """What the first of several readers or writers makes of something; if there is one alone, its own complaint."""
    if len(options) == 1:
        return options[0](given)
    for option in options:
        try:
            return option(given)
        except Misfit:
            continue
    raise no_tree(given, wanted)


def write_many(item: Writer) -> Writer:
    """Writes tuples of any length."""

    def write(value: tuple[Any, ...]) -> Tree:
        if type(value) is not tuple:
            raise is_no(value, "tuple")
        return _each(item, value)

    return write


def read_many(item: Reader) -> Reader:
    """Reads tuples of any length."""

    def read(written: Tree) -> Any:
        if type(written) is not list:
            raise no_tree(written, "tuple")
        return tuple(_each(item, written))

    return read


def write_fixed(items: Sequence[Writer]) -> Writer:
    """Writes tuples of a known length."""

    def write(value: tuple[Any, ...]) -> Tree:
        if type(value) is not tuple or len(value) != len(items):
            raise is_no(value, f"tuple of {len(items)}")
        return [_at(place, items[place], part) for place, part in enumerate(value)]

    return write


def read_fixed(items: Sequence[Reader]) -> Reader:
    """Reads tuples of a known length."""

    def read(written: Tree) -> Any:
        if type(written) is not list or len(written) != len(items):
            raise no_tree(written, f"tuple of {len(items)}")
        return tuple([_at(place, items[place], part) for place, part in enumerate(written)])

    return read


def write_set(item: Writer) -> Writer:
    """Writes frozensets, their members in the order of their spelling."""

    def write(value: frozenset[Any]) -> Tree:
        if type(value) is not frozenset:
            raise is_no(value, "frozenset")
        return {"$set": sorted([item(member) for member in value], key=spelled)}

    return write


def read_set(item: Reader) -> Reader:
    """Reads frozensets."""

    def read(written: Tree) -> Any:
        members = written.get("$set") if type(written) is dict and len(written) == 1 else None
        if type(members) is not list:
            raise no_tree(written, "frozenset")
        spellings = [spelled(member) for member in members]
        read_back = _hashed(frozenset, _each(item, members))
        if len(read_back) != len(members) or spellings != sorted(spellings):
            raise Misfit("a frozenset has each member once, in the order of their spelling")
        return read_back

    return read


def write_map(key: Writer, item: Writer) -> Writer:
    """Writes FrozenMaps: as objects if all keys are texts that can be keys of objects, else as pairs."""

    def write(value: FrozenMap[Any, Any]) -> Tree:
        if type(value) is not FrozenMap:
            raise is_no(value, "FrozenMap")
        if plain_keys(value):
            for one in value:
                key(one)
            return {one: _at(one, item, part) for one, part in value.items()}
        return {"$map": [[key(one), _at(one, item, part)] for one, part in value.items()]}

    return write


def read_map(key: Reader, item: Reader) -> Reader:
    """Reads FrozenMaps."""

    def read(written: Tree) -> Any:
        if type(written) is not dict or "$" in written:
            raise no_tree(written, "FrozenMap")
        if "$map" not in written:
            if not all(map(_is_plain, written)):
                raise no_tree(written, "FrozenMap")
            return FrozenMap({key(one): _at(one, item, part) for one, part in written.items()})
        pairs = written["$map"]
        if type(pairs) is not list or len(written) != 1:
            raise no_tree(written, "FrozenMap")
        parts = _each(_read_pair(key, item), pairs)
        read_back = _hashed(FrozenMap[Any, Any], parts)
        if len(read_back) != len(pairs) or plain_keys(read_back):
            raise Misfit("a FrozenMap has each key once, and pairs only where they are needed")
        if any(one is not other for (one, _), other in zip(parts, read_back, strict=True)):
            raise Misfit("the keys of a FrozenMap stand in their order")
        return read_back

    return read


def write_sealed(inner: Writer, word: str) -> Writer:
    """Writes values of a field that is kept apart. What does not fit is not shown: it may be the secret."""

    def write(value: Any) -> Tree:
        try:
            return {f"${word}": inner(value)}
        except Misfit as misfit:
            raise _hushed(misfit, word) from None

    return write


def read_sealed(inner: Reader, word: str) -> Reader:
    """Reads them."""
    tag = f"${word}"

    def read(written: Tree) -> Any:
        if type(written) is not dict or tag not in written or len(written) != 1:
            raise (
                Misfit(f"this is no {word} value")
                if type(written) is not dict
                else no_tree(dict.fromkeys(written), f"{word} value")
            )
        try:
            return inner(written[tag])
        except Misfit as misfit:
            raise _hushed(misfit, word) from None

    return read


def _hushed(misfit: Misfit, word: str) -> Misfit:
    """What does not fit, without what it is."""
    hushed = Misfit(f"this {word} value is not of its type")
    hushed.steps = misfit.steps
    return hushed


def _read_pair(key: Reader, item: Reader) -> Reader:
    def read(pair: Tree) -> Any:
        if type(pair) is not list or len(pair) != 2:
            raise is_no(pair, "pair of a key and a value")
        return key(pair[0]), item(pair[1])

    return read


def _hashed(make: Callable[[list[Any]], Any], parts: list[Any]) -> Any:
    """What holds its parts by their hashes, which a few values do not have (a signaling NaN, say)."""
    try:
        return make(parts)
    except TypeError as error:
        raise Misfit(str(error)) from None


def _is_plain(key: str) -> bool:
    return not key.startswith("$")


def _at(place: object, part: Writer | Reader, value: Any) -> Any:
    try:
        return part(value)
    except Misfit as misfit:
        raise misfit.inside(place) from None


def _each(part: Writer | Reader, values: Sequence[Any]) -> list[Any]:
    """What is made of each; the place is worked out only when something does not fit."""
    try:
        return [part(value) for value in values]
    except Misfit:
        return [_at(place, part, value) for place, value in enumerate(values)]
