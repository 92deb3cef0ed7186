"""A kernel in a program on trio: an ordinary block, inside your own nurseries and cancel scopes."""

import trio

from detent import World, handle, open_kernel
from examples.order import Cart, Charge, Paid, Pay, order


async def charge_card(order: Charge) -> Paid:
    await trio.sleep(0.1)  # the bank takes its time
    return Paid(order.cents)


async def checkout(cents: int) -> None:
    with trio.move_on_after(60):  # if this is over the run is cancelled, and what it does cleans up
        async with open_kernel(World(order, handlers=[handle(Charge, charge_card)])) as kernel:
            run = await kernel.start(order, Cart(cents))
            await run.send(Pay())
            async for sight in run.watch():
                print(*[type(told).__name__ for told in sight.told])
            print(await run.wait_result())


def main() -> None:
    """Buy something."""
    trio.run(checkout, 500)


if __name__ == "__main__":
    main()
