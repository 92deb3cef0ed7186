"""Watching a run: every entry, in order, from any number on, while it happens and after; and what handlers emit.

Rule 1: a watcher holds nothing up. It reads entries from the journal, a page at a time, and loses none. It shows none
        before the kernel knows of it: what is seen to be asked can be answered.
Rule 2: what handlers emit is not recorded: who is too slow for it gets a Gap that says how much he missed.
Rule 3: what children do comes too: after the entry that started them, and before the one that heard of their end.
Rule 4: it ends after the last entry of the run it watches, in every case, or when whoever reads has closed it.
Rule 5: who watches a run that another process may drive looks at the journal again and again (`pause`).
"""

from collections import deque
from collections.abc import Iterator
from typing import Protocol, TypeAlias

import trio
from attrs import define, field, frozen

from detent.kernel.entries import Checkpoint, Entry, machine_after
from detent.kernel.errors import KernelClosed, NoSuchRun
from detent.kernel.frames import Frame, digests_of, followed, opened, whole
from detent.kernel.scheduler import Bell, Engine, Performing
from detent.kernel.scribe import EMPTY
from detent.kernel.telling import (
    ChildEnded,
    ChildStarted,
    Kinds,
    Told,
    kinds_from,
    kinds_of,
    tell,
)
from detent.kernel.vault import Vault
from detent.kernel.wire import under

__all__ = [
    "LOOK",
    "Chunk",
    "Gap",
    "Seen",
    "Sight",
    "Sights",
    "Watch",
    "a_while",
    "as_written",
    "opening_of",
]

PAGE = 200  # entries that are read at once
LOOK = (
    0.2  # seconds until a journal is looked at again: as late as a kernel hears of what others send
)


@frozen
class Seen:
    """An entry of a run, and what it tells. `path` are the runs from the one that is watched to this one.

    `cause` is the entry of the run around it that started it.
    """

    run: str
    path: tuple[str, ...]
    entry: Entry
    told: tuple[Told, ...]
    cause: int | None = None

    @property
    def seq(self) -> int:
        """The number of the entry in its run."""
        return self.entry.seq


@frozen
class Chunk:
    """Something that a handler emitted: the n-th of that attempt."""

    run: str
    path: tuple[str, ...]
    effect: int
    attempt: int
    n: int
    value: object

    @property
    def told(self) -> tuple[Told, ...]:
        """Nothing: it is no entry."""
        return ()


@frozen
class Gap:
    """So many chunks of the runs that are watched were missed here."""

    lost: int

    @property
    def told(self) -> tuple[Told, ...]:
        """Nothing: it is no entry."""
        return ()


Sight: TypeAlias = Seen | Chunk | Gap


class Sights(Protocol):
    """What somebody who watches gets: one sight after the other, until the end or until he closes it."""

    def __aiter__(self) -> "Sights":
        """Itself: it is read once."""
        ...

    async def __anext__(self) -> Sight:
        """The next sight. Raises NoSuchRun if there is no such run."""
        ...

    async def aclose(self) -> None:
        """Read no more: whoever waits for a sight is at the end."""
        ...


@define(eq=False)
class _Followed:
    """A run that is read along."""

    run: str
    path: tuple[str, ...]
    kinds: Kinds
    cause: int | None = None
    seq: int = 0
    frame: Frame = field(factory=EMPTY.copy)
    is_over: bool = False
    children: "dict[str, _Followed]" = field(factory=dict[str, "_Followed"])


@define(eq=False, slots=False)
class Watch:
    """The sights of a run, one after the other: `async for sight in run.watch(): ...`."""

    engine: Engine
    run: str
    after: int = 0
    buffer: int = 1_000
    pause: float | None = None
    """Seconds until it looks again, if nobody rings here when something has happened."""
    _bell: Bell | None = None
    _root: _Followed | None = None
    _ready: deque[Sight] = field(factory=deque[Sight])
    _chunks: deque[tuple[int, Chunk]] = field(factory=deque[tuple[int, Chunk]])
    _lost: int = 0
    _is_closed: bool = False

    def __aiter__(self) -> "Watch":
        """Itself: a watch is read once."""
        return self

    async def __anext__(self) -> Sight:
        """The next sight. Raises NoSuchRun if there is no such run."""
        while not self._ready:
            root = await self._followed()
            if self._is_closed or (root.is_over and not self._chunks):
                raise StopAsyncIteration
            bell = self._bell = self._bell or self.engine.lives.bell(self.run)
            count = bell.count
            await self._read(root)
            self._flush(root, None)
            if not self._ready and not root.is_over:
                if self.engine.lives.is_closed:
                    raise KernelClosed("the kernel was closed before the run had ended")
                if self.pause is None:
                    await bell.wait_beyond(count)
                else:
                    await trio.sleep(self.pause)
        return self._ready.popleft()

    async def some(self) -> tuple[Sight, ...]:
        """The next sight and those that were read with it; none at the end. Raises NoSuchRun as before."""
        try:
            first = await anext(self)
        except StopAsyncIteration:
            return ()
        others = tuple(self._ready)
        self._ready.clear()
        return (first, *others)

    async def aclose(self) -> None:
        """Read no more, and keep nothing: whoever waits for a sight is at the end."""
        self._is_closed = True
        self._ready.clear()
        self._chunks.clear()
        if self._bell is not None:
            self._bell.ring()

    async def so_far(self) -> "tuple[Seen, ...]":
        """The entries until now, without waiting for more. Raises NoSuchRun if there is no such run."""
        root = await self._followed()
        count = -1
        while count < len(self._ready):
            count = len(self._ready)
            await self._read(root)
        seen = tuple(one for one in self._ready if isinstance(one, Seen))
        self._ready.clear()
        return seen

    def offer(self, performing: Performing, value: object) -> None:
        """Take what a handler emits, as far as there is room."""
        if self._is_closed:
            return
        run = performing.live.id
        chunk = Chunk(run, (), performing.effect, performing.attempt, performing.chunks, value)
        if len(self._chunks) >= self.buffer:
            self._chunks.popleft()
            self._lost += 1
        self._chunks.append((performing.live.snapshot.seq, chunk))
        self.engine.lives.bell(self.run).ring()

    # -- reading

    async def _followed(self) -> _Followed:
        """The run that is watched."""
        if self._root is None:
            kinds = await _kinds_at_first(self.engine, self.run)
            self._root = _Followed(self.run, (self.run,), kinds)
            forked = await opening_of(self.engine, self.run)
            if forked is not None:
                beside, made = forked
                self._root.frame = opened(made, beside, self.engine.world.key)
                self._root.seq = made.seq
        return self._root

    async def _read(self, one: _Followed) -> None:
        """Read what is new of a run, and of those it has started."""
        while await self._read_page(one):
            if len(self._ready) >= PAGE:
                break
        for child in tuple(one.children.values()):
            await self._read(child)

    async def _read_page(self, one: _Followed) -> bool:
        """Read a page of a run; whether there may be more."""
        entries = await self.engine.journal.entries(one.run, one.seq, PAGE)
        for entry in entries:
            live = self.engine.lives.get(one.run)
            if live is not None and entry.seq > live.snapshot.seq:
                return False  # stored, and about to be heard of: the bell will ring
            await self._take(one, await as_written(self.engine, entry))
        return len(entries) == PAGE and not one.is_over

    async def _take(self, one: _Followed, entry: Entry) -> None:
        is_shown = one is not self._root or entry.seq > self.after
        before = one.frame
        one.frame = followed(before, entry)
        if under(entry.event, "$migrated") is not None:  # what it has in flight is of both machines
            shape, _ = machine_after(entry, ("", ""))
            one.kinds = {**one.kinds, **await _kinds(self.engine, "", shape)}
        told = tell(before, entry, one.frame, one.run, one.kinds)
        for what in told:
            if isinstance(what, ChildEnded):
                await self._finish(one, what.child, is_shown)
        if is_shown:
            self._flush(one, entry.seq)
            self._ready.append(Seen(one.run, one.path, entry, told, one.cause))
        one.seq = entry.seq
        one.is_over = one.frame["end"] is not None and not one.frame["effects"]
        for what in told:
            if isinstance(what, ChildStarted):
                await self._follow(one, what.child, entry.seq)

    async def _follow(self, one: _Followed, child: str, cause: int) -> None:
        """Read a child along from now on; one whose order was held is told twice."""
        known = one.children.get(child)
        if known is not None:
            known.cause = known.cause if known.seq else cause
            return
        try:
            kinds = await _kinds_at_first(self.engine, child)
        except NoSuchRun:  # what was ordered is held, and will be told again
            return
        one.children[child] = _Followed(child, (*one.path, child), kinds, cause)

    async def _finish(self, one: _Followed, child: str, is_shown: bool) -> None:
        """Show everything of a child whose end is about to be heard of."""
        known = one.children.pop(child, None)
        if known is not None and is_shown:
            await self._read(known)

    def _flush(self, one: _Followed, seq: int | None) -> None:
        """Show the chunks that came before an entry; without one, all that came from runs as far as they were read."""
        if self._lost:
            self._ready.append(Gap(self._lost))
            self._lost = 0
        kept: deque[tuple[int, Chunk]] = deque()
        for mark, chunk in self._chunks:
            if seq is None or (chunk.run == one.run and mark < seq):
                path = tuple(_ancestors(self.run, chunk.run))
                self._ready.append(
                    Chunk(chunk.run, path, chunk.effect, chunk.attempt, chunk.n, chunk.value)
                )
            else:
                kept.append((mark, chunk))
        self._chunks = kept


def _ancestors(root: str, run: str) -> Iterator[str]:
    """The runs from one to one inside it."""
    yield root
    for step in run[len(root) + 1 :].split("/") if run != root else ():
        root = f"{root}/{step}"
        yield root


async def _kinds_at_first(engine: Engine, run: str) -> Kinds:
    """The kinds of a run's forms, as they were when it began. Raises NoSuchRun."""
    header = await engine.lives.header(run)
    return await _kinds(engine, header.machine, header.shape)


async def _kinds(engine: Engine, machine: str, shape: str) -> Kinds:
    """The kinds of the forms of a machine that has, or had, a shape."""
    served = engine.served.get(machine)
    if served is not None and served.table.shape == shape:
        return kinds_of(served.table)
    outline = await engine.journal.outline(shape)
    return {} if outline is None else kinds_from(outline)


async def a_while() -> None:
    """Wait until it is time to look at a journal again."""
    await trio.sleep(LOOK)


async def opening_of(engine: Engine, run: str) -> tuple[Vault, Checkpoint] | None:
    """What a fork begins with, and what lies beside it; nothing for any other run."""
    made = await engine.journal.opening(run)
    if made is None:
        return None
    digests = digests_of(made)
    return (await engine.journal.beside(digests) if digests else {}), made


async def as_written(engine: Engine, entry: Entry) -> Entry:
    """An entry with what lies beside it, as far as it is there."""
    digests = digests_of(entry)
    if not digests:
        return entry
    return whole(entry, await engine.journal.beside(digests), engine.world.key)
