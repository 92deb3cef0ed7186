"""Runs that are taken up: who listens, and wants to know, is told first what has happened to them so far."""

import trio

from detent import (
    Final,
    Limits,
    Machine,
    On,
    Seen,
    State,
    Upgrade,
    compile_machine,
    handle,
)
from detent.kernel import (
    Entry,
    Listener,
    MemoryJournal,
    RunRecovered,
    RunUpgraded,
    StoreFailed,
)
from detent.kernel.scheduler.onlookers import PAGE
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.ears import Ear
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Diary,
    call,
    counting,
    doing,
    gives,
    opened,
    outcomes_of,
)

AGAIN = doing(call(Again))
COUNTING = counting()


@virtually
async def test_who_wants_it_is_told_the_past_of_a_run_that_is_taken_up() -> None:
    journal, forgetful, other = MemoryJournal(), Ear(knows=False), Ear()
    many = PAGE + 5
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        for _ in range(many):
            await run.send(Add())
    async with opened(COUNTING, journal=journal, taps=[forgetful, other]) as kernel:
        await kernel.run("r").send(Close())
        await kernel.run("r").wait_end()
        await kernel.run("r").snapshot()  # of a run that is over nothing is told

    past = [("r", seq, True) for seq in range(1, many + 2)]
    assert forgetful.seqs == [*past, ("r", many + 2, False)]
    assert other.seqs == [("r", many + 2, False)]
    assert other.tellings[0].before == forgetful.tellings[-1].before


@virtually
async def test_the_past_is_told_before_anything_else_happens() -> None:
    journal, ear = MemoryJournal(), Ear(knows=False)
    limits = Limits(grace=0.1)

    async def never(order: Again) -> int:
        await trio.sleep_forever()
        return 0

    with trio.CancelScope() as scope:
        async with opened(
            AGAIN, handlers=[handle(Again, never)], journal=journal, on_cancel="suspend",
            limits=limits,
        ) as kernel:  # fmt: skip
            await kernel.start(AGAIN, Data(), id="r")
            scope.cancel()
            await trio.lowlevel.checkpoint()
    async with opened(AGAIN, handlers=[handle(Again, gives())], journal=journal, taps=[ear]) as k:
        await k.run("r").wait_end()

    assert [seq for _, seq, is_past in ear.seqs if is_past] == [1, 2]
    after = [one for telling in ear.tellings if not telling.is_past for one in telling.told]
    assert isinstance(after[0], RunRecovered)


@virtually
async def test_the_past_of_a_fork_and_what_a_journal_has_forgotten_is_told_to_nobody() -> None:
    journal, ear = MemoryJournal(entries=2), Ear(knows=False)
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await run.send(Add())
        await kernel.fork("r", at=2, name="f")
        for _ in range(600):
            await run.send(Add())
    async with opened(COUNTING, journal=journal, taps=[ear]) as kernel:
        await kernel.run("f").resume()
        for name in "rf":
            await kernel.run(name).send(Close())
            await kernel.run(name).wait_end()

    assert [(run, is_past) for run, _, is_past in ear.seqs] == [
        ("f", False),
        ("r", False),
        ("f", False),
    ]
    assert [one.states for one in ear.tellings] == [("open",), ("closed",), ("closed",)]


@virtually
async def test_a_past_with_another_machine_is_told_in_its_own_words() -> None:
    journal, ear = MemoryJournal(), Ear(knows=False)
    before = counting(on_bug="fail")
    async with opened(before, journal=journal) as kernel:
        run = await kernel.start(before, Data(), id="r")
        await run.send(Add())
    async with opened(COUNTING, journal=journal) as kernel:
        await kernel.run("r").send(Add())
    async with opened(COUNTING, journal=journal, taps=[ear]) as kernel:
        await kernel.run("r").send(Close())

    told = [type(one) for telling in ear.tellings for one in telling.told]
    assert RunUpgraded in told
    assert [one.is_past for one in ear.tellings] == [True] * 4 + [False]


@virtually
async def test_a_past_with_a_machine_of_another_shape_is_told_as_it_is_watched() -> None:
    journal, ear = MemoryJournal(), Ear(knows=False)
    async with opened(COUNTING, journal=journal) as kernel:
        await kernel.start(COUNTING, Data(), id="r")
    again = call(Again, name="more")
    busy: Machine[Data, Data, Data] = Machine(
        "counting",
        State("busy", On(outcomes_of(again), to="idle"), do=again),
        State("idle", On(Close, to="closed")),
        Final("closed"),
        data=Data,
    )
    upgrade = Upgrade(busy, compile_machine(COUNTING).shape, states={"open": "busy"})
    handlers = [handle(Again, gives())]
    async with opened(busy, handlers=handlers, journal=journal) as kernel:
        await kernel.adopt("r", upgrade)
        await trio.sleep(1)
    taps = [ear, Listener(), Plain()]
    async with opened(busy, handlers=handlers, journal=journal, taps=taps) as kernel:
        await kernel.run("r").send(Close())
        watched = [one async for one in kernel.run("r").watch()]

    told = [one for telling in ear.tellings for one in telling.told]
    assert told == [one for sight in watched if isinstance(sight, Seen) for one in sight.told]
    assert [type(one).__name__ for one in told][2:6] == [
        "RunMigrated",
        "StateLeft",
        "StateEntered",
        "EffectHeld",
    ]
    assert kernel.broken_taps == ()


class Torn(MemoryJournal):
    """A journal that cannot read what has happened to a run before it stands where it stands."""

    is_torn = False

    async def entries(self, run: str, after: int = 0, limit: int = 200) -> tuple[Entry, ...]:
        """See Journal."""
        if self.is_torn:
            raise StoreFailed("the disk does not answer")
        return await super().entries(run, after, limit)


@virtually
async def test_a_past_that_cannot_be_read_is_told_of_and_the_run_goes_on() -> None:
    journal, ear = Torn(), Ear(knows=False)
    async with opened(COUNTING, journal=journal) as kernel:
        await kernel.start(COUNTING, Data(), id="r")
    journal.is_torn = True
    async with opened(COUNTING, journal=journal, taps=[ear]) as kernel:
        await kernel.run("r").send(Close())
        end = await kernel.run("r").wait_end()

    assert end.status == "completed"
    assert [str(one.error) for one in kernel.broken_taps] == ["the disk does not answer"]
    assert ear.seqs == [("r", 2, False)]


class Plain(Diary, Listener):
    """A listener that keeps entries, and wants nothing else."""
