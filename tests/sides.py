"""The sides from which a kernel may be asked: trio, asyncio, and a program without a loop. A scene is written once.

Rule 1: it is written as on trio. Without a loop every call blocks, and what is awaited there is there already.
Rule 2: the kernel's time is virtual on every side, and stands still while it is the turn of the host.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import trio
from attrs import frozen

from detent import World, open_kernel
from detent.kernel import Sight
from detent.tools.embed import asyncio as on_asyncio
from detent.tools.embed import sync
from detent.tools.testing.virtual import VirtualClock, run_virtually

__all__ = ["SIDES", "Awaited", "Side", "asked", "at_once", "looped", "play", "sleep", "time"]

T = TypeVar("T")

Side: TypeAlias = Literal["trio", "asyncio", "sync"]
SIDES: tuple[Side, ...] = get_args(Side)

_within: ContextVar[Callable[..., Awaitable[Any]] | None] = ContextVar("within", default=None)


def play(
    side: Side,
    world: Callable[[VirtualClock], World],
    scene: Callable[[Any], Awaitable[T]],
    **options: Any,
) -> T:
    """What comes of a scene with a kernel, which is asked from one of the sides."""
    clock = VirtualClock()
    virtually = partial(run_virtually, clock=clock)

    async def on_trio() -> T:
        async with open_kernel(world(clock), **options) as kernel:
            return await scene(kernel)

    async def elsewhere() -> T:
        async with on_asyncio.open_kernel(world(clock), run=virtually, **options) as kernel:
            _within.set(kernel.within)
            return await scene(kernel)

    if side == "trio":
        return run_virtually(on_trio, clock=clock)
    if side == "asyncio":
        return asyncio.run(elsewhere())
    with sync.open_kernel(world(clock), run=virtually, **options) as kernel:
        return at_once(scene(Awaited(kernel)), kernel)


def looped(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make an async test one that runs on a loop of asyncio, in real time."""

    @wraps(test)
    def sync_test(*given: Any, **fixtures: Any) -> None:
        async def main() -> None:
            await test(*given, **fixtures)

        asyncio.run(main())

    return sync_test


# -- whoever asks


async def sleep(seconds: float) -> None:
    """Let the kernel's time pass."""
    await asked(trio.sleep, seconds)


async def time() -> float:
    """The kernel's time, in seconds since the beginning."""
    return await asked(_time)


async def asked(async_fn: Callable[..., Awaitable[T]], *given: Any) -> T:
    """What a function of trio gives where the kernel is."""
    within = _within.get()
    if within is None:
        return await async_fn(*given)
    answer: T = await within(async_fn, *given)
    return answer


async def _time() -> float:
    return trio.current_time()


# -- without a loop


@frozen
class Awaited:
    """A kernel that blocks, or a run of it, or a watch, for whoever writes `await`."""

    it: Any

    def __getattr__(self, name: str) -> Any:
        here = getattr(self.it, name)
        if not callable(here):
            return here
        if name in ("watch", "run"):
            return lambda *given, **named: Awaited(here(*given, **named))

        async def blocking(*given: Any, **named: Any) -> Any:
            came = here(*given, **named)
            return Awaited(came) if isinstance(came, sync.Run) else came

        return blocking

    def __aiter__(self) -> "Awaited":
        return self

    async def __anext__(self) -> Sight:
        for sight in self.it:
            found: Sight = sight
            return found
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """See Sights."""
        self.it.close()


def at_once(doing: Awaitable[T], kernel: sync.Kernel) -> T:
    """What comes of doing something that never waits itself, as its calls block."""

    async def blocking(async_fn: Callable[..., Awaitable[Any]], *given: Any) -> Any:
        return kernel.within(async_fn, *given)

    before = _within.set(blocking)
    steps = doing.__await__()
    try:
        next(steps)
    except StopIteration as done:
        answer: T = done.value
        return answer
    finally:
        _within.reset(before)
    raise AssertionError("this waits for something itself")
