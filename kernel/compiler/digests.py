"""The two outlines of a table, and their digests.

`shape` is what a stored snapshot depends on: states, regions, timers, effects, fields. `rules` is what the machine
does with it: targets, guards, and callables by name and declared version. An outline is a tree that people can read
and programs compare; its digest stands for it.

Rule 1: a digest is the same in every process and on every version of Python.
Rule 2: code is never looked at: a changed body under the same name is told by `versioned`.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from detent.kernel.codec import classes_in
from detent.kernel.compiler.outcomes import returned_shape
from detent.kernel.definition import (
    Call,
    Doing,
    Each,
    Machine,
    Send,
    Spawn,
    Wait,
    usual_limit,
)
from detent.kernel.names import name_of
from detent.kernel.policies import Retry
from detent.kernel.shapes import Choice, Shape, described, fields_of
from detent.kernel.table import Node, Outline, Row
from detent.kernel.values import tree
from detent.kernel.wire import Tree, spelled

__all__ = ["rules_outline", "shape_outline"]


def shape_outline(
    machine: Machine[Any, Any, Any],
    data: Shape,
    nodes: Iterable[Node],
    forms: Iterable[Doing[Any]],
    shapes: Iterable[Shape],
) -> Outline:
    """What stored snapshots depend on."""
    every = tuple(nodes)
    states = {node.name: _state_shape(node, every) for node in every}
    effects = {form.key: _effect_shape(form) for form in sorted(forms, key=lambda form: form.key)}
    return _outline(
        {
            "machine": machine.name,
            "data": described(data),
            "states": states,
            "effects": effects,
            "classes": _classes(shapes),
        }
    )


def rules_outline(
    machine: Machine[Any, Any, Any], nodes: Iterable[Node], forms: Iterable[Doing[Any]]
) -> Outline:
    """What the machine does."""
    every = tuple(nodes)
    return _outline(
        {
            "begin": _code(machine.begin),
            "result": _code(machine.result),
            "defer_limit": machine.defer_limit,
            "microsteps": machine.microsteps,
            **_endings(machine),
            "states": {node.name: _state_rules(node, every) for node in every},
            "effects": {
                form.key: _effect_rules(form) for form in sorted(forms, key=lambda form: form.key)
            },
        }
    )


def _endings(machine: Machine[Any, Any, Any]) -> dict[str, Tree]:
    """How runs end that end otherwise than those of most machines."""
    said: dict[str, Tree] = {}
    if machine.on_bug != "park":
        said["on_bug"] = machine.on_bug
    if machine.background_limit != usual_limit:
        said["background_limit"] = _code(machine.background_limit)
    if machine.compensation_limit != usual_limit:
        said["compensation_limit"] = _code(machine.compensation_limit)
    return said


def _outline(written: dict[str, Tree]) -> Outline:
    text = spelled(written)
    return Outline(text, blake2b(text, digest_size=32).hexdigest())


def _state_shape(node: Node, nodes: tuple[Node, ...]) -> Tree:
    return {
        "kind": node.kind,
        "inside": nodes[node.parent].name,
        "is_region": node.is_region,
        "deep": node.deep,
        "timers": len(node.after),
        "do": [form.key for form in node.forms],
    }


def _classes(shapes: Iterable[Shape]) -> Tree:
    """Every class that is stored, with its fields."""
    found: dict[str, Tree] = {}
    for shape in sorted(classes_in(shapes), key=described):
        name = described(shape)
        if isinstance(shape, Choice):
            found[shape.kind.__name__] = name
        else:
            found[name] = {field: described(inner) for field, inner in fields_of(shape).items()}
    return found


def _effect_shape(form: Doing[Any]) -> Tree:
    return {
        "form": type(form).__name__,
        "outcomes": [kind.__name__ for kind in form.possible],
        "returns": described(returned_shape(form)),
        "orders": _what(form),
    }


def _what(form: Doing[Any]) -> Tree:
    """What a form orders."""
    match form:
        case Call(effect=effect):
            return {
                "effect": effect.__name__,
                "version": effect.version,
                "recovery": effect.recovery,
            }
        case Each(forms=forms):
            return {inner.key: _effect_shape(inner) for inner in forms}
        case Spawn(machine=machine):
            name: str = machine.machine.name
            return name
        case _:
            return None


def _state_rules(node: Node, nodes: tuple[Node, ...]) -> Tree:
    words = {event.__name__: word for event, word in node.otherwise.items()}
    return {
        "initial": nodes[node.initial].name,
        "status": node.status,
        "rows": {row.id: _row_rules(row, nodes) for row in node.rows},
        "otherwise": dict(sorted(words.items())),
        **({"compensates": True} if node.compensates else {}),
    }


def _row_rules(row: Row, nodes: tuple[Node, ...]) -> Tree:
    triggers: list[Tree] = [
        f"{trigger[0]}.{trigger[1].__name__}" if isinstance(trigger, tuple) else trigger.__name__
        for trigger in row.triggers
    ]
    return {
        "kind": row.kind,
        "on": triggers,
        "when": row.guard_name,
        "update": row.update_name,
        "to": None if row.target is None else nodes[row.target].name,
        "reenter": row.reenter,
        "seconds": _code(row.seconds),
    }


def _effect_rules(form: Doing[Any]) -> Tree:
    """How a form orders."""
    match form:
        case Call(make=make, timeout=timeout, retry=retry, limit=limit, breaker=breaker):
            return {
                "make": _code(make),
                "timeout": _code(timeout),
                "retry": _retry_rules(retry),
                "limit": limit,
                "breaker": breaker,
            }
        case Each(forms=forms, make=make, at_most=at_most, stop_on_failure=stops):
            inner = {form.key: _effect_rules(form) for form in forms}
            return {
                "forms": inner,
                "make": _code(make),
                "at_most": at_most,
                "stop_on_failure": stops,
            }
        case Wait(question=question, deadline=deadline):
            return {"question": _code(question), "deadline": _code(deadline)}
        case Spawn(make=make):
            return {"make": _code(make)}
        case Send(run=run, event=event):
            return {"run": _code(run), "event": _code(event)}
        case _:  # pragma: no cover - the compiler refuses other forms
            return None


def _retry_rules(retry: Retry | None) -> Tree:
    """When a form is tried again; `only` where it names something."""
    written = tree(retry)
    if isinstance(written, dict) and not written["only"]:
        del written["only"]
    return written


def _code(value: object) -> Tree:
    """A callable by name and version; anything else as it is."""
    if callable(value):
        return name_of(value)
    if isinstance(value, str):
        return str.__str__(value)
    return float(value) if type(value) is int else tree(value)
