"""Runs of generated machines, and their logs."""

from typing import Any

from attrs import field, frozen
from hypothesis import assume
from hypothesis import strategies as st

from detent import compile_machine
from detent.kernel import (
    BrokenBegin,
    Signal,
    Snapshot,
    Stepped,
    Table,
    Unreadable,
    Unstorable,
    advance,
    begin,
    log_lines,
    scribe_of,
)
from detent.tools.testing.strategies import Features, Walk, machines, walks

__all__ = ["Recording", "recordings"]


@frozen
class Recording:
    """A run of a generated machine: every answer, and the log of those that are entries."""

    table: Table[Any, Any, Any]
    input: Any
    steps: tuple[Stepped[Any], ...] = field(repr=lambda steps: f"{len(steps)} answers")

    @property
    def log(self) -> tuple[bytes, ...]:
        """Its lines."""
        return tuple(log_lines(self.table, self.input, self.steps))

    @property
    def entries(self) -> tuple[Stepped[Any], ...]:
        """The answers that are entries, which have one number after the other."""
        found: list[Stepped[Any]] = []
        for stepped in self.steps:
            if stepped.snapshot.seq == len(found) + 1:
                found.append(stepped)
        return tuple(found)


@st.composite
def recordings(draw: st.DrawFn, features: Features = Features()) -> Recording:
    """A machine, and a run of it."""
    table = compile_machine(draw(machines(features)))
    return recording(table, draw(walks(table)))


def recording(table: Table[Any, Any, Any], walked: Walk) -> Recording:
    """A walk of a machine, taken."""
    try:
        steps: list[Stepped[Any]] = [begin(table, walked.input)]
    except BrokenBegin:
        assume(False)
        raise
    for signal, at in walked.signals:
        now = steps[-1].snapshot
        if _can_be_written(table, now, signal):
            steps += advance(table, now, signal, at)
    return Recording(table, walked.input, tuple(steps))


def _can_be_written(table: Table[Any, Any, Any], now: Snapshot[Any], signal: Signal) -> bool:
    """Whether a signal is what its annotations say. Of an Each, a walk may take the outcome of another form."""
    try:
        scribe_of(table).write_signal(signal, now.effects)
    except Unreadable:  # it is not in flight, and is rejected
        return True
    except Unstorable:
        return False
    return True
