"""Mistakes in effects and forms. Both checkers report every line that is marked, and no other."""

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from detent import (
    Answer,
    Call,
    Each,
    Effect,
    Event,
    Failure,
    Retry,
    Send,
    Spawn,
    Wait,
    new_id,
    now,
    random,
    stamped,
)
from tests.typing.good_each import Mail, Pay, Shop, mail, pack, parcel, pay
from tests.typing.good_fan import Reply, UseTool
from tests.typing.good_house import Desk, Paper, Refused, review
from tests.typing.good_house import charge as bank
from tests.typing.good_order import Add, Cart, Charge, Paid, ask, charge


@frozen
class Opened(Event):
    at: str = stamped(now)  # wrong: mypy, pyright - the time is no text
    key: int = stamped(new_id)  # wrong: mypy, pyright - an id is one
    chance: datetime = stamped(random)  # wrong: mypy, pyright
    kind: str = stamped("now")  # wrong: mypy, pyright - only what is stamped can be


@frozen
class Refund(Effect[Paid], recovery="sometimes"):  # wrong: mypy, pyright - not one of the four
    cents: int


@frozen
class Cancel(Effect[Paid], fails=(Add,)):  # wrong: mypy, pyright - an event is no failure
    cents: int


@frozen
class Broken(Failure):
    part: str


def charge_five(data: Cart) -> Paid:
    return Paid(5)


def mails(data: Shop) -> Iterator[Mail]:
    yield Mail("")


def one_pay(data: Shop) -> Pay:
    return Pay(1)


def text(data: Desk) -> str:
    return data.names[0]


def number(data: Desk) -> int:
    return data.cents


# one of the sketch's seven
Call(Charge, Cart.note)  # wrong: mypy, pyright - an update makes no effect

Call(Charge, charge_five)  # wrong: mypy, pyright - what comes back is not what is ordered
Call(UseTool, Cart.charge)  # wrong: mypy, pyright - another effect
Call(Charge, Charge(5))  # wrong: mypy, pyright - an effect is no factory
Call(Add)  # wrong: mypy, pyright - an event is no effect
Call(Charge, Cart.charge, timeout="30")  # wrong: mypy, pyright
Call(Charge, Cart.charge, retry=3)  # wrong: mypy, pyright - a policy is asked for
Retry(attempts="3")  # wrong: mypy, pyright

Each(Pay, mails)  # wrong: mypy, pyright - another effect
Each(Pay, one_pay)  # wrong: mypy, pyright - several are asked for
Each(pay, mails)  # wrong: mypy, pyright
Each((pay, mail), one_pay)  # wrong: mypy, pyright
Each((pay, pack), mails)  # wrong: mypy, pyright - there is no form for it
Each(Pay)  # wrong: mypy, pyright - who says which?
Each(Pay, Shop.pays, at_most="3")  # wrong: mypy, pyright
pay(Mail(""))  # wrong: mypy, pyright - a form for another effect
each: Each[Shop, str] = Each(Pay, Shop.pays)  # wrong: mypy, pyright

Wait(bool, number)  # wrong: mypy, pyright - a question is a text
Wait(True, "Sure?")  # wrong: mypy, pyright - the type of the answer is asked for
Wait(bool, "Sure?", deadline="tomorrow")  # wrong: mypy, pyright
wait: Wait[object, int] = Wait(str, "How many?")  # wrong: mypy, pyright

Spawn(review, text)  # wrong: mypy, pyright - the machine begins with a Paper
Spawn(Paper)  # wrong: mypy, pyright - data is no machine
Spawn("review")  # wrong: mypy, pyright - and neither is a name
spawn: Spawn[object, str] = Spawn(parcel)  # wrong: mypy, pyright - it results in a Parcel

Send("warehouse", "shipped")  # wrong: mypy, pyright - a text is no event
Send(Desk.warehouse, Desk.charge)  # wrong: mypy, pyright - an effect is none either
Send(number, Add(5))  # wrong: mypy, pyright - a run has a text for an id

# Instead of the handler that returns the wrong thing (the last of the sketch's seven: there are no
# handlers yet) the outcomes that are given by hand.
charge.returned(True)  # wrong: mypy, pyright - Paid comes back
charge.returned()  # wrong: mypy, pyright - and it must be told
ask.returned(Paid(5))  # wrong: mypy, pyright - a bool is the answer
ask.timed_out("late")  # wrong: mypy, pyright - nothing more is known of it
ask.failed  # noqa: B018 # wrong: mypy, pyright - nobody can fail to be asked
charge.ended  # noqa: B018 # wrong: mypy, pyright - it is no child
bank.failed_as(Refused)(5)  # wrong: mypy, pyright - why is a text
bank.failed_as(Refused)("no money", cents="none")  # wrong: mypy, pyright
bank.failed_as(Reply)  # wrong: mypy, pyright - what comes back is no failure
bank.failed_as(Add)  # wrong: mypy, pyright - and an event is none either
bank.failed_as(Broken("arm"))  # wrong: mypy, pyright - the class is asked for
answer: Answer = charge.returned  # wrong: mypy, pyright - it is one when it is called
