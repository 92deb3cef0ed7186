"""A kernel for programs without a loop: `with open_kernel(world) as kernel: ...`, where every call blocks.

Rule 1: nothing is done here. The kernel runs on trio, in a thread of its own, and every call is one of `detent.Kernel`
        or `detent.Run` that is waited for.
Rule 2: it refuses to block a loop: inside one of trio or asyncio everything raises WrongLoop, and does nothing.
Rule 3: who is interrupted (KeyboardInterrupt) ends the runs in order, as a host that is cancelled; who is interrupted
        twice does not wait for that.
"""

import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from concurrent.futures import wait
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

import trio
from attrs import define, field, frozen

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
    Sight,
    Snapshot,
    Status,
    Upgrade,
    World,
    WrongLoop,
)
from detent.kernel import Kernel as OnTrio
from detent.kernel import Run as RunOnTrio
from detent.tools.embed.bridge import Bridge, Reading, Runner, called

__all__ = ["Kernel", "Run", "Watch", "open_kernel"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")
T = TypeVar("T")
P = ParamSpec("P")


@contextmanager
def open_kernel(
    world: World, *, on_cancel: OnCancel = "cancel", run: Runner = trio.run
) -> Generator["Kernel"]:
    """Run the machines of a world for as long as the block lasts: see detent.open_kernel.

    `run` is what runs trio, in the kernel's thread. Raises WrongLoop inside a loop, before anything is done.
    """
    refuse_in_a_loop()
    bridge = Bridge(world, on_cancel, run)
    failure: BaseException | None = None
    bridge.open()
    try:
        yield Kernel(bridge, bridge.opened.result())
    except BaseException as error:
        failure = error
    (bridge.leave if failure is None else bridge.stop)()
    _leave(bridge, failure)


def _leave(bridge: Bridge, failure: BaseException | None) -> None:
    """Close the kernel. Raises what has ended it, else what was raised inside the block."""
    try:
        died = bridge.over.exception()
    except KeyboardInterrupt as error:
        if isinstance(
            failure, KeyboardInterrupt
        ):  # once more: he does not want to wait for the order
            raise
        failure = error
        bridge.stop()
        died = bridge.over.exception()
    bridge.join()
    if died is not None and died is not failure:
        raise died from failure
    if failure is not None:
        raise failure


def refuse_in_a_loop() -> None:
    """Raise WrongLoop where a loop runs in this thread, which would be blocked."""
    asyncio: Any = sys.modules.get("asyncio")  # nobody runs it who has not imported it
    if trio.lowlevel.in_trio_run():
        loop, right = "trio", "detent"
    elif asyncio is not None and asyncio._get_running_loop() is not None:
        loop, right = "asyncio", "detent.tools.embed.asyncio"
    else:
        return
    raise WrongLoop(
        f"this would block the loop of {loop} that it is called in: "
        f"use `async with {right}.open_kernel(world) as kernel` there"
    )


@frozen(eq=False)
class _Waiting:
    """Blocks until a call has come back from the kernel's thread."""

    bridge: Bridge
    kernel: OnTrio

    def __call__(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine of trio gives in the kernel's thread. Raises what it raises, KernelClosed, and WrongLoop."""
        try:
            refuse_in_a_loop()
        except WrongLoop:
            coroutine.close()
            raise
        crossing = self.bridge.send(coroutine)
        try:
            return crossing.answer.result()
        finally:
            self.bridge.cancel(crossing)  # if somebody interrupts the waiting


class Kernel:
    """A kernel on the other side. Made by `open_kernel`; what it offers is what `detent.Kernel` offers, and blocks."""

    def __init__(self, bridge: Bridge, kernel: OnTrio) -> None:
        self._bridge = bridge
        self._kernel = kernel
        self._wait = _Waiting(bridge, kernel)

    def within(self, async_fn: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call an async function of trio where the kernel runs: `kernel.within(trio.sleep, 1)`."""
        return self._wait(called(partial(async_fn, *args, **kwargs)))

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

    def start(
        self,
        machine: Definition[I, D, R],
        input: I,
        *,
        id: str | None = None,
        deadline: float | None = None,
        seed: int | None = None,
        baggage: Mapping[str, str] | None = None,
    ) -> "Run[D, R]":
        """See detent.Kernel."""
        how: Any = {"id": id, "deadline": deadline, "seed": seed, "baggage": baggage}
        start = self._kernel.start(machine, input, **how)
        return Run(self._wait(start), self._wait)

    def batch(
        self,
        machine: Definition[I, Any, R],
        inputs: Iterable[I],
        *,
        at_most: int | None = None,
        stop_on_failure: bool = False,
        id: str | None = None,
        baggage: Mapping[str, str] | None = None,
    ) -> "Run[Batch[I, R], Batch[I, R]]":
        """See detent.Kernel."""
        how: Any = {"at_most": at_most, "stop_on_failure": stop_on_failure}
        batch = self._kernel.batch(machine, tuple(inputs), **how, id=id, baggage=baggage)
        return Run(self._wait(batch), self._wait)

    def run(self, id: str) -> "Run[Any, Any]":
        """See detent.Kernel."""
        return Run(self._kernel.run(id), self._wait)

    def runs(
        self,
        *,
        status: ListedStatus | None = None,
        machine: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[Listed, ...]:
        """See detent.Kernel."""
        runs = self._kernel.runs(status=status, machine=machine, after=after, limit=limit)
        return self._wait(runs)

    def bring_in(self, lines: Iterable[bytes]) -> tuple[str, ...]:
        """See detent.Kernel."""
        return self._wait(self._kernel.bring_in(tuple(lines)))

    def fork(
        self, run: str, *, at: int, name: str, choices: Mapping[int, ForkChoice] | None = None
    ) -> "Run[Any, Any]":
        """See detent.Kernel."""
        fork = self._kernel.fork(run, at=at, name=name, choices=choices)
        return Run(self._wait(fork), self._wait)

    def changes(self, run: str) -> tuple[Difference, ...]:
        """See detent.Kernel."""
        return self._wait(self._kernel.changes(run))

    def check_upgrade(self, upgrade: Upgrade[Any], run: str | None = None) -> tuple[Obstacle, ...]:
        """See detent.Kernel."""
        return self._wait(self._kernel.check_upgrade(upgrade, run))

    def adopt(self, run: str, upgrade: Upgrade[Any]) -> None:
        """See detent.Kernel."""
        self._wait(self._kernel.adopt(run, upgrade))


@frozen
class Run(Generic[D, R]):
    """One execution of a machine: what can be asked of `detent.Run`."""

    _run: RunOnTrio[D, R]
    _wait: _Waiting = field(eq=False, repr=False)

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._run.id

    def send(self, event: Event, *, key: str | None = None) -> Receipt:
        """See detent.Run."""
        return self._wait(self._run.send(event, key=key))

    def answer(self, wait: int, value: object) -> Receipt:
        """See detent.Run."""
        return self._wait(self._run.answer(wait, value))

    def cancel(self, reason: str = "") -> Status:
        """See detent.Run."""
        return self._wait(self._run.cancel(reason))

    def resume(self, *, skip: bool = False) -> None:
        """See detent.Run."""
        self._wait(self._run.resume(skip=skip))

    def wait_result(self) -> R:
        """See detent.Run."""
        return self._wait(self._run.wait_result())

    def wait_end(self) -> End:
        """See detent.Run."""
        return self._wait(self._run.wait_end())

    def watch(self, *, after: int = 0) -> "Watch":
        """See detent.Run."""
        return Watch(Reading(self._wait.bridge, self._wait.kernel.watch(self.id, after)))

    def log(self) -> tuple[bytes, ...]:
        """See detent.Run."""
        return self._wait(self._run.log())

    def snapshot(self) -> Snapshot[D]:
        """See detent.Run."""
        return self._wait(self._run.snapshot())

    def frame(self) -> Frame:
        """See detent.Run."""
        return self._wait(self._run.frame())

    def status(self) -> Listed:
        """See detent.Run."""
        return self._wait(self._run.status())

    def questions(self) -> tuple[Question, ...]:
        """See detent.Run."""
        return self._wait(self._run.questions())


@define(eq=False)
class Watch:
    """The sights of a run: `for sight in run.watch(): ...`. They are fetched as they are asked for."""

    _reading: Reading

    def __iter__(self) -> "Watch":
        """Itself: a watch is read once."""
        return self

    def __next__(self) -> Sight:
        """The next sight. Raises NoSuchRun if there is no such run."""
        reading = self._reading
        while not reading.ready:
            refuse_in_a_loop()
            if reading.is_over:
                raise StopIteration
            asked = reading.ask()
            wait([asked.answer])
            reading.take(asked)
        return reading.ready.popleft()

    def close(self) -> None:
        """Read no more: whoever waits for a sight is at the end."""
        self._reading.close()
