"""A journal in a trio loop of its own, driven from outside: by tests that are no coroutines.

Rule 1: a journal is opened, asked and closed in one loop; opened again, it is in another, as in another process.
Rule 2: nothing is asked of it before it is open, and nothing of it is left when it is closed.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import trio
from attrs import define, field

from detent.kernel import Journal, Store, Verdict, Write

__all__ = ["Make", "Opened", "appended", "opened"]

T = TypeVar("T")

Make: TypeAlias = Callable[[Path], Store | Journal]
"""What makes a store, or a journal, that keeps what it keeps in a directory."""


@asynccontextmanager
async def opened(made: Store | Journal) -> AsyncGenerator[Journal]:
    """What was made, open. A journal that is no store is open already."""
    thing: Any = made
    if hasattr(thing, "open"):
        async with thing.open() as journal:
            yield journal
    else:
        yield thing


async def appended(
    journal: Journal, writes: Sequence[Write], *, at_once: bool
) -> tuple[Verdict, ...]:
    """Append, or write what is one write at once, if that is wanted, and the journal can."""
    write = journal.at_once if at_once and len(writes) == 1 else None
    verdict = write and write(writes[0])
    return await journal.append(writes) if verdict is None else (verdict,)


@define(eq=False)
class Opened:
    """A journal that is open in a loop of its own, in a thread."""

    make: Make
    path: Path
    journal: Journal = field(init=False)
    is_kept: bool = field(init=False)
    """Whether what is made in this directory next has what this one was told."""
    _token: trio.lowlevel.TrioToken = field(init=False)
    _closing: trio.Event = field(init=False)
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _thread: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(1), init=False)
    _life: Future[None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        ready: Future[None] = Future()
        made = self.make(self.path)
        self.is_kept = hasattr(made, "open")
        self._life = self._thread.submit(trio.run, self._live, made, ready)
        try:
            ready.result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def _live(self, made: Store | Journal, ready: Future[None]) -> None:
        """Be open until it is to be closed."""
        try:
            with self._scope:
                async with opened(made) as self.journal:
                    self._token, self._closing = trio.lowlevel.current_trio_token(), trio.Event()
                    ready.set_result(None)
                    await self._closing.wait()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    def drive(self, waiting: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives, in the loop of the journal."""

        async def wait() -> T:
            return await waiting

        return trio.from_thread.run(wait, trio_token=self._token)

    def close(self, is_cut: bool = False) -> None:
        """Close it, and wait until it is closed; it is `cut` where whoever has it open is cancelled."""
        close = self._scope.cancel if is_cut else self._closing.set
        trio.from_thread.run_sync(close, trio_token=self._token)
        self._life.result()
        self._thread.shutdown()
