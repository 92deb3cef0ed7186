"""A store in one file: `World(machine, store=SQLite("runs.db"))`.

Rule 1: one kernel drives a file; others visit it, or read it, meanwhile.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, closing
from typing import Any

import trio
from attrs import field, frozen

from detent.kernel import Journal, WrongInput
from detent.tools.stores.sqlite.journals import Driving, Reading, Visiting
from detent.tools.stores.sqlite.locking import locked
from detent.tools.stores.sqlite.opening import Durability, brought_up, checked, connected, looking
from detent.tools.stores.sqlite.reading import Base
from detent.tools.stores.sqlite.schema import MIGRATIONS, Migrations
from detent.tools.stores.sqlite.threads import holding

__all__ = ["SQLite"]

READERS = 2  # threads: one may read a long history while the other loads what is needed now
LEAST = 65_536  # bytes: an empty file is nearly as large


@frozen
class SQLite:
    """A store in a file, for one kernel at a time.

    `durability`: with "normal" what was acknowledged outlives the process, however that ends, and with "full" also
    the machine: each commit waits for the disk. `most` is how many bytes the file may come to; None: any number.
    `migrations` are those of the file's versions.
    """

    path: str | os.PathLike[str]
    durability: Durability = field(default="normal", kw_only=True)
    most: int | None = field(default=None, kw_only=True)
    migrations: Migrations = field(default=MIGRATIONS, kw_only=True, repr=False)

    def __attrs_post_init__(self) -> None:
        if not os.fspath(self.path) or os.fspath(self.path) == ":memory:":
            raise WrongInput(
                f"SQLite({self.path!r}): it is a file; what is kept in memory is a MemoryJournal"
            )
        if self.durability not in ("normal", "full"):
            what = f"SQLite(durability={self.durability!r})"
            raise WrongInput(f"{what}: it is 'normal' or 'full'")
        if self.most is not None and (type(self.most) is not int or self.most < LEAST):
            raise WrongInput(f"SQLite(most={self.most!r}): it is None, or a number from {LEAST}")

    def open(self) -> AbstractAsyncContextManager[Journal]:
        """The journal of who drives the file, which is made if there is none.

        Raises StoreInUse, NoStore, OtherVersion, DamagedStore, StoreFailed.
        """
        return _opened(self._drive, Driving)

    def visit(self) -> AbstractAsyncContextManager[Journal]:
        """A journal that reads, and sends to the runs, also while a kernel of another process drives the file.

        Raises NoStore, OtherVersion, DamagedStore, StoreFailed.
        """
        return _opened(self._visit, Visiting)

    def read(self) -> AbstractAsyncContextManager[Journal]:
        """A journal that only reads, also of a file that may not be written.

        Raises NoStore, OtherVersion, DamagedStore, StoreFailed.
        """
        return _opened(self._look, Reading)

    @property
    def _path(self) -> str:
        """The one name of the file, whatever it is called by."""
        return os.path.realpath(self.path)

    def _drive(self, stack: ExitStack) -> tuple[Any, ...]:
        checked(self._path)
        stack.enter_context(locked(self._path))
        brought_up(self._path, self.migrations)
        parts = self._visit(stack)
        prompt = stack.enter_context(closing(self._writing()))
        return (*parts, prompt, self.durability == "full")

    def _visit(self, stack: ExitStack) -> tuple[Any, ...]:
        base = self._writing()
        stack.enter_context(closing(base))  # closed last, it empties the write-ahead log
        return (*self._look(stack), base)

    def _writing(self) -> Base:
        return connected(self._path, len(self.migrations), self.durability, self.most)

    def _look(self, stack: ExitStack) -> tuple[Any, ...]:
        bases: list[Base] = []
        for _ in range(1 + READERS):
            bases.append(stack.enter_context(closing(looking(self._path, len(self.migrations)))))
        return self._path, bases


@asynccontextmanager
async def _opened(
    begin: Callable[[ExitStack], tuple[Any, ...]], kind: type[Reading]
) -> AsyncGenerator[Journal]:
    """A journal, for as long as the block lasts. Files are opened and closed in a thread."""
    hold = holding()
    with ExitStack() as stack:
        with hold():
            parts = await trio.to_thread.run_sync(begin, stack)
        journal = kind(*parts)
        try:
            yield journal
        finally:
            with trio.CancelScope(shield=True), hold():
                stack.callback(journal.close)
                await trio.to_thread.run_sync(stack.close)
