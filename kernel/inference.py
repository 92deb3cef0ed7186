"""What the types say of an expression before it is ever evaluated.

Rule 1: a finding is certain. Where a type leaves room for doubt (a union, Json) nothing is said.
Rule 2: what is found here is what evaluation refuses, and comparisons that have one answer only.
"""

import operator
import re
from ast import literal_eval
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from difflib import get_close_matches
from enum import Flag
from itertools import pairwise, product

import attrs
from attrs import frozen

import detent.kernel.expressions as tree
import detent.kernel.shapes as shapes
from detent.kernel.expressions import Expression
from detent.kernel.shapes import Shape, described

__all__ = ["UNSURE", "findings", "fits", "kind_of"]

UNSURE = shapes.Unknown("not known before it is evaluated")
BOOL, INT, STR = shapes.Scalar("bool"), shapes.Scalar("int"), shapes.Scalar("str")

WIDENED = {("int", "float"), ("bool", "int"), ("bool", "float")}  # as type checkers have it
TEXT = frozenset({"str"})
NUMERIC = frozenset({"int", "float", "Decimal"})
LENGTHY = frozenset({"str", "bytes", "tuple", "frozenset", "FrozenMap"})
UNORDERED = ("None", "FrozenMap", "enum ")
MIXED_IN = (str, int, float, bytes, Decimal)  # an Enum that is also one of these compares as one
COLLECTIONS: dict[type, str] = {
    shapes.Many: "tuple",
    shapes.Fixed: "tuple",
    shapes.Some: "frozenset",
    shapes.Keyed: "FrozenMap",
    shapes.Record: "record",
}
SPANS = {
    **{(moment, sign, "timedelta"): moment for moment in ("date", "datetime") for sign in "+-"},
    **{("timedelta", "+", moment): moment for moment in ("date", "datetime", "timedelta")},
    **{(kind, "-", kind): "timedelta" for kind in ("date", "datetime", "timedelta")},
}
ORDERING = frozenset({"__lt__", "__le__", "__gt__", "__ge__"})
SPECIAL = ORDERING | {"__len__", "__iter__", "__contains__", "__getitem__"}
ENUM_MEMBER = re.compile(r"[^\W\d]\w*\.").match  # how a shape spells Literal[Color.RED]


@frozen
class Operand:
    """A part of an expression, and what the types say of it."""

    part: Expression
    shape: Shape

    def __str__(self) -> str:
        return f"{self.part} is {described(self.shape)}"


@frozen
class Scope:
    """What an expression is judged by, and what was found wrong with it so far."""

    data: Shape
    event: Shape | None
    found: list[str]


def findings(
    expression: Expression, data: Shape, event: Shape | None, *, boolean: bool
) -> tuple[str, ...]:
    """Everything that is certainly wrong with an expression over these types.

    `event` is None where there is no event; `boolean` says that the answer must be True or False.
    """
    scope = Scope(data, event, [])
    whole = Operand(expression, _judged(expression, scope))
    if boolean:
        _want_boolean([whole], "a guard", scope)
    return tuple(dict.fromkeys(scope.found))


def kind_of(expression: Expression, data: Shape, event: Shape | None) -> Shape:
    """The shape of an expression's values; Unknown where the types do not tell."""
    return _judged(expression, Scope(data, event, []))


def fits(value: Shape, field: Shape) -> bool:
    """Whether a value of one shape may stand in a field of another; where the types do not tell, it may."""
    match value, field:
        case (shapes.Unknown() | shapes.Anything(), _) | (
            _,
            shapes.Unknown() | shapes.Anything() | shapes.Exactly(),
        ):
            return True
        case _, shapes.Sealed(inner):
            return fits(value, inner)
        case shapes.Either(members), _:
            return any(fits(member, field) for member in members)
        case _, shapes.Either(members):
            return any(fits(value, member) for member in members)
        case shapes.Scalar(one), shapes.Scalar(other):
            return one == other or (one, other) in WIDENED
        case shapes.Record(one), shapes.Record(other):
            return one is other
        case shapes.Exactly(), shapes.Scalar():
            return True
        case (shapes.Many() | shapes.Fixed(), shapes.Many() | shapes.Fixed()):
            return True
        case _:
            return type(value) is type(field)


def _judged(expression: Expression, scope: Scope) -> Shape:
    """The shape of an expression; what is wrong with it goes into the scope."""
    operands = [Operand(part, _judged(part, scope)) for part in tree.parts_of(expression)]
    match expression:
        case tree.Constant(value):
            return shapes.Scalar("None" if value is None else type(value).__name__)
        case tree.Listing():
            return shapes.Fixed(tuple(operand.shape for operand in operands))
        case tree.Field(path):
            return _judged_field(path, scope)
        case tree.Not():
            return _want_boolean(operands, "not", scope)
        case tree.Junction(word):
            return _want_boolean(operands, word, scope)
        case tree.Comparison(_, rest):
            return _judged_comparison([sign for sign, _ in rest], operands, scope)
        case tree.Arithmetic(sign):
            return _judged_arithmetic(expression, sign, operands, scope)
        case tree.Negative():
            return _judged_sign("minus", operands[0], scope)
        case tree.Function("abs"):
            return _judged_sign("abs", operands[0], scope)
        case tree.Function("min" | "max") if len(operands) > 1:
            _judged_comparison(["<"] * (len(operands) - 1), operands, scope)
            return _union(operand.shape for operand in operands)
        case _:
            return _judged_members(expression.name, operands[0], scope)


def _judged_field(path: tuple[str, ...], scope: Scope) -> Shape:
    shape = scope.data if path[0] == "data" else scope.event
    if shape is None:
        scope.found.append(f"{'.'.join(path)}: there is no event here")
        return UNSURE
    for name in path[1:]:
        inner = list(_inner(shape, name))
        if not inner:
            scope.found.append(f"{'.'.join(path)}: {_no_field(shape, name)}")
            return UNSURE
        shape = _union(inner)
    return shape


def _inner(shape: Shape, name: str) -> Iterator[Shape]:
    """The shapes a field of this name may have: one for every member of a union that has it."""
    for member in _members(shape):
        match member:
            case shapes.Record() if name in shapes.fields_of(member):
                field = shapes.fields_of(member)[name]
                yield field.inner if isinstance(field, shapes.Sealed) else field
            case shapes.Choice() | shapes.Exactly() if name in ("name", "value"):
                yield UNSURE
            case shapes.Scalar("date" | "datetime" | "timedelta"):
                yield UNSURE
            case shapes.Anything() | shapes.Unknown():
                yield UNSURE
            case _:
                pass


def _no_field(shape: Shape, name: str) -> str:
    records = [member for member in _members(shape) if isinstance(member, shapes.Record)]
    names = sorted({field for record in records for field in shapes.fields_of(record)})
    advice = f": it has {', '.join(names)}" if 0 < len(names) <= 8 else ""
    if close := get_close_matches(name, names, 1):
        advice = f": did you mean {close[0]}?"
    if any(hasattr(record.kind, name) for record in records):
        advice = ": a guard reads fields, not methods or properties"
    return f"{described(shape)} has no field {name!r}{advice}"


def _want_boolean(operands: Iterable[Operand], word: str, scope: Scope) -> Shape:
    for operand in operands:
        kinds, part = _kinds(operand.shape), operand.part
        if kinds is None or "bool" in kinds:
            continue
        instead = ""
        if kinds <= LENGTHY:
            instead = f": write len({part}) > 0"
        elif kinds <= NUMERIC:
            instead = f": write {part} != 0"
        elif "None" in kinds:
            instead = f": write {part} is not None"
        scope.found.append(f"{operand}, and {word} takes True or False{instead}")
    return BOOL


def _judged_comparison(signs: list[str], operands: list[Operand], scope: Scope) -> Shape:
    for sign, (left, right) in zip(signs, pairwise(operands), strict=True):
        whole = tree.Comparison(left.part, ((sign, right.part),))
        if sign in ("in", "not in"):
            _judge_membership(whole, sign, left, right, scope)
        elif sign in ("==", "!=", "is", "is not"):
            scope.found.extend(_unequal(whole, left, right))
        elif not _possible(left.shape, right.shape, _ordered):
            scope.found.append(f"{whole}: {left}, {right}: there is no order between them")
    return BOOL


def _judge_membership(
    whole: Expression, sign: str, left: Operand, right: Operand, scope: Scope
) -> None:
    if isinstance(right.part, tree.Listing):
        for item in right.part.items:
            scope.found.extend(_unequal(whole, left, Operand(item, _judged(item, scope))))
        return
    member = _has_members(sign, right, scope) and _item(right.shape)
    if member and not _possible(left.shape, member, _alike):
        scope.found.append(f"{whole}: {left}, {right}: it is never a member")


def _unequal(whole: Expression, left: Operand, right: Operand) -> Iterator[str]:
    """Why two operands are never equal, if so."""
    if not _possible(left.shape, right.shape, _alike):
        enums = [side.shape for side in (left, right) if isinstance(side.shape, shapes.Choice)]
        advice = f" (were {enums[0].kind.__name__} a StrEnum, they could be)" if enums else ""
        yield f"{whole}: {left}, {right}: they are never equal{advice}"
        return
    for one, other in ((left, right), (right, left)):
        values = _values(other.shape, one.shape)
        if isinstance(one.part, tree.Constant) and values and one.part.value not in values:
            spelled = [str(getattr(value, "value", value)) for value in values]
            close = get_close_matches(str(one.part.value), spelled, 1)
            advice = f": did you mean {close[0]!r}?" if close else ""
            yield f"{whole}: {other}, never {one.part}{advice}"


def _values(shape: Shape, like: Shape) -> list[object]:
    """All values of a shape that may equal one of another; none if there is no end to them."""
    values: list[object] = []
    for member in _members(shape):
        match member:
            case shapes.Choice(kind) if not issubclass(kind, Flag):
                values += kind
            case shapes.Exactly(texts) if _kinds(member):
                values += map(literal_eval, texts)
            case _ if _possible(member, like, _alike):
                return []
            case _:
                pass
    return values


def _judged_arithmetic(
    expression: Expression, sign: str, operands: list[Operand], scope: Scope
) -> Shape:
    left, right = (_kinds(operand.shape) for operand in operands)
    if left is None or right is None:
        return UNSURE
    results = {_result(one, sign, other) for one, other in product(left, right)} - {""}
    if results:
        return _union(shapes.Scalar(result) for result in results)
    takes = "numbers, dates and durations" if sign in "+-" else "numbers"
    given = ", ".join(map(str, operands))
    scope.found.append(f"{expression}: {given}: {sign} takes {takes} that go together")
    return UNSURE


def _result(left: str, sign: str, right: str) -> str:
    """The type of a result, empty if there is none."""
    both = {left, right}
    if not both <= NUMERIC:
        return SPANS.get((left, sign, right), "")
    if "Decimal" in both:
        return "" if "float" in both else "Decimal"
    return "float" if "float" in both or sign == "/" else "int"


def _judged_sign(name: str, operand: Operand, scope: Scope) -> Shape:
    kinds = _kinds(operand.shape)
    if kinds is None:
        return UNSURE
    if fit := kinds & (NUMERIC | {"timedelta"}):
        return _union(map(shapes.Scalar, fit))
    scope.found.append(f"{operand}, and {name} takes a number")
    return UNSURE


def _judged_members(name: str, operand: Operand, scope: Scope) -> Shape:
    """The shape of what `len`, `any`, `all`, or `min` and `max` of one argument give."""
    item = _item(operand.shape) if _has_members(name, operand, scope) else UNSURE
    if name == "len":
        return INT
    if name in ("min", "max"):
        return item
    if not _possible(item, BOOL, operator.eq):
        scope.found.append(f"{operand}, and {name} takes members that are True or False")
    return BOOL


def _has_members(word: str, operand: Operand, scope: Scope) -> bool:
    """Whether an operand may have members; it is found if it certainly has none."""
    kinds = _kinds(operand.shape)
    if kinds is None or kinds & LENGTHY:
        return True
    scope.found.append(f"{operand}, and {word} takes a text or a collection")
    return False


def _item(shape: Shape) -> Shape:
    """The shape of what is in a collection or a text."""
    items: list[Shape] = []
    for member in _members(shape):
        match member:
            case shapes.Many(item) | shapes.Some(item) | shapes.Keyed(item):
                items.append(item)
            case shapes.Fixed(several):
                items += several
            case _:
                items.append(STR if _kinds(member) == TEXT else UNSURE)
    return _union(items)


def _members(shape: Shape) -> tuple[Shape, ...]:
    if isinstance(shape, shapes.Sealed):
        return _members(shape.inner)
    return shape.members if isinstance(shape, shapes.Either) else (shape,)


def _union(several: Iterable[Shape]) -> Shape:
    """One shape for several; unsure if one of them is, or there are none."""
    flat = {member for shape in several for member in _members(shape)}
    if not flat or any(isinstance(member, shapes.Anything | shapes.Unknown) for member in flat):
        return UNSURE
    ordered = tuple(sorted(flat, key=described))
    return ordered[0] if len(ordered) == 1 else shapes.Either(ordered)


def _kinds(shape: Shape) -> frozenset[str] | None:
    """The types a value of a shape may have, None if they are not known."""
    kinds: set[str] = set()
    for member in _members(shape):
        match member:
            case shapes.Scalar(name):
                kinds.add(name)
            case shapes.Choice(kind):
                mixed = [base.__name__ for base in MIXED_IN if issubclass(kind, base)]
                if not mixed and not _is_plain(kind):
                    return None
                kinds.add(mixed[0] if mixed else f"enum {kind.__module__}.{kind.__qualname__}")
            case shapes.Exactly(texts) if not any(map(ENUM_MEMBER, texts)):
                kinds |= {_kind_of_literal(text) for text in texts}
            case shapes.Record(kind) if not _is_plain(kind):
                return None
            case _ if type(member) in COLLECTIONS:
                kinds.add(COLLECTIONS[type(member)])
            case _:
                return None
    return frozenset(kinds)


def _is_plain(kind: type) -> bool:
    """Whether a class leaves it to attrs or Enum how its values compare and what they contain."""
    own = {name for base in kind.__mro__[:-1] for name in vars(base)}
    equal = attrs.inspect(kind).added_eq if attrs.has(kind) else "__eq__" not in own
    return equal and own.isdisjoint(SPECIAL)


def _kind_of_literal(text: str) -> str:
    return "None" if text == "None" else type(literal_eval(text)).__name__


def _possible(left: Shape, right: Shape, test: Callable[[str, str], bool]) -> bool:
    """Whether a test may hold between the types of two shapes."""
    kinds, others = _kinds(left), _kinds(right)
    if kinds is None or others is None:
        return True
    return any(test(kind, other) for kind, other in product(kinds, others))


def _alike(kind: str, other: str) -> bool:
    return kind == other or {kind, other} <= NUMERIC | {"bool"}


def _ordered(kind: str, other: str) -> bool:
    return _alike(kind, other) and not kind.startswith(UNORDERED)
