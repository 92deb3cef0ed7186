"""Mistakes that people make who run machines from asyncio, or without a loop."""

from attrs import frozen

from detent import Effect, Final, Machine, State, World, handle
from detent.tools.embed import asyncio as on_asyncio
from detent.tools.embed import sync
from detent.tools.embed.asyncio import on_host


@frozen
class Charge(Effect[int]):
    """Take money."""

    cents: int


@frozen
class Refund(Effect[int]):
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


async def of_another(order: Refund) -> int:
    """Performs another effect."""
    return order.cents


async def gives_a_text(order: Charge) -> str:
    """Gives back something else."""
    return f"{order.cents}"


def blocks(order: Charge) -> int:
    """Is no async function."""
    return order.cents


async def doubled(number: int) -> int:
    """A function of trio."""
    return 2 * number


handle(Charge, on_host(of_another))  # wrong: mypy, pyright
handle(Charge, on_host(gives_a_text))  # wrong: mypy, pyright
on_host(blocks)  # wrong: mypy, pyright
sync.open_kernel(World(order), on_cancel="wait")  # wrong: mypy, pyright


async def on_a_loop(kernel: on_asyncio.Kernel) -> None:
    """Asks a kernel for the wrong things."""
    await kernel.start(order, "five")  # wrong: mypy, pyright
    run = await kernel.start(order, Cart())
    number: int = await run.wait_result()  # wrong: mypy, pyright
    await run.send(Cart())  # wrong: mypy, pyright
    await kernel.within(doubled, f"{number}")  # wrong: mypy, pyright


def without_a_loop(kernel: sync.Kernel) -> None:
    """Asks another for the wrong things."""
    kernel.start(order, "five")  # wrong: mypy, pyright
    run = kernel.start(order, Cart())
    number: int = run.wait_result()  # wrong: mypy, pyright
    run.send(Cart())  # wrong: mypy, pyright
    kernel.within(doubled, f"{number}")  # wrong: mypy, pyright
