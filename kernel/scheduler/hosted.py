"""The tasks of a kernel inside the block of whoever opened it.

Rule 1: the cancelling of the host does not reach them: they end when the block is left, and
        the kernel has come to rest.
Rule 2: if they die, the block is left.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import trio
from attrs import define, field

from detent.kernel.errors import KernelClosed
from detent.kernel.scheduler.engine import Engine
from detent.kernel.scheduler.live import Item
from detent.kernel.scheduler.performing import alone
from detent.kernel.scheduler.recovery import recover
from detent.kernel.wire import Tree

__all__ = ["driven", "suspend"]


@asynccontextmanager
async def driven(
    engine: Engine, close: Callable[[str], Awaitable[None]], on_cancel: str
) -> AsyncGenerator[None]:
    """A block in which runs are driven. Leaving it waits; left by an error it closes, as `on_cancel` says."""
    kept = _Kept(engine)
    try:
        async with trio.open_nursery() as nursery:
            with kept.while_inside(), kept.body:
                await kept.begin(nursery)
                async with kept.closed(close, on_cancel):
                    yield
    except BaseException as error:  # a host may be cancelled in the moment in which its kernel dies
        if kept.error is None or not _is_only(error, trio.Cancelled):
            raise
    if kept.error is not None:
        raise kept.error from kept.failure
    if kept.failure is not None:
        raise kept.failure


@define(eq=False)
class _Kept:
    """The tasks of a kernel, which the cancelling of its host does not reach. If they die, the block is left."""

    engine: Engine
    shield: trio.CancelScope = field(factory=partial(trio.CancelScope, shield=True), init=False)
    body: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    closing: trio.CancelScope = field(factory=partial(trio.CancelScope, shield=True), init=False)
    error: BaseException | None = field(default=None, init=False)
    failure: BaseException | None = field(default=None, init=False)
    """What the block was left by."""

    @contextmanager
    def while_inside(self) -> Generator[None]:
        """A block after which they are there no more."""
        try:
            yield
        finally:
            self.shield.cancel()

    @asynccontextmanager
    async def closed(
        self, close: Callable[[str], Awaitable[None]], on_cancel: str
    ) -> AsyncGenerator[None]:
        """A block after which the kernel has come to rest."""
        try:
            yield
            await close("wait")
        except BaseException as error:
            if self.body.cancel_called and not _is_only(error, KernelClosed):
                raise
            self.failure = error
            with self.closing:
                await close(on_cancel)

    async def begin(self, nursery: trio.Nursery) -> None:
        """Be there, and take up what was left."""
        with trio.CancelScope(shield=True):
            try:
                await nursery.start(self.run)
                await recover(self.engine)
            except Exception as error:
                self.error = self.error or alone(error)
        if self.error is not None:
            self.body.cancel()
            await trio.lowlevel.checkpoint()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be there until the shield is cancelled."""
        try:
            with self.shield:
                await self.engine.run(task_status)
        except BaseException as error:
            self.error = alone(error)
            self.body.cancel()
            self.closing.cancel()
        finally:
            self.engine.lives.close()


async def suspend(engine: Engine) -> None:
    """Begin nothing more; what does not end in the kernel's grace is interrupted."""
    lives = engine.lives
    engine.gates.draining = lives.is_suspended = True
    with trio.move_on_after(engine.world.limits.grace):
        while any(live.flying or live.is_driven for live in lives):
            await lives.rested.wait_beyond(lives.rested.count)
    for live in tuple(lives):
        if live.flying:
            ids: list[Tree] = [*sorted(live.flying)]
            for underway in tuple(live.flying.values()):
                underway.interrupt()
            live.flying.clear()
            engine.put(live, Item(note={"$interrupted": ids}))


def _is_only(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether an error is of a kind, or a group in which is nothing else; what was cancelled does not count."""
    group: Any = error
    if isinstance(error, BaseExceptionGroup):
        return group.split((kind, trio.Cancelled))[1] is None
    return isinstance(error, kind)
