"""An order that is paid, shipped and refunded: small enough to read, with a name and a guard that can be changed."""

from attrs import evolve, frozen

from detent import Event, Final, Machine, On, State

__all__ = [
    "Add",
    "Cancel",
    "Pay",
    "PayFail",
    "PayOk",
    "Purchase",
    "Refund",
    "Ship",
    "purchase",
]


@frozen
class Add(Event):
    """Something is put into the cart."""

    cents: int


@frozen
class Pay(Event):
    """The customer pays."""


@frozen
class PayOk(Event):
    """The bank has paid so much."""

    cents: int


@frozen
class PayFail(Event):
    """The bank has not."""


@frozen
class Ship(Event):
    """It is to be sent."""


@frozen
class Cancel(Event):
    """The customer does not want it."""


@frozen
class Refund(Event):
    """The customer wants the money back."""


@frozen
class Purchase:
    """What it costs, and what was paid."""

    total: int = 0
    paid: int = 0

    def add(self, event: Add) -> "Purchase":
        """It costs more."""
        return evolve(self, total=self.total + event.cents)

    def settle(self, event: PayOk) -> "Purchase":
        """More was paid."""
        return evolve(self, paid=self.paid + event.cents)


def purchase(
    paid: str = "paid", ship: str = "data.paid == data.total"
) -> Machine[Purchase, Purchase, Purchase]:
    """The order; what its state is called when it has been paid, and when it is shipped, can be said otherwise."""
    return Machine(
        "purchase",
        State(
            "cart",
            On(Add, update=Purchase.add),
            On(Pay, to="paying", when="data.total > 0"),
            On(Cancel, to="cancelled"),
        ),
        State(
            "paying",
            On(PayOk, to=paid, update=Purchase.settle),
            On(PayFail, to="cart"),
            On(Cancel, to="cancelled"),
        ),
        State(paid, On(Ship, to="shipped", when=ship), On(Refund, to="refunded")),
        State("shipped", On(Refund, to="refunded")),
        Final("cancelled", "stopped"),
        Final("refunded"),
        data=Purchase,
    )
