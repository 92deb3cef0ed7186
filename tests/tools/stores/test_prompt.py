"""What is written where it is asked: as long as that is quick, and without a log that grows for ever."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

import pytest

from detent.kernel import Committed
from detent.tools.stores.sqlite.haste import PAUSE
from detent.tools.stores.sqlite.opening import brought_up, connected
from detent.tools.stores.sqlite.prompt import BRIEF, MANY, Prompt
from detent.tools.stores.sqlite.schema import MIGRATIONS
from detent.tools.stores.sqlite.writing import Clerk
from detent.tools.testing.contracts.diary import Said, Writer, begun
from tests.tools.stores.files import Watch


class Desk:
    """A prompt of its own, with who uses it."""

    def __init__(self, path: Path, watch: Watch, waits: bool) -> None:
        self.nudges = 0
        self.turn = Lock()
        self.base = connected(str(path), len(MIGRATIONS), "full" if waits else "normal")
        self.thread = connected(str(path), len(MIGRATIONS), "normal")
        clerk = Clerk(self.thread, remembers=True)
        self.prompt = Prompt(self.base, clerk, self.turn, self._nudge, waits=waits, timer=watch)
        self.writer: Writer = begun("run").writer
        assert isinstance(self.prompt.write(begun("run").write), Committed)

    def _nudge(self) -> None:
        self.nudges += 1

    def says(self, text: str = "x") -> bool:
        """Write one entry; whether it was written at once."""
        made = self.writer.take((Said(text), None))
        is_written = isinstance(self.prompt.write(made.write), Committed)
        if is_written:
            self.writer = made.writer
        return is_written

    def close(self) -> None:
        """Close both connections."""
        self.base.close()
        self.thread.close()


@contextmanager
def opened(path: Path, watch: Watch | None = None, waits: bool = False) -> Generator[Desk]:
    """A new file, and who writes in it."""
    brought_up(str(path), MIGRATIONS)
    with closing(Desk(path, watch or Watch(), waits)) as desk:
        yield desk


def test_a_disk_that_answers_soon_is_waited_for(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db", waits=True) as desk:
        assert all(desk.says() for _ in range(2 * PAUSE))


def test_a_slow_disk_is_left_to_the_thread_for_longer_each_time(tmp_path: Path) -> None:
    watch = Watch()
    with opened(tmp_path / "runs.db", watch, waits=True) as desk:
        watch.takes = 2 * BRIEF
        assert desk.says()  # who waited for it was told that it is written
        assert not any(desk.says() for _ in range(PAUSE))

        assert desk.says()
        assert not any(desk.says() for _ in range(2 * PAUSE))

        watch.takes = BRIEF / 2
        assert all(desk.says() for _ in range(PAUSE))
        watch.takes = 2 * BRIEF
        assert desk.says()
        assert [desk.says() for _ in range(PAUSE + 1)] == [*[False] * PAUSE, True]


def test_what_waits_for_no_disk_is_not_timed(tmp_path: Path) -> None:
    watch = Watch()
    watch.takes = 1.0
    with opened(tmp_path / "runs.db", watch) as desk:
        assert all(desk.says() for _ in range(PAUSE))


def test_nothing_is_written_while_the_thread_writes(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as desk:
        with desk.turn:
            assert not desk.says()
        assert desk.says()


def test_the_log_is_begun_anew_after_many_writes(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    log = Path(f"{path}-wal")
    with opened(path) as desk:
        while not desk.nudges:
            assert desk.says()
        desk.prompt.empty(desk.thread)
        size = log.stat().st_size

        for _ in range(MANY // 2):
            assert desk.says()

        assert log.stat().st_size == size
        assert desk.nudges == 1


def test_a_log_that_somebody_reads_is_emptied_later(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with opened(path) as desk, closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entries").fetchone()
        while desk.nudges < 2:
            assert desk.says()
            if desk.prompt.is_full:
                desk.prompt.empty(desk.thread)
        reader.execute("ROLLBACK")

        while desk.nudges < 3:
            assert desk.says()
        desk.prompt.empty(desk.thread)
        assert desk.says()

    with closing(sqlite3.connect(path)) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("waits", [True, False])
def test_what_is_large_is_left_to_the_thread(tmp_path: Path, waits: bool) -> None:
    with opened(tmp_path / "runs.db", waits=waits) as desk:
        made = desk.writer.take(*[(Said("y" * 5_000), None)] * 20)

        assert desk.prompt.write(made.write) is None
        assert desk.says()
