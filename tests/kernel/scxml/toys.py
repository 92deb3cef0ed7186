"""Small things to build machines of: data with a trail, events that mean nothing, and runs."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from attrs import define, evolve, field, frozen

from detent.kernel import (
    Definition,
    Effect,
    Event,
    Failed,
    Failure,
    Happened,
    Machine,
    Moved,
    Problem,
    Returned,
    Signal,
    Snapshot,
    Stepped,
    Table,
    advance,
    begin,
    compile_machine,
)

X = TypeVar("X")


@frozen
class Trail:
    """The data: what happened, in order, and a number to ask about and to count with."""

    marks: tuple[str, ...] = ()
    n: int = 0

    def pings(self) -> "tuple[Ping, ...]":
        """As many orders as the number says."""
        return tuple(Ping(i) for i in range(self.n))


Toy: TypeAlias = Machine[Trail, Trail, Trail]


@frozen
class Note:
    """An update that leaves a word on the trail."""

    word: str

    def __call__(self, data: Trail, event: object = None) -> Trail:
        return evolve(data, marks=(*data.marks, self.word))


@frozen
class NoteNumber:
    """An update that leaves a word and the number, as the data has it, on the trail."""

    word: str

    def __call__(self, data: Trail, event: object = None) -> Trail:
        return evolve(data, marks=(*data.marks, f"{self.word}{data.n}"))


@frozen
class Add:
    """An update that adds to the number."""

    amount: int = 1

    def __call__(self, data: Trail, event: object = None) -> Trail:
        return evolve(data, n=data.n + self.amount)


@frozen
class Break:
    """An update or result that raises."""

    def __call__(self, data: Trail, event: object = None) -> Trail:
        raise ZeroDivisionError("broken on purpose")


@frozen(eq=False)
class Ask:
    """A guard that writes down, outside of the data, that it was asked, and what data it saw."""

    word: str
    answer: bool
    asked: list[str]
    saw: list[Trail] = field(factory=list[Trail])

    def __call__(self, data: Trail, event: object = None) -> bool:
        self.asked.append(self.word)
        self.saw.append(data)
        return self.answer


@frozen
class A(Event):
    """An event."""


@frozen
class B(Event):
    """Another event."""


@frozen
class C(Event):
    """A third event."""


@frozen
class Go(Event):
    """The event that moves things on."""


@frozen
class Back(Event):
    """The event that moves things back."""


@frozen
class Numbered(Event):
    """An event that can be told from another of its class."""

    n: int


@frozen
class NoteEvent:
    """An update that leaves the number of the event on the trail."""

    def __call__(self, data: Trail, event: Numbered) -> Trail:
        return evolve(data, marks=(*data.marks, str(event.n)))


@frozen
class Refused(Failure):
    """A declared failure."""

    why: str = ""


@frozen
class Ping(Effect[int], recovery="pure", fails=(Refused,)):
    """An effect that can be repeated at will."""

    n: int = 0


@frozen
class Pay(Effect[int], recovery="at_most_once"):
    """An effect that must not happen twice."""

    n: int = 0


def ping(data: Trail) -> Ping:
    """An order with the number of the data."""
    return Ping(data.n)


def pay(data: Trail) -> Pay:
    """An order with the number of the data."""
    return Pay(data.n)


def giving(*given: X) -> Callable[[Trail], tuple[X, ...]]:
    """A factory of an Each that gives these orders whatever the data is."""
    return lambda data: given


def returned(effect: int, value: object = None) -> Happened:
    """An effect went well. What comes back is its id, if nothing else is said."""
    return Happened(effect, Returned(effect if value is None else value))


def failed(effect: int) -> Happened:
    """An effect failed."""
    return Happened(effect, Failed(Problem("toy")))


@define
class Run:
    """One run under test: its table, and every answer it gave, the beginning first."""

    table: Table[Any, Trail, Any]
    steps: list[Stepped[Trail]]

    def send(self, *signals: Signal, at: int | None = None) -> "Run":
        """Step signals one after the other, each with the recalls it causes."""
        for signal in signals:
            self.steps += advance(self.table, self.now, signal, at)
        return self

    @property
    def now(self) -> Snapshot[Trail]:
        """Where the run is."""
        return self.steps[-1].snapshot

    @property
    def last(self) -> Stepped[Trail]:
        """Its last answer."""
        return self.steps[-1]

    @property
    def moved(self) -> Moved[Trail]:
        """Its last answer, which must be that it moved."""
        return as_moved(self.last)

    @property
    def states(self) -> tuple[str, ...]:
        """The active states."""
        return self.now.configuration

    @property
    def marks(self) -> tuple[str, ...]:
        """The trail."""
        return self.now.data.marks

    @property
    def flying(self) -> tuple[tuple[str, int], ...]:
        """What is in flight and not being stopped: the form and the id of each."""
        return tuple((one.form, one.id) for one in self.now.effects if not one.stopping)

    @property
    def stopping(self) -> tuple[int, ...]:
        """The ids of what is being stopped."""
        return tuple(one.id for one in self.now.effects if one.stopping)


def start(machine: Definition[Trail, Trail, Any], n: int = 0, at: int = 0) -> Run:
    """Begin a run of a machine with a number in its data."""
    table = compile_machine(machine)
    return Run(table, [begin(table, Trail(n=n), at)])


def as_moved(stepped: Stepped[Trail] | None) -> Moved[Trail]:
    """An answer that must be that the run moved."""
    assert isinstance(stepped, Moved), str(stepped)
    return stepped


def orders(moved: Moved[Trail]) -> tuple[tuple[str, int], ...]:
    """What a step ordered: the form and the id of each."""
    return tuple((order.form, order.id) for order in moved.ordered)
