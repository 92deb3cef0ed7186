"""How a state gives its orders: `Call`, `Each`, `Spawn`, `Wait`, `Send`, and the names of what may come of them.

Rule 1: a form is a value. Rows refer to it by its outcomes (`charge.returned`), documents by its name ("charge").
Rule 2: the outcomes of a form are a closed set, known before anything runs (`possible`).
Rule 3: nothing is checked here: a wrong argument is kept, and the compiler names it together with everything else.
The file is long because overloads are: what each form does is said in a few lines.
"""

from collections.abc import Callable, Iterable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from attrs import frozen

from detent.kernel.definition.outcomes import (
    Child,
    Doing,
    Form,
    Order,
    Outcome,
    Possible,
    all_but,
    fill,
    snake,
    together,
)
from detent.kernel.policies import Retry
from detent.kernel.signals import (
    Declined,
    Effect,
    EffectClass,
    Ended,
    Event,
    Failed,
    Failure,
    InDoubt,
    Problem,
    Receipt,
    Returned,
    Settled,
    Stopped,
    TimedOut,
)

__all__ = ["Call", "Each", "Letter", "Send", "Spawn", "Wait"]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
G = TypeVar("G")
M = TypeVar("M")
C = TypeVar("C")
R = TypeVar("R")
Dc = TypeVar("Dc", contravariant=True)
Tc = TypeVar("Tc", covariant=True)
Ec = TypeVar("Ec", bound=Event, covariant=True)
F = TypeVar("F", bound=Event)
W = TypeVar("W", bound=Failure)  # the way in which it failed
P = ParamSpec("P")


@frozen(init=False)
class Call(Form[Dc, T], Generic[Dc, T]):
    """Perform one effect: `Call(Charge, Cart.charge, timeout=30.0)`.

    `make` builds the order from the data when the state has been entered. `timeout` is for one attempt; `limit` and
    `breaker` name a limiter and a circuit breaker of the world.
    """

    effect: type[Effect[Any]]
    make: Callable[[Any], object] | None
    timeout: float | None
    retry: Retry | None
    limit: str | None
    breaker: str | None
    name: str | None

    @overload
    def __init__(
        self,
        effect: EffectClass[C, T],
        make: Callable[[Dc], C],
        *,
        timeout: float | None = None,
        retry: Retry | None = None,
        limit: str | None = None,
        breaker: str | None = None,
        name: str | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: "Call[object, A]",
        effect: EffectClass[C, A],
        *,
        timeout: float | None = None,
        retry: Retry | None = None,
        limit: str | None = None,
        breaker: str | None = None,
        name: str | None = None,
    ) -> None: ...

    def __init__(
        self,
        effect: Any,
        make: Any = None,
        *,
        timeout: float | None = None,
        retry: Retry | None = None,
        limit: str | None = None,
        breaker: str | None = None,
        name: str | None = None,
    ) -> None:
        fill(self, effect=effect, make=make, timeout=timeout, retry=retry)
        fill(self, limit=limit, breaker=breaker, name=name)

    def __call__(self, order: Effect[T]) -> Order[T]:
        """An order given by this form, inside an Each."""
        return Order(self, order)

    @property
    def key(self) -> str:
        return (
            self.name
            if isinstance(self.name, str)
            else snake(getattr(self.effect, "__name__", "call"))
        )

    @property
    def possible(self) -> tuple[type[Event], ...]:
        recovery = getattr(self.effect, "recovery", "at_most_once")
        timed = self.timeout is not None and recovery != "at_most_once"
        doubtful = recovery in ("at_most_once", "reconcilable")
        return (
            Returned,
            Failed,
            *_fails(self.effect),
            *((TimedOut,) if timed else ()),
            *((InDoubt,) if doubtful else ()),
            *((Declined,) if self.breaker is not None else ()),
        )

    @property
    def returned(self) -> Possible[Returned[T], [T]]:
        """It was carried out."""
        return Possible(((self, Returned),))

    @property
    def failed(self) -> Possible[Failed, [Problem]]:
        """It did not happen, in a way it did not declare."""
        return Possible(((self, Failed),))

    def failed_as(self, failure: Callable[P, W]) -> Possible[W, P]:
        """It failed in a way it declares."""
        return Possible(((self, _class(failure)),))

    @property
    def timed_out(self) -> Possible[TimedOut, []]:
        """Nothing came back in time, and that does no harm."""
        return Possible(((self, TimedOut),))

    @property
    def in_doubt(self) -> Possible[InDoubt, [str]]:
        """Nobody knows whether it happened."""
        return Possible(((self, InDoubt),))

    @property
    def declined(self) -> Possible[Declined, [str, str]]:
        """It was not tried."""
        return Possible(((self, Declined),))

    @property
    def unreturned(self) -> Outcome[Failed | Failure | TimedOut | InDoubt | Declined]:
        """Everything that may come of it, but its return."""
        return all_but(self, Returned)


@frozen(init=False)
class Wait(Form[Dc, T], Generic[Dc, T]):
    """Ask somebody and wait: `Wait(bool, "Charge again?", deadline=3600.0)`. The answer is of the type given."""

    answer: type[Any]
    question: str | Callable[[Any], str] | None
    deadline: float | None
    name: str | None

    @overload
    def __init__(
        self: "Wait[object, A]",
        answer: type[A],
        question: str | None = None,
        *,
        deadline: float | None = None,
        name: str | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        answer: type[T],
        question: Callable[[Dc], str],
        *,
        deadline: float | None = None,
        name: str | None = None,
    ) -> None: ...

    def __init__(
        self,
        answer: Any,
        question: Any = None,
        *,
        deadline: float | None = None,
        name: str | None = None,
    ) -> None:
        fill(self, answer=answer, question=question, deadline=deadline, name=name)

    def __call__(self, question: str) -> Order[T]:
        """A question asked by this form, inside an Each."""
        return Order(self, question)

    @property
    def key(self) -> str:
        return self.name if isinstance(self.name, str) else "wait"

    @property
    def possible(self) -> tuple[type[Event], ...]:
        return (Returned,) if self.deadline is None else (Returned, TimedOut)

    @property
    def returned(self) -> Possible[Returned[T], [T]]:
        """Somebody answered."""
        return Possible(((self, Returned),))

    @property
    def timed_out(self) -> Possible[TimedOut, []]:
        """Nobody answered before the deadline."""
        return Possible(((self, TimedOut),))


@frozen(init=False)
class Spawn(Form[Dc, R], Generic[Dc, R]):
    """Run another machine as a child: `Spawn(review, Paper.to_review)`. `make` builds its input from the data."""

    machine: Any
    make: Callable[[Any], object] | None
    name: str | None

    @overload
    def __init__(
        self, machine: Child[C, R], make: Callable[[Dc], C], *, name: str | None = None
    ) -> None: ...

    @overload
    def __init__(
        self: "Spawn[object, A]", machine: Child[Any, A], *, name: str | None = None
    ) -> None: ...

    def __init__(self, machine: Any, make: Any = None, *, name: str | None = None) -> None:
        fill(self, machine=machine, make=make, name=name)

    def __call__(self, input: object) -> Order[R]:
        """A child started by this form, inside an Each."""
        return Order(self, input)

    @property
    def key(self) -> str:
        return (
            self.name
            if isinstance(self.name, str)
            else snake(str(getattr(self.machine, "name", "spawn")))
        )

    @property
    def possible(self) -> tuple[type[Event], ...]:
        return (Ended,)

    @property
    def ended(self) -> Possible[Ended[R], [str, R | None]]:
        """The child came to its end; its status says how."""
        return Possible(((self, Ended),))


@frozen
class Letter(Generic[Ec]):
    """An event on its way to another run."""

    run: str
    event: Ec


@frozen(init=False)
class Send(Form[Dc, Receipt], Generic[Dc]):
    """Send an event to another run: `Send(Order.warehouse, Order.shipped)`. What comes back is its receipt."""

    run: str | Callable[[Any], str]
    event: Event | Callable[[Any], Event]
    name: str | None

    @overload
    def __init__(
        self: "Send[object]", run: str, event: Event, *, name: str | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        run: str | Callable[[Dc], str],
        event: Event | Callable[[Dc], Event],
        *,
        name: str | None = None,
    ) -> None: ...

    def __init__(self, run: Any, event: Any, *, name: str | None = None) -> None:
        fill(self, run=run, event=event, name=name)

    @property
    def key(self) -> str:
        return self.name if isinstance(self.name, str) else "send"

    @property
    def possible(self) -> tuple[type[Event], ...]:
        return (Returned, Failed)

    @property
    def returned(self) -> Possible[Returned[Receipt], [Receipt]]:
        """It was delivered; the receipt says what became of it."""
        return Possible(((self, Returned),))

    @property
    def failed(self) -> Possible[Failed, [Problem]]:
        """There is no such run."""
        return Possible(((self, Failed),))


@frozen(init=False)
class Each(Doing[Dc], Generic[Dc, T]):
    """Perform any number of effects side by side: `Each(UseTool, Talk.use, at_most=8)`.

    `make` gives the orders: effects of the one class, or, where there are several forms, what those forms make when
    they are called. `at_most` bounds how many are under way at once. With `stop_on_failure` the first that does not
    go well stops the others. When all have ended, `settled` brings their outcomes in the order of the orders.
    """

    forms: "tuple[Form[Any, Any], ...]"
    make: Callable[[Any], Iterable[object]]
    at_most: int | None
    stop_on_failure: bool
    name: str | None

    @overload
    def __init__(
        self,
        forms: EffectClass[C, T],
        make: Callable[[Dc], Iterable[C]],
        *,
        at_most: int | None = None,
        stop_on_failure: bool = False,
        name: str | None = None,
    ) -> None: ...

    # Two and three forms have overloads of their own: mypy would join their types to `object`.
    @overload
    def __init__(
        self: "Each[M, A | B]",
        forms: tuple[Form[Any, A], Form[Any, B]],
        make: Callable[[M], Iterable[Effect[A] | Effect[B] | Order[A | B]]],
        *,
        at_most: int | None = None,
        stop_on_failure: bool = False,
        name: str | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: "Each[M, A | B | G]",
        forms: tuple[Form[Any, A], Form[Any, B], Form[Any, G]],
        make: Callable[[M], Iterable[Effect[A] | Effect[B] | Effect[G] | Order[A | B | G]]],
        *,
        at_most: int | None = None,
        stop_on_failure: bool = False,
        name: str | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        forms: Form[Any, T] | tuple[Form[Any, T], ...],
        make: Callable[[Dc], Iterable[Effect[T] | Order[T]]],
        *,
        at_most: int | None = None,
        stop_on_failure: bool = False,
        name: str | None = None,
    ) -> None: ...

    def __init__(
        self,
        forms: Any,
        make: Any,
        *,
        at_most: int | None = None,
        stop_on_failure: bool = False,
        name: str | None = None,
    ) -> None:
        kept = tuple(_call(form) if isinstance(form, type) else form for form in together(forms))
        fill(self, forms=kept, make=make, at_most=at_most)
        fill(self, stop_on_failure=stop_on_failure, name=name)

    @property
    def key(self) -> str:
        return (
            self.name
            if isinstance(self.name, str)
            else "_or_".join(str(getattr(form, "key", form)) for form in self.forms)
        )

    @property
    def possible(self) -> tuple[type[Event], ...]:
        inner = [kind for form in self.forms for kind in getattr(form, "possible", ())]
        stopped = [Stopped] if self.stop_on_failure else []
        return tuple(dict.fromkeys([*inner, *stopped, Settled]))

    @property
    def returned(self) -> Possible[Returned[T], [T]]:
        """One of them was carried out."""
        return Possible(((self, Returned),))

    @property
    def failed(self) -> Possible[Failed, [Problem]]:
        """One of them did not happen, in a way it did not declare."""
        return Possible(((self, Failed),))

    def failed_as(self, failure: Callable[P, W]) -> Possible[W, P]:
        """One of them failed in a way it declares."""
        return Possible(((self, _class(failure)),))

    @property
    def timed_out(self) -> Possible[TimedOut, []]:
        """One of them did not come back in time."""
        return Possible(((self, TimedOut),))

    @property
    def in_doubt(self) -> Possible[InDoubt, [str]]:
        """Of one of them nobody knows whether it happened."""
        return Possible(((self, InDoubt),))

    @property
    def declined(self) -> Possible[Declined, [str, str]]:
        """One of them was not tried."""
        return Possible(((self, Declined),))

    @property
    def stopped(self) -> Possible[Stopped, [str]]:
        """One of them was stopped because another failed."""
        return Possible(((self, Stopped),))

    @property
    def ended(self) -> Possible[Ended[T], [str, T | None]]:
        """One of them, a child, came to its end."""
        return Possible(((self, Ended),))

    @property
    def settled(self) -> Possible[Settled[T], []]:
        """All of them have ended."""
        return Possible(((self, Settled),))

    @property
    def unreturned(self) -> Outcome[Failed | Failure | TimedOut | InDoubt | Declined | Stopped]:
        """Everything that may come of one of them, but its return."""
        return all_but(self, Returned, Ended, Settled)


def _call(effect: Any) -> Call[Any, Any]:
    """The form for effects of a class that was given without one."""
    return Call(effect)


def _fails(effect: object) -> tuple[type[Failure], ...]:
    """The failures an effect declares, if what it says can be read."""
    declared: tuple[type[Failure], ...] = getattr(effect, "fails", ())
    return declared if isinstance(declared, tuple) else ()


def _class(failure: Any) -> type[Event]:
    """A class given as what makes its instances, which is how type checkers learn its fields."""
    return failure  # type: ignore[no-any-return]
