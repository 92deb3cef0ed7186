"""A killed process loses nothing that was acknowledged; what fails is told of, and the file stays sound."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import trio

from detent.kernel import (
    Committed,
    Delivery,
    Journal,
    Standing,
    StoreFailed,
    Unconfirmed,
)
from detent.tools.stores import SQLite
from detent.tools.testing.contracts.diary import LONG, SCRIBE, Said, begun, loaded_writer
from tests.tools.stores.files import another, driven, filled

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


def test_what_cannot_be_written_at_all_takes_nothing_with_it(tmp_path: Path) -> None:
    runs = "abcdefgh"
    store = filled(tmp_path / "runs.db", *runs)
    failures: list[str] = []

    async def write(journal: Journal) -> None:
        async def go_on(run: str) -> None:
            loaded = await journal.load(run)
            assert loaded is not None
            bad = Standing(due=2**70) if run in "cf" else None
            more = loaded_writer(loaded, 0).take((Said("x"), None), standing=bad)
            try:
                verdicts = await journal.append([more.write])
            except OverflowError:
                failures.append(run)
                more = loaded_writer(loaded, 0).take((Said("y"), None))
                verdicts = await journal.append([more.write])
            assert verdicts == (Committed(*more.writer.after),)

        async with trio.open_nursery() as nursery:
            for run in runs:
                nursery.start_soon(go_on, run)

    driven(store, write)
    assert sorted(failures) == ["c", "f"]
    assert is_sound(tmp_path / "runs.db")


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a file."""
    base = sqlite3.connect(path)
    said: str = base.execute("PRAGMA integrity_check").fetchone()[0]
    base.close()
    return said == "ok"


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
