"""What people write who run machines: handlers of every kind, results of the right type."""

from typing import assert_type

import trio
from attrs import frozen

from detent import (
    Batch,
    Call,
    Context,
    Effect,
    Fails,
    Failure,
    Final,
    Kernel,
    Machine,
    On,
    Returned,
    Run,
    State,
    World,
    batch_of,
    handle,
    open_kernel,
)
from detent.kernel import End, Seen, Snapshot


@frozen
class CardRefused(Failure):
    """The card is no good."""

    code: int = 0


@frozen
class Paid:
    """It went well."""

    cents: int


@frozen
class Charge(Effect[Paid], fails=(CardRefused,)):
    """Take money."""

    cents: int


@frozen
class Cart:
    """The data."""

    cents: int = 0

    def charge(self) -> Charge:
        """What to order."""
        return Charge(self.cents)

    def note(self, event: Returned[Paid]) -> "Cart":
        """What came back."""
        return Cart(event.value.cents)

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


async def plainly(order: Charge) -> Paid:
    """Without a context."""
    return Paid(order.cents)


async def carefully(order: Charge, context: Context) -> Paid:
    """With one."""
    context.emit("asking")
    context.note({"key": context.key})
    with context.cleanup():
        await trio.lowlevel.checkpoint()
    if order.cents > 100:
        raise Fails(CardRefused(7))
    return Paid(order.cents)


def slowly(order: Charge) -> Paid:
    """In a thread."""
    return Paid(order.cents)


def slowly_and_carefully(order: Charge, context: Context) -> Paid:
    """In a thread, with a context."""
    return Paid(0 if context.stopping else order.cents)


class Bank:
    """Something whose methods are handlers."""

    async def charge(self, order: Charge, context: Context) -> Paid:
        """A method."""
        return Paid(order.cents)


handlers = [
    handle(Charge, plainly),
    handle(Charge, carefully, workers=3),
    handle(Charge, slowly),
    handle(Charge, slowly_and_carefully),
    handle(Charge, Bank().charge),
]


async def main() -> None:
    """Everything that is asked of a run has its type."""
    async with open_kernel(World(order, handlers=handlers[:1])) as kernel:
        assert_type(kernel, Kernel)
        run = await kernel.start(order, Cart(5), id="one", deadline=60.0)
        assert_type(run, Run[Cart, str])
        assert_type(await run.wait_result(), str)
        assert_type(await run.snapshot(), Snapshot[Cart])
        assert_type(await run.wait_end(), End)
        async for sight in run.watch(after=1):
            if isinstance(sight, Seen):
                assert_type(sight.seq, int)
        batch = await kernel.start(batch_of(order, at_most=2), Batch((Cart(1), Cart(2))))
        assert_type((await batch.wait_result()).failed, tuple[Cart, ...])
        many = await kernel.batch(order, [Cart(1), Cart(2)], at_most=2)
        assert_type((await many.wait_result()).inputs, tuple[Cart, ...])
