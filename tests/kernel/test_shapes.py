"""What annotations say."""

import sys
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypeVar, Union

import pytest
from attrs import define, field, frozen

from detent import FrozenMap, Json
from detent.kernel.shapes import (
    Anything,
    Choice,
    Either,
    Exactly,
    Fixed,
    Keyed,
    Many,
    Record,
    Scalar,
    Some,
    Unknown,
    argument_of,
    described,
    fields_of,
    returns,
    shape_of,
    unstorable,
)
from tests.kernel.wide import All, Branch, Colour, Leaf

T = TypeVar("T")
U = TypeVar("U")
Age = NewType("Age", int)


@frozen
class Box(Generic[T]):
    """A generic record."""

    content: T


@frozen
class IntBox(Box[int]):
    """One that says what is in it."""


@frozen
class Named(Box[tuple[U, ...]], Generic[U]):
    """One that is generic in another way."""

    name: str


@frozen
class Deeper(IntBox):
    """Two levels down."""


@frozen
class Chain:
    """A record that holds itself."""

    next: "Chain | None" = None
    hidden: int = field(init=False, default=0)


@define
class Loose:
    """A record that can be changed."""

    n: int = 0


class Undecorated(Chain):
    """A class below a record."""

    more: int


@frozen
class Lost:
    """A record with a name nobody knows."""

    what: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore


@frozen
class Free:
    """A record with Json in it."""

    what: Json
    more: tuple[Json, ...] = ()


SHAPES: list[tuple[Any, Any, str]] = [
    (int, Scalar("int"), "int"),
    (None, Scalar("None"), "None"),
    (Age, Scalar("int"), "int"),
    (Annotated[int, "years"], Scalar("int"), "int"),
    (tuple[int, ...], Many(Scalar("int")), "tuple[int, ...]"),
    (tuple[int, str], Fixed((Scalar("int"), Scalar("str"))), "tuple[int, str]"),
    (tuple[()], Fixed(()), "tuple[()]"),
    (frozenset[str], Some(Scalar("str")), "frozenset[str]"),
    (FrozenMap[str, int], Keyed(Scalar("str"), Scalar("int")), "FrozenMap[str, int]"),
    (Colour, Choice(Colour), "Colour(RED, BLUE)"),
    (Literal["b", "a"], Exactly(("'a'", "'b'")), "Literal['a', 'b']"),
    (Literal[1, True], Exactly(("1", "True")), "Literal[1, True]"),
    (Literal["b"] | Literal["a"], Exactly(("'a'", "'b'")), "Literal['a', 'b']"),
    (Literal["b"] | Literal["a"] | int, None, "Literal['a', 'b'] | int"),
    (Literal[Colour.RED], Exactly(("Colour.RED",)), "Literal[Colour.RED]"),
    (Leaf, Record(Leaf), "Leaf"),
    (Box[int], Record(Box, (Scalar("int"),)), "Box[int]"),
    (Json, Anything(), "Json"),
    (Json | int, Anything(), "Json"),
    (Optional[int], Either((Scalar("None"), Scalar("int"))), "None | int"),  # noqa: UP045
    (
        Union[str, int | None],  # noqa: UP007
        Either(tuple(map(Scalar, ("None", "int", "str")))),
        "None | int | str",
    ),
    (list[int], None, "?"),
]


@pytest.mark.parametrize(("annotation", "shape", "text"), SHAPES, ids=[s[2] for s in SHAPES])
def test_an_annotation_has_a_shape_and_the_shape_a_description(
    annotation: Any, shape: Any, text: str
) -> None:
    found = shape_of(annotation)

    assert found == shape or shape is None
    assert described(found) == text


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (list[int], "use tuple"),
        (dict[str, int], "use FrozenMap"),
        (set[int], "use frozenset"),
        (bytearray, "use bytes"),
        (Loose, "attrs.frozen"),
        (Undecorated, "attrs.frozen"),
        (tuple, "say what is in it"),
        (frozenset, "say what is in it"),
        (FrozenMap, "say what is in it"),
        (object, "attrs.frozen"),
        (Any, "says nothing"),
        (Sequence[int], "attrs.frozen"),
        (Mapping[str, int], "attrs.frozen"),
        (T, "not given"),
        ("Nowhere", "cannot be found"),
        (complex, "attrs.frozen"),
    ],
)
def test_what_cannot_be_stored_says_why(annotation: Any, why: str) -> None:
    found = shape_of(annotation)

    assert isinstance(found, Unknown)
    assert why in found.why


def test_type_parameters_are_put_in_wherever_they_were_given() -> None:
    assert fields_of(Record(IntBox)) == {"content": Scalar("int")}
    assert fields_of(Record(Deeper)) == {"content": Scalar("int")}
    assert fields_of(Record(Named, (Scalar("str"),))) == {
        "content": Many(Scalar("str")),
        "name": Scalar("str"),
    }


def test_the_parameter_of_a_base_can_be_asked() -> None:
    assert argument_of(IntBox, Box) == Scalar("int")
    assert isinstance(argument_of(Box, Box), Unknown)


def test_records_may_hold_themselves() -> None:
    assert fields_of(Record(Chain)) == {"next": Either((Record(Chain), Scalar("None")))}
    assert list(unstorable(shape_of(Chain))) == []
    assert list(unstorable(shape_of(Branch))) == []


def test_json_is_known_inside_records() -> None:
    assert fields_of(Record(Free)) == {"what": Anything(), "more": Many(Anything())}


def test_json_is_known_where_nobody_imported_its_parts() -> None:
    module: Any = {"Json": Json, "frozen": frozen, "__name__": "elsewhere"}
    exec("@frozen\nclass Held:\n    what: Json", module)  # a module that imports Json alone

    assert fields_of(Record(module["Held"])) == {"what": Anything()}


def test_a_record_inside_a_function_knows_itself() -> None:
    @frozen
    class Local:
        inner: "Local | None" = None
        when: "datetime | None" = None

    assert list(unstorable(shape_of(Local))) == []


def test_a_name_nobody_knows_is_told() -> None:
    ((path, why),) = unstorable(shape_of(Lost))

    assert path == "what"
    assert "Nowhere" in why


def test_everything_that_cannot_be_stored_is_found_with_its_path() -> None:
    @frozen
    class Inner:
        names: list[str]
        more: tuple[set[int], ...]

    @frozen
    class Outer:
        inner: Inner | None
        notes: FrozenMap[str, dict[str, int]]

    assert [path for path, _ in unstorable(shape_of(Outer))] == [
        "notes",
        "inner.names",
        "inner.more",
    ]


def test_everything_storable_is_storable() -> None:
    assert list(unstorable(shape_of(All))) == []
    assert described(fields_of(Record(All))["tree"]) == "Branch | Leaf"


class Alias:
    """What `type X = ...` makes, as far as it matters, on any Python."""

    def __init__(self) -> None:
        self.__value__: Any = tuple[int, ...]


def test_an_alias_has_the_shape_of_what_it_stands_for() -> None:
    endless = Alias()
    endless.__value__ = tuple[endless, ...]  # type: ignore[valid-type]

    assert shape_of(Alias()) == Many(Scalar("int"))
    assert list(unstorable(shape_of(endless)))


def test_what_a_callable_returns_is_known_if_it_says_so() -> None:
    def says(n: int) -> str:
        return str(n)

    def lies(n: int) -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore
        return n

    assert returns(says) is str
    assert returns(lies) is Any
    assert returns(lambda n: n) is Any


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` statements came with Python 3.12")
def test_an_alias_is_what_it_stands_for() -> None:
    alias: Any = vars(typing)["TypeAliasType"]("alias", tuple[Decimal, ...])

    assert shape_of(alias) == Many(Scalar("Decimal"))
