"""How large entries are: as what is new in them, and nothing is written to find that out."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from detent.kernel import (
    Failed,
    Happened,
    Machine,
    On,
    Problem,
    Recorded,
    Region,
    Returned,
    Shape,
    State,
    compile_machine,
    shape_of,
)
from detent.kernel.codec import Codec, Writer
from detent.kernel.delta.differ import Differ
from detent.kernel.delta.references import Places
from detent.kernel.scribe import scribe_of
from detent.kernel.wire import Tree, spelled
from tests.kernel.delta.logs import (
    PAGES,
    SYSTEM,
    Ask,
    Frame,
    Go,
    Made,
    Message,
    Pages,
    Say,
    Talk,
    chat,
    entries_of,
    every_frame,
    fetching,
    of,
    walked,
)
from tests.settings import times

HASH = 64


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
    new = sum(fresh(before.get(key), after[key]) for key in after if key not in quiet)
    new += sum(size_of(key) for key in before if key not in after)
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
    messages = tuple(
        Message("user", f"{number}: {'so it was said ' * 12}") for number in range(start)
    )
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


def test_an_entry_of_a_fan_is_as_large_as_what_came_back() -> None:
    came = [(2, PAGES[1]), (1, PAGES[0]), (3, PAGES[2])]
    signals = [Happened(number, Returned(page)) for number, page in came]

    for before, one, after in every_frame(entries_of(of(fetching, Pages(), Go(), *signals))):
        assert len(one.entry.body) + HASH <= allowed(before, one, after)


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


def region(number: int) -> Region[Pages]:
    """One of a thousand."""
    return Region(
        f"region {number}",
        State(
            f"here {number}", On(Go, to=f"there {number}", when=f"event.region in (-1, {number})")
        ),
        State(f"there {number}"),
    )


thousand = Machine("thousand", State("all", *map(region, range(1_000))), data=Pages)


def test_one_of_a_thousand_regions_moves_for_a_few_bytes() -> None:
    *_, (_, one, after) = every_frame(entries_of(of(thousand, Pages(), Go(500))))

    assert len(one.entry.body) + HASH < 300
    assert spelled(after) == spelled(scribe_of(compile_machine(thousand)).frame(one.snapshot))


def test_a_thousand_regions_move_for_about_their_names() -> None:
    *_, (before, one, after) = every_frame(entries_of(of(thousand, Pages(), Go(-1))))

    assert len(one.entry.body) + HASH <= allowed(before, one, after)


# -- known limits: what is written again today though nothing of it is new


LINES = tuple(Message("user", f"{number}: {'so it was said ' * 12}") for number in range(20))
LIMITS: dict[str, tuple[Message, ...]] = {
    "a window that moves on": (*LINES[1:], NEW),
    "one changed and one more": (NEW, *LINES[1:], NEW),
}


@pytest.mark.parametrize("after", LIMITS.values(), ids=LIMITS)
def test_today_a_tuple_that_changes_in_two_places_is_written_from_one_to_the_other(
    after: tuple[Message, ...],
) -> None:
    shape = shape_of(tuple[Message, ...])

    edit = Differ(Codec()).compare(shape)(LINES, after)

    assert len(spelled(edit)) > 3_000


def test_today_an_order_that_puts_something_before_and_behind_is_written_whole() -> None:
    order = Ask((SYSTEM, *LINES, NEW))

    tree = Places(Codec(), shape_of(Talk), Talk(LINES)).written(shape_of(Ask), order)

    assert len(spelled(tree)) > 4_000


def test_today_an_order_does_not_point_to_an_item_of_a_tuple() -> None:
    tree = Places(Codec(), shape_of(Talk), Talk(LINES)).written(shape_of(str), LINES[-1].text)

    assert tree == LINES[-1].text


def test_today_a_member_that_is_taken_out_of_a_set_is_written() -> None:
    shape = shape_of(frozenset[str])
    old = frozenset(f"{number}: {'so it was said ' * 12}" for number in range(20))

    edit = Differ(Codec()).compare(shape)(old, old - {max(old)})

    assert len(spelled(edit)) > 180
