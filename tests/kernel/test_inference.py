"""What is told about an expression from the types of the fields alone."""

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from detent import Event, Machine, On, Secret, State, assign, compile_machine
from detent.kernel.guards import findings, kind_of, parse
from detent.kernel.inference import UNSURE
from detent.kernel.shapes import Anything, Either, Scalar, Shape, Unknown, described, shape_of
from tests.kernel.guard_toys import (
    ORDER,
    PAID,
    SETTLED,
    TEXTS,
    TRUTHS,
    Status,
    parsed,
)


@SETTLED
@given(TEXTS | TRUTHS, st.booleans())
def test_a_check_against_types_never_raises(text: str, boolean: bool) -> None:
    expression = parsed(text)

    found = findings(expression, ORDER, PAID, boolean=boolean)
    assert len(set(found)) == len(found)
    assert described(kind_of(expression, ORDER, PAID))
    assert findings(expression, Anything(), Anything(), boolean=False) == findings(
        expression, Unknown("new"), Unknown("new"), boolean=False
    )


@SETTLED
@given(TRUTHS)
def test_a_guard_that_python_understands_has_no_findings(text: str) -> None:
    @frozen
    class Data:
        a: float
        b: int
        p: bool
        s: str
        bits: tuple[bool, ...]

    @frozen
    class Event:
        c: int
        q: bool

    expression = parsed(text)
    found = findings(expression, shape_of(Data), shape_of(Event), boolean=True)

    assert [finding for finding in found if "data.s is None" not in finding] == []


# Findings.

FOUND: list[tuple[str, str]] = [
    ("data.totl > 0", "data.totl: Order has no field 'totl': did you mean total?"),
    ("data.buyer.town == 'x'", "Address has no field 'town': it has city, zip"),
    ("data.nothing_like_it == 1", "Order has no field 'nothing_like_it'"),
    ("data.is_large", "a guard reads fields, not methods or properties"),
    ("data.name.upper == 'A'", "data.name.upper: str has no field 'upper'"),
    ("data.stock.apples > 1", "FrozenMap[str, int] has no field 'apples'"),
    ("data.other.town == 'x'", "Address | Company | None has no field 'town'"),
    ("event.cent == 1", "event.cent: Paid has no field 'cent': did you mean cents?"),
    ("data.name > 3", "data.name > 3: data.name is str, 3 is int: there is no order between them"),
    ("data.colour < data.colour", "no order"),
    ("0 < data.total < data.name", "data.total < data.name: data.total is int"),
    ("data.at < data.day", "no order"),
    ("data.stock < data.stock", "no order"),
    ("min(data.name, data.total) == 1", "no order"),
    ("data.name == 3", "data.name == 3: data.name is str, 3 is int: they are never equal"),
    ("3 != data.name", "never equal"),
    ("data.total is None", "data.total is int, None is None: they are never equal"),
    ("data.total is not None", "never equal"),
    ("data.at == data.day", "never equal"),
    ("data.buyer == 'Bern'", "never equal"),
    ("data.tags == data.codes", "never equal"),
    ("data.colour == 'RED'", "never equal (were Colour a StrEnum, they could be)"),
    (
        "data.status == 'opne'",
        "data.status is Status(OPEN, CLOSED), never 'opne': did you mean 'open'?",
    ),
    ("'opne' == data.status", "never 'opne': did you mean 'open'?"),
    ("data.status == 'xyzzy'", "data.status is Status(OPEN, CLOSED), never 'xyzzy'"),
    ("data.size == 'smal'", "never 'smal': did you mean 'small'?"),
    ("data.rank == 3", "data.rank is Literal[1, 2] | None, never 3"),
    ("data.size == 1", "never equal"),
    ("data.status in ('open', 'clsed')", "never 'clsed': did you mean 'closed'?"),
    ("data.total in (1, 'b')", "data.total is int, 'b' is str: they are never equal"),
    ("data.total in data.tags", "it is never a member"),
    ("data.total in data.name", "it is never a member"),
    ("data.name not in data.codes", "it is never a member"),
    ("1.5 in data.stock", "it is never a member"),
    ("data.colour in data.pair", "it is never a member"),
    ("1 in data.total", "data.total is int, and in takes a text or a collection"),
    ("1 not in data.at", "and not in takes a text or a collection"),
    (
        "data.name + 'a' == 'b'",
        "data.name is str, 'a' is str: + takes numbers, dates and durations",
    ),
    ("data.name * 3 == 'b'", "* takes numbers that go together"),
    ("data.ready + 1 == 2", "+ takes numbers"),
    (
        "data.price * data.weight > 1",
        "data.price is Decimal, data.weight is float: * takes numbers",
    ),
    ("data.at + data.at == data.at", "+ takes numbers"),
    ("data.age * 2 == data.age", "* takes numbers"),
    ("-data.name == 1", "data.name is str, and minus takes a number"),
    ("abs(data.tags) == 1", "data.tags is tuple[str, ...], and abs takes a number"),
    (
        "data.name and data.ready",
        "data.name is str, and and takes True or False: write len(data.name) > 0",
    ),
    ("data.ready or data.total", "and or takes True or False: write data.total != 0"),
    ("not data.other", "and not takes True or False: write data.other is not None"),
    ("not data.colour", "data.colour is Colour(RED, BLUE), and not takes True or False"),
    ("len(data.total) == 1", "data.total is int, and len takes a text or a collection"),
    ("min(data.total) == 1", "data.total is int, and min takes a text or a collection"),
    ("any(data.ready)", "data.ready is bool, and any takes a text or a collection"),
    (
        "all(data.tags)",
        "data.tags is tuple[str, ...], and all takes members that are True or False",
    ),
    ("data.total", "data.total is int, and a guard takes True or False: write data.total != 0"),
    ("data.tags", "and a guard takes True or False: write len(data.tags) > 0"),
    ("data.total + 1", "data.total + 1 is int, and a guard takes True or False"),
    ("max(data.tags)", "max(data.tags) is str, and a guard"),
    ("len(data.tags)", "len(data.tags) is int, and a guard"),
]


@pytest.mark.parametrize(("text", "told"), FOUND)
def test_what_is_certainly_wrong_is_found(text: str, told: str) -> None:
    found = findings(parse(text), ORDER, PAID, boolean=True)

    assert len(found) == 1
    assert told in found[0]


SILENT = [
    "data.total > 0",
    "data.total > 1.5 and data.price < 3 and data.weight == data.price",
    "data.ready == True and data.ready",
    "data.ready == 1",
    "data.limit > 3",
    "data.limit is None or data.limit + 1 > 2",
    "data.maybe",
    "not data.maybe",
    "data.other.city == 'Bern'",
    "data.other.zip is None",
    "data.other.size > 1",
    "data.buyer.zip == 'x'",
    "data.status == 'open'",
    "data.status == data.name",
    "data.status in ('open', 'closed')",
    "data.status.value == 'open'",
    "data.colour == data.colour",
    "data.colour.value == 1",
    "data.colour in data.note",
    "data.rights == 3",
    "data.rights + 1 > 2",
    "data.hue == 'RED'",
    "data.level < data.level",
    "len(data.basket) > 1 and data.word == 'a'",
    "data.hue.name == 'RED'",
    "data.size == 'small'",
    "data.rank == 2 or data.rank is None",
    "data.at.hour > 9 and data.age.days < 2",
    "data.at - data.age < data.at and data.day - data.day < data.age",
    "data.age + data.age > -data.age and abs(data.age) == data.age",
    "data.at + data.age > data.at and data.age + data.day > data.day",
    "'a' in data.tags and 'b' in data.name and data.total in data.codes and 'c' in data.stock",
    "1 in data.pair and 'a' in data.pair and 1 in data.raw and data.raw in data.raw",
    "data.total in ()",
    "data.note",
    "data.note.anything.at.all > 3 and data.note in data.note and -data.note == data.note + 1",
    "data.unclear == 3 and len(data.unclear) > 1 and min(data.unclear) == 1",
    "any(data.flags) or all(data.flags) or any(data.note) or any(())",
    "len(data.tags) > 0 and len(data.stock) > 1 and len(data.raw) > 2 and len('abc') == 3",
    "min(data.codes) > 1 and max(data.total, data.weight) < 3 and max(data.pair) == 1",
    "data.codes < data.codes and data.tags < data.tags and data.buyer < data.buyer",
    "data.total // 2 % 2 == 0 and data.total / 2 > 0.5 and -data.price < 0",
    "event.cents > 3 and event.kind in ('card', 'cash')",
    "True",
]


@pytest.mark.parametrize("text", SILENT)
def test_where_there_is_doubt_nothing_is_said(text: str) -> None:
    assert findings(parse(text), ORDER, PAID, boolean=True) == ()


def test_where_there_is_no_event_none_can_be_read() -> None:
    found = findings(parse("event.cents > 3 and event.cents < 9"), ORDER, None, boolean=True)

    assert found == ("event.cents: there is no event here",)


def test_every_mistake_is_found_at_once_and_once() -> None:
    text = "data.totl > 0 and data.name and data.totl > 0 and data.name == 1"

    assert len(findings(parse(text), ORDER, None, boolean=True)) == 3


def test_an_update_need_not_be_a_bool() -> None:
    assert findings(parse("data.total + 1"), ORDER, None, boolean=False) == ()


KINDS: list[tuple[str, Shape]] = [
    ("1", Scalar("int")),
    ("None", Scalar("None")),
    ("'a'", Scalar("str")),
    ("data.total + 1", Scalar("int")),
    ("data.total / 2", Scalar("float")),
    ("data.total * 1.5", Scalar("float")),
    ("data.price * 2", Scalar("Decimal")),
    ("data.at - data.at", Scalar("timedelta")),
    ("data.at - data.age", Scalar("datetime")),
    ("-data.age", Scalar("timedelta")),
    ("data.buyer.zip", shape_of(str | None)),
    ("data.other.city", Scalar("str")),
    ("min(data.pair)", shape_of(int | str)),
    ("max(data.total, data.weight)", Either((Scalar("float"), Scalar("int")))),
    ("max(data.name)", Scalar("str")),
    ("min(data.stock)", Scalar("str")),
    ("len(data.note)", Scalar("int")),
    ("data.ready and data.maybe", Scalar("bool")),
    ("data.name == 'a'", Scalar("bool")),
    ("all(data.flags)", Scalar("bool")),
    ("data.status", shape_of(Status)),
    ("data.note", UNSURE),
    ("data.note + 1", UNSURE),
    ("data.note.x", UNSURE),
    ("data.missing", UNSURE),
    ("max(())", UNSURE),
    ("max(data.total)", UNSURE),
]


@pytest.mark.parametrize(("text", "shape"), KINDS)
def test_the_shape_of_an_expression_is_known_where_types_tell(text: str, shape: Shape) -> None:
    assert kind_of(parse(text), ORDER, PAID) == shape


def test_sealed_fields_are_looked_at_as_what_they_hold() -> None:
    @frozen
    class Badge(Event):
        token: Secret[str]

    @frozen
    class Door:
        token: Secret[str] = ""
        known: tuple[Secret[str], ...] = ()

        def enter(self, event: Badge) -> "Door":
            return self

    shapes = shape_of(Door), shape_of(Badge)
    for text in ("data.token == event.token", "event.token in data.known", "len(data.token) > 3"):
        assert findings(parse(text), *shapes, boolean=True) == ()
    assert findings(parse("data.token > 3"), *shapes, boolean=True)
    keep = assign(token="event.token")
    least = assign(token="min(data.known)")
    door = Machine(
        "door", State("shut", On(Badge, update=keep), On(Badge, update=least)), data=Door
    )
    assert compile_machine(door).name == "door"
