"""States and their rows, as a person writes them.

Rule 1: what is written is a frozen value; its order is its meaning (the first state is the initial one, the first
        row whose guard is true is the one taken).
Rule 2: type parameters say what a part needs of the data. A part that needs nothing fits every machine.
Rule 3: nothing is checked here: a wrong argument is kept, and the compiler names it together with everything else.
"""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

from attrs import frozen

from detent.kernel.definition.outcomes import Doing, Outcome, fill, together
from detent.kernel.signals import Event

__all__ = [
    "After",
    "Always",
    "Defer",
    "Done",
    "Final",
    "FinalStatus",
    "History",
    "Ignore",
    "On",
    "Part",
    "Region",
    "Reject",
    "State",
]

Dc = TypeVar("Dc", contravariant=True)
E = TypeVar("E", bound=Event)

FinalStatus: TypeAlias = Literal[
    "completed", "completed_with_failures", "stopped", "limit_reached", "failed"
]


@frozen
class Part(Generic[Dc]):
    """A row of a state, or a state inside it."""


@frozen(init=False)
class On(Part[Dc]):
    """When `event` happens and `when` is true: change the data with `update`, go `to` another state.

    An event is of exactly the class named here; classes derived from it are other events.
    Without `to` nothing is left and nothing is cancelled. Going to a state inside the one whose row this is leaves
    only what is inside, unless `reenter=True`. `when` is an expression over `data` and `event`, or a pure function.
    """

    event: type[Event] | Outcome[Event]
    to: str | None
    when: str | Callable[[Any, Any], bool] | None
    update: Callable[[Any, Any], Any] | None
    reenter: bool

    @overload
    def __init__(
        self: "On[object]",
        event: type[Event] | Outcome[Event],
        *,
        to: str | None = None,
        when: str | None = None,
        reenter: bool = False,
    ) -> None: ...

    @overload
    def __init__(
        self,
        event: type[E] | Outcome[E],
        *,
        to: str | None = None,
        when: Callable[[Dc, E], bool],
        update: Callable[[Dc, E], Dc] | None = None,
        reenter: bool = False,
    ) -> None: ...

    @overload
    def __init__(
        self,
        event: type[E] | Outcome[E],
        *,
        to: str | None = None,
        when: str | None = None,
        update: Callable[[Dc, E], Dc],
        reenter: bool = False,
    ) -> None: ...

    def __init__(
        self,
        event: Any,
        *,
        to: str | None = None,
        when: Any = None,
        update: Any = None,
        reenter: bool = False,
    ) -> None:
        fill(self, event=event, to=to, when=when, update=update, reenter=reenter)


@frozen(init=False)
class After(Part[Dc]):
    """When the state has been active for so many seconds (a number, or a pure function of the data)."""

    seconds: float | Callable[[Any], float]
    to: str | None
    when: str | Callable[[Any], bool] | None
    update: Callable[[Any], Any] | None

    @overload
    def __init__(
        self: "After[object]", seconds: float, *, to: str | None = None, when: str | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        seconds: float | Callable[[Dc], float],
        *,
        to: str | None = None,
        when: str | Callable[[Dc], bool] | None = None,
        update: Callable[[Dc], Dc] | None = None,
    ) -> None: ...

    def __init__(
        self, seconds: Any, *, to: str | None = None, when: Any = None, update: Any = None
    ) -> None:
        fill(self, seconds=seconds, to=to, when=when, update=update)


@frozen(init=False)
class Always(Part[Dc]):
    """As soon as the state is active and `when` is true, without waiting for an event."""

    to: str | None
    when: str | Callable[[Any], bool] | None
    update: Callable[[Any], Any] | None
    reenter: bool

    @overload
    def __init__(
        self: "Always[object]",
        *,
        to: str | None = None,
        when: str | None = None,
        reenter: bool = False,
    ) -> None: ...

    @overload
    def __init__(
        self,
        *,
        to: str | None = None,
        when: str | Callable[[Dc], bool] | None = None,
        update: Callable[[Dc], Dc] | None = None,
        reenter: bool = False,
    ) -> None: ...

    def __init__(
        self, *, to: str | None = None, when: Any = None, update: Any = None, reenter: bool = False
    ) -> None:
        fill(self, to=to, when=when, update=update, reenter=reenter)


@frozen(init=False)
class Done(Part[Dc]):
    """When what is inside the state has come to its end: its inner final state, or that of every region."""

    to: str | None
    when: str | Callable[[Any], bool] | None
    update: Callable[[Any], Any] | None

    @overload
    def __init__(
        self: "Done[object]", *, to: str | None = None, when: str | None = None
    ) -> None: ...

    @overload
    def __init__(
        self,
        *,
        to: str | None = None,
        when: str | Callable[[Dc], bool] | None = None,
        update: Callable[[Dc], Dc] | None = None,
    ) -> None: ...

    def __init__(self, *, to: str | None = None, when: Any = None, update: Any = None) -> None:
        fill(self, to=to, when=when, update=update)


@frozen(init=False)
class Ignore(Part[object]):
    """These events are expected here and mean nothing."""

    events: tuple[type[Event], ...]

    def __init__(self, *events: type[Event]) -> None:
        fill(self, events=events)


@frozen(init=False)
class Defer(Part[object]):
    """These events are kept, and offered again when the machine has come to another state."""

    events: tuple[type[Event], ...]

    def __init__(self, *events: type[Event]) -> None:
        fill(self, events=events)


@frozen(init=False)
class Reject(Part[object]):
    """These events are refused here. So is every event nobody declared; this says that it is meant."""

    events: tuple[type[Event], ...]

    def __init__(self, *events: type[Event]) -> None:
        fill(self, events=events)


@frozen(init=False)
class State(Part[Dc]):
    """One position of a machine: its rows, the states inside it, and what it does while it is active.

    The first state inside is the one that is entered; states inside that are `Region`s are active side by side.
    A state that `compensates`, or is inside one that does, undoes what a cancelled run has done: rows for `Cancelled`
    lead to it.
    """

    name: str
    parts: tuple[Part[Any], ...]
    do: tuple[Doing[Any], ...]
    compensates: bool

    @overload
    def __init__(self: "State[object]", name: str, *, compensates: bool = False) -> None: ...

    @overload
    def __init__(self, name: str, *parts: Part[Dc], compensates: bool = False) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        *parts: Part[Dc],
        do: Doing[Dc] | tuple[Doing[Dc], ...],
        compensates: bool = False,
    ) -> None: ...

    def __init__(self, name: str, *parts: Any, do: Any = (), compensates: bool = False) -> None:
        fill(self, name=name, parts=parts, do=together(do), compensates=compensates)


@frozen(init=False)
class Region(State[Dc]):
    """One of several states that are active side by side."""


@frozen(init=False)
class Final(State[object]):
    """An end: of the run if it is not inside a state, else of the state it is inside."""

    status: FinalStatus = "completed"

    def __init__(self, name: str, status: FinalStatus = "completed") -> None:
        fill(self, name=name, parts=(), do=(), compensates=False, status=status)


@frozen(init=False)
class History(State[object]):
    """Not a state but a way back: going to it enters what was active when its parent was last left.

    A shallow history remembers which state inside its parent was active, a deep one everything inside. `to` says
    where to go the first time; by default, where entering the parent would lead.
    """

    deep: bool = False
    to: str | None = None

    def __init__(self, name: str, *, deep: bool = False, to: str | None = None) -> None:
        fill(self, name=name, parts=(), do=(), compensates=False, deep=deep, to=to)
