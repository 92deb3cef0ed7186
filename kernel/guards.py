"""What an expression does: it is evaluated and explained. (Checked against types: inference.py.)

Rule 1: only True is true and only False is false: `and`, `or`, `not`, `any` and `all` answer the
        rest with a TypeError that names the part. Arithmetic takes numbers, `+` and `-` dates and
        durations too, so a text is never multiplied and nothing is ever formatted.
Rule 2: an expression reads fields of data and event and nothing else; `and` and `or` stop at the
        first part that decides.
Rule 3: `explain` never raises: an error of the evaluation is part of the explanation.
Left out on purpose: whether a guard's answer is a bool at run time, which the step judges.
"""

import operator
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import detent.kernel.expressions as tree
from detent.kernel.expressions import Expression, parse
from detent.kernel.inference import findings, kind_of

__all__ = ["Expression", "closure", "explain", "findings", "kind_of", "parse", "reads"]

Reading: TypeAlias = Callable[[Any, Any], Any]
Probe: TypeAlias = tuple[Callable[[Any], Any], Callable[[Any, Any], Any], object]

NUMBERS = (int, float, Decimal)
QUANTITIES = (*NUMBERS, timedelta)
ADDENDS = (*NUMBERS, date, timedelta)
LONGEST_SHOWN = 80  # characters of one value in a message; the log has the rest

TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda member, whole: member in whole,
    "not in": lambda member, whole: member not in whole,
}
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right,
    "//": lambda left, right: left // right,
    "%": operator.mod,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {"len": len, "min": min, "max": max}


def reads(expression: Expression) -> frozenset[tuple[str, ...]]:
    """The paths of all fields an expression may read.

    >>> sorted(reads(parse("data.total > event.cents or data.total == 0")))
    [('data', 'total'), ('event', 'cents')]
    """
    return frozenset(field.path for field in _fields(expression))


def _fields(expression: Expression) -> tuple[tree.Field, ...]:
    nodes = tree.walk(expression)
    return tuple(dict.fromkeys(node for node in nodes if isinstance(node, tree.Field)))


def closure(expression: Expression) -> Reading:
    """The expression as a function of data and event; what that raises is the author's mistake.

    >>> closure(parse("data.real + event.real"))(1, 2)
    3
    """
    match expression:
        case tree.Constant(value):
            return lambda data, event: value
        case tree.Listing(items):
            values = tuple(item.value for item in items)
            return lambda data, event: values
        case tree.Field(path):
            return _field(path[0], ".".join(path[1:]))
        case tree.Not(operand):
            return _not(operand)
        case tree.Junction(word, parts):
            return _junction(word, parts)
        case tree.Comparison():
            return _comparison(expression)
        case tree.Arithmetic(sign, left, right):
            return _arithmetic(sign, left, right)
        case tree.Negative(operand):
            return _applied("minus", operator.neg, operand)
        case tree.Function("abs", (operand,)):
            return _applied("abs", abs, operand)
        case tree.Function("any" | "all" as name, (operand,)):
            return _quantified(name, operand)
        case _:
            return _function(expression.name, expression.arguments)


def _field(root: str, path: str) -> Reading:
    read: Callable[[Any], Any] = operator.attrgetter(path)
    if root == "data":
        return lambda data, event: read(data)
    return lambda data, event: read(event)


def _not(operand: Expression) -> Reading:
    read = closure(operand)

    def negated(data: Any, event: Any) -> bool:
        answer = read(data, event)
        if answer is True or answer is False:
            return not answer
        raise _no_truth(operand, answer, "not")

    return negated


def _junction(word: tree.JunctionWord, parts: tuple[Expression, ...]) -> Reading:
    """Halved until two parts are left, so that many parts do not make a tall stack."""
    half = len(parts) // 2
    first, second = (
        side[0] if len(side) == 1 else tree.Junction(word, side)
        for side in (parts[:half], parts[half:])
    )
    left, right, going = closure(first), closure(second), word == "and"

    def joined(data: Any, event: Any) -> Any:
        answer, part = left(data, event), first
        if answer is going:
            answer, part = right(data, event), second
        if answer is True or answer is False:
            return answer
        raise _no_truth(part, answer, word)

    one, other = _probe(first), _probe(second)
    return _two_probes(going, one, other, joined) if one and other else joined


def _probe(expression: Expression) -> Probe | None:
    """A field of the data compared with a constant, which most guards are made of, in its parts."""
    match expression:
        case tree.Comparison(tree.Field(path), ((sign, tree.Constant(value)),)) if (
            path[0] == "data"
        ):
            return operator.attrgetter(".".join(path[1:])), TESTS[sign], value
        case _:
            return None


def _two_probes(going: bool, first: Probe, second: Probe, careful: Reading) -> Reading:
    """Two probes joined without a call between them: as fast as Python's own `eval`."""
    read, test, value = first
    read_next, test_next, value_next = second

    def joined(data: Any, event: Any) -> Any:
        answer = test(read(data), value)
        if answer is going:
            answer = test_next(read_next(data), value_next)
        return answer if answer is True or answer is False else careful(data, event)

    return joined


def _comparison(expression: tree.Comparison) -> Reading:
    if probe := _probe(expression):
        look, check, value = probe
        return lambda data, event: check(look(data), value)
    start = closure(expression.first)
    links = tuple((TESTS[sign], closure(operand)) for sign, operand in expression.rest)
    if len(links) == 1:
        test, read = links[0]
        return lambda data, event: test(start(data, event), read(data, event))

    def compared(data: Any, event: Any) -> Any:
        left, answer = start(data, event), True
        for test, read in links:
            right = read(data, event)
            answer = test(left, right)
            if answer is not True:
                break
            left = right
        return answer

    return compared


def _arithmetic(sign: str, first: Expression, second: Expression) -> Reading:
    left, right, apply = closure(first), closure(second), OPERATIONS[sign]
    kinds = ADDENDS if sign in "+-" else NUMBERS

    def computed(data: Any, event: Any) -> Any:
        here, there = left(data, event), right(data, event)
        _demand(here, kinds, first, sign)
        _demand(there, kinds, second, sign)
        return apply(here, there)

    return computed


def _applied(name: str, apply: Callable[[Any], Any], operand: Expression) -> Reading:
    read = closure(operand)

    def applied(data: Any, event: Any) -> Any:
        value = read(data, event)
        _demand(value, QUANTITIES, operand, name)
        return apply(value)

    return applied


def _quantified(name: str, operand: Expression) -> Reading:
    read, decided = closure(operand), name == "any"

    def asked(data: Any, event: Any) -> Any:
        for member in read(data, event):
            if member is decided:
                return decided
            if member is not True and member is not False:
                raise _no_truth(f"a member of {operand}", member, name)
        return not decided

    return asked


def _function(name: str, arguments: tuple[Expression, ...]) -> Reading:
    readings = tuple(map(closure, arguments))
    call = FUNCTIONS[name]
    return lambda data, event: call(*[read(data, event) for read in readings])


def _demand(value: object, kinds: tuple[type, ...], part: Expression, sign: str) -> None:
    if not isinstance(value, kinds) or type(value) is bool:
        wanted = ", ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{part} is {_shown(value)}: {sign} takes {wanted}")


def _no_truth(part: object, value: object, word: str) -> TypeError:
    return TypeError(f"{part} is {_shown(value)}: {word} takes only True and False")


def _shown(value: object) -> str:
    """A value in a few words. Values are the author's, and so is their `repr`."""
    try:
        text = repr(value)
    except Exception as error:
        return f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def explain(expression: Expression, data: object, event: object) -> str:
    """Why an expression is what it is, with the values it saw. Of `and` and `or` only what decides.

    >>> print(explain(parse("data.real > 3 and data.imag == 0"), 2, None))
    data.real > 3 and data.imag == 0 is false, because data.real > 3 is false (data.real is 2)
    """
    said = _said(expression, data, event)
    decisive = list(_decisive(expression, data, event))
    if decisive == [expression]:
        seen = _seen(expression, data, event)
        return f"{said}: {seen}" if seen else said
    reasons = ((_said(part, data, event), _seen(part, data, event)) for part in decisive)
    told = "; ".join(f"{reason} ({seen})" if seen else reason for reason, seen in reasons)
    return f"{said}, because {told}"


def _outcome(expression: Expression, data: object, event: object) -> object:
    """The value of an expression, or the error in its place."""
    try:
        return closure(expression)(data, event)
    except Exception as error:  # the author's values may raise anything
        return error


def _decisive(expression: Expression, data: object, event: object) -> Iterator[Expression]:
    """The parts, free of `and`, `or` and `not`, that make an expression what it is."""
    match expression:
        case tree.Not(operand):
            yield from _decisive(operand, data, event)
        case tree.Junction(word, parts):
            going = word == "and"
            stops = (part for part in parts if _outcome(part, data, event) is not going)
            stop = next(stops, None)
            for part in parts if stop is None else (stop,):
                yield from _decisive(part, data, event)
        case _:
            yield expression


def _said(expression: Expression, data: object, event: object) -> str:
    match _outcome(expression, data, event):
        case Exception() as error:
            return f"{expression} has no answer, it raises {_shown(error)}"
        case bool(answer):
            return f"{expression} is {str(answer).lower()}"
        case value:
            return f"{expression} is {_shown(value)}"


def _seen(expression: Expression, data: object, event: object) -> str:
    """The fields inside an expression, with their values."""
    inside = (field for field in _fields(expression) if field != expression)
    return ", ".join(_said(field, data, event) for field in inside)
