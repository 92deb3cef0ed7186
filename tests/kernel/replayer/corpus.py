"""A recorded corpus: a parcel, of which every part can be made otherwise, and what happened to some of them."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import FunctionType
from typing import Any

from attrs import evolve, frozen

from detent import (
    After,
    Always,
    Call,
    Defer,
    Each,
    Effect,
    Event,
    Final,
    History,
    Machine,
    On,
    Problem,
    Returned,
    Settled,
    State,
    Wait,
    compile_machine,
)
from detent.kernel import (
    Part,
    elapse,
    log_lines,
    walk,
)

__all__ = [
    "WALKS",
    "Approve",
    "Booking",
    "Checked",
    "Collected",
    "Held",
    "Packed",
    "Parcel",
    "Plan",
    "Posted",
    "Print",
    "Resumed",
    "Scan",
    "ask",
    "begin",
    "fits",
    "is_heavy",
    "label",
    "logs",
    "look",
    "of_labels",
    "of_scans",
    "pack",
    "parcel",
    "printed",
    "renamed",
    "result",
    "scanned",
    "scans",
    "seen",
    "stick",
]

any_on: Any = On
any_call: Any = Call
any_each: Any = Each
any_final: Any = Final
any_machine: Any = Machine


@frozen
class Packed(Event):
    """Something was put into the parcel."""

    weight: int


@frozen
class Posted(Event):
    """It was brought to the post."""


@frozen
class Checked(Event):
    """Somebody looked at it."""


@frozen
class Held(Event):
    """Somebody wants it to wait."""


@frozen
class Resumed(Event):
    """And to go on."""


@frozen
class Collected(Event):
    """It is where it should be."""


@frozen
class Print(Effect[str], recovery="pure"):
    """A label is printed."""

    weight: str


@frozen
class Scan(Effect[int], recovery="pure"):
    """A side of the parcel is looked at."""

    side: int


@frozen
class Approve(Effect[int], recovery="pure"):
    """Another effect, which nobody orders."""

    side: int


@frozen
class Booking:
    """What a parcel begins with."""

    name: str
    sides: int = 3


@frozen
class Parcel:
    """The data. A weight may be any number, so that what is nearly the same can be told apart."""

    name: str
    sides: int
    weight: int | float | bool | Decimal = 0
    trail: tuple[str, ...] = ()


def begin(booking: Booking) -> Parcel:
    """What a run begins with."""
    return Parcel(booking.name, booking.sides)


def result(data: Parcel) -> str:
    """What a run ends with."""
    return f"{data.name} of {data.weight}"


def fits(data: Parcel, event: Packed) -> bool:
    """A guard."""
    return data.weight + event.weight <= 30


def pack(data: Parcel, event: Packed) -> Parcel:
    """An update."""
    return evolve(data, weight=data.weight + event.weight)


def stick(data: Parcel, event: Returned[str]) -> Parcel:
    """An update by what came of an effect."""
    return evolve(data, trail=(*data.trail, event.value))


def count(data: Parcel, event: Settled[int]) -> Parcel:
    """An update by what came of several."""
    went = sum(isinstance(one, Returned) for one in event.outcomes)
    return evolve(data, trail=(*data.trail, f"{went} of {len(event.outcomes)}"))


def seen(data: Parcel, event: Checked) -> Parcel:
    """Another."""
    return evolve(data, trail=(*data.trail, "seen"))


def printed(data: Parcel) -> Print:
    """An order."""
    return Print(f"{data.name}: {data.weight}")


def scanned(data: Parcel) -> Iterable[Scan]:
    """Several."""
    return [Scan(side) for side in range(data.sides)]


def is_heavy(data: Parcel) -> bool:
    """A guard without an event."""
    return data.weight > 25


label = Call(Print, printed, name="label")
look = Call(Scan, name="look")
approve = Call(Approve, name="approve")
scans = Each((look, approve), scanned, at_most=2, name="scans")
ask = Wait(bool, "Is it lost?", deadline=3600.0, name="ask")


@frozen
class Plan:
    """Everything of the machine that may be otherwise."""

    name: str = "parcel"
    begin: Any = begin
    result: Any = result
    data: Any = Parcel
    packed: Any = Packed
    fits: Any = fits
    pack: Any = pack
    posting: Any = (
        On(Posted, to="labelling", when="data.weight > 0"),
        On(Posted, to="counter", when="data.weight < 100"),
    )
    before: Any = ()
    """Rows that stand before all others of `packing`."""
    label: Any = label
    labelled: Any = On(label.returned, to="sorting", update=stick)
    unlabelled: Any = On(label.failed, to="packing")
    checking: Any = On(Checked, update=seen)
    holding: Any = Defer(Held)
    sorting: Any = (
        Always(to="counter", when=is_heavy),
        Always(to="counter", when="len(data.trail) > 3"),
        Always(to="road"),
    )
    first: str = "road"
    """Which state inside `travelling` is entered with it."""
    back: str | None = None
    """Where the way back leads the first time."""
    waiting: Any = (After(60, to="asking"),)
    scans: Any = scans
    settled: Any = On(scans.settled, to="road", update=count)
    resumed: str = "back"
    counter: str = "counter"
    """What one of the states is called."""
    excused: Any = None
    """What `packing` says of events it has no row for."""
    taken: Any = On(Held, to="held")
    gone: str = "failed"
    """How a parcel ends that is lost."""
    lost: Any = On(ask.returned, to="delivered", when="not event.value")


def parcel(plan: Plan = Plan()) -> Machine[Any, Any, Any]:
    """A parcel on its way."""
    road = State("road", On(Checked, to="depot"), *plan.waiting)
    depot = State("depot", plan.settled, do=plan.scans)
    inside = (road, depot) if plan.first == "road" else (depot, road)
    labelling = (plan.labelled, plan.unlabelled, plan.checking, plan.holding)
    made: Machine[Any, Any, Any] = any_machine(
        plan.name,
        State(
            "packing",
            *plan.before,
            any_on(plan.packed, update=plan.pack, when=plan.fits),
            *plan.posting,
            *_given(plan.excused),
        ),
        State("labelling", *_given(*labelling), do=plan.label),
        State("sorting", *plan.sorting),
        State(
            "travelling",
            History("back", to=plan.back),
            *inside,
            *_given(plan.taken),
            On(Collected, to="delivered"),
        ),
        State("held", On(Resumed, to=plan.resumed)),
        State(plan.counter, On(Resumed, to=plan.resumed), On(Collected, to="delivered")),
        State("asking", *_given(plan.lost, On(ask.returned | ask.timed_out, to="gone")), do=ask),
        Final("delivered"),
        any_final("gone", plan.gone),
        data=plan.data,
        begin=plan.begin,
        result=plan.result,
    )
    return made


def _given(*parts: Part[Any] | None) -> tuple[Part[Any], ...]:
    return tuple(part for part in parts if part is not None)


# -- parts made otherwise


def of_labels(make: Any, effect: Any = Print) -> dict[str, Any]:
    """Parts of a plan in which labels are ordered otherwise."""
    other = any_call(effect, make, name="label")
    return {
        "label": other,
        "labelled": any_on(other.returned, to="sorting", update=stick),
        "unlabelled": any_on(other.failed, to="packing"),
    }


def of_scans(make: Any = scanned, at_most: int | None = 2) -> dict[str, Any]:
    """Parts of a plan in which sides are looked at otherwise."""
    other = any_each((look, approve), make, at_most=at_most, name="scans")
    return {"scans": other, "settled": any_on(other.settled, to="road", update=count)}


def renamed(function: Any, like: Callable[..., Any]) -> Any:
    """A function under the name of another: what was changed is its body."""
    made: Any = FunctionType(function.__code__, function.__globals__, closure=function.__closure__)
    made.__annotations__ = function.__annotations__
    made.__module__, made.__qualname__ = like.__module__, like.__qualname__
    return made


# -- what happened

PROBLEM = Problem("Jam", "no paper")
WALKS: Mapping[str, tuple[Any, ...]] = {
    "posted": (
        Packed(5),
        Packed(20),
        Packed(9),  # too heavy, and so no entry
        Posted(),
        Held(),  # deferred, until the parcel travels
        Checked(),
        label.returned("A"),
        Resumed(),
        elapse(60),
        ask.returned(False),
    ),
    "heavy": (
        Packed(28),
        Posted(),
        label.returned("B"),
        Resumed(),
        Checked(),
        scans.returned(1).item(0),
        scans.returned(2).item(2),
        scans.failed(PROBLEM).item(1),
        Collected(),
    ),
    "failed": (Packed(1), Posted(), Held(), label.failed(PROBLEM), Packed(2), Posted()),
    "direct": (Posted(), Collected()),
    "late": (Packed(3), Posted(), label.returned("C"), elapse(60), elapse(3600)),
}
"""What happens to a parcel, by the name of its run."""


def logs(plan: Plan = Plan(), runs: Iterable[str] = tuple(WALKS)) -> dict[str, tuple[bytes, ...]]:
    """The logs of some of the runs, of one machine."""
    table = compile_machine(parcel(plan))
    booking = Booking("books")
    return {
        run: tuple(log_lines(table, booking, walk(table, booking, *WALKS[run]), run=run))
        for run in runs
    }
