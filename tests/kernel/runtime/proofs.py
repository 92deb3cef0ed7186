"""What must be true of every run and of every family, whatever happened to them.

Rule 1: it is read off the journal and trio's tree of tasks; nothing of a kernel is asked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, get_args

import trio

from detent import World, replay
from detent.kernel import Entry, Journal, MemoryJournal, Recorder, Verdict, Write, opening_lines
from detent.kernel.frames import followed
from detent.kernel.runlog import entry_line
from detent.kernel.scheduler import serve
from detent.kernel.scribe import EMPTY
from detent.kernel.snapshot import EndStatus
from detent.tools.testing.faults import Faulty

__all__ = ["Witness", "all_tasks", "check_everything", "end_of", "outcomes_of", "workers"]


def _ends() -> frozenset[str]:
    kinds: Any = EndStatus
    return frozenset(status for kind in get_args(kinds) for status in get_args(kind))


ENDS = _ends()


class Witness(Faulty):
    """A journal that sees, after every commit, whether parents and children agree."""

    def __init__(self, chance: Random) -> None:
        super().__init__(MemoryJournal(), chance)
        self.disagreements: list[str] = []

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        verdicts = await super().append(batch)
        stands = {run: standing.status for run, standing in await self.find()}
        for run, status in stands.items():
            parent = run.rpartition("/")[0]
            if parent and parent not in stands:
                self.disagreements.append(f"{run} has no parent")
            elif parent and stands[parent] in ENDS and status not in ENDS:
                self.disagreements.append(f"{parent} is {stands[parent]}, and {run} is {status}")
        return verdicts


async def check_everything(journal: Journal, world: World) -> None:
    """Every run of a journal has ended once, agrees with its children, and replays."""
    runs = [run for run, _ in await journal.find()]
    for run in runs:
        entries = await journal.entries(run)
        await _check_end(run, entries)
        parent = run.rpartition("/")[0]
        if parent:
            _check_told(run, entries, await journal.entries(parent))
    await _check_replay(journal, world, runs)


async def _check_end(run: str, entries: Sequence[Entry]) -> None:
    """Exactly the last entry is terminal."""
    frame = EMPTY
    overs: list[bool] = []
    for entry in entries:
        frame = followed(frame, entry)
        overs.append(frame["end"] is not None and not frame["effects"])
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1)), run
    assert overs == [False] * (len(entries) - 1) + [True], (run, [e.event for e in entries])


def _check_told(run: str, entries: Sequence[Entry], parents: Sequence[Entry]) -> None:
    """The parent has heard of the end of its child once, as it was."""
    told = outcomes_of(parents, int(run.rpartition("/")[2]))
    assert [one["$"] for one in told] == ["Ended"], (run, told)
    assert told[0]["status"] == end_of(entries)["status"], run


async def _check_replay(journal: Journal, world: World, runs: Sequence[str]) -> None:
    served = serve(world)
    for root in (run for run in runs if "/" not in run):
        lines: list[bytes] = []
        machine = ""
        for run in (one for one in runs if f"{one}/".startswith(f"{root}/")):
            loaded = await journal.load(run)
            assert loaded is not None
            machine = machine or loaded.header.machine
            lines += opening_lines(_recorder(served, loaded.header.machine), loaded.header)
            lines += [entry_line(run, entry) for entry in await journal.entries(run)]
        replayed = replay(lines, served[machine].table.machine)
        assert replayed.divergence is None, str(replayed)


def _recorder(served: Any, machine: str) -> Recorder:
    recorder: Recorder = served[machine].recorder
    return recorder


def outcomes_of(entries: Sequence[Entry], effect: int) -> list[dict[str, Any]]:
    """What a run has heard of one of its effects; if it never came to hear it, what waits in its line."""
    heard: list[dict[str, Any]] = []
    waits: list[dict[str, Any]] = []
    for entry in entries:
        event: Any = entry.event
        for found, happened in ((heard, event), (waits, event.get("$queued", {}))):
            if "$happened" in happened and happened["$happened"][0] == effect:
                found.append(happened["$happened"][1])
    return heard or waits


def end_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """How a run ended, as it is written."""
    frame = EMPTY
    for entry in entries:
        frame = followed(frame, entry)
    end: Any = frame["end"]
    return dict(end[0] if isinstance(end, list) else end)


# -- tasks


def all_tasks() -> Counter[str]:
    """Every task there is, by name."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return Counter(task.name for task in _below(root))


def workers() -> int:
    """How many tasks kernels have for their runs now."""
    return all_tasks()["detent.kernel.scheduler.engine.Engine._work"]


def _below(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    yield task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _below(child)
