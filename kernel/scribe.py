"""Everything a run writes down, as trees, and back: its signals, its orders, its snapshots.

A snapshot as a tree is called a frame: `in` (the active states), `data`, `effects` and `timers` by id, `deferred`,
`offered`, `history`, `count`, `doubts`, `end`, and `seq` and `at` beside them. Names in it are short, since every
change repeats some of them; docs/log-format.md says what each holds.

Rule 1: a frame can be read without anybody's code; a snapshot is made of it only by the machine's own classes.
Rule 2: what is written is checked against the annotations first, so that what was written can be read.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from detent.kernel.codec import Codec, Misfit, classes_in
from detent.kernel.compiler import outcome_shape, returned_shape
from detent.kernel.decisions import Signal
from detent.kernel.definition import Each
from detent.kernel.errors import Unreadable, Unstorable
from detent.kernel.flights import Fan, Flight, Ordered
from detent.kernel.shapes import (
    Record,
    Shape,
    returns,
    shape_of,
)
from detent.kernel.signals import (
    Declined,
    Ended,
    Event,
    Failed,
    Fired,
    Happened,
    InDoubt,
    Problem,
    Returned,
    Stopped,
    TimedOut,
)
from detent.kernel.snapshot import End, Kept, Pending, Snapshot, Timer
from detent.kernel.stored import first_sealed, forms_of, input_shape, order_shape
from detent.kernel.table import Table
from detent.kernel.values import FrozenMap, moment
from detent.kernel.wire import Tree, under

__all__ = ["EMPTY", "Scribe", "bits", "scribe_of"]

D = TypeVar("D")

EMPTY: dict[str, Tree] = {
    "seq": 0,
    "at": 0,
    "in": [],
    "data": None,
    "effects": {},
    "timers": {},
    "deferred": [],
    "offered": 0,
    "history": {},
    "count": 1,
    "doubts": [],
    "end": None,
}
"""The frame before a run begins."""

PROBLEM = shape_of(Problem)
TIMED = (Returned, Failed, TimedOut, InDoubt, Declined, Stopped, Ended)
"""The outcomes that say when they came."""
NOT_AT_ALL = timedelta(0)


def scribe_of(table: Table[Any, Any, Any]) -> "Scribe":
    """The scribe of a table, made once."""
    known = _SCRIBES.get(table)
    if known is None:
        known = _SCRIBES[table] = Scribe(table)
    return known


_SCRIBES: WeakKeyDictionary[Table[Any, Any, Any], "Scribe"] = WeakKeyDictionary()


class Scribe:
    """Writes and reads what runs of one machine are made of."""

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
        self._orders: dict[tuple[str, int], Shape] = {}
        self._kinds: dict[tuple[str, int], dict[str, type[Event]]] = {}

    # -- signals

    def write_signal(
        self, signal: Signal, flights: Iterable[Flight], at: int | None = None
    ) -> Tree:
        """A signal as a tree: an event as it is, an outcome and a timer with their ids.

        An outcome that came at that time does not say when.
        """
        if isinstance(signal, Fired):
            return {"$fired": signal.timer}
        if isinstance(signal, Happened):
            flight = _flight(flights, signal.effect)
            shape = self.outcome(flight, signal.effect, type(signal.event))
            without = "at" if at is not None and _came_at(signal.event, at) else ""
            written = self.codec.write(shape, signal.event, without)
            return {"$happened": [signal.effect, written]}
        return self.codec.write(self.event_shape(type(signal)), signal)

    def read_signal(self, written: Tree, flights: Iterable[Flight], at: int = 0) -> Signal:
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
            return Happened(effect, self._read_outcome(flight, effect, outcome, at))
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

    def _read_outcome(
        self, flight: Flight, effect: int, written: Any, at: int | None = None
    ) -> Event:
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

    # -- frames

    def frame(self, snapshot: Snapshot[Any]) -> dict[str, Tree]:
        """A snapshot as a tree. Raises Unstorable if something in it is not what its annotation says."""
        pending = snapshot.pending
        return {
            "seq": snapshot.seq,
            "at": snapshot.at,
            "in": list(snapshot.configuration),
            "data": self.codec.write(self.data, snapshot.data),
            "effects": {str(flight.id): self.write_flight(flight) for flight in pending.effects},
            "timers": {str(timer.id): write_timer(timer) for timer in pending.timers},
            "deferred": [self.write_kept(kept) for kept in pending.deferred],
            "offered": pending.offered,
            "history": {name: list(states) for name, states in pending.history.items()},
            "count": pending.count,
            "doubts": list(pending.doubts),
            "end": self.write_end(snapshot.end),
        }

    def write_kept(self, kept: Kept) -> Tree:
        """A deferred event, and the entry that deferred it."""
        return [self.codec.write(self.event_shape(type(kept.event)), kept.event), kept.seq]

    def write_end(self, end: End | None) -> Tree:
        """How a run ends."""
        if end is None:
            return None
        value = None if end.value is None else self.codec.write(self.result, end.value)
        failures = [self.codec.write(PROBLEM, failure) for failure in end.failures]
        return {"status": end.status, "value": value, "failures": failures}

    def order(self, form: str, part: int) -> Shape:
        """The shape of what a form orders."""
        known = self._orders.get((form, part))
        if known is None:
            known = self._orders[form, part] = order_shape(forms_of(self.forms[form])[part])
        return known

    def write_flight(self, flight: Flight) -> list[Tree]:
        """An effect in flight, without its id."""
        start: list[Tree] = [flight.owner, flight.form, flight.at]
        if isinstance(flight, Ordered):
            order = self.codec.write(self.order(flight.form, flight.part), flight.order)
            more: list[Tree] = [flight.part, flight.stopping]
            return [*start, order, *(more if flight.part or flight.stopping else ())]
        orders = (
            [part, self.codec.write(self.order(flight.form, part), order)]
            for part, order in flight.orders
        )
        return [*start, {"$fan": self.write_fan(flight, list(orders))}]

    def write_fan(self, fan: Fan, orders: list[Tree]) -> dict[str, Tree]:
        """What an Each has in flight beside its orders."""
        return {
            "orders": orders,
            "begun": fan.begun,
            "asked": list(bits(fan.asked)),
            "heard": [self.write_heard(fan, one) for block in fan.heard for one in block],
            "stopping": fan.stopping,
        }

    def write_heard(self, fan: Fan, one: tuple[int, Event]) -> Tree:
        """One outcome of an Each, with the place of its order."""
        index, event = one
        return [
            index,
            self.codec.write(self.outcome(fan, fan.id + index, type(event)), event),
        ]

    # -- snapshots

    def snapshot(self, frame: Any) -> Snapshot[Any]:
        """The snapshot of a frame. Raises Unreadable if it does not fit the machine."""
        try:
            return self._snapshot(frame)
        except Misfit as misfit:  # pragma: no cover - the codec tells it as Unreadable
            raise Unreadable(str(misfit)) from None
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise Unreadable(
                f"this is no frame of machine {self.table_name!r}: {error!r}"
            ) from None

    def _snapshot(self, frame: Any) -> Snapshot[Any]:
        pending = Pending(
            effects=tuple(self._flight(int(id), flight) for id, flight in frame["effects"].items()),
            timers=tuple(Timer(int(id), *timer) for id, timer in frame["timers"].items()),
            deferred=tuple(
                Kept(self.codec.read(self._named(event), event), seq)
                for event, seq in frame["deferred"]
            ),
            offered=frame["offered"],
            history=FrozenMap(
                {name: tuple(map(self._state, states)) for name, states in frame["history"].items()}
            ),
            count=frame["count"],
            doubts=tuple(frame["doubts"]),
        )
        data = self.codec.read(self.data, frame["data"])
        states = tuple(map(self._state, frame["in"]))
        end = self._end(frame["end"])
        return Snapshot(states, data, frame["seq"], frame["at"], pending, end)

    def _state(self, name: str) -> str:
        """The table's own text for a state, so that comparing configurations is comparing pointers."""
        return self.names[name]

    def _end(self, written: Any) -> End | None:
        if written is None:
            return None
        given = written["value"]
        value = None if given is None else self.codec.read(self.result, given)
        failures = tuple(self.codec.read(PROBLEM, one) for one in written["failures"])
        return End(written["status"], value, failures)

    def _flight(self, id: int, written: Any) -> Flight:
        owner, form, at, what, *more = written
        if not isinstance(self.forms[form], Each):
            part, stopping = more or (0, False)
            order = self.codec.read(self.order(form, part), what)
            return Ordered(id, self._state(owner), form, order, at, part, stopping)
        if "$fan" not in what:
            raise Unreadable(f"{form!r} is an Each, and its orders are not there")
        return self._fan(Fan(id, self._state(owner), form, (), at, 0), what["$fan"])

    def _fan(self, fan: Fan, written: Any) -> Fan:
        """A fan as it was: which orders are open follows from what was asked and heard."""
        orders = tuple(
            (part, self.codec.read(self.order(fan.form, part), order))
            for part, order in written["orders"]
        )
        asked = sum(1 << index for index in written["asked"])
        stopping = written["stopping"]
        whole = Fan(fan.id, fan.owner, fan.form, orders, fan.at, (1 << len(orders)) - 1)
        for index, event in written["heard"]:
            whole = whole.hear(index, self._read_outcome(whole, fan.id + index, event))
        open = whole.open & asked if stopping else whole.open
        begun = written["begun"]
        return Fan(
            fan.id, fan.owner, fan.form, orders, fan.at, open, begun, asked, whole.heard, stopping
        )


def _came_at(outcome: Event, at: int) -> bool:
    """Whether an outcome came when an entry was written, and says so as entries do."""
    if not isinstance(outcome, TIMED):
        return False
    came: object = outcome.at
    return isinstance(came, datetime) and came.utcoffset() == NOT_AT_ALL and came == moment(at)


def write_timer(timer: Timer) -> Tree:
    """A timer, without its id."""
    return [timer.owner, timer.row, timer.due]


def bits(number: int) -> Iterable[int]:
    """The places of the ones in a number, from the lowest."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def _flight(flights: Iterable[Flight], effect: int) -> Flight:
    for flight in flights:
        if flight.has(effect):
            return flight
    raise Unreadable(f"effect {effect} is not in flight")
