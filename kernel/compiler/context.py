"""What the parts of the compiler share: the machine, its states, its effects, and the mistakes so far."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import define

from detent.kernel.compiler.notes import Notes
from detent.kernel.compiler.outline import Sketch
from detent.kernel.definition import Doing, Machine
from detent.kernel.names import brief, name_of, shown
from detent.kernel.shapes import Shape, is_frozen
from detent.kernel.signals import Event

__all__ = ["Context", "check_callable", "is_event_class"]


@define
class Context:
    """A machine half compiled."""

    machine: Machine[Any, Any, Any]
    sketches: list[Sketch]
    index: Mapping[str, int]
    forms: Mapping[str, Doing[Any]]
    ordering: Mapping[str, list[int]]
    """Which states order by a form."""
    data: Shape
    notes: Notes


def is_event_class(kind: object) -> bool:
    """Whether something is a class of events that can be recorded."""
    return isinstance(kind, type) and issubclass(kind, Event) and is_frozen(kind)


def check_callable(
    notes: Notes, place: str, role: str, function: object, wanted: tuple[str, ...]
) -> bool:
    """Note what keeps a callable from being called by the step with the arguments it gives."""
    call = f"{role}({', '.join(wanted)})"
    if not callable(function):
        notes.add(
            "bad-callable", place, f"{role}={shown(function)} cannot be called.", f"Give it {call}."
        )
        return False
    if _is_async(function):
        right = "What waits is an effect; the step itself is pure."
        notes.add("bad-callable", place, f"{role}={brief(name_of(function))} is async.", right)
        return False
    try:
        inspect.signature(function).bind(*wanted)
    except TypeError as error:
        what = f"{role}={brief(name_of(function))} cannot be called as {call}: {error}."
        notes.add("bad-callable", place, what)
        return False
    except ValueError:  # a builtin that tells nobody its arguments
        return True
    return True


def _is_async(function: Callable[..., Any]) -> bool:
    inner = function.func if isinstance(function, partial) else function
    return inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)
