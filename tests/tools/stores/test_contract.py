"""The store in a file, held to what every store promises."""

from pathlib import Path

from detent.tools.stores import SQLite
from detent.tools.testing.contracts import journal_contract
from tests.settings import times


def stored(folder: Path) -> SQLite:
    """A file in a directory of its own."""
    return SQLite(folder / "runs.db")


TestSQLite = journal_contract(stored, examples=times(20))
