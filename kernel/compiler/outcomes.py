"""What may come of an effect, and what its fields are: rows for anything else could never fire."""

from typing import Any

from detent.kernel.definition import Call, Doing, Each, Send, Spawn, Wait, outcome_name
from detent.kernel.shapes import Record, Shape, Unknown, argument_of, merged, returns, shape_of
from detent.kernel.signals import (
    Declined,
    Effect,
    Ended,
    Event,
    Failed,
    Failure,
    InDoubt,
    Receipt,
    Returned,
    Settled,
    Stopped,
    TimedOut,
)

__all__ = ["OUTCOMES", "outcome_shape", "returned_shape", "why_impossible"]

OUTCOMES: frozenset[type[Event]] = frozenset(
    {Returned, Failed, TimedOut, InDoubt, Declined, Stopped, Ended, Settled}
)


def returned_shape(form: Doing[Any]) -> Shape:
    """The shape of what comes back of an effect when it goes well."""
    match form:
        case Call(effect=effect) if isinstance(effect, type) and issubclass(effect, Effect):
            return argument_of(effect, Effect)
        case Wait(answer=answer):
            return shape_of(answer)
        case Send():
            return shape_of(Receipt)
        case Spawn(machine=machine):
            made = getattr(machine, "machine", None)
            result = getattr(made, "result", None)
            if result is None:
                return shape_of(getattr(made, "data", None))
            return shape_of(returns(result))
        case Each(forms=forms):
            return merged([returned_shape(inner) for inner in forms])
        case _:
            return Unknown("of an effect that is none")


def outcome_shape(form: Doing[Any], kind: type[Event]) -> Shape:
    """The shape of an outcome of a form, with the type of what comes back put in."""
    generic = kind in (Returned, Ended, Settled)
    return Record(kind, (returned_shape(form),)) if generic else Record(kind)


def why_impossible(form: Doing[Any], kind: type[Event]) -> str:
    """What would have to be written for an outcome to be possible."""
    recovery = getattr(getattr(form, "effect", None), "recovery", "")
    if kind is TimedOut and recovery == "at_most_once":
        return "A time-out of an at_most_once effect is in_doubt."
    if kind is TimedOut:
        return "It has no time-out." if isinstance(form, Call | Each) else "It has no deadline."
    if kind is InDoubt:
        return f"An effect that is {recovery or 'safe to repeat'} is ordered again instead."
    if kind is Declined:
        return "Nothing declines it: it has no breaker."
    if kind is Stopped:
        return "Its effects are not stopped together: stop_on_failure=True does that."
    if not (isinstance(kind, type) and issubclass(kind, Failure)) and kind not in OUTCOMES:
        return "A declared failure is a class deriving from Failure, with attrs.frozen above it."
    if issubclass(kind, Failure):
        return f"Declare it: class ...(Effect[...], fails=({kind.__name__},))."
    names = ", ".join(outcome_name(form.key, one) for one in form.possible)
    return f"There are {names}."
