"""Faulty journals: what is said to go wrong goes wrong, and what the journal inside has kept is what counts."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import Committed, Delivery, MemoryJournal, StoreFailed, Unconfirmed
from detent.tools.stores import SQLite
from detent.tools.testing.contracts.diary import Said, begun
from detent.tools.testing.faults import Crash, Faults, Faulty, FaultyStore
from detent.tools.testing.simulator import Simulator
from detent.tools.testing.virtual import run_virtually, virtually
from tests.settings import times
from tests.tools.test_simulator import scenario, world

ALL = Faults(fail=0.1, crash=0.05, lose=0.1, delay=1.0, refuse=0.05, slow=0.2)


@given(st.integers(0, 1_000))
@settings(max_examples=times(50))
@virtually
async def test_an_answer_that_is_lost_is_that_of_a_commit_that_was_written_or_not(
    seed: int,
) -> None:
    journal = Faulty(MemoryJournal(), Random(seed), Faults(lose=1.0))
    made = begun("a")

    (verdict,) = await journal.append([made.write])

    assert isinstance(verdict, Unconfirmed)
    is_written = await journal.holds("a", *made.writer.after)
    assert is_written == (await journal.load("a") is not None)


def test_some_commits_whose_answers_are_lost_are_written_and_some_are_not() -> None:
    async def is_written(seed: int) -> bool:
        journal = Faulty(MemoryJournal(), Random(seed), Faults(lose=1.0))
        await journal.append([begun("a").write])
        return await journal.load("a") is not None

    assert {run_virtually(is_written, seed) for seed in range(20)} == {False, True}


@virtually
async def test_a_commit_that_is_refused_is_not_written() -> None:
    journal = Faulty(MemoryJournal(), Random(0), Faults(refuse=1.0))

    with pytest.raises(StoreFailed, match="commit 1"):
        await journal.append([begun("a").write])

    assert await journal.load("a") is None
    assert journal.has_failed


@virtually
async def test_a_commit_that_is_slow_is_written() -> None:
    journal = Faulty(MemoryJournal(), Random(0), Faults(slow=1.0))
    made = begun("a")

    assert await journal.append([made.write]) == (Committed(*made.writer.after),)


@virtually
async def test_who_is_dead_writes_sends_and_claims_nothing() -> None:
    journal = Faulty(MemoryJournal(), Random(0), crash_at=(1, "after"))
    made = begun("a")
    with pytest.raises(Crash, match="at commit 1"):
        await journal.append([made.write])

    with pytest.raises(Crash):
        await journal.append([made.writer.take((Said("x"), None)).write])
    with pytest.raises(Crash):
        await journal.deliver([Delivery("a", "k", {})])
    with pytest.raises(Crash):
        await journal.claim(["a"])

    journal.revive()
    assert await journal.claim(["a"]) == {"a": 1}
    assert await journal.inbox("a") == ()


def test_a_store_that_is_opened_again_goes_on_counting(tmp_path: Path) -> None:
    journal = Faulty(MemoryJournal(), Random(0))
    store = FaultyStore(SQLite(tmp_path / "runs.db"), journal)

    async def write(run: str) -> None:
        async with store.open() as opened:
            await opened.append([begun(run).write])
            assert len(await opened.find()) == journal.commits

    for number in range(3):
        run_virtually(write, f"run {number}")


@given(st.integers(0, 2**32))
@settings(max_examples=times(15))
def test_whatever_goes_wrong_with_the_store_everything_is_done(seed: int) -> None:
    assert Simulator(seed, ALL).run(world(), scenario).status == "completed"


@pytest.mark.parametrize("seed", range(times(8)))
def test_whatever_goes_wrong_with_a_file_everything_is_done(seed: int, tmp_path: Path) -> None:
    store = SQLite(tmp_path / "runs.db")
    simulated = Simulator(seed, ALL, store=store)

    assert simulated.run(world(), scenario).status == "completed"

    async def kept() -> list[bool]:
        async with store.read() as journal:
            runs = await journal.find()
            return [
                sum(b'{"$":"Add"' in one.body for one in await journal.entries(run)) == 1
                for run, standing in runs
                if standing.status == "completed" and run == "run 1"
            ]

    assert run_virtually(kept) == [True]
