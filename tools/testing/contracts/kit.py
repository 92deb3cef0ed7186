"""The conformance kit for journals and stores, in one line: `TestMine = journal_contract(MyStore)`.

Rule 1: each claim has a journal of its own, in a directory of its own and a loop of its own.
Rule 2: of a store everything is asked again after it was closed and opened, as by the next process.
"""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from detent.tools.testing.contracts.contract import JournalContract
from detent.tools.testing.contracts.examples import WrittenExamples
from detent.tools.testing.contracts.finding import FoundExamples
from detent.tools.testing.contracts.loops import Make
from detent.tools.testing.contracts.openings import OpenedExamples

__all__ = ["JournalExamples", "check_journal", "journal_contract"]

EXAMPLES = 30
STEPS = 20


class JournalExamples(WrittenExamples, FoundExamples, OpenedExamples):
    """Everything that every journal promises, one claim at a time."""


def check_journal(make: Make, *, examples: int = EXAMPLES, steps: int = STEPS) -> None:
    """Hold what `make` makes to its model, in so many lives of so many steps each. Raises AssertionError."""

    class Tried(JournalContract):
        make_one = staticmethod(make)

    found = settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    run_state_machine_as_test(Tried, settings=found)


def journal_contract(
    make: Make, *, examples: int = EXAMPLES, steps: int = STEPS
) -> type[JournalExamples]:
    """A test case for pytest that holds a store, or a journal, to everything that every journal promises.

    `make` is called with a directory and gives a store that keeps what it keeps there, or a journal that is open
    already; with the same directory it gives a store that has what the first one has kept. `examples` is how many
    lives of a journal are tried, of `steps` steps each.
    """

    class Contract(JournalExamples):
        make_one = staticmethod(make)

        def test_whatever_is_done_in_whatever_order_it_is_as_the_model_says(self) -> None:
            check_journal(make, examples=examples, steps=steps)

    return Contract
