"""A parcel of which one thing is otherwise: each with the entry of each run that comes out differently, and how.

It is long because many things can be otherwise; after the parts that may be put in, there is one table.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from attrs import evolve, frozen

from detent import (
    After,
    Always,
    Defer,
    Effect,
    Event,
    Ignore,
    On,
    Reject,
    Returned,
    Settled,
)
from detent.kernel import DivergenceKind
from tests.kernel.replayer.corpus import (
    WALKS,
    Approve,
    Booking,
    Checked,
    Collected,
    Held,
    Packed,
    Parcel,
    Plan,
    Posted,
    Print,
    Scan,
    ask,
    begin,
    fits,
    is_heavy,
    label,
    of_labels,
    of_scans,
    pack,
    printed,
    renamed,
    result,
    scanned,
    scans,
    seen,
    stick,
)

Found = dict[str, tuple[int, DivergenceKind]]
"""Where runs diverge, and how; runs that are not named come out as recorded."""


def raising(*given: Any) -> Any:
    """What somebody wrote without trying it."""
    raise LookupError("no such thing")


def unbegun(booking: Booking) -> Parcel:
    """A beginning that was not tried either."""
    raise LookupError("no such thing")


def fewer(data: Parcel, event: Packed) -> bool:
    """A guard that is true for less."""
    return data.weight + event.weight <= 20


def unclear(data: Parcel, event: Packed) -> Any:
    """A guard that gives what is neither true nor false."""
    return data.weight


def doubled(data: Parcel, event: Packed) -> Parcel:
    """An update to another weight."""
    return evolve(data, weight=data.weight + 2 * event.weight)


def same(data: Parcel, event: Packed) -> Parcel:
    """An update with another name that does the same."""
    return pack(data, event)


def wrong_class(data: Parcel, event: Packed) -> Any:
    """An update that makes something else."""
    return data.weight


def wrong_field(data: Parcel, event: Packed) -> Any:
    """An update that puts a number where a text belongs."""
    wrong: Any = 5
    return evolve(data, name=wrong)


def stuck_often(data: Parcel, event: Returned[str]) -> Parcel:
    """An update after which a row is true that was not."""
    return evolve(data, trail=(event.value,) * 4)


def stuck_twice(data: Parcel, event: Returned[str]) -> Parcel:
    """An update to another trail."""
    return evolve(data, trail=(event.value,) * 2)


def counted(data: Parcel, event: Settled[int]) -> Parcel:
    """An update by what has settled, to something else."""
    return evolve(data, trail=(*data.trail, str(len(event.outcomes))))


def shouted(data: Parcel) -> Print:
    """An order with other arguments."""
    return Print(f"{data.name}: {data.weight}".upper())


def misprinted(data: Parcel) -> Any:
    """An order of another effect."""
    return Scan(1)


def approved(data: Parcel) -> Iterable[Approve]:
    """Orders of another form of the same Each."""
    return [Approve(side) for side in range(data.sides)]


def one_less(data: Parcel) -> Iterable[Scan]:
    """Fewer orders."""
    return list(scanned(data))[1:]


def begun_heavy(booking: Booking) -> Parcel:
    """A beginning with something in it."""
    return Parcel(booking.name, booking.sides, 1)


def begun_wrong(booking: Booking) -> Any:
    """A beginning that is no data."""
    return booking


def begun_unwritten(booking: Booking) -> Parcel:
    """A beginning with a number where a text belongs."""
    wrong: Any = 5
    return Parcel(wrong, booking.sides)


def in_short(data: Parcel) -> str:
    """Another result."""
    return data.name


def light(data: Parcel) -> bool:
    """A guard without an event that is true for the others."""
    return data.weight <= 25


def with_field() -> type:
    """Data of the same name with one more field."""

    @frozen
    class Parcel:
        name: str
        sides: int
        weight: int | float | bool | Decimal = 0
        trail: tuple[str, ...] = ()
        colour: str = ""

    return Parcel


def in_texts() -> type[Event]:
    """An event of the same name with a field of another type."""

    @frozen
    class Packed(Event):
        weight: str

    return Packed


def later_print() -> type:
    """An effect of the same name that means something else now."""

    @frozen
    class Print(Effect[str], recovery="pure", version=2):
        weight: str

    return Print


def at(seq: int, kind: DivergenceKind, *runs: str) -> Found:
    """Runs that diverge at one entry."""
    return dict.fromkeys(runs, (seq, kind))


def every(seq: int, kind: DivergenceKind) -> Found:
    """All of them."""
    return at(seq, kind, *WALKS)


EMPTY = Plan()
TO_LABELLING, TO_COUNTER = EMPTY.posting
HEAVY, LONG, OTHERWISE = EMPTY.sorting
NEVER = On(Collected, to="gone")  # a row for what never happens there
any_on: Any = On


MUTATIONS: dict[str, tuple[dict[str, Any], Found]] = {
    # guards
    "the text of a guard": (
        {"posting": (On(Posted, to="labelling", when="data.weight > 20"), TO_COUNTER)},
        at(3, "guard", "failed", "late"),
    ),
    "the name of a guard": (
        {"fits": fewer},
        {**at(3, "guard", "posted"), **at(2, "guard", "heavy")},
    ),
    "the body of a guard": (
        {"fits": renamed(lambda data, event: fewer(data, event), fits)},
        {**at(3, "guard", "posted"), **at(2, "guard", "heavy")},
    ),
    "a guard that is true just as often": (
        {"posting": (On(Posted, to="labelling", when="data.weight >= 1"), TO_COUNTER)},
        {},
    ),
    "a guard that raises": (
        {"fits": renamed(raising, fits)},
        at(2, "broken", "posted", "heavy", "failed", "late"),
    ),
    "a guard that gives a number": (
        {"fits": unclear},
        at(2, "broken", "posted", "heavy", "failed", "late"),
    ),
    "no guard": (
        {"posting": (On(Posted, to="labelling"), TO_COUNTER)},
        at(2, "guard", "direct"),
    ),
    "the body of a guard without an event": (
        {"sorting": (Always(to="counter", when=renamed(light, is_heavy)), LONG, OTHERWISE)},
        {**at(7, "guard", "posted"), **at(4, "guard", "heavy", "late")},
    ),
    "the guard of an outcome": (
        {"lost": On(ask.returned, to="delivered", when="event.value")},
        at(11, "guard", "posted"),
    ),
    "the guard of a timer": (
        {"waiting": (After(60, to="asking", when="data.weight > 100"),)},
        {**at(10, "guard", "posted"), **at(5, "guard", "late")},
    ),
    # rows
    "two rows in the other order": (
        {"posting": (TO_COUNTER, TO_LABELLING)},
        {**at(4, "guard", "posted"), **at(3, "guard", "heavy", "failed", "late")},
    ),
    "two rows in the other order, of which one is true": (
        {"posting": (On(Posted, to="counter", when="data.weight == 0"), TO_LABELLING)},
        {},
    ),
    "rows without an event in the other order": (
        {"sorting": (LONG, HEAVY, OTHERWISE)},
        {},
    ),
    "a row before the others": ({"before": (NEVER,)}, {}),
    "a row before the others, whose guard is true": (
        {"before": (On(Posted, to="counter"),)},
        {
            **at(4, "guard", "posted"),
            **at(3, "guard", "heavy", "failed", "late"),
            **at(2, "guard", "direct"),
        },
    ),
    "a row without an event before the others": (
        {"sorting": (Always(to="counter", when="data.weight > 5"), *EMPTY.sorting)},
        at(7, "guard", "posted"),  # in `heavy` another row comes to the same, under the same number
    ),
    "no row where nothing else is true": (
        {"sorting": (HEAVY, LONG, On(Collected, to="road"))},
        {**at(7, "guard", "posted"), **at(4, "guard", "late")},
    ),
    "a row before a timer": ({"waiting": (On(Posted, to="held"), *EMPTY.waiting)}, {}),
    "no row for an event that other states handle": (
        {"checking": None},
        at(6, "event removed", "posted"),
    ),
    "no row for an outcome": (
        {"unlabelled": None},
        at(5, "event removed", "failed"),
    ),
    "an event that is deferred now": (
        {"checking": Defer(Checked)},
        at(6, "event removed", "posted"),
    ),
    "an event that is ignored now": (
        {"checking": Ignore(Checked)},
        at(6, "event removed", "posted"),
    ),
    "an event that is rejected now": (
        {"checking": Reject(Checked)},
        at(6, "event removed", "posted"),
    ),
    "an event that is deferred no longer": (
        {"holding": None},
        {**at(5, "event removed", "posted"), **at(4, "event removed", "failed")},
    ),
    "an event that is ignored and was deferred": (
        {"holding": Ignore(Held)},
        {**at(5, "guard", "posted"), **at(4, "guard", "failed")},
    ),
    "an event that is handled and was deferred": (
        {"holding": On(Held, to="held")},
        {**at(5, "guard", "posted"), **at(4, "guard", "failed")},
    ),
    "an event that is deferred again and was rejected": (
        {"excused": Defer(Held)},
        at(6, "guard", "failed"),
    ),
    "a deferred event that is handled no longer": (
        {"taken": None, "excused": On(Held, to="held")},
        {**at(8, "event removed", "posted"), **at(6, "guard", "failed")},
    ),
    "a deferred event that is deferred again": (
        {"taken": Defer(Held), "excused": On(Held, to="held")},
        {**at(8, "event removed", "posted"), **at(6, "guard", "failed")},
    ),
    # targets
    "the target of a row": (
        {"unlabelled": On(label.failed, to="counter")},
        at(5, "target", "failed"),
    ),
    "a target where a row is true without an event": (
        {"unlabelled": On(label.failed, to="sorting")},
        at(5, "target", "failed"),
    ),
    "the target of a row that no longer leads on": (
        {
            "labelled": On(label.returned, to="held", update=stick),
            "before": (On(Collected, to="sorting"),),
        },
        {
            **at(7, "target", "posted"),
            **at(4, "target", "heavy", "late"),
        },
    ),
    "the targets of two rows, exchanged": (
        {
            "posting": (
                On(Posted, to="counter", when="data.weight > 0"),
                On(Posted, to="labelling", when="data.weight < 100"),
            )
        },
        {
            **at(4, "target", "posted"),
            **at(3, "target", "heavy", "failed", "late"),
            **at(2, "target", "direct"),
        },
    ),
    "the target of a row before which another was put": (
        {
            "before": (NEVER,),
            "posting": (
                On(Posted, to="held", when="data.weight > 0"),
                TO_COUNTER,
                On(Packed, to="labelling"),
            ),
        },
        {**at(4, "target", "posted"), **at(3, "target", "heavy", "failed", "late")},
    ),
    "where a way back leads": ({"back": "depot"}, at(5, "target", "heavy")),
    "how a run ends": ({"gone": "stopped"}, at(6, "target", "late")),
    # updates
    "the name of an update that does the same": ({"pack": same}, {}),
    "the name of an update": (
        {"pack": doubled},
        at(2, "reducer", "posted", "heavy", "failed", "late"),
    ),
    "the body of an update": (
        {"pack": renamed(lambda data, event: doubled(data, event), pack)},
        at(2, "reducer", "posted", "heavy", "failed", "late"),
    ),
    "no update": (
        {"pack": None},
        at(2, "reducer", "posted", "heavy", "failed", "late"),
    ),
    "the body of an update by an outcome": (
        {"labelled": On(label.returned, to="sorting", update=renamed(stuck_twice, stick))},
        {**at(7, "reducer", "posted"), **at(4, "reducer", "heavy", "late")},
    ),
    "the body of an update on which a later row of the same entry depends": (
        {"labelled": On(label.returned, to="sorting", update=renamed(stuck_often, stick))},
        {**at(7, "reducer", "posted"), **at(4, "reducer", "heavy", "late")},
    ),
    "the name of an update on which a later row of the same entry depends": (
        {"labelled": On(label.returned, to="sorting", update=stuck_often)},
        {**at(7, "reducer", "posted"), **at(4, "reducer", "heavy", "late")},
    ),
    "an update by what has settled": (
        {"settled": On(scans.settled, to="road", update=counted)},
        at(9, "reducer", "heavy"),
    ),
    "an update that raises": (
        {"checking": On(Checked, update=renamed(raising, seen))},
        at(6, "broken", "posted"),
    ),
    "an update that gives no data": (
        {"pack": wrong_class},
        at(2, "broken", "posted", "heavy", "failed", "late"),
    ),
    "an update that gives what cannot be written": (
        {"pack": wrong_field},
        at(2, "broken", "posted", "heavy", "failed", "late"),
    ),
    # effects
    "what is ordered": (
        of_labels(shouted),
        {**at(4, "effects", "posted"), **at(3, "effects", "heavy", "failed", "late")},
    ),
    "an order that raises": (
        of_labels(renamed(raising, printed)),
        {**at(4, "broken", "posted"), **at(3, "broken", "heavy", "failed", "late")},
    ),
    "an order of another effect": (
        of_labels(misprinted),
        {**at(4, "broken", "posted"), **at(3, "broken", "heavy", "failed", "late")},
    ),
    "orders of another form": (of_scans(approved), at(6, "effects", "heavy")),
    "fewer orders": (of_scans(one_less), at(6, "effects", "heavy")),
    "fewer orders at once": (of_scans(at_most=1), at(6, "effects", "heavy")),
    "more orders at once": (of_scans(at_most=None), at(6, "effects", "heavy")),
    "the time of a timer": (
        {"waiting": (After(59, to="asking"),)},
        {**at(7, "effects", "posted"), **at(5, "effects", "heavy"), **at(4, "effects", "late")},
    ),
    "the target of a timer": (
        {"waiting": (After(60, to="held"), On(Posted, to="asking"))},
        {**at(10, "target", "posted"), **at(5, "target", "late")},
    ),
    # the beginning and the end
    "what a run begins with": ({"begin": begun_heavy}, every(1, "reducer")),
    "the body of the beginning": ({"begin": renamed(begun_heavy, begin)}, every(1, "reducer")),
    "a beginning that raises": ({"begin": renamed(unbegun, begin)}, every(1, "broken")),
    "a beginning that gives no data": ({"begin": begun_wrong}, every(1, "broken")),
    "a beginning that cannot be written": ({"begin": begun_unwritten}, every(1, "broken")),
    "what a run ends with": (
        {"result": in_short},
        {
            **at(11, "reducer", "posted"),
            **at(10, "reducer", "heavy"),
            **at(3, "reducer", "direct"),
        },
    ),
    "a result that raises": (
        {"result": renamed(raising, result)},
        {
            **at(11, "broken", "posted"),
            **at(10, "broken", "heavy"),
            **at(3, "broken", "direct"),
        },
    ),
    # the shape
    "the name of a state": (
        {
            "counter": "desk",
            "posting": (TO_LABELLING, On(Posted, to="desk")),
            "sorting": (Always(to="desk", when=is_heavy), OTHERWISE),
        },
        every(0, "shape"),
    ),
    "the first state": ({"first": "depot"}, every(0, "shape")),
    "no timer": ({"waiting": (On(Posted, to="asking"),)}, every(0, "shape")),
    "the name of the machine": ({"name": "packet"}, every(0, "shape")),
    "a field of the data": (
        {"data": with_field(), "begin": None, "result": None},
        every(0, "shape"),
    ),
    "a field of an event": ({"packed": in_texts()}, every(0, "shape")),
    "the version of an effect": (of_labels(raising, later_print()), every(0, "shape")),
}
