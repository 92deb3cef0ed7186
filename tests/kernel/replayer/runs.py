"""Runs of generated machines and their logs, forks that go on, and runs that are recorded step by step."""

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen
from hypothesis import assume
from hypothesis import strategies as st

from detent import Machine, compile_machine
from detent.kernel import (
    BrokenBegin,
    Event,
    Fork,
    ForkChoice,
    Head,
    Key,
    Recorded,
    Recorder,
    Rejected,
    Resumed,
    Signal,
    Snapshot,
    Stepped,
    Table,
    Unreadable,
    Unstorable,
    advance,
    begin,
    draw,
    log_lines,
    opening_lines,
    recorded_lines,
    scribe_of,
)
from detent.tools.testing import Features, Walk, machines, walks

__all__ = ["Recording", "Steps", "all_of", "can_be_written", "recorded", "recordings", "resumed"]


@frozen
class Recording:
    """A run of a generated machine: what happened, every answer, and the log of those that are entries."""

    table: Table[Any, Any, Any]
    walk: Walk
    steps: tuple[Stepped[Any], ...] = field(repr=lambda steps: f"{len(steps)} answers")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What hypothesis shows: the machine as a drawing, and what happened."""
        happened = "\n".join(f"  at {at}: {signal!r}" for signal, at in self.walk.signals)
        printer.text(f"\n{draw(self.table)}begun with {self.walk.input!r}\n{happened}\n")

    @property
    def log(self) -> tuple[bytes, ...]:
        """Its lines."""
        return tuple(log_lines(self.table, self.walk.input, self.steps))

    @property
    def entries(self) -> tuple[Stepped[Any], ...]:
        """The answers that are entries, which have one number after the other."""
        found: list[Stepped[Any]] = []
        for stepped in self.steps:
            if stepped.snapshot.seq == len(found) + 1:
                found.append(stepped)
        return tuple(found)


@st.composite
def recordings(drawn: st.DrawFn, features: Features = Features()) -> Recording:
    """A machine, and a run of it."""
    table = compile_machine(drawn(machines(features)))
    return recorded(table, drawn(walks(table)))


def recorded(table: Table[Any, Any, Any], walk: Walk, late: int = 0) -> Recording:
    """A walk of a machine, taken; everything may happen so much later than drawn."""
    try:
        steps: list[Stepped[Any]] = [begin(table, walk.input, late)]
    except BrokenBegin:
        assume(False)
        raise
    for signal, at in walk.signals:
        now = steps[-1].snapshot
        if can_be_written(table, now, signal):
            steps += advance(table, now, signal, at + late)
    return Recording(table, walk, tuple(steps))


def can_be_written(table: Table[Any, Any, Any], now: Snapshot[Any], signal: Signal) -> bool:
    """Whether a signal is what its annotations say. Of an Each, a walk may take the outcome of another form."""
    try:
        scribe_of(table).write_signal(signal, now.effects)
    except Unreadable:  # it is not in flight, and is rejected
        return True
    except Unstorable:
        return False
    return True


# -- forks


def all_of(ids: Iterable[int], choice: ForkChoice) -> dict[int, ForkChoice]:
    """The same choice for everything."""
    chosen: dict[int, ForkChoice] = {}
    for id in ids:
        chosen[id] = choice
    return chosen


def resumed(made: Fork, table: Table[Any, Any, Any], late: int = 0) -> list[bytes]:
    """The log of a fork that somebody has resumed, so much later: what arrives has arrived."""
    recorder = Recorder(table)
    log = list(made.lines())
    now = scribe_of(table).snapshot(made.checkpoint.frame)
    head = Head(made.checkpoint.hash)
    for stepped in advance(table, now, Resumed(), now.at + late):
        assert not isinstance(stepped, Rejected) or stepped.cause is not None, stepped
        recorded = recorder.record(head, now, stepped)
        if recorded is not None:
            now, head = recorded.snapshot, recorded.head
            log += recorded_lines(made.header.run, recorded)
    return log


# -- by hand


class Steps:
    """A run that is recorded step by step."""

    def __init__(self, machine: Machine[Any, Any, Any], input: Any, key: Key | None = None) -> None:
        self.table = compile_machine(machine)
        self.recorder = Recorder(self.table, key)
        header = self.recorder.header("run")
        moved = begin(self.table, input)
        self.last = self.recorder.begin(header, moved, input)
        self.log = [*opening_lines(self.recorder, header), *recorded_lines("run", self.last)]

    def send(self, event: Event, key: str | None = None) -> None:
        """Step an event, and what follows from it."""
        for stepped in advance(self.table, self.last.snapshot, event):
            self.add(self.recorder.record(self.last.head, self.last.snapshot, stepped, key))

    def note(self, event: Any, at: int) -> None:
        """Write down what happened to the run."""
        self.add(self.recorder.note(self.last.head, self.last.snapshot, event, at))

    def add(self, recorded: Recorded | None) -> None:
        """An entry, if there is one."""
        if recorded is not None:
            self.last = recorded
            self.log += recorded_lines("run", recorded)
