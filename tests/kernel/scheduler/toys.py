"""Small machines, handlers and journals for tests of the scheduler's rooms.

Rule 1: a journal that takes its time takes turns of the loop, no time: kernels hold the clock while they write.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import trio
from attrs import define, evolve, field, frozen

from detent import Call, Each, Effect, Event, Failure, Final, Machine, On, Spawn, State, World
from detent.kernel import (
    Beside,
    Cell,
    Clock,
    Delivery,
    Entry,
    Journal,
    Loaded,
    MemoryJournal,
    Recorder,
    Send,
    Verdict,
    Write,
    compile_machine,
    open_kernel,
    opening_lines,
)
from detent.kernel.runlog import entry_line

__all__ = [
    "Add",
    "Again",
    "Asked",
    "Break",
    "Close",
    "Data",
    "Diary",
    "Leave",
    "Once",
    "Refused",
    "SlowJournal",
    "Steps",
    "Wall",
    "call",
    "clock_here",
    "counting",
    "doing",
    "fan",
    "gives",
    "lines_of",
    "opened",
    "outcomes_of",
    "pause",
    "spawning",
    "told",
]

T = TypeVar("T")
Handler: TypeAlias = Callable[[Any], Awaitable[Any]]


@frozen
class Refused(Failure):
    """The order was not carried out."""

    why: str = ""


@frozen
class Again(Effect[int], recovery="idempotent", fails=(Refused,)):
    """Something that does no harm when it is done twice."""

    n: int = 0


@frozen
class Once(Effect[int], fails=(Refused,)):
    """Something that must not be done twice."""

    n: int = 0


@frozen
class Asked(Effect[int], recovery="reconcilable"):
    """Something of which can be asked whether it was done."""

    n: int = 0


@frozen
class Add(Event):
    """The number grows."""

    n: int = 1


@frozen
class Leave(Event):
    """Leave what you do."""


@frozen
class Break(Event):
    """What no update here can take."""


@frozen
class Close(Event):
    """Come to your end."""


@frozen
class Data:
    """What a run has heard, and a number."""

    heard: tuple[str, ...] = ()
    n: int = 0

    def hear(self, event: Event) -> "Data":
        """Remember what came."""
        return evolve(self, heard=(*self.heard, type(event).__name__))

    def add(self, event: Add) -> "Data":
        """Count."""
        return evolve(self, n=self.n + event.n)

    def fall(self, event: Break) -> "Data":
        """What breaks."""
        raise ZeroDivisionError("one too many")

    def same(self) -> "Data":
        """What a child begins with."""
        return self

    def again(self) -> Again:
        """One order."""
        return Again(self.n)

    def many(self) -> tuple[Again, ...]:
        """As many orders as the number says."""
        return tuple(Again(n) for n in range(self.n))


def call(effect: type[Any], **options: Any) -> Any:
    """The form of an order of one of the classes here."""
    made: Any = Call
    return made(effect, lambda data: effect(data.n), **options)


def counting(name: str = "counting", **options: Any) -> Machine[Data, Data, Data]:
    """A run that counts until it is closed."""
    return Machine(
        name,
        State(
            "open",
            On(Add, update=Data.add),
            On(Break, update=Data.fall),
            On(Close, to="closed"),
        ),
        Final("closed"),
        data=Data,
        **options,
    )


def outcomes_of(form: Any) -> Any:
    """Everything that may come of a form."""
    if isinstance(form, Call):
        return form.returned | form.unreturned
    if isinstance(form, Send):
        return form.returned | form.failed
    return form.returned if form.deadline is None else form.returned | form.timed_out


def doing(form: Any, name: str = "doing", **options: Any) -> Machine[Data, Data, Data]:
    """Something is done until it has an outcome, or is left."""
    row: On[Data] = On(outcomes_of(form), to="done", update=Data.hear)
    return Machine(
        name,
        State("doing", row, On(Leave, to="left"), On(Add, update=Data.add), do=form),
        State("left", On(Add, update=Data.add), On(Close, to="done")),
        Final("done"),
        data=Data,
        **options,
    )


def spawning(
    child: Machine[Any, Any, Any], name: str = "parent", after: Any = None
) -> Machine[Data, Data, Data]:
    """A child is awaited, or left; then perhaps something else is done."""
    form: Spawn[Data, Data] = Spawn(child, Data.same, name="child")
    left: Any = State("left", On(Close, to="done"))
    if after is not None:
        row: Any = On(outcomes_of(after), to="done", update=Data.hear)
        left = State("left", row, do=after)
    return Machine(
        name,
        State(
            "doing",
            On(form.ended, to="done", update=Data.hear),
            On(Leave, to="left"),
            On(Add, update=Data.add),
            do=form,
        ),
        left,
        Final("done"),
        data=Data,
    )


def fan(name: str = "fan", **options: Any) -> Machine[Data, Data, Data]:
    """As many things are done side by side as the number says."""
    each: Each[Data, int] = Each(Call(Again), Data.many, name="each", **options)
    row: On[Data] = On(each.settled, to="done", update=Data.hear)
    return Machine(
        name, State("doing", row, On(Leave, to="done"), do=each), Final("done"), data=Data
    )


# -- handlers


def gives(value: int = 1, after: float = 0.0) -> Handler:
    """A handler that returns something after some time."""

    async def give(order: Any) -> int:
        await trio.sleep(after)
        return value

    return give


@define(eq=False)
class Steps:
    """A handler that waits until it is let go, and counts."""

    began: list[Any] = field(factory=list[Any])
    go: trio.Event = field(factory=trio.Event)

    async def __call__(self, order: Any) -> int:
        """See handlers."""
        self.began.append(order)
        await self.go.wait()
        return 1


# -- kernels


def clock_here() -> Any:
    """The virtual clock of this test."""
    return trio.lowlevel.current_clock()


def opened(
    *machines: Machine[Any, Any, Any],
    handlers: Iterable[Any] = (),
    on_cancel: Any = "cancel",
    clock: Any = None,
    **options: Any,
) -> Any:
    """A kernel in this test's time."""
    timed: Clock = clock or clock_here()
    world = World(*machines, handlers=handlers, clock=timed, **options)
    return open_kernel(world, on_cancel=on_cancel)


async def pause(turns: int = 1) -> None:
    """Let others go first, some times."""
    for _ in range(turns):
        await trio.lowlevel.checkpoint()


@define(eq=False)
class Wall:
    """A clock that somebody sets."""

    ahead: int = 0
    """Seconds."""

    def now(self) -> int:
        """See Clock."""
        now: int = clock_here().now()
        return now + self.ahead * 1_000_000

    def hold(self) -> Any:
        """See Clock."""
        return clock_here().hold()


class SlowJournal(MemoryJournal):
    """A journal all of whose calls take some turns of the loop, and that has no backlogs."""

    has_backlogs = False

    def __init__(self, turns: int = 5) -> None:
        super().__init__(ended=None)
        self.turns = turns
        self.batches: list[int] = []

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        await pause(self.turns)
        self.batches.append(len(batch))
        return await super().append(batch)

    async def claim(self, runs: Iterable[str]) -> Mapping[str, int]:
        """See Journal."""
        await pause(self.turns)
        claimed = await super().claim(runs)
        await pause(self.turns)
        return claimed

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        await pause(self.turns)
        loaded = await super().load(run)
        await pause(self.turns)
        return loaded

    async def inbox(self, run: str) -> tuple[Delivery, ...]:
        """See Journal."""
        await pause(self.turns)
        return await super().inbox(run)

    async def taken(self, run: str, key: str) -> int | None:
        """See Journal."""
        await pause(self.turns)
        return await super().taken(run, key)

    async def cells(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """See Journal."""
        await pause(self.turns)
        return await super().cells(names)

    async def beside(self, digests: Iterable[str]) -> Mapping[str, Beside]:
        """See Journal."""
        await pause(self.turns)
        return await super().beside(digests)


async def lines_of(journal: Journal, *machines: Machine[Any, Any, Any]) -> list[bytes]:
    """Everything in a journal as a log."""
    served = {machine.name: Recorder(compile_machine(machine)) for machine in machines}
    lines: list[bytes] = []
    for run, _ in await journal.find():
        loaded = await journal.load(run)
        assert loaded is not None
        lines += opening_lines(served[loaded.header.machine], loaded.header)
        lines += [entry_line(run, entry) for entry in await journal.entries(run)]
    return lines


def told(entries: Sequence[Entry]) -> list[str]:
    """What each entry is, in a word."""
    return [_word(entry.event) for entry in entries]


def _word(event: Any) -> str:
    if "$" in event:
        return str(event["$"])
    name = next(iter(event))
    return str(event[name][1]["$"]) if name == "$happened" else str(name.removeprefix("$"))


class Diary:
    """A tap that keeps everything."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, int]] = []
        self.chunks: list[object] = []

    def entry(self, run: str, entry: Entry) -> None:
        """See Tap."""
        self.entries.append((run, entry.seq))

    def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """See Tap."""
        self.chunks.append(chunk)
