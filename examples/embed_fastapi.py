"""A kernel in a service on FastAPI: `uvicorn examples.embed_fastapi:app --timeout-graceful-shutdown 5`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.sse import EventSourceResponse

from detent import World, handle
from detent.tools.embed.asyncio import on_host, open_kernel
from examples.order import Cart, Charge, Paid, Pay, order


async def charge_card(order: Charge) -> Paid:  # a bank that may be slow, on the service's own loop
    return await asyncio.wait_for(asyncio.sleep(order.cents / 1000, Paid(order.cents)), timeout=2)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    world = World(order, handlers=[handle(Charge, on_host(charge_card))])
    async with open_kernel(world) as app.state.kernel:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{id}", response_class=EventSourceResponse)
async def pay(id: str, cents: int) -> AsyncGenerator[str]:
    run = await app.state.kernel.start(order, Cart(cents), id=id)
    await run.send(Pay(), key="pay")
    try:
        async for sight in run.watch():
            yield str(sight.told)
    finally:  # it has ended, or the client has left
        await run.cancel("nobody listens")


@app.post("/orders/{id}/answers/{question}")
async def answer(id: str, question: int, yes: bool) -> str:
    return str((await app.state.kernel.run(id).answer(question, yes)).status)
