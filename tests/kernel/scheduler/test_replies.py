"""Waiting for a kernel task: answers are given once, and a bell tells how often it rang."""

import pytest
import trio

from detent.kernel import Committed, RunLost, Write
from detent.kernel.scheduler import Bell, Reply
from detent.kernel.scheduler.replies import Waiting
from detent.tools.testing.virtual import virtually


@virtually
async def test_the_first_answer_counts() -> None:
    reply: Reply[int] = Reply()
    reply.give(1)
    reply.give(2)
    reply.refuse(RunLost("too late"))

    assert await reply.wait() == 1


@virtually
async def test_a_refusal_is_raised_by_everybody_who_waits() -> None:
    reply: Reply[int] = Reply()
    reply.refuse(RunLost("gone"))
    reply.give(1)

    for _ in range(2):
        with pytest.raises(RunLost, match="gone"):
            await reply.wait()


@virtually
async def test_who_does_not_wait_to_the_end_changes_nothing() -> None:
    reply: Reply[int] = Reply()

    with trio.move_on_after(1):
        await reply.wait()
    reply.give(1)

    assert await reply.wait() == 1


@virtually
async def test_a_bell_wakes_everybody_who_has_heard_less() -> None:
    bell = Bell()
    woken: list[int] = []

    async def listen(count: int) -> None:
        await bell.wait_beyond(count)
        woken.append(count)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen, 0)
        nursery.start_soon(listen, 1)
        await trio.sleep(1)
        bell.ring()
        await trio.sleep(1)
        assert woken == [0]
        bell.ring()

    assert woken == [0, 1]
    await bell.wait_beyond(1)


VERDICTS = (Committed(1, "ab"),)
WRITES = [Write("run", 0, None)]


@virtually
async def test_who_waits_for_a_write_is_told_what_became_of_it() -> None:
    row: list[Waiting] = []

    async def tell() -> None:
        row.pop().tell(VERDICTS)

    async with trio.open_nursery() as nursery:
        waiting = Waiting(row, WRITES)
        nursery.start_soon(tell)
        assert await waiting.told() == VERDICTS


@virtually
async def test_who_is_cancelled_before_it_is_written_writes_nothing() -> None:
    row: list[Waiting] = []

    with trio.move_on_after(1):
        await Waiting(row, WRITES).told()

    assert row == []


@pytest.mark.parametrize("is_told", [True, False])
@virtually
async def test_what_is_being_written_is_waited_for_also_by_who_is_cancelled(is_told: bool) -> None:
    row: list[Waiting] = []
    heard: list[object] = []

    async def write() -> None:
        with trio.move_on_after(1):
            waiting = Waiting(row, WRITES)
            waiting.is_taken = True
            heard.append(await waiting.told())
        heard.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await trio.sleep(5)
        (waiting,) = row
        if is_told:
            waiting.tell(VERDICTS)
        else:
            waiting.let_go()

    assert heard == ([VERDICTS] if is_told else []) + [5.0]


@virtually
async def test_who_is_let_go_waits_until_somebody_cancels_him() -> None:
    row: list[Waiting] = []

    with trio.move_on_after(3) as scope:
        waiting = Waiting(row, WRITES)
        waiting.is_taken = True
        row.clear()
        waiting.let_go()
        await waiting.told()

    assert scope.cancelled_caught
    assert trio.current_time() == 3.0
