"""What may be stored, and its one spelling in bytes.

Rule 1: two values are the same value exactly when their canonical bytes are equal. So `1`, `True`, `1.0`,
        `Decimal("1.0")` and `Decimal("1.00")` are five values, though Python calls them equal.
Rule 2: the bytes depend on the value alone: not on the process, the hash seed, or who asks.
Rule 3: a value is written as a tree of plain JSON. What JSON lacks is an object with one key that begins with
        "$"; a record is an object whose key "$" names its class. A tree can be read without anybody's code.
Left out on purpose: the way back from bytes to classes, which needs to know the classes.
"""

import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID

import attrs

from detent.kernel.errors import Unstorable
from detent.kernel.facts import Fact
from detent.kernel.wire import Tree, spelled

__all__ = [
    "INTEROPERABLE",
    "FrozenMap",
    "Json",
    "Tree",
    "canonical",
    "digest",
    "freeze",
    "moment",
    "plain_keys",
    "tree",
]

K = TypeVar("K")
V = TypeVar("V", covariant=True)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
INTEROPERABLE = 2**63  # what every reader of JSON we know of reads exactly, or as a 64-bit integer


class FrozenMap(Mapping[K, V]):
    """A mapping that never changes, can be hashed, and is read in the order of its keys.

    The order is that of the keys, not that of insertion, so that equal maps behave equally everywhere, also after
    they were stored and read back.

    >>> FrozenMap({"b": 2, "a": 1})
    FrozenMap({'a': 1, 'b': 2})
    >>> FrozenMap(a=1).set("b", 2).drop("a")
    FrozenMap({'b': 2})
    """

    __slots__ = ("_hash", "_items")

    _items: dict[K, V]
    _hash: int | None

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = (), /, **named: V) -> None:
        given: dict[Any, V] = dict(items)
        given.update(named)
        object.__setattr__(self, "_items", {key: given[key] for key in sorted(given, key=_rank)})
        object.__setattr__(self, "_hash", None)

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        if self._hash is None:
            object.__setattr__(self, "_hash", hash(frozenset(self._items.items())))
        return self._hash or 0

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a FrozenMap never changes: {name!r} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return (FrozenMap, (self._items,))

    def set(self, key: K, value: Any) -> "FrozenMap[K, Any]":
        """A map that differs in one key."""
        return FrozenMap({**self._items, key: value})

    def drop(self, key: K) -> "FrozenMap[K, V]":
        """A map without one key; a key that is not there is no error."""
        return FrozenMap({k: v for k, v in self._items.items() if k != key})


Json: TypeAlias = None | bool | int | float | str | tuple["Json", ...] | FrozenMap[str, "Json"]


def freeze(value: object) -> Json:
    """The frozen form of what a JSON reader gives: lists become tuples, dicts become FrozenMaps.

    >>> freeze({"tags": ["a", "b"], "n": 1})
    FrozenMap({'n': 1, 'tags': ('a', 'b')})
    """
    if value is None or isinstance(value, bool | int | float | str):
        if type(value) in _JSON_SCALARS:
            return value
        raise Unstorable(_advice(type(value)))
    match value:
        case list() | tuple():
            return tuple(map(freeze, cast(Iterable[object], value)))
        case Mapping():
            pairs = list(cast(Mapping[object, object], value).items())
            if odd := [key for key, _ in pairs if type(key) is not str]:
                raise Unstorable(f"the keys of JSON objects are strings, not {odd[0]!r}")
            return FrozenMap((str(key), freeze(item)) for key, item in pairs)
        case _:
            raise Unstorable(f"{value!r} is no JSON: {_name(value)} has no place in it")


def canonical(value: object) -> bytes:
    """The one spelling of a value in bytes: equal bytes, equal values.

    >>> canonical((1, True, 1.0, Decimal("1.00"), b"hi"))
    b'[1,true,1.0,{"$decimal":"1.00"},{"$bytes":"aGk="}]'
    """
    return spelled(tree(value))


def digest(value: object) -> str:
    """64 hexadecimal digits that stand for a value (BLAKE2b-256 of its canonical bytes)."""
    return blake2b(canonical(value), digest_size=32).hexdigest()


def tree(value: object) -> Tree:
    """A value as plain JSON, tagged so that no two values have one tree."""
    try:
        return _written(value)
    except RecursionError:
        raise Unstorable("a value is nested too deeply to be written") from None


@lru_cache(
    64
)  # those of the effects that end just now are asked for again, when that is stepped and written
def moment(microseconds: int) -> datetime:
    """An instant of the kernel's clock (microseconds since 1970, UTC) as a datetime; the last one for all beyond."""
    return EPOCH + timedelta(0, 0, min(microseconds, LAST))


SCALAR_CLASSES = (str, int, float, bytes, tuple, FrozenMap)
_JSON_SCALARS = (type(None), bool, int, float, str)
Writer: TypeAlias = Callable[[Any], Tree]


def _written(value: object) -> Tree:
    writer = _WRITERS.get(type(value))
    if writer is None:
        writer = _WRITERS[type(value)] = _writer_of(type(value))
    return writer(value)


def _writer_of(kind: Any) -> Writer:
    """How values of a class met for the first time are written. Subclasses of scalars are other values."""
    if issubclass(kind, Enum):
        return _flag if issubclass(kind, Flag) else _enum
    if issubclass(kind, Fact):
        return partial(_record, kind.__name__, kind.__struct_fields__)
    if issubclass(kind, SCALAR_CLASSES) or "__attrs_attrs__" not in dir(kind):
        raise Unstorable(_advice(kind))  # pyright: ignore[reportUnknownArgumentType]
    if not attrs.inspect(kind).is_frozen:
        name = kind.__qualname__
        raise Unstorable(f"{name} can be changed after it was made: use attrs.frozen")
    names = tuple(a.name for a in attrs.fields(kind) if a.init)
    return partial(_record, kind.__name__, names)


def _advice(kind: type[Any]) -> str:
    instead: dict[type[Any], str] = {
        list: "a tuple",
        set: "a frozenset",
        dict: "a FrozenMap",
        bytearray: "bytes",
    }
    for mutable, frozen in instead.items():
        if issubclass(kind, mutable):
            return f"a {kind.__qualname__} can be changed after it was made: use {frozen}"
    return f"nobody could read a {kind.__qualname__} back: use scalars, tuples, FrozenMaps or attrs.frozen"


def _same(value: Tree) -> Tree:
    return value


def _int(value: int) -> Tree:
    return value if -INTEROPERABLE <= value < INTEROPERABLE else {"$int": hex(value)}


def _float(value: float) -> Tree:
    return value if math.isfinite(value) else {"$float": repr(value)}


def _tuple(value: tuple[object, ...]) -> Tree:
    return [_written(item) for item in value]


def _set(value: frozenset[object]) -> Tree:
    return {"$set": sorted((_written(item) for item in value), key=spelled)}


def plain_keys(value: FrozenMap[Any, Any]) -> bool:
    """Whether all keys of a map can be keys of an object of JSON."""
    return all(type(key) is str and not key.startswith("$") and _is_text(key) for key in value)


def _mapping(value: FrozenMap[Any, Any]) -> Tree:
    if plain_keys(value):
        return {key: _written(item) for key, item in value.items()}
    return {"$map": [[_written(key), _written(item)] for key, item in value.items()]}


def _str(value: str) -> Tree:
    return (
        value
        if _is_text(value)
        else {"$surrogates": value.encode("utf-16-be", "surrogatepass").hex()}
    )


def _is_text(value: str) -> bool:
    """Whether a text has a spelling in UTF-8: half a pair of surrogates has none."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _datetime(value: datetime) -> Tree:
    if value.tzinfo is not None and type(value.tzinfo) is not timezone:
        raise Unstorable(
            f"{value!r} is in a zone whose rules cannot be stored: use .astimezone(UTC)"
        )
    return {"$datetime": value.replace(fold=0).isoformat()}


def _flag(value: Flag) -> Tree:
    return {"$enum": f"{type(value).__name__}.{value.value}"}


def _enum(value: Enum) -> Tree:
    return {"$enum": f"{type(value).__name__}.{value.name}"}


def _record(name: str, fields: tuple[str, ...], value: object) -> Tree:
    return {"$": name, **{field: _written(getattr(value, field)) for field in fields}}


def _tagged(tag: str, write: Callable[[Any], str], value: object) -> Tree:
    return {tag: write(value)}


_WRITERS: dict[type, Writer] = {
    type(None): _same,
    bool: _same,
    str: _str,
    int: _int,
    float: _float,
    tuple: _tuple,
    frozenset: _set,
    FrozenMap: _mapping,
    bytes: partial(_tagged, "$bytes", lambda value: b64encode(value).decode()),
    Decimal: partial(_tagged, "$decimal", lambda value: str(value).upper()),
    datetime: _datetime,
    date: partial(_tagged, "$date", date.isoformat),
    timedelta: partial(
        _tagged, "$timedelta", lambda value: str(value // timedelta(microseconds=1))
    ),
    UUID: partial(_tagged, "$uuid", str),
}


def _rank(key: object) -> tuple[str, Any]:
    """Where a key stands in a map. Kinds of keys are kept apart, so that any two keys can be compared."""
    kind = type(key)
    return (kind.__qualname__, key if kind in (str, int, bytes) else canonical(key))


def _name(value: object) -> str:
    return type(value).__qualname__
