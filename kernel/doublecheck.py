"""Checked mode: every step is taken more than once, and must come to the same.

A guard, update or factory that reads a clock, chance or a global, or that changes what it was given, makes two equal
steps differ. Regions whose updates do not commute make a step differ from the same step with the updates in the
opposite order.

Rule 1: same means equal canonical bytes.
Rule 2: what is found is an answer, like every other bug: Broken, and the snapshot is as it was.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, TypeVar

from detent.kernel.decisions import Signal
from detent.kernel.errors import Unstorable
from detent.kernel.signals import Problem
from detent.kernel.snapshot import Snapshot
from detent.kernel.stepper import follow_up, recall, step
from detent.kernel.steps import Broken, Bug, Moved, Stepped
from detent.kernel.table import Table
from detent.kernel.values import canonical

__all__ = ["checked_advance", "checked_recall", "checked_step"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")

Take: TypeAlias = Callable[[bool], Stepped[D] | None]


def checked_step(
    table: Table[I, D, R], snapshot: Snapshot[D], signal: Signal, at: int | None = None
) -> Stepped[D]:
    """`step`, taken twice forwards and once with updates in the opposite order."""
    checked = _checked(lambda flip: step(table, snapshot, signal, at, backwards=flip), snapshot)
    return step(table, snapshot, signal, at) if checked is None else checked


def checked_recall(
    table: Table[I, D, R], snapshot: Snapshot[D], at: int | None = None
) -> Stepped[D] | None:
    """`recall`, taken twice forwards and once with updates in the opposite order."""
    return _checked(lambda flip: recall(table, snapshot, at, backwards=flip), snapshot)


def checked_advance(
    table: Table[I, D, R], snapshot: Snapshot[D], signal: Signal, at: int | None = None
) -> Iterator[Stepped[D]]:
    """`advance`, each of its steps checked."""
    first = checked_step(table, snapshot, signal, at)
    return follow_up(snapshot, first, lambda after: checked_recall(table, after, at))


def _checked(take: Take[D], snapshot: Snapshot[D]) -> Stepped[D] | None:
    try:
        before = canonical(snapshot)
    except Unstorable as error:
        return _refused(take(False), snapshot, error)
    first = take(False)
    if first is None:
        return None
    try:
        told = _told(first)
        if _told(take(False)) != told:
            return _broken(first, snapshot, "Impure", "two steps from one snapshot differ")
        if _told(take(True)) != told:
            return _broken(first, snapshot, "Conflict", "it matters which region updates first")
        if canonical(snapshot) != before:
            return _broken(first, snapshot, "Mutation", "the snapshot was changed in place")
    except Unstorable as error:
        return _refused(first, snapshot, error)
    return first


def _refused(
    stepped: Stepped[D] | None, snapshot: Snapshot[D], error: Unstorable
) -> Broken[D] | None:
    return None if stepped is None else _broken(stepped, snapshot, "Unstorable", str(error))


def _told(stepped: Stepped[Any] | None) -> bytes:
    """Everything a step says, in bytes; of an exception only what it says."""
    if isinstance(stepped, Broken):
        return canonical((stepped.bug.place, stepped.bug.role, stepped.bug.problem.kind))
    return canonical((type(stepped).__name__, stepped))


def _broken(stepped: Stepped[D], snapshot: Snapshot[D], kind: str, what: str) -> Broken[D]:
    """What was found, in the place of the step it was found in."""
    took = stepped.took if isinstance(stepped, Moved) else ()
    place = ", ".join(row for rows in took for row in rows) or ", ".join(snapshot.configuration)
    signal: Any = stepped.signal
    return Broken(snapshot, signal, Bug(place, "rows", "", Problem(kind, what)))
