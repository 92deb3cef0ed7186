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
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
FIRST = (
    *("tests/kernel/replayer", "tests/kernel/decisions", "tests/kernel/runtime"),
    *("tests/kernel/scheduler", "tests/stories", "tests/tools", "tests/typing", "tests/house"),
)
HALVES = (FIRST, ("tests", *(f"--ignore={folder}" for folder in FIRST)))
"""What is run side by side: two processors are soon found, and it takes about as long."""
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
    tests = [pytest(counted, *rest)] if rest else [pytest(counted, *half) for half in HALVES]
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
    """Run several commands side by side; each shows what it says when it is done."""
    print(f"\n--- {name}", flush=True)
    began = time.monotonic()
    first, *others = commands
    with ExitStack() as open_files:
        told = [open_files.enter_context(tempfile.TemporaryFile()) for _ in others]
        running = [
            subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
            for command, file in zip(others, told, strict=True)
        ]
        codes = [subprocess.run(first, check=False).returncode]
        for process, file in zip(running, told, strict=True):
            codes.append(process.wait())
            file.seek(0)
            print(file.read().decode(errors="replace"), flush=True)
    word = "FAILED" if any(codes) else "passed"
    print(f"--- {name}: {word} in {time.monotonic() - began:.1f} s")
    return not any(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
