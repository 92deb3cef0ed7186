"""What people write who run machines from asyncio, or without a loop: everything has the type that it has on trio."""

import asyncio
from typing import assert_type

from attrs import frozen

import detent
from detent import (
    Batch,
    Call,
    Context,
    Effect,
    Event,
    Final,
    Machine,
    On,
    Returned,
    State,
    World,
    handle,
)
from detent.kernel import End, Listed, Question, Receipt, Sight, Snapshot
from detent.tools.embed import asyncio as on_asyncio
from detent.tools.embed import sync
from detent.tools.embed.asyncio import on_host


@frozen
class Add(Event):
    """What happened."""


@frozen
class Charge(Effect[int]):
    """Take money."""

    cents: int


@frozen
class Cart:
    """The data."""

    cents: int = 0

    def charge(self) -> Charge:
        """What to order."""
        return Charge(self.cents)

    def note(self, event: Returned[int]) -> "Cart":
        """What came back."""
        return Cart(event.value)

    def receipt(self) -> str:
        """What it comes to."""
        return f"{self.cents}"


charge = Call(Charge, Cart.charge)
order: Machine[Cart, Cart, str] = Machine(
    "order",
    State("paying", On(charge.returned, to="paid", update=Cart.note), do=charge),
    Final("paid"),
    data=Cart,
    result=Cart.receipt,
)


async def plainly(order: Charge) -> int:
    """Without a context."""
    await asyncio.sleep(0)
    return order.cents


async def carefully(order: Charge, context: Context) -> int:
    """With one."""
    with context.cleanup():
        await asyncio.sleep(0)
    return order.cents


class Bank:
    """Something whose methods are handlers."""

    async def charge(self, order: Charge, context: Context) -> int:
        """A method."""
        return order.cents


async def doubled(number: int, *, times: int) -> str:
    """A function of trio."""
    return f"{number * times}"


handlers = [
    handle(Charge, on_host(plainly)),
    handle(Charge, on_host(carefully), workers=2),
    handle(Charge, on_host(Bank().charge)),
]


async def on_a_loop() -> None:
    """From asyncio."""
    async with on_asyncio.open_kernel(World(order, handlers=handlers[:1])) as kernel:
        assert_type(kernel, on_asyncio.Kernel)
        run = await kernel.start(order, Cart(5), id="one", deadline=60.0)
        assert_type(run, detent.Run[Cart, str])
        assert_type(await run.wait_result(), str)
        assert_type(await run.snapshot(), Snapshot[Cart])
        assert_type(await run.wait_end(), End)
        async for sight in run.watch(after=1):
            assert_type(sight, Sight)
        many = await kernel.batch(order, [Cart(1), Cart(2)], at_most=2)
        assert_type(many, detent.Run[Batch[Cart, str], Batch[Cart, str]])
        assert_type(await kernel.runs(status="running"), tuple[Listed, ...])
        assert_type(await kernel.within(doubled, 2, times=3), str)


def without_a_loop() -> None:
    """From nowhere in particular."""
    with sync.open_kernel(World(order, handlers=handlers[:1]), on_cancel="suspend") as kernel:
        assert_type(kernel, sync.Kernel)
        run = kernel.start(order, Cart(5), id="one", deadline=60.0)
        assert_type(run, sync.Run[Cart, str])
        assert_type(run.wait_result(), str)
        assert_type(run.snapshot(), Snapshot[Cart])
        assert_type(run.wait_end(), End)
        assert_type(run.send(Add()), Receipt)
        assert_type(run.questions(), tuple[Question, ...])
        for sight in run.watch(after=1):
            assert_type(sight, Sight)
        many = kernel.batch(order, [Cart(1), Cart(2)], at_most=2)
        assert_type(many.wait_result(), Batch[Cart, str])
        assert_type(kernel.within(doubled, 2, times=3), str)
