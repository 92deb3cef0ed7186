"""The change between two snapshots: right, made of values alone, and as large as what changed."""

from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Call,
    Each,
    Failed,
    Happened,
    Kept,
    Machine,
    On,
    Pending,
    Problem,
    Returned,
    Snapshot,
    State,
    Stopped,
    Unstorable,
    compile_machine,
)
from detent.kernel.delta import Changes
from detent.kernel.facts import but
from detent.kernel.frames import folded
from detent.kernel.scribe import EMPTY, scribe_of
from detent.kernel.wire import spelled
from tests.kernel.delta.logs import (
    PAGES,
    Ask,
    Fetch,
    Go,
    Leave,
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


@settings(max_examples=times(100))
@given(walked())
def test_whoever_follows_the_changes_has_every_frame(made: Made) -> None:
    scribe = scribe_of(made[0])

    for _, one, after in every_frame(entries_of(made)):
        assert spelled(after) == spelled(scribe.frame(one.snapshot))


@settings(max_examples=times(60))
@given(walked(), st.data())
def test_following_many_entries_at_once_comes_to_the_same(made: Made, data: st.DataObject) -> None:
    told = entries_of(made)
    entries = [one.entry for one in told]
    before = [spelled([one.event, one.delta]) for one in entries]
    frames = [EMPTY, *(after for _, _, after in every_frame(told))]
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(entries))] * 2)))

    frame = folded(frames[start], entries[start:end])

    assert spelled(frame) == spelled(frames[end])
    assert [spelled([one.event, one.delta]) for one in entries] == before


first, second = Call(Ask, Talk.ask, name="first"), Call(Ask, Talk.ask, name="second")
patient = Machine(
    "patient",
    State("still", On(Say, to="one", update=Talk.hear)),
    State(
        "one",
        State("waiting", On(Say, to="two", update=Talk.hear)),
        State(
            "two",
            On(Say, update=Talk.hear),
            On(second.returned),
            On(second.failed),
            do=second,
        ),
        On(first.returned),
        On(first.failed),
        do=first,
    ),
    data=Talk,
)


def test_an_order_that_points_to_a_growing_tuple_stays_what_it_was() -> None:
    says = [Say(f"{number} is said at such a length that it is pointed to") for number in range(6)]
    told = entries_of(of(patient, Talk(), *says))
    assert b'"data/messages"' in told[1].entry.body
    frames = [after for _, _, after in every_frame(told)]

    for number in range(1, len(told)):
        frame: Any = folded(EMPTY, [one.entry for one in told[: number + 1]])

        assert spelled(frame) == spelled(frames[number])
        assert len(frame["data"]["messages"]) == number
        orders = [effect[3]["messages"] for effect in frame["effects"].values()]
        assert [len(messages) for messages in orders] == [*range(1, number + 1)][:2]


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


# -- many side by side


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
                {"$ref": "event/value"},
            ],
        ]
    }


def test_those_that_a_failure_stops_before_they_began_are_heard_in_one_entry() -> None:
    every = Call(Fetch, name="one")
    halting = Each(every, Pages.fetches, at_most=2, stop_on_failure=True, name="halting")
    machine = Machine(
        "halting",
        State("ready", On(halting.settled, to="over"), do=halting),
        State("over"),
        data=Pages,
    )
    failure = Failed(Problem("broken", "it does not work"))
    made = of(machine, Pages(("a", "b", "c", "d")), Happened(1, failure))

    told = entries_of(made)

    ((_, _, _), (_, one, after)) = every_frame(told)
    scribe = scribe_of(made[0])
    assert spelled(after) == spelled(scribe.frame(one.snapshot))
    assert one.entry.stopped == (2,)
    effects: Any = after["effects"]
    heard = effects["1"][3]["$fan"]["heard"]
    assert [(place, outcome["$"]) for place, outcome in heard] == [
        (0, "Failed"),
        (2, "Stopped"),
        (3, "Stopped"),
    ]


def test_outcomes_that_came_in_another_order_are_pointed_to_where_they_are() -> None:
    came = [(2, PAGES[1]), (1, PAGES[0]), (3, PAGES[2])]
    signals = [Happened(number, Returned(page)) for number, page in came]

    entries = entries_of(of(fetching, Pages(), Go(), *signals))

    pages: Any = entries[-1].entry.delta["data"]
    found = [page["$ref"].rpartition("/heard/")[2] for page in pages["pages"][2]]
    assert found == ["1/1/value", "0/1/value", "event/value"]
    assert entries[-1].snapshot.data.pages == PAGES


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
    entries = entries_of(made)

    for _, one, after in every_frame(entries):
        assert spelled(after) == spelled(scribe.frame(one.snapshot))
        assert scribe.snapshot(after) == one.snapshot
    assert [len(one.snapshot.effects) for one in entries] == [0, 1, 1, 1, 1, 0]


NEW = Message("model", "this is new")


# -- single parts


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
    assert between(one, but(one, pending=Pending())) == {"deferred": [0, 2, []]}


def test_doubts_are_added_and_taken_away() -> None:
    one = Snapshot((), Talk(), pending=Pending(doubts=(1, 2)))
    other = Snapshot((), Talk(), pending=Pending(doubts=(1, 2, 5)))

    assert between(one, other) == {"doubts": [2, 0, [5]]}
    assert between(other, one) == {"doubts": [2, 1, []]}
    assert between(one, but(one, pending=Pending(doubts=(1, 3)))) == {"doubts": {"1": [3]}}


@frozen
class Nest:
    """Data that holds itself."""

    inside: "Nest | None" = None


def test_data_that_is_nested_too_deeply_is_refused() -> None:
    deep = Nest()
    for _ in range(5_000):
        deep = Nest(deep)
    table = compile_machine(Machine("nests", State("only"), data=Nest))
    changes = Changes(scribe_of(table))

    with pytest.raises(Unstorable, match="nested too deeply"):
        changes.between(None, Snapshot((), deep), None)
