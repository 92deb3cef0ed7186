"""A bench on which a journal is tried: opened for one claim, driven, opened again, closed."""

from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from detent.kernel import Journal, Write
from detent.tools.testing.contracts.diary import SCRIBE, Prepared, Said, Writer, begun
from detent.tools.testing.contracts.loops import Make, Opened, appended

__all__ = ["SAYING", "Bench"]

SAYING = SCRIBE.write_signal(Said("by post"), ())


class Bench:
    """Claims about journals, each with a journal of its own."""

    make_one: Make
    """What makes a store, or a journal, in a directory."""

    @pytest.fixture(autouse=True)
    def open_one(self, tmp_path: Path) -> Iterator[None]:
        """Open a journal for one claim."""
        self.folder = tmp_path
        self.opened = Opened(self.make_one, tmp_path)
        yield
        self.opened.close()

    def make_journal(self) -> Journal:
        """The journal that is held to the claims, empty."""
        return self.opened.journal

    def drive(self, waiting: Coroutine[Any, Any, Any]) -> Any:
        """What a call of the journal gives."""
        return self.opened.drive(waiting)

    def open_again(self, is_cut: bool = False) -> Journal:
        """What somebody finds who opens it again; of a journal that is no store it is the same."""
        if self.opened.is_kept:
            self.opened.close(is_cut)
            self.opened = Opened(self.make_one, self.folder)
        return self.opened.journal

    def journal_of(self, *runs: str) -> tuple[Journal, list[Writer]]:
        """A journal in which some runs have begun, and their writers."""
        journal = self.make_journal()
        prepared = [begun(run) for run in runs]
        self.drive(journal.append([made.write for made in prepared]))
        return journal, [made.writer for made in prepared]

    def verdicts(self, journal: Journal, *prepared: Prepared | Write) -> Any:
        """What is said of some writes."""
        writes = [one.write if isinstance(one, Prepared) else one for one in prepared]
        return self.drive(appended(journal, writes, at_once=True))
