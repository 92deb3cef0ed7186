"""What the annotations of a class say its values are: the one reader of types in the kernel.

The compiler refuses what cannot be stored, guards are checked against fields, and digests describe classes: all of
them ask here, so that they cannot disagree.

Rule 1: a shape is a value; two annotations that mean the same have equal shapes (`Optional[int]`, `None | int`).
Rule 2: a description of a shape is the same text in every process and on every version of Python.
Rule 3: records are not unfolded until somebody asks for their fields, so classes may refer to themselves.
The file is long because Python has many ways to write one type.
Left out on purpose: whether a value fits its shape, which is asked when a value is read back.
"""

import builtins
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, cast
from uuid import UUID

import attrs
from attrs import field, frozen

from detent.kernel.values import FrozenMap, Json

T = TypeVar("T")

__all__ = [
    "Anything",
    "Choice",
    "Either",
    "Exactly",
    "Fixed",
    "Keyed",
    "Many",
    "Personal",
    "Record",
    "Scalar",
    "Sealed",
    "Secret",
    "Shape",
    "Some",
    "Unknown",
    "argument_of",
    "described",
    "fields_of",
    "is_frozen",
    "merged",
    "parts_of",
    "returns",
    "shape_of",
    "unstorable",
]


@frozen
class Scalar:
    """A value without parts, by the name of its type."""

    name: str


@frozen
class Choice:
    """One of the members of an enumeration."""

    kind: type[Enum]


@frozen
class Exactly:
    """One of some literal values. (Spelled, because Python takes `1` and `True` for equal.)"""

    values: tuple[str, ...]
    literals: tuple[Any, ...] = field(default=(), eq=False, repr=False)
    """The values themselves, in the same order."""


@frozen(cache_hash=True)
class Many:
    """A tuple of any length."""

    item: "Shape"


@frozen(cache_hash=True)
class Fixed:
    """A tuple of a known length."""

    items: "tuple[Shape, ...]"


@frozen(cache_hash=True)
class Some:
    """A frozenset."""

    item: "Shape"


@frozen(cache_hash=True)
class Keyed:
    """A FrozenMap."""

    key: "Shape"
    value: "Shape"


@frozen(cache_hash=True)
class Record:
    """A frozen attrs class, with the arguments of its type parameters."""

    kind: type[Any]
    arguments: "tuple[Shape, ...]" = ()


@frozen(cache_hash=True)
class Either:
    """One of several shapes, none of which is a choice itself."""

    members: "tuple[Shape, ...]"


@frozen
class Anything:
    """Any JSON value."""


@frozen(cache_hash=True)
class Sealed:
    """A value of a field that is kept apart from the rest, so that it can be erased."""

    inner: "Shape"
    word: "Word"


@frozen
class Unknown:
    """No shape: the values could not be stored, or not be read back. `why` completes «is ...»."""

    why: str


Shape: TypeAlias = (
    Scalar
    | Choice
    | Exactly
    | Many
    | Fixed
    | Some
    | Keyed
    | Record
    | Either
    | Anything
    | Sealed
    | Unknown
)
Bindings: TypeAlias = Mapping[Any, Shape]
Word: TypeAlias = Literal["secret", "personal"]

SECRET, PERSONAL = Literal["detent.secret"], Literal["detent.personal"]
Secret: TypeAlias = Annotated[T, SECRET]
"""The type of a field whose value the log keeps sealed: a key, a password. `token: Secret[str]`"""
Personal: TypeAlias = Annotated[T, PERSONAL]
"""The type of a field whose value the log keeps sealed, because somebody may ask to have it erased."""

SCALARS: dict[object, str] = {
    type(None): "None",
    None: "None",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    Decimal: "Decimal",
    datetime: "datetime",
    date: "date",
    timedelta: "timedelta",
    UUID: "UUID",
}
INSTEAD: dict[str, str] = {
    "list": "tuple[..., ...]",
    "dict": "FrozenMap[..., ...]",
    "set": "frozenset[...]",
    "bytearray": "bytes",
}


def shape_of(annotation: object, bindings: Bindings = types.MappingProxyType({})) -> Shape:
    """The shape an annotation stands for; what cannot be stored is an Unknown that says why.

    >>> shape_of(tuple[int, ...])
    Many(item=Scalar(name='int'))
    >>> shape_of(list[int])
    Unknown(why='list[int], which can be changed after it was made: use tuple[..., ...]')
    """
    if isinstance(annotation, TypeVar):
        return bindings.get(
            annotation, Unknown(f"the type parameter {annotation}, which is not given")
        )
    if annotation is AnyJson or annotation == Json or _is_forward_json(annotation):
        return Anything()
    if (annotation is None or isinstance(annotation, type)) and annotation in SCALARS:
        return Scalar(SCALARS[annotation])
    origin = typing.get_origin(annotation)
    if alias := getattr(
        origin, "__value__", None
    ):  # pragma: no cover - `type X[T] = ...`, from 3.12 on
        parameters: tuple[Any, ...] = getattr(origin, "__type_params__", ())
        given = [shape_of(one, bindings) for one in typing.get_args(annotation)]
        return shape_of(alias, {**bindings, **dict(zip(parameters, given, strict=False))})
    if origin is None:
        return _plain(annotation, bindings)
    return _generic(origin, typing.get_args(annotation), annotation, bindings)


def fields_of(record: Record) -> Mapping[str, Shape]:
    """The fields of a record that are part of its value, in their order, with the shapes of its arguments put in.

    What cannot be resolved is Unknown.
    """
    known = _FIELDS.get(record)
    if known is None:
        known = types.MappingProxyType(_read_fields(record))
        if not any(isinstance(shape, Unknown) for shape in known.values()):
            _FIELDS[record] = known  # what is unknown may be defined later
    return known


def described(shape: Shape) -> str:
    """A shape as the annotation one would write; records by their name alone.

    >>> described(shape_of(typing.Optional[tuple[int, ...]]))
    'None | tuple[int, ...]'
    """
    match shape:
        case Scalar(name):
            return name
        case Choice(kind):
            return f"{kind.__name__}({', '.join(kind.__members__)})"
        case Exactly(values):
            return f"Literal[{', '.join(values)}]"
        case Many(item):
            return f"tuple[{described(item)}, ...]"
        case Fixed(items):
            return f"tuple[{', '.join(map(described, items)) or '()'}]"
        case Some(item):
            return f"frozenset[{described(item)}]"
        case Keyed(key, value):
            return f"FrozenMap[{described(key)}, {described(value)}]"
        case Record(kind, arguments):
            inside = f"[{', '.join(map(described, arguments))}]" if arguments else ""
            return f"{kind.__name__}{inside}"
        case Either(members):
            return " | ".join(map(described, members))
        case Anything():
            return "Json"
        case Sealed(inner, word):
            return f"{word.capitalize()}[{described(inner)}]"
        case _:
            return "?"


def unstorable(shape: Shape, seen: frozenset[Record] = frozenset()) -> Iterator[tuple[str, str]]:
    """Everything inside a shape that cannot be stored: the path of fields that leads there, and why.

    >>> @frozen
    ... class Basket:
    ...     names: list[str]
    >>> list(unstorable(shape_of(Basket)))
    [('names', 'list[str], which can be changed after it was made: use tuple[..., ...]')]
    """
    visited = set(seen)
    waiting: list[tuple[str, Shape]] = [("", shape)]
    while waiting:
        path, here = waiting.pop(0)
        if isinstance(here, Unknown):
            yield path, here.why
        elif isinstance(here, Record):
            if here not in visited:
                visited.add(here)
                waiting += [
                    (f"{path}.{name}".lstrip("."), inner) for name, inner in fields_of(here).items()
                ]
        else:
            waiting += [(path, inner) for inner in parts_of(here)]


def returns(function: object) -> object:
    """What a callable is annotated to return; what says nothing returns Any."""
    try:
        return typing.get_type_hints(function, include_extras=True).get("return", Any)
    except Exception:  # annotations are the author's code, and some callables have none
        return Any


def is_frozen(kind: type) -> bool:
    """Whether a class is a frozen attrs class itself, and not merely derived from one."""
    return "__attrs_attrs__" in vars(kind) and attrs.inspect(kind).is_frozen


def merged(shapes: Iterable[Shape]) -> Shape:
    """The shape of a value that has one of several shapes."""
    return _either(list(shapes))


def argument_of(kind: type, base: type) -> Shape:
    """What a class gives for the type parameter of a generic base of one parameter.

    >>> class Names(typing.Generic[T]): ...
    >>> class Texts(Names[str]): ...
    >>> argument_of(Texts, Names)
    Scalar(name='str')
    """
    (parameter,) = getattr(base, "__parameters__", (None,))
    return _bindings(kind, ()).get(
        parameter, Unknown(f"what {kind.__name__} does not say: {base.__name__}[...]")
    )


def parts_of(shape: Shape) -> tuple[Shape, ...]:
    """The shapes directly inside one that is no record."""
    match shape:
        case Many(item) | Some(item) | Sealed(item):
            return (item,)
        case Fixed(items) | Either(items):
            return items
        case Keyed(key, value):
            return (key, value)
        case _:
            return ()


JSON: frozenset[Shape] = frozenset(
    {
        *(Scalar(name) for name in ("None", "bool", "int", "float", "str")),
        Many(Anything()),
        Keyed(Scalar("str"), Anything()),
    }
)


class AnyJson:
    """Stands for Json while the annotations of a class are resolved (Json refers to itself)."""


_FIELDS: dict[Record, Mapping[str, Shape]] = {}


def _is_forward_json(annotation: object) -> bool:
    name = annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else annotation
    return type(name) is str and name == "Json"


def _plain(annotation: object, bindings: Bindings) -> Shape:
    """An annotation without brackets."""
    if isinstance(annotation, typing.NewType):
        return shape_of(annotation.__supertype__, bindings)
    if alias := getattr(annotation, "__value__", None):  # `type X = ...` of Python 3.12
        try:
            return shape_of(alias, bindings)
        except RecursionError:
            return Unknown(f"{annotation}, an alias that holds itself: use a class, or Json")
    if isinstance(annotation, typing.ForwardRef | str):
        return Unknown(f"{annotation!r}, a name that cannot be found from its module")
    if annotation is Any or not isinstance(annotation, type):
        return Unknown(f"{_shown(annotation)}, which says nothing about its values")
    if issubclass(annotation, Enum):
        return Choice(annotation)
    kind = cast(type[Any], annotation)
    if kind in (tuple, frozenset, FrozenMap):
        return Unknown(f"a bare {kind.__name__}: say what is in it")
    return _record(kind, (), kind)


def _generic(
    origin: Any, arguments: tuple[Any, ...], annotation: object, bindings: Bindings
) -> Shape:
    """An annotation with brackets, or a union."""
    if origin in (typing.Union, types.UnionType):
        return _either([shape_of(member, bindings) for member in arguments])
    if origin is typing.Annotated:
        inner = shape_of(arguments[0], bindings)
        if SECRET in arguments:
            return Sealed(_opened(inner), "secret")
        return Sealed(_opened(inner), "personal") if PERSONAL in arguments else inner
    if origin is typing.Literal:
        return _exactly({_literal(argument): argument for argument in arguments})
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return Many(shape_of(arguments[0], bindings))
    inside = tuple(shape_of(argument, bindings) for argument in arguments)
    if origin is tuple:
        return Fixed(inside)
    if origin is frozenset:
        return Some(*inside)
    if origin is FrozenMap:
        key, value = inside
        if isinstance(key, Sealed):  # keys are part of the path to what they hold: all or nothing
            return Sealed(Keyed(_opened(key), value), key.word)
        return Keyed(key, value)
    return _record(origin, inside, annotation)


def _record(kind: type, arguments: tuple[Shape, ...], annotation: object) -> Shape:
    if not attrs.has(kind):
        name = kind.__name__
        if name in INSTEAD and kind is getattr(builtins, name):
            return Unknown(
                f"{_shown(annotation)}, which can be changed after it was made: use {INSTEAD[name]}"
            )
        return Unknown(f"{_shown(annotation)}, which nobody could read back: use attrs.frozen")
    if not is_frozen(kind):
        return Unknown(f"{kind.__name__}, which can be changed after it was made: use attrs.frozen")
    return Record(kind, arguments)


def _either(members: list[Shape]) -> Shape:
    """A union: flat, without repetition, in an order of its own, so that it does not matter how it was written."""
    flat: dict[Shape, None] = {}
    for member in members:
        flat.update(dict.fromkeys(member.members if isinstance(member, Either) else (member,)))
    if seals := [member for member in flat if isinstance(member, Sealed)]:
        return _all_sealed(flat, seals)
    if Anything() in flat or set(flat) >= JSON:
        flat = {Anything(): None, **{member: None for member in flat if member not in JSON}}
    literals = [member for member in flat if isinstance(member, Exactly)]
    if len(literals) > 1:
        together = {
            value: actual
            for literal in literals
            for value, actual in zip(literal.values, literal.literals, strict=True)
        }
        flat = {member: None for member in flat if member not in literals}
        flat[_exactly(together)] = None
    ordered = tuple(sorted(flat, key=described))
    return ordered[0] if len(ordered) == 1 else Either(ordered)


def _all_sealed(members: Iterable[Shape], seals: list[Sealed]) -> Shape:
    """A union with a sealed member is sealed as a whole: which member a value is of would tell something of it."""
    word: Word = "secret" if any(seal.word == "secret" for seal in seals) else "personal"
    return Sealed(_either([_opened(member) for member in members]), word)


def _opened(shape: Shape) -> Shape:
    return _opened(shape.inner) if isinstance(shape, Sealed) else shape


def _exactly(spelled: Mapping[str, Any]) -> Exactly:
    words = tuple(sorted(spelled))
    return Exactly(words, tuple(spelled[word] for word in words))


def _read_fields(record: Record) -> dict[str, Shape]:
    kind = record.kind
    hints, lost = _hints(kind)
    bindings = _bindings(kind, record.arguments)
    names = [a.name for a in attrs.fields(kind) if a.init]
    return {name: lost or shape_of(hints.get(name), bindings) for name in names}


def _hints(kind: type) -> tuple[dict[str, Any], Unknown | None]:
    """The annotations of a class with names resolved; a class made inside a function knows its own name."""
    try:
        return typing.get_type_hints(kind, localns={kind.__name__: kind}, include_extras=True), None
    except NameError:
        pass
    try:
        local = {kind.__name__: kind, "Json": AnyJson, "FrozenMap": FrozenMap}
        return typing.get_type_hints(kind, localns=local, include_extras=True), None
    except Exception as error:  # annotations are the author's code
        return {}, Unknown(f"an annotation of {kind.__name__} that cannot be resolved ({error})")


def _bindings(kind: type, arguments: tuple[Shape, ...]) -> dict[Any, Shape]:
    """What the type parameters of a class, and of its bases, stand for."""
    bindings: dict[Any, Shape] = dict(
        zip(getattr(kind, "__parameters__", ()), arguments, strict=False)
    )
    for base in vars(kind).get("__orig_bases__", kind.__bases__):
        origin = typing.get_origin(base) or base
        given = tuple(shape_of(argument, bindings) for argument in typing.get_args(base))
        if origin not in (typing.Generic, typing.Protocol, object):
            bindings.update(_bindings(origin, given))
    return bindings


def _literal(value: object) -> str:
    return f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)


def _shown(annotation: object) -> str:
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")
