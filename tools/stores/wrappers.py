"""Journals around journals: the same, with less or more.

Rule 1: what is not changed goes to the journal inside as it came.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from detent.kernel import (
    Beside,
    Cell,
    Checkpoint,
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

__all__ = ["ReadOnly", "Through"]


class Through:
    """A journal that gives everything on to the one inside, as it comes."""

    at_once: Callable[[Write], Verdict | None] | None = None
    """Everything is appended, so that whoever changes that has changed all."""

    def __init__(self, inside: Journal) -> None:
        self.inside = inside

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        return await self.inside.append(batch)

    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """See Journal."""
        return await self.inside.claim(runs)

    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """See Journal."""
        return await self.inside.deliver(deliveries)

    async def erase(self, digests: Iterable[str]) -> int:
        """See Journal."""
        return await self.inside.erase(digests)

    def listen(self, heard: Callable[[str], None]) -> None:
        """See Journal."""
        self.inside.listen(heard)

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        return await self.inside.load(run)

    async def entries(self, run: str, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """See Journal."""
        return await self.inside.entries(run, after, limit)

    async def opening(self, run: str) -> Checkpoint | None:
        """See Journal."""
        return await self.inside.opening(run)

    async def holds(self, run: str, seq: int, hash: str) -> bool:
        """See Journal."""
        return await self.inside.holds(run, seq, hash)

    async def taken(self, run: str, key: str) -> int | None:
        """See Journal."""
        return await self.inside.taken(run, key)

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
        return await self.inside.find(**asked)

    async def next_due(self, after: int) -> int | None:
        """See Journal."""
        return await self.inside.next_due(after)

    async def shapes(self) -> tuple[tuple[str, str], ...]:
        """See Journal."""
        return await self.inside.shapes()

    async def machines(self, runs: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """See Journal."""
        return await self.inside.machines(runs)

    async def inbox(self, run: str) -> tuple[Delivery, ...]:
        """See Journal."""
        return await self.inside.inbox(run)

    async def cells(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """See Journal."""
        return await self.inside.cells(names)

    async def beside(self, digests: Iterable[str]) -> Mapping[str, Beside]:
        """See Journal."""
        return await self.inside.beside(digests)

    async def outline(self, digest: str) -> Outline | None:
        """See Journal."""
        return await self.inside.outline(digest)


class ReadOnly(Through):
    """A journal of which everything can be read, and into which nothing can be written."""

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

    def _refuse(self, what: str) -> NoReturn:
        raise NotDriving(f"this journal is for reading: only who drives the store can {what}")
