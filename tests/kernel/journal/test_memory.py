"""The journal in memory, held to what every journal promises; it never waits."""

from hypothesis import settings

from detent.kernel import MemoryJournal
from tests.kernel.journal.contract import JournalContract
from tests.kernel.journal.examples import JournalExamples
from tests.settings import times


class TestMemoryJournal(JournalExamples):
    """One claim at a time."""

    def make_journal(self) -> MemoryJournal:
        """A new one."""
        return MemoryJournal()


class MemoryContract(JournalContract):
    """All of them, in any order."""

    def make_journal(self) -> MemoryJournal:
        """A new one."""
        return MemoryJournal()


TestMemoryContract = MemoryContract.TestCase
TestMemoryContract.settings = settings(max_examples=times(100), stateful_step_count=20)
