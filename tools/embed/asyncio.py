"""A kernel inside a program on asyncio: `async with open_kernel(world) as kernel: ...`, and all else as on trio.

Rule 1: the kernel runs on trio, in a thread of its own. Nothing is done twice here: every call is the one of
        `detent.Kernel`, and crosses into that thread; runs are `detent.Run`.
Rule 2: a task that is cancelled while it waits stops waiting, and nothing else. The task that holds the block is the
        host: if it is cancelled the runs are ended in order, as `on_cancel` says, and if the kernel dies it is told.
Rule 3: what has to run on the host's own loop is handed over: `on_host`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

import trio
from attrs import define, field

from detent.kernel import (
    Batch,
    BrokenTap,
    Definition,
    DetentError,
    Difference,
    End,
    Event,
    ForkChoice,
    Frame,
    Journal,
    Listed,
    ListedStatus,
    Obstacle,
    OnCancel,
    Question,
    Receipt,
    Run,
    Sight,
    Snapshot,
    Status,
    Upgrade,
    World,
    WrongLoop,
)
from detent.kernel import Kernel as OnTrio
from detent.tools.embed.bridge import Bridge, Reading, Runner, called
from detent.tools.embed.hosted import host, on_host
from detent.tools.embed.waiting import crossed, tell, until

__all__ = ["Kernel", "Watch", "on_host", "open_kernel"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")
T = TypeVar("T")
P = ParamSpec("P")


@asynccontextmanager
async def open_kernel(
    world: World, *, on_cancel: OnCancel = "cancel", run: Runner = trio.run
) -> AsyncGenerator["Kernel"]:
    """Run the machines of a world beside a loop of asyncio, for as long as the block lasts: see detent.open_kernel.

    `run` is what runs trio, in the kernel's thread. Raises WrongLoop where there is no loop of asyncio.
    """
    loop, task = _here()
    bridge = Bridge(world, on_cancel, run, partial(host, loop))
    block = _Block(bridge, task)
    bridge.open()
    failure: BaseException | None = await until(bridge.opened, bridge.stop)
    if failure is None and bridge.opened.exception() is None:
        bridge.over.add_done_callback(lambda over: tell(loop, block.has_died))
        try:
            yield Kernel(bridge, bridge.opened.result())
        except GeneratorExit:  # nobody can wait any more
            block.is_left = True
            bridge.stop()
            raise
        except BaseException as error:
            failure = error
    await block.leave(failure)


def _here() -> "tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]":
    """The loop and the task that this is called in. Raises WrongLoop."""
    try:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
    except RuntimeError:
        loop, task = None, None
    if loop is None or task is None:
        where = "a loop of trio" if trio.lowlevel.in_trio_run() else "no loop"
        right = "detent" if trio.lowlevel.in_trio_run() else "detent.tools.embed.sync"
        raise WrongLoop(
            f"this open_kernel is for tasks of asyncio, and there is {where} here: use {right}.open_kernel"
        )
    return loop, task


@define(eq=False)
class _Block:
    """The block of a kernel, as its host sees it."""

    bridge: Bridge
    task: "asyncio.Task[Any]"
    is_left: bool = field(default=False, init=False)
    is_told: bool = field(default=False, init=False)

    def has_died(self) -> None:
        """The thread of the kernel is over: if nobody has asked for that, the block is left."""
        if not self.is_left:
            self.is_told = True
            self.task.cancel("the kernel has died")

    async def leave(self, failure: BaseException | None) -> None:
        """Close the kernel. Raises what has ended it, else what was raised inside the block, or the cancelling."""
        self.is_left = True
        bridge = self.bridge
        (bridge.leave if failure is None else bridge.stop)()
        cancelled = await until(bridge.over, bridge.stop)
        if self.is_told:
            failure = await self._without_our_own(failure)
        bridge.join()
        died = bridge.over.exception()
        if died is not None:
            raise died from failure
        error = failure or cancelled
        if error is not None:
            raise error

    async def _without_our_own(self, failure: BaseException | None) -> BaseException | None:
        """What was raised in the block, but for the cancelling by which it was told that the kernel has died."""
        self.task.uncancel()
        if isinstance(failure, asyncio.CancelledError):
            return None
        with suppress(asyncio.CancelledError):  # it may be on its way
            await asyncio.sleep(0)
        return failure


class Kernel:
    """A kernel on the other side. Made by `open_kernel`; what it offers is what `detent.Kernel` offers."""

    def __init__(self, bridge: Bridge, kernel: OnTrio) -> None:
        self._bridge = bridge
        self._kernel = kernel

    async def within(
        self, async_fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call an async function of trio where the kernel runs: `await kernel.within(trio.sleep, 1)`."""
        return await self._cross(called(partial(async_fn, *args, **kwargs)))

    @property
    def journal(self) -> Journal:
        """Where everything is kept. It is to be asked `within` the kernel."""
        return self._kernel.journal

    @property
    def broken_taps(self) -> tuple[BrokenTap, ...]:
        """See detent.Kernel."""
        return self._kernel.broken_taps

    @property
    def damaged(self) -> Mapping[str, DetentError]:
        """See detent.Kernel."""
        return self._kernel.damaged

    async def start(
        self,
        machine: Definition[I, D, R],
        input: I,
        *,
        id: str | None = None,
        deadline: float | None = None,
        seed: int | None = None,
        baggage: Mapping[str, str] | None = None,
    ) -> Run[D, R]:
        """See detent.Kernel. The effects of the run have the context variables of the caller."""
        how: Any = {"id": id, "deadline": deadline, "seed": seed, "baggage": baggage}
        start = self._kernel.start(machine, input, **how)
        return self._handle(await self._cross(start))

    async def batch(
        self,
        machine: Definition[I, Any, R],
        inputs: Iterable[I],
        *,
        at_most: int | None = None,
        stop_on_failure: bool = False,
        id: str | None = None,
        baggage: Mapping[str, str] | None = None,
    ) -> Run[Batch[I, R], Batch[I, R]]:
        """See detent.Kernel."""
        how: Any = {"at_most": at_most, "stop_on_failure": stop_on_failure}
        batch = self._kernel.batch(machine, tuple(inputs), **how, id=id, baggage=baggage)
        return self._handle(await self._cross(batch))

    def run(self, id: str) -> Run[Any, Any]:
        """See detent.Kernel."""
        return Run(id, behind=self)

    async def runs(
        self,
        *,
        status: ListedStatus | None = None,
        machine: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[Listed, ...]:
        """See detent.Kernel."""
        runs = self._kernel.runs(status=status, machine=machine, after=after, limit=limit)
        return await self._cross(runs)

    async def bring_in(self, lines: Iterable[bytes]) -> tuple[str, ...]:
        """See detent.Kernel."""
        return await self._cross(self._kernel.bring_in(tuple(lines)))

    async def fork(
        self, run: str, *, at: int, name: str, choices: Mapping[int, ForkChoice] | None = None
    ) -> Run[Any, Any]:
        """See detent.Kernel."""
        fork = self._kernel.fork(run, at=at, name=name, choices=choices)
        return self._handle(await self._cross(fork))

    async def changes(self, run: str) -> tuple[Difference, ...]:
        """See detent.Kernel."""
        return await self._cross(self._kernel.changes(run))

    async def check_upgrade(
        self, upgrade: Upgrade[Any], run: str | None = None
    ) -> tuple[Obstacle, ...]:
        """See detent.Kernel."""
        return await self._cross(self._kernel.check_upgrade(upgrade, run))

    async def adopt(self, run: str, upgrade: Upgrade[Any]) -> None:
        """See detent.Kernel."""
        await self._cross(self._kernel.adopt(run, upgrade))

    # -- what handles ask

    async def send(self, run: str, event: Event, key: str | None = None) -> Receipt:
        """See Run."""
        return await self._cross(self._kernel.send(run, event, key))

    async def answer(self, run: str, wait: int, value: object) -> Receipt:
        """See Run."""
        return await self._cross(self._kernel.answer(run, wait, value))

    async def cancel(self, run: str, reason: str = "") -> Status:
        """See Run."""
        return await self._cross(self._kernel.cancel(run, reason))

    async def resume(self, run: str, skip: bool = False) -> None:
        """See Run."""
        await self._cross(self._kernel.resume(run, skip))

    async def end_of(self, run: str) -> End:
        """See Run."""
        return await self._cross(self._kernel.end_of(run))

    async def log_of(self, run: str) -> tuple[bytes, ...]:
        """See Run."""
        return await self._cross(self._kernel.log_of(run))

    async def snapshot_of(self, run: str) -> Snapshot[Any]:
        """See Run."""
        return await self._cross(self._kernel.snapshot_of(run))

    async def frame_of(self, run: str) -> Frame:
        """See Run."""
        return await self._cross(self._kernel.frame_of(run))

    async def listed_of(self, run: str) -> Listed:
        """See Run."""
        return await self._cross(self._kernel.listed_of(run))

    async def questions_of(self, run: str) -> tuple[Question, ...]:
        """See Run."""
        return await self._cross(self._kernel.questions_of(run))

    def watch(self, run: str, after: int = 0) -> "Watch":
        """See Run."""
        return Watch(Reading(self._bridge, self._kernel.watch(run, after)))

    # -- inside

    async def _cross(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await crossed(self._bridge, coroutine)

    def _handle(self, run: Run[D, R]) -> Run[D, R]:
        """A handle for this side. It remembers what that of the other side does."""
        return Run(run.id, behind=self, ending=run)


@define(eq=False)
class Watch:
    """The sights of a run: `async for sight in run.watch(): ...`. They are fetched as they are asked for."""

    _reading: Reading

    def __aiter__(self) -> "Watch":
        """Itself: a watch is read once."""
        return self

    async def __anext__(self) -> Sight:
        """The next sight. Raises NoSuchRun if there is no such run."""
        reading = self._reading
        while not reading.ready:
            if reading.is_over:
                raise StopAsyncIteration
            asked = reading.ask()
            cancelled = await until(asked.answer, partial(reading.bridge.cancel, asked))
            reading.take(asked)
            if cancelled is not None:
                raise cancelled
        return reading.ready.popleft()

    async def aclose(self) -> None:
        """Read no more: whoever waits for a sight is at the end."""
        self._reading.close()
