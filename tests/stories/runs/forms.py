"""What all stories share: a machine, who performs its orders, and what a person does; played in every form.

Rule 1: a story is played to its end; while somebody reads what happens; from its log; on disk, by one kernel and by
        several that die at a commit; and (in `cuts`) by a kernel that takes over after any entry. All must come to the
        same: what is told, the last snapshot, what was called.
Rule 2: services are idempotent: who asks again with the same key has the answer when he would have had it anyway.
It is long because a story, what is kept of it and every form of playing it belong together.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeAlias, TypeVar

import trio
from attrs import define, evolve, field, frozen

from detent import (
    Breaker,
    Context,
    End,
    Handled,
    Kernel,
    KernelClosed,
    Limiter,
    Limits,
    Machine,
    Run,
    World,
)
from detent.kernel import (
    CallFailed,
    Committed,
    Entry,
    Header,
    Journal,
    MemoryJournal,
    Noted,
    RunStarted,
    Seen,
    Snapshot,
    Standing,
    Store,
    Told,
    Verdict,
    Write,
    kinds_of,
    normal,
    open_kernel,
    replay,
    snapshot_at,
    tell,
    verify_log,
)
from detent.kernel.facts import but
from detent.kernel.frames import followed
from detent.kernel.scheduler import serve
from detent.kernel.scribe import EMPTY
from detent.tools.stores import SQLite
from detent.tools.testing.faults import Crash, Faulty, FaultyStore
from detent.tools.testing.virtual import BEGINNING, VirtualClock, run_virtually
from tests.settings import LONG

__all__ = [
    "MICRO",
    "RUN",
    "Asked",
    "Link",
    "Played",
    "Service",
    "Story",
    "Tape",
    "comparable",
    "moment_of",
    "play",
    "play_in_all_forms",
    "played",
    "same_place",
    "tellings",
]

I = TypeVar("I")  # noqa: E741 - input, result, as in Machine
R = TypeVar("R")

RUN = "story"
MICRO = 1_000_000
DEATHS = 4  # of kernels, in a story that is played with some
Asked = tuple[str, int]  # a key and an attempt
Kept: TypeAlias = MemoryJournal | Store | None


def moment_of(at: int) -> float:
    """A time of a log in seconds since the story began."""
    return (at - BEGINNING) / MICRO


@define(eq=False)
class Service:
    """Performs what machines order, takes its time, and counts who asked."""

    begun: dict[Asked, int] = field(factory=dict[Asked, int])
    calls: list[Asked] = field(factory=list[Asked])
    at_once: int = 0
    most_at_once: int = 0

    async def work(self, context: Context, seconds: float = 0.0) -> None:
        """Take so long, counted from when the same was asked for the first time."""
        asked, now = (context.key, context.attempt), context.now()
        self.calls.append(asked)
        ready = self.begun.setdefault(asked, now) + round(seconds * MICRO)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await trio.sleep(max(0, ready - now) / MICRO)
        finally:
            self.at_once -= 1

    def began(self, run: str = "") -> list[float]:
        """When each call began, in order: those of a run and of its children."""
        return sorted(moment_of(at) for (key, _), at in self.begun.items() if key.startswith(run))


async def nothing(run: Run[Any, Any]) -> None:
    """What a person does who only looks on."""


@frozen
class Story(Generic[I, R]):
    """A machine with its input, who performs its orders, and what a person does while it runs.

    The person begins anew when a kernel takes over, and has to find out what is left to do. With `ties`, things
    happen in the same instant, and their order is nobody's business; in a tight one there is not enough of something
    for all who ask for it in the same instant.
    """

    machine: Machine[I, Any, R]
    input: I
    handlers: Callable[[Service], Iterable[Handled]]
    person: Callable[[Run[Any, R]], Awaitable[None]] = nothing
    limiters: Mapping[str, Limiter] = field(factory=dict[str, Limiter])
    breakers: Mapping[str, Breaker] = field(factory=dict[str, Breaker])
    limits: Limits | None = None
    seed: int | None = None
    ties: bool = False
    is_tight: bool = False

    def world(self, service: Service, kept: Kept = None, clock: Any = None) -> World:
        """The world that a story is played in, and what keeps it."""
        return World(
            self.machine,
            handlers=self.handlers(service),
            journal=kept if isinstance(kept, MemoryJournal) else None,
            store=None if isinstance(kept, MemoryJournal) else kept,
            limiters=self.limiters,
            breakers=self.breakers,
            taps=(kept,) if isinstance(kept, Tape) else (),
            clock=clock,
            limits=self.limits,
        )

    async def start(self, kernel: Kernel) -> Run[Any, R]:
        """Begin it."""
        return await kernel.start(self.machine, self.input, id=RUN, seed=self.seed)


@frozen
class Played(Generic[R]):
    """What a story came to: how it ended, where it was then, what each run tells, and what was called."""

    end: End
    snapshot: Snapshot[Any]
    told: Mapping[str, tuple[Told, ...]]
    kept: Kept
    service: Service
    lines: tuple[bytes, ...] = field(repr=False)

    def of(self, kind: type[Told], run: str = RUN) -> list[Any]:
        """What is told of a kind, in order."""
        return [one for one in self.told[run] if isinstance(one, kind)]

    @property
    def lasted(self) -> float:
        """When it ended, in seconds."""
        return moment_of(self.told[RUN][-1].at)


# -- what is kept while a story is played


@frozen
class Link:
    """An entry as it was committed, what the run stood at, and the cells then. `is_last`: of its transaction."""

    run: str
    entry: Entry
    standing: Standing
    cells: Mapping[str, Any]
    is_last: bool


@define(eq=False)
class Tape(MemoryJournal):
    """A journal that keeps the order in which entries were committed; a tap, so that they are made at once."""

    links: list[Link] = field(factory=list[Link])
    headers: dict[str, Header] = field(factory=dict[str, Header])
    stands: dict[str, Standing] = field(factory=dict[str, Standing])
    values: dict[str, Any] = field(factory=dict[str, Any])

    has_backlogs = False

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        verdicts = await super().append(batch)
        for write, verdict in zip(batch, verdicts, strict=True):
            if isinstance(verdict, Committed):
                self.keep(write)
        return verdicts

    def keep(self, write: Write) -> None:
        """Keep what a write has changed."""
        if write.header is not None:
            self.headers[write.run] = write.header
        self.stands[write.run] = standing = write.standing or self.stands[write.run]
        self.values.update({cell.name: cell.value for cell in write.cells})
        for entry in write.entries:
            is_last = entry is write.entries[-1]
            self.links.append(Link(write.run, entry, standing, {**self.values}, is_last))

    def entry(self, run: str, entry: Entry) -> None:
        """See Tap."""

    def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """See Tap."""


# -- playing


def play(
    story: Story[Any, R],
    kept: Kept = None,
    seen: list[Seen] | None = None,
) -> Played[R]:
    """What a story comes to if somebody waits for its end."""
    clock = VirtualClock()
    parts = (MemoryJournal() if kept is None else kept, clock, Service())
    return run_virtually(played, story, parts, seen, clock=clock)


async def played(
    story: Story[Any, R],
    parts: tuple[Kept, VirtualClock, Service],
    seen: list[Seen] | None = None,
) -> Played[R]:
    """Play a story, or go on with it; with `seen`, by reading what happens."""
    kept, clock, service = parts
    async with open_kernel(story.world(service, kept, clock)) as kernel:
        run = kernel.run(RUN)
        if await kernel.journal.load(RUN) is None:
            run = await story.start(kernel)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(story.person, run)
            if seen is not None:
                seen += [sight async for sight in run.watch() if isinstance(sight, Seen)]
            end = await run.wait_end()
            nursery.cancel_scope.cancel()
        told = await tellings(story, kernel.journal)
        return Played(end, await run.snapshot(), told, kept, service, await run.log())


async def tellings(
    story: Story[Any, Any], journal: Journal, run: str = RUN
) -> dict[str, tuple[Told, ...]]:
    """What each run of a family tells."""
    served = serve(story.world(Service()))
    told: dict[str, tuple[Told, ...]] = {}
    for name, _ in await journal.find(limit=10_000):
        loaded = await journal.load(name)
        if loaded is None or not f"{name}/".startswith(f"{run}/"):
            continue
        kinds, before = kinds_of(served[loaded.header.machine].table), None
        told[name] = ()
        for entry in await journal.entries(name, limit=10_000):
            after = followed(before or EMPTY.copy(), entry)
            told[name] += tell(before, entry, after, name, kinds)
            before = after
    return told


# -- comparing


def comparable(story: Story[Any, Any], told: Mapping[str, Iterable[Told]]) -> dict[str, Any]:
    """What runs tell, so that two plays of a story are equal exactly if the same came to pass.

    Where there are ties, what happens in one instant has no order, and is no matter of this or that entry.
    """
    normally = {run: normal(_once(some)) for run, some in told.items()}
    if not story.ties:
        return normally
    return {
        run: sorted((evolve(one, seq=0) for one in some), key=lambda one: (one.at, repr(one)))
        for run, some in normally.items()
    }


def _once(told: Iterable[Told]) -> Iterator[Told]:
    """What is told, without what a handler that was asked again has said again, and why it had been stopped."""
    noted: set[tuple[int, str]] = set()
    for one in told:
        if isinstance(one, Noted):
            if (one.effect, repr(one.value)) in noted:
                continue
            noted.add((one.effect, repr(one.value)))
        if isinstance(one, CallFailed) and one.problem == "stopped":
            yield evolve(one, message="")
        else:
            yield one


def same_place(snapshot: Snapshot[Any]) -> Snapshot[Any]:
    """A snapshot apart from how many entries it took to come there."""
    return but(snapshot, seq=0)


# -- all forms


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
