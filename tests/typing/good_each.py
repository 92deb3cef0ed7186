"""Each over one form and over several: what comes back is the union of what they bring."""

from collections.abc import Iterator
from typing import assert_type

from attrs import evolve, frozen

from detent import (
    Call,
    Each,
    Effect,
    Ended,
    Final,
    Machine,
    On,
    Order,
    Returned,
    Settled,
    Spawn,
    State,
    Wait,
)


@frozen
class Pay(Effect[int], recovery="idempotent"):
    cents: int


@frozen
class Mail(Effect[str], recovery="idempotent"):
    text: str


@frozen
class Pack(Effect[bytes], recovery="pure"):
    number: int


@frozen
class Parcel:
    weight: float = 0.0


@frozen
class Shop:
    numbers: tuple[int, ...] = ()
    told: tuple[str, ...] = ()

    def pays(self) -> Iterator[Pay]:
        return (Pay(number) for number in self.numbers)

    def paid(self, event: Settled[int]) -> "Shop":
        values = tuple(one.value for one in event.outcomes if isinstance(one, Returned))
        return evolve(self, numbers=values)

    def sure_mails(self) -> tuple[Order[str] | Order[bool], ...]:
        return (mail(Mail("")), sure("Really?"))

    def sure_mailed(self, event: Settled[str | bool]) -> "Shop":
        return self

    def pays_and_mails(self) -> tuple[Order[int | str], ...]:
        return (pay(Pay(1)), mail(Mail("paid")))

    def plain_pays_and_mails(self) -> list[Pay | Mail]:
        return [Pay(1), Mail("paid")]

    def paid_or_mailed(self, event: Settled[int | str]) -> "Shop":
        return self

    def one_paid_or_mailed(self, event: Returned[int | str]) -> "Shop":
        return evolve(self, told=(*self.told, str(event.value)))

    def everything(self) -> Iterator[Order[int] | Order[str] | Order[bytes]]:
        yield pay(Pay(1))
        yield mail(Mail("paid"))
        yield pack(Pack(1))

    def all_done(self, event: Settled[int | str | bytes]) -> "Shop":
        return self

    def parcels(self) -> tuple[Order[int] | Order[Parcel], ...]:
        return (pay(Pay(1)), sending(Parcel(2.0)))

    def parcel_ended(self, event: Ended[int | Parcel]) -> bool:
        return event.result is not None

    def same_type_twice(self) -> tuple[Order[int], ...]:
        return (pay(Pay(1)), count("How many?"))

    def five(self) -> tuple[Order[int | str | bytes | bool], ...]:
        return (pay(Pay(1)), mail(Mail("")), pack(Pack(1)), sure("?"), count("?"))


pay = Call(Pay)
mail = Call(Mail)
pack = Call(Pack)
sure = Wait(bool)
count = Wait(int, deadline=60.0, name="count")
parcel = Machine("parcel", State("packing"), data=Parcel)
sending = Spawn(parcel)

assert_type(pay, Call[object, int])
assert_type(sending, Spawn[object, Parcel])
assert_type(pay(Pay(1)), Order[int])

one = Each(Pay, Shop.pays, at_most=3)
also_one = Each(pay, Shop.pays)
assert_type(one, Each[Shop, int])
assert_type(also_one, Each[Shop, int])

two = Each((mail, sure), Shop.sure_mails)
joined = Each((pay, mail), Shop.pays_and_mails)
plain = Each((pay, mail), Shop.plain_pays_and_mails, stop_on_failure=True, name="plain")
assert_type(two, Each[Shop, str | bool])
assert_type(joined, Each[Shop, int | str])
assert_type(plain, Each[Shop, int | str])

three = Each((pay, mail, pack), Shop.everything, at_most=2)
assert_type(three, Each[Shop, int | str | bytes])

children = Each((pay, sending), Shop.parcels)
assert_type(children, Each[Shop, int | Parcel])

same = Each((pay, count), Shop.same_type_twice)
assert_type(same, Each[Shop, int])

# From four forms on mypy joins the types; said beforehand, they are a union for both.
five: Each[Shop, int | str | bytes | bool] = Each((pay, mail, pack, sure, count), Shop.five)

shop = Machine(
    "shop",
    State("one", On(one.settled, to="two", update=Shop.paid), do=one),
    State("two", On(two.settled, to="joined", update=Shop.sure_mailed), do=two),
    State(
        "joined",
        On(joined.settled, to="plain", update=Shop.paid_or_mailed),
        On(joined.returned, update=Shop.one_paid_or_mailed),
        do=joined,
    ),
    State(
        "plain",
        On(plain.settled, to="three", update=Shop.paid_or_mailed),
        On(plain.stopped | plain.failed),
        do=plain,
    ),
    State("three", On(three.settled, to="children", update=Shop.all_done), do=three),
    State("children", On(children.ended, to="done", when=Shop.parcel_ended), do=children),
    Final("done"),
    data=Shop,
)
assert_type(shop, Machine[Shop, Shop, Shop])
