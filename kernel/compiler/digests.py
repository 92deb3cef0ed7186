"""The two digests of a table.

`shape` changes when a stored snapshot may no longer fit: states, regions, timers, effects, fields. `rules` changes
when the machine does something else with it: targets, guards, and callables by name and declared version.

Rule 1: a digest is the same in every process and on every version of Python.
Rule 2: code is never looked at: a changed body under the same name is told by `versioned`.
"""

from collections.abc import Iterable
from typing import Any

from detent.kernel.compiler.outcomes import returned_shape
from detent.kernel.compiler.storage import classes_in
from detent.kernel.definition import (
    Call,
    Doing,
    Each,
    Machine,
    Send,
    Spawn,
    Wait,
)
from detent.kernel.names import name_of
from detent.kernel.shapes import Choice, Shape, described, fields_of
from detent.kernel.table import Node, Row
from detent.kernel.values import digest

__all__ = ["rules_digest", "shape_digest"]

Nested = Any


def shape_digest(
    machine: Machine[Any, Any, Any],
    data: Shape,
    nodes: Iterable[Node],
    forms: Iterable[Doing[Any]],
    shapes: Iterable[Shape],
) -> str:
    """What stored snapshots depend on."""
    states = tuple(
        (
            node.name,
            node.kind,
            node.parent,
            node.is_region,
            node.deep,
            len(node.after),
            tuple(form.key for form in node.forms),
        )
        for node in nodes
    )
    effects = tuple(sorted(map(_effect_shape, forms)))
    return digest((machine.name, described(data), states, effects, _classes(shapes)))


def rules_digest(
    machine: Machine[Any, Any, Any], nodes: Iterable[Node], forms: Iterable[Doing[Any]]
) -> str:
    """What the machine does."""
    states = tuple(
        (
            node.name,
            node.initial,
            node.status,
            tuple(_row_rules(row) for row in node.rows),
            tuple(sorted((event.__name__, word) for event, word in node.otherwise.items())),
        )
        for node in nodes
    )
    effects = tuple(sorted(map(_effect_rules, forms), key=repr))
    limits = (machine.defer_limit, machine.microsteps)
    return digest((_code(machine.begin), _code(machine.result), limits, states, effects))


def _classes(shapes: Iterable[Shape]) -> Nested:
    """Every class that is stored, with its fields."""
    found = [
        described(shape)
        if isinstance(shape, Choice)
        else (described(shape), tuple((n, described(s)) for n, s in fields_of(shape).items()))
        for shape in classes_in(shapes)
    ]
    return tuple(sorted(found, key=repr))


def _effect_shape(form: Doing[Any]) -> Nested:
    outcomes = tuple(kind.__name__ for kind in form.possible)
    returned = described(returned_shape(form))
    return (form.key, type(form).__name__, outcomes, returned, _what(form))


def _what(form: Doing[Any]) -> Nested:
    """What a form orders."""
    match form:
        case Call(effect=effect):
            return (effect.__name__, effect.version, effect.recovery)
        case Each(forms=forms):
            return tuple(_effect_shape(inner) for inner in forms)
        case Spawn(machine=machine):
            return machine.machine.name
        case _:
            return None


def _effect_rules(form: Doing[Any]) -> Nested:
    """How a form orders it."""
    match form:
        case Call(make=make, timeout=timeout, retry=retry, limit=limit, breaker=breaker):
            return (form.key, _code(make), timeout, retry, limit, breaker)
        case Each(forms=forms, make=make, at_most=at_most, stop_on_failure=stops):
            inner = tuple(_effect_rules(inner) for inner in forms)
            return (form.key, inner, _code(make), at_most, stops)
        case Wait(question=question, deadline=deadline):
            return (form.key, _code(question), deadline)
        case Spawn(make=make):
            return (form.key, _code(make))
        case Send(run=run, event=event):
            return (form.key, _code(run), _code(event))
        case _:  # pragma: no cover - the compiler refuses other forms
            return form.key


def _row_rules(row: Row) -> Nested:
    triggers = tuple(
        f"{trigger[0]}.{trigger[1].__name__}" if isinstance(trigger, tuple) else trigger.__name__
        for trigger in row.triggers
    )
    names = (row.guard_name, row.update_name, _code(row.seconds))
    return (row.id, row.kind, triggers, row.target, row.reenter, *names)


def _code(value: object) -> Nested:
    """A callable by name and version; anything else as it is."""
    if callable(value):
        return name_of(value)
    if isinstance(value, str):
        return str.__str__(value)
    return float(value) if type(value) is int else value
