"""A story in every form in which it can be played; all of them come to the same.

Rule 1: it is played to its end; while somebody reads what happens; from its log; on disk, by one kernel and by several
        that die at a commit; from where there is no loop, and from a loop of asyncio. (And in `cuts` by a kernel that
        takes over after any entry.) What is told, the last snapshot and what was called are the same.
"""

from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from detent import KernelClosed
from detent.kernel import (
    Entry,
    MemoryJournal,
    RunStarted,
    Seen,
    Told,
    replay,
    snapshot_at,
    verify_log,
)
from detent.tools.stores import SQLite
from detent.tools.testing.faults import Crash, Faulty, FaultyStore
from detent.tools.testing.virtual import VirtualClock, run_virtually
from tests.settings import LONG
from tests.sides import Side
from tests.stories.runs.embedded import play_elsewhere
from tests.stories.runs.forms import (
    RUN,
    Played,
    Service,
    Story,
    Tape,
    comparable,
    play,
    played,
    same_place,
)

__all__ = ["play_in_all_forms"]

R = TypeVar("R")

DEATHS = 4  # of kernels, in a story that is played with some


def play_in_all_forms(story: Story[Any, R]) -> Played[R]:
    """Play a story: wait, read, replay, on disk. Asserts that all come to the same, and gives what it comes to."""
    waited = play(story)
    seen: list[Seen] = []
    read = play(story, Tape(), seen=seen)
    check_same(story, read, waited)
    assert Counter(read.service.calls) == Counter(waited.service.calls)
    check_seen(seen, read)
    check_replay(story, waited)
    with TemporaryDirectory() as folder:
        check_disk(story, waited, Path(folder))
        check_elsewhere(story, waited, Path(folder))
    return waited


def check_same(story: Story[Any, Any], one: Played[Any], other: Played[Any]) -> None:
    """Assert that two plays have come to the same, as far as that is anybody's business."""
    assert comparable(story, one.told) == comparable(story, other.told)
    assert same_place(one.snapshot) == same_place(other.snapshot)
    assert one.end == other.end


def check_seen(seen: list[Seen], read: Played[Any]) -> None:
    """Assert that who reads sees everything, in order."""
    streamed: dict[str, tuple[Told, ...]] = {}
    entries: dict[str, list[Entry]] = {}
    for sight in seen:
        streamed[sight.run] = (*streamed.get(sight.run, ()), *sight.told)
        entries.setdefault(sight.run, []).append(sight.entry)
    assert streamed == read.told
    assert [one.run for one in seen if one.seq == 1 and isinstance(one.told[0], RunStarted)]
    assert {run: [one.seq for one in some] for run, some in entries.items()} == {
        run: list(range(1, len(some) + 1)) for run, some in entries.items()
    }


def check_disk(story: Story[Any, Any], waited: Played[Any], folder: Path) -> None:
    """Assert that it comes to the same in a file, and when kernels die at some commits."""
    whole = Faulty(MemoryJournal(), Random(0))
    kept = play(story, FaultyStore(SQLite(folder / "whole.db"), whole))
    check_same(story, kept, waited)
    assert Counter(kept.service.calls) == Counter(waited.service.calls)
    check_replay(story, kept)

    if story.is_tight:  # who dies may lose his turn
        return
    for every in range(1, 9) if LONG else [max(1, whole.commits // (DEATHS + 1))]:
        cut = play_with_deaths(story, folder / f"cut {every}.db", every)
        check_same(story, cut, waited)
        assert {*cut.service.calls} == {*waited.service.calls}
        check_replay(story, cut)


def check_elsewhere(story: Story[Any, Any], waited: Played[Any], folder: Path) -> None:
    """Assert that it comes to the same where the kernel is called from no loop, and from one of asyncio."""
    stores = (None, SQLite(folder / "sync.db"), None, SQLite(folder / "asyncio.db"))
    sides: tuple[Side, ...] = ("sync", "sync", "asyncio", "asyncio")
    for side, store in zip(sides, stores, strict=True):
        seen: list[Seen] = []
        elsewhere = play_elsewhere(side, story, store, seen)
        check_same(story, elsewhere, waited)
        assert Counter(elsewhere.service.calls) == Counter(waited.service.calls)
        assert story.ties or elsewhere.lines == waited.lines
        check_seen(seen, elsewhere)
        check_replay(story, elsewhere)


def play_with_deaths(story: Story[Any, R], path: Path, every: int) -> Played[R]:
    """What a story comes to in a file, where kernels die after so many commits, and the next one opens the file."""
    clock, service = VirtualClock(), Service()
    journal = Faulty(MemoryJournal(), Random(0))

    async def survived() -> Played[R]:
        for _ in range(DEATHS):
            journal.crash_at = (journal.commits + every, "after")
            try:
                return await played(story, (FaultyStore(SQLite(path), journal), clock, service))
            except* (Crash, KernelClosed):  # who waits for something is told that it will not come
                journal.revive()
        return await played(story, (FaultyStore(SQLite(path), journal), clock, service))

    return run_virtually(survived, clock=clock)


def check_replay(story: Story[Any, Any], played: Played[Any]) -> None:
    """Assert that the log of a play is whole, and that replay comes to the same without calling anybody."""
    calls = list(played.service.calls)

    replayed = replay(played.lines, story.machine)

    assert replayed.divergence is None
    assert replayed.changed == ()
    assert replayed.entries == sum(b'"entry":' in line[:99] for line in played.lines)
    assert set(verify_log(played.lines)) - {""} == set(played.told)
    assert snapshot_at(played.lines, played.snapshot.seq, story.machine, run=RUN) == played.snapshot
    assert played.service.calls == calls
