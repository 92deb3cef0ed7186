"""A machine of the `transitions` package as one of ours.

Rule 1: everything that cannot be carried over is told at once, with its place and the way out; so is what the library
        lets through silently: states and callbacks that are not there, methods that hide a trigger.
Rule 2: a row does in one update what the library does in turns: prepare, before, leave, enter, after.
Rule 3: where that depends on which inner state is active, the row becomes one for each of them.
"""

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs
from attrs import NOTHING, define, field, frozen

from detent.kernel import (
    Always,
    Call,
    Event,
    Final,
    Ignore,
    InvalidMachine,
    Machine,
    On,
    Region,
    State,
    WrongInput,
    compile_machine,
)
from detent.machines.classic.faults import Faults
from detent.machines.classic.methods import Callback, Guard, Update, find, meant
from detent.machines.classic.old import Line, Node, Old, Path, read
from detent.machines.classic.ways import Way, Ways

__all__ = ["Classic", "from_transitions"]

D = TypeVar("D")


@frozen(eq=False)
class Classic(Generic[D]):
    """A machine that was carried over: `machine` is ours, `events` are its triggers."""

    machine: Machine[D, D, D]
    events: Mapping[str, type[Event]]

    def event(self, trigger: str, *values: object, **fields: object) -> Event:
        """What the trigger of that name says to the machine: `lamp.event("press", force=3)`."""
        kind = self.events.get(trigger)
        if kind is None:
            advice = meant(trigger, self.events)
            raise WrongInput(f"machine {self.machine.name!r} has no trigger {trigger!r}; {advice}")
        make: Any = kind
        try:
            made: Event = make(*values, **fields)
        except TypeError as error:
            raise WrongInput(f"trigger {trigger!r}: {error}") from None
        return made


def from_transitions(
    old: Any,
    *,
    name: str,
    data: type[D],
    events: Mapping[str, type[Event]] | None = None,
    effects: Mapping[str, Call[Any, Any]] | None = None,
) -> Classic[D]:
    """The machine that does what a machine of `transitions` does, or one that is configured so.

    Callbacks are pure methods of `data` with the same names: conditions say yes or no, all others return new data.
    Their parameters are fields of the events, which are made from them; `events` gives classes of your own for some
    triggers. `effects` says which callbacks act on the world: `{"ring": Call(Ring, Lamp.ring)}` is ordered on entering
    the states that named it. Raises InvalidMachine, with everything that cannot be carried over.
    """
    whole, named, ordering = read(old), dict(events or {}), dict(effects or {})
    ways = Ways(whole)
    faults = Faults(whole, ways, data, named, ordering)
    carrier = _Carrier(whole, name, data, named, ordering, ways, faults)
    machine = carrier.machine()
    compile_machine(machine)
    return Classic(machine, carrier.events)


@define(eq=False)
class _Carrier:
    """Carries one machine over."""

    old: Old
    name: str
    data: type[Any]
    events: dict[str, type[Event]]
    effects: dict[str, Call[Any, Any]]
    ways: Ways
    faults: Faults
    rows: dict[Path, list[On[Any]]] = field(factory=dict[Path, list[On[Any]]])

    def machine(self) -> Machine[Any, Any, Any]:
        """The machine. Raises InvalidMachine."""
        self.faults.note_machine()
        by_trigger: dict[str, list[Line]] = {}
        for line in self.old.lines:
            if self.faults.is_sound(line):
                by_trigger.setdefault(line.trigger, []).append(line)
        for trigger, lines in by_trigger.items():
            self.faults.note_trigger(trigger, lines)
            self._make_event(trigger)
        if self.faults.mistakes:
            raise InvalidMachine(self.name, tuple(self.faults.mistakes))
        for trigger, lines in by_trigger.items():
            self._carry(trigger, lines)
        parts = [self._state(node) for node in self._in_order(self.old.nodes, self.old.initial)]
        return Machine(self.name, *self._start(), *parts, data=self.data)

    def _start(self) -> list[State[Any]]:
        """A state to begin in, if the machine begins further inside than its states do."""
        (path,) = self.old.initial
        begins = all(
            self.old.by_path[path[:depth]].initial == (path[depth],)
            for depth in range(1, len(path))
        )
        name = START
        while any(self.old.named(taken) == name for taken in self.old.by_path):
            name += "_"
        return [] if begins else [State(name, Always(to=self.old.named(path)))]

    # -- events

    def _make_event(self, trigger: str) -> None:
        taken = self.faults.takes.get(trigger, {})
        given = self.events.get(trigger)
        if given is not None:
            missing = [name for name in taken if name not in attrs.fields_dict(given)]
            if missing:
                what = f"{given.__name__} has no field {missing[0]!r}, which a callback takes."
                self.faults.note(f"trigger {trigger!r}", what)
            return
        name = _class_name(trigger)
        other = next((one for one, kind in self.events.items() if kind.__name__ == name), None)
        if other is not None:
            what = f"its event would be called {name}, as that of {other!r}."
            self.faults.note(f"trigger {trigger!r}", what, "Give one of them another name.")
        in_order = sorted(taken.values(), key=lambda one: one.default is not NOTHING)
        fields = {one.name: attrs.field(default=one.default, type=one.type) for one in in_order}
        self.events[trigger] = attrs.make_class(
            name, fields, bases=(Event,), frozen=True, slots=True
        )

    # -- rows

    def _carry(self, trigger: str, lines: list[Line]) -> None:
        """The rows of a trigger; of what depends on inner states, each of these gets its own."""
        spread, leaves = self.ways.spread(lines)
        for line in lines:
            if line not in spread:
                self._add(line.source, self._row(line, self.ways.of(line)[0], ()))
        for leaf in leaves:
            mine = [line for line in spread if leaf[: len(line.source)] == line.source]
            mine.sort(key=lambda line: -len(line.source))
            prepared: tuple[Callback, ...] = ()
            inner = (*leaf, ALONE) if self.old.by_path[leaf].children else leaf
            for place, line in enumerate(mine):
                first = () if place else self.old.prepare
                prepared += self._callbacks((*first, *line.prepare))
                self._add(inner, self._row(line, self.ways.way(leaf, line.dest), prepared))
            if prepared:  # what was prepared stays, also if no condition holds then
                self._add(inner, On(self.events[trigger], update=Update(prepared)))

    def _add(self, source: Path, row: On[Any]) -> None:
        self.rows.setdefault(source, []).append(row)

    def _row(self, line: Line, way: Way, prepared: tuple[Callback, ...]) -> On[Any]:
        dest = line.dest
        changes = [*prepared, *self._callbacks((*self.old.before, *line.before))]
        for word, node in way:
            named = node.on_enter if word == "on_enter" else node.on_exit
            changes += self._callbacks([name for name in named if name not in self.effects])
        if dest is not None and self.old.by_path[dest].is_final:
            changes += self._callbacks(self.old.on_final)
        changes += self._callbacks((*line.after, *self.old.after))
        conditions = tuple((self._callback(one), wanted) for one, wanted in line.conditions)
        kind: Any = self.events[line.trigger]
        to = None if dest is None else self.old.named(dest)
        when = Guard(conditions, prepared) if conditions else None
        update = Update(tuple(changes)) if changes else None
        row: Any = On
        return row(kind, to=to, when=when, update=update)  # type: ignore[no-any-return]

    def _callbacks(self, named: Any) -> tuple[Callback, ...]:
        return tuple(map(self._callback, named))

    def _callback(self, callback: Any) -> Callback:
        name = callback if isinstance(callback, str) else callback.__name__
        return find(self.data, name)[0]

    # -- states

    def _state(self, node: Node) -> State[Any]:
        name, rows = self.old.named(node.path), self.rows.get(node.path, [])
        do = tuple(self.effects[one] for one in node.on_enter if one in self.effects)
        rows = [*rows, *(On(call.returned) for call in do)]
        if node.is_final and not node.children:
            return Final(name)
        inner = [
            self._state(child)
            for child in self._in_order(node.children, [(*node.path, one) for one in node.initial])
        ]
        ignored = self._ignored(node)
        if node.children and not node.initial:
            alone = (*node.path, ALONE)
            inner = [State(self.old.named(alone), *self.rows.get(alone, []), *ignored), *inner]
            ignored = []
        kind: Any = State
        if self.old.is_parallel(node.path[:-1]):
            kind = Region
        if node.children:
            ignored = []
        return kind(name, *rows, *ignored, *inner, do=do)  # type: ignore[no-any-return]

    def _ignored(self, node: Node) -> list[Ignore]:
        """The triggers that a state without others inside lets pass."""
        if not node.ignores:
            return []
        here = [(*node.path, ALONE)[:depth] for depth in range(1, len(node.path) + 2)]
        handled = {row.event for path in here for row in self.rows.get(path, [])}
        passed = [kind for kind in self.events.values() if kind not in handled]
        return [Ignore(*passed)] if passed else []

    def _in_order(self, nodes: tuple[Node, ...], initial: Any) -> list[Node]:
        """States with the initial one first."""
        first = {path[: len(nodes[0].path)] for path in initial} if nodes else set[Path]()
        return sorted(nodes, key=lambda node: node.path not in first)


def _class_name(trigger: str) -> str:
    """What the event of a trigger is called: `next_state` is NextState."""
    words = "".join(word[0].upper() + word[1:] for word in re.split(r"\W|_", trigger) if word)
    return words if words.isidentifier() else f"On{words}"


START = "start"
"""What leads to an initial state that nothing else leads to."""

ALONE = "alone"
"""What a state is called inside itself when nothing else inside it is active."""
