"""The kit for journals: journals that are right pass, and whatever is wrong with one, the kit finds it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from detent.tools.testing.contracts import (
    JournalContract,
    JournalExamples,
    Make,
    journal_contract,
)
from detent.tools.testing.contracts.loops import Opened
from tests.settings import times
from tests.tools.wrong_journals import WRONG, Hasty, Shelved, Torn, Waiting, shelved

TestWaiting = journal_contract(shelved(Waiting), examples=times(20))


def breaks(make: Make) -> bool:
    """Whether a journal is found to be wrong."""

    class Tried(JournalContract):
        make_one = staticmethod(make)

    found = settings(max_examples=150, stateful_step_count=20, phases=[Phase.generate])
    try:
        run_state_machine_as_test(Tried, settings=found)
    except Exception:
        return True
    return False


@pytest.mark.parametrize("kind", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_journal_is_found(kind: type[Shelved]) -> None:
    assert breaks(shelved(kind))


@contextmanager
def bench_of(make: Make, path: Path) -> Generator[JournalExamples]:
    """All claims, to be made one by one."""

    class Tried(JournalExamples):
        make_one = staticmethod(make)

    tried = Tried()
    tried.opened = Opened(make, path)
    try:
        yield tried
    finally:
        tried.opened.close()


def test_whoever_looks_waits_and_then_writes_is_found(tmp_path: Path) -> None:
    with bench_of(shelved(Hasty), tmp_path) as bench, pytest.raises(ValueError):
        bench.test_of_many_who_follow_one_entry_one_is_written()


def test_whoever_can_be_stopped_half_way_is_found(tmp_path: Path) -> None:
    with bench_of(shelved(Torn), tmp_path) as bench, pytest.raises(AssertionError):
        bench.test_who_is_cancelled_has_written_all_of_it_or_nothing(0)
