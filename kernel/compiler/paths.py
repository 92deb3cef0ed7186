"""Where a machine can get to: states nobody can reach, and circles nobody can leave.

Guards are not looked at: a row with a guard may be taken, a row without one will be.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from detent.kernel.compiler.notes import Notes
from detent.kernel.expressions import Constant
from detent.kernel.table import Node, Row, Table

__all__ = ["check_paths"]


def check_paths(table: Table[Any, Any, Any], notes: Notes) -> None:
    """Note states that cannot be reached, and rows that would follow one another for ever."""
    reached = _reached(table)
    for node in table.nodes:
        if node.index not in reached and (node.parent in reached or node.kind == "history"):
            right = "Give some row that can be reached to=" + repr(node.name) + ", or remove it."
            notes.add("unreachable-state", f"state {node.name!r}", "nothing leads here.", right)
    for circle in _circles(table):
        names = " -> ".join(table.nodes[row.source].name or "the machine" for row in circle)
        place = f"state {table.nodes[circle[0].source].name!r}"
        what = f"rows that wait for nothing follow one another for ever: {names} -> ..."
        notes.add("endless-circle", place, what, "Give one of them a guard.")


def _reached(table: Table[Any, Any, Any]) -> set[int]:
    """The states that can become active, with the histories that can be gone to."""
    reached: set[int] = set()
    waiting = [0]
    while waiting:
        index = waiting.pop()
        if index in reached:
            continue
        reached.add(index)
        node = table.nodes[index]
        waiting += _led_to(table, node)
    return reached


def _led_to(table: Table[Any, Any, Any], node: Node) -> Iterator[int]:
    """The states that are entered because a state is, or that its rows lead to."""
    if node.index:
        yield node.parent
    if node.kind == "parallel":
        yield from node.children
    elif node.kind in ("compound", "history"):
        yield node.initial
    for row in node.rows:
        if row.target is not None:
            yield row.target


def _circles(table: Table[Any, Any, Any]) -> Iterator[Sequence[Row]]:
    """Rows without event and guard of which each makes the next one due."""
    finished: set[Row] = set()
    for first in (row for row in table.rows if _is_certain(row)):
        path: list[Row] = []
        row: Row | None = first
        while row is not None and row not in finished and row not in path:
            path.append(row)
            row = _next(table, row)
        if row is not None and row not in finished:
            yield path[path.index(row) :]
        finished.update(path)


def _is_certain(row: Row) -> bool:
    """Whether a row is taken as soon as its state is active."""
    condition = row.condition
    always_true = isinstance(condition, Constant) and condition.value is True
    return row.kind == "always" and (row.guard is None or always_true)


def _next(table: Table[Any, Any, Any], row: Row) -> Row | None:
    """The row that is certainly taken after another, in the state it leads to or around that."""
    index = row.source if row.target is None else row.target
    while table.nodes[index].kind == "compound":
        index = table.nodes[index].initial
    for outer in (index, *table.ancestors(index)):
        certain = [other for other in table.nodes[outer].always if _is_certain(other)]
        if certain:
            return certain[0]
    return None
