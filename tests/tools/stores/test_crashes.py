"""A killed process loses nothing that was acknowledged; what fails is told of, and the file stays sound."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Committed,
    DamagedStore,
    Delivery,
    DetentError,
    Entry,
    Journal,
    StoreFailed,
    Unconfirmed,
)
from detent.tools.stores import SQLite
from detent.tools.testing.contracts.diary import LONG, SCRIBE, Said, Told, begun
from tests.settings import times
from tests.tools.stores.files import another, driven, filled, looked

SAYING = SCRIBE.write_signal(Said("by post"), ())

WRITES = """
import sys, trio
from detent.kernel import Committed
from detent.tools.stores import SQLite
from detent.tools.testing.contracts.diary import Said, begun

async def write(journal, run):
    made = begun(run)
    while True:
        (verdict,) = await journal.append([made.write])
        print(run, verdict.seq, verdict.hash, flush=True)
        made = made.writer.take((Said("x" * 300), None))

async def main():
    async with SQLite(sys.argv[1], durability=sys.argv[2]).open() as journal:
        async with trio.open_nursery() as nursery:
            for run in "abc":
                nursery.start_soon(write, journal, run)

trio.run(main)
"""


@pytest.mark.parametrize("durability", ["normal", "full"])
@pytest.mark.parametrize("lines", [1, 40, 333])
def test_what_was_acknowledged_to_a_process_that_is_killed_is_there(
    tmp_path: Path, durability: str, lines: int
) -> None:
    path = tmp_path / "runs.db"
    with another(WRITES, path, durability) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.read().splitlines()

    async def check(journal: Journal) -> None:
        for line in said:
            words = line.split()
            if len(words) == 3 and len(words[2]) == 64:  # the last may be cut
                assert await journal.holds(words[0], int(words[1]), words[2])
        for run, _ in await journal.find():
            loaded, entries = await journal.load(run), await journal.entries(run, limit=10_000)
            assert loaded is not None
            assert loaded.head == (entries[-1].seq, entries[-1].hash)

    driven(SQLite(path), check)


# -- no room


def test_a_full_disk_is_told_of_and_the_file_stays_sound(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "runs.db", most=300_000)
    reached: list[Any] = []

    async def fill(journal: Journal) -> None:
        made = begun("a")
        await journal.append([made.write])
        while True:
            more = made.writer.take((Said("x" * LONG), None))
            (verdict,) = await journal.append([more.write])
            if not isinstance(verdict, Committed):
                break
            made = more
        assert isinstance(verdict, Unconfirmed)
        assert "full" in verdict.why
        last = more.write.entries[-1]
        assert not await journal.holds("a", last.seq, last.hash)
        many = [begun(run, data=made.writer.now.data).write for run in "bcd"]
        verdicts = await journal.append([more.write, *many])
        assert {type(one) for one in verdicts} == {Unconfirmed}
        (sent,) = await journal.deliver([Delivery("a", "k", "x" * 300_000)])
        assert isinstance(sent, Unconfirmed)
        loaded = await journal.load("a")
        assert loaded is not None
        assert loaded.head == made.writer.after
        reached.append(more)

    async def go_on(journal: Journal) -> None:
        more = reached[0]
        assert await journal.append([more.write]) == (Committed(*more.writer.after),)

    driven(store, fill)
    driven(SQLite(store.path), go_on)
    assert is_sound(tmp_path / "runs.db")


def test_who_waits_too_long_for_another_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs.db", "a")
    other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)

    async def write(journal: Journal) -> None:
        made = begun("b")
        vars(journal)["_clerk"]._base.execute("PRAGMA busy_timeout = 1")
        other.execute("BEGIN IMMEDIATE")
        (verdict,) = await journal.append([made.write])
        assert isinstance(verdict, Unconfirmed)
        assert "locked" in verdict.why
        with pytest.raises(StoreFailed, match="locked"):
            await journal.claim(["a"])
        other.execute("ROLLBACK")
        assert await journal.append([made.write]) == (Committed(*made.writer.after),)
        assert await journal.claim(["a"]) == {"a": 1}

    driven(store, write)
    other.close()


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a file."""
    base = sqlite3.connect(path)
    said: str = base.execute("PRAGMA integrity_check").fetchone()[0]
    base.close()
    return said == "ok"


# -- damage


@frozen
class Whole:
    """A file that is not damaged, and the entries of its runs."""

    path: Path
    text: bytes
    known: dict[str, tuple[Entry, ...]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A file with two runs, and what they are."""
    path = tmp_path_factory.mktemp("whole") / "runs.db"
    known: dict[str, tuple[Entry, ...]] = {}

    async def read(journal: Journal) -> None:
        for run in "ab":
            known[run] = await journal.entries(run)

    driven(filled(path, "a", "b", pages=12), read)
    return Whole(path, path.read_bytes(), known)


@settings(max_examples=times(60))
@given(st.integers(0, 10**9), st.integers(1, 255), st.integers(1, 64))
def test_a_changed_byte_is_told_of_or_changes_nothing_that_has_a_hash(
    whole: Whole, place: int, change: int, count: int
) -> None:
    path = whole.path.parent / "changed.db"
    text = bytearray(whole.text)
    for offset in range(count):
        text[(place + offset) % len(text)] ^= change
    path.write_bytes(text)

    async def read(journal: Journal) -> None:
        for run in "ab":
            try:
                loaded, entries = await journal.load(run), await journal.entries(run)
            except DetentError:
                continue
            if loaded is not None:
                known = whole.known[run]
                assert entries == known[: len(entries)]
                assert loaded.entries == known[: len(loaded.entries)]
        for asked in (
            journal.find(),
            journal.inbox("a"),
            journal.shapes(),
            journal.taken("a", "k"),
        ):
            try:
                await asked
            except DetentError:
                continue

    with suppress(DetentError):
        looked(SQLite(path), read)


def changed(before: str, after: str, column: str = "body") -> str:
    """What replaces a text in a column of bytes."""
    return f"CAST(replace(CAST({column} AS TEXT), '{before}', '{after}') AS BLOB)"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (f"UPDATE entries SET body = {changed('page 1', 'page 7')}", "entry 3 is not"),
        ("DELETE FROM entries WHERE id % 4294967296 = 2", "entry 2 is not"),
        (f"UPDATE runs SET header = {changed('diary', 'fairy', 'header')}", "header"),
        ("UPDATE runs SET header = zeroblob(3)", "header"),
        (
            "UPDATE runs SET run = 'd' WHERE run = 'a'; UPDATE runs SET run = 'a' WHERE run = 'b'",
            "b",
        ),
        ("UPDATE runs SET status = 'asleep'", "how it stands"),
        ("UPDATE runs SET seq = 'x'", "how it stands"),
        ("UPDATE runs SET hash = zeroblob(32)", "header"),
        (
            "INSERT INTO checkpoints VALUES (1, 2, zeroblob(32), zeroblob(2))",
            "checkpoint after entry 2",
        ),
        ("UPDATE inbox SET event = '{'", "inbox of run 'a'"),
        ("UPDATE cells SET value = '{'", "cell 'c'"),
        ("UPDATE beside SET body = zeroblob(2) WHERE NOT is_sealed", "lies under"),
    ],
)
def test_what_was_changed_is_named(tmp_path: Path, change: str, what: str) -> None:
    path = tmp_path / "runs.db"
    store = filled(path, "a", "b")

    async def add(journal: Journal) -> None:
        await journal.deliver([Delivery("a", "letter", SAYING)])
        loaded = begun("c").writer
        made = begun("c").write
        await journal.append([made])
        more = loaded.take((Said("y" * LONG * 3), None))
        await journal.append([more.write])

    driven(store, add)
    base = sqlite3.connect(path)
    base.execute("INSERT INTO cells VALUES ('c', '1', 1)")
    base.commit()
    base.executescript(change)
    base.close()

    async def read(journal: Journal) -> None:
        await journal.load("a")
        await journal.inbox("a")
        await journal.cells(["c"])
        await journal.load("c")

    with pytest.raises(DamagedStore, match=what):
        driven(store, read)


# -- what is erased


@settings(max_examples=times(15))
@given(st.lists(st.integers(1, 1_500), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_what_is_erased_is_in_no_file_any_more(
    whole: Whole, sizes: list[int], chance: Random
) -> None:
    path = whole.path.parent / "erased.db"
    for left in path.parent.glob("erased.db*"):
        left.unlink()
    gone: list[bytes] = []

    async def use(journal: Journal) -> None:
        made = begun("a")
        await journal.append([made.write])
        sealed: dict[str, bytes] = {}
        for number, size in enumerate(sizes):
            made = made.writer.take((Told(f"{number} " + "x" * size), None))
            await journal.append([made.write])
            sealed |= {one.digest: one.body for one in made.write.beside if one.is_sealed}
        chosen = [digest for digest in sealed if chance.random() < 0.6]
        while chosen:
            some, chosen = chosen[:7], chosen[7:]
            assert await journal.erase(some) == len(some)
            gone.extend(sealed[digest] for digest in some)
        files = b"".join(one.read_bytes() for one in path.parent.glob("erased.db*"))
        assert [body for body in gone if body[-40:] in files] == []

    driven(SQLite(path), use)
    assert [body for body in gone if body[-40:] in path.read_bytes()] == []


# -- visitors


SENDS = """
import sys, trio
from detent.kernel import Delivery
from detent.tools.stores import SQLite

async def main():
    async with SQLite(sys.argv[1]).visit() as journal:
        for line in sys.stdin:
            run, key = line.split()
            (verdict,) = await journal.deliver([Delivery(run, key, "by post")])
            print(type(verdict).__name__, flush=True)

trio.run(main)
"""


def test_what_another_process_sends_is_heard_and_read(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs.db", "a", "b")
    heard: list[str] = []

    async def main() -> None:
        bell = trio.Event()

        def hear(run: str) -> None:
            heard.append(run)
            if len(heard) == 4:
                bell.set()

        with another(SENDS, store.path) as process:
            async with store.open() as journal:
                assert process.stdin is not None
                assert process.stdout is not None
                journal.listen(hear)
                print("a one\nb two\nnobody two\na one", file=process.stdin, flush=True)
                said = [await trio.to_thread.run_sync(process.stdout.readline) for _ in range(4)]
                assert [one.strip() for one in said] == [
                    *("Committed", "Committed", "Conflict", "Conflict")
                ]
                made = begun("c")
                sent = made.writer.take(sends=(Delivery("a", "quiet", "x"),))
                await journal.append([made.write])
                await journal.append([sent.write])
                await journal.deliver([Delivery("b", "own", "x")])
                print("a three", file=process.stdin, flush=True)
                await trio.to_thread.run_sync(process.stdout.readline)
                with trio.fail_after(60):
                    await bell.wait()
                keys = [one.key for one in await journal.inbox("a")]
                assert keys == ["one", "quiet", "three"]
                assert [one[0] for one in await journal.find(mail=True)] == ["a", "b"]
                assert await journal.taken("a", "three") == 0

    trio.run(main)
    assert sorted(heard) == ["a", "a", "b", "b"]


def test_a_visitor_reads_what_the_driver_writes_meanwhile(tmp_path: Path) -> None:
    store = filled(tmp_path / "runs.db", "a")

    async def main() -> None:
        async with store.open() as journal, store.visit() as visitor, store.read() as reader:
            made = begun("b")
            for n in range(20):
                assert isinstance((await journal.append([made.write]))[0], Committed)
                for other in (visitor, reader):
                    assert len(await other.entries("b")) == n + 1
                made = made.writer.take((Said("x"), None))
                (sent,) = await visitor.deliver([Delivery("b", f"k{n}", n)])
                assert isinstance(sent, Committed)
                assert len(await journal.inbox("b")) == n + 1

    trio.run(main)
