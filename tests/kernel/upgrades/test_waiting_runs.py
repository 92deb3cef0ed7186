"""What is asked of runs whose machine has changed, or is not there; and children who have."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio

from detent import (
    AlreadyAnswered,
    InvalidUpgrade,
    NoSuchWait,
    NotServed,
    RunChanged,
    RunLost,
    Unreadable,
    Upgrade,
    Wait,
    WrongInput,
    compile_machine,
    handle,
)
from detent.kernel import (
    Checkpoint,
    Fenced,
    MemoryJournal,
    Outline,
    Seen,
    Verdict,
    Write,
    chained,
    fork,
    replay,
    spelled,
    verify_log,
)
from detent.kernel.entries import Entry, machine_after
from detent.kernel.runlog import checkpoint_line
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Break,
    Close,
    Data,
    Diary,
    Leave,
    call,
    counting,
    doing,
    gives,
    opened,
    spawning,
    told,
)

ASK: Any = Wait(bool, "?", name="ask")
ASKING, COUNTING = doing(ASK, name="m"), counting("m")
CHILD, GROWN = doing(ASK, name="child"), counting("child")
PARENT, OF_GROWN = spawning(CHILD), spawning(GROWN)
GROWING: Upgrade[Any] = Upgrade(
    GROWN, compile_machine(CHILD).shape, states={"doing": "open"}, effects={"ask": None}
)


async def started(machine: Any, journal: Any, *events: Any) -> None:
    """A run that a kernel has left."""
    async with opened(machine, journal=journal) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        for event in events:
            await run.send(event)


@virtually
async def test_what_cannot_be_kept_is_refused_as_ever() -> None:
    journal = MemoryJournal()
    await started(ASKING, journal, Add())
    async with opened(COUNTING, journal=journal) as kernel:
        run = kernel.run("r")
        for wrong in (0, 7, "1"):
            with pytest.raises(NoSuchWait, match="not been asked"):
                await run.answer(wrong, True)
        with pytest.raises(RunChanged):
            await run.answer(1, True)
        with pytest.raises(WrongInput, match="knows no event Leave"):
            await run.send(Leave())
        with pytest.raises(RunChanged):
            await run.resume()
        with pytest.raises(WrongInput, match="one of machine"):
            await kernel.check_upgrade(
                Upgrade(COUNTING, compile_machine(ASKING).shape), await _other(kernel, journal)
            )
        assert await kernel.changes("r") != ()


async def _other(kernel: Any, journal: Any) -> str:
    async with opened(GROWN, journal=journal) as second:
        await second.start(GROWN, Data(), id="other")
    return "other"


@virtually
async def test_what_is_answered_or_is_no_question_is_told_of_a_run_that_waits() -> None:
    journal = MemoryJournal()
    async with opened(PARENT, journal=journal) as kernel:
        await kernel.start(PARENT, Data(), id="r")
        await kernel.run("r/1").answer(1, True)
    again = spawning(CHILD, after=ASK)
    async with opened(ASKING, journal=journal) as kernel:
        with pytest.raises(NotServed):
            await kernel.run("r").snapshot()
        with pytest.raises(NotServed):
            await kernel.changes("r")
        assert (await kernel.run("r").frame())["in"] == ["done"]
        assert replay(await kernel.run("r").log(), PARENT).divergence is None
    async with opened(again, journal=journal) as kernel:
        assert (await kernel.run("r").send(Add())).status == "rejected"
        assert (await kernel.run("r").send(Add(), key="k")).status == "rejected"
        assert await kernel.run("r").cancel() == "completed"
        with pytest.raises(AlreadyAnswered):
            await kernel.run("r").answer(1, True)
        with pytest.raises(WrongInput, match="is over"):
            await kernel.adopt("r", Upgrade(again, compile_machine(PARENT).shape))


@virtually
async def test_a_child_is_no_question_and_a_cancel_waits_too() -> None:
    journal = MemoryJournal()
    await started(PARENT, journal)
    again = spawning(CHILD, after=ASK)
    upgrade = Upgrade(again, compile_machine(PARENT).shape)
    async with opened(again, journal=journal) as kernel:
        with pytest.raises(NoSuchWait, match="a Spawn"):
            await kernel.run("r").answer(1, True)
        assert await kernel.run("r").cancel("enough") == "running"
        await kernel.adopt("r", upgrade)
        assert (await kernel.run("r").wait_end()).status == "cancelled"
        assert (await kernel.run("r/1").wait_end()).status == "cancelled"


@virtually
async def test_how_a_run_is_that_is_cancelled_while_it_waits() -> None:
    for events, status in (((Break(),), "parked"), ((Add(),), "running")):
        journal = MemoryJournal()
        await started(COUNTING, journal, *events)
        async with opened(ASKING, journal=journal) as kernel:
            assert await kernel.run("r").cancel() == status
        async with opened(COUNTING, journal=journal) as kernel:
            assert (await kernel.run("r").wait_end()).status == "cancelled"


@virtually
async def test_a_child_whose_machine_has_changed_hears_that_it_was_left() -> None:
    journal = MemoryJournal()
    await started(PARENT, journal)
    async with opened(OF_GROWN, journal=journal) as kernel:
        await kernel.run("r").send(Leave())
        seen = []
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                seen.extend([one async for one in kernel.run("r").watch()])

            nursery.start_soon(watch)
            await kernel.run("r").send(Close())
            await trio.sleep(1)
            await kernel.adopt("r/1", GROWING)
            assert (await kernel.run("r").wait_end()).status == "completed"

    assert {one.run for one in seen if isinstance(one, Seen)} == {"r", "r/1"}
    assert told(await journal.entries("r/1"))[-1] == "halted"


@virtually
async def test_a_child_is_adopted_before_its_parent() -> None:
    journal = MemoryJournal()
    await started(PARENT, journal)
    async with opened(GROWN, journal=journal) as kernel:
        await kernel.adopt("r/1", GROWING)
        await kernel.run("r/1").send(Close())
        assert (await kernel.run("r/1").wait_end()).status == "completed"
    async with opened(OF_GROWN, journal=journal) as kernel:
        assert (await kernel.run("r").wait_end()).status == "completed"


class Refusing(MemoryJournal):
    """A journal in which somebody else has a run just now; or which has forgotten what machines were."""

    is_refusing = False
    is_forgetful = False

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        if self.is_refusing:
            return tuple(Fenced(9) for _ in batch)
        return await super().append(batch)

    async def outline(self, digest: str) -> Outline | None:
        """See Journal."""
        return None if self.is_forgetful else await super().outline(digest)


@virtually
async def test_what_cannot_be_written_has_not_been() -> None:
    journal = Refusing()
    await started(ASKING, journal)
    before = await journal.entries("r")
    shape = compile_machine(ASKING).shape
    upgrade: Upgrade[Any] = Upgrade(
        COUNTING, shape, states={"doing": "open"}, effects={"ask": None}
    )
    async with opened(COUNTING, journal=journal) as kernel:
        journal.is_refusing = True
        with pytest.raises(RunLost, match="as it was"):
            await kernel.adopt("r", upgrade)
        journal.is_refusing = False
        journal.is_forgetful = True
        with pytest.raises(WrongInput, match="does not say what its machine was"):
            await kernel.adopt("r", upgrade)
        assert await kernel.changes("r") == ()
        with pytest.raises(Unreadable):
            await anext(kernel.run("r").watch())
        journal.is_forgetful = False
        with pytest.raises(InvalidUpgrade):
            await kernel.adopt("r", Upgrade(COUNTING, shape))
        assert await journal.entries("r") == before
        await kernel.adopt("r", upgrade)
        assert (await kernel.run("r").snapshot()).configuration == ("open",)


@virtually
async def test_a_great_many_are_looked_at_a_page_at_a_time() -> None:
    journal = MemoryJournal()
    async with opened(ASKING, journal=journal) as kernel:
        for number in range(401):
            await kernel.start(ASKING, Data(), id=f"r{number:03}")
    async with opened(COUNTING, journal=journal) as kernel:
        found = await kernel.check_upgrade(Upgrade(COUNTING, compile_machine(ASKING).shape))

    assert len({one.run for one in found}) == 401


@virtually
async def test_work_that_was_begun_goes_on_by_its_class() -> None:
    journal = MemoryJournal()
    work = call(Again, name="work")
    old, new = doing(work, name="w"), doing(call(Again, name="toil"), name="w")
    with trio.CancelScope() as host:
        handler: Any = gives(after=1e6)
        from_old = opened(
            old, handlers=[handle(Again, handler)], journal=journal, on_cancel="suspend"
        )
        async with from_old as kernel:
            await kernel.start(old, Data(), id="r")
            host.cancel()
    async with opened(new, handlers=[handle(Again, gives())], journal=journal) as kernel:
        await kernel.adopt("r", Upgrade(new, compile_machine(old).shape, effects={"work": "toil"}))
        assert (await kernel.run("r").wait_end()).value == Data(("Returned",))


@pytest.mark.parametrize(
    "event", [{"$upgraded": {}}, {"$migrated": {"rules": ["a", "b"]}}, {"$upgraded": 1}]
)
def test_an_entry_that_does_not_say_what_the_machine_is_is_refused(event: Any) -> None:
    with pytest.raises(Unreadable, match="does not say what became of the machine"):
        machine_after(Entry(1, 0, event), ("a", "b"))


@virtually
async def test_a_child_is_adopted_beside_its_parent() -> None:
    journal = MemoryJournal()
    await started(PARENT, journal)
    async with opened(OF_GROWN, journal=journal) as kernel:
        await kernel.adopt("r/1", GROWING)
        await kernel.run("r/1").send(Close())
        assert (await kernel.run("r").wait_end()).status == "completed"


@virtually
async def test_kernels_that_make_entries_at_once_and_later_take_turns() -> None:
    journal = MemoryJournal()
    for first in ((), (Diary(),)):
        name = f"r{len(first)}"
        for place, taps in enumerate((first, (Diary(),), (), (Diary(),), ())):
            async with opened(COUNTING, journal=journal, taps=taps) as kernel:
                if not place:
                    await kernel.start(COUNTING, Data(), id=name)
                await kernel.run(name).send(Add())
        async with opened(COUNTING, journal=journal) as kernel:
            assert (await kernel.run(name).snapshot()).data.n == 5
            assert [*verify_log(await kernel.run(name).log())] == [name]


@virtually
async def test_a_fork_of_a_run_of_another_shape_is_no_run_of_this_one() -> None:
    journal = MemoryJournal()
    await started(ASKING, journal, Add())
    async with opened(ASKING, journal=journal) as kernel:
        made = fork(await kernel.run("r").log(), 2, "f")
    frame = spelled({"seq": 2, "frame": made.checkpoint.frame})
    again = Checkpoint(2, {}, body=frame, hash=chained(made.checkpoint.hash, frame))
    other = spelled({"seq": 2, "frame": {**made.checkpoint.frame, "count": 99}})
    wrong = Checkpoint(2, {}, body=other, hash=chained(made.checkpoint.hash, other))

    found = replay([*made.lines(), checkpoint_line("f", again)], COUNTING)

    assert found.divergence is not None
    assert (found.divergence.kind, found.entries, found.others) == ("shape", 0, 0)
    with pytest.raises(Unreadable, match="another frame"):
        replay([*made.lines(), checkpoint_line("f", wrong)], COUNTING)
