"""What happens to runs of one machine as trees, and back: events, outcomes, timers, decisions.

Rule 1: an outcome is written as the form says that gave the order: what comes back of an effect has the type that its
        class says.
Rule 2: what is written is checked against the annotations first, so that what was written can be read.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, get_args

from attrs import frozen

from detent.kernel.codec import Codec, Writer, classes_in
from detent.kernel.compiler import outcome_shape, returned_shape
from detent.kernel.decisions import Decision, Signal
from detent.kernel.errors import Unreadable, Unstorable
from detent.kernel.flights import Flight
from detent.kernel.shapes import Record, Shape, returns, shape_of
from detent.kernel.signals import (
    Declined,
    Ended,
    Event,
    Failed,
    Fired,
    Happened,
    InDoubt,
    Returned,
    Stopped,
    TimedOut,
)
from detent.kernel.stored import first_sealed, forms_of, input_shape, order_shape
from detent.kernel.table import Table
from detent.kernel.values import moment
from detent.kernel.wire import Tree, under
from detent.kernel.wording import DECIDED, PROBLEM, read_decision, write_decision

__all__ = ["Reports"]

DECISIONS = frozenset(get_args(Decision))
TIMED = (Returned, Failed, TimedOut, InDoubt, Declined, Stopped, Ended)
"""The outcomes that say when they came."""
NOT_AT_ALL = timedelta(0)


class Reports:
    """Writes and reads what happens to runs of one machine."""

    def __init__(self, table: Table[Any, Any, Any]) -> None:
        machine = table.machine
        self.table_name = table.name
        self.forms = table.forms
        self.data = shape_of(machine.data)
        self.input = input_shape(machine)
        self.result = self.data if machine.result is None else shape_of(returns(machine.result))
        self.events = {kind.__name__: shape_of(kind) for kind in table.events}
        self.names = {node.name: node.name for node in table.nodes}
        self.possible = table.possible
        shapes = [self.data, self.input, self.result, PROBLEM, *self.events.values()]
        for form in table.forms.values():
            for inner in forms_of(form):
                shapes += [order_shape(inner), returned_shape(inner)]
                shapes += [outcome_shape(inner, kind) for kind in inner.possible]
        classes = classes_in([*table.shapes, *shapes])
        self.codec = Codec(classes)
        self.sealed = first_sealed(classes, {"its input": self.input, "its result": self.result})
        """The first field that is secret or personal, for a message; empty if there is none."""
        self.has_seals = bool(self.sealed)
        self._outcomes: dict[tuple[str, int, type], Shape] = {}
        self._told: dict[tuple[str, int, type, str], Writer] = {}
        self._orders: dict[tuple[str, int], Shape] = {}
        self._kinds: dict[tuple[str, int], dict[str, type[Event]]] = {}

    def write_signal(
        self, signal: Signal, flights: Iterable[Flight], at: int | None = None
    ) -> Tree:
        """A signal as a tree: an event as it is, an outcome and a timer with their ids, a decision.

        An outcome that came at that time does not say when.
        """
        if isinstance(signal, Fired):
            return {"$fired": signal.timer}
        if isinstance(signal, Happened):
            written = self.write_outcome(flights, signal.effect, signal.event, at)
            return {"$happened": [signal.effect, written]}
        told: Any = signal
        if type(signal) in DECISIONS:
            return write_decision(_Telling(self, flights, at), told)
        return self.codec.write(self.event_shape(type(signal)), signal)

    def write_outcome(
        self, flights: Iterable[Flight], effect: int, outcome: Event, at: int | None
    ) -> Tree:
        """An outcome as a tree, in an entry of that time."""
        flight, kind = _flight(flights, effect), type(outcome)
        without = "at" if at is not None and _came_at(outcome, at) else ""
        place = (flight.form, flight.part_of(effect), kind, without)
        write = self._told.get(place)
        if write is None:
            shape = self.outcome(flight, effect, kind)
            write = self._told[place] = self.codec.strict(shape, without)
        return write(outcome)

    def read_signal(self, written: Tree, flights: Iterable[Flight], at: int | None = 0) -> Signal:
        """The signal that a tree stands for, in an entry of that time. Raises Unreadable."""
        if type(written) is dict and "$fired" in written:
            timer = written["$fired"]
            if type(timer) is not int:
                raise Unreadable(f"{timer!r} is no id of a timer")
            return Fired(timer)
        if type(written) is dict and "$happened" in written:
            happened = written["$happened"]
            if type(happened) is not list or len(happened) != 2 or type(happened[0]) is not int:
                raise Unreadable(f"{happened!r} is no id of an effect with its outcome")
            effect, outcome = happened[0], happened[1]
            flight = _flight(flights, effect)
            return Happened(effect, self.read_outcome(flight, effect, outcome, at))
        if type(written) is dict and not DECIDED.isdisjoint(written):
            return read_decision(_Telling(self, flights, at), written)
        sent: Event = self.codec.read(self._named(written), written)
        return sent

    def event_shape(self, kind: type) -> Shape:
        """The shape of an event that can be sent."""
        shape = self.events.get(kind.__name__)
        if isinstance(shape, Record) and shape.kind is kind:
            return shape
        raise Unstorable(f"machine {self.table_name!r} knows no event {kind.__name__}")

    def outcome(self, flight: Flight, effect: int, kind: type[Event]) -> Shape:
        """The shape of an outcome of an effect in flight."""
        place = (flight.form, flight.part_of(effect), kind)
        known = self._outcomes.get(place)
        if known is None:
            form = forms_of(self.forms[flight.form])[place[1]]
            known = self._outcomes[place] = outcome_shape(form, kind)
        return known

    def read_outcome(
        self, flight: Flight, effect: int, written: Any, at: int | None = None
    ) -> Event:
        """The outcome that a tree stands for, in an entry of that time. Raises Unreadable."""
        name = under(written, "$")
        place = (flight.form, flight.part_of(effect))
        kinds = self._kinds.get(place)
        if kinds is None:
            possible = (*self.possible[place], Stopped)
            kinds = self._kinds[place] = {kind.__name__: kind for kind in possible}
        kind = kinds.get(name) if type(name) is str else None
        if kind is None:
            raise Unreadable(f"{name} cannot come of {flight.form!r}")
        shape = self.outcome(flight, effect, kind)
        if at is None or kind not in TIMED or "at" in written:
            event: Event = self.codec.read(shape, written)
        else:
            event = self.codec.read(shape, written, at=moment(at))
        return event

    def _named(self, written: Tree) -> Shape:
        name = under(written, "$")
        if type(name) is not str or name not in self.events:
            raise Unreadable(f"machine {self.table_name!r} knows no event {name}")
        return self.events[name]


@frozen
class _Telling:
    """Writes and reads what a decision is about: outcomes of what was in flight at an entry of that time."""

    reports: Reports
    flights: Iterable[Flight]
    at: int | None

    @property
    def codec(self) -> Codec:
        return self.reports.codec

    def write(self, signal: Signal) -> Tree:
        return self.reports.write_signal(signal, self.flights, self.at)

    def write_outcome(self, effect: int, event: Event) -> Tree:
        return self.reports.write_outcome(self.flights, effect, event, self.at)

    def read(self, written: Any) -> Signal:
        return self.reports.read_signal(written, self.flights, self.at)

    def read_outcome(self, effect: int, written: Any) -> Event:
        flight = _flight(self.flights, effect)
        return self.reports.read_outcome(flight, effect, written, self.at)


def _came_at(outcome: Event, at: int) -> bool:
    """Whether an outcome came when an entry was written, and says so as entries do."""
    if not isinstance(outcome, TIMED):
        return False
    came: object = outcome.at
    if came is moment(at):  # as it most often is: the same, made a moment ago
        return True
    return isinstance(came, datetime) and came.utcoffset() == NOT_AT_ALL and came == moment(at)


def _flight(flights: Iterable[Flight], effect: int) -> Flight:
    for flight in flights:
        if flight.has(effect):
            return flight
    raise Unreadable(f"effect {effect} is not in flight")
