"""How a command ends: what its exit status says, and the errors that only the command line has.

Rule 1: nothing of the kernel is imported here: who asks for help does not wait for it.
"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import Any

__all__ = [
    "BUG",
    "DONE",
    "INTERRUPTED",
    "NO",
    "WAITS",
    "WORLD",
    "WRONG",
    "Leave",
    "No",
    "Usage",
    "leaving_at_once",
    "single",
]

DONE = 0
NO = 1
"""The answer is no: a machine with mistakes, a run that failed, logs that part, a log that is damaged."""
WRONG = 2
"""The command was wrong: an option, a machine, a run, an event or a value that there is not."""
WORLD = 3
"""The world did not do its part: no store, a store in use, a disk that is full."""
WAITS = 4
"""The run is not over: it waits for an answer or an event."""
BUG = 70
"""An error nobody foresaw."""
INTERRUPTED = 130


@contextmanager
def leaving_at_once() -> Generator[None]:
    """While modules are loaded, Ctrl-C ends the process there and then: half of them are of no use to anybody."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(*_: object) -> None:
    os._exit(INTERRUPTED)


class Usage(Exception):
    """The command was wrong; its text is one sentence that says what would have been right."""


class No(Exception):
    """What a command found that should not be so."""


class Leave(Exception):
    """The command has said all: with which status it ends."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


def single(error: BaseException) -> BaseException:
    """The one error of a group that holds one."""
    one: Any = error
    while _holds_one(one):
        one = one.exceptions[0]
    alone: BaseException = one
    return alone


def _holds_one(error: Any) -> bool:
    held: Any = getattr(error, "exceptions", ())
    return isinstance(error, BaseExceptionGroup) and len(held) == 1
