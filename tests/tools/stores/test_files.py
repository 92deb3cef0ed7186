"""Several connections to a file, in several processes: nobody takes himself for the last one who is not."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio

from detent.tools.stores import SQLite
from detent.tools.stores.sqlite.files import Connection, first_bytes
from detent.tools.testing.contracts.diary import Said, begun
from tests.tools.stores.files import filled

SEND = """
import sys, trio
from detent.kernel import Delivery
from detent.tools.stores import SQLite
async def main(path, run, key):
    async with SQLite(path).visit() as journal:
        print(await journal.deliver([Delivery(run, key, {"$": "Said", "text": key})]))
trio.run(main, *sys.argv[1:])
"""


def sent(path: Path, key: str) -> None:
    """Another process comes, sends something, and goes."""
    command = [sys.executable, "-c", SEND, str(path), "a", key]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Committed" in done.stdout


def fds(path: Path) -> list[str]:
    """The files of this process that are this one, or beside it."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("there is no /proc here to see open files in")
    links = [link for one in os.listdir(folder) if os.path.islink(link := f"{folder}/{one}")]
    names = [os.readlink(link) for link in links]
    return [name for name in names if name.startswith(str(path))]


def test_who_comes_and_goes_leaves_the_write_ahead_log_to_who_stays(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    made = begun("a")

    async def main() -> tuple[list[str], int]:
        heard: list[str] = []
        tell, told = trio.open_memory_channel[str](10)
        async with SQLite(path).open() as journal:
            await journal.append([made.write])
            journal.listen(tell.send_nowait)
            for number in range(3):
                await trio.to_thread.run_sync(sent, path, f"key {number}")
                with trio.fail_after(60):
                    heard.append(await told.receive())
            more: Any = made.writer.take((Said("after them"), "mine"))
            await journal.append([more.write])
            async with SQLite(path).read() as other:
                return heard, len(await other.entries("a"))

    heard, entries = trio.run(main)

    assert heard == ["a", "a", "a"]
    assert entries == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["runs.db", "runs.db.lock"]


def test_a_file_that_is_looked_at_beside_a_connection_stays_open_as_long_as_that(
    tmp_path: Path,
) -> None:
    path = tmp_path / "runs.db"
    filled(path, "a")

    assert first_bytes(str(path), 6) == b"SQLite"
    assert fds(path) == []
    with closing(Connection(str(path), path=str(path))) as one:
        with closing(Connection(str(path), path=str(path))):
            one.execute("SELECT count(*) FROM runs").fetchone()
            before = len(fds(path))
            assert first_bytes(str(path), 6) == b"SQLite"
            assert first_bytes(str(path), 3) == b"SQL"
            assert len(fds(path)) == before + 1
        assert first_bytes(str(path), 6) == b"SQLite"
    assert fds(path) == []


def test_a_connection_that_cannot_be_opened_is_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()

    with pytest.raises(Exception, match="unable to open"):
        Connection(str(path), path=str(path))

    with pytest.raises(OSError, match="Is a directory"):
        first_bytes(str(path), 6)
    assert fds(path) == []
