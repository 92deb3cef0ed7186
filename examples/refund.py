"""A refund that a person has to approve: the bank is busy at first, and the money takes a moment.

detent run examples/refund.py --store runs.db
"""

import trio
from attrs import evolve, frozen

from detent import (
    After,
    Call,
    Context,
    Effect,
    Fails,
    Final,
    Machine,
    On,
    Retry,
    Returned,
    State,
    Wait,
    World,
    assign,
    handle,
    open_kernel,
)


@frozen
class LookUp(Effect[int], recovery="pure"):
    """What an order cost, in cents."""

    order: int


@frozen
class PayBack(Effect[str], recovery="idempotent"):
    """Give the money back; the bank says under which number."""

    cents: int


@frozen
class Wish:
    """What a customer wants back."""

    order: int = 7


@frozen
class Refund:
    """What is known of a refund."""

    order: int
    cents: int = 0
    receipt: str = ""
    is_settled: bool = False

    @staticmethod
    def of(wish: Wish) -> "Refund":
        """What is known at first."""
        return Refund(wish.order)

    def look_up(self) -> LookUp:
        """Which order it is about."""
        return LookUp(self.order)

    def priced(self, event: Returned[int]) -> "Refund":
        """What the order cost."""
        return evolve(self, cents=event.value)

    def question(self) -> str:
        """What a person is asked."""
        return f"Pay {self.cents / 100:.2f} back for order {self.order}?"

    def pay_back(self) -> PayBack:
        """The order to the bank."""
        return PayBack(self.cents)

    def paid(self, event: Returned[str]) -> "Refund":
        """The bank has paid."""
        return evolve(self, receipt=event.value)


look_up = Call(LookUp, Refund.look_up, timeout=5.0)
approve = Wait(bool, Refund.question, deadline=3600.0, name="approve")
pay_back = Call(
    PayBack,
    Refund.pay_back,
    timeout=5.0,
    retry=Retry(attempts=4, base=0.4, factor=2.0, jitter=0.25),
)

refund = Machine(
    "refund",
    State(
        "looking",
        On(look_up.returned, to="asking", update=Refund.priced),
        On(look_up.failed | look_up.timed_out, to="unknown"),
        do=look_up,
    ),
    State(
        "asking",
        On(approve.returned, to="paying", when="event.value"),
        On(approve.returned | approve.timed_out, to="declined"),
        do=approve,
    ),
    State(
        "paying",
        On(pay_back.returned, to="settling", update=Refund.paid),
        On(pay_back.failed | pay_back.timed_out, to="refused"),
        do=pay_back,
    ),
    State("settling", After(1.0, to="settled", update=assign(is_settled="True"))),
    Final("settled"),
    Final("declined", status="stopped"),
    Final("unknown", status="failed"),
    Final("refused", status="failed"),
    data=Refund,
    begin=Refund.of,
)


async def look_it_up(order: LookUp) -> int:
    """The shop's own files."""
    await trio.sleep(0.3)
    return 25_00 + order.order


async def pay_it_back(order: PayBack, context: Context) -> str:
    """A bank that is busy twice, and then pays: once, whatever happens here, because of the key."""
    await trio.sleep(0.5)
    if context.attempt < 3:
        raise Fails("the bank is busy")
    return f"receipt for {order.cents} cents"


handlers = [handle(LookUp, look_it_up), handle(PayBack, pay_it_back)]


async def refund_of(order: int) -> Refund:
    """Run it here, and say yes."""
    async with open_kernel(World(refund, handlers=handlers)) as kernel:
        run = await kernel.start(refund, Wish(order))
        async for sight in run.watch():
            for question in await run.questions():
                await run.answer(question.id, True)
            del sight
        return await run.wait_result()


def main() -> None:
    """Pay order 7 back."""
    print(trio.run(refund_of, 7))


if __name__ == "__main__":
    main()
