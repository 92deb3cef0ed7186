"""Values as people write them: plain JSON, or a word, where a type is known.

Rule 1: what the type knows need not be said: a record is an object of its fields, of which those with defaults may be
        left out; a date is a text, a set is a list, a member of an enumeration is its name.
Rule 2: where several types would do, the first that fits counts; an object may name its class as logs do (`"$"`).
Rule 3: what does not fit is told with its place, and with what would have been right.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs

from detent.kernel import (
    Anything,
    Choice,
    Either,
    Exactly,
    Fixed,
    FrozenMap,
    Keyed,
    Many,
    NoJson,
    Record,
    Scalar,
    Sealed,
    Shape,
    Some,
    Unreadable,
    Unstorable,
    decode,
    described,
    fields_of,
    freeze,
    spelled,
)
from detent.tools.cli.exits import Usage

__all__ = ["Unfit", "fields_said", "from_json", "from_text", "given_json"]

WRITTEN: dict[str, tuple[type[Any], Callable[[Any], Any], str]] = {
    "Decimal": (Decimal, lambda given: Decimal(str(given)), 'a number, as in "12.50"'),
    "datetime": (datetime, datetime.fromisoformat, 'a time, as in "2026-11-29T12:00:00Z"'),
    "date": (date, date.fromisoformat, 'a date, as in "2026-11-29"'),
    "timedelta": (timedelta, lambda given: timedelta(seconds=float(given)), "a number of seconds"),
    "UUID": (UUID, UUID, "a UUID"),
    "bytes": (bytes, lambda given: b64decode(given, validate=True), "bytes in base64"),
}
"""How values without parts are read that JSON has not: their types, how, and as what they are written."""
YES, NOT = ("y", "yes", "true", "on", "1"), ("n", "no", "false", "off", "0")
PLAIN: dict[str, tuple[type[Any], ...]] = {
    **{"None": (type(None),), "bool": (bool,), "int": (int,), "str": (str,)},
    "float": (float, int),
}


class Unfit(Exception):
    """A value that is not what is wanted: where, and what would be."""

    def __init__(self, why: str, place: str = "") -> None:
        self.why = why
        self.place = place
        super().__init__(f"{place}: {why}" if place else why)

    def inside(self, step: str) -> "Unfit":
        """The same, seen from one step further out."""
        return Unfit(
            self.why, step + self.place if self.place.startswith("[") else _joined(step, self.place)
        )


def _joined(step: str, place: str) -> str:
    return f"{step}.{place}" if place else step


def given_json(text: str) -> Any:
    """What somebody gave as JSON, or as @file. Raises Usage."""
    where = "the JSON"
    if text.startswith("@"):
        where = text[1:]
        try:
            text = Path(where).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Usage(f"{where}: {getattr(error, 'strerror', None) or error}") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Usage(f"{where} is no JSON: {error}") from None


def from_json(shape: Shape, given: Any) -> Any:
    """The value that plain JSON stands for. Raises Unfit."""
    match shape:
        case Sealed(inner):
            return from_json(inner, given)
        case Anything():
            return freeze(given)
        case Record():
            return _record(shape, given)
        case Choice(kind):
            return _member(kind, given)
        case Either(members):
            return _either(members, given)
        case Exactly(values, literals):
            for literal in literals:
                if type(literal) is type(given) and literal == given:
                    return literal
            raise Unfit(f"{_shown(given)} is none of {', '.join(values)}")
        case Many(item):
            return tuple(_items(given, item))
        case Some(item):
            return frozenset(_items(given, item))
        case Fixed(items):
            return _fixed(given, items, shape)
        case Keyed(key, value):
            return _map(given, key, value, shape)
        case Scalar(name):
            return _scalar(name, given)
        case _:
            raise Unfit("it cannot be written down")


def from_text(shape: Shape, text: str) -> Any:
    """The value that a word, or JSON, stands for. Raises Unfit."""
    word = text.strip()
    match shape:
        case Sealed(inner):
            return from_text(inner, text)
        case Scalar("str"):
            return text
        case Scalar("bool"):
            if word.lower() in (*YES, *NOT):
                return word.lower() in YES
            raise Unfit(f"{text!r} is neither yes nor no")
        case Scalar("None"):
            if word.lower() in ("", "none", "null"):
                return None
            raise Unfit(f"{text!r} is not none")
        case Scalar("int" | "float") as scalar:
            return _number(scalar.name, word)
        case Scalar(name):
            return _scalar(name, word)
        case Choice(kind):
            return _member(kind, word)
        case Exactly(values, literals):
            for literal in literals:
                if word in (str(literal), json.dumps(literal) if _is_plain(literal) else ""):
                    return literal
            raise Unfit(f"{text!r} is none of {', '.join(values)}")
        case Either(members):
            return _first_of(members, text)
        case _:
            return _from_json_text(shape, word)


def fields_said(kind: Shape) -> str:
    """What JSON a shape wants, for people: `{"cents": int}`."""
    if not isinstance(kind, Record):
        return described(kind)
    optional = {one.name for one in attrs.fields(kind.kind) if one.default is not attrs.NOTHING}
    said = [
        f'"{name}": {described(shape)}' + (" (may be left out)" if name in optional else "")
        for name, shape in fields_of(kind).items()
    ]
    return "{" + ", ".join(said) + "}"


# -- words


def _number(name: str, word: str) -> int | float:
    try:
        return int(word)
    except ValueError:
        pass
    try:
        if name == "float":
            return float(word)
    except ValueError:
        pass
    raise Unfit(f"{word!r} is no {'whole number' if name == 'int' else 'number'}")


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _first_of(members: tuple[Shape, ...], text: str) -> Any:
    ordered = sorted(
        members, key=lambda one: one == Scalar("str")
    )  # a text is what all else is not
    for member in ordered:
        try:
            return from_text(member, text)
        except Unfit:
            continue
    raise Unfit(f"{text!r} is none of {', '.join(map(described, members))}")


def _from_json_text(shape: Shape, word: str) -> Any:
    try:
        given = json.loads(word)
    except (ValueError, RecursionError) as error:
        raise Unfit(f"this is no JSON ({error}): write {fields_said(shape)}") from None
    return from_json(shape, given)


# -- JSON


def _scalar(name: str, given: Any) -> Any:
    plain = PLAIN.get(name)
    if plain is not None:
        if type(given) in plain:
            return given
        if _is(given, dict):
            return _tagged(plain[0], given, name)
        raise Unfit(f"{_shown(given)} is no {'number' if name == 'float' else name}")
    kind, read, example = WRITTEN[name]
    if _is(given, dict):
        return _tagged(kind, given, name)
    try:
        return read(given)
    except (ValueError, TypeError, ArithmeticError):
        raise Unfit(f"{_shown(given)} is no {name}: write {example}") from None


def _tagged(kind: type[Any], given: Any, name: str) -> Any:
    """A value as logs write it where JSON has none such."""
    try:
        return decode(kind, spelled(given))
    except (Unreadable, NoJson):
        raise Unfit(f"{_shown(given)} is no {name}") from None


def _member(kind: type[Enum], given: Any) -> Any:
    text: Any = given
    if _is(given, dict) and _is(given.get("$enum"), str):
        text = given["$enum"].rpartition(".")[2]
    for member in kind:
        if text == member.name or (_is_plain(member.value) and given == member.value):
            return member
    lowered = [one for one in kind if isinstance(text, str) and one.name.lower() == text.lower()]
    if len(lowered) == 1:
        return lowered[0]
    raise Unfit(f"{_shown(given)} is none of {', '.join(one.name for one in kind)}")


def _items(given: Any, item: Shape) -> list[Any]:
    if not _is(given, list):
        raise Unfit(f"{_shown(given)} is no list of {described(item)}")
    whole: list[Any] = given
    return [_at(item, one, f"[{place}]") for place, one in enumerate(whole)]


def _fixed(given: Any, items: tuple[Shape, ...], shape: Shape) -> tuple[Any, ...]:
    if not _is(given, list) or len(given) != len(items):
        raise Unfit(f"{_shown(given)} is no {described(shape)}")
    whole: list[Any] = given
    return tuple(
        _at(item, one, f"[{place}]")
        for place, (item, one) in enumerate(zip(items, whole, strict=True))
    )


def _map(given: Any, key: Shape, value: Shape, shape: Shape) -> Any:
    if not _is(given, dict):
        raise Unfit(f"{_shown(given)} is no {described(shape)}")
    whole: Mapping[str, Any] = given
    pairs = [(from_text(key, name), _at(value, one, name)) for name, one in whole.items()]
    return FrozenMap(pairs)


def _either(members: tuple[Shape, ...], given: Any) -> Any:
    why: list[str] = []
    for member in members:
        try:
            return from_json(member, given)
        except Unfit as error:
            why.append(f"as {described(member)}: {error}")
    raise Unfit(f"{_shown(given)} is none of these; " + "; ".join(why))


def _record(shape: Record, given: Any) -> Any:
    kind, fields = shape.kind, fields_of(shape)
    if not _is(given, dict):
        raise Unfit(f"{_shown(given)} is no {kind.__name__}: write {fields_said(shape)}")
    said: dict[str, Any] = {**given}
    name = said.pop("$", kind.__name__)
    if name != kind.__name__:
        raise Unfit(f"this is a {name}, not a {kind.__name__}")
    for field in said:
        if field not in fields:
            raise Unfit(f"{kind.__name__} has no field {field!r}: write {fields_said(shape)}")
    values = {
        field: _at(inner, said[field], field) for field, inner in fields.items() if field in said
    }
    named = {one.name: one for one in attrs.fields(kind)}
    missing = [
        field for field in fields if field not in values and named[field].default is attrs.NOTHING
    ]
    if missing:
        raise Unfit(f"{kind.__name__} needs {', '.join(missing)}: write {fields_said(shape)}")
    aliases = {named[field].alias or field: value for field, value in values.items()}
    try:
        return kind(**aliases)
    except Exception as error:  # validators and converters are the author's code
        raise Unfit(f"{kind.__name__} refuses it: {type(error).__name__}: {error}") from error


def _at(shape: Shape, given: Any, step: str) -> Any:
    try:
        return from_json(shape, given)
    except Unfit as unfit:
        raise unfit.inside(step) from None
    except Unstorable as error:
        raise Unfit(str(error), step) from None


def _is(given: object, kind: type[Any]) -> bool:
    """Whether what JSON gives is of a type."""
    return type(given) is kind


def _shown(given: Any) -> str:
    text = json.dumps(given, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
