"""What is read where it is asked: runs of which there is little to read, as long as that is quick."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from detent.kernel import Committed, DamagedStore, Journal, Loaded
from detent.tools.stores import SQLite
from detent.tools.stores.sqlite.glance import BRIEF, SHORT, Glance
from detent.tools.stores.sqlite.haste import PAUSE
from detent.tools.stores.sqlite.opening import looking
from detent.tools.stores.sqlite.reading import ANY, MANY, Reader, TooLong
from detent.tools.stores.sqlite.schema import MIGRATIONS
from detent.tools.testing.contracts.diary import Said, Told, Writer, begun
from tests.tools.stores.files import Watch, driven, filled


@contextmanager
def glancing(path: Path, watch: Watch | None = None) -> Generator[Glance]:
    """A glance at a file, in which everything takes as long as somebody says."""
    with closing(looking(str(path), len(MIGRATIONS))) as base:
        yield Glance(base, str(path), watch or Watch())


def with_run(path: Path, *signals: Any) -> Loaded:
    """A file with one run to which something has happened, one after the other; what is read of it."""

    async def write(journal: Journal) -> Loaded:
        made = begun("run")
        verdicts = await journal.append([made.write])
        writer: Writer = made.writer
        for signal in signals:
            made = writer.take((signal, None))
            verdicts = await journal.append([made.write])
            assert isinstance(verdicts[0], Committed)
            writer = made.writer
        loaded = await journal.load("run")
        assert loaded is not None
        return loaded

    loaded: Loaded = driven(SQLite(path), write)
    return loaded


def test_a_short_run_is_read_where_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    loaded = with_run(path, Said("hello"), Said("again"))

    with glancing(path) as glance:
        assert glance.load("run") == (loaded, True)
        assert glance.load("another") == (None, True)


@pytest.mark.parametrize(
    "signals", [[Said("x" * 20_000)] * 4, [Told("x" * SHORT)]], ids=["entries", "beside"]
)
def test_what_is_long_is_left_to_the_threads(tmp_path: Path, signals: list[Any]) -> None:
    path = tmp_path / "runs.db"
    with_run(path, *signals)

    with glancing(path) as glance:
        assert glance.load("run") == (None, False)


def test_no_more_is_read_than_shows_that_a_run_is_long(tmp_path: Path) -> None:
    short, long = tmp_path / "short.db", tmp_path / "long.db"
    point = with_run(short, *[Said("x")] * 300).checkpoint
    with_run(long, Said("x" * 100_000), *[Said("x")] * MANY)
    assert point is not None

    with closing(looking(str(short), len(MIGRATIONS))) as base, pytest.raises(TooLong):
        Reader(base, str(short)).load("run", len(point.body) - 1)
    with closing(looking(str(long), len(MIGRATIONS))) as base, pytest.raises(TooLong):
        Reader(base, str(long)).load("run", ANY)


def test_a_slow_disk_is_left_to_the_threads_for_a_while(tmp_path: Path) -> None:
    path, watch = tmp_path / "runs.db", Watch()
    loaded = with_run(path)

    with glancing(path, watch) as glance:
        watch.takes = 2 * BRIEF
        assert glance.load("run") == (loaded, True)
        assert [glance.load("run")[1] for _ in range(PAUSE + 1)] == [*[False] * PAUSE, True]


def test_nobody_who_has_the_file_is_waited_for(tmp_path: Path) -> None:
    path = filled(tmp_path / "runs.db", "run").path
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        with glancing(Path(path)) as glance:
            other.execute("BEGIN EXCLUSIVE")

            assert glance.load("run") == (None, False)


def test_what_is_damaged_is_told(tmp_path: Path) -> None:
    path = filled(tmp_path / "runs.db", "run").path
    with closing(sqlite3.connect(path)) as base:
        base.execute("UPDATE entries SET body = body || ' '")
        base.commit()

    with (
        glancing(Path(path)) as glance,
        pytest.raises(DamagedStore, match="entry 1 is not as it was written"),
    ):
        glance.load("run")
