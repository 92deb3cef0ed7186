"""Runs that are recorded as they go on."""

from typing import Any

from detent.kernel import (
    Entry,
    Header,
    Machine,
    Recorded,
    Recorder,
    Signal,
    Table,
    advance,
    begin,
    compile_machine,
    opening_lines,
    recorded_lines,
)
from detent.kernel.wire import Tree
from tests.kernel.scxml.toys import Trail

__all__ = ["Log", "attempt"]


class Log:
    """A run that is recorded as it goes on."""

    def __init__(
        self, machine: Machine[Any, Any, Any], n: int = 3, deadline: int | None = None
    ) -> None:
        self.table: Table[Any, Any, Any] = compile_machine(machine)
        self.recorder = Recorder(self.table)
        self.header: Header = self.recorder.header("run", 0, 7, deadline)
        first = begin(self.table, Trail(n=n), 0, deadline)
        self.last: Recorded = self.recorder.begin(self.header, first, Trail(n=n))
        self.lines = [*opening_lines(self.recorder, self.header)]
        self.lines += recorded_lines("run", self.last)

    def send(self, *signals: Signal, at: int = 0, key: str | None = None) -> "Log":
        """Let things happen."""
        for signal in signals:
            for stepped in advance(self.table, self.last.snapshot, signal, at):
                now = self.last
                told = self.recorder.record(now.head, now.snapshot, stepped, key)
                if told is not None:
                    self.last = told
                    self.lines += recorded_lines("run", told)
        return self

    def note(self, event: dict[str, Tree]) -> "Log":
        """Write what changes nothing."""
        self.last = self.recorder.note(self.last.head, self.last.snapshot, event, 0)
        self.lines += recorded_lines("run", self.last)
        return self

    @property
    def entry(self) -> Entry:
        """The last entry."""
        return self.last.entry


def attempt(is_dated: bool = True) -> list[Tree]:
    """An attempt as a tree."""
    outcome: dict[str, Tree] = {
        "$": "Failed",
        "problem": {"$": "Problem", "kind": "down", "message": "", "fields": []},
    }
    if is_dated:
        outcome["at"] = {"$datetime": "1970-01-01T00:00:00+00:00"}
    return [1, 1, outcome, 0.0]
