"""Journals around journals: the same, with less or more.

Rule 1: what is not changed goes to the journal inside as it came.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from detent.kernel import (
    Beside,
    Cell,
    Delivery,
    Entry,
    Journal,
    Loaded,
    NotDriving,
    Outline,
    RunStatus,
    Standing,
    Verdict,
    Write,
)

__all__ = ["ReadOnly"]


class ReadOnly:
    """A journal of which everything can be read, and into which nothing can be written."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """Refuse. Raises NotDriving."""
        self._refuse("append entries")

    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """Refuse. Raises NotDriving."""
        self._refuse("own runs")

    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """Refuse. Raises NotDriving."""
        self._refuse("send")

    async def erase(self, digests: Iterable[str]) -> int:
        """Refuse. Raises NotDriving."""
        self._refuse("erase")

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Journal. Nothing is delivered through this journal."""
        self._journal.listen(heard)

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        return await self._journal.load(run)

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """See Journal."""
        return await self._journal.entries(run, after, limit)

    async def holds(self, run: str, seq: int, hash: str) -> bool:
        """See Journal."""
        return await self._journal.holds(run, seq, hash)

    async def taken(self, run: str, key: str) -> int | None:
        """See Journal."""
        return await self._journal.taken(run, key)

    async def find(
        self,
        *,
        due_by: int | None = None,
        in_flight: bool | None = None,
        held: bool | None = None,
        mail: bool | None = None,
        statuses: Iterable[RunStatus] = (),
        machines: Iterable[str] = (),
        shapes: Iterable[str] = (),
        after: str = "",
        limit: int = 1000,
    ) -> tuple[tuple[str, Standing], ...]:
        """See Journal."""
        asked: dict[str, Any] = {
            **{"due_by": due_by, "in_flight": in_flight, "held": held, "mail": mail},
            **{"statuses": statuses, "machines": machines, "shapes": shapes},
            **{"after": after, "limit": limit},
        }
        return await self._journal.find(**asked)

    async def next_due(self, after: int) -> int | None:
        """See Journal."""
        return await self._journal.next_due(after)

    async def shapes(self) -> tuple[tuple[str, str], ...]:
        """See Journal."""
        return await self._journal.shapes()

    async def machines(self, runs: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """See Journal."""
        return await self._journal.machines(runs)

    async def inbox(self, run: str) -> tuple[Delivery, ...]:
        """See Journal."""
        return await self._journal.inbox(run)

    async def cells(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """See Journal."""
        return await self._journal.cells(names)

    async def beside(self, digests: Iterable[str]) -> Mapping[str, Beside]:
        """See Journal."""
        return await self._journal.beside(digests)

    async def outline(self, digest: str) -> Outline | None:
        """See Journal."""
        return await self._journal.outline(digest)

    def _refuse(self, what: str) -> NoReturn:
        raise NotDriving(f"this journal is for reading: only who drives the store can {what}")
