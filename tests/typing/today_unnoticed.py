"""Mistakes that the type checkers do not notice today. The test fails on the day on which one does.

The compiler finds the first, the step the others.
"""

from attrs import frozen

from detent import Call, Each, Event, Machine, On, Order, State
from tests.typing.good_each import Mail, Pack, Pay, Shop, mail, pack, pay
from tests.typing.good_order import Add, Charge


@frozen
class Counted:
    count: int = 0


@frozen
class Named(Counted):
    name: str = ""


def everything(data: Shop) -> tuple[Order[int] | Order[str] | Order[bytes], ...]:
    return (pay(Pay(1)), mail(Mail("")), pack(Pack(1)))


def reset(data: Counted, event: Event) -> Counted:
    return Counted()


# An instance has the methods of its class, and so those of an EffectClass.
call = Call(Charge(5))

# Forms and orders are covariant: what comes back of one is taken to be an int or bytes.
each = Each((pay, mail), everything)

# Parts are contravariant, also those that have an update: this one turns a Named into a Counted.
row = On(Add, update=reset)
machine = Machine("named", State("all", row), data=Named)
