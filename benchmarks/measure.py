"""How the benchmarks measure: everything in turn, round after round, and the best round of each counts.

Other work on a machine makes things slower, never faster; so the least time is the one nearest to the truth, and two
things measured in turn have had the same weather.
"""

import gc
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["best_of", "exponent", "least_of", "resident", "table"]


def best_of(
    works: Mapping[str, Callable[[], object]], *, number: int = 1, rounds: int = 15
) -> dict[str, float]:
    """The least time of one call of each work, in microseconds. Each is called `number` times a round."""
    least = dict.fromkeys(works, math.inf)
    for _ in range(rounds):
        for name, work in works.items():
            began = time.perf_counter()
            for _ in range(number):
                work()
            least[name] = min(least[name], (time.perf_counter() - began) / number * 1e6)
    return least


def least_of(works: Mapping[str, Callable[[], float]], *, rounds: int = 7) -> dict[str, float]:
    """The least of what each work says that it took. What was left of the others is thrown away before."""
    least = dict.fromkeys(works, math.inf)
    for _ in range(rounds):
        for name, work in works.items():
            gc.collect()
            least[name] = min(least[name], work())
    return least


def resident() -> int:
    """The bytes of memory that this process takes up now (on Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def exponent(costs: Mapping[int, float]) -> float:
    """How a cost grows with a size: the slope of the straight line through the logarithms."""
    points = [(math.log(size), math.log(cost)) for size, cost in costs.items()]
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in points)
    return rise / sum((x - middle_x) ** 2 for x, _ in points)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, for people."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (head, *rows)
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
