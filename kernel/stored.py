"""The shapes of what a machine stores beside its data and its events: inputs, orders, and what of it is sealed."""

import inspect
from collections.abc import Iterable
from typing import Any, get_type_hints

from detent.kernel.definition import Call, Doing, Each, Letter, Machine, Send, Spawn
from detent.kernel.shapes import (
    Choice,
    Record,
    Scalar,
    Sealed,
    Shape,
    Unknown,
    fields_of,
    parts_of,
    returns,
    shape_of,
)

__all__ = ["first_sealed", "forms_of", "input_shape", "order_shape"]


def order_shape(form: Doing[Any]) -> Shape:
    """The shape of what a form that is no Each orders."""
    match form:
        case Call(effect=effect):
            return shape_of(effect)
        case Spawn(machine=machine):
            return input_shape(machine.machine)
        case Send(event=event):
            sent = shape_of(returns(event)) if callable(event) else shape_of(type(event))
            return Record(Letter, (sent,))
        case _:
            return Scalar("str")


def input_shape(machine: Machine[Any, Any, Any]) -> Shape:
    """The shape of what a run begins with."""
    if machine.begin is None:
        return shape_of(machine.data)
    try:
        name = next(iter(inspect.signature(machine.begin).parameters))
        return shape_of(get_type_hints(machine.begin, include_extras=True)[name])
    except Exception:  # annotations are the author's code, and some callables have none
        return Unknown("what begin does not say")


def first_sealed(classes: Iterable[Record | Choice], others: dict[str, Shape]) -> str:
    """The first place of a machine that holds something secret or personal."""
    for shape in classes:
        for name, inner in fields_of(shape).items() if isinstance(shape, Record) else ():
            if _is_sealed(inner):
                return f"{shape.kind.__name__}.{name}"
    return next((place for place, shape in others.items() if _is_sealed(shape)), "")


def _is_sealed(shape: Shape) -> bool:
    """Whether something directly in a shape is sealed; records inside it are asked themselves."""
    return isinstance(shape, Sealed) or any(map(_is_sealed, parts_of(shape)))


def forms_of(form: Doing[Any]) -> tuple[Doing[Any], ...]:
    """A form, or those of an Each."""
    return form.forms if isinstance(form, Each) else (form,)
