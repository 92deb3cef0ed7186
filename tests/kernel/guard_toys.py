"""Texts, trees and worlds for the tests of guards. Python itself is the oracle."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntFlag, StrEnum
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from attrs import frozen
from hypothesis import assume, settings
from hypothesis import strategies as st

from detent.kernel import expressions
from detent.kernel.errors import InvalidExpression
from detent.kernel.expressions import (
    Expression,
)
from detent.kernel.guards import parse
from detent.kernel.shapes import shape_of
from detent.kernel.values import FrozenMap, Json

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
DAY = NOW.date()
STOCK: FrozenMap[str, int] = FrozenMap()
SETTLED = settings(derandomize=True, deadline=None)  # the same texts in every run


class Colour(Enum):
    RED = 1
    BLUE = 2


class Status(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Right(IntFlag):
    READ = 1
    WRITE = 2


@frozen
class Address:
    city: str
    zip: str | None = None


@frozen
class Company:
    city: str
    size: int = 1


class Level(Enum):
    LOW = 1
    HIGH = 2

    def __lt__(self, other: "Level") -> bool:
        return bool(self.value < other.value)


@frozen
class Basket:
    items: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)


@frozen(eq=False)
class Word:
    text: str

    def __eq__(self, other: object) -> bool:
        return other == self.text

    __hash__ = object.__hash__


@frozen
class Order:
    total: int = 3
    weight: float = 1.5
    price: Decimal = Decimal("2.50")
    name: str = "Ann"
    ready: bool = True
    status: Status = Status.OPEN
    colour: Colour = Colour.RED
    rights: Right = Right.READ
    size: Literal["small", "large"] = "small"
    rank: Literal[1, 2] | None = None
    hue: Literal[Colour.RED] = Colour.RED
    at: datetime = NOW
    day: date = DAY
    age: timedelta = timedelta(days=1)
    tags: tuple[str, ...] = ()
    pair: tuple[int, str] = (1, "a")
    flags: tuple[bool, ...] = ()
    codes: frozenset[int] = frozenset()
    stock: FrozenMap[str, int] = STOCK
    raw: bytes = b""
    buyer: Address = Address("Bern")
    other: Address | Company | None = None
    limit: int | None = None
    maybe: bool | None = None
    note: Json = None
    unclear: list[int] | None = None
    level: Level = Level.LOW
    basket: Basket = Basket()
    word: Word = Word("a")

    @property
    def is_large(self) -> bool:
        return self.total > 100


@frozen
class Paid:
    cents: int
    kind: str = "card"


ORDER, PAID = shape_of(Order), shape_of(Paid)


# Texts: half of them in the language, the other half close to it.

ARITHMETIC = ["+", "-", "*", "/", "//", "%"]
ORDERS = ["==", "!=", "<", "<=", ">", ">="]
NUMBERS = st.one_of(
    st.integers(-50, 50).map(str),
    st.sampled_from(["0x1F", "1_000", "0.5", "1e3", ".5", "2.", "-0.0", "1e-9"]),
)
CONSTANTS = st.one_of(
    NUMBERS, st.text(max_size=6).map(repr), st.sampled_from(["True", "False", "None", '"it\'s"'])
)
FIELDS = st.sampled_from(["data.a", "data.b.c", "event.kind", "data.AND", "data . x"])
LISTS = st.lists(CONSTANTS, max_size=3).flatmap(
    lambda items: st.sampled_from(
        [f"[{', '.join(items)}]", f"({''.join(f'{item}, ' for item in items)})"]
    )
)


def _longer(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = [*ARITHMETIC, *ORDERS, "in", "not in", "and", "or", "AND", "\n or\t"]
    return st.one_of(
        st.tuples(texts, st.sampled_from(signs), texts).map(" ".join),
        st.tuples(texts, st.sampled_from(["in", "not in"]), LISTS).map(" ".join),
        texts.map(lambda text: f"({text})"),
        texts.map(lambda text: f"not {text}"),
        texts.map(lambda text: f"NOT ({text})"),
        texts.map(lambda text: f"-{text}"),
        texts.map(lambda text: f"{text} is not None"),
        st.tuples(st.sampled_from(expressions.FUNCTIONS), texts).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from(["min", "len", "any"]), LISTS).map(lambda p: f"{p[0]}({p[1]})"),
        st.lists(texts, min_size=2, max_size=3).map(lambda args: f"max({', '.join(args)})"),
    )


TEXTS = st.recursive(CONSTANTS | FIELDS, _longer, max_leaves=12)
PIECES = st.sampled_from(
    [
        *"()[]{}.,:;=!&|<>+-*/%~^@#$?\\'\"_ \n\t\0\x0c\r\ud800\ufeff\uff3f",
        *("f'", "b'", "'''", ":=", "**", "await ", "lambda", "if", "else", "1e999", "0x", "__"),
        *("data", "\\d", "\\N{DASH}"),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A text with something put in, or taken out."""
    text = draw(TEXTS)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 3)))
    return text[:start] + draw(PIECES | st.text(max_size=2)) + text[end:]


def parsed(text: str) -> Expression:
    """The expression, or a discarded example."""
    try:
        return parse(text)
    except InvalidExpression:
        assume(False)
        raise


def refusal(text: Any) -> InvalidExpression:
    with pytest.raises(InvalidExpression) as caught:
        parse(text)
    return caught.value


# The oracle: expressions over numbers and truth, where Python is as strict as we are.

NUMERIC = st.recursive(
    st.integers(-9, 9).map(str) | st.sampled_from(["data.a", "data.b", "event.c", "0.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(ARITHMETIC), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"abs({text})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda all_: f"min({', '.join(all_)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda all_: f"max({', '.join(all_)})"),
    ),
    max_leaves=5,
)
TRUTHS = st.recursive(
    st.one_of(
        st.sampled_from(["data.p", "event.q", "True", "False", "data.s is None", "'n' in data.s"]),
        st.sampled_from(
            ["len(data.s) > 2", "any(data.bits)", "all(data.bits)", "max(data.s) > 'n'"]
        ),
        st.tuples(NUMERIC, st.sampled_from(ORDERS), NUMERIC).map(" ".join),
        st.tuples(NUMERIC, st.just("<"), NUMERIC, st.sampled_from(ORDERS), NUMERIC).map(" ".join),
        st.tuples(NUMERIC, st.sampled_from(["in (1, 2, 3)", "not in [0, -1]"])).map(" ".join),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda all_: f"({' and '.join(all_)})"),
        st.lists(inner, min_size=2, max_size=4).map(lambda all_: f"({' or '.join(all_)})"),
        inner.map(lambda text: f"(not {text})"),
    ),
    max_leaves=6,
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[SimpleNamespace, SimpleNamespace]:
    numbers = st.integers(-9, 9) | st.sampled_from([0.5, -2.5])
    data = SimpleNamespace(
        a=draw(numbers),
        b=draw(numbers),
        p=draw(st.booleans()),
        s=draw(st.sampled_from(["ann", "bo", "zoe"])),
        bits=draw(st.lists(st.booleans(), max_size=3).map(tuple)),
    )
    return data, SimpleNamespace(c=draw(numbers), q=draw(st.booleans()))


def outcome(evaluate: Callable[[], object]) -> tuple[type[object], object]:
    try:
        value = evaluate()
    except (ArithmeticError, ValueError, AttributeError) as error:
        return type(error), str(error)
    return type(value), value
