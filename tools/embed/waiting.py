"""Waiting on a loop of asyncio for what another thread does.

Rule 1: who is cancelled while he waits says so on the other side, and waits until that has come to its end: then
        nothing goes on behind his back. What he had waited for may have come all the same.
Rule 2: a loop that is closed is told nothing: nobody is there.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from detent.tools.embed.bridge import Bridge

__all__ = ["crossed", "tell", "until"]

T = TypeVar("T")


async def crossed(bridge: Bridge, coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine of trio gives in the kernel's thread. Raises what it raises, and KernelClosed."""
    crossing = bridge.send(coroutine)
    answer = crossing.answer
    cancelled = await until(answer, partial(bridge.cancel, crossing))
    if cancelled is not None and (answer.cancelled() or answer.exception() is None):
        raise cancelled
    return answer.result()


async def until(answer: "Future[Any]", stop: Callable[[], None]) -> asyncio.CancelledError | None:
    """Wait for an answer. If the task is cancelled meanwhile, stop what is waited for; the cancelling is given back."""
    loop = asyncio.get_running_loop()
    cancelled: asyncio.CancelledError | None = None
    while not answer.done():
        came: asyncio.Future[None] = loop.create_future()
        answer.add_done_callback(partial(_wake, loop, came))
        try:
            await came
        except asyncio.CancelledError as error:
            cancelled = error
            stop()
    return cancelled


def tell(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *given: Any) -> bool:
    """Have something called in a loop, from another thread. Whether the loop is there."""
    try:
        loop.call_soon_threadsafe(call, *given)
    except RuntimeError:  # it is closed
        return False
    return True


def _wake(
    loop: asyncio.AbstractEventLoop, came: "asyncio.Future[None]", answer: "Future[Any]"
) -> None:
    tell(loop, _set, came)


def _set(came: "asyncio.Future[None]") -> None:
    if not came.done():
        came.set_result(None)
