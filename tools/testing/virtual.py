"""Virtual time: a program on trio runs in the order of its deadlines, and no test waits for a clock.

    @virtually
    async def test_an_hour_passes_at_once() -> None:
        await trio.sleep(3600)
        assert trio.current_time() == 3600

Rule 1: time stands still while anything can happen, and jumps, exactly, to the next deadline when nothing can.
Rule 2: what the clock cannot see (a thread, a socket) is held: `with clock.hold()`. Who is in
        `trio.testing.wait_all_tasks_blocked` goes first.
Rule 3: nobody waits for ever: where all is blocked, nothing is held and no deadline will come, Stuck tells who is.
Rule 4: one seed, one order of tasks. What threads do is in nobody's order.
Left out on purpose: programs that never end and are never blocked. `trio.fail_after` ends them, in virtual time.
"""

import math
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar, TypeVarTuple, overload

import trio
from attrs import define, field

__all__ = ["BEGINNING", "Stuck", "VirtualClock", "run_virtually", "virtually"]

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

BEGINNING = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z in microseconds since 1970
ASLEEP = 3600.0  # real seconds: what trio waits at most for the world when all tasks are blocked
TOLD = 20  # blocked tasks that are named
wrecks: list[BaseException] = []
"""What was given up, kept until the process ends: tasks that cannot be ended complain when they are forgotten."""


class Stuck(AssertionError):
    """Raised where nothing will ever happen: every task is blocked, and no deadline will come."""


@define(eq=False)
class VirtualClock(trio.abc.Clock):
    """A clock that stands still while anything can happen, and then jumps to the next deadline.

    It begins at 0 and is run by `run_virtually`. A second run with the same clock goes on at the time of the first.
    """

    _time: float = field(default=0.0, init=False)
    _next: float = field(default=math.inf, init=False)
    _keeper: "_Keeper | None" = field(default=None, init=False)

    def now(self) -> int:
        """Microseconds since 1970: virtual time since the beginning of 2026."""
        return BEGINNING + round(self._time * 1_000_000)

    @contextmanager
    def hold(self) -> Generator[None]:
        """A block in which something is under way that trio cannot see; the clock does not jump.

        Any number of tasks may hold it, also one task more than once. Raises RuntimeError outside its run, and in a
        thread that is not the one of trio.
        """
        keeper = self._keeper
        if keeper is None or trio.lowlevel.current_clock() is not self:
            raise RuntimeError("a clock is held in the run that it is the clock of")
        keeper.holds += 1
        try:
            yield
        finally:
            keeper.holds -= 1

    def start_clock(self) -> None:
        """See trio.abc.Clock."""
        if self._keeper is None:
            raise RuntimeError("a VirtualClock is run by run_virtually, not by trio.run")

    def current_time(self) -> float:
        """See trio.abc.Clock."""
        return self._time

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """See trio.abc.Clock. It is asked when no task can run, so the deadline is the next there is."""
        if self._keeper is not None and self._keeper.has_given_up:
            raise RuntimeError("all tasks are blocked, also against being cancelled")
        self._next = deadline
        return ASLEEP if deadline > self._time else 0.0

    def run(
        self,
        async_fn: Callable[[*Ts], Awaitable[T]],
        *args: *Ts,
        seed: int = 0,
        instruments: Sequence[trio.abc.Instrument] = (),
    ) -> T:
        """See run_virtually."""
        answers: list[T] = []
        with self._kept() as keeper, _ordered_by(seed):

            @wraps(async_fn)
            async def main() -> None:
                with keeper.scope:
                    answers.append(await async_fn(*args))

            try:
                trio.run(main, clock=self, instruments=[*instruments, keeper])
            except Exception as error:
                if keeper.stuck is None:
                    raise
                if keeper.has_given_up:
                    wrecks.append(error)
                raise keeper.stuck from error
        if keeper.stuck is not None:
            raise keeper.stuck
        return answers[0]

    @contextmanager
    def _kept(self) -> "Generator[_Keeper]":
        """Let a keeper see to it that time passes in one run."""
        if self._keeper is not None:
            raise RuntimeError("a VirtualClock is the clock of one run at a time")
        self._keeper = _Keeper(self._jump)
        try:
            yield self._keeper
        finally:
            self._keeper = None

    def _jump(self) -> bool:
        """Come to the next deadline, if there is one."""
        if self._next < math.inf:
            self._time = max(self._time, self._next)
        return self._next < math.inf


@define(eq=False)
class _Keeper(trio.abc.Instrument):
    """Sees when all tasks are blocked, and lets the clock jump.

    trio is about to wait for as long as the clock said (ASLEEP) only if no task can run and nobody waits for all to be
    blocked. It is then woken by `run_sync_soon`, which shows what else was ready; if nothing was, time may jump.
    """

    jump: Callable[[], bool]
    holds: int = 0
    woken: int = 0
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    stuck: Stuck | None = None
    has_given_up: bool = False

    def before_io_wait(self, timeout: float) -> None:
        self.woken = 0
        if timeout == ASLEEP and not self.holds:
            trio.lowlevel.current_trio_token().run_sync_soon(self.go_on)

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        self.woken += 1

    def go_on(self) -> None:
        """Jump; or, where there is nothing to jump to, cancel everything; if that is of no use, give up."""
        alone = self.woken <= 1  # the task that calls this was woken
        if not alone or self.holds or self.jump():
            return
        if self.stuck is None:
            self.stuck = Stuck(_told())
            self.scope.cancel()
        else:
            self.has_given_up = True


def run_virtually(
    async_fn: Callable[[*Ts], Awaitable[T]],
    *args: *Ts,
    seed: int = 0,
    clock: VirtualClock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> T:
    """Run an async function as `trio.run` does, in virtual time; return what it returns.

    One seed is one order of tasks, as long as no threads are used. Raises Stuck where everything is blocked for ever,
    after all that can be cancelled was.
    """
    return (clock or VirtualClock()).run(async_fn, *args, seed=seed, instruments=instruments)


@contextmanager
def _ordered_by(seed: int) -> Generator[None]:
    """Let trio put tasks in an order that a seed decides.

    trio shuffles the tasks that can run by a source of chance of its own. By default their order before that depends
    on addresses in memory; where hypothesis is loaded, trio has itself told to sort them.
    """
    scheduler: Any = import_module("trio._core._run")
    state, is_sorted = scheduler._r.getstate(), scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._r.seed(seed)
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
    try:
        yield
    finally:
        scheduler._r.setstate(state)
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = is_sorted


class Virtually(Protocol):
    """What makes an async test virtual, or a test that hypothesis has made of one."""

    @overload
    def __call__(self, test: Callable[P, Awaitable[T]], /) -> Callable[P, T]: ...

    @overload
    def __call__(self, test: Callable[P, None], /) -> Callable[P, None]: ...


@overload
def virtually(test: Callable[P, Awaitable[T]], /) -> Callable[P, T]: ...


@overload
def virtually(test: Callable[P, None], /) -> Callable[P, None]: ...


@overload
def virtually(*, seed: int = 0) -> Virtually: ...


def virtually(test: Any = None, /, *, seed: int = 0) -> Any:
    """Make an async test one that pytest can run, in virtual time: `@virtually`, or `@virtually(seed=3)`.

    It takes fixtures as before; if one is a VirtualClock, that is the clock. It goes with hypothesis, on either side
    of `@given`.
    """
    if test is None:
        return partial(_made_virtual, seed=seed)
    return _made_virtual(test, seed=seed)


def _made_virtual(test: Any, seed: int) -> Any:
    given: Any = getattr(test, "hypothesis", None)
    if given is not None:  # what hypothesis offers to whoever runs async tests
        given.inner_test = _made_virtual(given.inner_test, seed)
        return test

    if not iscoroutinefunction(test):
        raise TypeError(f"{test!r} is no async function that could be run in virtual time")

    @wraps(test)
    def sync_test(*args: Any, **fixtures: Any) -> Any:
        clocks = (one for one in (*args, *fixtures.values()) if isinstance(one, VirtualClock))
        called = wraps(test)(partial(test, *args, **fixtures))
        return run_virtually(called, seed=seed, clock=next(clocks, None))

    return sync_test


def _told() -> str:
    """Who is blocked, and where."""
    root, here = trio.lowlevel.current_root_task(), trio.lowlevel.current_task()
    assert root is not None
    blocked = [_line(task, depth) for task, depth in _tree(root, 0) if task is not here]
    lines = blocked[1:] or blocked  # the root waits for all others
    more = [f"  and {len(lines) - TOLD} more"] if len(lines) > TOLD else []
    time = f"{trio.current_time():g} s"
    first = f"at {time} every task is blocked, nothing is held, and no deadline will come:"
    last = "What waits for a thread or for the world has to hold() the clock."
    return "\n".join([first, *lines[:TOLD], *more, last])


def _tree(task: trio.lowlevel.Task, depth: int) -> Iterator[tuple[trio.lowlevel.Task, int]]:
    """A task and those below it, by name."""
    yield task, depth
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=lambda one: one.name):
            yield from _tree(child, depth + 1)


def _line(task: trio.lowlevel.Task, depth: int) -> str:
    """A task, and where it waits: the innermost place that is not trio's own."""
    place = ""
    for frame, line in task.iter_await_frames():
        if not str(frame.f_globals.get("__name__")).startswith("trio."):
            place = f", {Path(frame.f_code.co_filename).name}, line {line}"
    return f"{'  ' * depth}{task.name}{place}"
