"""Runs out of a log are in the journal as if they had always been there.

The file is long because a log may hold much, and lack much.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from attrs import frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detent import Event, Machine, On, State, handle, visit
from detent.kernel import (
    DamagedLog,
    Footer,
    Journal,
    MemoryJournal,
    RunExists,
    StoreFailed,
    Unconfirmed,
    Verdict,
    Write,
    WrongInput,
    bring_in,
    chained,
    footer_line,
    fork,
    frame_of,
    instants,
    scribe_of,
)
from detent.kernel.standings import awaited
from detent.tools.stores import SQLite, Through
from detent.tools.testing.virtual import virtually
from tests.kernel.replayer.purchase import Add as Put
from tests.kernel.replayer.purchase import Purchase, purchase
from tests.kernel.replayer.runs import Recording, Steps, recordings
from tests.kernel.scheduler.toys import (
    Again,
    Data,
    Once,
    SlowJournal,
    call,
    clock_here,
    counting,
    doing,
    opened,
    pause,
    spawning,
)
from tests.kernel.scheduler.toys import Steps as Handler
from tests.kernel.test_exporting import HANDLERS, KEY, Gossip, outer
from tests.settings import times


@frozen
class Say(Event):
    """Something is said."""

    text: str


@frozen
class Words:
    """What was said."""

    texts: tuple[str, ...] = ()

    def say(self, event: Say) -> "Words":
        """Remember it."""
        return Words((*self.texts, event.text))


def talk() -> Machine[Words, Words, Words]:
    """A machine whose data is as large as what happened to it."""
    return Machine("talk", State("talking", On(Say, update=Words.say)), data=Words)


Keep = Callable[[Path], Any]
ONCE, AGAIN = doing(call(Once)), doing(call(Again))


@asynccontextmanager
async def in_memory(path: Path) -> AsyncGenerator[Journal]:
    """A journal that takes its time."""
    yield SlowJournal(1)


def in_a_file(path: Path) -> Any:
    """A journal in a file."""
    return SQLite(path / "runs.db").open()


both = pytest.mark.parametrize("keep", [in_memory, in_a_file], ids=["memory", "file"])


async def exported(journal: Journal, run: str, *machines: Any, key: Any = KEY) -> Sequence[bytes]:
    """The log of a run, as whoever comes to it reads it."""
    visitor = visit(journal, *machines, clock=clock_here(), chance=Random(1), key=key)
    return await visitor.run(run).log()


async def told_until_asked() -> tuple[bytes, ...]:
    """The log of a run with a child that is over, and a question that is open."""
    async with opened(outer, handlers=HANDLERS, key=KEY, large=100) as kernel:
        run: Any = await kernel.start(outer, Gossip("psst"), id="r")
        while not await run.questions():
            await trio.lowlevel.checkpoint()
        log: tuple[bytes, ...] = await run.log()
        await run.cancel()
        return log


# -- all of it


@both
@virtually
async def test_what_is_brought_in_is_brought_out_again(keep: Keep, tmp_path: Path) -> None:
    log = await told_until_asked()

    async with keep(tmp_path) as journal:
        assert await bring_in(journal, log) == ("r", "r/1")

        assert await exported(journal, "r", outer) == log
        assert [run for run, _ in await journal.find(statuses=["waiting"])] == ["r"]
        assert (await journal.find(statuses=["completed"]))[0][0] == "r/1"


@both
@virtually
async def test_a_kernel_goes_on_as_if_the_run_had_always_been_there(
    keep: Keep, tmp_path: Path
) -> None:
    log = await told_until_asked()
    async with keep(tmp_path) as journal:
        await bring_in(journal, log)

        async with opened(outer, handlers=HANDLERS, key=KEY, journal=journal) as kernel:
            run = kernel.run("r")
            (question,) = await run.questions()
            await run.answer(question.id, True)
            end = await run.wait_end()

        assert (end.status, end.value) == ("completed", Gossip("psst", 2000))
        assert (await exported(journal, "r", outer))[: len(log)] == log


@given(made=recordings(), data=st.data())
@settings(max_examples=times(40))
def test_any_run_comes_back_from_wherever_it_is(made: Recording, data: st.DataObject) -> None:
    log = list(made.log)
    cut = data.draw(st.integers(4, len(log)))
    machine = made.table.machine
    frame = [one.frame for one in instants(log[:cut])][-1]
    assume(
        not any(dict(awaited(frame, made.table.shape_outline)).values())
    )  # in a walk there are none

    @virtually
    async def there_and_back() -> None:
        journal = MemoryJournal()
        await bring_in(journal, log[:cut])

        loaded = await journal.load("walk")
        assert loaded is not None
        seq = loaded.head[0]
        now = made.entries[seq - 1].snapshot
        assert frame_of(loaded) == scribe_of(made.table).frame(now)
        bare = [line for line in log[:cut] if not line.startswith(b'{"run":"walk","checkpoint"')]
        assert list(await exported(journal, "walk", machine)) == bare

    there_and_back()


@both
@virtually
async def test_a_long_run_is_read_from_a_checkpoint(keep: Keep, tmp_path: Path) -> None:
    run = Steps(purchase(), Purchase())
    for cents in range(400):
        run.send(Put(cents))
    bare = [line for line in run.log if b'"checkpoint":' not in line]

    async with keep(tmp_path) as journal:
        await bring_in(journal, [*bare, footer_line(Footer("it is cheap"))])

        loaded = await journal.load("run")
        assert loaded is not None
        assert loaded.checkpoint is not None
        assert (loaded.head[0], loaded.entries) == (401, ())
        assert frame_of(loaded) == run.recorder.scribe.frame(run.last.snapshot)
        assert await exported(journal, "run", purchase()) == tuple(bare)


@both
@virtually
async def test_checkpoints_that_are_there_are_kept(keep: Keep, tmp_path: Path) -> None:
    run = Steps(purchase(), Purchase())
    for cents in range(400):
        run.send(Put(cents))
    marks = [line for line in run.log if b'"checkpoint":' in line]

    async with keep(tmp_path) as journal:
        await bring_in(journal, run.log)

        loaded = await journal.load("run")
        assert loaded is not None
        assert loaded.checkpoint is not None
        assert loaded.checkpoint.hash.encode() in marks[-1]


@both
@pytest.mark.parametrize(
    ("machine", "effect", "heard", "count"),
    [(ONCE, Once, "InDoubt", 1), (AGAIN, Again, "Returned", 2)],
    ids=["at_most_once", "idempotent"],
)
@virtually
async def test_what_was_under_way_goes_by_its_class(
    keep: Keep, tmp_path: Path, machine: Any, effect: Any, heard: str, count: int
) -> None:
    steps = Handler()
    handlers = [handle(effect, steps)]
    async with opened(machine, handlers=handlers) as kernel:
        run = await kernel.start(machine, Data(), id="a")
        await pause(5)
        log = await run.log()
        steps.go.set()
        await run.wait_end()

    async with keep(tmp_path) as journal:
        await bring_in(journal, log)
        async with opened(machine, handlers=handlers, journal=journal) as kernel:
            data: Data = (await kernel.run("a").wait_end()).value

    assert data.heard == (heard,)
    assert len(steps.began) == count


# -- families


async def family() -> tuple[list[bytes], list[bytes]]:
    """The logs of a parent that has not heard of the end of its child, and of the child."""
    counted = counting()
    machine = spawning(counted)
    async with opened(machine) as kernel:
        run: Any = await kernel.start(machine, Data(), id="p")
        await pause(5)
        before = list(await run.log())
        await kernel.run("p/1").cancel()
        await run.wait_end()
        child = [line for line in await run.log() if line.startswith(b'{"run":"p/1"')]
    first = next(n for n, line in enumerate(before) if line.startswith(b'{"run":"p/1"'))
    return before[:first], [*before[first:], *child[2:]]


@both
@virtually
async def test_a_parent_that_has_not_heard_of_its_child_hears_of_it(
    keep: Keep, tmp_path: Path
) -> None:
    parent, child = await family()
    machine = spawning(counting())

    async with keep(tmp_path) as journal:
        assert await bring_in(journal, [*parent, *child]) == ("p", "p/1")
        assert [one.key for one in await journal.inbox("p")] == ["p/1"]

        async with opened(machine, journal=journal) as kernel:
            end = await kernel.run("p").wait_end()

        assert end.value.heard == ("Ended",)
        assert await journal.inbox("p") == ()


@virtually
async def test_a_family_is_brought_in_as_one() -> None:
    parent, child = await family()
    journal = MemoryJournal()

    with pytest.raises(WrongInput, match="run 'p/1' is a child, and 'p' is not in this log"):
        await bring_in(journal, child)
    with pytest.raises(WrongInput, match="run 'p' waits for run 'p/1', which is not in this log"):
        await bring_in(journal, parent)
    assert await journal.find() == ()


# -- what is refused


@both
@virtually
async def test_a_run_that_is_there_is_left_as_it_is(keep: Keep, tmp_path: Path) -> None:
    log = await told_until_asked()
    other = [*Steps(purchase(), Purchase()).log, *log]

    async with keep(tmp_path) as journal:
        await bring_in(journal, log)
        with pytest.raises(RunExists, match="run 'r' is there already: nothing was brought in"):
            await bring_in(journal, other)

        assert [run for run, _ in await journal.find()] == ["r", "r/1"]
        assert await exported(journal, "r", outer) == log


@virtually
async def test_a_log_that_is_not_as_it_was_written_is_not_brought_in() -> None:
    log = list(await told_until_asked())
    journal = MemoryJournal()
    first = next(n for n, line in enumerate(log) if b'"entry":' in line)
    changed = [*log[:first], log[first].replace(b"$began", b"$begun"), *log[first + 1 :]]
    torn = [*log, b'{"run":"r","entry":{"seq":']

    with pytest.raises(DamagedLog, match="does not match its hash"):
        await bring_in(journal, changed)
    with pytest.raises(DamagedLog, match="the last line was not written to its end"):
        await bring_in(journal, torn)
    with pytest.raises(DamagedLog, match="run 'r', header: the run has no entries"):
        await bring_in(journal, log[:first])
    with pytest.raises(WrongInput, match="there is no run in this log"):
        await bring_in(journal, [])
    with pytest.raises(WrongInput, match="run 'r' goes on, and this log does not say what its"):
        await bring_in(journal, [line for line in log if not line.startswith(b'{"outline"')])
    assert await journal.find() == ()


def chained_anew(log: Sequence[bytes], *changes: tuple[bytes, bytes]) -> list[bytes]:
    """The log of a run with other bytes, whose hashes are right all the same."""
    lines: list[bytes] = []
    last = ""
    for line in log:
        for before, after in changes:
            line = line.replace(before, after)
        kind, body = line.partition(b',"')[2][:5], line[line.index(b'":{') + 2 : -76]
        if kind == b"heade":
            last = line[-67:-3].decode()
        elif kind == b"entry":
            last = chained(last, body)
            line = line[:-67] + last.encode() + line[-3:]
        elif kind == b"check":
            line = line[:-67] + chained(last, body).encode() + line[-3:]
        lines.append(line)
    return lines


@virtually
async def test_a_log_that_no_run_writes_is_not_brought_in() -> None:
    run = Steps(purchase(), Purchase())
    for cents in range(400):
        run.send(Put(cents))
    journal = MemoryJournal()
    assert chained_anew(run.log) == list(run.log)

    with pytest.raises(DamagedLog, match="entry 5: it does not fit what comes before it"):
        await bring_in(journal, chained_anew(run.log, (b'"data":{"total":[6]}', b'"dat":{}')))
    with pytest.raises(DamagedLog, match="its checkpoint is another frame than the entries before"):
        await bring_in(
            journal, chained_anew(run.log, (b'"data":{"total":[6]}', b'"in":[["paying"]]'))
        )
    forked = list(fork(run.log, 5, "f").lines())
    with pytest.raises(DamagedLog, match="the run is a fork, and what it begins with is missing"):
        await bring_in(journal, forked[:-1])
    assert await journal.find() == ()


@virtually
async def test_a_long_run_with_as_much_data_needs_no_checkpoint() -> None:
    run = Steps(talk(), Words())
    for n in range(9):
        run.send(Say(f"{n}" * 3_000))
    journal = MemoryJournal()

    await bring_in(journal, run.log)

    loaded = await journal.load("run")
    assert loaded is not None
    assert loaded.checkpoint is None
    assert frame_of(loaded) == run.recorder.scribe.frame(run.last.snapshot)


# -- journals that do not do what they are asked at once


class Hurried(SlowJournal):
    """A journal for which somebody else comes first."""

    first: Any = None

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        first, self.first = self.first, None
        if first is not None:
            await first()
        return await super().append(batch)


class Mute(Through):
    """A journal that does not say whether it has written something."""

    writes: bool = True

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        if self.writes:
            await super().append(batch)
        return tuple(Unconfirmed("the line was cut") for _ in batch)


@virtually
async def test_who_claimed_the_run_before_there_was_one_does_not_matter() -> None:
    log, journal = await told_until_asked(), SlowJournal(1)
    await journal.claim(["r", "r", "r/1"])

    assert await bring_in(journal, log) == ("r", "r/1")

    assert await exported(journal, "r", outer) == log


@virtually
async def test_of_two_who_bring_in_the_same_the_second_is_told_so() -> None:
    log, journal = await told_until_asked(), Hurried(1)

    async def first() -> None:
        await bring_in(journal, log)

    journal.first = first
    with pytest.raises(RunExists, match="run 'r' is there already"):
        await bring_in(journal, log)


@virtually
async def test_what_nobody_knows_is_asked_of_the_journal() -> None:
    log = await told_until_asked()
    forked = list(fork(log, 1, "f", {1: "rerun"}, key=KEY).lines())
    lost = Mute(MemoryJournal())

    assert await bring_in(lost, log) == ("r", "r/1")
    assert await bring_in(lost, forked) == ("f",)

    assert await exported(lost, "r", outer) == log
    refused = Mute(MemoryJournal())
    refused.writes = False
    for lines in (log, forked):
        with pytest.raises(StoreFailed, match=r"was not brought in: .*the line was cut"):
            await bring_in(refused, lines)
    assert await refused.find() == ()
