"""Watching runs: every entry, in order, from any number, while it happens and after; chunks, with gaps; children.

It is long because it is all of what a watcher is promised.
"""

from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest
import trio
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import Kernel, KernelClosed, Limits, NoSuchRun, On, Run, handle
from detent.kernel import (
    Chunk,
    Context,
    Final,
    Gap,
    Journal,
    Key,
    Machine,
    MemoryJournal,
    Personal,
    Seen,
    Sight,
    Sights,
    State,
    Verdict,
    Write,
)
from detent.kernel.telling import ChildEnded, ChildStarted, EventTaken, RunFinished, RunStarted
from detent.kernel.watching import PAGE
from detent.tools.testing.faults import Faults, Faulty
from detent.tools.testing.virtual import run_virtually, virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Leave,
    SlowJournal,
    call,
    counting,
    doing,
    gives,
    opened,
    pause,
    spawning,
)
from tests.settings import times

COUNTING = counting()
DOING = doing(call(Again))
PARENT = spawning(DOING)
GRAND = spawning(PARENT, "grand")


async def emits(order: Again, context: Context) -> int:
    """Emit as many chunks as the number says, one a second."""
    for n in range(order.n):
        await trio.sleep(1)
        context.emit(n)
    return order.n


async def bursts(order: Again, context: Context) -> int:
    """Emit everything at once."""
    await trio.sleep(1)
    for n in range(order.n):
        context.emit(n)
    await trio.sleep(1)
    return order.n


async def all_of(watch: AsyncIterator[Sight]) -> list[Sight]:
    """Everything that is seen."""
    return [sight async for sight in watch]


def seqs(sights: list[Sight]) -> list[int]:
    """The numbers of the entries among them."""
    return [sight.seq for sight in sights if isinstance(sight, Seen)]


async def counted(kernel: Kernel, events: int) -> Run[Data, Data]:
    """A run that has ended."""
    run = await kernel.start(COUNTING, Data(), id="r")
    for _ in range(events):
        await run.send(Add())
    await run.send(Close())
    return run


@settings(max_examples=times(20))
@given(
    st.integers(0, 6),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 8)), min_size=1, max_size=4),
    st.booleans(),
)
def test_every_reader_sees_every_entry_after_the_one_he_names(
    events: int, readers: list[tuple[int, int]], is_slow: bool
) -> None:
    journal: Journal = SlowJournal(3) if is_slow else MemoryJournal()

    async def act() -> list[tuple[int, list[Sight]]]:
        seen: list[tuple[int, list[Sight]]] = []
        async with opened(COUNTING, journal=journal) as kernel, trio.open_nursery() as nursery:
            await kernel.start(COUNTING, Data(), id="r")

            async def read(after: int, comes: int) -> None:
                await trio.sleep(comes)
                seen.append((after, await all_of(kernel.run("r").watch(after=after))))

            for reader in readers:
                nursery.start_soon(read, *reader)
            await trio.sleep(1.5)
            for _ in range(events):
                await trio.sleep(1)
                await kernel.run("r").send(Add())
            await kernel.run("r").send(Close())
        return seen

    for after, sights in run_virtually(act):
        assert seqs(sights) == list(range(after + 1, events + 3))


class LateJournal(MemoryJournal):
    """A journal that has written something some time before it says so, as one in a file may."""

    has_backlogs = False

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        verdicts = await super().append(batch)
        await pause(10)
        return verdicts


@pytest.mark.parametrize("lose", [0.0, 0.3])
@given(st.integers(0, 99))
@settings(max_examples=times(5))
def test_what_is_seen_of_a_run_is_what_it_is_by_then(lose: float, seed: int) -> None:
    async def act() -> None:
        journal = Faulty(LateJournal(), Random(seed), Faults(lose=lose))
        async with opened(COUNTING, journal=journal) as kernel:
            run = await kernel.start(COUNTING, Data(), id="r")

            async def look(comes: int) -> None:
                await pause(comes)
                async for sight in run.watch():
                    assert isinstance(sight, Seen)
                    assert (await run.snapshot()).seq >= sight.seq

            async with trio.open_nursery() as nursery:
                for comes in range(0, 50, 4):
                    nursery.start_soon(look, comes)
                for _ in range(3):
                    await run.send(Add())
                await run.send(Close())

    run_virtually(act)


@virtually
async def test_more_entries_than_a_page_are_seen_late_and_from_anywhere() -> None:
    async with opened(COUNTING) as kernel:
        run = await counted(kernel, 2 * PAGE + 3)
        whole = await all_of(run.watch())

        assert seqs(whole) == list(range(1, 2 * PAGE + 6))
        for after in (1, PAGE, PAGE + 1, 2 * PAGE + 5, 9_999):
            assert seqs(await all_of(run.watch(after=after))) == seqs(whole)[after:]


@virtually
async def test_a_reader_is_told_what_an_entry_says() -> None:
    async with opened(COUNTING) as kernel:
        first, second, last = await all_of((await counted(kernel, 1)).watch())

    assert isinstance(first, Seen)
    assert isinstance(second, Seen)
    assert isinstance(last, Seen)
    assert isinstance(first.told[0], RunStarted)
    assert isinstance(second.told[0], EventTaken)
    assert isinstance(last.told[-1], RunFinished)
    assert (second.run, second.path, second.cause, second.seq) == ("r", ("r",), None, 2)


@virtually
async def test_a_reader_may_leave_and_holds_nothing_up() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        with trio.move_on_after(1):
            await all_of(run.watch())
        watch = run.watch()
        assert seqs([await anext(watch)]) == [1]
        assert (await run.send(Add())).status == "accepted"
        await run.send(Close())

        assert seqs(await all_of(watch)) == [2, 3]
        assert seqs(await all_of(run.watch(after=3))) == []


@virtually
async def test_nobody_watches_what_is_not_there() -> None:
    async with opened(COUNTING) as kernel:
        with pytest.raises(NoSuchRun):
            await all_of(kernel.run("nobody").watch())


@virtually
async def test_who_watches_longer_than_the_kernel_is_there_is_told() -> None:
    seen: list[int] = []

    async def read(watch: Sights) -> None:
        seen.extend(seqs([await anext(watch)]))
        with pytest.raises(KernelClosed):
            await anext(watch)

    async with trio.open_nursery() as nursery, opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        nursery.start_soon(read, run.watch())
        await trio.sleep(1)

    assert seen == [1]


# -- chunks


@virtually
async def test_chunks_come_between_the_entries_where_they_were_emitted() -> None:
    async with opened(DOING, handlers=[handle(Again, emits)]) as kernel:
        run = await kernel.start(DOING, Data(n=3), id="r")
        early, late = run.watch(), run.watch(after=1)
        sights = await all_of(early)

        chunks = [one for one in sights if isinstance(one, Chunk)]
        assert [type(one) for one in sights] == [Seen, Chunk, Chunk, Chunk, Seen]
        assert chunks == [Chunk("r", ("r",), 1, 1, n + 1, n) for n in range(3)]
        assert [type(one) for one in await all_of(late)] == [Chunk, Chunk, Chunk, Seen]
        assert [type(one) for one in await all_of(run.watch())] == [Seen, Seen]


@virtually
async def test_who_is_too_slow_for_chunks_is_told_how_many_he_missed() -> None:
    limits = Limits(buffer=3)
    async with opened(DOING, handlers=[handle(Again, bursts)], limits=limits) as kernel:
        run = await kernel.start(DOING, Data(n=10), id="r")
        watch = run.watch()
        await run.wait_end()
        sights = await all_of(watch)

    assert [one for one in sights if isinstance(one, Gap)] == [Gap(7)]
    assert [one.value for one in sights if isinstance(one, Chunk)] == [7, 8, 9]
    assert seqs(sights) == [1, 2]


@virtually
async def test_chunks_wait_for_nobody_and_wake_whoever_waits() -> None:
    came: list[tuple[Any, float]] = []
    async with opened(DOING, handlers=[handle(Again, emits)]) as kernel:
        run = await kernel.start(DOING, Data(n=3), id="r")
        async for sight in run.watch():
            if isinstance(sight, Chunk):
                came.append((sight.value, trio.current_time()))

    assert came == [(0, 1), (1, 2), (2, 3)]


@virtually
async def test_chunks_of_children_tell_the_way_to_them_and_others_are_not_ours() -> None:
    async with opened(GRAND, handlers=[handle(Again, emits)]) as kernel:
        other = await kernel.start(GRAND, Data(n=1), id="other")
        run = await kernel.start(GRAND, Data(n=2), id="r")
        sights = await all_of(run.watch())
        await other.wait_end()

    chunks = [one for one in sights if isinstance(one, Chunk)]
    assert {one.path for one in chunks} == {("r", "r/1", "r/1/1")}
    assert [one.value for one in chunks] == [0, 1]


# -- children


@pytest.mark.parametrize("is_late", [False, True])
@virtually
async def test_children_come_after_what_started_them_and_before_what_heard_of_their_end(
    is_late: bool,
) -> None:
    async with opened(GRAND, handlers=[handle(Again, gives(after=1))]) as kernel:
        run = await kernel.start(GRAND, Data(), id="r")
        if is_late:
            await run.wait_end()
        sights: list[Any] = [one for one in await all_of(run.watch()) if isinstance(one, Seen)]

    order = [(one.run, one.seq) for one in sights]
    began = children_in(sights, ChildStarted)
    ended = children_in(sights, ChildEnded)
    assert set(began) == set(ended) == {"r/1", "r/1/1"}
    for child in began:
        places = [n for n, (one, _) in enumerate(order) if one == child]
        assert places
        assert began[child] < min(places)
        assert max(places) < ended[child]
    assert {one.cause for one in sights if one.run != "r"} == {1}
    assert {one.path for one in sights if one.run == "r/1/1"} == {("r", "r/1", "r/1/1")}


def children_in(sights: list[Seen], kind: type[ChildStarted | ChildEnded]) -> dict[str, int]:
    """The children of which something is told, with the place where it is."""
    found: dict[str, int] = {}
    for place, one in enumerate(sights):
        found.update({what.child: place for what in one.told if isinstance(what, kind)})
    return found


@virtually
async def test_a_child_that_ended_before_is_not_shown_to_who_begins_after_it() -> None:
    async with opened(PARENT, handlers=[handle(Again, gives())]) as kernel:
        run = await kernel.start(PARENT, Data(), id="r")
        await run.wait_end()
        whole = [one for one in await all_of(run.watch()) if isinstance(one, Seen)]
        last = max(one.seq for one in whole if one.run == "r")

        assert {one.run for one in whole} == {"r", "r/1"}
        assert await all_of(run.watch(after=last)) == []


@virtually
async def test_a_child_that_goes_on_is_shown_to_who_begins_after_its_beginning() -> None:
    async with opened(PARENT, handlers=[handle(Again, gives(after=1))]) as kernel:
        run = await kernel.start(PARENT, Data(), id="r")
        await run.send(Add())
        sights = [one for one in await all_of(run.watch(after=2)) if isinstance(one, Seen)]

    assert {one.run for one in sights} == {"r", "r/1"}
    assert [one.seq for one in sights if one.run == "r"] == [3]


@virtually
async def test_a_child_can_be_watched_alone() -> None:
    async with opened(PARENT, handlers=[handle(Again, gives(after=1))]) as kernel:
        await kernel.start(PARENT, Data(), id="r")

        sights = await all_of(kernel.run("r/1").watch())

    assert {one.run for one in sights if isinstance(one, Seen)} == {"r/1"}


@virtually
async def test_a_child_that_is_held_is_followed_when_it_begins() -> None:
    steps = trio.Event()

    async def waits(order: Again) -> int:
        await steps.wait()
        return 1

    machine = spawning(COUNTING, "first", after=call(Again))
    limits = Limits(runs=1)
    handlers = [handle(Again, waits)]
    async with opened(machine, PARENT, handlers=handlers, limits=limits) as kernel:
        busy = await kernel.start(machine, Data(), id="busy")
        await busy.send(Leave())
        run = await kernel.start(PARENT, Data(), id="r")
        async with trio.open_nursery() as nursery:

            async def go() -> None:
                await pause(10)
                steps.set()

            nursery.start_soon(go)
            sights = [one for one in await all_of(run.watch()) if isinstance(one, Seen)]

        again = await all_of(run.watch())

    assert {one.run for one in sights} == {"r", "r/1"}
    assert [one.run for one in sights][-1] == "r"
    assert again == sights


# -- what lies beside


@frozen
class Letter:
    """Data of which much is large or sealed."""

    text: str = ""
    who: Personal[str] = ""


LETTER: Machine[Letter, Letter, Letter] = Machine(
    "letter", State("open", On(Close, to="sent")), Final("sent"), data=Letter
)


@pytest.mark.parametrize("key", [None, Key(b"k" * 16)])
@virtually
async def test_a_reader_sees_what_lies_beside_an_entry_as_far_as_he_may(key: Key | None) -> None:
    journal, letter = SlowJournal(1), Letter("long " * 100, "Ann")
    async with opened(LETTER, journal=journal, key=Key(b"k" * 16), large=100) as kernel:
        run = await kernel.start(LETTER, letter, id="r")
        await run.send(Close())
        watch = run.watch()
        first = await anext(watch)

    assert isinstance(first, Seen)
    event: Any = first.entry.event
    assert event["$began"]["text"] == letter.text
    assert event["$began"]["who"] == {"$personal": "Ann"}
    stored: Any = (await journal.entries("r"))[0].event
    assert set(stored["$began"]["text"]) == {"$blob"}
