"""Where a replay comes to something else than what was recorded, and what kind of change that looks like.

Rule 1: the kind is that of the first difference in the order of cause and effect: which rows were taken, where they
        led, what they made of the data, what was ordered. A run that fails, or does not, because of its data has
        another `reducer`.
Rule 2: rows are compared by what they say, not by their numbers: a row put in before another is no divergence. What
        a row says may change too, as long as what comes of it is the same; an entry that comes out to the byte is
        never a divergence.
Rule 3: what is chosen otherwise is `guard`; it is `event removed` if no active state has a row for it any more.
        What is chosen otherwise because of what an earlier row of the same entry did is `target` or `reducer`;
        so is `target` a row that is taken, or not, because another that stood in its way leads elsewhere.
Left out on purpose: code. Where a guard and an update before it may both have changed behind their names, `guard`.
"""

from itertools import chain
from typing import Any, Literal, TypeAlias

from attrs import frozen

from detent.kernel.decisions import AttemptFailed, Cancelled, Halted, Signal
from detent.kernel.differences import Difference, differences
from detent.kernel.entries import Entry
from detent.kernel.frames import Frame
from detent.kernel.layout import lay_out
from detent.kernel.replayer.rows import Rows
from detent.kernel.signals import Event, Happened
from detent.kernel.snapshot import Snapshot
from detent.kernel.steps import Broken, Ignored, Rejected
from detent.kernel.table import Table

__all__ = ["Divergence", "DivergenceKind", "compared", "summary"]

DivergenceKind: TypeAlias = Literal[
    "shape", "guard", "target", "reducer", "effects", "event removed", "broken"
]
SHOWN = 12  # differences that are shown; more are counted


@frozen
class Divergence:
    """The first entry that a machine does not come to again: what was recorded, and what comes of it now."""

    run: str
    seq: int
    kind: DivergenceKind
    expected: str
    actual: str
    diff: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        where = f"entry {self.seq} of run {self.run!r}" if self.seq else f"run {self.run!r}"
        lines = [f"{where} diverges: {self.kind}", f"  recorded: {self.expected}"]
        lines += [f"  now:      {self.actual}"]
        lines += [f"    {one}" for one in self.diff[:SHOWN]]
        if len(self.diff) > SHOWN:
            lines.append(f"    ... and {len(self.diff) - SHOWN} more")
        return "\n".join(lines)


def compared(
    table: Table[Any, Any, Any],
    before: Snapshot[Any],
    signal: Signal | None,
    recorded: tuple[Entry, Frame, Rows],
    actual: tuple[Entry, Frame] | Broken[Any] | Ignored[Any] | Rejected[Any] | None,
    run: str,
) -> Divergence | None:
    """How what was recorded differs from what came of it now; nothing if only the writing differs.

    What came of it is an entry with its frame, an answer that is no entry, or that nothing was offered again.
    """
    entry, frame, rows = recorded
    expected = summary(entry, frame)
    if isinstance(actual, Broken):
        return Divergence(run, entry.seq, "broken", expected, str(actual.bug))
    if isinstance(actual, tuple):
        now, now_frame = actual
        diff = differences(_told(entry, frame), _told(now, now_frame))
        kind = _kind(entry, now, diff, rows)
        is_refused = now.answer == "rejected"
        shown = summary(now, now_frame)
    else:
        diff, kind = (), "guard"
        is_refused = isinstance(actual, Rejected)
        shown = "nothing that was deferred is offered" if actual is None else str(actual)
    if kind == "guard" and _is_gone(entry, is_refused) and not _has_rows(table, before, signal):
        kind = "event removed"
    return None if kind is None else Divergence(run, entry.seq, kind, expected, shown, diff)


def summary(entry: Entry, frame: Frame) -> str:
    """What an entry came to, on one line."""
    took = ", ".join(row for rows in entry.took for row in rows)
    states: Any = frame["in"]
    end: Any = frame["end"]
    over = "" if end is None else f" ({end['status']})"
    begun = type(entry.event) is dict and "$began" in entry.event
    words = {
        "moved": took or ("begin" if begun else "no row"),
        "ignored": "ignored",
        "deferred": "deferred",
    }
    return f"{words.get(entry.answer, 'rejected')} -> {', '.join(states)}{over}"


def _is_gone(entry: Entry, is_refused: bool) -> bool:
    """Whether something was handled, or is refused that was not, so that its row may be gone."""
    return bool(entry.took) or (is_refused and entry.answer != "rejected")


def _kind(
    entry: Entry, now: Entry, diff: tuple[Difference, ...], rows: Rows
) -> DivergenceKind | None:
    if (entry.answer, entry.cause) != (now.answer, now.cause):
        return "guard"
    if not diff:
        return None
    for place in range(max(len(entry.took), len(now.took))):
        were, are = entry.took[place : place + 1], now.took[place : place + 1]
        same = tuple(map(rows.now, were))
        if same != are:
            return rows.why(chain(*entry.took[:place]), chain(*were), chain(*are))
    parts = {one.path.partition(".")[0].partition("[")[0] for one in diff}
    status = {one.path for one in diff} & {"end", "end.status"}
    if "in" in parts or (status and "data" not in parts):
        return "target"
    if parts & {"data", "end"}:
        return "reducer"
    return "effects" if parts - {"took"} else None


def _told(entry: Entry, frame: Frame) -> dict[str, Any]:
    """What an entry says and the frame it leads to, in the order of cause and effect."""
    said: dict[str, Any] = {"answer": entry.answer, "took": [list(r) for r in entry.took]}
    order = ("in", "data", "end")
    for part in (*order, *(key for key in frame if key not in order)):
        said[part] = frame[part]
    return {**said, "ordered": list(entry.effects), "stopped": list(entry.stopped)}


def _has_rows(table: Table[Any, Any, Any], before: Snapshot[Any], signal: Signal | None) -> bool:
    """Whether some active state has a row for what happened, whatever its guard says."""
    if not isinstance(signal, Event | Happened | AttemptFailed | Halted):
        return True
    layout = lay_out(table, before.configuration)
    if layout is None:  # pragma: no cover - something was stepped from there
        return False
    if isinstance(signal, Event | Halted):
        kind = Cancelled if isinstance(signal, Halted) else type(signal)
        return any(layout.cell(kind).ladders)
    routes = (
        layout.route((flight.form, type(signal.event)), flight.owner)
        for flight in before.effects
        if flight.has(signal.effect)
    )
    return any(routes)
