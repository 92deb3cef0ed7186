"""A log that was written once, and logs that are written by other versions of Python: all are replayed here."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from detent.kernel import Entry, read_log, replay, verify_log
from tests.kernel.replayer.corpus import WALKS, logs, parcel

STORED = Path(__file__).parent / "recorded.run.jsonl"
"""Written by Python 3.11, by `python -m tests.kernel.replayer`."""
ROOT = Path(__file__).parents[3]
OLDEST, NEWEST = 11, 16
"""Minor versions of Python that are looked for."""
NEEDS = "import attrs, msgspec"


def lines_now() -> list[bytes]:
    """The corpus, as this Python writes it."""
    return [line for lines in logs().values() for line in lines]


def test_a_log_that_was_stored_is_replayed() -> None:
    with STORED.open("rb") as stored:
        found = replay(stored, parcel())

    assert (found.divergence, found.changed, found.torn) == (None, (), False)
    assert found.entries == 38


def test_a_log_that_was_stored_is_as_it_was_written() -> None:
    with STORED.open("rb") as stored:
        heads = verify_log(stored)
    with STORED.open("rb") as stored:
        entries = [line for line in read_log(stored) if isinstance(line.what, Entry)]

    assert heads == {line.run: line.what.hash for line in entries if isinstance(line.what, Entry)}
    assert list(heads) == list(WALKS)


def test_what_is_written_now_is_what_was_written_then() -> None:
    assert lines_now() == STORED.read_bytes().splitlines(keepends=True)


def pythons() -> Iterator[str]:
    """Other versions of Python that are installed: on the path, and by pyenv."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(OLDEST, NEWEST):
        name = f"python3.{minor}"
        places = [shutil.which(name), *map(str, sorted(kept.glob(f"*/bin/{name}")))]
        if minor != sys.version_info.minor:
            yield from dict.fromkeys(place for place in places if place)


@pytest.mark.parametrize("python", [*pythons()] or [""])
def test_what_another_python_writes_is_the_same(python: str) -> None:
    if not python:
        pytest.skip("no other version of Python is installed")
    if told(python, "-c", NEEDS).returncode:
        pytest.skip(f"{python} has not all of it ({NEEDS})")

    done = told(python, "-m", "tests.kernel.replayer")

    assert done.stderr == b""
    assert done.stdout.splitlines(keepends=True) == lines_now()


def told(*command: str) -> "subprocess.CompletedProcess[bytes]":
    """What a program prints when it is run where the tests are."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
