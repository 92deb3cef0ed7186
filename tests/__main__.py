"""`python -m tests`: format, lint, types, doctests, tests. The one command to know.

    python -m tests            everything, with short forms of the tortures
    python -m tests --long     everything, with the tortures at full length
    python -m tests --fast     only doctests and tests, without counting what they cover
    python -m tests ... -k x   what is unknown here goes to pytest

Every part is run, also after one has failed; the exit code says whether all of them passed.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(arguments: list[str]) -> int:
    """Run the parts one after the other; 0 if all passed."""
    os.chdir(ROOT)
    own = {"--long", "--fast"}
    chosen = own & set(arguments)
    if "--long" in chosen:
        os.environ["DETENT_LONG"] = "1"
    rest = [argument for argument in arguments if argument not in own]
    if "--fast" in chosen:
        parts = [("tests", python("-m", "pytest", *rest))]
    else:
        parts = [
            *checks(),
            ("tests", python("-m", "coverage", "run", "-m", "pytest", *rest)),
            ("coverage of kernel/", python("-m", "coverage", "report")),
        ]
    failed = [name for name, command in parts if not passed(name, command)]
    print(f"\nfailed: {', '.join(failed)}" if failed else f"\nall {len(parts)} parts passed")
    return 1 if failed else 0


def checks() -> list[tuple[str, list[str]]]:
    """What is looked at without running it. Type checkers read the tests that are written for them too."""
    return [
        ("format", python("-m", "ruff", "format", "--check", ".")),
        ("lint", python("-m", "ruff", "check", ".")),
        ("types, mypy --strict", python("-m", "mypy")),
        ("types, pyright strict", python("-m", "pyright", "--pythonpath", sys.executable)),
    ]


def python(*arguments: str) -> list[str]:
    """A command for the Python that runs this."""
    return [sys.executable, *arguments]


def passed(name: str, command: list[str]) -> bool:
    """Run one part; its output is its own."""
    print(f"\n--- {name}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    print(f"--- {name}: {'passed' if code == 0 else 'FAILED'} in {time.monotonic() - began:.1f} s")
    return code == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
