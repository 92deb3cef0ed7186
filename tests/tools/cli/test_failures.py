"""What is said of errors, and the exit status that goes with each family."""

import pytest

from detent import (
    AlreadyAnswered,
    DamagedStore,
    IncompleteWorld,
    KernelBug,
    NoStore,
    OtherVersion,
    RunEnded,
    StoreFailed,
    StoreInUse,
    Unreadable,
    WrongInput,
)
from detent.kernel import End, NoSuchRun
from detent.tools.cli.exits import No, Usage
from detent.tools.cli.failures import told
from tests.tools.cli.typed import Printed

STATUSES: dict[Exception | KeyboardInterrupt, tuple[int, str]] = {
    No("it differs"): (1, "it differs"),
    DamagedStore("entry 3"): (1, "detent: entry 3"),
    RunEnded("r", End("failed")): (1, "detent: run 'r' failed"),
    AlreadyAnswered("question 1"): (1, "detent: question 1"),
    Unreadable("no Cart"): (1, "detent: no Cart"),
    Usage("which store?"): (2, "detent: which store?"),
    NoSuchRun("no run 'a'"): (2, "detent: no run 'a'"),
    WrongInput("no such state"): (2, "detent: no such state"),
    IncompleteWorld("no handler"): (2, "detent: no handler"),
    NoStore("no folder"): (3, "detent: no folder"),
    StoreInUse("process 5"): (3, "detent: process 5"),
    OtherVersion("newer"): (3, "detent: newer"),
    StoreFailed("disk full"): (3, "detent: disk full"),
    PermissionError(13, "Permission denied", "a.db"): (3, "detent: a.db: Permission denied"),
    KernelBug("entry 5"): (70, "detent: a promise of Detent was broken, please report it: entry 5"),
    ZeroDivisionError("by zero"): (
        70,
        "detent: nobody foresaw this: ZeroDivisionError: by zero (see where with --debug)",
    ),
    KeyboardInterrupt(): (130, ""),
}


@pytest.mark.parametrize(
    ("error", "said"), STATUSES.items(), ids=[type(one).__name__ for one in STATUSES]
)
def test_an_error_is_one_sentence_and_a_status(
    error: Exception, said: tuple[int, str], capsys: Printed
) -> None:
    status = told(error)

    assert (status, capsys.readouterr().err.rstrip("\n")) == said


def test_a_group_of_one_is_that_one(capsys: Printed) -> None:
    group = ExceptionGroup("", [ExceptionGroup("", [StoreInUse("process 5")])])

    assert told(group) == 3
    assert capsys.readouterr().err == "detent: process 5\n"


def test_with_debug_the_traceback_comes_first(capsys: Printed) -> None:
    assert told(NoSuchRun("no run"), debug=True) == 2

    assert capsys.readouterr().err.startswith("detent.kernel.errors.NoSuchRun: no run\ndetent: no")
