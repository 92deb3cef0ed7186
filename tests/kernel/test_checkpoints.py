"""When a checkpoint is due: often enough to read little, and seldom enough to store little."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from attrs import define, evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Call,
    Defer,
    Each,
    Effect,
    Event,
    Failed,
    FrozenMap,
    Happened,
    Machine,
    On,
    Problem,
    Recorded,
    Recorder,
    Region,
    Returned,
    Signal,
    Snapshot,
    State,
    advance,
    begin,
    compile_machine,
    step,
)
from detent.kernel.entries import chained
from detent.kernel.frames import followed
from detent.kernel.scribe import EMPTY
from detent.kernel.wire import spelled
from tests.kernel.delta.logs import Frame, Message, Say, Talk, chat
from tests.settings import times

SMALL = 16_384


@frozen
class Coin(Event):
    """Pay for it."""


@frozen
class Count:
    """Data that stays as it is."""

    turns: int = 0


@frozen
class Put(Event):
    """Something is added."""

    where: str
    text: str


@frozen
class Drop(Event):
    """Something is taken away."""

    where: str
    count: int


@frozen
class Fetch(Effect[str], recovery="pure"):
    """An order that is as large as one likes."""

    text: str


@frozen
class Fly(Event):
    """Let something begin."""

    size: int


@frozen
class Land(Event):
    """Let it be stopped."""


@frozen
class Later(Event):
    """What waits for another state."""

    text: str


@frozen
class Parcel:
    """A record with a method that looks like that of a map."""

    text: str = ""
    size: int = 0

    def get(self, key: str) -> str:
        """Not what anybody should call."""
        raise AssertionError(key)


@frozen
class Bag:
    """Data of every kind that grows and shrinks."""

    items: tuple[str, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    names: FrozenMap[str, int] = FrozenMap()
    numbers: FrozenMap[int, str] = FrozenMap()
    tags: frozenset[str] = frozenset()
    text: str = ""
    either: Parcel | str | None = None
    parcel: Parcel = Parcel()
    size: int = 0

    def put(self, event: Put) -> "Bag":
        """One more of something."""
        text, count = event.text, self.size
        after: dict[str, Any] = {
            "items": (*self.items, text),
            "parcels": (*self.parcels, Parcel(text, count)),
            "names": self.names.set(text, count),
            "numbers": self.numbers.set(count, text),
            "tags": self.tags | {text},
            "text": self.text + text,
            "either": Parcel(text) if count % 2 else text,
            "parcel": Parcel(text, count),
        }
        return evolve(self, size=count + 1, **{event.where: after[event.where]})

    def drop(self, event: Drop) -> "Bag":
        """A few less."""
        n = event.count
        after: dict[str, Any] = {
            "items": self.items[n:],
            "parcels": self.parcels[:-n],
            "names": FrozenMap([*self.names.items()][n:]),
            "numbers": FrozenMap([*self.numbers.items()][:-n]),
            "tags": frozenset(sorted(self.tags)[n:]),
            "text": self.text[: -100 * n],
            "either": None,
            "parcel": Parcel(),
        }
        return evolve(self, **{event.where: after[event.where]})

    def fly(self, event: Fly) -> "Bag":
        """How much is to be ordered."""
        return evolve(self, size=event.size)

    def fetch(self) -> Fetch:
        """An order that is not in the data."""
        return Fetch(chr(97 + self.size % 26) * self.size)

    def fetches(self) -> tuple[Fetch, ...]:
        """Several."""
        return tuple(Fetch(f"{number} " * self.size) for number in range(3))


KINDS = ("items", "parcels", "names", "numbers", "tags", "text", "either", "parcel")
fetch = Call(Fetch, Bag.fetch, name="fetch")
fetches = Each(Fetch, Bag.fetches, name="fetches")
bag = Machine(
    "bag",
    State(
        "all",
        Region("bag", State("open", On(Put, update=Bag.put), On(Drop, update=Bag.drop))),
        Region(
            "sky",
            State("ground", On(Fly, to="air", update=Bag.fly), Defer(Later)),
            State(
                "air",
                On(fetch.returned | fetch.failed, to="ground"),
                On(fetches.settled),
                On(Land, to="ground"),
                On(Later),
                do=(fetch, fetches),
            ),
        ),
    ),
    data=Bag,
)


@define
class Reader:
    """Whoever loads a run: he has the last checkpoint, and what came after it."""

    recorder: Recorder
    unread: int = 0
    frame: Frame = EMPTY
    entries: int = 0
    checkpoints: int = 0

    def take(self, one: Recorded) -> None:
        """Read one entry, and check what is promised of it."""
        body = len(one.entry.body)
        self.unread += body
        self.entries += body
        self.frame = followed(self.frame, one.entry)
        whole = spelled(self.recorder.scribe.frame(one.snapshot))
        if one.checkpoint is not None:
            self.unread = len(one.checkpoint.body)
            self.checkpoints += self.unread
            assert spelled(one.checkpoint.frame) == whole
            assert one.checkpoint.hash == chained(one.entry.hash, one.checkpoint.body)
        present = len(spelled({"seq": one.snapshot.seq, "frame": self.frame}))
        assert spelled(self.frame) == whole
        assert self.unread == one.head.unread
        assert self.unread <= max(2 * present, SMALL + body)
        assert one.head.least <= present
        assert self.checkpoints <= self.entries


def run(signals: Iterable[Signal], machine: Any = bag, input: Any = Bag()) -> Reader:
    """Record a run, and read it."""
    table = compile_machine(machine)
    recorder = Recorder(table, large=10**9)
    now = recorder.begin(recorder.header("run"), begin(table, input), input)
    reader = Reader(recorder)
    reader.take(now)
    for signal in signals:
        for stepped in advance(table, now.snapshot, signal):
            told = recorder.record(now.head, now.snapshot, stepped)
            if told is not None:
                now = told
                reader.take(now)
    return reader


def texts(size: int) -> st.SearchStrategy[str]:
    """Texts of about a size, of all kinds of letters."""
    return st.builds(
        lambda letter, number, count: f"{number}{letter * count}",
        st.sampled_from('a\n"é\u2028\ud800'),
        st.integers(0, 10**6),
        st.integers(0, size),
    )


PUTS = st.builds(Put, st.sampled_from(KINDS), texts(2_000))
DROPS = st.builds(Drop, st.sampled_from(KINDS), st.integers(1, 20))
FLIGHTS = st.one_of(
    st.builds(Fly, st.sampled_from([1, 100, 9_000])),
    st.just(Land()),
    st.builds(Later, texts(5_000)),
    st.builds(Happened, st.integers(1, 30), st.just(Returned("back"))),
    st.builds(Happened, st.integers(1, 30), st.just(Failed(Problem("lost")))),
)


@settings(max_examples=times(40))
@given(st.lists(st.one_of(PUTS, PUTS, PUTS, DROPS, FLIGHTS), min_size=20, max_size=120))
def test_never_more_is_to_be_read_than_twice_the_frame(signals: list[Signal]) -> None:
    run(signals)


def many(where: str, count: int, size: int) -> Iterator[Put]:
    """So many things of a size."""
    return (Put(where, f"{number}: {'x' * size}") for number in range(count))


SHRINKING = ("items", "parcels", "names", "numbers", "tags", "text")


@pytest.mark.parametrize("where", SHRINKING)
def test_data_that_grew_large_and_is_thrown_away_is_not_read_for_long(where: str) -> None:
    grown = many(where, 100, 900)
    signals: list[Signal] = [*grown, Drop(where, 2_000), *many("parcel", 30, 5)]

    reader = run(signals)

    assert reader.checkpoints
    assert reader.unread <= SMALL + 4_000


@pytest.mark.parametrize("where", SHRINKING)
def test_data_that_shrinks_a_little_at_a_time_is_not_read_for_long(where: str) -> None:
    less: list[Signal] = [Drop(where, 3)] * 40

    run([*many(where, 100, 900), *less, *many("parcel", 30, 5)])


def test_data_of_one_size_is_stored_as_often_as_it_is_replaced() -> None:
    reader = run(many("parcel", 300, 1_000))

    assert reader.checkpoints < reader.entries / 4


def test_what_was_in_flight_and_is_not_any_more_is_not_read_for_long() -> None:
    back = [Happened(id, Returned("x")) for id in range(1, 5)]
    landing: list[Signal] = [Fly(30_000), Land(), *back]

    run([*landing, *many("parcel", 100, 5)])


class Weighing(Recorder):
    """A recorder who counts how much he weighs."""

    entries = 0
    weighed = 0

    def checkpoint(self, snapshot: Snapshot[Any], hash: str) -> Any:
        """The frame, counted."""
        made = super().checkpoint(snapshot, hash)
        self.weighed += len(made[0].body)
        return made

    def follow(self, input: Any, signals: Iterable[Signal]) -> float:
        """How many bytes were written to weigh frames, for each byte of the entries of a run."""
        now = self.begin(self.header("run"), begin(self.table, input), input)
        self.entries += len(now.entry.body)
        for signal in signals:
            told = self.record(now.head, now.snapshot, step(self.table, now.snapshot, signal))
            assert told is not None
            now = told
            self.entries += len(now.entry.body)
        return self.weighed / self.entries


def rounds(count: int) -> Iterator[Signal]:
    """So many questions and answers."""
    for number in range(1, count + 1):
        yield Say(f"question {number}")
        yield Happened(number, Returned("answer"))


def test_to_know_when_a_checkpoint_is_due_costs_as_much_in_a_long_chat_as_in_a_short_one() -> None:
    talk = Talk(tuple(Message("user", f"{number}: {'so it was ' * 10}") for number in range(200)))
    table = compile_machine(chat)

    short, long = (Weighing(table).follow(talk, rounds(count)) for count in (400, 1_200))

    assert long <= 1.5 * short


def test_small_orders_beside_a_large_one_do_not_let_it_be_weighed_each_time() -> None:
    small: Call[Count, str] = Call(Fetch, lambda data: Fetch("x" * 3_000), name="small")
    large: Call[Count, str] = Call(Fetch, lambda data: Fetch("x" * 100_000), name="large")
    both = Machine(
        "both",
        State("idle", On(Coin, to="busy")),
        State("busy", On(Coin, to="idle"), On(small.returned | small.failed, to="idle"), do=small),
        On(large.returned | large.failed),
        data=Count,
        background=large,
    )
    signals: list[Signal] = []
    for number in range(2, 202):
        signals += [Coin(), Happened(number, Returned("x"))]

    assert Weighing(compile_machine(both)).follow(Count(), signals) <= 8
