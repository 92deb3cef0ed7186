"""What it costs to begin: `detent --help`, beside an interpreter that does nothing, and the import of trio.

The budget is three times an interpreter that does nothing, and one import of trio.
"""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.measure import best_of, table

DETENT = str(Path(sys.executable).with_name("detent"))
WORKS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import trio'": [sys.executable, "-c", "import trio"],
    "detent --help": [DETENT, "--help"],
    "detent run --help": [DETENT, "run", "--help"],
    "detent check MACHINE": [DETENT, "check", "examples.order:order"],
    "import detent.kernel": [sys.executable, "-c", "import detent.kernel"],
}
TIMES = 3  # the budget, in interpreters that do nothing


def main() -> None:
    """Print what each takes, and what of the budget is used."""
    works: dict[str, Callable[[], object]] = {
        name: partial(subprocess.run, command, check=True, capture_output=True)
        for name, command in WORKS.items()
    }
    least = best_of(works, rounds=15)
    nothing = least["python -c pass"]
    rows = [
        [name, f"{cost / 1000:.1f} ms", f"{cost / nothing:.1f} x"] for name, cost in least.items()
    ]
    print(table(("what", "takes", "of nothing"), rows))
    trio = least["python -c 'import trio'"] - nothing
    budget = TIMES * nothing + trio
    used = least["detent --help"]
    print(
        f"\nbudget of detent --help: 3 x nothing + import trio = {budget / 1000:.1f} ms; ", end=""
    )
    print(f"it takes {used / budget:.2f} of that")


if __name__ == "__main__":
    main()
