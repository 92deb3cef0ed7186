"""Runs that are recorded: what the benchmarks of the log read and weigh.

Times are those of our days, since they are written with as many digits as they have.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from attrs import frozen

from benchmarks.step import Tick
from detent import Call, Each, Effect, Machine, On, Returned, Settled, State, compile_machine
from detent.kernel import (
    Definition,
    Happened,
    Recorded,
    Recorder,
    Signal,
    Snapshot,
    Table,
    Write,
    begin,
    canonical,
    opening_lines,
    recorded_lines,
    step,
)

__all__ = [
    "Chat",
    "Found",
    "Run",
    "answers",
    "chat",
    "pages",
    "recorded",
    "search",
    "ticks",
]

BEGAN = 1_760_000_000_123_456  # microseconds since 1970
SECOND = 1_000_000  # one step


@frozen
class Message:
    """What one side said."""

    role: str
    text: str


@frozen
class Ask(Effect[Message], recovery="pure"):
    """Ask a model for what comes next."""

    messages: tuple[Message, ...]


@frozen
class Chat:
    """The data of a chat: all that was said."""

    messages: tuple[Message, ...] = ()

    def ask(self) -> Ask:
        """The order points to the messages."""
        return Ask(self.messages)

    def add(self, event: Returned[Message]) -> "Chat":
        """One more."""
        return Chat((*self.messages, event.value))


asking = Call(Ask, Chat.ask)
chat = Machine(
    "chat", State("asking", On(asking.returned, to="asking", update=Chat.add), do=asking), data=Chat
)


@frozen
class Fetch(Effect[str], recovery="pure"):
    """One of many."""

    url: str


@frozen
class Found:
    """The data of a search: what came of all."""

    texts: tuple[str, ...] = ()

    def fetch(self) -> tuple[Fetch, ...]:
        """Twenty pages at a time."""
        return tuple(Fetch(f"https://pages.example/{n}/{len(self.texts)}") for n in range(20))

    def keep(self, event: Settled[str]) -> "Found":
        """All of them."""
        texts = (one.value for one in event.outcomes if isinstance(one, Returned))
        return Found((*self.texts, *texts))


fetching = Each(Fetch, Found.fetch)
search = Machine(
    "search",
    State("fetching", On(fetching.settled, to="fetching", update=Found.keep), do=fetching),
    data=Found,
)


@frozen
class Run:
    """A run that was recorded, with what it was recorded from."""

    definition: Definition[Any, Any, Any]
    table: Table[Any, Any, Any]
    input: Any
    signals: tuple[Signal, ...]
    snapshots: tuple[Snapshot[Any], ...]
    recorded: tuple[Recorded, ...]
    recorder: Recorder
    log: tuple[bytes, ...]
    write: Write


def recorded(
    definition: Definition[Any, Any, Any],
    input: Any,
    signals: Callable[[Snapshot[Any]], Signal],
    count: int,
) -> Run:
    """A run of so many steps."""
    table_ = compile_machine(definition)
    recorder = Recorder(table_)
    header = recorder.header("run", BEGAN)
    made = [recorder.begin(header, begin(table_, input, BEGAN), input)]
    taken: list[Signal] = []
    for _ in range(count):
        now = made[-1].snapshot
        taken.append(signals(now))
        one = recorder.record(made[-1].head, now, step(table_, now, taken[-1], now.at + SECOND))
        if one is None:
            raise AssertionError(f"{taken[-1]} has no entry")
        made.append(one)
    log = [*opening_lines(recorder, header)]
    for one in made:
        log += recorded_lines("run", one)
    points = [one.checkpoint for one in made if one.checkpoint is not None]
    rows = tuple(one.entry for one in made)
    write = Write("run", 0, None, rows, header, points[-1] if points else None)
    now_ = tuple(one.snapshot for one in made)
    return Run(definition, table_, input, (*taken,), now_, (*made,), recorder, (*log,), write)


def ticks(now: Snapshot[Any]) -> Signal:
    """The same event each time."""
    return Tick()


def answers(size: int) -> Callable[[Snapshot[Any]], Signal]:
    """What a model says: messages of so many bytes, each another."""

    def answer(now: Snapshot[Chat]) -> Signal:
        role = ("user", "assistant")[now.seq % 2]
        text = blake2b(str(now.seq).encode()).hexdigest() * (1 + size // 128)
        said = Message(role, text[: size - len(canonical(Message(role, "")))])
        return Happened(now.effects[0].id, Returned(said, at=moment(now.at + SECOND)))

    return answer


def moment(microseconds: int) -> datetime:
    """A time as outcomes carry it."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


def pages(now: Snapshot[Any]) -> Signal:
    """The next page that is found."""
    flight: Any = now.effects[0]
    index = next(index for index in range(20) if flight.open >> index & 1)
    found = Returned(f"page {now.seq} " * 10, at=moment(now.at + SECOND))
    return Happened(flight.id + index, found)
