"""What every journal promises, as tests: `TestMine = journal_contract(MyStore)`. Needs the extra `testing`."""

from detent.tools.testing.contracts.contract import JournalContract
from detent.tools.testing.contracts.kit import JournalExamples, check_journal, journal_contract
from detent.tools.testing.contracts.loops import Make

__all__ = ["JournalContract", "JournalExamples", "Make", "check_journal", "journal_contract"]
