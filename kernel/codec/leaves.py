"""Values without parts: how each is written, and read back only if it is spelled as it would be written."""

from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, TypeAlias
from uuid import UUID

from detent.kernel.errors import Unstorable
from detent.kernel.names import shown
from detent.kernel.shapes import (
    Anything,
    Choice,
    Exactly,
    Fixed,
    Keyed,
    Many,
    Record,
    Scalar,
    Shape,
    Some,
)
from detent.kernel.values import INTEROPERABLE, FrozenMap, tree
from detent.kernel.wire import Tree, spelled

__all__ = [
    "READERS",
    "Misfit",
    "Reader",
    "Writer",
    "is_no",
    "no_tree",
    "read_choice",
    "read_literal",
    "tag_of",
    "types_of",
    "write_choice",
    "write_float",
    "write_literal",
    "write_scalar",
]

Reader: TypeAlias = Callable[[Tree], Any]
Writer: TypeAlias = Callable[[Any], Tree]


class Misfit(Exception):
    """A value that is not of its shape. The place is put together on the way out."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.steps: list[str] = []

    def inside(self, step: object) -> "Misfit":
        """The same, seen from one step further out."""
        self.steps.append(f"[{step!r}]" if isinstance(step, int) else f".{step}")
        return self

    @property
    def place(self) -> str:
        """The way from the whole value to what does not fit."""
        return "".join(reversed(self.steps)).lstrip(".")

    def __str__(self) -> str:
        return f"{self.place}: {self.why}" if self.steps else self.why


def is_no(value: object, wanted: str) -> Misfit:
    """What to raise for a value that is not what is wanted."""
    return Misfit(f"{shown(value)} is no {wanted}")


def no_tree(given: object, wanted: str) -> Misfit:
    """What to raise for a tree that is not what is wanted."""
    written: Any = given
    if type(written) is dict:
        if "$sealed" in written:
            return Misfit(f"this {wanted} is sealed, and what it seals is not there")
        if "$blob" in written:
            return Misfit(f"this {wanted} lies beside the log, and is not there")
    return is_no(given, wanted)


def tag_of(written: Mapping[str, Tree]) -> str | None:
    """What says how an object is to be read: `$` for a record, the key of a tagged value, nothing for a map."""
    if "$" in written:
        return "$"
    if len(written) == 1:
        (key,) = written
        return key if key.startswith("$") else None
    return None


def types_of(shape: Shape) -> tuple[type, ...]:
    """The types that values of a shape have; nothing if nobody can say."""
    match shape:
        case Scalar("float"):
            return (float, int)
        case Scalar(name):
            return (TYPES[name],)
        case Choice(kind) | Record(kind):
            return (kind,)
        case Exactly(literals=literals):
            return tuple(set(map(type, literals)))
        case Many() | Fixed():
            return (tuple,)
        case Some():
            return (frozenset,)
        case Keyed():
            return (FrozenMap,)
        case Anything():
            return (type(None), bool, int, float, str, tuple, FrozenMap)
        case _:
            return ()


# -- writing


def write_scalar(name: str) -> Writer:
    """Writes values of a scalar type, and of no type derived from it."""
    wanted = TYPES[name]
    if wanted is int:
        return write_int
    if wanted in (type(None), bool):

        def write_as_it_is(value: Any) -> Tree:
            if type(value) is wanted:
                plain: Tree = value
                return plain
            raise is_no(value, name)

        return write_as_it_is

    def write(value: Any) -> Tree:
        if type(value) is str is wanted and value.isascii():  # most are their own trees
            return value
        if type(value) is not wanted:
            raise is_no(value, name)
        try:
            return tree(value)
        except Unstorable as error:
            raise Misfit(str(error)) from None

    return write


def write_int(value: Any) -> Tree:
    """Writes an int; most are their own trees."""
    if type(value) is int:
        return value if -INTEROPERABLE <= value < INTEROPERABLE else tree(value)
    raise is_no(value, "int")


def write_float(value: Any) -> Tree:
    """Writes a float, or an int as the int it is."""
    if type(value) is float or type(value) is int:
        return tree(value)
    raise is_no(value, "float")


def write_choice(kind: type[Enum]) -> Writer:
    """Writes members of an enumeration."""

    def write(value: Any) -> Tree:
        if type(value) is kind:
            return tree(value)
        raise is_no(value, kind.__name__)

    return write


def write_literal(shape: Exactly) -> Writer:
    """Writes one of some literal values."""
    known = {_key(literal) for literal in shape.literals}

    def write(value: Any) -> Tree:
        try:
            if _key(value) in known:
                return tree(value)
        except Unstorable:
            pass  # then it is none of the literals, which all can be stored
        raise is_no(value, f"one of {', '.join(shape.values)}")

    return write


# -- reading


def read_choice(kind: type[Enum]) -> Reader:
    """Reads members of an enumeration by name, and flags by value."""
    start = f"{kind.__name__}."

    def read(written: Tree) -> Any:
        text = written.get("$enum") if type(written) is dict and len(written) == 1 else None
        if type(text) is not str or not text.startswith(start):
            raise no_tree(written, kind.__name__)
        name = text.removeprefix(start)
        try:
            member = kind(int(name)) if issubclass(kind, Flag) else kind[name]
        except (KeyError, ValueError):
            raise Misfit(f"{kind.__name__} has no member {name!r}") from None
        return _spelled_so(member, written, kind.__name__)

    return read


def read_literal(shape: Exactly) -> Reader:
    """Reads one of some literal values."""
    known = {_key(literal): literal for literal in shape.literals}

    def read(written: Tree) -> Any:
        key = spelled(written)
        if key in known:
            return known[key]
        raise no_tree(written, f"one of {', '.join(shape.values)}")

    return read


def _key(value: object) -> bytes:
    return spelled(tree(value))


def _plain(kind: type, name: str) -> Reader:
    def read(written: Tree) -> Any:
        if type(written) is kind:
            return written
        raise no_tree(written, name)

    return read


def _read_int(written: Tree) -> Any:
    if type(written) is int and -(2**63) <= written < 2**63:
        return written
    return _READ_BIG(written)


def _read_float(written: Tree) -> Any:
    if type(written) is float:
        return written
    if type(written) is dict and "$float" in written:
        return _READ_ODD_FLOAT(written)
    try:
        return _read_int(written)
    except Misfit:
        raise no_tree(written, "float") from None


def _read_str(written: Tree) -> Any:
    return written if type(written) is str else _READ_SURROGATES(written)


def _tagged(tag: str, name: str, parse: Callable[[str], object]) -> Reader:
    """Reads an object with one key."""

    def read(written: Tree) -> Any:
        text = written.get(tag) if type(written) is dict and len(written) == 1 else None
        if type(text) is not str:
            raise no_tree(written, name)
        try:
            value = parse(text)
        except (ValueError, ArithmeticError):
            raise no_tree(written, name) from None
        return _spelled_so(value, written, name)

    return read


def _spelled_so(value: object, written: Tree, name: str) -> object:
    """A value, if it is written exactly as it was."""
    if tree(value) == written:
        return value
    raise no_tree(written, name)


_READ_BIG = _tagged("$int", "int", lambda text: int(text, 16))
_READ_ODD_FLOAT = _tagged("$float", "float", float)
_READ_SURROGATES = _tagged(
    "$surrogates", "str", lambda text: bytes.fromhex(text).decode("utf-16-be", "surrogatepass")
)

READERS: dict[str, Reader] = {
    "None": _plain(type(None), "None"),
    "bool": _plain(bool, "bool"),
    "int": _read_int,
    "float": _read_float,
    "str": _read_str,
    "bytes": _tagged("$bytes", "bytes", lambda text: b64decode(text, validate=True)),
    "Decimal": _tagged("$decimal", "Decimal", Decimal),
    "datetime": _tagged("$datetime", "datetime", datetime.fromisoformat),
    "date": _tagged("$date", "date", date.fromisoformat),
    "timedelta": _tagged("$timedelta", "timedelta", lambda us: timedelta(microseconds=int(us))),
    "UUID": _tagged("$uuid", "UUID", UUID),
    "$int": _READ_BIG,
    "$float": _READ_ODD_FLOAT,
    "$surrogates": _READ_SURROGATES,
}
"""Readers by the name of a type, and by the tag that says which type it is."""
READERS.update(
    (f"${name.lower()}", READERS[name])
    for name in ("bytes", "Decimal", "datetime", "date", "timedelta", "UUID")
)

TYPES: dict[str, type] = {
    "None": type(None),
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes,
    "Decimal": Decimal,
    "datetime": datetime,
    "date": date,
    "timedelta": timedelta,
    "UUID": UUID,
}
