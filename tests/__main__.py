"""`python -m tests`: format, lint, types, doctests, tests. The one command to know.

    python -m tests            everything, with short forms of the tortures
    python -m tests --long     everything, with the tortures at full length; what is covered is not counted again
    python -m tests --fast     only doctests and tests, without counting what they cover
    python -m tests --few      the same, with a quarter of the examples: to see whether another Python does as well
    python -m tests ... -k x   what is unknown here goes to pytest

Every part is run, also after one has failed; the exit code says whether all of them passed.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHUNKS = (
    *("tests/stories", "tests/tools", "tests/kernel/scxml", "tests/kernel/runtime"),
    *("tests/kernel/scheduler", "tests/kernel/replayer", "tests/kernel/journal"),
)
POINTS = "tests/stories/test_crash_points.py"
BARE = (POINTS, "tests/house", "tests/typing")
REST = ("tests", *(f"--ignore={folder}" for folder in (*CHUNKS, *BARE)))
"""What is run side by side, two at a time, as soon as there is room: two processors are soon found.

What is bare is not counted: it reaches nothing of the kernel that the others do not."""
PATIENCE = 3600
"""After how many seconds a torture at full length is taken to hang: twenty times as many examples, counted, on a busy
machine, and what fails is made smaller for minutes."""


def main(arguments: list[str]) -> int:
    """Run the parts one after the other; 0 if all passed."""
    os.chdir(ROOT)
    own = {"--long", "--fast", "--few"}
    chosen = own & set(arguments)
    if "--long" in chosen:
        os.environ["DETENT_LONG"] = "1"
    if "--few" in chosen:
        os.environ["DETENT_FEW"] = "1"
    rest = [argument for argument in arguments if argument not in own]
    is_fast, counted = bool(chosen & {"--fast", "--few"}), not chosen
    failed = [name for name, command in ([] if is_fast else checks()) if not passed(name, command)]
    if rest:
        tests = [pytest(counted, *rest)]
    else:
        chunks = (REST, *((folder, f"--ignore={POINTS}") for folder in CHUNKS))
        tests = [pytest(False, *BARE), *(pytest(counted, *chunk) for chunk in chunks)]
    if not passed_together("tests", tests):
        failed.append("tests")
    if counted:
        passed("what is covered, taken together", python("-m", "coverage", "combine", "--quiet"))
        if not passed("coverage of kernel/", python("-m", "coverage", "report")):
            failed.append("coverage of kernel/")
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall parts passed")
    return 1 if failed else 0


def pytest(is_counted: bool, *arguments: str) -> list[str]:
    """A run of pytest, which may count what it covers."""
    counting = ("-m", "coverage", "run", "--parallel-mode") if is_counted else ()
    patience = ("-o", f"faulthandler_timeout={PATIENCE}") if os.environ.get("DETENT_LONG") else ()
    return python(*counting, "-m", "pytest", *patience, *arguments)


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


def passed_together(name: str, commands: list[list[str]]) -> bool:
    """Run several commands, two at a time; each shows what it said when it is done."""
    print(f"\n--- {name}", flush=True)
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(_told, commands))
    word = "FAILED" if any(codes) else "passed"
    print(f"--- {name}: {word} in {time.monotonic() - began:.1f} s")
    return not any(codes)


def _told(command: list[str]) -> int:
    with tempfile.TemporaryFile() as said:
        code = subprocess.run(
            command, stdout=said, stderr=subprocess.STDOUT, check=False
        ).returncode
        said.seek(0)
        print(said.read().decode(errors="replace"), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
