"""Runs of machines as they are recorded: generated ones, and some that were written for their sizes."""

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve, frozen
from hypothesis import strategies as st

from detent.kernel import (
    AttemptFailed,
    Broke,
    BrokenBegin,
    Call,
    Each,
    Effect,
    Event,
    Final,
    Happened,
    Machine,
    On,
    Parked,
    Queued,
    Recorded,
    Recorder,
    Returned,
    Settled,
    Signal,
    State,
    Table,
    Unstorable,
    begin,
    compile_machine,
    recall,
    step,
)
from detent.kernel.frames import followed
from detent.kernel.scribe import EMPTY
from detent.kernel.wire import Tree
from detent.tools.testing.strategies import Features, Walk, machines, walks

__all__ = [
    "PAGES",
    "SYSTEM",
    "Ask",
    "Fetch",
    "Frame",
    "Go",
    "Leave",
    "Made",
    "Message",
    "Pages",
    "Say",
    "Talk",
    "chat",
    "entries_of",
    "every_frame",
    "fetching",
    "of",
    "recorded",
    "walked",
]

AnyTable = Table[Any, Any, Any]
Made = tuple[AnyTable, Walk]
Frame = dict[str, Tree]


@st.composite
def walked(draw: st.DrawFn, features: Features = Features()) -> Made:
    """A machine, and something that happens to it."""
    table = compile_machine(draw(machines(features)))
    return table, draw(walks(table))


def recorded(made: Made, reloading: bool = False) -> Iterator[Recorded]:
    """What a walk leaves in the log. With `reloading`, every snapshot is written down and read back before it goes on.

    An outcome that is none of what its effect gives cannot be written down, nor what is about one: there the log ends.
    """
    table, walk = made
    recorder = Recorder(table)
    try:
        first = begin(table, walk.input)
    except BrokenBegin:
        return
    now = recorder.begin(recorder.header("run"), first, walk.input)
    yield now
    for signal, at in walk.signals:
        waiting: Signal | None = signal
        while True:
            before = now.snapshot
            if reloading:
                before = recorder.scribe.snapshot(recorder.scribe.frame(before))
            stepped = step(table, before, waiting, at) if waiting else recall(table, before, at)
            try:
                told = None if stepped is None else recorder.record(now.head, before, stepped)
            except Unstorable:
                assert isinstance(signal, Happened | AttemptFailed | Queued | Parked | Broke)
                return
            is_over = stepped is None or (waiting is None and told is None)
            waiting = None
            if told is not None:
                now = told
                yield now
            if is_over:
                break


def every_frame(entries: Iterable[Recorded]) -> Iterator[tuple[Frame, Recorded, Frame]]:
    """Each entry with the frame before it and the frame after it, as somebody reads them who has no machine."""
    frame: Frame = EMPTY
    for one in entries:
        after = followed(frame, one.entry)
        yield frame, one, after
        frame = after


def of(machine: Machine[Any, Any, Any], input: Any, *signals: Signal) -> Made:
    """A walk that was written by hand."""
    return compile_machine(machine), Walk(input, tuple((signal, 0) for signal in signals))


def entries_of(made: Made) -> list[Recorded]:
    """All of them."""
    return list(recorded(made))


# -- a chat


@frozen
class Message:
    """A part of a conversation."""

    role: str
    text: str


@frozen
class Say(Event):
    """Somebody says something."""

    text: str


@frozen
class Ask(Effect[str], recovery="pure"):
    """A model is asked."""

    messages: tuple[Message, ...]
    temperature: float = 0.5


SYSTEM = Message("system", "You are of help, and brief.")


@frozen
class Talk:
    """A conversation."""

    messages: tuple[Message, ...] = ()
    how: str = "all"

    def hear(self, event: Say) -> "Talk":
        """Keep what is said."""
        return evolve(self, messages=(*self.messages, Message("user", event.text)))

    def keep(self, event: Returned[str]) -> "Talk":
        """Keep what is answered."""
        return evolve(self, messages=(*self.messages, Message("model", event.value)))

    def ask(self) -> Ask:
        """Show the model what it is to know."""
        every = self.messages
        given = {
            "all": every,
            "last": every[-20:],
            "first": every[:20],
            "guided": (SYSTEM, *every),
            "both": (SYSTEM, *every[-20:]),
            "rebuilt": tuple(Message(one.role, one.text) for one in every),
        }
        return Ask(given[self.how])

    def last(self) -> Message:
        """What it comes to."""
        return self.messages[-1]


ask = Call(Ask, Talk.ask, name="ask")
chat = Machine(
    "chat",
    State("listening", On(Say, to="asking", update=Talk.hear)),
    State(
        "asking",
        On(ask.returned, to="listening", update=Talk.keep),
        On(ask.failed, to="over"),
        do=ask,
    ),
    Final("over"),
    data=Talk,
    result=Talk.last,
)


# -- a fan


@frozen
class Fetch(Effect[str], recovery="pure"):
    """An order of a fan."""

    name: str


@frozen
class Go(Event):
    """Let something begin."""

    region: int = 0


@frozen
class Leave(Event):
    """Let everything end."""


@frozen
class Pages:
    """What a fan fetches, and what it came to."""

    names: tuple[str, ...] = ("a", "b", "c")
    pages: tuple[str, ...] = ()

    def fetches(self) -> tuple[Fetch, ...]:
        """The orders."""
        return tuple(map(Fetch, self.names))

    def settle(self, event: Settled[str]) -> "Pages":
        """Keep what came back."""
        pages = tuple(str(one.value) for one in event.outcomes if isinstance(one, Returned))
        return evolve(self, pages=pages)


fetch = Call(Fetch, name="fetch")
fetches = Each(fetch, Pages.fetches, at_most=2, name="fetches")
fetching = Machine(
    "fetching",
    State("ready", On(Go, to="fetching")),
    State("fetching", On(fetches.settled, to="done", update=Pages.settle), do=fetches),
    State("done"),
    On(Leave, to="done"),
    data=Pages,
)
PAGES = tuple(f"page {number}: " + "it is written " * 20 for number in range(3))
