"""Guards as they are evaluated and explained. Python is the oracle."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detent.kernel import expressions, guards
from detent.kernel.guards import closure, explain, parse, reads
from tests.kernel.guard_toys import (
    NOW,
    NUMERIC,
    SETTLED,
    TEXTS,
    TRUTHS,
    Order,
    Paid,
    outcome,
    parsed,
    worlds,
)


@SETTLED
@given(TRUTHS | NUMERIC, worlds())
def test_an_expression_is_what_python_makes_of_it(
    text: str, world: tuple[SimpleNamespace, SimpleNamespace]
) -> None:
    data, event = world
    expression = parsed(text)
    oracle = outcome(lambda: eval(text, {"data": data, "event": event}))
    printed = outcome(lambda: eval(str(expression), {"data": data, "event": event}))

    assert outcome(lambda: closure(expression)(data, event)) == oracle == printed


class Hostile:
    """Data that answers nothing: reading, showing and comparing raise."""

    def __getattr__(self, name: str) -> object:
        if name == "a":
            return self
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("never")

    def __hash__(self) -> int:
        raise RuntimeError("never")


@pytest.mark.parametrize(
    ("text", "members", "expected"),
    [
        ("any(data.x)", (False, False), False),
        ("any(data.x)", (False, True), True),
        ("any(data.x)", (), False),
        ("all(data.x)", (True, True), True),
        ("all(data.x)", (True, False), False),
    ],
)
def test_any_and_all_ask_every_member(text: str, members: tuple[bool, ...], expected: bool) -> None:
    assert closure(parsed(text))(SimpleNamespace(x=members), None) is expected


@SETTLED
@given(TEXTS | TRUTHS, worlds(), st.booleans())
def test_an_explanation_never_raises(
    text: str, world: tuple[SimpleNamespace, SimpleNamespace], hostile: bool
) -> None:
    expression = parsed(text)
    data = Hostile() if hostile else world[0]

    assert explain(expression, data, world[1]).startswith(str(expression))


def test_the_fields_that_are_read_are_known() -> None:
    expression = parse("data.total > 0 and (event.kind in ('a',) or data.total < data.buyer.limit)")

    assert reads(expression) == {("data", "total"), ("event", "kind"), ("data", "buyer", "limit")}
    assert reads(parse("1 < 2")) == frozenset()


# At run time.


def valued(text: str, event: object = None, **data: object) -> object:
    return closure(parse(text))(SimpleNamespace(**data), event)


UNTRUE = "takes only True and False"
STRICT: list[tuple[str, dict[str, object], str]] = [
    ("data.x and True", {"x": 1}, f"data.x is 1: and {UNTRUE}"),
    ("True and data.x", {"x": "yes"}, f"data.x is 'yes': and {UNTRUE}"),
    ("data.x or True", {"x": None}, f"data.x is None: or {UNTRUE}"),
    ("False or data.x", {"x": 0}, f"data.x is 0: or {UNTRUE}"),
    ("True and True and data.x", {"x": 0}, f"data.x is 0: and {UNTRUE}"),
    ("not data.x", {"x": ()}, f"data.x is (): not {UNTRUE}"),
    ("any(data.x)", {"x": (False, 1)}, f"a member of data.x is 1: any {UNTRUE}"),
    ("all(data.x)", {"x": (True, 1)}, f"a member of data.x is 1: all {UNTRUE}"),
    ("any((1, 2))", {}, f"a member of (1, 2) is 1: any {UNTRUE}"),
    ("data.x * 9", {"x": "a"}, "data.x is 'a': * takes int, float, Decimal"),
    ("'a' * 10000000000", {}, "'a' is 'a': * takes int, float, Decimal"),
    ("9 * data.x", {"x": (1,)}, "data.x is (1,): * takes int, float, Decimal"),
    ("'%99999999d' % data.x", {"x": 1}, "'%99999999d' is '%99999999d': % takes int"),
    ("data.x + 'b'", {"x": "a"}, "data.x is 'a': + takes int, float, Decimal, date, timedelta"),
    ("data.x + 1", {"x": True}, "data.x is True: + takes"),
    ("1 - data.x", {"x": None}, "data.x is None: - takes"),
    ("data.x / 2", {"x": timedelta(1)}, "data.x is datetime.timedelta(days=1): / takes"),
    ("-data.x", {"x": True}, "data.x is True: minus takes"),
    ("-data.x", {"x": "a" * 200}, f"data.x is '{'a' * 76}...: minus takes"),
    ("abs(data.x)", {"x": NOW}, "abs takes int, float, Decimal, timedelta"),
    ("-data.x", {"x": Hostile()}, "data.x is a Hostile that cannot be shown (RuntimeError)"),
]


@pytest.mark.parametrize(("text", "data", "told"), STRICT)
def test_what_is_not_of_the_right_kind_raises_and_is_named(
    text: str, data: dict[str, object], told: str
) -> None:
    with pytest.raises(TypeError) as caught:
        valued(text, **data)

    assert told in str(caught.value)


class Odd:
    """Compares to something that is neither true nor false."""

    def __lt__(self, other: object) -> str:
        return "odd"


def test_a_comparison_that_is_neither_true_nor_false_is_no_part_of_a_junction() -> None:
    with pytest.raises(TypeError, match=r"data.x < 1 is 'odd': and takes only True and False"):
        valued("data.x < 1 and data.y < 2", x=Odd(), y=1)
    with pytest.raises(TypeError, match=r"data.y < 2 is 'odd': or takes only True and False"):
        valued("data.x < 1 or data.y < 2", x=2, y=Odd())
    assert valued("data.x < data.y < 3", x=Odd(), y=1) == "odd"


def test_what_is_decided_is_not_looked_into_further() -> None:
    assert valued("data.x and data.missing", x=False) is False
    assert valued("data.x or data.missing", x=True) is True
    assert valued("data.x > 1 and data.missing > 1", x=0) is False
    assert valued("data.x > 1 or data.missing > 1", x=2) is True
    assert valued("1 < data.x < 1 / data.x", x=0) is False


def test_errors_of_an_evaluation_are_raised_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        valued("1 / data.x", x=0)
    with pytest.raises(AttributeError):
        valued("data.x.y", x=None)
    with pytest.raises(TypeError):
        valued("data.x < 'a'", x=1)
    with pytest.raises(TypeError):
        valued("len(data.x)", x=1)
    with pytest.raises(ValueError, match=r"min\(\)"):
        valued("min(())")


def test_dates_durations_decimals_and_members_are_reckoned_with() -> None:
    assert valued("data.at + data.age > data.at", at=NOW, age=timedelta(1)) is True
    assert valued("data.at - data.at", at=NOW) == timedelta()
    assert valued("abs(-data.age)", age=timedelta(1)) == timedelta(1)
    assert valued("data.price * 2 == 5", price=Decimal("2.5")) is True
    assert valued("any(data.x) and not all(data.x)", x=(True, False)) is True
    assert valued("event.x in ('a', 'b')", event=SimpleNamespace(x="b")) is True


def test_many_parts_make_no_tall_stack() -> None:
    guard = parse(" and ".join(["data.x"] * 90))

    assert closure(guard)(SimpleNamespace(x=True), None) is True


# Explanations.

EXPLAINED = [
    ("data.total > 0", "data.total > 0 is false: data.total is 0"),
    ("data.total + 1", "data.total + 1 is 1: data.total is 0"),
    ("data.ready", "data.ready is true"),
    ("data.total", "data.total is 0"),
    ("True", "True is true"),
    (
        "data.ready and data.total > 0 and data.name == 'x'",
        "data.ready and data.total > 0 and data.name == 'x' is false, "
        "because data.total > 0 is false (data.total is 0)",
    ),
    (
        "data.ready or data.total > 0",
        "data.ready or data.total > 0 is true, because data.ready is true",
    ),
    (
        "data.ready and data.total == 0",
        "data.ready and data.total == 0 is true, "
        "because data.ready is true; data.total == 0 is true (data.total is 0)",
    ),
    (
        "not (data.total < event.cents)",
        "not data.total < event.cents is false, "
        "because data.total < event.cents is true (data.total is 0, event.cents is 7)",
    ),
    (
        "1 / data.total > 2",
        "1 / data.total > 2 has no answer, it raises "
        "ZeroDivisionError('division by zero'): data.total is 0",
    ),
    (
        "data.ready and data.name",
        "data.ready and data.name has no answer, it raises TypeError(\"data.name is 'Ann': "
        "and takes only True and False\"), because data.name is 'Ann'",
    ),
    (
        "data.gone",
        "data.gone has no answer, it raises "
        "AttributeError(\"'Order' object has no attribute 'gone'\")",
    ),
]


@pytest.mark.parametrize(("text", "told"), EXPLAINED)
def test_an_explanation_tells_what_decides_and_what_was_seen(text: str, told: str) -> None:
    assert explain(parse(text), Order(total=0), Paid(7)) == told


def test_the_faces_are_sorted() -> None:
    assert guards.__all__ == sorted(guards.__all__)
    assert expressions.__all__ == sorted(expressions.__all__)
    assert cast(object, guards.parse) is expressions.parse
