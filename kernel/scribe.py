"""Everything a run writes down, as trees, and back: its signals, its orders, its snapshots.

A snapshot as a tree is called a frame: `in` (the active states), `data`, `effects` and `timers` by id, `deferred`,
`offered`, `history`, `count`, `doubts`, `end`, and `seq` and `at` beside them; `abandoned`, `halted`, `parked` and
`line` are left out as long as they are empty. Names in it are short, since every change repeats some of them;
docs/log-format.md says what each holds.

Rule 1: a frame can be read without anybody's code; a snapshot is made of it only by the machine's own classes.
Rule 2: what is written is checked against the annotations first, so that what was written can be read.
"""

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from detent.kernel.codec import Misfit
from detent.kernel.decisions import STARTED
from detent.kernel.definition import Each
from detent.kernel.errors import Unreadable
from detent.kernel.flights import Fan, Flight, Ordered
from detent.kernel.reports import Reports
from detent.kernel.shapes import Shape
from detent.kernel.signals import (
    Event,
)
from detent.kernel.snapshot import End, InLine, Kept, Pending, Snapshot, Timer
from detent.kernel.stored import forms_of, order_shape
from detent.kernel.table import Table
from detent.kernel.values import FrozenMap
from detent.kernel.wire import Tree
from detent.kernel.wording import (
    PROBLEM,
    read_halted,
    read_life,
    read_parked,
    write_halted,
    write_life,
    write_parked,
)

__all__ = ["EMPTY", "Scribe", "bits", "scribe_of"]

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


def scribe_of(table: Table[Any, Any, Any]) -> "Scribe":
    """The scribe of a table, made once."""
    known = _SCRIBES.get(table)
    if known is None:
        known = _SCRIBES[table] = Scribe(table)
    return known


_SCRIBES: WeakKeyDictionary[Table[Any, Any, Any], "Scribe"] = WeakKeyDictionary()


class Scribe(Reports):
    """Writes and reads what runs of one machine are made of."""

    # -- frames

    def frame(self, snapshot: Snapshot[Any]) -> dict[str, Tree]:
        """A snapshot as a tree. Raises Unstorable if something in it is not what its annotation says."""
        pending = snapshot.pending
        frame: dict[str, Tree] = {
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
        return frame | self.rest(pending)

    def rest(self, pending: Pending) -> dict[str, Tree]:
        """What a frame holds only if there is any."""
        rest: dict[str, Tree] = {}
        if pending.abandoned:
            rest["abandoned"] = list(pending.abandoned)
        if pending.halted is not None:
            rest["halted"] = write_halted(self.codec, pending.halted)
        if pending.parked is not None:
            rest["parked"] = write_parked(self.codec, pending.parked)
        if pending.line:
            rest["line"] = [self.write_in_line(one, pending.effects) for one in pending.line]
        return rest

    def write_in_line(self, waiting: InLine, flights: Iterable[Flight]) -> Tree:
        """What waits in the line, and the entry that put it there."""
        return [self.write_signal(waiting.signal, flights), waiting.seq]

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
            return [*start, order, *self.behind(flight)]
        orders = (
            [part, self.codec.write(self.order(flight.form, part), order)]
            for part, order in flight.orders
        )
        return [*start, {"$fan": self.write_fan(flight, list(orders))}]

    def behind(self, flight: Ordered) -> list[Tree]:
        """What stands behind the order of an effect in flight, if there is more to say."""
        if flight.life != STARTED:
            return [flight.part, flight.stopping, write_life(self.codec, flight.life)]
        return [flight.part, flight.stopping] if flight.part or flight.stopping else []

    def write_fan(self, fan: Fan, orders: list[Tree]) -> dict[str, Tree]:
        """What an Each has in flight beside its orders."""
        return {
            "orders": orders,
            "begun": fan.begun,
            "asked": list(bits(fan.asked)),
            "heard": [self.write_heard(fan, one) for block in fan.heard for one in block],
            "stopping": fan.stopping,
            **({"lives": self.write_lives(fan)} if fan.lives else {}),
        }

    def write_lives(self, fan: Fan) -> dict[str, Tree]:
        """How far the orders of an Each have come, by place."""
        places = sorted((str(place), life) for place, life in fan.lives.items())
        return {place: write_life(self.codec, life) for place, life in places}

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
        end = self._end(frame["end"])
        effects = tuple(
            self._flight(int(id), flight, end is not None)
            for id, flight in frame["effects"].items()
        )
        pending = Pending(
            effects=effects,
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
            **self._read_rest(frame, effects),
        )
        data = self.codec.read(self.data, frame["data"])
        states = tuple(map(self._state, frame["in"]))
        return Snapshot(states, data, frame["seq"], frame["at"], pending, end)

    def _read_rest(self, frame: Any, flights: tuple[Flight, ...]) -> dict[str, Any]:
        halted, parked = frame.get("halted"), frame.get("parked")
        return {
            "abandoned": tuple(frame.get("abandoned", ())),
            "halted": None if halted is None else read_halted(self.codec, halted),
            "parked": None if parked is None else read_parked(self.codec, parked),
            "line": tuple(
                InLine(self.read_signal(signal, flights, None), seq)
                for signal, seq in frame.get("line", ())
            ),
        }

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

    def _flight(self, id: int, written: Any, is_over: bool) -> Flight:
        owner, form, at, what, *more = written
        if not isinstance(self.forms[form], Each):
            part, stopping, *lives = more or (0, False)
            order = self.codec.read(self.order(form, part), what)
            (life,) = [read_life(self.codec, one) for one in lives] or [STARTED]
            return Ordered(id, self._state(owner), form, order, at, part, stopping, life)
        if "$fan" not in what:
            raise Unreadable(f"{form!r} is an Each, and its orders are not there")
        fan = self._fan(Fan(id, self._state(owner), form, (), at, 0), what["$fan"])
        return fan.only_begun() if is_over and not fan.stopping else fan

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
            whole = whole.hear(index, self.read_outcome(whole, fan.id + index, event))
        open = whole.open & asked if stopping else whole.open
        begun = written["begun"]
        lives = FrozenMap(
            {
                int(place): read_life(self.codec, life)
                for place, life in written.get("lives", {}).items()
            }
        )
        return Fan(
            fan.id,
            fan.owner,
            fan.form,
            orders,
            fan.at,
            open,
            begun,
            asked,
            whole.heard,
            stopping,
            lives,
        )


def write_timer(timer: Timer) -> Tree:
    """A timer, without its id."""
    return [timer.owner, timer.row, timer.due]


def bits(number: int) -> Iterable[int]:
    """The places of the ones in a number, from the lowest."""
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest
