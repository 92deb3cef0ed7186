"""What a machine of the `transitions` package is made of, read once, whichever class it has.

Rule 1: nothing is run: no trigger, no callback.
Rule 2: the library keeps transitions by trigger and scope. Here each is a line with whole paths, in the order in
        which the library tries them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen
from transitions import Machine as OldMachine
from transitions import MachineError
from transitions.extensions.nesting import HierarchicalMachine

from detent.kernel import WrongInput

__all__ = ["Line", "Node", "Old", "Path", "read"]

Path: TypeAlias = tuple[str, ...]

NOT_CARRIED = {
    "finalize_event": "what is done after every event, even a refused one, watches a run: read its log instead",
    "on_exception": "a callback that raises breaks the step, and nothing has happened",
}
"""Callbacks of a whole machine that have no place in a table."""


@frozen
class Line:
    """One transition. Without `dest` nothing is left. `number` is its place in a configuration, from 1."""

    trigger: str
    source: Path
    dest: Path | None
    conditions: tuple[tuple[Any, bool], ...]
    prepare: tuple[Any, ...]
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    scope: int = 0
    """In how many states it was declared."""
    number: int = 0


@frozen
class Node:
    """One state, with those inside it. Several initial ones are active side by side."""

    path: Path
    initial: tuple[str, ...]
    children: "tuple[Node, ...]"
    is_final: bool
    ignores: bool
    on_enter: tuple[Any, ...]
    on_exit: tuple[Any, ...]
    on_final: tuple[Any, ...]
    features: tuple[str, ...] = ()
    """What it does beside: states of `transitions.extensions.states`."""

    def every(self) -> "Iterator[Node]":
        """The state and all inside it."""
        yield self
        for child in self.children:
            yield from child.every()


@frozen
class Old:
    """A machine as it was."""

    separator: str
    nodes: tuple[Node, ...]
    initial: tuple[Path, ...]
    lines: tuple[Line, ...]
    prepare: tuple[Any, ...]
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    on_final: tuple[Any, ...]
    models: tuple[type[Any], ...]
    is_nested: bool
    not_carried: tuple[tuple[str, str], ...] = ()
    by_path: Mapping[Path, Node] = field(factory=dict[Path, Node])
    """All states."""

    def is_parallel(self, path: Path) -> bool:
        """Whether the states inside a state are active side by side."""
        return bool(path) and len(self.by_path[path].initial) > 1

    def named(self, path: Path) -> str:
        """A state as the library calls it."""
        return self.separator.join(path)

    def place(self, line: Line) -> str:
        """A transition, for a message."""
        if line.number:
            return f"transition {line.number} {line.trigger!r}"
        to = "" if line.dest is None else f" -> {self.named(line.dest)}"
        return f"transition {line.trigger!r} ({self.named(line.source)}{to})"


def read(given: object) -> Old:
    """A machine, or what one is configured with: `{"states": ..., "transitions": ..., "initial": ...}`.

    Raises WrongInput if it is neither.
    """
    numbers: dict[int, int] = {}
    configuration: Any = given
    machine: Any = given
    if isinstance(given, Mapping):
        try:
            machine = _built(dict(configuration), numbers)
        except (AttributeError, KeyError, MachineError, TypeError, ValueError) as error:
            raise WrongInput(f"transitions refuses this configuration: {error}") from error
    if not isinstance(machine, OldMachine):
        raise WrongInput(f"{machine!r} is no machine of transitions, and no configuration of one")
    is_nested = isinstance(machine, HierarchicalMachine)
    separator: str = (
        machine.state_cls.separator if isinstance(machine, HierarchicalMachine) else "_"
    )
    nodes = tuple(_nodes(machine.states.values(), (), bool(machine.ignore_invalid_triggers)))
    models: list[object] = machine.models
    return Old(
        separator,
        nodes,
        tuple(_paths(machine.initial, separator if is_nested else None)),
        tuple(_lines(machine, separator, is_nested, numbers)),
        tuple(machine.prepare_event),
        tuple(machine.before_state_change),
        tuple(machine.after_state_change),
        tuple(machine.on_final),
        tuple(kind for kind in map(type, models) if not kind.__module__.startswith("transitions")),
        is_nested,
        tuple((name, why) for name, why in NOT_CARRIED.items() if getattr(machine, name)),
        {node.path: node for top in nodes for node in top.every()},
    )


def _built(given: dict[str, Any], numbers: dict[int, int]) -> Any:
    """The machine of a configuration, made without a model. Its transitions are numbered."""
    transitions = given.pop("transitions", None) or ()
    ordered = given.pop("ordered_transitions", False)
    states = given.get("states") or ()
    for name in _twice(states):
        raise ValueError(f"state {name!r} is there twice, and the library keeps the last, silently")
    kind = HierarchicalMachine if _is_nested(states) else OldMachine
    machine: Any = kind(model=None, auto_transitions=False, **given)
    seen: set[int] = set()
    for number, one in enumerate(transitions, 1):
        said: dict[str, Any] = dict(zip(ROW, one, strict=False)) if _is_row(one) else one
        machine.add_transition(**said)
        for transition in _every_transition(machine):
            if id(transition) not in seen:
                seen.add(id(transition))
                numbers[id(transition)] = number
    if ordered:
        machine.add_ordered_transitions(**(ordered if isinstance(ordered, dict) else {}))
    return machine


ROW = ("trigger", "source", "dest", "conditions", "unless", "before", "after", "prepare")
"""What a transition says that is written as a list."""


def _is_row(one: Any) -> bool:
    return type(one) in (list, tuple)


def _is_nested(states: Iterable[Any]) -> bool:
    return any(
        isinstance(one, dict) and {"children", "states", "parallel"} & one.keys() for one in states
    )


def _twice(states: Iterable[Any]) -> Iterator[str]:
    """Names that several states have in one place."""
    known: set[str] = set()
    for one in states:
        said: dict[str, Any] = one if hasattr(one, "keys") else {"name": getattr(one, "name", one)}
        if said["name"] in known:
            yield said["name"]
        known.add(said["name"])
        for word in ("children", "states", "parallel"):
            yield from _twice(_listed(said.get(word)))


def _every_transition(machine: Any) -> Iterator[Any]:
    for event in machine.events.values():
        for some in event.transitions.values():
            yield from some


def _nodes(states: Iterable[Any], outer: Path, ignores: bool) -> Iterator[Node]:
    for state in states:
        own = state.ignore_invalid_triggers
        ignored = ignores if own is None else bool(own)
        name = getattr(state._name, "name", state._name)  # the name without that of its scope
        path = (*outer, name)
        yield Node(
            path,
            tuple(getattr(one, "name", one) for one in _listed(getattr(state, "initial", None))),
            tuple(_nodes(getattr(state, "states", {}).values(), path, ignores)),
            bool(state.final),
            ignored,
            tuple(state.on_enter),
            tuple(state.on_exit),
            tuple(getattr(state, "on_final", ())),
            tuple(
                name
                for name in ("timeout", "retries", "volatile_objects")
                if getattr(state, name, None)
            ),
        )


def _lines(
    machine: Any, separator: str, is_nested: bool, numbers: dict[int, int]
) -> Iterator[Line]:
    """The transitions of a machine, those of inner scopes first: so they are tried."""
    split = separator if is_nested else None
    automatic = set(_automatic(machine, separator)) if machine.auto_transitions else set[str]()

    def of(states: Mapping[str, Any], events: Mapping[str, Any], outer: Path) -> Iterator[Line]:
        for name, state in states.items():
            yield from of(
                getattr(state, "states", {}), getattr(state, "events", {}), (*outer, name)
            )
        for trigger, event in events.items():
            if trigger in automatic:
                continue
            for source, some in event.transitions.items():
                for one in some:
                    yield Line(
                        trigger,
                        (*outer, *_path(source, split)),
                        None if one.dest is None else (*outer, *_path(one.dest, split)),
                        tuple(
                            (condition.func, bool(condition.target)) for condition in one.conditions
                        ),
                        tuple(one.prepare),
                        tuple(one.before),
                        tuple(one.after),
                        len(outer),
                        numbers.get(id(one), 0),
                    )

    return of(machine.states, machine.events, ())


def _automatic(machine: Any, separator: str) -> Iterator[str]:
    """The triggers `to_STATE` that the library adds to every machine."""
    names = (
        machine.get_nested_state_names()
        if hasattr(machine, "get_nested_state_names")
        else machine.states
    )
    for name in names:
        yield f"to_{name}"
        yield f"to_{str(name).replace(separator, '_')}"


def _paths(initial: Any, separator: str | None) -> Iterator[Path]:
    for one in _listed(initial):
        yield _path(getattr(one, "name", one), separator)


def _path(name: str, separator: str | None) -> Path:
    return (name,) if separator is None else tuple(name.split(separator))


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if type(value) in (list, tuple) else [value]
