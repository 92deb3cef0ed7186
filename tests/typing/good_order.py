"""An order that is paid by a bank which may not answer, as the README shows it."""

from typing import assert_type

from attrs import evolve, frozen

from detent import Answer, Call, Defer, Effect, Event, Final, Machine, On, Returned, State, Wait
from detent.kernel import Doing, Outcome, Stepped, TimedOut, elapse, walk


@frozen
class Add(Event):
    cents: int


@frozen
class Pay(Event): ...


@frozen
class Paid:
    cents: int


@frozen
class Charge(Effect[Paid], recovery="at_most_once"):
    cents: int


@frozen
class Cart:
    total: int = 0
    paid: int = 0

    def add(self, event: Add) -> "Cart":
        return evolve(self, total=self.total + event.cents)

    def charge(self) -> Charge:
        return Charge(self.total)

    def note(self, event: Returned[Paid]) -> "Cart":
        return evolve(self, paid=event.value.cents)

    def agreed(self, event: Returned[bool]) -> bool:
        return event.value


charge = Call(Charge, Cart.charge, timeout=30.0)
ask = Wait(bool, "The bank did not answer. Charge again?", deadline=3600.0)
order = Machine(
    "order",
    State("cart", On(Add, update=Cart.add), On(Pay, to="paying", when="data.total > 0")),
    State(
        "paying",
        On(charge.returned, to="paid", update=Cart.note),
        On(charge.in_doubt, to="asking"),
        On(charge.failed, to="cart"),
        Defer(Add, Pay),
        do=charge,
    ),
    State(
        "asking",
        On(ask.returned, to="paying", when=Cart.agreed),
        On(ask.returned | ask.timed_out, to="cart"),
        Defer(Add, Pay),
        do=ask,
    ),
    Final("paid"),
    data=Cart,
)

assert_type(charge, Call[Cart, Paid])
assert_type(ask, Wait[object, bool])
assert_type(order, Machine[Cart, Cart, Cart])
assert_type(ask.returned | ask.timed_out, Outcome[Returned[bool] | TimedOut])
assert_type(charge.returned(Paid(500)), Answer)

steps = walk(order, Cart(), Pay(), Add(500), Pay(), elapse(30), ask.returned(False))
assert_type(steps, tuple[Stepped[Cart], ...])
assert_type(steps[-1].snapshot.data.paid, int)

both: tuple[Doing[Cart], ...] = (charge, ask)
