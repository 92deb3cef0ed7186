"""What may come of an effect, by name: what rows wait for, and what is answered by hand in a walk.

Rule 1: the outcomes of a form are its attributes (`charge.returned`), joined with `|`.
Rule 2: an outcome is known by its form and its class; both are values, so two equal forms have equal outcomes.
"""

import re
from functools import cache
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from attrs import evolve, frozen

from detent.kernel.signals import Event, Failure

__all__ = [
    "Answer",
    "Child",
    "Doing",
    "Form",
    "Order",
    "Outcome",
    "Possible",
    "all_but",
    "fill",
    "outcome_name",
    "snake",
    "together",
]

C = TypeVar("C")
R = TypeVar("R")
Dc = TypeVar("Dc", contravariant=True)
Tc = TypeVar("Tc", covariant=True)
Ec = TypeVar("Ec", bound=Event, covariant=True)
F = TypeVar("F", bound=Event)
P = ParamSpec("P")


def fill(record: object, **values: object) -> None:
    """Set the fields of a frozen record from an `__init__` that has overloads of its own."""
    for name, value in values.items():
        object.__setattr__(record, name, value)


def together(given: Any) -> tuple[Any, ...]:
    """One thing, or several in a tuple, as a tuple."""
    kept: Any = given
    several: tuple[Any, ...] = kept if isinstance(given, tuple) else (given,)
    return several


class Child(Protocol[C, R]):
    """A machine that can be a child: it begins with `C` and results in `R`."""

    def __begins_with__(self, input: C) -> C:
        """See Machine."""
        ...

    def __results_in__(self, result: R) -> R:
        """See Machine."""
        ...


@frozen
class Answer:
    """An outcome that somebody gives by hand, in a walk or a test: `charge.returned(Paid(500))`.

    It goes to the oldest order of its form that is in flight. `item(n)` chooses the n-th order of an Each, from 0.
    """

    form: "Doing[Any]"
    event: Event
    index: int | None = None

    def item(self, index: int) -> "Answer":
        """The same answer, to one order of an Each."""
        return evolve(self, index=index)


@frozen
class Outcome(Generic[Ec]):
    """What may come of one or several forms: the events that a row is for."""

    choices: "tuple[tuple[Doing[Any], type[Event]], ...]"

    def __or__(self, other: "Outcome[F]") -> "Outcome[Ec | F]":
        return Outcome((*self.choices, *other.choices))


@frozen
class Possible(Outcome[Ec], Generic[Ec, P]):
    """One outcome of one form. Called with the fields of the event, it is an `Answer`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Answer:
        """This outcome, given by hand."""
        form, kind = self.choices[0]
        return Answer(form, kind(*args, **kwargs))


@frozen
class Doing(Generic[Dc]):
    """What a state does while it is active."""

    @property
    def key(self) -> str:
        """The name of the form, unique in its machine."""
        raise NotImplementedError  # pragma: no cover

    @property
    def possible(self) -> tuple[type[Event], ...]:
        """Everything that may come of it."""
        raise NotImplementedError  # pragma: no cover


@frozen
class Order(Generic[Tc]):
    """One order of an Each, with the form it is given by."""

    form: "Form[Any, Any]"
    args: object


@frozen
class Form(Doing[Dc], Generic[Dc, Tc]):
    """One way of giving one order. Inside an Each it is called with what it orders."""


def all_but(form: Doing[Any], *left_out: type[Event]) -> Outcome[Any]:
    """Everything that may come of a form, but some."""
    return Outcome(tuple((form, kind) for kind in form.possible if kind not in left_out))


def outcome_name(form: str, kind: type[Event]) -> str:
    """An outcome as its author writes it: `charge.timed_out`, `charge.failed_as(CardRefused)`."""
    name = getattr(kind, "__name__", repr(kind))
    if isinstance(kind, type) and not issubclass(kind, Failure):
        return f"{form}.{snake(name)}"
    return f"{form}.failed_as({name})"


@cache
def snake(name: str) -> str:
    """The name of a class as the name of a thing: `CallModel` becomes `call_model`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return parted.lower()
