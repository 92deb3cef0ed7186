"""Which runs of a file stand so: found by the index that holds the fewest of them.

Rule 1: nothing is looked for in all runs if an index knows better. An index that is named here must be used, or the
        statement is refused.
Rule 2: runs that stand in several ways are read side by side, each in the order of their ids, and only as far as the
        page goes.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Literal, TypeAlias, get_args

from attrs import frozen

from detent.kernel import DamagedStore, RunStatus, Standing

__all__ = ["LIVING", "Wanted", "find", "machines", "next_due", "shapes"]

LIVING: frozenset[str] = frozenset({"waiting", "changed", "inert", "running", "parked", "ending"})
"""How runs stand that are not over."""

STATUSES: tuple[str, ...] = tuple(word for part in get_args(RunStatus) for word in get_args(part))

Row: TypeAlias = tuple[str, Any, int | None, int, int]

Way: TypeAlias = Literal["mail", "held", "in_flight", "due", "standing", "all"]
"""Where runs are looked for."""

WAYS: dict[Way, str] = {
    "mail": "(SELECT DISTINCT run AS box FROM inbox) CROSS JOIN runs ON runs.id = box",
    "held": "runs INDEXED BY runs_held",
    "in_flight": "runs INDEXED BY runs_in_flight",
    "due": "runs INDEXED BY runs_due",
    "standing": "runs INDEXED BY runs_standing",
    "all": "runs",
}
MAIL = "EXISTS (SELECT 1 FROM inbox WHERE inbox.run = runs.id)"
SHAPES = """
    SELECT DISTINCT name, shape FROM machines
    WHERE EXISTS (
        SELECT 1 FROM runs INDEXED BY runs_living WHERE machine = machines.id AND is_over = 0
    ) ORDER BY name, shape
"""

MACHINES = "SELECT run, name, shape FROM runs JOIN machines ON machines.id = runs.machine"
AT_ONCE = 500  # runs that are asked about in one statement


@frozen
class Wanted:
    """What is asked of `find`, see Journal."""

    due_by: int | None = None
    in_flight: bool | None = None
    held: bool | None = None
    mail: bool | None = None
    statuses: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    after: str = ""
    limit: int = 1000


def find(base: sqlite3.Connection, wanted: Wanted) -> tuple[tuple[str, Standing], ...]:
    """The runs that stand so, in the order of their ids."""
    machines: tuple[int, ...] = ()
    if wanted.machines or wanted.shapes or wanted.statuses:
        machines = _machines(base, wanted)
        if not machines:
            return ()
    asked = _statements(wanted, machines)
    pages = [base.execute(statement, values) for statement, values in asked]
    return tuple(_found(pages, wanted.limit))


def next_due(base: sqlite3.Connection, after: int) -> int | None:
    """When something is due next, after a time."""
    asked = "SELECT min(due) FROM runs INDEXED BY runs_due WHERE due > ?"
    due: int | None = base.execute(asked, (after,)).fetchone()[0]
    return due


def shapes(base: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    """The names and shapes of the machines of which there are runs that are not over."""
    return tuple(base.execute(SHAPES).fetchall())


def machines(base: sqlite3.Connection, runs: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The names and shapes of the machines of runs."""
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(runs), AT_ONCE):
        conditions, values = _among("run", runs[start : start + AT_ONCE])
        asked = f"{MACHINES} WHERE {conditions[0]}"
        found |= {run: (name, shape) for run, name, shape in base.execute(asked, values)}
    return found


def stands_well(status: Any, due: Any) -> bool:
    """Whether a run can stand so: if not, its row is damaged."""
    return status in STATUSES and (due is None or type(due) is int)


def _machines(base: sqlite3.Connection, wanted: Wanted) -> tuple[int, ...]:
    """The machines that are wanted, by their numbers."""
    conditions, values = _among("name", wanted.machines)
    more, others = _among("shape", wanted.shapes)
    asked = f"SELECT id FROM machines WHERE {' AND '.join(['TRUE', *conditions, *more])}"
    return tuple(row[0] for row in base.execute(asked, (*values, *others)))


def _statements(wanted: Wanted, machines: Sequence[int]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What to ask so that each answer is in the order of ids."""
    way = _way(wanted, machines)
    conditions, values = _conditions(wanted)
    if way != "standing":
        for name, some in (("machine", machines), ("status", wanted.statuses)):
            more, others = _among(name, some)
            conditions += more
            values += others
        yield _statement(way, conditions), (*values, wanted.limit)
        return
    statement = _statement(way, ["machine = ?", "status = ?", *conditions])
    for machine in machines:
        for status in dict.fromkeys(wanted.statuses or STATUSES):
            yield statement, (machine, status, *values, wanted.limit)


def _way(wanted: Wanted, machines: Sequence[int]) -> Way:
    """The index that holds the fewest runs of those that hold all that are wanted."""
    if wanted.mail:
        return "mail"
    if wanted.held:
        return "held"
    if wanted.in_flight:
        return "in_flight"
    if wanted.due_by is not None:
        return "due"
    return "standing" if machines else "all"


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    """What must be true of a run besides its machine and its status."""
    conditions, values = ["runs.run > ?"], list[Any]([wanted.after])
    if wanted.due_by is not None:
        conditions.append("due <= ?")
        values.append(wanted.due_by)
    for name, flag in (("in_flight", wanted.in_flight), ("held", wanted.held)):
        if flag is not None:
            conditions.append(f"{name} = {int(flag)}")
    if wanted.mail is not None:
        conditions.append(MAIL if wanted.mail else f"NOT {MAIL}")
    return conditions, values


def _among(name: str, some: Sequence[Any]) -> tuple[list[str], tuple[Any, ...]]:
    """The condition that something is one of some, if there are any."""
    marks = ", ".join("?" * len(some))
    return ([f"{name} IN ({marks})"] if some else []), tuple(some)


def _statement(way: Way, conditions: Sequence[str]) -> str:
    return (
        f"SELECT runs.run, status, due, in_flight, held FROM {WAYS[way]} "
        f"WHERE {' AND '.join(conditions)} ORDER BY runs.run LIMIT ?"
    )


def _found(pages: Sequence[Iterator[Row]], limit: int) -> Iterator[tuple[str, Standing]]:
    rows = pages[0] if len(pages) == 1 else merge(*pages, key=lambda row: row[0])
    for run, status, due, in_flight, held in islice(rows, limit):
        if type(run) is not str or not stands_well(status, due):
            raise DamagedStore(f"how run {run!r} stands is not as it was written")
        yield run, Standing(status, due, bool(in_flight), bool(held))
