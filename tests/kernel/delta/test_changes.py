"""The change between two snapshots: right, made of values alone, and as large as what changed."""

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings

from detent.kernel import (
    Call,
    Each,
    Effect,
    Event,
    Failed,
    Happened,
    Kept,
    Machine,
    On,
    Pending,
    Problem,
    Recorded,
    Region,
    Returned,
    Settled,
    Shape,
    Snapshot,
    State,
    Stopped,
    compile_machine,
    shape_of,
)
from detent.kernel.codec import Codec, Writer
from detent.kernel.delta import Changes
from detent.kernel.delta.differ import Differ
from detent.kernel.delta.references import Places
from detent.kernel.scribe import scribe_of
from detent.kernel.wire import Tree, spelled
from tests.kernel.delta.logs import (
    SYSTEM,
    Ask,
    Frame,
    Made,
    Message,
    Say,
    Talk,
    chat,
    entries_of,
    every_frame,
    of,
    walked,
)
from tests.settings import times

HASH = 64


@settings(max_examples=times(100))
@given(walked())
def test_whoever_follows_the_changes_has_every_frame(made: Made) -> None:
    scribe = scribe_of(made[0])

    for _, one, after in every_frame(entries_of(made)):
        assert spelled(after) == spelled(scribe.frame(one.snapshot))


@settings(max_examples=times(100))
@given(walked())
def test_a_change_depends_on_the_values_and_not_on_their_objects(made: Made) -> None:
    scribe = scribe_of(made[0])
    changes = Changes(scribe)
    before: Snapshot[Any] | None = None

    for _, one, _ in every_frame(entries_of(made)):
        after, event = one.snapshot, one.entry.event
        again = scribe.snapshot(scribe.frame(after))
        then = before and scribe.snapshot(scribe.frame(before))
        for old, new in ((before, again), (then, after), (then, again)):
            assert spelled(changes.between(old, new, event)) == spelled(one.entry.delta)
        before = after


# -- how large entries are


def size_of(tree: Tree) -> int:
    """How many bytes a tree takes."""
    return len(spelled(tree))


def fresh(old: Tree, new: Tree) -> int:
    """How many bytes of a tree are new: its leaves that are not where they were, with their keys."""
    if isinstance(old, dict) and isinstance(new, dict) and old.get("$") == new.get("$"):
        kept = sum(fresh(old[key], new[key]) for key in new if key in old)
        come = sum(size_of(new[key]) + size_of(key) for key in new if key not in old)
        gone = sum(size_of(key) for key in old if key not in new)
        return min(kept + come + gone, size_of(new))
    if isinstance(old, list) and isinstance(new, list):
        both = sum(fresh(one, other) for one, other in zip(old, new, strict=False))
        return both + sum(map(size_of, new[len(old) :]))
    return 0 if spelled(old) == spelled(new) else size_of(new)


def fresh_orders(before: Frame, after: Frame) -> int:
    """How many bytes of what was ordered are not in the data."""
    inside = set(parts(after["data"]))
    old, new = before["effects"], after["effects"]
    assert isinstance(old, dict)
    assert isinstance(new, dict)
    orders = [flight for id, flight in new.items() if id not in old]
    return sum(beyond(order, inside) for order in orders)


def parts(tree: Tree) -> Iterator[bytes]:
    """Every part of a tree."""
    yield spelled(tree)
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for one in inner:
        yield from parts(one)


def beyond(tree: Tree, known: set[bytes]) -> int:
    """How many bytes of a tree are in no part that is known."""
    if spelled(tree) in known:
        return 0
    if isinstance(tree, dict):
        return sum(size_of(key) + beyond(inner, known) for key, inner in tree.items())
    if isinstance(tree, list):
        return sum(beyond(inner, known) for inner in tree)
    return size_of(tree)


def allowed(before: Frame, one: Recorded, after: Frame) -> int:
    """How many bytes an entry may take.

    What is asked to stop counts as what is ordered does: it must be named, and that it stops is new.
    """
    entry = one.entry
    quiet = ("seq", "at", "effects")
    new = sum(fresh(before[key], after[key]) for key in after if key not in quiet)
    old_flights, flights = before["effects"], after["effects"]
    assert isinstance(old_flights, dict)
    assert isinstance(flights, dict)
    new += sum(fresh(old_flights[id], flights[id]) for id in flights if id in old_flights)
    new += sum(size_of(id) for id in old_flights if id not in flights)
    rows = [row for rows in entry.took for row in rows]
    names = sum(map(size_of, sorted(rows, key=len)[: max(0, len(rows) - 2)]))
    effects = len(entry.effects) + len(entry.stopped)
    orders = fresh_orders(before, after)
    return 2 * (size_of(entry.event) + new + orders) + 200 + 40 * effects + names


@settings(max_examples=times(150))
@given(walked())
def test_an_entry_is_as_large_as_what_is_new(made: Made) -> None:
    for before, one, after in every_frame(entries_of(made)):
        assert len(one.entry.body) + HASH <= allowed(before, one, after), one.entry.body


def talked(how: str, rounds: int, start: int = 30) -> Made:
    """A chat of so many rounds that goes on for a while already."""
    messages = tuple(Message("user", f"{number}: {'so it was said ' * 12}") for number in range(start))
    said: list[Any] = []
    for number in range(1, rounds + 1):
        said += [Say(f"question {number}"), Happened(number, Returned(f"answer {number}"))]
    return of(chat, Talk(messages, how), *said)


HOW = ("all", "last", "first", "guided", "both", "rebuilt")


@pytest.mark.parametrize("how", HOW)
def test_an_entry_of_a_chat_is_as_large_as_what_was_said(how: str) -> None:
    for before, one, after in every_frame(entries_of(talked(how, 10))):
        assert len(one.entry.body) + HASH <= allowed(before, one, after), one.entry.body


@pytest.mark.parametrize("how", HOW)
def test_an_order_of_messages_that_are_in_the_data_costs_next_to_nothing(how: str) -> None:
    for one in entries_of(talked(how, 10, start=400)):
        if one.entry.effects:
            assert size_of(one.entry.delta["effects"]) < 200


def test_an_order_that_is_built_anew_has_the_bytes_of_one_that_is_passed_on() -> None:
    passed, rebuilt = entries_of(talked("all", 5)), entries_of(talked("rebuilt", 5))

    effects = [[one.entry.delta.get("effects") for one in each] for each in (passed, rebuilt)]
    assert effects[0] == effects[1]


def test_a_result_that_is_in_the_data_is_a_reference() -> None:
    entries = entries_of(
        of(chat, Talk(), Say("a question that is long enough to be pointed to"), failed(1))
    )

    end: Any = entries[-1].entry.delta["end"]
    assert end[0]["value"] == {"$ref": "data/messages/0"}


def failed(effect: int) -> Happened:
    """An effect fails."""
    return Happened(effect, Failed(Problem("busy")))


# -- nothing is written but what is new


class Counting(Codec):
    """A codec that notes what it is asked to write of one shape."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.seen: list[object] = []

    def writer(self, shape: Shape) -> Writer:
        """What writes values of a shape, and notes them."""
        write = super().writer(shape)
        if shape != self.shape:
            return write

        def noting(value: object) -> Tree:
            self.seen.append(value)
            return write(value)

        return noting


MANY = tuple(Message("user", f"{number}: it was said") for number in range(10_000))
NEW = Message("model", "this is new")
FIRST = Message("system", "this comes first")

GROWN: dict[str, tuple[tuple[Message, ...], list[Message]]] = {
    "nothing": ((*MANY,), []),
    "one more": ((*MANY, NEW), [NEW]),
    "one before": ((FIRST, *MANY), [FIRST]),
    "one between": ((*MANY[:5000], NEW, *MANY[5000:]), [NEW]),
    "one less": (MANY[:-1], []),
    "one changed": ((*MANY[:5000], NEW, *MANY[5001:]), []),
    "the last 20": (MANY[-20:], []),
}


@pytest.mark.parametrize(("after", "new"), GROWN.values(), ids=GROWN)
def test_of_ten_thousand_messages_only_the_new_one_is_written(
    after: tuple[Message, ...], new: list[Message]
) -> None:
    codec = Counting(shape_of(Message))

    edit = Differ(codec).compare(shape_of(tuple[Message, ...]))(MANY, after)

    assert codec.seen == new
    assert len(spelled(edit)) < 200


@pytest.mark.parametrize("how", HOW)
def test_of_an_order_of_ten_thousand_messages_only_what_is_new_is_written(how: str) -> None:
    talk = Talk(MANY, how)
    codec = Counting(shape_of(Message))

    Places(codec, shape_of(Talk), talk).written(shape_of(Ask), talk.ask())

    assert set(codec.seen) <= {SYSTEM}


# -- many side by side


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


def test_what_a_fan_came_to_is_not_written_twice() -> None:
    outcomes = [Happened(number, Returned(page)) for number, page in enumerate(PAGES, 1)]
    entries = entries_of(of(fetching, Pages(), Go(), *outcomes))

    settled = entries[-1].entry
    assert settled.delta["data"] == {
        "pages": [
            0,
            0,
            [
                {"$ref": "before/effects/1/3/$fan/heard/0/1/value"},
                {"$ref": "before/effects/1/3/$fan/heard/1/1/value"},
                {"$ref": "event/$happened/1/value"},
            ],
        ]
    }


def test_outcomes_that_came_in_another_order_are_pointed_to_where_they_are() -> None:
    came = [(2, PAGES[1]), (1, PAGES[0]), (3, PAGES[2])]
    signals = [Happened(number, Returned(page)) for number, page in came]

    for before, one, after in every_frame(entries_of(of(fetching, Pages(), Go(), *signals))):
        assert len(one.entry.body) + HASH <= allowed(before, one, after)
        last = one.snapshot

    assert last.data.pages == PAGES


def test_a_fan_that_is_left_is_followed_while_it_stops() -> None:
    names = tuple(f"name {number}" for number in range(5))
    stopped = Stopped("exit")
    made = of(
        fetching,
        Pages(names),
        *(Go(), Happened(1, Returned("one")), Leave()),
        *(Happened(2, stopped), Happened(3, stopped)),
    )
    scribe = scribe_of(made[0])

    for _, one, after in every_frame(entries_of(made)):
        assert spelled(after) == spelled(scribe.frame(one.snapshot))
        assert scribe.snapshot(after) == one.snapshot
    assert one.snapshot.effects == ()


def region(number: int) -> Region[Pages]:
    """One of a thousand."""
    return Region(
        f"region {number}",
        State(f"here {number}", On(Go, to=f"there {number}", when=f"event.region in (-1, {number})")),
        State(f"there {number}"),
    )


thousand = Machine("thousand", State("all", *map(region, range(1_000))), data=Pages)


def test_one_of_a_thousand_regions_moves_for_a_few_bytes() -> None:
    *_, (before, one, after) = every_frame(entries_of(of(thousand, Pages(), Go(500))))

    assert len(one.entry.body) + HASH < 300
    assert spelled(after) == spelled(scribe_of(compile_machine(thousand)).frame(one.snapshot))


def test_a_thousand_regions_move_for_about_their_names() -> None:
    *_, (before, one, after) = every_frame(entries_of(of(thousand, Pages(), Go(-1))))

    assert len(one.entry.body) + HASH <= allowed(before, one, after)


# -- single parts


@frozen
class Free:
    """Data that may hold whatever the machine knows."""

    value: int | str | None = None


def between(one: Snapshot[Any], other: Snapshot[Any]) -> Any:
    """The change between two snapshots of the chat."""
    return Changes(scribe_of(compile_machine(chat))).between(one, other, None)


def test_nothing_changed_between_equal_snapshots() -> None:
    one = Snapshot(("listening",), Talk((NEW,)), 1)
    other = Snapshot(("listening",), Talk((Message(NEW.role, NEW.text),)), 1)

    assert between(one, other) == {}


def test_what_is_kept_is_compared_by_value() -> None:
    one = Snapshot((), Talk(), pending=Pending(deferred=(Kept(Say("x"), 1), Kept(Say("y"), 2))))
    other = Snapshot((), Talk(), pending=Pending(deferred=(Kept(Say("x"), 1), Kept(Say("z"), 2))))

    assert between(one, one) == {}
    assert between(one, other) == {"deferred": {"1": [[{"$": "Say", "text": "z"}, 2]]}}
    assert between(one, evolve(one, pending=Pending())) == {"deferred": [0, 2, []]}


def test_doubts_are_added_and_taken_away() -> None:
    one = Snapshot((), Talk(), pending=Pending(doubts=(1, 2)))
    other = Snapshot((), Talk(), pending=Pending(doubts=(1, 2, 5)))

    assert between(one, other) == {"doubts": [2, 0, [5]]}
    assert between(other, one) == {"doubts": [2, 1, []]}
