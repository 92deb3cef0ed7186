"""Which rows of a machine are those that a log tells of, though they may have other numbers and say other things now.

Rule 1: a row that says exactly the same is the same row, wherever it stands among those of its state. Of those that
        are left, one in the same place for the same event is; then one that leads where it led; then any other for
        the same event.
"""

from collections.abc import Callable, Container, Iterable
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
        self, earlier: Iterable[str], were: Iterable[str], are: Iterable[str]
    ) -> Literal["target", "reducer", "guard"]:
        """Why, after some rows that were the same, others are taken than were."""
        if not self.old:  # nobody knows what they said
            return "guard"
        before = tuple(earlier)
        if any(map(self._leads_elsewhere, before)):
            return "target"
        said = [self._said(row) for row in before]
        if any(was["update"] != now["update"] for was, now in said):
            return "reducer"
        then, now = {*were}, {*are}
        others = {*self.now(then)} ^ now
        then |= {row for row, other in self.pairs.items() if other in now}
        if any(map(self._leads_elsewhere, then)) and self._are_asked_alike(others):
            return "target"
        may_differ = any(now["update"] for _, now in said)
        return "reducer" if may_differ and self._are_asked_alike(others, self.code) else "guard"

    def _are_asked_alike(self, others: set[str], unread: Container[str] = ()) -> bool:
        """Whether the first of some rows in each state asks what it did. Of those that are not read, nobody knows."""
        if not others <= self.homes.keys():
            return False
        deciding: dict[str, str] = {}
        for state in {self.homes[row] for row in others}:
            deciding[state] = next(row for row in _rows(self.new, state) if row in others)
        return all(
            row not in unread and self._asks_the_same(state, row) for state, row in deciding.items()
        )

    def _asks_the_same(self, state: str, row: str) -> bool:
        """Whether a row is asked when it was and asks what it did."""
        old, new = _rows(self.old, state), _rows(self.new, state)
        known = [self.pairs[id] for id in old if id in self.pairs]
        was = [id for id in old if self.pairs.get(id) == row]
        in_order = known == [id for id in new if id in known]
        return bool(was) and in_order and old[was[0]]["when"] == new[row]["when"]

    def _leads_elsewhere(self, row: str) -> bool:
        """Whether a row of the log, if it is there, leads elsewhere now."""
        if row not in self.pairs:
            return False
        was, now = self._said(row)
        return _leads(self.old, was) != _leads(self.new, now)

    def _said(self, row: str) -> tuple[Said, Said]:
        """What a row of the log said, and what it says."""
        state = self.homes[row]
        return _rows(self.old, state)[row], _rows(self.new, state)[self.pairs[row]]


def _rows(rules: Rules, state: str) -> dict[str, Said]:
    rows: dict[str, Said] = rules[state]["rows"] if state in rules else {}
    return rows


def _leads(rules: Rules, row: Said) -> tuple[Any, Any, bool]:
    """Where a row leads, where that leads inside, and whether what is active there is left first."""
    to = row["to"]
    return to, rules[to]["initial"] if to in rules else None, row["reenter"]


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
