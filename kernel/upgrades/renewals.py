"""Runs of a machine that has the shape it had and other rules: they go on, and an entry says since when.

Rule 1: timers are those of the rows they were begun for, though these have other numbers now.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import evolve, frozen

from detent.kernel.backlog import Taken
from detent.kernel.entries import Header
from detent.kernel.facts import but
from detent.kernel.recorder import Head, Recorded, Recorder
from detent.kernel.snapshot import Snapshot
from detent.kernel.table import Outline, Table
from detent.kernel.wire import Tree

__all__ = ["Renewal", "Renewed", "renewal", "timed_rows"]


Rows: TypeAlias = Mapping[str, Any]
"""What the rows of a state say, by id, as an outline tells it."""


@frozen(weakref_slot=False)
class Renewed(Taken):
    """The entry to be of a machine that has changed: the snapshot after it, and its delta."""

    after: Any = None
    delta: Any = None

    def recorded(self, recorder: Recorder, header: Header, head: Head) -> Recorded:
        """See Taken."""
        note: Any = self.note
        return recorder.renewed(head, self.after, note, self.delta)


@frozen
class Renewal:
    """What changed of the rules, and what the rows are called now that timers wait for."""

    rules: tuple[str, str]
    rows: Mapping[str, str]

    def taken(self, now: Snapshot[Any], at: int) -> Renewed:
        """The first entry of a run under the new rules."""
        rows = {
            timer.id: self.rows[timer.row]
            for timer in now.pending.timers
            if self.rows.get(timer.row, timer.row) != timer.row
        }
        timers = tuple(
            evolve(timer, row=rows.get(timer.id, timer.row)) for timer in now.pending.timers
        )
        edits: dict[str, Tree] = {str(id): {"1": [row]} for id, row in rows.items()}
        note: Tree = {"$upgraded": {"rules": [*self.rules]}}
        pending = but(now.pending, timers=timers) if rows else now.pending
        after = but(now, seq=now.seq + 1, at=at, pending=pending)
        delta = {"timers": edits} if edits else {}
        return Renewed(now, None, note=note, at=at, after=after, delta=delta)


def renewal(old: str, outline: Outline | None, table: Table[Any, Any, Any]) -> Renewal:
    """How runs go on whose machine had rules of an old digest, which the outline tells if it is known."""
    rows: dict[str, str] = {}
    if outline is not None:
        rules: Any = outline.tree["states"]
        for node in table.nodes:
            if node.after:
                new: Any = table.rules_outline.tree
                rows |= timed_rows(rules[node.name]["rows"], new["states"][node.name]["rows"])
    return Renewal((old, table.rules), rows)


def timed_rows(old: Rows, new: Rows) -> dict[str, str]:
    """Which of the rows of a state that wait for their time are which of those that do now.

    First those that say the same, then those that lead to the same state, then in their order.
    """
    waiting = {id: row for id, row in old.items() if row["kind"] == "after"}
    left = {id: row for id, row in new.items() if row["kind"] == "after"}
    pairs: dict[str, str] = {}
    for parts in (("to", "seconds", "when", "update"), ("to",), ()):
        for id, row in waiting.items():
            said = [row[part] for part in parts]
            found = [one for one, now in left.items() if [now[part] for part in parts] == said]
            if id not in pairs and found:
                pairs[id] = found[0]
                del left[found[0]]
    return pairs
