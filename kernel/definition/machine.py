"""A machine as a person writes it, or as a front end produces it: from an input to data to a result."""

from collections.abc import Callable
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, overload

from attrs import field, frozen

from detent.kernel.definition.outcomes import Doing, fill, together
from detent.kernel.definition.states import Part

__all__ = ["Definition", "Machine", "OnBug", "usual_limit"]

I = TypeVar("I")  # noqa: E741 - input, data, result: the three letters of the documents
D = TypeVar("D")
R = TypeVar("R")

DEFER_LIMIT = (
    100  # more events than this waiting for another state are a sender that does not listen
)
MICROSTEP_LIMIT = 1000  # a macrostep of more is a machine that runs in circles, not a long one
usual_limit = (
    60.0  # seconds in which a run that is to end should have ended: nobody watches it any more
)

OnBug: TypeAlias = Literal["park", "fail"]
"""What becomes of a run whose machine breaks: it waits until that is mended, or it ends."""


@frozen(init=False)
class Machine(Generic[I, D, R]):
    """A run begins with an `I`, has data of type `D` while it goes on, and results in an `R`.

    `data` is the class of the data; `begin` makes the data from the input (without it the input is the data),
    `result` reads the result from the data (without it the data is the result). Rows beside the states are rows of
    the whole machine, and `background` is performed as long as the run goes on. At most `defer_limit` events wait
    for another state, and no event may cause more than `microsteps` transitions.

    When a guard, an update or a factory breaks (`on_bug`), a run is parked until that is mended, or it fails. What is
    in the background has `background_limit` seconds to come to its outcome when the run has come to its end; a run that
    was cancelled has `compensation_limit` seconds to compensate.
    """

    name: str
    parts: tuple[Part[Any], ...]
    data: type[Any]
    begin: Callable[[Any], Any] | None
    result: Callable[[Any], Any] | None
    background: tuple[Doing[Any], ...]
    defer_limit: int
    microsteps: int
    on_bug: OnBug
    background_limit: float
    compensation_limit: float
    compiled: Any = field(eq=False, repr=False)
    """What the compiler has made of it, once it has: a machine is a value, and what is made of it stays so."""

    # Type variables of the class in the type of self, as in typeshed: with others, saying the type
    # (`order: Machine[Cart, Cart, Cart] = ...`) would not help the checkers to find it.
    @overload
    def __init__(
        self: "Machine[D, D, D]",  # pyright: ignore[reportInvalidTypeVarUse]
        name: str,
        *parts: Part[D],
        data: type[D],
        background: Doing[D] | tuple[Doing[D], ...] = (),
        defer_limit: int = DEFER_LIMIT,
        microsteps: int = MICROSTEP_LIMIT,
        on_bug: OnBug = "park",
        background_limit: float = usual_limit,
        compensation_limit: float = usual_limit,
    ) -> None: ...

    @overload
    def __init__(
        self: "Machine[D, D, R]",  # pyright: ignore[reportInvalidTypeVarUse]
        name: str,
        *parts: Part[D],
        data: type[D],
        result: Callable[[D], R],
        background: Doing[D] | tuple[Doing[D], ...] = (),
        defer_limit: int = DEFER_LIMIT,
        microsteps: int = MICROSTEP_LIMIT,
        on_bug: OnBug = "park",
        background_limit: float = usual_limit,
        compensation_limit: float = usual_limit,
    ) -> None: ...

    @overload
    def __init__(
        self: "Machine[I, D, D]",  # pyright: ignore[reportInvalidTypeVarUse]
        name: str,
        *parts: Part[D],
        data: type[D],
        begin: Callable[[I], D],
        background: Doing[D] | tuple[Doing[D], ...] = (),
        defer_limit: int = DEFER_LIMIT,
        microsteps: int = MICROSTEP_LIMIT,
        on_bug: OnBug = "park",
        background_limit: float = usual_limit,
        compensation_limit: float = usual_limit,
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        *parts: Part[D],
        data: type[D],
        begin: Callable[[I], D],
        result: Callable[[D], R],
        background: Doing[D] | tuple[Doing[D], ...] = (),
        defer_limit: int = DEFER_LIMIT,
        microsteps: int = MICROSTEP_LIMIT,
        on_bug: OnBug = "park",
        background_limit: float = usual_limit,
        compensation_limit: float = usual_limit,
    ) -> None: ...

    def __init__(
        self,
        name: str,
        *parts: Any,
        data: Any,
        begin: Any = None,
        result: Any = None,
        background: Any = (),
        defer_limit: int = DEFER_LIMIT,
        microsteps: int = MICROSTEP_LIMIT,
        on_bug: OnBug = "park",
        background_limit: float = usual_limit,
        compensation_limit: float = usual_limit,
    ) -> None:
        fill(self, name=name, parts=parts, data=data, begin=begin, result=result)
        fill(self, background=together(background), defer_limit=defer_limit, microsteps=microsteps)
        fill(self, on_bug=on_bug, background_limit=background_limit)
        fill(self, compensation_limit=compensation_limit, compiled=None)

    def __repr__(self) -> str:
        return f"<machine {self.name!r}>"

    @property
    def machine(self) -> "Machine[I, D, R]":
        """The machine itself: whatever has a machine is a Definition."""
        return self

    def __begins_with__(self, input: I) -> I:
        """The input itself. With `__results_in__`, what `Child` tells type checkers."""
        return input

    def __results_in__(self, result: R) -> R:
        """The result itself."""
        return result


class Definition(Protocol[I, D, R]):
    """A machine, or a front end that compiles to one."""

    @property
    def machine(self) -> Machine[I, D, R]:
        """What it compiles to."""
        ...
