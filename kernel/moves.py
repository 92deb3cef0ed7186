"""Where transitions lead: which states are left and entered, by the algorithm of SCXML.

Rule 1: everything is decided by the numbers of states. No data is looked at, nothing is remembered.
Rule 2: of two rows that would leave the same state the inner one wins, and among equals the one asked first.
Rule 3: states are left inner before outer, and entered outer before inner, in document order.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from detent.kernel.definition import FinalStatus
from detent.kernel.table import Row, Table

__all__ = ["Memory", "Move", "beginning", "move", "without_conflicts"]

AnyTable: TypeAlias = Table[Any, Any, Any]

Memory: TypeAlias = Mapping[str, tuple[str, ...]]
"""What each history remembers: the states that were active."""


@frozen
class Move:
    """One microstep: the states left and entered in order, those active after it, and what came to its end by it.

    `recorded` is what the histories of the states that were left remember from now on.
    """

    left: tuple[int, ...]
    entered: tuple[int, ...]
    active: tuple[int, ...]
    ended: tuple[int, ...]
    end: FinalStatus | None
    recorded: tuple[tuple[str, tuple[str, ...]], ...]


def beginning(table: AnyTable) -> Move:
    """What is entered when a run begins."""
    entering = _Entering(table)
    entering.descend(0)
    return _arrived(table, (), (), entering.states - {0}, ())


def move(table: AnyTable, active: tuple[int, ...], rows: Iterable[Row], memory: Memory) -> Move:
    """What taking rows that do not conflict leaves and enters.

    Which states are left follows from what the histories remember now; which are entered, from what they remember
    once those are left.
    """
    moving = [row for row in rows if row.target is not None]
    domains = [_domain(table, row, _targets(table, row, memory)) for row in moving]
    left = {index for domain in domains for index in _inside(table, active, domain)}
    recorded = _recorded(table, active, sorted(left, reverse=True))
    remembered = {**memory, **dict(recorded)} if recorded else memory
    goals = [
        (_targets(table, row, remembered), domain)
        for row, domain in zip(moving, domains, strict=True)
    ]
    entering = _Entering(table)
    for targets, _ in goals:
        for target in targets:
            entering.descend(target)
    for targets, domain in goals:
        for target in targets:
            entering.climb(target, domain)
    staying = tuple(index for index in active if index not in left)
    return _arrived(table, tuple(sorted(left, reverse=True)), staying, entering.states, recorded)


def without_conflicts(table: AnyTable, rows: tuple[Row, ...], memory: Memory) -> tuple[Row, ...]:
    """The rows that are taken of those that were chosen: none leaves what another leaves."""
    taken: list[tuple[Row, int | None]] = []
    for row in rows:
        targets = _targets(table, row, memory)
        domain = _domain(table, row, targets) if targets else None
        rivals = [rival for rival in taken if _overlap(table, domain, rival[1])]
        if all(table.is_inside(row.source, rival.source) for rival, _ in rivals):
            taken = [kept for kept in taken if kept not in rivals]
            taken.append((row, domain))
    return tuple(row for row, _ in taken)


def _targets(table: AnyTable, row: Row, memory: Memory) -> tuple[int, ...]:
    """The states a row leads to; a history leads to what it remembers."""
    if row.target is None:
        return ()
    node = table.nodes[row.target]
    if node.kind != "history":
        return (row.target,)
    remembered = memory.get(node.name)
    if remembered is not None:
        return tuple(table.index[name] for name in remembered)
    first = table.nodes[node.initial]
    return first.children if node.initial == node.parent else (first.index,)


def _domain(table: AnyTable, row: Row, targets: tuple[int, ...]) -> int:
    """The state whose inside is left: the source if the targets are inside it, else the nearest that holds both."""
    around = table.ancestors(row.source)
    candidates = [index for index in around if not index or table.nodes[index].kind == "compound"]
    if not row.reenter or row.source == 0:
        candidates.insert(0, row.source)
    return next(
        index for index in candidates if all(table.is_inside(target, index) for target in targets)
    )


def _overlap(table: AnyTable, domain: int | None, other: int | None) -> bool:
    """Whether two rows leave a state in common."""
    if domain is None or other is None:
        return False
    return domain == other or table.is_inside(domain, other) or table.is_inside(other, domain)


def _recorded(
    table: AnyTable, active: tuple[int, ...], left: Iterable[int]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the histories of the states that are left will remember: what is innermost, or what is directly inside."""
    nodes = table.nodes
    found: list[tuple[str, tuple[str, ...]]] = []
    for outer in left:
        for history in nodes[outer].histories:
            inside = [nodes[index] for index in _inside(table, active, outer)]
            if nodes[history].deep:
                kept = [node for node in inside if node.kind in ("atomic", "final")]
            else:
                kept = [node for node in inside if node.parent == outer]
            found.append((nodes[history].name, tuple(node.name for node in kept)))
    return tuple(found)


def _inside(table: AnyTable, active: tuple[int, ...], domain: int) -> tuple[int, ...]:
    last = table.nodes[domain].last
    return active[bisect_right(active, domain) : bisect_right(active, last)]


class _Entering:
    """The states being entered, and all states around them."""

    def __init__(self, table: AnyTable) -> None:
        self.table = table
        self.states: set[int] = set()
        self.around: set[int] = set()

    def descend(self, index: int) -> None:
        """Enter a state and what is entered with it."""
        self._enter(index)
        node = self.table.nodes[index]
        if node.kind == "compound":
            self.descend(node.initial)
        elif node.kind == "parallel":
            self._complete(index)

    def climb(self, index: int, domain: int) -> None:
        """Enter what is around a state, as far as the domain, with the regions beside it."""
        around = self.table.ancestors(index)
        for outer in around[: around.index(domain) + 1]:
            if outer != domain:
                self._enter(outer)
            if self.table.nodes[outer].kind == "parallel":
                self._complete(outer)

    def _enter(self, index: int) -> None:
        self.states.add(index)
        self.around.update(self.table.ancestors(index))

    def _complete(self, parallel: int) -> None:
        for region in self.table.nodes[parallel].children:
            if region not in self.states and region not in self.around:
                self.descend(region)


def _arrived(
    table: AnyTable,
    left: tuple[int, ...],
    staying: tuple[int, ...],
    entering: Collection[int],
    recorded: tuple[tuple[str, tuple[str, ...]], ...],
) -> Move:
    entered = tuple(sorted(entering))
    active = tuple(sorted((*staying, *entered)))
    ended = _ended(table, set(staying), entered)
    return Move(
        left,
        entered,
        active,
        tuple(index for index in ended if index),
        _status(table, active) if 0 in ended else None,
        recorded,
    )


def _ended(table: AnyTable, present: set[int], entered: tuple[int, ...]) -> list[int]:
    """The states whose inside comes to its end, as final states are entered one by one."""
    nodes = table.nodes
    ended: list[int] = []
    for index in entered:
        present.add(index)
        if nodes[index].kind == "final":
            outer = nodes[index].parent
            ended.append(outer)
            while outer:
                outer = nodes[outer].parent
                if nodes[outer].kind != "parallel" or not _is_at_end(table, outer, present):
                    break
                ended.append(outer)
    return ended


def _is_at_end(table: AnyTable, index: int, present: set[int]) -> bool:
    node = table.nodes[index]
    if node.kind == "parallel":
        return all(_is_at_end(table, region, present) for region in node.children)
    return any(table.nodes[child].kind == "final" and child in present for child in node.children)


def _status(table: AnyTable, active: tuple[int, ...]) -> FinalStatus:
    """How the run ends: as its final state says; of several regions, as the first that did not simply complete."""
    nodes = table.nodes
    finals = (i for i in active if nodes[i].kind == "final" and _is_outermost(table, i))
    said: list[FinalStatus] = [nodes[i].status for i in finals]
    for status in said:
        if status != "completed":
            return status
    return "completed"


def _is_outermost(table: AnyTable, final: int) -> bool:
    """Whether a final state ends the machine itself, or one of the regions that end it together."""
    region, *around = table.ancestors(final)
    return all(table.nodes[outer].kind == "parallel" for outer in around) or not region
