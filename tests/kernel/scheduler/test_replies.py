"""Waiting for a kernel task: answers are given once, and a bell tells how often it rang."""

import pytest
import trio

from detent.kernel import RunLost
from detent.kernel.scheduler import Bell, Reply
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
