"""Callbacks by name: what was done to a model is done by pure methods of the data class.

Rule 1: a callback is found on the data class by its name, when the machine is carried over and not when it runs.
Rule 2: what it takes is what the event brings: its parameters are fields of the event, by name; one that is called
        `event` takes it whole.
"""

import inspect
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_type_hints

import attrs
from attrs import NOTHING, frozen

from detent.kernel import Event

__all__ = ["Callback", "Guard", "Parameter", "Update", "find", "meant"]


@frozen
class Callback:
    """A method of the data by name, and the fields of the event that it takes; or a field of the data."""

    name: str
    takes: tuple[str, ...] = ()
    takes_event: bool = False
    is_called: bool = True

    def __call__(self, data: Any, event: Any) -> Any:
        found = getattr(data, self.name)
        if not self.is_called:
            return found
        if self.takes_event:
            return found(event)
        return found(**{name: getattr(event, name) for name in self.takes})


@frozen
class Guard:
    """Conditions that must all hold, or fail, after what prepares them."""

    conditions: tuple[tuple[Callback, bool], ...]
    prepared: tuple[Callback, ...] = ()

    @property
    def __detent_name__(self) -> str:
        asked = " and ".join(
            f"{'' if wanted else 'not '}{one.name}" for one, wanted in self.conditions
        )
        prepared = ", ".join(one.name for one in self.prepared)
        return f"{asked} after {prepared}" if prepared else asked

    def __call__(self, data: Any, event: Any) -> bool:
        for prepare in self.prepared:
            data = prepare(data, event)
        return all(bool(holds(data, event)) is wanted for holds, wanted in self.conditions)


@frozen
class Update:
    """One change of the data after the other."""

    changes: tuple[Callback, ...]

    @property
    def __detent_name__(self) -> str:
        return ", ".join(one.name for one in self.changes)

    def __call__(self, data: Any, event: Any) -> Any:
        for change in self.changes:
            data = change(data, event)
        return data


@frozen
class Parameter:
    """A field of an event, as a method declares it."""

    name: str
    type: Any
    default: Any = NOTHING


def find(data: type[Any], name: str) -> tuple[Callback, tuple[Parameter, ...]]:
    """The callback of that name on a data class, and what it takes. Raises LookupError, which says why not."""
    if name in _fields(data) or isinstance(inspect.getattr_static(data, name, None), property):
        return Callback(name, is_called=False), ()
    method = inspect.getattr_static(data, name, None)
    if method is None:
        raise LookupError(f"{data.__name__} has no such method; {meant(name, dir(data))}")
    if not inspect.isfunction(method):
        raise LookupError(f"{data.__name__}.{name} is no method")
    if inspect.iscoroutinefunction(method):
        raise LookupError(f"{data.__name__}.{name} is a coroutine; declare it as an effect")
    return _method(data, name, method)


def _method(data: type[Any], name: str, method: Any) -> tuple[Callback, tuple[Parameter, ...]]:
    _, *taken = inspect.signature(method).parameters.values()
    hints = _hints(method)
    if hints.get("return", data) in (None, type(None)):
        raise LookupError(
            f"{data.__name__}.{name} returns nothing: data does not change, so return what it changes to "
            f"(attrs.evolve(self, ...))"
        )
    whole = [one for one in taken if one.name == "event" or _is_event(hints.get(one.name))]
    if whole:
        if len(taken) > 1:
            raise LookupError(f"{data.__name__}.{name} takes the event, and more beside it")
        return Callback(name, takes_event=True), ()
    parameters: list[Parameter] = []
    for one in taken:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if one.kind is one.POSITIONAL_ONLY or one.name not in hints:
            raise LookupError(
                f"{data.__name__}.{name} does not say of which type its parameter {one.name!r} is"
            )
        default = NOTHING if one.default is one.empty else one.default
        parameters.append(Parameter(one.name, hints[one.name], default))
    return Callback(name, tuple(one.name for one in parameters)), tuple(parameters)


def meant(name: str, names: Iterable[str]) -> str:
    """What somebody may have meant by a name that is not there."""
    known = sorted(one for one in names if not one.startswith("__"))
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]!r}?" if near else "nothing there has a name like it"


def _fields(data: type[Any]) -> Mapping[str, Any]:
    return attrs.fields_dict(data) if attrs.has(data) else {}


def _hints(method: Any) -> dict[str, Any]:
    try:
        return get_type_hints(method, include_extras=True)
    except Exception:  # annotations are the author's code
        return {}


def _is_event(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Event)
