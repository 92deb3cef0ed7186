"""Files of stores for tests: what is in them, and other processes that use them."""

import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from detent.kernel import Committed, Journal
from detent.tools.stores import SQLite
from detent.tools.testing.contracts.diary import Said, Writer, begun
from detent.tools.testing.virtual import run_virtually

__all__ = ["Watch", "another", "digest_of", "driven", "filled", "here", "looked"]

Use = Callable[[Journal], Awaitable[Any]]


class Watch:
    """A stopwatch: whatever is timed takes as long as somebody says."""

    def __init__(self) -> None:
        self.takes = 0.0
        self.now = 0.0
        self.is_running = False

    def __call__(self) -> float:
        """The time, now or a moment later."""
        self.now += self.takes if self.is_running else 0.0
        self.is_running = not self.is_running
        return self.now


def driven(store: SQLite, use: Use) -> Any:
    """What comes of using the journal of a store that is driven here."""

    async def main() -> Any:
        async with store.open() as journal:
            return await use(journal)

    return run_virtually(main)


def here(store: SQLite, use: Use) -> Any:
    """The same as a visitor."""

    async def main() -> Any:
        async with store.visit() as journal:
            return await use(journal)

    return run_virtually(main)


def looked(store: SQLite, use: Use) -> Any:
    """The same as one who only reads."""

    async def main() -> Any:
        async with store.read() as journal:
            return await use(journal)

    return run_virtually(main)


def filled(path: Path, *runs: str, pages: int = 3) -> SQLite:
    """A store with some runs, of some entries each."""
    store = SQLite(path)

    async def fill(journal: Journal) -> None:
        for run in runs:
            made = begun(run)
            assert isinstance((await journal.append([made.write]))[0], Committed)
            writer: Writer = made.writer
            for page in range(pages):
                more = writer.take((Said(f"page {page} of {run}"), f"key {page}"))
                assert isinstance((await journal.append([more.write]))[0], Committed)
                writer = more.writer

    driven(store, fill)
    return store


def digest_of(path: Path) -> str:
    """What stands for all bytes of a file."""
    return blake2b(path.read_bytes()).hexdigest()


@contextmanager
def another(script: str, *arguments: object) -> Generator[subprocess.Popen[str]]:
    """Another process that runs a script; it is killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
