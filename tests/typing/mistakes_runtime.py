"""Mistakes that people make who run machines."""

from attrs import frozen

from detent import (
    Batch,
    Context,
    Effect,
    Event,
    Final,
    Kernel,
    Machine,
    State,
    World,
    batch_of,
    handle,
)


@frozen
class Paid:
    """It went well."""

    cents: int


@frozen
class Charge(Effect[Paid]):
    """Take money."""

    cents: int


@frozen
class Refund(Effect[Paid]):
    """Give it back."""

    cents: int


@frozen
class Cart:
    """The data."""

    cents: int = 0

    def receipt(self) -> str:
        """What it comes to."""
        return f"{self.cents}"


order: Machine[Cart, Cart, str] = Machine(
    "order", State("cart"), Final("paid"), data=Cart, result=Cart.receipt
)


async def of_another(order: Refund) -> Paid:
    """Performs another effect."""
    return Paid(order.cents)


async def gives_an_int(order: Charge) -> int:
    """Gives back something else."""
    return order.cents


def gives_nothing(order: Charge) -> None:
    """Gives back nothing, in a thread."""


async def wants_too_much(order: Charge, context: Context, more: int) -> Paid:
    """Nobody gives it a third argument."""
    return Paid(more)


async def wants_a_run(order: Charge, run: int) -> Paid:
    """Its context is a number."""
    return Paid(run)


handle(Charge, of_another)  # wrong: mypy, pyright
handle(Charge, gives_an_int)  # wrong: mypy, pyright
handle(Charge, gives_nothing)  # wrong: mypy, pyright
handle(Charge, wants_too_much)  # wrong: mypy, pyright
handle(Charge, wants_a_run)  # wrong: mypy, pyright
handle(Paid, of_another)  # wrong: mypy, pyright
World(Cart)  # wrong: mypy, pyright
World(order, handlers=[of_another])  # wrong: mypy, pyright


async def main(kernel: Kernel) -> None:
    """Asks a kernel for the wrong things."""
    await kernel.start(order, "five")  # wrong: mypy, pyright
    await kernel.start(Cart, Cart())  # wrong: mypy, pyright
    run = await kernel.start(order, Cart())
    number: int = await run.wait_result()  # wrong: mypy, pyright
    await run.send(Cart())  # wrong: mypy, pyright
    await run.send(Event)  # wrong: mypy, pyright
    await run.answer("first", number)  # wrong: mypy, pyright
    await kernel.start(batch_of(order), Batch((1, 2)))  # wrong: mypy, pyright
    batch = await kernel.start(batch_of(order), Batch((Cart(1),)))
    number = (await batch.wait_result()).items  # wrong: mypy, pyright
