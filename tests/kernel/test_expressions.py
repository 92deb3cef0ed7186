"""The language of guards: what is in it, what is refused and how, and how it is printed."""

import sys
import unicodedata
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detent.kernel.errors import InvalidExpression
from detent.kernel.expressions import (
    Arithmetic,
    Comparison,
    Constant,
    Field,
    Function,
    Junction,
    Listing,
    Negative,
    Not,
    parts_of,
    walk,
)
from detent.kernel.guards import parse
from tests.kernel.guard_toys import (
    CONSTANTS,
    SETTLED,
    TEXTS,
    Status,
    mutated,
    parsed,
    refusal,
)


@SETTLED
@given(st.text() | mutated() | TEXTS)
@example("1 is 1")
@example('"\\d"')
@example("'\\777'")
@example("1if data.a else 2")
@example("'\ud800'")
@example("data.a == '\0'")
@example("-" * 1_000)
@example("not " * 200 + "data.a")
@example("{" * 999)
@example("data" + ".a" * 498)
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        expression = parse(text)
    except InvalidExpression as caught:
        error = caught
    else:
        assert parse(str(expression)) == expression
        return

    assert error.text == text
    assert error.what.encode()
    assert error.column is None or 1 <= error.column <= len(text) + 1


@SETTLED
@given(st.binary() | st.none() | st.integers() | st.floats() | st.just(Status.OPEN))
def test_what_is_no_str_is_refused(value: object) -> None:
    assert "an expression is a str" in refusal(value).what


@SETTLED
@given(TEXTS)
def test_what_is_printed_is_read_back_as_the_same(text: str) -> None:
    expression = parsed(text)

    assert parse(str(expression)) == expression
    assert hash(parse(str(expression))) == hash(expression)
    assert str(parse(str(expression))) == str(expression)


@SETTLED
@given(TEXTS)
def test_spaces_and_needless_parentheses_mean_nothing(text: str) -> None:
    expression = parsed(text)

    assert parse(f" \n\t({text})\r\n ") == expression


@SETTLED
@given(CONSTANTS, CONSTANTS)
def test_two_constants_are_equal_exactly_when_they_are_printed_alike(one: str, two: str) -> None:
    first, second = parse(one), parse(two)

    assert (first == second) == (str(first) == str(second))


# What is refused, and what the author is told.

CALLS = "calls are limited to len, min, max, abs, any, all"
REFUSED = {
    # attributes, names
    "data.__class__": "begins with an underscore is private",
    "data._secret": "begins with an underscore is private",
    "().__class__.__bases__[0].__subclasses__()": CALLS,
    "data.__init__.__globals__": "underscore is private",
    "__import__('os').system('true')": CALLS,
    "__import__": "underscore is private",
    "data.x.__eq__": "underscore is private",
    "data.\uff3fsecret": "neither a name nor a number",
    "\uff44ata.\u005f_class__": "underscore is private",
    "'a'.upper": "fields are read from data and event alone",
    "(1).real": "fields are read from data and event alone",
    "len(data.a).real": "fields are read from data and event alone",
    "total": "write data.total",
    "order.total": "write data.order.total",
    "dta.total": "did you mean data.total?",
    "Event.kind": "did you mean event.kind?",
    "true": "write True",
    "NULL": "write None",
    "len": "write len(...)",
    "nan": "write data.nan",
    "data": "data alone is no value: write data.total",
    "data == event": "event alone is no value",
    "not event": "event alone is no value",
    # calls
    "data.x()": CALLS,
    "data.name.upper() == 'A'": CALLS,
    "sum(data.items)": CALLS,
    "mix(1, 2)": "did you mean min?",
    "eval('1')": CALLS,
    "open('/etc/passwd')": CALLS,
    "getattr(data, 'x')": CALLS,
    "len(data.a)(1)": CALLS,
    "len()": "len takes exactly one argument",
    "len(data.a, data.b)": "len takes exactly one argument",
    "min()": "min takes one argument or more",
    "max(data.a, default=1)": "'=' has no place here: write ==",
    "max(data.a, **data.b)": "max takes one argument or more, and none by name",
    "max(*data.a)": "written one by one",
    "abs((1, 2))": "a list of constants belongs on the right of `in`",
    "min((1, 2), 3)": "a list of constants belongs on the right of `in`",
    # other syntax
    "lambda: 1": "pass a callable",
    "lambda data: data.x": "pass a callable",
    "f'{data.x}'": "no prefix",
    "b'a'": "no prefix",
    "r'a'": "no prefix",
    "1 if'a'else 2": "a space before it",
    "[x for x in data.y]": "no place",
    "{x for x in data.y}": "no place",
    "any(x for x in data.y)": "no place",
    "{'a': 1}": "no mappings",
    "(x := 1)": "nothing is named here",
    "9**9**9": "limited to + - * / // %",
    "1 << 99": "limited to + - * / // %",
    "1 ^ 2": "foreign",
    "data.a @ data.b": "foreign",
    "~data.a": "foreign",
    "+data.a": "only minus",
    "*data.a": "whole expression",
    "*data.a, 1": "whole expression",
    "1, 2": "a list of constants",
    "data.x[0]": "nothing is indexed",
    "data.x[0:1]": "nothing is indexed",
    "1 if data.a else 2": "there is no if",
    "await data.x": "no place",
    "(yield)": "no place",
    "(yield from data.x)": "no place",
    "...": "constants are",
    "1j": "neither a name nor a number",
    "1if data.a else 2": "neither a name nor a number",
    "0_": "neither a name nor a number",
    "1e999": "no float holds",
    "-1e999": "no float holds",
    "9" * 310: "308 digits",
    "0x" + "f" * 400: "308 digits",
    "0777": "leading zeros",
    "data.x = 1": "write ==",
    "data.x && data.y": "write and",
    "data.x || data.y": "write or",
    "data.x | data.y": "write or",
    "!data.x": "write not",
    "data.x <> 1": "write !=",
    "data.x === 1": "write ==",
    "data.x ! = 1": "write not",
    "data.x; data.y": "';' is foreign",
    "import os": "whole expression",
    "data.x # note": "'#' is foreign",
    "data.x \\\n or data.y": "is foreign",
    "data.class": "whole expression",
    "data.x NOT IN data.y": "whole expression",
    "1 is 1": "`is` asks for None alone",
    "data.x is not True": "`is` asks for None alone",
    # lists
    "(1, 2)": "belongs on the right of `in`",
    "data.x == [1]": "belongs on the right of `in`",
    "[1] in data.x": "belongs on the right of `in`",
    "data.x in (1, (2, 3))": "belongs on the right of `in`",
    "data.x in (1, data.y)": "a list holds constants alone",
    "data.x in (*data.y,)": "written one by one",
    "data.x in {'a': 1}": "no mappings",
    # strings
    "'a' 'b'": "a comma is missing",
    "data.x in ('a' 'b')": "a comma is missing",
    "'''a' AND 'b'''": "a comma is missing",
    "'a": "a string that is not closed",
    "'a\nb'": "a string that is not closed",
    "'a\\\nb'": "a string that is not closed",
    "'\\d'": "write two backslashes for one",
    "'\\777'": "write two backslashes for one",
    "'\\x4'": "whole expression",
    "'\ud800'": "whole expression",
    "'\0'": "whole expression",
    # bounds and shape
    "": "nothing is asked",
    " \n\t ": "nothing is asked",
    "(": "never closed",
    ")": "whole expression",
    "data.x )": "whole expression",
    "1) + (2": "whole expression",
    "data.x data.y": "whole expression",
    "data.x\0": "foreign",
    "data.x\u00a0": "foreign",
    "\ufeffdata.x": "neither a name nor a number",
    "(" * 900: "whole expression",
    "(" * 10_000 + ")" * 10_000: "20000 characters, at most 1000",
    "not " * 32 + "data.x": "nested more than 32 deep",
    "-(" * 100 + "data.x" + ")" * 100: "nested more than 32 deep",
    "1" + "+1" * 32: "nested more than 32 deep",
    "1" + "<1" * 200: "202 parts",
    "data.x in (" + "1," * 200 + ")": "parts, at most 200",
    "'" + "\x01" * 500 + "'": "2002 characters printed",
}


@pytest.mark.parametrize(("text", "told"), REFUSED.items(), ids=[repr(key)[:40] for key in REFUSED])
def test_what_is_outside_the_language_is_refused_with_advice(text: str, told: str) -> None:
    error = refusal(text)

    assert told in error.what
    assert error.text == text


def test_a_name_that_begins_with_an_underscore_is_refused() -> None:
    """Also where only Python makes it one: it reads some letters as others (NFKC)."""
    letters = [chr(code) for code in range(sys.maxunicode + 1)]
    underscores = [c for c in letters if unicodedata.normalize("NFKC", c).startswith("_")]

    assert len(underscores) > 1
    for letter in underscores:
        assert refusal(f"data.{letter}x").column == 6 or letter == "_"
        assert refusal(f"{letter}data.x").column == 1


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("  data.x == total", 13),
        ("data.é == 'ü' or total", 18),
        ("data.x = 1", 8),
        ("data.x == 'a", 11),
        ("\n\n data.x +", None),
        ("(data.x", 1),
        ("'\ud800'", None),
    ],
)
def test_a_refusal_knows_the_column(text: str, column: int | None) -> None:
    found = refusal(text).column

    assert found == column or (column is None and (found is None or found <= len(text) + 1))


def test_no_text_makes_python_warn() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for text in ("1 is 1", "'\\d'", "'\\777'", "1if 1else 2", "0x1for x", "1 is None", "1()"):
            try:
                parse(text)
            except InvalidExpression:
                continue

    assert caught == []


CANONICAL = {
    "data.a>0 AND(event.b<1)": "data.a > 0 and event.b < 1",
    "NOT data.a OR NOT data.b": "not data.a or not data.b",
    "data.a == ' AND '": "data.a == ' AND '",
    "data . AND and data.\nOR": "data.AND and data.OR",
    "(data.a and data.b) and (data.c and data.d)": "data.a and data.b and data.c and data.d",
    "data.a and (data.b or data.c)": "data.a and (data.b or data.c)",
    "(data.a and data.b) or data.c": "data.a and data.b or data.c",
    "not (data.a and data.b)": "not (data.a and data.b)",
    "(not data.a) == data.b": "(not data.a) == data.b",
    "not (data.a == data.b)": "not data.a == data.b",
    "not not data.a": "not not data.a",
    "(data.a < data.b) < data.c": "(data.a < data.b) < data.c",
    "data.a - (data.b - data.c)": "data.a - (data.b - data.c)",
    "(data.a - data.b) - data.c": "data.a - data.b - data.c",
    "(data.a + data.b) * data.c": "(data.a + data.b) * data.c",
    "-(data.a + data.b)": "-(data.a + data.b)",
    "-(data.a * 2)": "-(data.a * 2)",
    "(-data.a) * 2": "-data.a * 2",
    "--data.a": "--data.a",
    "-(-1)": "1",
    "1 - -1": "1 - -1",
    "-True": "-True",
    "-0": "0",
    "-0.0": "-0.0",
    "1_000": "1000",
    "0x10": "16",
    "1e3": "1000.0",
    '"it\'s"': '"it\'s"',
    '"a"': "'a'",
    "'\\u0041\\n\\ud800'": "'A\\n\\ud800'",
    "data.x in {1}": "data.x in (1,)",
    "data.x not in [-1, 'a', None, True, 1.5]": "data.x not in (-1, 'a', None, True, 1.5)",
    "data.x in ()": "data.x in ()",
    "data.x in 'abc'": "data.x in 'abc'",
    "len(('a'))": "len('a')",
    "min([1, 2])": "min((1, 2))",
    "max(1, data.x or data.y)": "max(1, data.x or data.y)",
    "data.x is  not None": "data.x is not None",
    "1 < data.x <= 2 != 3": "1 < data.x <= 2 != 3",
    "data.\ufb01eld": "data.field",
    "data.e\u0301": "data.\u00e9",
    " data.a\n  or data.b\t": "data.a or data.b",
}


@pytest.mark.parametrize(("text", "printed"), CANONICAL.items())
def test_an_expression_is_printed_in_one_way(text: str, printed: str) -> None:
    assert str(parse(text)) == printed


def test_as_much_as_the_bounds_allow_is_an_expression() -> None:
    assert parse("not " * 31 + "data.x")
    assert parse("1" + "+1" * 31)
    assert parse("1" + "<1" * 198)
    assert parse("9" * 308) == Constant(10**308 - 1)
    assert parse("data.x" + " " * 994)


def test_constants_that_python_takes_for_equal_are_different() -> None:
    alike = [parse(text) for text in ("1", "True", "1.0", "0", "0.0", "-0.0", "False", "''")]

    assert len(set(alike)) == len(alike)
    assert parse("data.x == 1") != parse("data.x == True")
    assert parse("data.x in (1, 0.0)") != parse("data.x in (1, -0.0)")
    assert hash(parse("data.x == 1")) == hash(parse("data.x==1"))


def test_the_tree_of_a_text_is_made_of_plain_records() -> None:
    expression = parse("not data.a.b or -event.n + 1 in (2, 3) or len(data.c) == 0")

    assert expression == Junction(
        "or",
        (
            Not(Field(("data", "a", "b"))),
            Comparison(
                Arithmetic("+", Negative(Field(("event", "n"))), Constant(1)),
                (("in", Listing((Constant(2), Constant(3)))),),
            ),
            Comparison(Function("len", (Field(("data", "c")),)), (("==", Constant(0)),)),
        ),
    )
    assert [str(part) for part in parts_of(expression)] == str(expression).split(" or ")
    assert next(walk(expression)) == expression
