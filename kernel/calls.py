"""The only places where the step calls the author's code. What is raised, or given wrongly, becomes a Broke.

Rule 1: a guard is true or false. Whatever else it gives is a bug, never an answer.
Rule 2: what a callable gives is looked at before it is used: data is of the class of the data, an order of its effect.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias, cast

from detent.kernel.definition import Call, Doing, Each, Letter, Order, Send, Spawn, Wait
from detent.kernel.layout import Ladder
from detent.kernel.names import brief, name_of, shown
from detent.kernel.policies import LONGEST_WAIT, is_wait
from detent.kernel.signals import Event, Problem
from detent.kernel.steps import Bug
from detent.kernel.table import Node, Row

__all__ = [
    "Broke",
    "chosen",
    "endless",
    "many_orders",
    "one_order",
    "resulting",
    "seconds",
    "updated",
]

Place: TypeAlias = tuple[Node, Doing[Any]]
"""The state and the form that give an order; put into words only when something is wrong."""

CIRCLE = 8  # rows of an endless macrostep that are named: more than most circles have

Role: TypeAlias = Literal["guard", "update", "make", "seconds", "question", "result", "rows"]


class Broke(Exception):
    """Carries a Bug out of a macrostep, which is then as if it had never begun. Never leaves the stepper."""

    def __init__(self, bug: Bug) -> None:
        super().__init__(str(bug))
        self.bug = bug


def chosen(ladders: tuple[Ladder, ...], data: object, event: object) -> Ladder:
    """Of each ladder the first row whose guard is true; each row once."""
    if len(ladders) == 1:
        for row in ladders[0]:
            if row.guard is None or _is_true(row, data, event):
                return (row,)
        return ()
    found: dict[Row, None] = {}
    for ladder in ladders:
        for row in ladder:
            if row.guard is None or _is_true(row, data, event):
                found[row] = None
                break
    return tuple(found)


def updated(row: Row, data: object, event: object, kind: type) -> Any:
    """The data as a row changes it."""
    update: Any = row.update
    try:
        after = update(data, event)
    except Exception as error:
        raise _raised("update", row.id, brief(row.update_name), error) from error
    if type(after) is not kind:
        raise _wrong(
            "update", row.id, brief(row.update_name), after, f"data of class {kind.__name__}"
        )
    return after


def resulting(result: Callable[[Any], object] | None, data: object, machine: str) -> object:
    """The result of a run that has come to its end."""
    if result is None:
        return data
    try:
        return result(data)
    except Exception as error:
        raise _raised("result", machine, _named(result), error) from error


def seconds(row: Row, data: object) -> float:
    """How long a timer waits."""
    if not callable(row.seconds):
        return row.seconds or 0.0
    try:
        given: object = row.seconds(data)
    except Exception as error:
        raise _raised("seconds", row.id, _named(row.seconds), error) from error
    if not is_wait(given):
        wanted = f"a number of seconds from 0 to {LONGEST_WAIT}"
        raise _wrong("seconds", row.id, _named(row.seconds), given, wanted)
    return given


def one_order(node: Node, form: Doing[Any], data: object) -> object:
    """What a form orders when its state has been entered."""
    place = (node, form)
    if isinstance(form, Call):
        make: object = form.make
        return _checked(place[1], _made("make", place, make, data), place, make)
    if isinstance(form, Spawn):
        return _made("make", place, form.make, data)
    if isinstance(form, Wait):
        return _text(_made("question", place, form.question, data), place, form.question)
    if isinstance(form, Send):
        address = _text(_made("make", place, form.run, data), place, form.run)
        letter = _made("make", place, form.event, data)
        if isinstance(letter, Event):
            return Letter(address, letter)
        raise _wrong("make", _place(place), _named(form.event), letter, "an event")
    raise TypeError(form)  # pragma: no cover - the compiler refuses other forms


def many_orders(node: Node, form: Each[Any, Any], data: object) -> tuple[tuple[int, object], ...]:
    """What an Each orders: which of its forms gives each order, and what it orders."""
    place = (node, form)
    given: Any = _made("make", place, form.make, data)
    if not isinstance(given, Iterable):
        raise _wrong("make", _place(place), _named(form.make), given, "orders, one after the other")
    try:
        orders = list(cast(Iterable[object], given))
    except Exception as error:
        raise _raised("make", _place(place), _named(form.make), error) from error
    return tuple(_placed(form, order, place) for order in orders)


def endless(limit: int, took: Sequence[tuple[str, ...]]) -> Broke:
    """Rows that follow one another without an event, until nobody can believe that they will stop."""
    last = [row for rows in took[-CIRCLE:] for row in rows]
    what = f"more than {limit} transitions for one event; the last were {' -> '.join(last)}"
    return Broke(Bug(last[-1] if last else "begin", "rows", "", Problem("Endless", what)))


def _placed(each: Each[Any, Any], order: Any, place: Place) -> tuple[int, object]:
    """An order with the form that gives it: the one it was made by, or the one for effects of its class."""
    for index, form in enumerate(each.forms):
        if _is_made_by(order, form):
            return index, _checked(form, order.args, place, each.make)
        if _is_exactly(order, getattr(form, "effect", None)):
            return index, order
    wanted = " or ".join(map(_wanted, each.forms))
    raise _wrong("make", _place(place), _named(each.make), order, f"orders that are {wanted}")


def _is_made_by(order: Any, form: Doing[Any]) -> bool:
    return _is_exactly(order, Order) and order.form == form


def _is_exactly(value: object, kind: Any) -> bool:
    """Whether a value is of a class, and not of one derived from it, whatever its own code says."""
    return type(value) is kind


def _wanted(form: Doing[Any]) -> str:
    return form.effect.__name__ if isinstance(form, Call) else f"{form.key}(...)"


def _checked(form: Doing[Any], order: object, place: Place, maker: object) -> object:
    if isinstance(form, Call) and type(order) is not form.effect:
        wanted = f"an order of class {form.effect.__name__}"
        raise _wrong("make", _place(place), _named(maker), order, wanted)
    return _text(order, place, maker) if isinstance(form, Wait) else order


def _text(given: object, place: Place, maker: object) -> str:
    if isinstance(given, str):
        return given
    raise _wrong("question", _place(place), _named(maker), given, "a text")


def _made(role: Role, place: Place, maker: Any, data: object) -> object:
    if not callable(maker):
        return maker
    try:
        return maker(data)
    except Exception as error:
        raise _raised(role, _place(place), _named(maker), error) from error


def _place(place: Place) -> str:
    node, form = place
    return f"{node.name}/{form.key}"


def _is_true(row: Row, data: object, event: object) -> bool:
    guard: Any = row.guard
    try:
        verdict = guard(data, event)
    except Exception as error:
        raise _raised("guard", row.id, brief(row.guard_name), error) from error
    if verdict is True or verdict is False:
        return verdict
    raise _wrong("guard", row.id, brief(row.guard_name), verdict, "True or False")


def _named(function: object) -> str:
    return brief(name_of(function))


def _raised(role: Role, place: str, name: str, error: Exception) -> Broke:
    problem = Problem(type(error).__name__, _said(error))
    return Broke(Bug(place, role, name, problem, error))


def _wrong(role: Role, place: str, name: str, given: object, wanted: str) -> Broke:
    return Broke(Bug(place, role, name, Problem("WrongType", f"gave {shown(given)}, not {wanted}")))


def _said(error: Exception) -> str:
    """What an exception says, whatever its own code does when it is asked."""
    try:
        return str(error)
    except Exception as another:
        return f"<{type(error).__name__} whose text raises {type(another).__name__}>"
