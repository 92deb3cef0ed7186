"""Handlers that run on the host's loop: async functions that need asyncio, or a library that does.

Rule 1: the handler is a task of the host's loop, with the context variables of the run, and a copy of its own.
Rule 2: it is contained as one on trio is. When its effect is stopped, or its time is over, the task is cancelled, and
        awaited for as long as the grace; then it is cancelled once more, and nobody waits for it.
Rule 3: a task that somebody else cancels has raised: its effect has failed, or is in doubt.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import Context as Variables
from contextvars import copy_context
from functools import partial, update_wrapper
from inspect import iscoroutinefunction
from typing import Any, TypeVar, overload

import trio
from attrs import define, field, frozen

from detent.kernel import Context, Event, Fails, Receipt, WrongInput, takes_context
from detent.tools.embed.bridge import Bridge, called, holding
from detent.tools.embed.waiting import crossed, tell

__all__ = ["host", "on_host"]

C = TypeVar("C")
T = TypeVar("T")


@frozen(eq=False)
class _Host:
    """The loop that a kernel has as its host, and what is at work there."""

    loop: asyncio.AbstractEventLoop
    bridge: Bridge
    tasks: "set[asyncio.Task[Any]]" = field(factory=set["asyncio.Task[Any]"])


HOST: "trio.lowlevel.RunVar[_Host | None]" = trio.lowlevel.RunVar("detent.host", None)


def host(loop: asyncio.AbstractEventLoop, bridge: Bridge) -> None:
    """Say in the kernel's thread which loop its host is."""
    HOST.set(_Host(loop, bridge))


@overload
def on_host(by: Callable[[C], Awaitable[T]]) -> Callable[[C, Context], Awaitable[T]]: ...


@overload
def on_host(by: Callable[[C, Context], Awaitable[T]]) -> Callable[[C, Context], Awaitable[T]]: ...


def on_host(by: Any) -> Any:
    """Make a handler of an async function that runs on the host's loop of asyncio: `handle(Charge, on_host(charge))`.

    It may take a Context beside the order. Raises WrongInput for what is no async function: a blocking one gets a
    thread by itself. A kernel that has no host on asyncio does not perform it: the effect fails.
    """
    call: object = getattr(by, "__call__", None)  # noqa: B004 - an object whose calls are async
    if not iscoroutinefunction(by) and not iscoroutinefunction(call):
        raise WrongInput(
            f"on_host({by!r}): it is no async function; a blocking one is handed to `handle` as it is"
        )
    wants_context = takes_context(by)

    async def on_host(order: Any, context: Context) -> Any:
        here = HOST.get()
        if here is None:
            why = f"{name} runs on a loop of asyncio, and this kernel has none beside it"
            raise Fails(f"{why}: open it with detent.tools.embed.asyncio.open_kernel")
        errand = _Errand(here, context)
        given = (order, _ContextThere(context, errand)) if wants_context else (order,)
        return await errand.run(partial(by, *given))

    update_wrapper(on_host, by)
    vars(on_host).pop("__wrapped__")  # it takes a context, whatever that one takes
    name = getattr(by, "__qualname__", repr(by))
    return on_host


@define(eq=False)
class _Errand:
    """A task on the host's loop, and the effect in the kernel's thread that waits for it."""

    host: _Host
    context: Context
    variables: Variables = field(factory=copy_context, init=False)
    token: trio.lowlevel.TrioToken = field(factory=trio.lowlevel.current_trio_token, init=False)
    done: trio.Event = field(factory=trio.Event, init=False)
    task: "asyncio.Task[Any] | None" = field(default=None, init=False)
    shields: int = field(default=0, init=False)
    is_due: bool = field(default=False, init=False)

    # -- in the kernel's thread

    async def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """What the task comes to."""
        hold = holding()
        with hold():
            if not tell(self.host.loop, self.begin, work):
                raise Fails("the host's loop is closed: nothing was begun")
            try:
                await self.done.wait()
            except trio.Cancelled:
                await self._stopped()
                if not self.done.is_set() or self._task.cancelled():
                    raise
        if self._task.cancelled():
            raise CancelledError("its task was cancelled on the host's loop")
        return self._task.result()

    async def _stopped(self) -> None:
        """Stop the task, and wait as long as the grace lasts."""
        tell(self.host.loop, self.stop)
        with self.context.cleanup():
            await self.done.wait()
        if not self.done.is_set():
            tell(self.host.loop, self.cut)

    @property
    def _task(self) -> "asyncio.Task[Any]":
        task = self.task
        assert task is not None  # what is told to a loop is done in its order
        return task

    # -- on the host's loop

    def begin(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Let the task begin."""
        self.task = self.host.loop.create_task(called(work), context=self.variables)
        self.host.tasks.add(self.task)  # a loop itself holds no task
        self.task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Cancel the task, when it is in no block that must not be interrupted."""
        if self.shields:
            self.is_due = True
        else:
            self._task.cancel()

    def cut(self) -> None:
        """Cancel the task, wherever it is."""
        self.is_due = False
        self._task.cancel()

    @contextmanager
    def shielded(self) -> Generator[None]:
        """A block that is not interrupted before the grace is over."""
        self.shields += 1
        try:
            yield
        finally:
            self.shields -= 1
            if self.is_due and not self.shields:
                self.cut()

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self.host.tasks.discard(task)
        with suppress(trio.RunFinishedError):  # it was given up, and all is over
            self.token.run_sync_soon(self.done.set)


@frozen(eq=False)
class _ContextThere(Context):
    """The context of a handler on the host's loop; see Context."""

    _context: Context
    _errand: _Errand

    @property
    def run(self) -> str:
        return self._context.run

    @property
    def effect(self) -> int:
        return self._context.effect

    @property
    def key(self) -> str:
        return self._context.key

    @property
    def machine(self) -> str:
        return self._context.machine

    @property
    def state(self) -> str:
        return self._context.state

    @property
    def baggage(self) -> Mapping[str, str]:
        return self._context.baggage

    @property
    def attempt(self) -> int:
        return self._context.attempt

    @property
    def deadline(self) -> int | None:
        return self._context.deadline

    @property
    def stopping(self) -> bool:
        return self._context.stopping

    def now(self) -> int:
        return self._context.now()

    def emit(self, chunk: object) -> None:
        self._context.emit(chunk)

    def note(self, value: object) -> None:
        self._context.note(value)

    def cleanup(self) -> AbstractContextManager[object]:
        return self._errand.shielded()

    async def send(self, event: Event, key: str | None = None) -> Receipt:
        return await crossed(self._errand.host.bridge, self._context.send(event, key))
