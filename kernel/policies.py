"""How often an effect is tried again, as data.

Left out on purpose: carrying a policy out, which needs a clock, and is the scheduler's.
"""

import math
from typing import TypeGuard, cast

from attrs import frozen

__all__ = ["LONGEST_WAIT", "Retry", "is_wait"]

LONGEST_WAIT = (
    1_000_000_000  # seconds: thirty years; what is to wait longer is to wait for something else
)


def is_wait(seconds: object) -> TypeGuard[float]:
    """Whether something is a number of seconds that somebody may wait."""
    return type(seconds) in (int, float) and 0 <= cast(float, seconds) <= LONGEST_WAIT


@frozen
class Retry:
    """Try again after a delay that grows, with a limit to everything.

    `attempts` counts the first one too. The n-th delay is `base * factor ** (n - 1)`, at most `cap`, lengthened by
    up to `jitter` of itself; `total` bounds the time over all attempts. Trying again at once must be spelled out:
    `base=0`.
    """

    attempts: int = 3
    base: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: float = 0.5
    total: float = 600.0

    def mistakes(self) -> tuple[str, ...]:
        """What is wrong with the numbers, if anything."""
        found: list[str] = []
        if type(self.attempts) is not int or self.attempts < 1:
            found.append(
                f"attempts={self.attempts!r} is no number of attempts: it counts the first one too"
            )
        for name in ("base", "factor", "cap", "jitter", "total"):
            number: object = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | float):
                found.append(f"{name}={number!r} is no number")
            elif not 0 <= number < math.inf:
                found.append(f"{name}={number!r} must be zero or more, and finite")
        return tuple(found)
