"""The ids of runs, for who completes a command line."""

import trio

from detent.tools.stores import SQLite

__all__ = ["ids"]

MOST = 100  # more than anybody reads


def ids(store: str, start: str) -> list[str]:
    """The ids of the runs of a store that begin so."""
    return trio.run(_ids, store, start)


async def _ids(store: str, start: str) -> list[str]:
    async with SQLite(store).read() as journal:
        own = [start] if start and await journal.load(start) is not None else []
        found = await journal.find(after=start, limit=MOST)
        return [*own, *(run for run, _ in found if run.startswith(start))]
