"""A watchdog for steps: whatever of the author's code does not return is named.

Rule 1: it bites where it is watching: an exception is raised inside the code that does not return, so that the step
        itself tells which guard or update it was.
It needs the alarm of Unix and the main thread; elsewhere it sleeps.
"""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["PATIENCE", "NotReturning", "watchdog"]

PATIENCE = 10.0  # seconds for a step, which takes microseconds


class NotReturning(Exception):
    """Raised inside what runs for longer than it may."""


@contextmanager
def watchdog(seconds: float = PATIENCE) -> Generator[None]:
    """Raise NotReturning in whatever is still running after so many seconds."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def bite(number: int, frame: FrameType | None) -> None:
        raise NotReturning(f"it has not returned after {seconds} s")

    before = signal.signal(signal.SIGALRM, bite)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)  # checked steps are taken again
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
