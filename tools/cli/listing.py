"""The list of runs of a store."""

from datetime import UTC, datetime
from typing import Any

import trio
from attrs import frozen

from detent.kernel import (
    DamagedStore,
    Journal,
    Standing,
    SystemClock,
    Tree,
    Unreadable,
    frame_of,
)
from detent.tools.cli.exits import DONE, Usage
from detent.tools.cli.places import looked_at, named, whole_id
from detent.tools.cli.printing import in_columns
from detent.tools.cli.reporting import say_json
from detent.tools.cli.screen import Screen
from detent.tools.cli.standing import questions_of
from detent.tools.cli.wording import span

__all__ = ["runs"]

GOOD = ("completed", "completed_with_failures", "stopped")
BAD = ("failed", "cancelled", "timed_out", "limit_reached", "parked")


@frozen
class _Row:
    """A run in the list."""

    id: str
    machine: str
    status: str
    states: tuple[str, ...]
    at: int
    due: int | None
    questions: tuple[tuple[int, str], ...]

    @property
    def document(self) -> dict[str, Any]:
        """The same for programs."""
        asked = [{"id": id, "question": text} for id, text in self.questions]
        return {
            **{"id": self.id, "machine": self.machine, "status": self.status},
            **{"states": [*self.states], "at": self.at, "due": self.due, "questions": asked},
        }


def runs(options: Any) -> int:
    """List the runs."""
    return trio.run(_runs, options)


async def _runs(options: Any) -> int:
    if options.limit < 1:
        raise Usage(f"--limit {options.limit}: a page holds a number of runs from 1 on")
    async with looked_at(options) as journal:
        after = await whole_id(journal, options.after) if options.after else ""
        chosen: dict[str, Any] = {
            "statuses": (options.status,) if options.status else (),
            "machines": (options.machine,) if options.machine else (),
        }
        found = await journal.find(after=after, limit=options.limit + 1, **chosen)
        machines = await journal.machines([run for run, _ in found])
        rows = [
            await _row(journal, run, stands, machines[run][0])
            for run, stands in found[: options.limit]
        ]
    more = rows[-1].id if len(found) > options.limit else None
    if options.json:
        say_json({"runs": [row.document for row in rows], "after": more})
    else:
        _print(options, rows, more)
    return DONE


async def _row(journal: Journal, run: str, stands: Standing, machine: str) -> _Row:
    loaded = await journal.load(run)
    if loaded is None:
        return _Row(run, machine, stands.status, (), 0, stands.due, ())
    try:
        frame: Any = frame_of(loaded)
        outline = await journal.outline(loaded.digests[0])
        asked = tuple(questions_of(frame, outline))
        states = _innermost(frame, outline.tree if outline else {})
    except (Unreadable, DamagedStore):
        return _Row(run, machine, "damaged", (), 0, stands.due, ())
    return _Row(run, machine, stands.status, states, frame["at"], stands.due, asked)


def _innermost(frame: Any, shape: dict[str, Tree]) -> tuple[str, ...]:
    """The active states that no other active state is inside of."""
    states: Any = shape.get("states", {})
    outer = {states.get(name, {}).get("inside") for name in frame["in"]}
    return tuple(name for name in frame["in"] if name not in outer)


def _print(options: Any, rows: list[_Row], more: str | None) -> None:
    screen = Screen()
    if not rows:
        screen.line("no such run" if options.status or options.machine else "no runs")
        return
    now = SystemClock().now()
    head = ("RUN", "MACHINE", "STATUS", "IN", "LAST", "NEXT")
    table = [head, *(_cells(row, now) for row in rows)]
    painted = [("dim",) * 6, *(_styles(row) for row in rows)]
    for line in in_columns(screen, table, painted):
        screen.line(line)
    if more is not None:
        screen.line(screen.paint("dim", f"more: detent runs --after {more}{named(options)}"))


def _cells(row: _Row, now: int) -> tuple[str, ...]:
    asks = "; ".join(f"? {text}" for _, text in row.questions)
    due = "" if row.due is None else _ahead(row.due - now)
    return (row.id, row.machine, row.status, ", ".join(row.states), _ago(row.at, now), asks or due)


def _styles(row: _Row) -> tuple[str, ...]:
    status = "done" if row.status in GOOD else "bad" if row.status in BAD else "state"
    return ("bold", "", status, "", "dim", "ask" if row.questions else "")


def _ago(at: int, now: int) -> str:
    if now - at < 86_400_000_000:
        return f"{span(max(now - at, 0))} ago"
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")


def _ahead(micro: int) -> str:
    return f"in {span(micro)}" if micro > 0 else "is due"
