"""A kernel in a thread of its own, where trio runs, and what crosses into that thread and back.

Rule 1: what crosses is a coroutine of the kernel. A task there awaits it, with the context variables of the caller.
Rule 2: nobody waits for ever: when trio is over, for whatever reason, everybody who waits is told.
Rule 3: who stops waiting stops nothing else: an event that was sent is taken all the same.
Rule 4: a clock that can be held (virtual time) stands still while it is the host's turn: while nothing is crossing.
Left out on purpose: how the host waits. A thread that blocks waits for a Future itself, a loop is called back.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context as Variables
from contextvars import copy_context
from threading import Thread
from typing import Any, Generic, TypeAlias, TypeVar

import trio
from attrs import define, field

from detent.kernel import Kernel, KernelClosed, OnCancel, Sight, Watch, World, open_kernel

__all__ = ["Bridge", "Crossing", "Reading", "Runner", "called", "holding"]

T = TypeVar("T")

Runner: TypeAlias = Callable[[Callable[[], Awaitable[None]]], object]
"""Runs an async function of trio to its end: `trio.run` is one."""


@define(eq=False)
class Crossing(Generic[T]):
    """A coroutine on its way through the kernel's thread. Its answer is cancelled if somebody stopped waiting."""

    coroutine: Coroutine[Any, Any, T]
    variables: Variables = field(factory=copy_context, init=False)
    scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    answer: "Future[T]" = field(factory=Future["T"], init=False)

    def refuse(self, error: BaseException) -> None:
        """Do not even begin."""
        self.coroutine.close()
        self.answer.set_exception(error)


@define(eq=False)
class _Turn:
    """Whose turn it is: the clock is held while it is the host's."""

    hold: Callable[[], AbstractContextManager[object]]
    crossings: int = 0
    is_last: bool = False
    held: AbstractContextManager[object] | None = None

    def goes_to_the_kernel(self) -> None:
        """The host waits."""
        held, self.held = self.held, None
        if held is not None:
            held.__exit__(None, None, None)

    def goes_to_the_host(self) -> None:
        """Nothing is to happen before the host does something; unless it has done the last thing."""
        if self.held is None and not self.crossings and not self.is_last:
            self.held = self.hold()
            self.held.__enter__()


class Bridge:
    """A thread in which trio runs a kernel.

    `opened` becomes the kernel. `over` is done when the thread has nothing more to do, with the error that ended the
    kernel if one did.
    """

    def __init__(
        self,
        world: World,
        on_cancel: OnCancel,
        run: Runner,
        at_first: "Callable[[Bridge], object]" = lambda bridge: None,
    ) -> None:
        self.opened: Future[Kernel] = Future()
        self.over: Future[None] = Future()
        self._world = world
        self._on_cancel: OnCancel = on_cancel
        self._run = run
        self._at_first = at_first
        self._scope = trio.CancelScope()
        self._is_to_stop = False
        self._turn = _Turn(nullcontext)
        self._left: trio.Event | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        inside = (
            copy_context().run
        )  # what is taken up again has the context of whoever opens the kernel
        self._thread = Thread(target=inside, args=(self._work,), name="detent", daemon=True)

    # -- what the host does

    def open(self) -> None:
        """Begin."""
        self._thread.start()

    def send(self, coroutine: Coroutine[Any, Any, T]) -> Crossing[T]:
        """Let a coroutine be awaited in the kernel's thread."""
        crossing = Crossing(coroutine)
        if not self._soon(self._begin, crossing):
            crossing.refuse(_closed())
        return crossing

    def cancel(self, crossing: Crossing[Any]) -> None:
        """Stop awaiting a coroutine."""
        if not crossing.answer.done():
            self._soon(crossing.scope.cancel)

    def leave(self) -> None:
        """Leave the block of the kernel, which waits until nothing is under way."""
        if self._left is not None:
            self._soon(self._left.set)

    def stop(self) -> None:
        """Leave the block of the kernel as somebody does who is cancelled."""
        self._is_to_stop = True
        self._soon(self._scope.cancel)

    def join(self) -> None:
        """Wait for the end of the thread, when it is over."""
        self._thread.join()

    def _soon(self, call: Callable[..., object], *given: Any) -> bool:
        """Have something called in the kernel's thread. Whether anybody is there to do it."""
        if self._token is None:
            return False
        try:
            self._token.run_sync_soon(call, *given)
        except trio.RunFinishedError:
            return False
        return True

    # -- what the thread does

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            self._run(self._main)
        except BaseException as raised:  # it is raised where the block is left
            error = raised
        if not self.opened.done():
            self.opened.set_exception(error or KernelClosed("the kernel was closed at once"))
        if error is None:
            self.over.set_result(None)
        else:
            self.over.set_exception(error)

    async def _main(self) -> None:
        failure: BaseException | None = None
        self._at_first(self)
        self._turn = _Turn(holding())
        self._left = trio.Event()
        async with trio.open_nursery() as self._nursery:
            self._token = trio.lowlevel.current_trio_token()
            if self._is_to_stop:
                self._scope.cancel()
            try:
                await self._drive()
            except trio.Cancelled:
                raise
            except (
                BaseException
            ) as error:  # raised behind the nursery, which would put it into a group
                failure = error
            finally:
                nursery, self._nursery = self._nursery, None
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _drive(self) -> None:
        """Keep a kernel open until the host leaves, or it dies."""
        left: Any = self._left
        with self._scope:
            async with open_kernel(self._world, on_cancel=self._on_cancel) as kernel:
                self._turn.goes_to_the_host()
                self.opened.set_result(kernel)
                try:
                    await left.wait()
                finally:
                    self._turn.is_last = True
                    self._turn.goes_to_the_kernel()

    def _begin(self, crossing: Crossing[Any]) -> None:
        if self._nursery is None:
            crossing.refuse(_closed())
            return
        self._turn.crossings += 1
        self._turn.goes_to_the_kernel()
        crossing.variables.run(self._nursery.start_soon, self._cross, crossing)

    async def _cross(self, crossing: Crossing[Any]) -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            with crossing.scope:
                value = await crossing.coroutine
        except trio.Cancelled:
            error = _closed()
            raise
        except BaseException as raised:  # it is raised where the caller waits
            error = raised
        finally:
            self._turn.crossings -= 1
            self._turn.goes_to_the_host()
            if error is not None:
                crossing.answer.set_exception(error)
            elif crossing.scope.cancelled_caught:
                crossing.answer.cancel()
            else:
                crossing.answer.set_result(value)


@define(eq=False)
class Reading:
    """What is read of a watch, some sights at a time, and not shown yet: nothing is lost if nobody waits any more."""

    bridge: Bridge
    watch: Watch
    ready: deque[Sight] = field(factory=deque[Sight], init=False)
    is_over: bool = field(default=False, init=False)
    asked: Crossing[tuple[Sight, ...]] | None = field(default=None, init=False)

    def ask(self) -> Crossing[tuple[Sight, ...]]:
        """Read on, if that is not being done."""
        self.asked = self.asked or self.bridge.send(self.watch.some())
        return self.asked

    def take(self, asked: Crossing[tuple[Sight, ...]]) -> None:
        """Take what was read, if nobody has taken it. Raises what reading did."""
        if self.asked is not asked:
            return
        self.asked = None
        if not asked.answer.cancelled():
            some = asked.answer.result()
            self.ready.extend(some)
            self.is_over = not some

    def close(self) -> None:
        """Read no more."""
        self.is_over = True
        self.ready.clear()
        self.bridge.send(self.watch.aclose())


async def called(async_fn: Callable[..., Awaitable[T]], *given: Any) -> T:
    """What an async function gives, called where it is awaited."""
    return await async_fn(*given)


def holding() -> Callable[[], AbstractContextManager[object]]:
    """What holds the clock of this run of trio, if it can be held."""
    clock: Any = trio.lowlevel.current_clock()
    hold: Callable[[], AbstractContextManager[object]] = getattr(clock, "hold", nullcontext)
    return hold


def _closed() -> KernelClosed:
    return KernelClosed("the kernel is closed: nothing can be asked of it any more")
