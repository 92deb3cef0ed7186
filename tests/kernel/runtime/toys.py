"""Machines and handlers for tests of how runs are cancelled, stopped, cut and taken up again.

Rule 1: what a handler does is told by the test (Hand); it remembers what it was asked and what it was told.
Rule 2: a kernel dies where its journal dies: nothing it does afterwards counts (Stage).
"""

import re
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeAlias, TypeVar

import trio
from attrs import define, evolve, field, frozen

from detent import (
    After,
    Call,
    Cancelled,
    Context,
    Effect,
    Event,
    Fails,
    Failure,
    Final,
    Handled,
    Kernel,
    Machine,
    On,
    State,
    Wait,
    World,
    handle,
    open_kernel,
)
from detent.kernel import Entry, MemoryJournal
from detent.kernel.journal import frame_of
from detent.kernel.ports import Clock
from detent.tools.testing.faults import Crash, Faulty
from detent.tools.testing.virtual import VirtualClock

__all__ = [
    "RECOVERIES",
    "Again",
    "Asked",
    "Broken",
    "Closed",
    "Data",
    "Hand",
    "Left",
    "Once",
    "Pure",
    "Refused",
    "Stage",
    "asking",
    "call",
    "closing",
    "compensating",
    "doing",
    "fails",
    "handled",
    "hear",
    "raises",
    "returns",
    "stubborn",
    "tidy",
    "waiting",
    "words",
]

T = TypeVar("T")
Act: TypeAlias = Callable[[Any, Context], Awaitable[int]]


@frozen
class Refused(Failure):
    """What an order may say of itself: it was not carried out."""


@frozen
class Pure(Effect[int], recovery="pure", fails=(Refused,)):
    name: str = "pure"


@frozen
class Again(Effect[int], recovery="idempotent", fails=(Refused,)):
    name: str = "again"


@frozen
class Asked(Effect[int], recovery="reconcilable", fails=(Refused,)):
    name: str = "asked"


@frozen
class Once(Effect[int], recovery="at_most_once", fails=(Refused,)):
    name: str = "once"


RECOVERIES: tuple[type[Any], ...] = (Pure, Again, Asked, Once)


@frozen
class Left(Event):
    """Leave what you do."""


@frozen
class Closed(Event):
    """Come to your end."""


@frozen
class Broken(Event):
    """What an update cannot take, as long as it is not mended."""


@frozen
class Data:
    """What a run has heard, in order."""

    heard: tuple[str, ...] = ()


def hear(data: Data, event: Event) -> Data:
    """Remember what happened, in a word."""
    return evolve(data, heard=(*data.heard, _word(event)))


def _word(event: Event) -> str:
    name = type(event).__name__
    for one in ("value", "why", "status", "by"):
        if hasattr(event, one):
            return f"{name} {getattr(event, one)}"
    problem = getattr(event, "problem", None)
    return name if problem is None else f"{name} {problem.kind}"


# -- machines


def doing(form: Any, name: str = "doing", **options: Any) -> Machine[Data, Data, Data]:
    """One thing is done, and what comes of it is heard; it can be left for `away`, where `Closed` ends it."""
    rows: list[Any] = [On(form.returned | form.unreturned, to="done", update=hear)]
    return Machine(
        name,
        State("working", *rows, On(Left, to="away"), do=form),
        State("away", On(Closed, to="done")),
        Final("done"),
        data=Data,
        **options,
    )


def waiting(name: str = "waiting") -> Machine[Data, Data, Data]:
    """A run that only waits, until it is closed."""
    return Machine(name, State("open", On(Closed, to="done")), Final("done"), data=Data)


def closing(name: str = "closing", seconds: float = 1.0) -> Machine[Data, Data, Data]:
    """A run that ends by itself after some time."""
    return Machine(name, State("open", After(seconds, to="done")), Final("done"), data=Data)


def asking(name: str = "asking") -> Machine[Data, Data, Data]:
    """A question."""
    ask: Wait[Data, bool] = Wait(bool, "Really?")
    row: On[Data] = On(ask.returned, to="done", update=hear)
    return Machine(name, State("asking", row, do=ask), Final("done"), data=Data)


def compensating(undo: Any, work: Any, limit: float = 60.0) -> Machine[Data, Data, Data]:
    """Something is done; whoever cancels it has it undone."""
    return Machine(
        "compensating",
        State(
            "working",
            On(work.returned | work.unreturned, to="done", update=hear),
            On(Cancelled, to="undoing"),
            do=work,
        ),
        State(
            "undoing",
            On(undo.returned | undo.unreturned, to="undone", update=hear),
            compensates=True,
            do=undo,
        ),
        State("undone", On(Closed, to="done")),
        Final("done"),
        data=Data,
        compensation_limit=limit,
    )


# -- handlers


@define(eq=False)
class Hand:
    """A handler that does what it is told by the name of the order, and remembers what it was asked.

    `calls` are the orders with their attempts, `told` what it did then; `acts` says what is done by name.
    """

    acts: dict[str, Act] = field(factory=dict[str, Act])
    calls: list[tuple[str, int]] = field(factory=list[tuple[str, int]])
    ended: list[tuple[str, str]] = field(factory=list[tuple[str, str]])

    async def __call__(self, order: Any, context: Context) -> int:
        self.calls.append((order.name, context.attempt))
        how = "cut"
        try:
            value = await self.acts[order.name](order, context)
            how = "returned"
        finally:
            self.ended.append((order.name, how))
        return value


def returns(value: int = 1, after: float = 0.0) -> Act:
    """Return a value after some time."""

    async def act(order: Any, context: Context) -> int:
        await trio.sleep(after)
        return value

    return act


def raises(error: BaseException, after: float = 0.0) -> Act:
    """Raise something after some time."""

    async def act(order: Any, context: Context) -> int:
        await trio.sleep(after)
        raise error

    return act


def fails(why: str = "no", after: float = 0.0) -> Act:
    """Say that it surely did not happen."""
    return raises(Fails(why), after)


def stubborn(work: float, cleanup: float) -> Act:
    """Work; when told to stop, go on for some time behind a shield of one's own."""

    async def act(order: Any, context: Context) -> int:
        try:
            await trio.sleep(work)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(cleanup)
        return 1

    return act


def tidy(work: float, cleanup: float, done: Callable[[], object]) -> Act:
    """Work; when told to stop, clean up in the block that is made for it, and say so if it came to its end."""

    async def act(order: Any, context: Context) -> int:
        try:
            await trio.sleep(work)
        finally:
            with context.cleanup():
                await trio.sleep(cleanup)
                done()
        return 1

    return act


def handled(effect: type[Any], by: Any, **options: Any) -> Handled:
    """Who performs one of the classes here."""
    made: Any = handle
    told: Handled = made(effect, by, **options)
    return told


# -- kernels that die


@define(eq=False)
class Stage:
    """A journal that several kernels have one after the other, in one run of a virtual clock."""

    machines: tuple[Machine[Any, Any, Any], ...]
    handlers: list[Any]
    options: dict[str, Any] = field(factory=dict[str, Any])
    journal: Faulty = field(factory=lambda: Faulty(MemoryJournal(), Random(0)))
    wall: Clock | None = None

    def world(self) -> World:
        """The world, on this journal."""
        clock: Any = trio.lowlevel.current_clock()
        kept: Clock = self.wall or clock
        return World(
            *self.machines,
            handlers=self.handlers,
            journal=self.journal,
            clock=kept,
            **self.options,
        )

    async def until_crash(self, act: Callable[[Kernel], Awaitable[object]]) -> None:
        """Do something with a kernel that dies after it, if not before: what is under way is lost."""
        assert isinstance(trio.lowlevel.current_clock(), VirtualClock)
        try:
            async with open_kernel(self.world()) as kernel:
                await act(kernel)
                self.journal.is_dead = True
                raise Crash("the power is gone")
        except* Crash:
            self.journal.is_dead = False
            self.journal.crash_at = None

    async def afterwards(self, act: Callable[[Kernel], Awaitable[T]], **options: Any) -> T:
        """What comes of something that is done with another kernel."""
        async with open_kernel(self.world(), **options) as kernel:
            return await act(kernel)

    async def entries(self, run: str) -> tuple[Entry, ...]:
        """The log of a run."""
        return await self.journal.entries(run)

    async def frame(self, run: str) -> dict[str, Any]:
        """What a run is, as it is stored."""
        loaded = await self.journal.load(run)
        assert loaded is not None
        frame: Any = frame_of(loaded)
        return dict(frame)


def words(entries: tuple[Entry, ...]) -> list[str]:
    """What kind of thing each entry is, in a word."""
    return [_kind(entry) for entry in entries]


def _kind(entry: Entry) -> str:
    event: Any = entry.event
    if "$" in event:
        return str(event["$"])
    found = re.match(r"\$(\w+)", next(iter(event)))
    assert found is not None
    name = found.group(1)
    if name == "happened":
        return str(event["$happened"][1]["$"])
    return name


def call(effect: type[Any], **options: Any) -> Any:
    """The form of an order of one of the classes here."""
    ordered: Any = Call
    return ordered(effect, lambda data: effect(), **options)
