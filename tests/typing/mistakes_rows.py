"""Mistakes in rows. Both checkers report every line that is marked, and no other."""

from attrs import frozen

from detent import (
    After,
    Always,
    Call,
    Defer,
    Done,
    Ignore,
    On,
    Outcome,
    Reject,
    Returned,
    Settled,
    State,
    TimedOut,
)
from tests.typing.good_fan import Reply, Talk, use
from tests.typing.good_house import Desk, refused
from tests.typing.good_house import charge as bank
from tests.typing.good_order import Add, Cart, Charge, Paid, Pay, ask, charge


@frozen
class Other:
    total: int = 0

    def add(self, event: Add) -> "Other":
        return self


def counts(data: Cart, event: Add) -> int:
    return event.cents


def forgets(data: Cart, event: Add) -> None:
    print(data, event)


def gives_another(data: Cart, event: Add) -> Other:
    return Other(data.total)


def knows_the_text(data: Cart, event: Returned[str]) -> Cart:
    return Cart(len(event.value))


def knows_the_lengths(data: Talk, event: Settled[int]) -> Talk:
    return Talk(turns=len(event.outcomes))


def late_only(data: Cart, event: TimedOut) -> Cart:
    return data


def rest(data: Cart) -> Cart:
    return data


def other_rest(data: Cart) -> Other:
    return Other(data.total)


# the first three of the sketch's seven
On(Add, update=Cart.note)  # wrong: mypy, pyright - the event is an Add, not an outcome
On(Add, update=Cart.charge)  # wrong: mypy, pyright - a factory is no update
On(charge.returned, update=Cart.add)  # wrong: mypy, pyright - an outcome of another shape

On(Add, when=Cart.agreed)  # wrong: mypy, pyright - a guard for another event
On(charge.returned, to="paid", when=Cart.agreed)  # wrong: mypy, pyright - for another outcome
On(Add, to="paying", when=counts)  # wrong: mypy, pyright - a guard that gives a number
On(Add, when=lambda data, event: 1, update=Cart.add)  # wrong: mypy, pyright - and another
On(Add, update=forgets)  # wrong: mypy, pyright - an update that gives nothing
On(Add, update=gives_another)  # wrong: mypy, pyright - an update that gives other data
State("cart", On(Add, update=Cart.add), On(Add, update=Other.add))  # wrong: mypy, pyright
On(ask.returned, update=knows_the_text)  # wrong: mypy, pyright - the answer is a bool
On(ask.returned | ask.timed_out, update=late_only)  # wrong: mypy, pyright - it may be an answer
On(ask.returned | ask.timed_out, when=Cart.agreed)  # wrong: mypy, pyright - it may be late
On(use.settled, update=knows_the_lengths)  # wrong: mypy, pyright - texts are what is settled
On(use.returned, update=Talk.used)  # wrong: mypy, pyright - one of them is not all of them
On(refused, to="idle", update=Desk.charged)  # wrong: mypy, pyright - a failure brings no value
On(bank.failed | refused, update=Desk.refused)  # wrong: mypy, pyright - Failed has no cents
On(Charge, to="paying")  # wrong: mypy, pyright - an effect is no event
On(Add(5), to="paying")  # wrong: mypy, pyright - an event is no class of events
On("Add", to="paying")  # wrong: mypy, pyright - a name is none either
On(charge, to="paid")  # wrong: mypy, pyright - which of its outcomes?
On(Add, "paying")  # wrong: mypy, pyright - the target has a name
On(Add, to=State("paying"))  # wrong: mypy, pyright - states are named

After(30, to="cart", update=Cart.add)  # wrong: mypy, pyright - there is no event
After("30", to="cart")  # wrong: mypy, pyright - a text is no number of seconds
After(Cart.charge, to="cart")  # wrong: mypy, pyright - an effect is none either
After(Cart.agreed, to="cart")  # wrong: mypy, pyright
Always(to="cart", when=Cart.agreed)  # wrong: mypy, pyright - there is no event
Always(to="cart", update=other_rest)  # wrong: mypy, pyright - other data
Done(to="cart", update=Cart.note)  # wrong: mypy, pyright - there is no event
Defer(Add(5))  # wrong: mypy, pyright - an event is no class of events
Ignore(charge.returned)  # wrong: mypy, pyright - what becomes of an effect is a row
Reject("Add")  # wrong: mypy, pyright - a name is no class of events

state: State[Cart] = State(
    "cart",
    On(Pay, to="paying"),
    On(charge.returned, to="talking", update=Talk.heard),  # wrong: mypy, pyright - another's data
)
either: Outcome[Returned[Reply]] = charge.returned  # wrong: mypy, pyright - it brings Paid
call: Call[Cart, Paid] = charge

# and these are right
On(Add, when=lambda data, event: True, update=Cart.add)
Always(to="cart", update=rest)
