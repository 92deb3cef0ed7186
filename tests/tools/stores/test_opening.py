"""A file is opened only if it is a store, by one who drives it; what cannot be opened is left as it is."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from detent.kernel import (
    Delivery,
    Journal,
    NoStore,
    NotDriving,
    OtherVersion,
    StoreClosed,
    StoreInUse,
    WrongInput,
    fork,
)
from detent.tools.stores import ReadOnly, SQLite
from detent.tools.stores.sqlite.schema import APPLICATION, MIGRATIONS
from detent.tools.testing.contracts.diary import KEY, SCRIBE, Said, begun, forked
from detent.tools.testing.virtual import run_virtually, virtually
from tests.tools.stores.files import another, digest_of, driven, filled, here, looked

SAYING = SCRIBE.write_signal(Said("by post"), ())

DRIVES = """
import sys, trio
from detent.tools.stores import SQLite

async def main():
    async with SQLite(sys.argv[1]).open():
        print("open", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""

WITHOUT_RIGHTS = """
import os, sys, trio
from detent.kernel import DetentError
from detent.tools.stores import SQLite

async def main():
    store = SQLite(sys.argv[1])
    async with store.read() as journal:
        print(len(await journal.entries("a")))
    for opening in (store.open, store.visit):
        try:
            async with opening():
                print("opened")
        except DetentError as error:
            print(type(error).__name__)

if os.getuid() == 0:
    os.setuid(65534)
trio.run(main)
"""


async def nothing(journal: Journal) -> None:
    """Ask nothing."""


async def pages(journal: Journal) -> int:
    """How many entries a run has."""
    return len(await journal.entries("a"))


@pytest.mark.parametrize(
    "given",
    [
        ("",),
        (":memory:",),
        ("x.db", {"durability": "high"}),
        ("x.db", {"most": 10}),
        ("x.db", {"most": True}),
    ],
    ids=str,
)
def test_what_is_no_store_is_refused_when_it_is_made(given: tuple[Any, ...]) -> None:
    with pytest.raises(WrongInput, match="SQLite"):
        SQLite(given[0], **(given[1] if given[1:] else {}))


def test_a_store_is_made_when_it_is_driven_first(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "a file?name#1%20.db")

    driven(store, nothing)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a file?name#1%20.db",
        "a file?name#1%20.db.lock",
    ]


def test_what_a_process_left_of_a_file_it_was_making_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "runs.db.new").write_bytes(b"half a file")
    (tmp_path / "runs.db").touch()

    filled(tmp_path / "runs.db", "a")

    assert looked(SQLite(tmp_path / "runs.db"), pages) == 4
    assert not (tmp_path / "runs.db.new").exists()


@pytest.mark.parametrize("use", [here, looked])
def test_who_does_not_drive_makes_no_file(tmp_path: Path, use: Any) -> None:
    with pytest.raises(NoStore, match="there is no store"):
        use(SQLite(tmp_path / "runs.db"), nothing)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("use", [driven, here, looked])
def test_a_folder_that_is_not_there_is_named(tmp_path: Path, use: Any) -> None:
    with pytest.raises(NoStore, match=r"no folder .*nowhere"):
        use(SQLite(tmp_path / "nowhere" / "runs.db"), nothing)


@pytest.mark.parametrize("use", [driven, here, looked])
def test_a_folder_is_no_store(tmp_path: Path, use: Any) -> None:
    with pytest.raises(NoStore, match="cannot be read"):
        use(SQLite(tmp_path), nothing)


@pytest.mark.parametrize("use", [driven, here, looked])
@pytest.mark.parametrize("text", [b"x", b"SQLite format 3\x00 and no more", b"y" * 5_000])
def test_what_is_no_database_is_left_alone(tmp_path: Path, text: bytes, use: Any) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(text)

    with pytest.raises(NoStore, match="no SQLite file"):
        use(SQLite(path), nothing)

    assert path.read_bytes() == text
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("use", [driven, here, looked])
def test_a_database_of_something_else_is_left_alone(tmp_path: Path, use: Any) -> None:
    path = tmp_path / "runs.db"
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE runs (id)")
    base.close()
    before = digest_of(path)

    with pytest.raises(NoStore, match="of something else"):
        use(SQLite(path), nothing)

    assert digest_of(path) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_log_without_its_file_is_not_taken_for_that_of_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "runs.db-wal").write_bytes(b"x")

    with pytest.raises(NoStore, match="put the file back"):
        driven(SQLite(tmp_path / "runs.db"), nothing)


# -- versions


@pytest.mark.parametrize("use", [driven, here, looked])
def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path, use: Any) -> None:
    path = tmp_path / "runs.db"
    filled(path, "a")
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 99")
    base.close()
    before = digest_of(path)

    with pytest.raises(OtherVersion, match="version 99"):
        use(SQLite(path), nothing)

    assert digest_of(path) == before


NEXT = (
    "ALTER TABLE cells ADD COLUMN since INTEGER NOT NULL DEFAULT 7",
    "CREATE TABLE labels (run INTEGER PRIMARY KEY, label TEXT NOT NULL)",
    "INSERT INTO labels SELECT id, 'old ' || run FROM runs",
)


def test_a_file_of_an_older_version_is_brought_up_to_date_by_who_drives_it(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    filled(path, "a", "b")
    newer = SQLite(path, migrations=(*MIGRATIONS, NEXT))

    for use in (here, looked):
        with pytest.raises(OtherVersion, match="older version"):
            use(newer, nothing)
    assert driven(newer, pages) == 4
    assert here(newer, pages) == looked(newer, pages) == 4

    base = sqlite3.connect(path)
    labels = base.execute("SELECT label FROM labels ORDER BY run").fetchall()
    base.close()
    assert labels == [("old a",), ("old b",)]
    with pytest.raises(OtherVersion, match="version 3"):
        driven(SQLite(path), nothing)


def test_what_forks_begin_with_is_kept_from_the_second_version_on(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    store = filled(path, "a")
    made = forked(fork(begun("a").lines, 1, "b", key=KEY))
    driven(store, lambda journal: journal.append([made.write]))
    base = sqlite3.connect(path)
    base.execute("DROP TABLE openings")
    base.execute("PRAGMA user_version = 1")
    base.close()

    checkpoint = driven(store, lambda journal: journal.opening("b"))

    assert made.write.checkpoint is not None
    assert checkpoint.body == made.write.checkpoint.body
    assert driven(store, lambda journal: journal.opening("a")) is None


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_migration_is_made_whole_or_not_at_all(tmp_path: Path, place: int) -> None:
    path = tmp_path / "runs.db"
    filled(path, "a")
    broken = (*NEXT[:place], "INSERT INTO nowhere VALUES (1)", *NEXT[place:])

    with pytest.raises(Exception, match="nowhere"):
        driven(SQLite(path, migrations=(*MIGRATIONS, broken)), nothing)

    assert driven(SQLite(path), pages) == 4
    assert driven(SQLite(path, migrations=(*MIGRATIONS, NEXT)), pages) == 4


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    filled(tmp_path / "runs.db", "a")
    base = sqlite3.connect(tmp_path / "runs.db")

    said = [
        base.execute(f"PRAGMA {one}").fetchone()[0] for one in ("application_id", "user_version")
    ]

    base.close()
    assert said == [APPLICATION, 2]


# -- who drives


def test_nobody_else_in_the_process_drives_it(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "runs.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "runs.db")

    async def again(journal: Journal) -> None:
        for path in (store.path, tmp_path / "link.db"):
            with pytest.raises(StoreInUse, match=f"driven by process {os.getpid()}"):
                async with SQLite(path).open():
                    pass

    driven(store, again)
    driven(store, nothing)


def test_nobody_else_drives_it_until_the_process_is_dead(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs.db", "a")
    with another(DRIVES, store.path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"

        with pytest.raises(StoreInUse, match=f"driven by process {process.pid}"):
            driven(store, nothing)
        assert here(store, pages) == looked(store, pages) == 4
        process.kill()
        process.wait()

        assert driven(store, pages) == 4


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a process of another user may come to, as it may not to those of pytest."""
    with TemporaryDirectory() as name:
        yield Path(name)
        Path(name).chmod(0o700)


def test_where_nothing_may_be_written_there_is_reading(folder: Path) -> None:
    filled(folder / "runs.db", "a")
    (folder / "runs.db").chmod(0o444)
    (folder / "runs.db.lock").chmod(0o444)
    folder.chmod(0o555)
    before = digest_of(folder / "runs.db")

    with another(WITHOUT_RIGHTS, folder / "runs.db") as process:
        said = process.communicate(timeout=60)[0]

    assert said.split() == ["4", "NoStore", "NoStore"]
    assert digest_of(folder / "runs.db") == before


# -- who may do what


async def refused(journal: Journal, *, sends: bool) -> None:
    """Try what only who drives may do."""
    for what in (journal.append([begun("b").write]), journal.claim(["a"]), journal.erase(["x"])):
        with pytest.raises(NotDriving, match="only"):
            await what
    if not sends:
        with pytest.raises(NotDriving, match="read"):
            await journal.deliver([Delivery("a", "k", SAYING)])
    assert await pages(journal) == 4
    assert (await journal.find(statuses=["waiting"]))[0][0] == "a"
    assert await journal.find(shapes=["another"]) == ()
    assert await journal.shapes()
    assert await journal.next_due(0) is not None
    assert await journal.inbox("a") == ()
    assert await journal.taken("a", "key 1") == 3
    loaded = await journal.load("a")
    assert loaded is not None
    assert await journal.holds("a", *loaded.head)
    assert await journal.outline(loaded.header.shape) is not None
    assert (await journal.cells(["c"]))[0].version == 0
    assert dict(await journal.beside(["d"])) == {}


def test_who_reads_writes_nothing(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs.db", "a")
    before = digest_of(tmp_path / "runs.db")

    looked(store, lambda journal: refused(journal, sends=False))

    assert digest_of(tmp_path / "runs.db") == before


def test_who_visits_only_sends(tmp_path: Path) -> None:
    here(filled(tmp_path / "runs.db", "a"), lambda journal: refused(journal, sends=True))


def test_a_journal_that_is_for_reading_refuses_the_same(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs.db", "a")

    driven(store, lambda journal: refused(ReadOnly(journal), sends=False))


def test_who_listens_to_what_is_for_reading_hears_of_others(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs.db", "a")
    heard: list[str] = []

    async def listen(journal: Journal) -> None:
        ReadOnly(journal).listen(heard.append)
        await journal.deliver([Delivery("a", "k", SAYING), Delivery("b", "k", SAYING)])

    driven(store, listen)

    assert heard == ["a"]


@virtually
async def test_a_journal_is_asked_nothing_when_its_store_is_closed(tmp_path: Path) -> None:
    async with SQLite(tmp_path / "runs.db").open() as journal:
        pass

    with pytest.raises(StoreClosed, match="open it again"):
        await journal.entries("a")
    with pytest.raises(StoreClosed, match="open it again"):
        await journal.append([begun("a").write])


def test_a_block_that_raises_lets_go_of_the_file(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "runs.db")

    async def fail(journal: Journal) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        driven(store, fail)
    run_virtually(lambda: _opened_and_closed(store))


async def _opened_and_closed(store: SQLite) -> None:
    async with store.open():
        pass
