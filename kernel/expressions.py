"""The language of guards and declared updates: its tree, from text to tree, from tree to text.

Rule 1: a text is in the language, or `parse` raises InvalidExpression; nothing else comes out.
Rule 2: an expression ends soon: no loops, no powers, six functions; length, depth and size bounded.
Rule 3: equality is exact: `1`, `True` and `1.0` are three constants, `0.0` and `-0.0` are two.
Rule 4: `str` prints the one canonical text of a tree, and `parse(str(tree)) == tree`.
Rule 5: a text is scanned before Python's own parser sees it. So Python never warns, `AND` inside a
        string is left alone, and what is allowed does not depend on the version of Python.
Left out on purpose: what an expression does (guards.py), indexing, powers, building of strings.
This file is long because tree, text and parser are one idea: each is the inverse of another.
"""

import ast
import math
import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Literal, TypeAlias

from attrs import field, frozen

from detent.kernel.errors import InvalidExpression

__all__ = [
    "Arithmetic",
    "Comparison",
    "Constant",
    "Expression",
    "Field",
    "Function",
    "Junction",
    "Listing",
    "Negative",
    "Not",
    "parse",
    "parts_of",
    "walk",
]

LONGEST = (
    1_000  # characters; a guard that does not fit on a screen should be a function with a name
)
DEEPEST = 32  # far beyond what one can read, far below what exhausts Python's stack
LARGEST = 200  # nodes; bounds the time of one evaluation to microseconds
GREATEST = 10**308  # beyond it an int has no float; below it every Python agrees to print it

ROOTS = ("data", "event")
FUNCTIONS = ("len", "min", "max", "abs", "any", "all")

JunctionWord: TypeAlias = Literal["and", "or"]


@frozen
class Constant:
    """A value that stands in the text."""

    value: bool | int | float | str | None = field(eq=lambda value: (type(value), repr(value)))

    def __str__(self) -> str:
        return repr(self.value)


@frozen
class Listing:
    """Some constants, for `in` and the functions that take members."""

    items: tuple[Constant, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))}{',' if len(self.items) == 1 else ''})"


@frozen
class Field:
    """A field of the data or the event, by its path: `("data", "buyer", "name")`."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.path)


@frozen
class Not:
    """True becomes false, false becomes true."""

    operand: "Expression"

    def __str__(self) -> str:
        return f"not {_within(self.operand, NOT)}"


@frozen
class Junction:
    """Two or more parts joined by `and` or by `or`; no part is a junction by the same word."""

    word: JunctionWord
    parts: "tuple[Expression, ...]"

    def __str__(self) -> str:
        return f" {self.word} ".join(_within(part, JUNCTIONS[self.word] + 1) for part in self.parts)


@frozen
class Comparison:
    """An operand, and what it is compared with in turn, as in `0 < data.total <= 10`."""

    first: "Expression"
    rest: "tuple[tuple[str, Expression], ...]"

    def __str__(self) -> str:
        rest = (f" {sign} {_within(operand, SUM)}" for sign, operand in self.rest)
        return _within(self.first, SUM) + "".join(rest)


@frozen
class Arithmetic:
    """Two operands of `+`, `-`, `*`, `/`, `//` or `%`."""

    sign: str
    left: "Expression"
    right: "Expression"

    def __str__(self) -> str:
        level = _binding(self)
        return f"{_within(self.left, level)} {self.sign} {_within(self.right, level + 1)}"


@frozen
class Negative:
    """Minus something. (Minus a number in the text is a Constant.)"""

    operand: "Expression"

    def __str__(self) -> str:
        return f"-{_within(self.operand, MINUS)}"


@frozen
class Function:
    """One of the six functions, applied."""

    name: str
    arguments: "tuple[Expression, ...]"

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


Expression: TypeAlias = (
    Constant | Listing | Field | Not | Junction | Comparison | Arithmetic | Negative | Function
)


def parts_of(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside one, in the order of the text."""
    match expression:
        case Constant() | Field():
            return ()
        case Listing(items):
            return items
        case Not(operand) | Negative(operand):
            return (operand,)
        case Junction(_, parts) | Function(_, parts):
            return parts
        case Comparison(first, rest):
            return (first, *(operand for _, operand in rest))
        case _:
            return (expression.left, expression.right)


def walk(expression: Expression) -> Iterator[Expression]:
    """An expression and everything inside it, in the order of the text."""
    yield expression
    for part in parts_of(expression):
        yield from walk(part)


# How tightly a node holds its parts together: the grammar of Python, loosest first.
JUNCTIONS: dict[JunctionWord, int] = {"or": 1, "and": 2}
NOT, COMPARE, SUM, PRODUCT, MINUS, ATOM = 3, 4, 5, 6, 7, 8


def _binding(expression: Expression) -> int:
    match expression:
        case Junction(word):
            return JUNCTIONS[word]
        case Not():
            return NOT
        case Comparison():
            return COMPARE
        case Arithmetic(sign):
            return SUM if sign in "+-" else PRODUCT
        case Negative():
            return MINUS
        case _:
            return ATOM


def _within(expression: Expression, level: int) -> str:
    return str(expression) if _binding(expression) >= level else f"({expression})"


@frozen
class Source:
    """A text on its way to a tree: as given, as Python may read it, and where the latter begins."""

    text: str
    written: str
    margin: int

    def refused(self, node: ast.expr, what: str) -> InvalidExpression:
        """The error that names a node by its column. (Python counts bytes.)"""
        before = self.written.encode()[: node.col_offset].decode()
        return InvalidExpression(self.text, what, self.margin + len(before) + 1)


def parse(text: str) -> Expression:
    """The tree of a text; a text outside the language is an InvalidExpression.

    >>> str(parse("data.total>0 AND (event.kind in ['a', 'b'])"))
    "data.total > 0 and event.kind in ('a', 'b')"
    """
    if type(text) is not str:
        raise InvalidExpression(f"<{type(text).__name__}>", "an expression is a str")
    if len(text) > LONGEST:
        raise InvalidExpression(text, f"{len(text)} characters, at most {LONGEST}: {NAME_IT}")
    scanned = _scanned(text)
    written = scanned.strip()
    if not written:
        raise InvalidExpression(text, "nothing is asked: write for example data.total > 0")
    source = Source(text, written, scanned.index(written))
    expression = _built(_read(source), source, 1)
    if (size := len(list(walk(expression)))) > LARGEST:
        raise InvalidExpression(text, f"{size} parts, at most {LARGEST}: {NAME_IT}")
    if (length := len(str(expression))) > LONGEST:
        raise InvalidExpression(text, f"{length} characters printed, at most {LONGEST}: {NAME_IT}")
    return expression


NAME_IT = "write a function with a name instead"

DIGITS = r"[0-9](?:_?[0-9])*"
TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\r\n\f]+)
    | (?P<text>'(?:[^'\\\r\n]|\\[^\r\n])*' | "(?:[^"\\\r\n]|\\[^\r\n])*")
    | (?P<number>(?: 0[xXoObB](?:_?[0-9a-fA-F])+
                   | (?: {DIGITS} (?:\.(?:{DIGITS})?)? | \.{DIGITS} ) (?:[eE][-+]?{DIGITS})?
                 ) (?![\w.]))
    | (?P<foreign>&&? | \|\|? | <> | !(?!=) | =(?!=))
    | (?P<sign>== | != | <= | >= | // | \*\* | := | [-+*/%<>()\[\]{{}},.:])
    | (?P<word>(?:[0-9A-Za-z_]|[^\x00-\x7f\s])+)
    """,
    re.VERBOSE,
)
INSTEAD = {"&": "and", "&&": "and", "|": "or", "||": "or", "!": "not", "=": "==", "<>": "!="}
LOUD = ("AND", "OR", "NOT")
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPES = "\\'\"abfnrtvxuUN"  # the rest means itself today and is an error in some later Python


def _scanned(text: str) -> str:
    """The text with plain spaces and small words, of equal length."""
    written: list[str] = []
    before = ""
    for token in _tokens(text):
        written.append(_spelled(token, before))
        if token.lastgroup != "space":
            before = token[0]
    return "".join(written)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(text):
        token = TOKEN.match(text, place)
        if token is None:
            stranger = text[place]
            what = (
                "a string that is not closed" if stranger in "'\"" else f"{stranger!r} is foreign"
            )
            raise InvalidExpression(text, what, place + 1)
        yield token
        place = token.end()


def _spelled(token: re.Match[str], before: str) -> str:
    """One token as Python may read it, or a refusal."""
    word = token[0]
    what = ""
    match token.lastgroup:
        case "space":
            return " " * len(word)
        case "foreign":
            what = f"{word!r} has no place here: write {INSTEAD[word]}"
        case "text":
            what = _doubt(word, token.string[: token.start()])
        case "word" if not word.isidentifier():
            what = f"{word!r} is neither a name nor a number (10, 1_000, 2.5, 1e3)"
        case "word" if word in LOUD and before != ".":
            return word.lower()
        case _:
            return word
    if what:
        raise InvalidExpression(token.string, what, token.start() + 1)
    return word


def _doubt(written: str, before: str) -> str:
    """What is wrong with a string, given what stands before it. (Python would join strings.)"""
    if before.rstrip()[-1:] in {"'", '"'}:
        return "two strings side by side: a comma is missing"
    if (before[-1:] or " ").isidentifier():
        return "a string stands alone: no prefix, and a space before it"
    for escape in ESCAPE.finditer(written):
        if escape[1] not in ESCAPES:
            return f"{escape[0]!r} is no escape: write two backslashes for one"
    return ""


def _read(source: Source) -> ast.expr:
    try:
        return ast.parse(source.written, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        offset = getattr(error, "offset", None)
        column = min(source.margin + offset, len(source.text) + 1) if offset else None
        said = getattr(error, "msg", None) or str(error) or "nested too deeply"
        raise InvalidExpression(source.text, f"not one whole expression: {said}", column) from error


ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
ADVICE: dict[type[ast.expr], str] = {
    ast.UnaryOp: "of the signs before a value there is only minus",
    ast.BinOp: "arithmetic is limited to + - * / // %",
    ast.IfExp: "there is no if inside: write two rows, or use and, or, not",
    ast.Subscript: "nothing is indexed: write data.a.b for a field, `in` for a member",
    ast.Lambda: "no functions are made here: pass a callable instead of a text",
    ast.NamedExpr: "nothing is named here: write == to compare",
    ast.Starred: "arguments and members are written one by one",
    ast.Dict: "there are no mappings: write a list of constants, as in ('a', 'b')",
    **dict.fromkeys(
        (ast.Tuple, ast.List, ast.Set),
        "a list of constants belongs on the right of `in`, or inside len, min, max, any, all",
    ),
}


def _built(node: ast.expr, source: Source, depth: int, listed: bool = False) -> Expression:
    """The tree of a node of Python's; `listed` says whether a list of constants may stand here."""
    if depth > DEEPEST:
        raise source.refused(node, f"nested more than {DEEPEST} deep: {NAME_IT}")
    match node:
        case ast.Constant(value):
            return _constant(value, node, source)
        case ast.Name() | ast.Attribute():
            return _field(node, source)
        case ast.BoolOp(joiner, values):
            parts = [_built(value, source, depth + 1) for value in values]
            return _junction("and" if isinstance(joiner, ast.And) else "or", parts)
        case ast.UnaryOp(ast.Not(), operand):
            return Not(_built(operand, source, depth + 1))
        case ast.UnaryOp(ast.USub(), operand):
            return _negative(_built(operand, source, depth + 1))
        case ast.BinOp(left, sign, right) if type(sign) in ARITHMETIC:
            sides = (_built(side, source, depth + 1) for side in (left, right))
            return Arithmetic(ARITHMETIC[type(sign)], *sides)
        case ast.Compare():
            return _comparison(node, source, depth)
        case ast.Call():
            return _function(node, source, depth)
        case ast.Tuple(items) | ast.List(items) | ast.Set(items) if listed:
            return _listing(items, source, depth)
        case _:
            advice = ADVICE.get(type(node), "this has no place here")
            raise source.refused(node, advice)


def _constant(value: object, node: ast.expr, source: Source) -> Constant:
    match value:
        case int() if abs(value) >= GREATEST:
            raise source.refused(node, "a number of more than 308 digits")
        case float() if not math.isfinite(value):
            raise source.refused(node, "a number that no float holds")
        case None | bool() | int() | float() | str():
            return Constant(value)
        case _:
            raise source.refused(node, "constants are numbers, strings, True, False and None")


def _field(node: ast.expr, source: Source) -> Field:
    names: list[str] = []
    root = node
    while isinstance(root, ast.Attribute):
        names.insert(0, root.attr)
        root = root.value
    if not isinstance(root, ast.Name):
        raise source.refused(root, "fields are read from data and event alone, as in data.total")
    path = (root.id, *names)
    if what := _unfit(path):
        raise source.refused(node, what)
    return Field(path)


def _unfit(path: tuple[str, ...]) -> str:
    """What is wrong with a path of names, and what was probably meant."""
    root, *names = path
    plain = {"true": "True", "false": "False", "none": "None", "null": "None"}
    if any(name.startswith("_") for name in path):
        return "a name that begins with an underscore is private"
    if root in ROOTS:
        return "" if names else f"{root} alone is no value: write {root}.total, a field of it"
    if root.lower() in plain and not names:
        return f"write {plain[root.lower()]}"
    if root in FUNCTIONS:
        return f"{root} is a function: write {root}(...)"
    if names and (close := get_close_matches(root.lower(), ROOTS, 1)):
        return f"there is no {root!r}: did you mean {'.'.join((close[0], *names))}?"
    return f"names begin at data or event: write data.{'.'.join(path)}"


def _junction(word: JunctionWord, parts: list[Expression]) -> Junction:
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Junction) and part.word == word else (part,)
    return Junction(word, tuple(flat))


def _negative(operand: Expression) -> Expression:
    match operand:
        case Constant(int() | float() as value) if type(value) is not bool:
            return Constant(-value)
        case _:
            return Negative(operand)


def _comparison(node: ast.Compare, source: Source, depth: int) -> Comparison:
    rest: list[tuple[str, Expression]] = []
    for sign, side in zip(node.ops, node.comparators, strict=True):
        operand = _built(side, source, depth + 1, listed=isinstance(sign, ast.In | ast.NotIn))
        if isinstance(sign, ast.Is | ast.IsNot) and operand != Constant(None):
            raise source.refused(side, "`is` asks for None alone: write == or !=")
        rest.append((COMPARISONS[type(sign)], operand))
    return Comparison(_built(node.left, source, depth + 1), tuple(rest))


def _listing(nodes: list[ast.expr], source: Source, depth: int) -> Listing:
    items: list[Constant] = []
    for node in nodes:
        item = _built(node, source, depth + 1)
        if not isinstance(item, Constant):
            raise source.refused(node, "a list holds constants alone: write == and or for the rest")
        items.append(item)
    return Listing(tuple(items))


def _function(node: ast.Call, source: Source, depth: int) -> Function:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in FUNCTIONS:
        close = get_close_matches(name, FUNCTIONS, 1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise source.refused(node, f"calls are limited to {', '.join(FUNCTIONS)}{meant}")
    count, several = len(node.args), name in ("min", "max")
    if node.keywords or count < 1 or (count > 1 and not several):
        wanted = "one argument or more" if several else "exactly one argument"
        raise source.refused(node, f"{name} takes {wanted}, and none by name")
    listed = count == 1 and name != "abs"
    return Function(name, tuple(_built(side, source, depth + 1, listed) for side in node.args))
