"""An order, paid by a bank that may not answer: the machine of the README.

detent check examples.order:order
detent draw examples.order:order --form mermaid
"""

from attrs import evolve, frozen

from detent import Call, Defer, Effect, Event, Final, Machine, On, Returned, State, Wait
from detent.kernel import elapse, walk


@frozen
class Add(Event):
    """Something was put into the cart."""

    cents: int


@frozen
class Pay(Event):
    """The customer wants to pay."""


@frozen
class Paid:
    """What the bank says when it has paid."""

    cents: int


@frozen
class Charge(Effect[Paid], recovery="at_most_once"):
    """An order to the bank."""

    cents: int


@frozen
class Cart:
    """The data, and all that may change it."""

    total: int = 0
    paid: int = 0

    def add(self, event: Add) -> "Cart":
        """The cart with something more in it."""
        return evolve(self, total=self.total + event.cents)

    def charge(self) -> Charge:
        """What the bank is told."""
        return Charge(self.total)

    def note(self, event: Returned[Paid]) -> "Cart":
        """The cart once the bank has paid."""
        return evolve(self, paid=event.value.cents)


charge = Call(Charge, Cart.charge, timeout=30.0)
ask = Wait(bool, "The bank did not answer. Charge again?", deadline=3600.0)

order = Machine(
    "order",
    State(
        "cart",
        On(Add, update=Cart.add),
        On(Pay, to="paying", when="data.total > 0"),
    ),
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
        On(ask.returned, to="paying", when="event.value"),
        On(ask.returned | ask.timed_out, to="cart"),
        Defer(Add, Pay),
        do=ask,
    ),
    Final("paid"),
    data=Cart,
)


def main() -> None:
    """Pay twice: the bank is silent first, and answers when the customer tries again."""
    for step in walk(
        order, Cart(), Add(500), Pay(), elapse(30), ask.returned(True), charge.returned(Paid(500))
    ):
        print(step)


if __name__ == "__main__":
    main()
