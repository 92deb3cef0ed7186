"""From answers to entries: which are some, what they say, and what cannot be written down."""

from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings

from detent.kernel import (
    Broken,
    Call,
    Defer,
    Each,
    Effect,
    Entry,
    Event,
    Final,
    FrozenMap,
    Head,
    Ignore,
    Ignored,
    Machine,
    On,
    Recorded,
    Recorder,
    Rejected,
    Signal,
    State,
    Unstorable,
    advance,
    begin,
    compile_machine,
    step,
)
from detent.kernel.entries import chained
from detent.kernel.facts import but
from tests.kernel.delta.logs import Made, recorded, walked
from tests.settings import times

# -- what is an entry


@frozen
class Push(Event):
    """Turn it."""

    n: int = 0


@frozen
class Coin(Event):
    """Pay for it."""


@frozen
class Shout(Event):
    """Means nothing."""


@frozen
class Kick(Event):
    """Breaks it."""


@frozen
class Count:
    """How often it was turned."""

    turns: int = 0

    def turn(self, event: Push) -> "Count":
        """Once more."""
        return evolve(self, turns=self.turns + 1)

    def kicked(self, event: Kick) -> "Count":
        """Nobody should."""
        raise ValueError("ouch")


turnstile = Machine(
    "turnstile",
    State("locked", On(Coin, to="open"), Defer(Push), Ignore(Shout)),
    State("open", On(Push, to="locked", update=Count.turn), On(Kick, update=Count.kicked)),
    data=Count,
)
TABLE = compile_machine(turnstile)
RECORDER = Recorder(TABLE)


def begun() -> Recorded:
    """The first entry of a run."""
    return RECORDER.begin(RECORDER.header("run"), begin(TABLE, Count()), Count())


def then(before: Recorded, signal: Signal, key: str | None = None) -> Recorded | None:
    """What comes of a signal in the log."""
    stepped = step(TABLE, before.snapshot, signal)
    return RECORDER.record(before.head, before.snapshot, stepped, key)


def test_entries_are_compared_by_what_they_say_not_by_how_it_was_spelled() -> None:
    entry = begun().entry

    respelled, later = but(entry, body=b"{}"), but(entry, at=entry.at + 1)

    assert entry == respelled
    assert (entry != respelled) is False
    assert entry != later
    assert (entry == later) is False
    assert entry != entry.seq


def test_a_run_begins_with_its_input() -> None:
    first = begun()

    assert first.entry.seq == 1
    assert first.entry.event == {"$began": {"$": "Count", "turns": 0}}
    assert first.entry.delta == {
        "in": [["locked"]],
        "data": [{"$": "Count", "turns": 0}],
    }


def test_a_header_names_the_machine_by_its_digests() -> None:
    header = RECORDER.header("run", 7)

    assert (header.run, header.machine, header.at) == ("run", "turnstile", 7)
    assert (header.shape, header.rules) == (TABLE.shape, TABLE.rules)


def test_an_entry_says_what_happened_what_was_taken_and_what_changed() -> None:
    told = then(begun(), Coin(), key="abc")

    assert told is not None
    entry = told.entry
    assert (entry.seq, entry.event, entry.key) == (2, {"$": "Coin"}, "abc")
    assert (entry.answer, entry.took) == ("moved", (("locked/0",),))
    assert entry.delta == {"in": [["open"]]}


def test_what_is_rejected_ignored_or_broken_is_no_entry() -> None:
    locked = begun()
    opened = then(locked, Coin())

    assert opened is not None
    assert isinstance(step(TABLE, locked.snapshot, Kick()), Rejected)
    assert then(locked, Kick()) is None
    assert then(locked, Kick(), key="k") is None
    assert isinstance(step(TABLE, locked.snapshot, Shout()), Ignored)
    assert then(locked, Shout()) is None
    assert isinstance(step(TABLE, opened.snapshot, Kick()), Broken)
    assert then(opened, Kick(), key="k") is None


def test_what_is_ignored_with_a_key_is_an_entry_that_changes_nothing() -> None:
    told = then(begun(), Shout(), key="k")

    assert told is not None
    assert (told.entry.seq, told.entry.answer, told.entry.delta) == (2, "ignored", {})
    assert told.snapshot == but(begun().snapshot, seq=2)


def test_what_was_deferred_names_the_entry_that_deferred_it() -> None:
    now = begun()
    answers: list[Entry] = []
    for signal in (Push(), Coin()):
        for stepped in advance(TABLE, now.snapshot, signal):
            told = RECORDER.record(now.head, now.snapshot, stepped)
            assert told is not None
            now = told
            answers.append(now.entry)

    assert [(entry.answer, entry.cause) for entry in answers] == [
        ("deferred", None),
        ("moved", None),
        ("moved", 2),
    ]
    assert answers[2].delta["deferred"] == [0, 1, []]


def test_a_note_changes_nothing_but_the_number_and_the_time() -> None:
    before = begun()

    noted = RECORDER.note(before.head, before.snapshot, {"$recovered": 3}, 9)

    assert noted.snapshot == but(before.snapshot, seq=2, at=9)
    assert (noted.entry.event, noted.entry.delta) == ({"$recovered": 3}, {})
    assert noted.entry.hash == chained(before.head.hash, noted.entry.body) == noted.head.hash
    earlier = RECORDER.note(noted.head, noted.snapshot, {"$recovered": 4}, 5)
    assert earlier.entry.at == 9


@settings(max_examples=times(60))
@given(walked())
def test_entries_are_numbered_and_chained_without_holes(made: Made) -> None:
    last = Recorder(made[0]).header("run").hash

    for number, one in enumerate(recorded(made), 1):
        assert one.entry.seq == one.snapshot.seq == number
        assert one.entry.hash == one.head.hash == chained(last, one.entry.body)
        assert one.entry.at == one.snapshot.at
        last = one.entry.hash


@settings(max_examples=times(60))
@given(walked())
def test_ids_are_told_in_the_order_of_their_orders(made: Made) -> None:
    known = 0

    for one in recorded(made):
        ids = one.entry.effects
        assert list(ids) == [*dict.fromkeys(ids)]
        assert all(0 < id < one.snapshot.pending.count for id in ids)
        frame: Any = one.entry.delta.get("effects", {})
        new = [int(id) for id, edit in frame.items() if len(edit) == 1 and int(id) > known]
        assert new == sorted(new)
        known = max([known, *new])


# -- values that are not what their annotation says


@frozen
class Item:
    """A part of a basket."""

    cents: int = 0
    name: str = ""


@frozen
class Spoil(Event):
    """Something is put where it does not belong."""

    where: str


@frozen
class Order(Effect[int], recovery="pure"):
    """Something is ordered."""

    items: tuple[Item, ...] = ()


WRONG: Any = "wrong"
WRONGS: dict[str, tuple[Any, str]] = {
    "item": (
        {"items": (Item(), Item(), Item(), Item(WRONG))},
        "data.items[3].cents: 'wrong' is no",
    ),
    "changed item": (
        {"items": (Item(WRONG), Item(), Item())},
        "data.items[0].cents: 'wrong' is no",
    ),
    "fewer items": ({"items": (Item(), Item(WRONG))}, "data.items[1].cents: 'wrong' is no int"),
    "list": ({"items": [Item()]}, "data.items: "),
    "class": ({"items": (Item(), WRONG)}, "data.items[1]: 'wrong' is no Item"),
    "number": ({"total": WRONG}, "data.total: 'wrong' is no int"),
    "bool": ({"total": True}, "data.total: True is no int"),
    "map": ({"names": FrozenMap(a=1, b=WRONG)}, "data.names.b: 'wrong' is no int"),
    "changed map": ({"names": FrozenMap(a=WRONG)}, "data.names.a: 'wrong' is no int"),
    "key": ({"names": FrozenMap({5: 1})}, "data.names: 5 is no str"),
    "set": ({"numbers": frozenset({True})}, "data.numbers: True is no int"),
    "pair": ({"pair": (1, WRONG)}, "data.pair[1]: 'wrong' is no int"),
    "longer pair": ({"pair": (1, 2, 3)}, "data.pair: (1, 2, 3) is no tuple of 2"),
    "union": ({"either": 1.5}, "data.either: 1.5 is no Item | None | int"),
    "union of a record": ({"either": Item(WRONG)}, "data.either.cents: 'wrong' is no int"),
}


@frozen
class Basket:
    """Data that can be spoiled."""

    items: tuple[Item, ...] = (Item(), Item(), Item())
    total: int = 0
    names: FrozenMap[str, int] = FrozenMap(a=1)
    numbers: frozenset[int] = frozenset({1})
    pair: tuple[int, int] = (1, 2)
    either: Item | int | None = Item()
    given: tuple[Item, ...] = ()

    def spoil(self, event: Spoil) -> "Basket":
        """Do what should not be done."""
        return evolve(self, **WRONGS[event.where][0])

    def order(self) -> Order:
        """An order of what is not an item."""
        return Order((Item(), Item(1), Item(WRONG)))


order = Call(Order, Basket.order, name="order")
orders: Each[Basket, int] = Each(
    Order, lambda data: (Order(), Order((Item(WRONG),))), name="orders"
)


def spoiled(data: Basket) -> Item:
    """A result that is none."""
    return Item(WRONG)


def ordering(do: Any) -> Machine[Basket, Basket, Any]:
    """A machine that orders something when it is told to."""
    return Machine(
        "basket",
        State("here", On(Push, to="there"), On(Spoil, update=Basket.spoil), On(Coin, to="end")),
        State("there", On(do.failed, to="here"), On(do.returned), do=do)
        if isinstance(do, Call)
        else State("there", On(do.settled, to="here"), do=do),
        Final("end"),
        data=Basket,
        result=spoiled,
    )


def said(machine: Any, signal: Signal) -> str:
    """What is said of what cannot be written down."""
    table = compile_machine(machine)
    recorder = Recorder(table)
    now = recorder.begin(recorder.header("run"), begin(table, Basket()), Basket())
    stepped = step(table, now.snapshot, signal)
    with pytest.raises(Unstorable) as caught:
        recorder.record(now.head, now.snapshot, stepped)
    return str(caught.value)


@pytest.mark.parametrize("where", WRONGS)
def test_data_that_is_not_what_its_field_says_is_named(where: str) -> None:
    assert said(ordering(order), Spoil(where)).startswith(WRONGS[where][1])


def test_an_order_that_is_not_what_its_field_says_is_named() -> None:
    assert said(ordering(order), Push()) == "order of order.items[2].cents: 'wrong' is no int"


def test_an_order_of_many_that_is_not_what_its_field_says_is_named() -> None:
    assert said(ordering(orders), Push()) == "order of orders.items[0].cents: 'wrong' is no int"


def test_a_result_that_is_not_what_its_field_says_is_named() -> None:
    assert said(ordering(order), Coin()) == "result.cents: 'wrong' is no int"


def test_an_input_that_is_not_what_its_field_says_is_named() -> None:
    wrong = Count(WRONG)

    with pytest.raises(Unstorable, match=r"^turns: 'wrong' is no int$"):
        RECORDER.begin(RECORDER.header("run"), begin(TABLE, wrong), wrong)


def test_an_event_that_is_not_what_its_field_says_is_named() -> None:
    opened = then(begun(), Coin())
    assert opened is not None

    with pytest.raises(Unstorable, match=r"^n: 'wrong' is no int$"):
        then(opened, Push(WRONG))


def test_a_head_of_which_nothing_is_known_is_right() -> None:
    first = begun()
    unknown = Head(first.head.hash, 80_000)

    told = RECORDER.record(unknown, first.snapshot, step(TABLE, first.snapshot, Coin()))

    assert told is not None
    assert told.checkpoint is not None
    assert told.head.unread == len(told.checkpoint.body)
    assert told.head.least == 0  # how large a small frame is makes no difference
