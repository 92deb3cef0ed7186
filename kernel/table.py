"""What the compiler makes of a machine: the one table that is stepped, checked, drawn and replayed.

States are numbered in document order, so everything inside state `i` has a number from `i + 1` to `nodes[i].last`:
«is inside» and «comes before» are comparisons of numbers. State 0 is the machine itself.

Rule 1: a table is flat and immutable. What is remembered beside it (layouts) can be thrown away at any time.
Rule 2: a row keeps the author's callables as they are; their names are what digests and drawings see.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from attrs import field, frozen

from detent.kernel.definition import Doing, FinalStatus, Machine
from detent.kernel.expressions import Expression
from detent.kernel.signals import Event

__all__ = ["Node", "NodeKind", "Otherwise", "Row", "RowKind", "Table", "Trigger"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")

NodeKind: TypeAlias = Literal["atomic", "compound", "parallel", "final", "history"]
RowKind: TypeAlias = Literal["on", "after", "always", "done"]
Otherwise: TypeAlias = Literal["deferred", "ignored", "rejected"]
Trigger: TypeAlias = type[Event] | tuple[str, type[Event]]
"""What a row waits for: a class of events, or an outcome of the effect of that name."""


@frozen(eq=False)
class Row:
    """One transition that a state may take. `id` is the state and the place among its rows: `cart/1`."""

    id: str
    kind: RowKind
    source: int
    target: int | None
    reenter: bool
    triggers: tuple[Trigger, ...]
    guard: Callable[[Any, Any], object] | None
    update: Callable[[Any, Any], object] | None
    seconds: float | Callable[[Any], float] | None
    condition: Expression | None
    guard_name: str
    update_name: str


@frozen(eq=False)
class Node:
    """One state of the table."""

    index: int
    name: str
    kind: NodeKind
    parent: int
    children: tuple[int, ...]
    last: int
    depth: int
    is_region: bool
    forms: tuple[Doing[Any], ...]
    rows: tuple[Row, ...]
    otherwise: Mapping[type[Event], Otherwise]
    initial: int = 0
    """What is entered with a compound state; where a history leads that remembers nothing."""
    histories: tuple[int, ...] = ()
    deep: bool = False
    status: FinalStatus = "completed"
    on: Mapping[Trigger, tuple[Row, ...]] = field(init=False)
    after: tuple[Row, ...] = field(init=False)
    always: tuple[Row, ...] = field(init=False)
    done: tuple[Row, ...] = field(init=False)

    @on.default
    def _(self) -> Mapping[Trigger, tuple[Row, ...]]:
        found: dict[Trigger, tuple[Row, ...]] = {}
        for row in self.rows:
            for trigger in row.triggers:
                found[trigger] = (*found.get(trigger, ()), row)
        return found

    @after.default
    def _(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.kind == "after")

    @always.default
    def _(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.kind == "always")

    @done.default
    def _(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.kind == "done")


@frozen(eq=False, repr=False)
class Table(Generic[I, D, R]):
    """A compiled machine.

    `shape` is the digest of what a stored snapshot depends on (states, regions, effects, fields), `rules` that of
    what the machine does with it (targets, guards, callables by name). `machine` is what was compiled.
    """

    machine: Machine[I, D, R]
    nodes: tuple[Node, ...]
    index: Mapping[str, int]
    forms: Mapping[str, Doing[Any]]
    events: tuple[type[Event], ...]
    shape: str
    rules: str
    data: type = field(init=False)
    """The class of the data."""
    possible: Mapping[str, tuple[type[Event], ...]] = field(init=False)
    """What may come of each form."""
    handling: Mapping[Trigger, tuple[int, ...]] = field(init=False)
    """Which states have rows for a trigger."""
    excusing: Mapping[type[Event], tuple[int, ...]] = field(init=False)
    """Which states ignore, defer or reject an event by name."""
    layouts: dict[tuple[str, ...], Any] = field(init=False, factory=dict)
    """Configurations met so far, laid out: kept by the layout, which is told by the configuration alone."""

    def __repr__(self) -> str:
        return f"<table of {self.machine.name!r}, {len(self.nodes) - 1} states>"

    @property
    def name(self) -> str:
        """The name of the machine."""
        return self.machine.name

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row, in document order."""
        return tuple(row for node in self.nodes for row in node.rows)

    def is_inside(self, index: int, outer: int) -> bool:
        """Whether a state is inside another (no state is inside itself)."""
        return outer < index <= self.nodes[outer].last

    def ancestors(self, index: int) -> tuple[int, ...]:
        """The states around a state, from the nearest to the machine itself."""
        found: list[int] = []
        while index:
            index = self.nodes[index].parent
            found.append(index)
        return tuple(found)

    @data.default
    def _(self) -> type:
        return self.machine.data

    @possible.default
    def _(self) -> Mapping[str, tuple[type[Event], ...]]:
        return {key: form.possible for key, form in self.forms.items()}

    @handling.default
    def _(self) -> Mapping[Trigger, tuple[int, ...]]:
        found: dict[Trigger, list[int]] = {}
        for node in self.nodes:
            for trigger in node.on:
                found.setdefault(trigger, []).append(node.index)
        return {trigger: tuple(nodes) for trigger, nodes in found.items()}

    @excusing.default
    def _(self) -> Mapping[type[Event], tuple[int, ...]]:
        found: dict[type[Event], list[int]] = {}
        for node in self.nodes:
            for event in node.otherwise:
                found.setdefault(event, []).append(node.index)
        return {event: tuple(nodes) for event, nodes in found.items()}
