"""What is done in the thread of the loop as long as that takes less time than to ask another thread.

Rule 1: once it has not, it is left to the other for a while, and for longer each time; what is brief again is trusted
        again.
"""

from collections.abc import Callable
from time import perf_counter

__all__ = ["PAUSE", "Haste"]

PAUSE, LONGEST_PAUSE = 50, 6_400
"""How many times something is left to a thread after it has taken longer: twice as many each time."""


class Haste:
    """Whether something is brief: it takes so many seconds at most."""

    def __init__(self, brief: float, timer: Callable[[], float] = perf_counter) -> None:
        self._brief = brief
        self._timer = timer
        self._began = 0.0
        self._left = 0
        self._pause = PAUSE

    def begins(self) -> bool:
        """Whether to do it here; then the time runs."""
        if self._left:
            self._left -= 1
            return False
        self._began = self._timer()
        return True

    def ends(self) -> None:
        """It is done."""
        if self._timer() - self._began > self._brief:
            self._left = self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        else:
            self._pause = PAUSE
