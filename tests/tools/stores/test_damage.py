"""What was changed in a file is told of and named; what was erased is in it no more."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from attrs import field, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detent.kernel import (
    DamagedStore,
    Delivery,
    DetentError,
    Entry,
    Journal,
    fork,
)
from detent.tools.stores import SQLite
from detent.tools.testing.contracts.diary import KEY, LONG, SCRIBE, Said, Told, begun, forked
from tests.settings import times
from tests.tools.stores.files import driven, filled, looked

SAYING = SCRIBE.write_signal(Said("by post"), ())


@frozen
class Whole:
    """A file that is not damaged, and the entries of its runs."""

    path: Path
    text: bytes = field(repr=False)
    known: dict[str, tuple[Entry, ...]] = field(repr=False)


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
@example(999_999_987, 128, 8)  # the name of a table is no text any more
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
        ("UPDATE openings SET body = zeroblob(2)", "what it begins with does not follow"),
        ("UPDATE openings SET body = 'x'", "what it begins with is not as it was written"),
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
        await journal.append([forked(fork(begun("c").lines, 1, "e", key=KEY)).write])

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
        await journal.opening("e")

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
