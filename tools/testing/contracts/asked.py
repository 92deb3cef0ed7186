"""What is asked of the index of a journal: by each thing alone, and page by page."""

from collections.abc import Iterable

from attrs import asdict, evolve, frozen

from detent.kernel import Journal, RunStatus, Standing
from detent.tools.testing.contracts.diary import PAD, TABLE
from detent.tools.testing.contracts.model import Model, Wanted

__all__ = ["DUES", "EACH_ALONE", "MACHINES", "SHAPES", "STATUSES", "Asked"]

DUES = (0, 10, 20, 60_000_000)
STATUSES: tuple[RunStatus, ...] = (
    *("running", "waiting", "parked", "ending", "inert", "changed", "completed"),
)
MACHINES = (("diary",), ("pad",), ("pad", "diary"), ("none",))
SHAPES = (TABLE.shape, PAD.table.shape, "a new shape")
EACH_ALONE = (
    *(Wanted(due_by=due) for due in DUES),
    *(Wanted(in_flight=it_is) for it_is in (False, True)),
    *(Wanted(held=it_is) for it_is in (False, True)),
    *(Wanted(mail=it_is) for it_is in (False, True)),
    *(Wanted(statuses=(status,)) for status in STATUSES),
    *(Wanted(machines=names) for names in MACHINES),
    *(Wanted(shapes=(shape,)) for shape in SHAPES),
)


@frozen
class Asked:
    """A journal that is asked, and what it must say."""

    journal: Journal
    model: Model

    async def check(self, wanted: Iterable[Wanted]) -> None:
        """Ask for runs, and for when something is due. Raises AssertionError."""
        for one in wanted:
            expected = self.model.find(one)
            assert list(await self.journal.find(**asdict(one))) == expected
            if expected:
                await self._in_pages(one, self.model.find(evolve(one, limit=1000)))
        for due in DUES:
            assert await self.journal.next_due(due) == self.model.next_due(due)

    async def _in_pages(self, wanted: Wanted, expected: list[tuple[str, Standing]]) -> None:
        """One after the other, until there are no more."""
        for found in expected:
            page = await self.journal.find(**asdict(evolve(wanted, limit=1)))
            assert page == (found,)
            wanted = evolve(wanted, after=found[0])
        assert await self.journal.find(**asdict(wanted)) == ()
