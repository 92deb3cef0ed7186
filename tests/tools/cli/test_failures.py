"""What is said of errors, and the exit status that goes with each family."""

import signal
import subprocess
import sys

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
from detent.tools.cli import main
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


LOADING = """
import os, signal, sys
from threading import Thread
from detent.tools.cli.exits import leaving_at_once

signal.signal(signal.SIGINT, signal.default_int_handler)
def load():
    with leaving_at_once():
        if sys.argv[1] == "loading":
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
load()
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
elsewhere = Thread(target=leaving_at_once().__enter__)
elsewhere.start()
elsewhere.join()
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.parametrize(("when", "word"), [("loading", ""), ("later", "KeyboardInterrupt")])
def test_whoever_presses_ctrl_c_while_modules_are_loaded_leaves_at_once(
    when: str, word: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING, when], capture_output=True, text=True, check=False
    )

    assert done.returncode in (130, -signal.SIGINT)
    assert done.stderr.strip().endswith(word)
    assert bool(done.stderr) is bool(word)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BaseExceptionGroup("", [KeyboardInterrupt()])]
)
def test_ctrl_c_needs_no_words(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    def interrupted(given: object) -> int:
        raise error

    monkeypatch.setattr("detent.tools.cli._called", interrupted)

    assert main(["runs"]) == 130
    assert capsys.readouterr() == ("", "")
