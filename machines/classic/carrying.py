"""A machine of the `transitions` package as one of ours.

Rule 1: everything that cannot be carried over is told at once, with its place and the way out; so is what the library
        lets through silently: states and callbacks that are not there, methods that hide a trigger.
Rule 2: a row does in one update what the library does in turns: prepare, before, leave, enter, after.
Rule 3: where that depends on which inner state is active, the row becomes one for each of them.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise, takewhile
from typing import Any, Generic, TypeVar

import attrs
from attrs import NOTHING, define, field, frozen

from detent.kernel import (
    Call,
    Event,
    Final,
    Ignore,
    InvalidMachine,
    Machine,
    Mistake,
    On,
    Region,
    State,
    WrongInput,
    compile_machine,
)
from detent.machines.classic.methods import Callback, Guard, Parameter, Update, find, meant
from detent.machines.classic.old import Line, Node, Old, Path, read

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
    carrier = _Carrier(read(old), name, data, dict(events or {}), dict(effects or {}))
    machine = carrier.machine()
    if carrier.mistakes:
        raise InvalidMachine(name, tuple(dict.fromkeys(carrier.mistakes)))
    compile_machine(machine)
    return Classic(machine, carrier.events)


@define(eq=False)
class _Carrier:
    """Carries one machine over, and notes what is wrong."""

    old: Old
    name: str
    data: type[Any]
    events: dict[str, type[Event]]
    effects: dict[str, Call[Any, Any]]
    mistakes: list[Mistake] = field(factory=list[Mistake])
    rows: dict[Path, list[On[Any]]] = field(factory=dict[Path, list[On[Any]]])
    takes: dict[str, dict[str, Parameter]] = field(factory=dict[str, dict[str, Parameter]])

    def machine(self) -> Machine[Any, Any, Any]:
        """The machine, as far as it can be carried over."""
        self._note_what_is_not_carried()
        by_trigger: dict[str, list[Line]] = {}
        for line in self.old.lines:
            if self._is_sound(line):
                by_trigger.setdefault(line.trigger, []).append(line)
        for trigger, lines in by_trigger.items():
            self._note_hidden(trigger)
            self._note_scopes(lines)
            for line in lines:
                self._note_regions(line)
                self._note_parameters(line)
            self._note_spread(lines)
            self._make_event(trigger)
        if self.mistakes:
            return Machine(self.name, data=self.data)
        for trigger, lines in by_trigger.items():
            self._carry(trigger, lines)
        parts = [self._state(node) for node in self._in_order(self.old.nodes, self.old.initial)]
        return Machine(self.name, *parts, data=self.data)

    # -- what is wrong

    def _note(self, place: str, what: str, right: str = "") -> None:
        self.mistakes.append(Mistake("classic", place, what, right))

    def _note_what_is_not_carried(self) -> None:
        for what, why in self.old.not_carried:
            self._note("the machine", f"{what} cannot be carried over: {why}.")
        for path in self.old.initial:
            if path not in self.old.by_path:
                self._unknown("the machine", "initial", path)
        if len(self.old.initial) > 1:
            self._note(
                "the machine", "begins in several states at once.", "Put them into one state."
            )
        if self.old.is_nested and self.old.prepare:
            why = "prepare_event runs once for every state that is asked"
            self._note("the machine", f"{why}.", "Say prepare= at the transitions that need it.")
        for node in self.old.by_path.values():
            self._note_node(node)
        for callback in self.effects:
            entered = [name for node in self.old.by_path.values() for name in node.on_enter]
            if callback not in entered:
                what = f"effects[{callback!r}] is on_enter of no state: a state orders an effect when it is entered."
                self._note("the machine", what)

    def _note_node(self, node: Node) -> None:
        place = f"state {self._named(node.path)!r}"
        for feature in node.features:
            self._note(
                place,
                f"{feature} cannot be carried over.",
                "After(...) waits, Call(retry=...) tries again.",
            )
        if len(node.initial) > 1 and set(node.initial) != {one.path[-1] for one in node.children}:
            self._note(
                place,
                "only some of the states inside it are active side by side.",
                "Let all of them be.",
            )
        for name in node.initial:
            if (*node.path, name) not in self.old.by_path:
                self._unknown(place, "initial", (*node.path, name))
        if node.on_final:
            self._note(
                place,
                "on_final cannot be carried over.",
                "Say it in before= of what leads to the end.",
            )
        if node.is_final and any(
            line.source[: len(node.path)] == node.path for line in self.old.lines
        ):
            self._note(
                place, "is final, and has transitions.", "What goes on has not come to its end."
            )

    def _is_sound(self, line: Line) -> bool:
        place, sound = self._place(line), True
        for what, path in (("source", line.source), ("dest", line.dest)):
            if path is not None and path not in self.old.by_path:
                self._unknown(place, what, path)
                sound = False
        return sound

    def _unknown(self, place: str, what: str, path: Path) -> None:
        names = map(self._named, self.old.by_path)
        shown = self._named(path)
        self._note(place, f"{what}={shown!r}: there is no such state; {meant(shown, names)}")

    def _note_hidden(self, trigger: str) -> None:
        for model in dict.fromkeys((*self.old.models, self.data)):
            if hasattr(model, trigger):
                what = f"{model.__name__} has a method of that name, which the library calls instead, silently."
                self._note(f"trigger {trigger!r}", what, "Give one of them another name.")

    def _note_scopes(self, lines: list[Line]) -> None:
        """The library asks what was declared inside a state first, whichever source is the inner one."""
        for inner in lines:
            for line in lines:
                is_inside = line.source[: len(inner.source)] == inner.source != line.source
                if is_inside and line.scope < inner.scope:
                    outer = self._named(inner.source)
                    what = f"is asked after that of {outer!r}, which was declared further inside."
                    self._note(self._place(line), what, "Declare both in one place.")

    def _note_regions(self, line: Line) -> None:
        """States side by side are left and entered together."""
        place, dest = self._place(line), line.dest
        for depth in range(1, len(dest or ())):
            around, region = (dest or ())[:depth], (dest or ())[: depth + 1]
            if self._is_parallel(around) and line.source[: depth + 1] != region:
                what = (
                    f"goes to one of the states that are side by side in {self._named(around)!r}."
                )
                self._note(
                    place, what, f"Let it go to {self._named(around)!r}, which enters all of them."
                )
        for leaf in self._leaves(line.source):
            for word, node in self._way(leaf, dest):
                if word == "on_exit" and self._is_parallel(node.path):
                    self._note_left(place, node, leaf)

    def _note_left(self, place: str, around: Node, leaf: Path) -> None:
        for node in around.every():
            if node.on_exit and node.path != leaf[: len(node.path)]:
                what = f"leaves {self._named(node.path)!r}, if that is active, which has on_exit={node.on_exit[0]!r}."
                right = "Which of the states side by side are active is not known before: do it in before= instead."
                self._note(place, what, right)

    def _note_spread(self, lines: list[Line]) -> None:
        """Rows of their own for inner states would be taken by several at once."""
        for line in self._spread(lines)[0]:
            for one, other in pairwise(self._leaves(line.source)):
                if self._is_parallel(common_path((one, other))):
                    what = "depends on which of several states side by side is active."
                    self._note(
                        self._place(line),
                        what,
                        "Leave out prepare=, or declare it for each of them.",
                    )
                    break

    def _is_parallel(self, path: Path) -> bool:
        return bool(path) and len(self.old.by_path[path].initial) > 1

    def _note_parameters(self, line: Line) -> None:
        """What the callbacks of a transition take must be what its trigger brings."""
        place = self._place(line)
        parts = {
            "prepare": [*self.old.prepare, *line.prepare],
            "conditions": [one for one, wanted in line.conditions if wanted],
            "unless": [one for one, wanted in line.conditions if not wanted],
            "before": [*self.old.before, *line.before],
            "after": [*line.after, *self.old.after, *self.old.on_final],
        }
        for part, callbacks in parts.items():
            for callback in callbacks:
                self._look_up(f"{place}: {part}", line.trigger, callback)
        for way in self._ways(line):
            for word, node in way:
                for callback in node.on_enter if word == "on_enter" else node.on_exit:
                    of = f"state {self._named(node.path)!r}: {word}"
                    if not (word == "on_enter" and callback in self.effects):
                        self._look_up(of, line.trigger, callback)

    def _look_up(self, place: str, trigger: str, callback: Any) -> Callback | None:
        name = (
            callback if isinstance(callback, str) else getattr(callback, "__name__", repr(callback))
        )
        place = f"{place}={name!r}"
        if name in self.effects:
            self._note(
                place,
                "is an effect, and effects are ordered by states.",
                "Name it in on_enter of a state.",
            )
            return None
        if not name.isidentifier():
            self._note(
                place, "has no name.", f"Make it a method of {self.data.__name__}, and name that."
            )
            return None
        try:
            found, parameters = find(self.data, name)
        except LookupError as error:
            self._note(place, str(error))
            return None
        known = self.takes.setdefault(trigger, {})
        for one in parameters:
            other = known.setdefault(one.name, one)
            if other.type != one.type:
                self._note(
                    place, f"{one.name!r} is {one.type!r} here, and {other.type!r} elsewhere."
                )
        return found

    # -- events

    def _make_event(self, trigger: str) -> None:
        taken = self.takes.get(trigger, {})
        given = self.events.get(trigger)
        if given is not None:
            missing = [name for name in taken if name not in attrs.fields_dict(given)]
            if missing:
                what = f"{given.__name__} has no field {missing[0]!r}, which a callback takes."
                self._note(f"trigger {trigger!r}", what)
            return
        parts = [part for part in trigger.split("_") if part]
        name = "".join(part[0].upper() + part[1:] for part in parts) or trigger
        in_order = sorted(taken.values(), key=lambda one: one.default is not NOTHING)
        fields = {one.name: attrs.field(default=one.default, type=one.type) for one in in_order}
        self.events[trigger] = attrs.make_class(
            name, fields, bases=(Event,), frozen=True, slots=True
        )

    # -- rows

    def _carry(self, trigger: str, lines: list[Line]) -> None:
        """The rows of a trigger; of what depends on inner states, each of these gets its own."""
        spread, leaves = self._spread(lines)
        for line in lines:
            if line not in spread:
                self._add(line.source, self._row(line, self._ways(line)[0], ()))
        for leaf in leaves:
            mine = [line for line in spread if leaf[: len(line.source)] == line.source]
            mine.sort(key=lambda line: -len(line.source))
            prepared: tuple[Callback, ...] = ()
            inner = (*leaf, ALONE) if self.old.by_path[leaf].children else leaf
            for place, line in enumerate(mine):
                first = () if place else self.old.prepare
                prepared += self._callbacks((*first, *line.prepare))
                self._add(inner, self._row(line, self._way(leaf, line.dest), prepared))
            if prepared:  # what was prepared stays, also if no condition holds then
                self._add(inner, On(self.events[trigger], update=Update(prepared)))

    def _spread(self, lines: list[Line]) -> tuple[list[Line], list[Path]]:
        """The lines that depend on which inner states are active, all that meet them there, and these states."""
        leaves: set[Path] = set()
        spread: list[Line] = []
        more = [line for line in lines if self._depends(line)]
        while more:
            spread += more
            leaves.update(leaf for line in more for leaf in self._leaves(line.source))
            rest = [line for line in lines if line not in spread]
            more = [line for line in rest if not leaves.isdisjoint(self._leaves(line.source))]
        in_order = [line for line in lines if line in spread]
        return in_order, [leaf for leaf in self._leaves(()) if leaf in leaves]

    def _depends(self, line: Line) -> bool:
        if self.old.prepare or line.prepare:
            return True
        return len(set(map(self._steps, self._ways(line)))) > 1

    def _add(self, source: Path, row: On[Any]) -> None:
        self.rows.setdefault(source, []).append(row)

    def _row(self, line: Line, way: "_Way", prepared: tuple[Callback, ...]) -> On[Any]:
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
        to = None if dest is None else self._named(dest)
        when = Guard(conditions, prepared) if conditions else None
        update = Update(tuple(changes)) if changes else None
        row: Any = On
        return row(kind, to=to, when=when, update=update, reenter=dest is not None)  # type: ignore[no-any-return]

    def _callbacks(self, named: Any) -> tuple[Callback, ...]:
        return tuple(map(self._callback, named))

    def _callback(self, callback: Any) -> Callback:
        name = callback if isinstance(callback, str) else callback.__name__
        return find(self.data, name)[0]

    # -- ways from state to state

    def _ways(self, line: Line) -> "list[_Way]":
        """What is left and entered, for each inner state that may be active."""
        return [self._way(leaf, line.dest) for leaf in self._leaves(line.source)]

    def _way(self, leaf: Path, dest: Path | None) -> "_Way":
        """What is left and what is entered on the way from an active state."""
        if dest is None:
            return ()
        common = 0
        while common < min(len(leaf), len(dest) - 1) and leaf[common] == dest[common]:
            common += 1
        left = [leaf[:depth] for depth in range(len(leaf), common, -1)]
        entered = [dest[:depth] for depth in range(common + 1, len(dest) + 1)]
        into = [*entered, *self._initial(dest)]
        nodes = self.old.by_path
        return (
            *(("on_exit", nodes[path]) for path in left),
            *(("on_enter", nodes[path]) for path in into),
        )

    def _steps(self, way: "_Way") -> tuple[tuple[str, Any], ...]:
        """What is done on a way."""
        return tuple(
            (word, name)
            for word, node in way
            for name in (node.on_enter if word == "on_enter" else node.on_exit)
        )

    def _initial(self, path: Path) -> Iterator[Path]:
        """What is entered with a state, in the order in which the library does it."""
        waiting = [path]
        while waiting:
            here = waiting.pop(0)
            for name in self.old.by_path[here].initial:
                yield (*here, name)
                waiting.append((*here, name))

    def _leaves(self, inside: Path) -> Iterator[Path]:
        """The states that may be active without another inside them."""
        for path, node in self.old.by_path.items():
            is_leaf = not node.children or not node.initial
            if is_leaf and path[: len(inside)] == inside:
                yield path

    # -- states

    def _state(self, node: Node) -> State[Any]:
        name, rows = self._named(node.path), self.rows.get(node.path, [])
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
            inner = [State(self._named(alone), *self.rows.get(alone, []), *ignored), *inner]
            ignored = []
        kind: Any = State
        if self._is_parallel(node.path[:-1]):
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

    def _named(self, path: Path) -> str:
        return self.old.separator.join(path)

    def _place(self, line: Line) -> str:
        if line.number:
            return f"transition {line.number} {line.trigger!r}"
        to = "" if line.dest is None else f" -> {self._named(line.dest)}"
        return f"transition {line.trigger!r} ({self._named(line.source)}{to})"


def common_path(paths: tuple[Path, Path]) -> Path:
    """What two paths begin with."""
    return tuple(
        one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(*paths, strict=False))
    )


ALONE = "alone"
"""What a state is called inside itself when nothing else inside it is active."""

_Way = tuple[tuple[str, Node], ...]
