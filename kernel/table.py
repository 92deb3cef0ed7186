"""What the compiler makes of a machine: the one table that is stepped, checked, drawn and replayed.

States are numbered in document order, so everything inside state `i` has a number from `i + 1` to `nodes[i].last`:
«is inside» and «comes before» are comparisons of numbers. State 0 is the machine itself.

Rule 1: a table is flat and immutable. What is remembered beside it (layouts) can be thrown away at any time.
Rule 2: a row keeps the author's callables as they are; their names are what digests and drawings see.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar, get_origin

from attrs import field, frozen

from detent.kernel.definition import Doing, Each, FinalStatus, Machine, fill
from detent.kernel.expressions import Expression
from detent.kernel.shapes import Shape
from detent.kernel.signals import Event, Stopped
from detent.kernel.wire import Tree, parsed

__all__ = ["Node", "NodeKind", "Otherwise", "Outline", "Row", "RowKind", "Table", "Trigger"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")

NodeKind: TypeAlias = Literal["atomic", "compound", "parallel", "final", "history"]
RowKind: TypeAlias = Literal["on", "after", "always", "done"]
Otherwise: TypeAlias = Literal["deferred", "ignored", "rejected"]
Trigger: TypeAlias = type[Event] | tuple[str, type[Event]]
"""What a row waits for: a class of events, or an outcome of the effect of that name."""


@frozen
class Outline:
    """What a table is made of, as the bytes of a tree, and the digest that stands for it."""

    text: bytes = field(repr=False)
    digest: str

    @property
    def tree(self) -> dict[str, Tree]:
        """The outline itself."""
        read = parsed(self.text)
        return read if isinstance(read, dict) else {}


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
    compensates: bool = False
    """It, or a state around it, undoes what a cancelled run has done."""
    on: Mapping[Trigger, tuple[Row, ...]] = field(init=False)
    after: tuple[Row, ...] = field(init=False)
    always: tuple[Row, ...] = field(init=False)
    done: tuple[Row, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        by_kind: dict[RowKind, tuple[Row, ...]] = {}
        by_trigger: dict[Trigger, tuple[Row, ...]] = {}
        for row in self.rows:
            by_kind[row.kind] = (*by_kind.get(row.kind, ()), row)
            for trigger in row.triggers:
                by_trigger[trigger] = (*by_trigger.get(trigger, ()), row)
        fill(self, on=by_trigger, after=by_kind.get("after", ()))
        fill(self, always=by_kind.get("always", ()), done=by_kind.get("done", ()))


@frozen(eq=False, repr=False)
class Table(Generic[I, D, R]):
    """A compiled machine.

    `shape` stands for what a stored snapshot depends on (states, regions, effects, fields), `rules` for what the
    machine does with it (targets, guards, callables by name). `machine` is what was compiled.
    """

    machine: Machine[I, D, R]
    nodes: tuple[Node, ...]
    index: Mapping[str, int]
    forms: Mapping[str, Doing[Any]]
    events: tuple[type[Event], ...]
    shape_outline: Outline
    rules_outline: Outline
    shapes: tuple[Shape, ...] = ()
    """The shapes of everything that is stored."""
    data: type = field(init=False)
    """The class of the data."""
    possible: Mapping[tuple[str, int], tuple[type[Event], ...]] = field(init=False)
    """What may come of each order: the form that gives it by name, and which part of an Each."""
    handling: Mapping[Trigger, Sequence[int]] = field(init=False)
    """Which states have rows for a trigger."""
    excusing: Mapping[type[Event], Sequence[int]] = field(init=False)
    """Which states ignore, defer or reject an event by name."""
    layouts: dict[tuple[str, ...], Any] = field(init=False, factory=dict[tuple[str, ...], Any])
    """Configurations met so far, laid out: kept by the layout, which is told by the configuration alone."""
    first: list[Any] = field(init=False, factory=list[Any])
    """What beginning a run changes, once it has been worked out."""

    def __attrs_post_init__(self) -> None:
        handling: dict[Trigger, list[int]] = {}
        excusing: dict[type[Event], list[int]] = {}
        for node in self.nodes:
            for trigger in node.on:
                handling.setdefault(trigger, []).append(node.index)
            for event in node.otherwise:
                excusing.setdefault(event, []).append(node.index)
        fill(
            self,
            data=get_origin(self.machine.data) or self.machine.data,
            possible=_possible(self.forms),
        )
        fill(self, handling=handling, excusing=excusing)

    @property
    def shape(self) -> str:
        """The digest of what a stored snapshot depends on."""
        return self.shape_outline.digest

    @property
    def rules(self) -> str:
        """The digest of what the machine does."""
        return self.rules_outline.digest

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


def _possible(forms: Mapping[str, Doing[Any]]) -> Mapping[tuple[str, int], tuple[type[Event], ...]]:
    found: dict[tuple[str, int], tuple[type[Event], ...]] = {}
    for key, form in forms.items():
        if isinstance(form, Each):
            stopped = (Stopped,) if form.stop_on_failure else ()
            for part, inner in enumerate(form.forms):
                found[key, part] = (*getattr(inner, "possible", ()), *stopped)
        else:
            found[key, 0] = form.possible
    return found
