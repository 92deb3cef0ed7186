"""An order as a shop has it: the machine that the scenarios of property testing are about."""

from attrs import evolve, frozen

from detent import Event, Final, Machine, On, State
from detent.kernel import Snapshot
from detent.tools.testing import always, never

__all__ = [
    "Add",
    "Cancel",
    "Order",
    "Pay",
    "PayFailed",
    "PayOk",
    "Refund",
    "Ship",
    "hasty",
    "order",
    "ordering",
    "paid_is_not_negative",
    "shipped_below_total",
]


@frozen
class Add(Event):
    cents: int


@frozen
class Pay(Event):
    pass


@frozen
class PayOk(Event):
    cents: int


@frozen
class PayFailed(Event):
    pass


@frozen
class Ship(Event):
    pass


@frozen
class Cancel(Event):
    pass


@frozen
class Refund(Event):
    pass


@frozen
class Order:
    total: int = 0
    paid: int = 0

    def add(self, event: Add) -> "Order":
        return evolve(self, total=self.total + abs(event.cents))

    def pay(self, event: PayOk) -> "Order":
        return evolve(self, paid=abs(event.cents))

    def is_paid(self) -> bool:
        return self.paid == self.total


def ordering(guard: str | None, paid: str = "paid") -> Machine[Order, Order, Order]:
    """The order; `guard` says when it may be shipped, `paid` what its fourth state is called."""
    return Machine(
        "order",
        State(
            "cart",
            On(Add, update=Order.add),
            On(Pay, to="paying"),
            On(Ship, to="shipped", when=guard),
            On(Cancel, to="cancelled"),
        ),
        State(
            "paying",
            On(PayOk, to=paid, update=Order.pay),
            On(PayFailed, to="cart"),
            On(Cancel, to="cancelled"),
        ),
        State(paid, On(Ship, to="shipped", when=guard), On(Refund, to="refunded")),
        State("shipped", On(Refund, to="refunded")),
        Final("cancelled", "stopped"),
        Final("refunded"),
        data=Order,
    )


order = ordering("data.paid == data.total")
hasty = ordering(None)


@never
def shipped_below_total(now: Snapshot[Order]) -> bool:
    return now.is_in("shipped") and now.data.paid < now.data.total


@always
def paid_is_not_negative(now: Snapshot[Order]) -> bool:
    return now.data.paid >= 0
