"""Everything a run writes down, as trees, and back. The file is long because a run writes down many things."""

from copy import deepcopy
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Call,
    Each,
    Effect,
    Ended,
    Event,
    Failure,
    Fan,
    Fired,
    Flight,
    Happened,
    Machine,
    On,
    Ordered,
    Pending,
    Returned,
    Secret,
    Shape,
    Snapshot,
    Spawn,
    State,
    Stopped,
    Unknown,
    Unreadable,
    Unstorable,
    Wait,
    canonical,
    compile_machine,
    shape_of,
    walk,
)
from detent.kernel.facts import but
from detent.kernel.scribe import EMPTY, Scribe, bits, scribe_of
from detent.kernel.wire import Tree, parsed, spelled
from detent.tools.testing import values
from tests.kernel.delta.logs import Made, recorded, walked
from tests.kernel.wide import All, Begun, Leaf, Poked, Torn, wide
from tests.settings import times

WIDE = scribe_of(compile_machine(wide))


def reread(tree: Tree) -> Any:
    """A tree that was in bytes in between."""
    return parsed(spelled(tree))


# -- snapshots


@settings(max_examples=times(100))
@given(walked())
def test_a_frame_is_read_back_as_the_snapshot_it_was(made: Made) -> None:
    scribe = scribe_of(made[0])

    for one in recorded(made):
        again = scribe.snapshot(reread(scribe.frame(one.snapshot)))
        assert canonical(again) == canonical(one.snapshot)
        assert again == one.snapshot


@settings(max_examples=times(100))
@given(walked())
def test_a_run_that_is_read_back_at_every_entry_goes_on_as_it_would_have(made: Made) -> None:
    went_on = [(one.entry, one.entry.body, one.head) for one in recorded(made)]
    read_back = [(one.entry, one.entry.body, one.head) for one in recorded(made, reloading=True)]

    assert read_back == went_on


@given(values(WIDE.data))
def test_data_of_every_kind_is_read_back(data: All) -> None:
    snapshot = Snapshot(("resting",), data)

    again = WIDE.snapshot(reread(WIDE.frame(snapshot)))

    assert canonical(again) == canonical(snapshot)


def test_a_frame_can_be_read_by_people() -> None:
    snapshot = walk(wide, All(), Begun("x"))[-1].snapshot

    frame = WIDE.frame(snapshot)

    assert list(frame) == list(EMPTY)
    assert frame["in"] == ["both", "left", "asking", "right", "fetching"]
    assert frame["effects"] == {
        "1": ["", "watch", 0, {"$": "Fetch", "what": ""}],
        "3": ["asking", "wait", 0, "x?"],
        "4": ["asking", "send", 0, {"$": "Letter", "run": "other", "event": {"$": "Poked"}}],
        "5": ["fetching", "fetch", 0, {"$": "Fetch", "what": "x"}],
    }
    assert frame["end"] is None


def test_states_that_are_read_back_are_those_of_the_table() -> None:
    table = compile_machine(wide)
    snapshot = walk(table, All(), Begun("x"))[-1].snapshot

    again = scribe_of(table).snapshot(reread(WIDE.frame(snapshot)))

    names = {node.name: node.name for node in table.nodes}
    flown = [flight.owner for flight in again.effects]
    assert all(name is names[name] for name in (*again.configuration, *flown))


WHOLE = walk(wide, All(names=("a", "b")), Begun("x"), Poked(), Begun("y"))[-1].snapshot


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("in", ["nowhere"]),
        ("in", 5),
        ("in", [5]),
        ("data", None),
        ("data", {"$": "All"}),
        ("effects", {"1": ["asking", "nothing", 0, "?"]}),
        ("effects", {"x": ["asking", "wait", 0, "?"]}),
        ("effects", {"1": ["asking", "wait", 0]}),
        ("effects", {"1": ["nowhere", "wait", 0, "?"]}),
        ("effects", {"1": ["asking", "wait", 0, 5]}),
        ("effects", {"1": ["fanning", "fetches", 0, {"$": "Fetch", "what": ""}]}),
        ("effects", {"1": ["fanning", "fetches", 0, {"$fan": {}}]}),
        ("effects", {"1": None}),
        ("effects", []),
        ("timers", {"1": ["resting"]}),
        ("timers", None),
        ("deferred", [[{"$": "Nothing"}, 1]]),
        ("deferred", [{"$": "Poked"}]),
        ("history", {"back": ["nowhere"]}),
        ("history", []),
        ("end", {"status": "completed"}),
        ("end", 5),
        ("doubts", None),
    ],
    ids=str,
)
def test_what_is_no_frame_of_the_machine_is_refused(key: str, value: Any) -> None:
    frame = {**WIDE.frame(WHOLE), key: value}

    with pytest.raises(Unreadable):
        WIDE.snapshot(frame)


@pytest.mark.parametrize("key", EMPTY)
def test_a_frame_without_one_of_its_parts_is_refused(key: str) -> None:
    frame = WIDE.frame(WHOLE)
    del frame[key]

    with pytest.raises(Unreadable):
        WIDE.snapshot(frame)


@pytest.mark.parametrize("frame", [None, [], "x", 5, {}])
def test_what_is_no_frame_at_all_is_refused(frame: Any) -> None:
    with pytest.raises(Unreadable):
        WIDE.snapshot(frame)


ODD: list[Any] = [None, True, -1, 1.5, "", "x", [], [None], {}, {"$": "x"}, {"x": None}]


@settings(max_examples=times(200))
@given(st.data())
def test_a_damaged_frame_is_refused_or_read_and_never_anything_else(data: st.DataObject) -> None:
    frame = deepcopy(WIDE.frame(WHOLE))
    here: Any = frame
    while True:
        keys: list[Any] = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(here[key], list | dict) or not here[key] or data.draw(st.booleans()):
            here[key] = data.draw(st.sampled_from(ODD))
            break
        here = here[key]

    try:
        read = WIDE.snapshot(frame)
    except Unreadable:
        return

    assert isinstance(read, Snapshot)


def test_data_that_is_not_what_its_field_says_is_not_written() -> None:
    five: Any = 5

    with pytest.raises(Unstorable, match=r"^text: 5 is no str$"):
        WIDE.frame(Snapshot((), All(text=five)))


# -- a fan


@frozen
class Cracked(Failure):
    """A declared failure."""

    where: str


@frozen
class Work(Effect[int], recovery="at_most_once", fails=(Cracked,)):
    """An order."""

    n: int


@frozen
class Told(Event):
    """Something is sent."""

    text: str = ""


@frozen
class Hidden:
    """Data with seals, deep inside."""

    keys: tuple[Secret[str] | None, ...] = ()


@frozen
class Seen:
    """Data without."""

    text: str = ""


work = Call(Work, name="work")
ask = Wait(int, name="ask")
child = Spawn(Machine("child", State("s"), data=Seen), name="child")
every = Each((work, ask, child), lambda data: (), name="every")
fan_machine = Machine(
    "fans",
    State("s", On(every.settled), On(every.failed), do=every),
    data=Seen,
)
FANS = scribe_of(compile_machine(fan_machine))
ORDERS = ((0, Work(1)), (1, "How many?"), (2, Seen("x")), (0, Work(2)))
FAN = Fan(7, "s", "every", ORDERS, 5, 0b1111, 2)


def again(flight: Flight, scribe: Scribe = FANS) -> Flight:
    """An effect in flight, written down and read back."""
    snapshot = Snapshot(("s",), Seen(), pending=Pending((flight,)))
    return scribe.snapshot(reread(scribe.frame(snapshot))).effects[0]


@st.composite
def fans(draw: st.DrawFn) -> Fan:
    """A fan in the middle of its life."""
    fan = but(FAN, orders=ORDERS * 3, open=(1 << 12) - 1, begun=0)
    for _ in range(draw(st.integers(0, 8))):
        if not fan.open:
            break
        what = draw(st.sampled_from(["begin", "hear", "hear", "stop others", "stop"]))
        waiting = fan.under_way()
        if what == "begin" and not fan.stopping:
            fan, _ = fan.begin(draw(st.integers(1, 12)))
        elif what == "hear" and waiting:
            fan = fan.hear(draw(st.sampled_from(waiting)), Stopped("exit"))
        elif what == "stop others" and not fan.stopping:
            fan, _ = fan.stop_others(Stopped("7"))
        elif what == "stop" and not fan.stopping:
            left, _ = fan.stop(frozenset(draw(st.lists(st.sampled_from(range(7, 19)), max_size=2))))
            fan = left or fan
    return fan


@settings(max_examples=times(200))
@given(fans())
def test_a_fan_is_read_back_as_it_was_at_any_time_of_its_life(fan: Fan) -> None:
    assert again(fan) == fan


def test_an_outcome_of_a_fan_is_that_of_its_order() -> None:
    outcomes: tuple[Event, ...] = (
        Cracked("here"),
        Returned(5),
        Ended("completed", Seen("x")),
        Returned(7),
    )
    fan = FAN
    for index, event in enumerate(outcomes[:3]):
        fan = fan.hear(index, event)

    assert again(fan) == fan
    with pytest.raises(Unstorable, match=r"^value: 'x' is no int$"):
        FANS.frame(Snapshot(("s",), Seen(), pending=Pending((FAN.hear(1, Returned("x")),))))


def test_an_outcome_that_cannot_come_of_an_order_is_refused() -> None:
    frame: Any = reread(
        FANS.frame(Snapshot(("s",), Seen(), pending=Pending((FAN.hear(0, Cracked("x")),))))
    )
    frame["effects"]["7"][3]["$fan"]["heard"] = [[1, {"$": "Cracked", "where": "x"}]]

    with pytest.raises(Unreadable, match="Cracked cannot come of 'every'"):
        FANS.snapshot(frame)


def test_an_effect_that_is_stopping_is_read_back_as_one() -> None:
    flight = Ordered(5, "asking", "wait", "Really?", 3, 0, True)
    snapshot = Snapshot(("asking",), All(), pending=Pending((flight,)))

    frame = WIDE.frame(snapshot)

    assert frame["effects"] == {"5": ["asking", "wait", 3, "Really?", 0, True]}
    assert WIDE.snapshot(frame) == snapshot


# -- signals


@settings(max_examples=times(100))
@given(walked())
def test_a_signal_is_read_back_as_it_was(made: Made) -> None:
    scribe = scribe_of(made[0])
    flights: tuple[Flight, ...] | None = None

    for one in recorded(made):
        if flights is not None:
            signal = scribe.read_signal(reread(one.entry.event), flights)
            assert spelled(scribe.write_signal(signal, flights)) == spelled(one.entry.event)
        flights = one.snapshot.effects


SIGNALS: list[tuple[Any, Any]] = [
    (Poked(), {"$": "Poked"}),
    (Fired(3), {"$fired": 3}),
    (Happened(5, Torn("x")), {"$happened": [5, {"$": "Torn", "where": "x"}]}),
]


@pytest.mark.parametrize(("signal", "tree"), SIGNALS, ids=str)
def test_signals_have_one_form_each(signal: Any, tree: Any) -> None:
    flights = walk(wide, All(), Begun("x"))[-1].snapshot.effects

    assert WIDE.write_signal(signal, flights) == tree
    assert WIDE.read_signal(tree, flights) == signal


@pytest.mark.parametrize(
    "signal",
    [Told(), Happened(99, Torn("x")), Happened(3, Returned("x"))],
    ids=str,
)
def test_a_signal_that_means_nothing_to_the_machine_is_not_written(signal: Any) -> None:
    flights = walk(wide, All(), Begun("x"))[-1].snapshot.effects

    with pytest.raises((Unstorable, Unreadable)):
        WIDE.write_signal(signal, flights)


@pytest.mark.parametrize(
    "tree",
    [
        None,
        5,
        [],
        {},
        {"$": "Told"},
        {"$": "Poked", "more": 1},
        {"$happened": [99, {"$": "Torn", "where": "x"}]},
        {"$happened": [3, {"$": "Torn", "where": "x"}]},
        {"$happened": [3, None]},
        {"$happened": 3},
        {"$happened": []},
        {"$fired": "x"},
    ],
    ids=str,
)
def test_a_tree_that_is_no_signal_of_the_machine_is_refused(tree: Any) -> None:
    flights = walk(wide, All(), Begun("x"))[-1].snapshot.effects

    with pytest.raises(Unreadable):
        WIDE.read_signal(tree, flights)


# -- what a scribe knows


def test_a_table_has_one_scribe() -> None:
    table = compile_machine(wide)

    assert scribe_of(table) is scribe_of(table)


def begun(text: str) -> Seen:
    """What a run begins with is not always its data."""
    return Seen(text)


@pytest.mark.parametrize(
    ("begin", "shape"),
    [
        (None, shape_of(Seen)),
        (begun, shape_of(str)),
        (lambda text: Seen(text), Unknown("what begin does not say")),
    ],
    ids=["data", "said", "not said"],
)
def test_the_input_of_a_run_is_what_begin_takes(begin: Any, shape: Shape) -> None:
    table = compile_machine(Machine("m", State("s"), data=Seen, begin=begin))

    assert scribe_of(table).input == shape


@pytest.mark.parametrize(("data", "has"), [(Hidden, True), (Seen, False), (Leaf, False)])
def test_a_scribe_knows_whether_something_is_sealed(data: Any, has: bool) -> None:
    table = compile_machine(Machine("m", State("s"), data=data))

    assert scribe_of(table).has_seals is has


def test_the_ones_of_a_number_are_found() -> None:
    assert list(bits(0b1001_0010)) == [1, 4, 7]
