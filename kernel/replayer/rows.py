"""Which rows of a machine are those that a log tells of, though they may have other numbers and say other things now.

Rule 1: a row that says exactly the same is the same row, wherever it stands among those of its state. Of those that
        are left, one in the same place for the same event is; then one that leads where it led; then any other for
        the same event.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Literal, TypeAlias

from attrs import frozen

from detent.kernel.table import Table

__all__ = ["Rows", "Rules", "rules_of"]

Rules: TypeAlias = dict[str, Any]
"""What each state says, by its name: its rows by their ids, and where it leads inside."""

Said: TypeAlias = dict[str, Any]
"""What a row says."""


def rules_of(outline: dict[str, Any]) -> Rules:
    """What the states of an outline say, by name."""
    states: Rules = outline.get("states", {})
    return states


@frozen
class Rows:
    """The rows as they were and as they are, by id, and which of them are the same."""

    old: Rules
    new: Rules
    pairs: dict[str, str]
    homes: dict[str, str]
    """The state each row is of."""
    code: frozenset[str]
    """The rows whose guard only Python can read."""

    @classmethod
    def of(cls, old: Rules, table: Table[Any, Any, Any]) -> "Rows":
        """The rows of a log and those of a table. Of a log that does not tell, rows with one id are one row."""
        new = rules_of(table.rules_outline.tree)
        pairs: dict[str, str] = {}
        homes: dict[str, str] = {}
        for name in (*old, *new):
            was, now = _rows(old, name), _rows(new, name)
            pairs |= _paired(was, now)
            homes |= dict.fromkeys((*was, *now), name)
        code = frozenset(row.id for row in table.rows if row.guard and not row.condition)
        return cls(old, new, pairs, homes, code)

    def now(self, rows: Iterable[str]) -> tuple[str, ...]:
        """What rows of the log are called now; nothing, if they are not there."""
        return tuple(self.pairs.get(row, "" if self.old else row) for row in rows)

    def why(
        self, earlier: tuple[tuple[str, ...], ...], others: Iterable[str]
    ) -> Literal["target", "reducer", "guard"]:
        """Why, after some rows that were the same, some were taken only then or only now."""
        were = [self._said(self.old, row) for row in chain(*earlier)]
        are = [self._said(self.new, row) for row in self.now(chain(*earlier))]
        if [_leads(self.old, row) for row in were] != [_leads(self.new, row) for row in are]:
            return "target"
        if [row.get("update") for row in were] != [row.get("update") for row in are]:
            return "reducer"
        may_differ = any(row.get("update") for row in are)
        return "reducer" if may_differ and self._are_for_data(set(others)) else "guard"

    def _are_for_data(self, others: set[str]) -> bool:
        """Whether only the data can have decided otherwise: the first of the rows in each state asks what it did."""
        if not others <= self.homes.keys():
            return False
        deciding: dict[str, str] = {}
        for state in {self.homes[row] for row in others}:
            deciding[state] = next(row for row in _rows(self.new, state) if row in others)
        return all(self._asks_the_same(state, row) for state, row in deciding.items())

    def _asks_the_same(self, state: str, row: str) -> bool:
        """Whether a row is asked when it was and asks what it did, and whether that can be read."""
        old, new = _rows(self.old, state), _rows(self.new, state)
        known = [self.pairs[id] for id in old if id in self.pairs]
        was = [id for id in old if self.pairs.get(id) == row]
        in_order = known == [id for id in new if id in known]
        return (
            bool(was)
            and in_order
            and row not in self.code
            and old[was[0]]["when"] == new[row]["when"]
        )

    def _said(self, rules: Rules, row: str) -> Said:
        said: Said = _rows(rules, self.homes.get(row, "")).get(row, {})
        return said


def _rows(rules: Rules, state: str) -> dict[str, Said]:
    rows: dict[str, Said] = rules[state]["rows"] if state in rules else {}
    return rows


def _leads(rules: Rules, row: Said) -> tuple[Any, Any]:
    """Where a row leads, and where that leads inside."""
    to = row.get("to")
    return to, rules[to]["initial"] if to in rules else None


def _paired(old: dict[str, Said], new: dict[str, Said]) -> dict[str, str]:
    """Which row of a state is which now."""
    left = dict(new)
    pairs: dict[str, str] = {}
    for is_alike in LIKENESSES:
        for id, row in old.items():
            if id not in pairs:
                found = [other for other in left if is_alike(id, row, other, left[other])]
                if found:
                    pairs[id] = id if id in found else found[0]
                    del left[pairs[id]]
    return pairs


def _waits_alike(row: Said, other: Said) -> bool:
    return (row["kind"], row["on"]) == (other["kind"], other["on"])


LIKENESSES: tuple[Callable[[str, Said, str, Said], bool], ...] = (
    lambda id, row, other, said: row == said,
    lambda id, row, other, said: id == other and _waits_alike(row, said),
    lambda id, row, other, said: row["to"] == said["to"] and _waits_alike(row, said),
    lambda id, row, other, said: _waits_alike(row, said),
)
