"""One configuration laid out for the stepper: which rows are asked for an event, and what taking them changes.

Rule 1: nothing here looks at data. Guards choose rows, rows choose a plan; the plan is the same for all data.
Rule 2: everything follows from the table; it is worked out when it is first needed, and may be thrown away.
Left out on purpose: whether a row is taken, and what its update makes of the data (the stepper's).
"""

from bisect import bisect_left, bisect_right
from typing import Any, TypeAlias

from attrs import field, frozen

from detent.kernel.definition import Each, FinalStatus, fill
from detent.kernel.moves import Memory, Move, beginning, move, without_conflicts
from detent.kernel.signals import Event
from detent.kernel.table import Node, Otherwise, Row, Table, Trigger

__all__ = ["Cell", "Ladder", "Layout", "Plan", "first_plan", "lay_out"]

AnyTable: TypeAlias = Table[Any, Any, Any]

Ladder: TypeAlias = tuple[Row, ...]
"""Rows in the order in which they are asked: those of an innermost state first, then outwards."""

MANY_PLANS = (
    1_000  # of one layout: each is for some rows taken together, and regions have many combinations
)
REMEMBERED = 200_000  # active states over all layouts of a table: some tens of megabytes


@frozen(eq=False)
class Cell:
    """What a configuration does with an event: the ladders to ask, and what if no guard is true."""

    ladders: tuple[Ladder, ...]
    otherwise: Otherwise


NOTHING = Cell((), "rejected")


@frozen(eq=False)
class Plan:
    """What taking some rows changes beside the data.

    `leaving` and `working` are the states left and entered that have effects or timers; `ended` are the states whose
    inside has come to its end; `end` is how the run ends, if it does; `recorded` is what histories will remember.
    """

    took: tuple[str, ...]
    updates: Ladder
    layout: "Layout"
    leaving: frozenset[str]
    working: tuple[Node, ...]
    ended: tuple[int, ...]
    recorded: tuple[tuple[str, tuple[str, ...]], ...]
    end: FinalStatus | None
    is_plain: bool
    """Only data and configuration change, and nothing follows by itself."""
    is_swift: bool
    """If nothing is in flight, nothing follows by itself but one order at most (`key` is its form's)."""
    key: str = ""
    alone: tuple[tuple[str, ...], ...] = field(init=False)
    """What was taken, if nothing else is."""

    def __attrs_post_init__(self) -> None:
        fill(self, alone=(self.took,))


@frozen(eq=False)
class Layout:
    """One configuration: its active states (without the machine itself), and what it does with events."""

    table: AnyTable
    configuration: tuple[str, ...]
    active: tuple[int, ...]
    leaves: tuple[int, ...]
    cells: dict[type[Event], Cell] = field(init=False, factory=dict[type[Event], Cell])
    routes: dict[tuple[Trigger, str], Ladder] = field(
        init=False, factory=dict[tuple[Trigger, str], Ladder]
    )
    plans: dict[Ladder, Plan] = field(init=False, factory=dict[Ladder, Plan])
    always: tuple[Ladder, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        eager = [index for index in (0, *self.active) if self.table.nodes[index].always]
        fill(self, always=self._ladders(eager, None))

    def cell(self, event: type[Event]) -> Cell:
        """What is done with an event that was sent. Asked once: what is known is in `cells`."""
        if event not in self.table.events:
            return NOTHING
        handling = self.table.handling.get(event, ())
        if len(handling) <= len(self.active):
            concerned = [index for index in handling if self.is_active(index)]
        else:
            nodes = self.table.nodes
            concerned = [index for index in (0, *self.active) if event in nodes[index].on]
        known = self.cells[event] = Cell(self._ladders(concerned, event), self._otherwise(event))
        return known

    def route(self, trigger: Trigger, owner: str) -> Ladder:
        """The rows that are asked for an outcome: those of the state that ordered the effect, then outwards."""
        known = self.routes.get((trigger, owner))
        if known is None:
            climbed = self._climb(self.table.index[owner], trigger)
            known = self.routes[trigger, owner] = climbed
        return known

    def plan(self, rows: Ladder, memory: Memory) -> Plan:
        """What taking rows changes. They are in the order in which they were chosen."""
        known = self.plans.get(rows)
        if known is None:
            taken = without_conflicts(self.table, rows, memory) if len(rows) > 1 else rows
            known = _plan(self, taken, move(self.table, self.active, taken, memory))
            if not any(self._is_history(row.target) for row in rows):
                if len(self.plans) >= MANY_PLANS:
                    self.plans.clear()
                self.plans[rows] = known
        return known

    def accepts(self) -> tuple[str, ...]:
        """The names of the events that are handled, ignored or deferred here."""
        events = self.table.events
        cells = ((event.__name__, self.cells.get(event) or self.cell(event)) for event in events)
        return tuple(sorted(n for n, cell in cells if cell.ladders or cell.otherwise != "rejected"))

    def _is_history(self, index: int | None) -> bool:
        return index is not None and self.table.nodes[index].kind == "history"

    def is_active(self, index: int) -> bool:
        """Whether a state is active; the machine itself always is."""
        place = bisect_left(self.active, index)
        return not index or (place < len(self.active) and self.active[place] == index)

    def _ladders(self, concerned: list[int], trigger: Trigger | None) -> tuple[Ladder, ...]:
        """The ladders of the innermost states that are, or are inside, those concerned; each ladder once."""
        leaves: dict[int, None] = {}
        for index in concerned:
            last = self.table.nodes[index].last
            within = slice(bisect_left(self.leaves, index), bisect_right(self.leaves, last))
            leaves.update(dict.fromkeys(self.leaves[within]))
        climbed = (self._climb(leaf, trigger) for leaf in sorted(leaves))
        return tuple(dict.fromkeys(climbed))

    def _climb(self, index: int, trigger: Trigger | None) -> Ladder:
        """The rows for a trigger (None: for nothing but their guard) of a state and those around it."""
        nodes = [self.table.nodes[i] for i in (index, *self.table.ancestors(index))]
        if trigger is None:
            return tuple(row for node in nodes for row in node.always)
        return tuple(row for node in nodes for row in node.on.get(trigger, ()))

    def _otherwise(self, event: type[Event]) -> Otherwise:
        """What becomes of an event nobody handles: defer beats ignore beats reject, over all active states."""
        nodes = self.table.nodes
        excusing = (i for i in self.table.excusing.get(event, ()) if self.is_active(i))
        said = {nodes[index].otherwise[event] for index in excusing}
        if "deferred" in said:
            return "deferred"
        return "ignored" if "ignored" in said else "rejected"


def lay_out(table: AnyTable, configuration: tuple[str, ...]) -> Layout | None:
    """The layout of a configuration; None if the table has no such configuration."""
    known: Layout | None = table.layouts.get(configuration)
    if known is None:
        active = tuple(table.index.get(name, 0) for name in configuration)
        if not _is_legal(table, active):
            return None
        known = _remembered(table, active)
    return known


def first_plan(table: AnyTable) -> Plan:
    """What beginning a run changes. Worked out once."""
    if not table.first:
        table.first.append(_plan(Layout(table, (), (), ()), (), beginning(table)))
    plan: Plan = table.first[0]
    return plan


def _is_legal(table: AnyTable, active: tuple[int, ...]) -> bool:
    """Whether states are those of one configuration: in order, and complete from the machine inwards."""
    present = set(active)
    if 0 in present or list(active) != sorted(present):
        return False
    expected = 0
    for node in (table.nodes[index] for index in (0, *active)):
        wanted = {"compound": 1, "parallel": len(node.children)}.get(node.kind, 0)
        if sum(child in present for child in node.children) != wanted or node.kind == "history":
            return False
        expected += wanted
    return expected == len(active)


def _remembered(table: AnyTable, active: tuple[int, ...]) -> Layout:
    """The layout of active states. If there are too many layouts, all are forgotten first."""
    configuration = tuple(table.nodes[index].name for index in active)
    known: Layout | None = table.layouts.get(configuration)
    if known is None:
        if len(table.layouts) * (len(active) + 1) > REMEMBERED:
            table.layouts.clear()
        leaves = tuple(i for i in active if table.nodes[i].kind in ("atomic", "final"))
        known = table.layouts[configuration] = Layout(table, configuration, active, leaves)
    return known


def _plan(layout: Layout, rows: Ladder, moved: Move) -> Plan:
    table = layout.table
    nodes = table.nodes
    after = layout if moved.active == layout.active else _remembered(table, moved.active)
    leaving = frozenset(nodes[i].name for i in moved.left if nodes[i].forms or nodes[i].after)
    entered = [nodes[i] for i in moved.entered]
    working = tuple(node for node in entered if node.forms or node.after)
    compensated = any(nodes[i].compensates for i in moved.left)
    stirring = (
        compensated
        or leaving
        or working
        or moved.recorded
        or moved.ended
        or moved.end
        or after.always
    )
    doing = working[0].forms if working else ()
    is_swift = (
        not (moved.recorded or moved.ended or moved.end or after.always)
        and len(working) <= 1
        and len(doing) == len(working)
        and not any(isinstance(form, Each) for form in doing)
        and not (working and working[0].after)
    )
    return Plan(
        tuple(row.id for row in rows),
        tuple(row for row in rows if row.update is not None),
        after,
        leaving,
        working,
        moved.ended,
        moved.recorded,
        moved.end,
        not stirring,
        is_swift,
        doing[0].key if len(doing) == 1 else "",
    )
