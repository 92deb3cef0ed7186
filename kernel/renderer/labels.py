"""The words of a drawing: what rows, events and effects are called, whatever the form.

Rule 1: a word is one line of printable characters; all others are written as Python would.
Rule 2: words depend on the table alone: not on addresses, the hash seed, or the order of sets.
Rule 3: a picture is lean (`agreed`), the text is complete (`Cart.agreed`).
Left out on purpose: escaping, which is another in every form.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

from detent.kernel.definition import Assign, Call, Doing, Each, Send, Spawn, Wait
from detent.kernel.policies import Retry
from detent.kernel.shapes import described, shape_of
from detent.kernel.signals import (
    Declined,
    Ended,
    Event,
    Failed,
    InDoubt,
    Returned,
    Settled,
    Stopped,
    TimedOut,
)
from detent.kernel.table import Node, Otherwise, Row, Table, Trigger

__all__ = [
    "AnyTable",
    "called",
    "caption",
    "effect_of",
    "event_of",
    "excuses_of",
    "guard_of",
    "has_box",
    "history_leads_to",
    "inside",
    "is_inward",
    "notes_of",
    "plain",
    "short",
    "update_of",
]

AnyTable: TypeAlias = Table[Any, Any, Any]

OUTCOMES: dict[type[Event], str] = {
    Returned: "returned",
    Failed: "failed",
    TimedOut: "timed_out",
    InDoubt: "in_doubt",
    Declined: "declined",
    Stopped: "stopped",
    Ended: "ended",
    Settled: "settled",
}
VERBS: dict[Otherwise, str] = {"ignored": "ignore", "deferred": "defer", "rejected": "reject"}
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
ENDLESS = 10**15  # thirty million years in seconds; an int may also be too long to be printed
LONGEST = 60  # characters of a question in a picture; the text has all of it


def plain(text: str) -> str:
    """A text on one line.

    >>> plain("two\\nlines")
    'two\\\\nlines'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


# The names of callables


def short(name: str, *, lean: bool = False) -> str:
    """What is worth reading of `module:qualname`, the name that a table has for a callable.

    >>> short("shop.orders:Cart.agreed"), short("shop:Cart.agreed", lean=True)
    ('Cart.agreed', 'agreed')
    >>> short("partial(shop:test_it.<locals>.ask)")
    'partial(ask)'
    """
    name = re.sub(r"[\w.]*:|[^():]*<locals>\.", "", name)
    kept = re.sub(r"\w+\.(?=[\w<])", "", name) if lean else name
    return plain(kept.replace("<lambda>", "lambda"))


def called(function: Any, *, lean: bool = False) -> str:
    """The name of a callable that stands in a form itself."""
    if isinstance(function, partial):
        return f"partial({called(function.func, lean=lean)})"
    name = getattr(function, "__qualname__", None)
    return short(name if isinstance(name, str) else f"{type(function).__qualname__}()", lean=lean)


# Rows


def event_of(row: Row, *, lean: bool = False) -> str:
    """What a row waits for; empty for one that waits for nothing."""
    if row.kind == "on":
        return " | ".join(map(_trigger, row.triggers))
    if row.kind == "after":
        return f"after {_seconds(row.seconds, lean=lean)}"
    return "done" if row.kind == "done" else ""


def _trigger(trigger: Trigger) -> str:
    if not isinstance(trigger, tuple):
        return plain(trigger.__name__)
    key, kind = trigger
    known = OUTCOMES.get(kind)
    return plain(f"{key}.{known or f'failed_as({kind.__name__})'}")


def guard_of(row: Row, *, lean: bool = False) -> str:
    """The guard of a row in brackets; empty for none."""
    if row.guard is None:
        return ""
    is_text = row.condition is not None
    return f"[{plain(row.guard_name) if is_text else short(row.guard_name, lean=lean)}]"


def update_of(row: Row, *, lean: bool = False) -> str:
    """The update of a row after a slash; empty for none."""
    if row.update is None:
        return ""
    is_text = isinstance(row.update, Assign)
    return f"/ {plain(row.update_name) if is_text else short(row.update_name, lean=lean)}"


def caption(table: AnyTable, row: Row) -> str:
    """A row as it is written at an arrow: `Event [guard] / update`."""
    again = "(reenter)" if row.reenter and is_inward(table, row) else ""
    words = (event_of(row, lean=True), guard_of(row, lean=True), update_of(row, lean=True), again)
    return " ".join(word for word in words if word) or "always"


def is_inward(table: AnyTable, row: Row) -> bool:
    """Whether a row leads into the very state whose row it is."""
    return row.target is not None and table.is_inside(row.target, row.source)


# Effects


def effect_of(form: Doing[Any], *, lean: bool = False) -> str:
    """An effect with all that bounds it: `charge (at_most_once, 30 s)` in a picture.

    The text says besides what is ordered, and who makes the order.
    """
    what, maker = _ordered(form, lean=lean)
    key = plain(str(form.key))
    if lean:
        said = ", ".join((*((what,) if what else ()), *_bounds(form, lean=True)))
        return f"{key} ({said})" if said else key
    made = f" from {called(maker)}" if callable(maker) else ""
    bounds = ", ".join(_bounds(form, lean=False))
    return f"{key}: {what}{made}" + (f" ({bounds})" if bounds else "")


def _ordered(form: Doing[Any], *, lean: bool) -> tuple[str, Callable[..., Any] | None]:
    """What is ordered, and who makes the order of the data."""
    match form:
        case Call(effect=effect, make=make):
            return ("" if lean else f"call {plain(effect.__name__)}"), make
        case Wait(answer=answer, question=question):
            asked = _question(question, lean=lean)
            wanted = "" if lean else f"wait for {plain(described(shape_of(answer)))}"
            return ", ".join(said for said in (wanted, asked) if said), _maker(question)
        case Spawn(machine=machine, make=make):
            return f"run {plain(machine.machine.name)}", make
        case Send(run=run, event=event):
            return f"send {_sent(event, lean=lean)} to {_named(run, lean=lean)}", None
        case Each(forms=forms, make=make):
            return "each of " + " | ".join(effect_of(inner, lean=lean) for inner in forms), make
        case _:  # pragma: no cover - the compiler refuses other forms
            return "", None


def _maker(question: object) -> Callable[..., Any] | None:
    return question if callable(question) else None


def _question(question: object, *, lean: bool) -> str:
    if not isinstance(question, str):
        return ""
    text = str.__str__(question)
    if not lean:
        return repr(text)
    words = " ".join(text.split())
    return repr(words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}...")


def _sent(event: object, *, lean: bool) -> str:
    return plain(type(event).__name__) if isinstance(event, Event) else _named(event, lean=lean)


def _named(given: object, *, lean: bool) -> str:
    """Something given as a text, or as a callable that finds it in the data."""
    return repr(str.__str__(given)) if isinstance(given, str) else called(given, lean=lean)


def _bounds(form: Doing[Any], *, lean: bool) -> Iterable[str]:
    """What bounds an effect: recovery, time, number."""
    match form:
        case Call(effect=effect, timeout=limit, retry=retry):
            yield effect.recovery
            yield from _time(limit, lean=lean)
            yield from _retry(retry, lean=lean)
            for word, name in (("limit", form.limit), ("breaker", form.breaker)):
                if name is not None:
                    yield plain(f"{word} {name}")
        case Wait(deadline=limit):
            yield from _time(limit, lean=lean)
        case Each(at_most=number, stop_on_failure=stops):
            if number is not None:
                yield f"at most {_number(number)}"
            if stops:
                yield "stop on failure"
        case _:
            pass


def _time(limit: float | None, *, lean: bool) -> Iterable[str]:
    if limit is not None:
        yield _seconds(limit, lean=lean)


def _retry(retry: Retry | None, *, lean: bool) -> Iterable[str]:
    """How often it is tried; in the text also whatever is not as usual."""
    if retry is None:
        return
    yield f"{_number(retry.attempts)} attempts"
    for name in () if lean else ("base", "factor", "cap", "jitter", "total"):
        number = getattr(retry, name)
        if number != getattr(Retry(), name):
            yield f"{name} {_number(number)}"


def _seconds(seconds: object, *, lean: bool) -> str:
    """A time in the largest unit that measures it, or the function that tells it."""
    if not isinstance(seconds, int | float):
        return called(seconds, lean=lean)
    for unit, name in UNITS:
        if 0 < seconds < ENDLESS and seconds % unit == 0:
            return f"{_number(seconds / unit)} {name}"
    return f"{_number(seconds)} s"


def _number(number: float) -> str:
    if number >= ENDLESS:
        return f"{Decimal(number):.3e}"
    return str(int(number)) if number == int(number) else repr(float(number))


# States


def excuses_of(node: Node) -> Iterable[str]:
    """The events that a state ignores, defers or rejects: `defer Add, Pay`."""
    for word, verb in VERBS.items():
        events = [plain(kind.__name__) for kind, said in node.otherwise.items() if said == word]
        if events:
            yield f"{verb} {', '.join(events)}"


def inside(table: AnyTable, node: Node) -> tuple[Node, ...]:
    """What is directly inside a state, histories too, in document order."""
    return tuple(table.nodes[index] for index in sorted((*node.children, *node.histories)))


def notes_of(table: AnyTable, node: Node) -> Iterable[str]:
    """What a picture writes into a state: effects, rows that lead nowhere, what it excuses."""
    for form in node.forms:
        yield f"do / {effect_of(form, lean=True)}"
    for row in node.rows:
        if row.target is None:
            yield caption(table, row)
    yield from excuses_of(node)
    if node.kind == "final" and node.status != "completed":
        yield node.status


def has_box(table: AnyTable, node: Node, notes: Iterable[str]) -> bool:
    """Whether a state around others needs a box, for its notes and for arrows that lead inwards."""
    return any(notes) or any(is_inward(table, row) for row in node.rows)


def history_leads_to(table: AnyTable, node: Node) -> int | None:
    """Where a history leads the first time, unless that is the state around it."""
    return node.initial if node.kind == "history" and node.initial != node.parent else None
