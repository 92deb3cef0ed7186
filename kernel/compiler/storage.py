"""Everything a run writes down must be storable: its data, its events, its effects and what comes back of them."""

from collections.abc import Iterable, Iterator
from typing import Any

from detent.kernel.codec import classes_in
from detent.kernel.compiler.context import Context
from detent.kernel.compiler.notes import class_name
from detent.kernel.compiler.outcomes import OUTCOMES, outcome_shape
from detent.kernel.definition import Call, Doing, Each, Send, Wait
from detent.kernel.shapes import (
    Shape,
    Unknown,
    shape_of,
    unstorable,
)
from detent.kernel.signals import Effect, Event, Failure, Returned

__all__ = ["check_storage"]


def check_storage(context: Context, events: Iterable[type[Event]]) -> tuple[Shape, ...]:
    """Note what cannot be stored. Returns the shapes of all that is."""
    written = [("data", context.data)]
    written += [(f"event {event.__name__}", shape_of(event)) for event in events]
    for form in context.forms.values():
        written += list(_written_by(form))
    for place, shape in written:
        for path, why in _unstorable(shape):
            where = f"{place}, field {path!r}" if path else place
            is_told = place == "data" and isinstance(shape, Unknown)
            if not is_told:
                context.notes.add("unstorable", where, f"it is {why}.")
    shapes = tuple(shape for _, shape in written)
    if not context.notes.mistakes:
        _check_names(context, shapes)
    return shapes


def _unstorable(shape: Shape) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(unstorable(shape))
    except RecursionError:
        return (("", "a type that grows whenever one looks into it"),)


def _written_by(form: Doing[Any]) -> Iterator[tuple[str, Shape]]:
    """What the log holds of an effect."""
    forms: tuple[Doing[Any], ...] = form.forms if isinstance(form, Each) else (form,)
    for inner in forms:
        if (
            isinstance(inner, Call)
            and isinstance(inner.effect, type)
            and issubclass(inner.effect, Effect)
        ):
            yield f"effect {inner.key}", shape_of(inner.effect)
            for failure in inner.possible:
                if not (isinstance(failure, type) and issubclass(failure, Failure)):
                    continue
                yield f"effect {inner.key}, failure {class_name(failure)}", shape_of(failure)
        if isinstance(inner, Send) and isinstance(inner.event, Event):
            yield f"effect {inner.key}", shape_of(type(inner.event))
        if isinstance(inner, Call | Wait | Send):
            back = outcome_shape(inner, Returned)  # pyright: ignore[reportUnknownArgumentType]
            yield f"effect {inner.key}, what comes back", back


def _check_names(context: Context, shapes: Iterable[Shape]) -> None:
    """Note classes that the log could not tell apart: it knows them by their names."""
    named: dict[str, type] = {kind.__name__: kind for kind in OUTCOMES}
    for shape in classes_in(shapes):
        first = named.setdefault(shape.kind.__name__, shape.kind)
        if first is not shape.kind:
            one, other = (f"{kind.__module__}.{kind.__qualname__}" for kind in (first, shape.kind))
            right = "The log knows classes by their names: rename one."
            what = f"{one} and {other} have the same name."
            context.notes.add("duplicate-class", "the machine", what, right)
