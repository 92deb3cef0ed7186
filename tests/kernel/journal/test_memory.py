"""The journal in memory, held to what every journal promises; and how it answers without waiting."""

from pathlib import Path

from detent.kernel import MemoryJournal
from detent.tools.testing.contracts import journal_contract
from tests.settings import times


def in_memory(path: Path) -> MemoryJournal:
    """A new one."""
    return MemoryJournal()


TestMemoryJournal = journal_contract(in_memory, examples=times(100))
