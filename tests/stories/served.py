"""A shop as a service on FastAPI, with its orders in a file: what a person writes who serves runs."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from detent import Context, Limits, Run, World, handle
from detent.kernel import Seen
from detent.tools.embed.asyncio import on_host, open_kernel
from detent.tools.stores import SQLite
from examples.order import Cart, Charge, Paid, Pay, order

customer: ContextVar[str] = ContextVar("customer", default="nobody")


class Closing(Exception):
    """The service is told to go."""


async def charge_card(order: Charge, context: Context) -> Paid:
    """Ask the bank, which takes a second for ten dollars, in the name of whoever asked for it."""
    context.note({"for": customer.get()})
    await asyncio.sleep(order.cents / 1_000)
    return Paid(order.cents)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Put the runs down when the service is told to go; the next one goes on with them."""
    world = World(
        order,
        handlers=[handle(Charge, on_host(charge_card))],
        store=SQLite(os.environ.get("ORDERS", "orders.db")),
        limits=Limits(grace=0.5),
    )
    with suppress(Closing):
        async with open_kernel(world, on_cancel="suspend") as app.state.kernel:
            yield
            raise Closing


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{id}")
async def pay(request: Request, id: str, cents: int) -> StreamingResponse:
    """Pay an order, and see how that goes."""
    customer.set(request.headers["x-customer"])
    run: Run[Cart, Cart] = await app.state.kernel.start(order, Cart(cents), id=id)
    await run.send(Pay(), key="pay")
    return StreamingResponse(told(run), media_type="text/event-stream")


async def told(run: Run[Cart, Cart]) -> AsyncGenerator[str]:
    """What a run tells, a line for each thing."""
    async for sight in run.watch():
        for one in sight.told if isinstance(sight, Seen) else ():
            yield f"data: {one}\n\n"


@app.get("/orders")
async def orders() -> dict[str, str]:
    """How all orders stand."""
    return {one.id: one.status for one in await app.state.kernel.runs()}
