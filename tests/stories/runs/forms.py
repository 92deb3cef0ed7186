"""What all stories share: a machine, who performs its orders, and what a person does; and how one is played.

Rule 1: services are idempotent: who asks again with the same key has the answer when he would have had it anyway.
Rule 2: what a person does he does on any side of a kernel: on trio, on asyncio, and where there is no loop.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import trio
from attrs import define, evolve, field, frozen

from detent import (
    Breaker,
    Context,
    End,
    Handled,
    Kernel,
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
    tell,
)
from detent.kernel.facts import but
from detent.kernel.frames import followed
from detent.kernel.scheduler import serve
from detent.kernel.scribe import EMPTY
from detent.tools.testing.virtual import BEGINNING, VirtualClock, run_virtually

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
    "played",
    "same_place",
    "tellings",
]

I = TypeVar("I")  # noqa: E741 - input, result, as in Machine
R = TypeVar("R")

RUN = "story"
MICRO = 1_000_000
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
