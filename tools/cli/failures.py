"""What went wrong, as people are told: one sentence, or a list with one reason a line, and an exit status.

Rule 1: who can mend it decides the status: the command (2), the world (3), or what was looked at (1).
Rule 2: what nobody foresaw says so, and how to see where it comes from.
"""

import sys
import traceback

from detent.kernel import (
    AlreadyAnswered,
    AuthorError,
    BrokenBegin,
    CallerError,
    DamagedLog,
    DamagedStore,
    InvalidMachine,
    InvalidUpgrade,
    KernelBug,
    RunChanged,
    RunEnded,
    Unreadable,
    WorldError,
)
from detent.tools.cli.exits import BUG, INTERRUPTED, NO, WORLD, WRONG, No, Usage, single

__all__ = ["told"]

ANSWERS = (
    *(No, InvalidMachine, InvalidUpgrade, DamagedLog, DamagedStore),
    *(RunEnded, RunChanged, AlreadyAnswered, Unreadable),
)
"""What says no, of what was looked at."""


def told(error: BaseException, debug: bool = False) -> int:
    """Tell an error on standard error: the exit status."""
    one = single(error)
    if isinstance(one, KeyboardInterrupt):
        return INTERRUPTED
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    status, text = _said(one)
    print(text, file=sys.stderr)
    return status


def _said(error: BaseException) -> tuple[int, str]:
    match error:
        case InvalidMachine() | No():
            return NO, str(error)
        case _ if isinstance(error, (*ANSWERS, BrokenBegin)):
            return NO, f"detent: {error}"
        case Usage() | AuthorError() | CallerError():
            return WRONG, f"detent: {error}"
        case WorldError():
            return WORLD, f"detent: {error}"
        case OSError():
            name = f"{error.filename}: " if error.filename else ""
            return WORLD, f"detent: {name}{error.strerror or error}"
        case KernelBug():
            return BUG, f"detent: a promise of Detent was broken, please report it: {error}"
        case _:
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            return BUG, f"detent: nobody foresaw this: {what} (see where with --debug)"
