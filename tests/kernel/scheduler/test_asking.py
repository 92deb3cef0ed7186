"""Of an effect that is reconcilable it is asked what came of it, before it is tried again."""

from typing import Any

import pytest
import trio

from detent import Fails, Retry, handle
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import Asked, Data, call, doing, opened

TRIED = doing(call(Asked, timeout=2.0, retry=Retry(attempts=3, base=1.0, jitter=0.0)), "tried")


class Bank:
    """Takes too long as often as it is told to; what it says when it is asked is what it is told to say."""

    def __init__(self, slow: int, said: Any) -> None:
        self.slow = slow
        self.said = said
        self.calls: list[str] = []

    async def do(self, order: Asked) -> int:
        """Take money."""
        self.calls.append("do")
        if self.calls.count("do") <= self.slow:
            await trio.sleep(60)
        return 1

    def block(self, order: Asked) -> int:
        """The same in a thread, which is never slow."""
        self.calls.append("do")
        if self.calls.count("do") <= self.slow:
            raise ConnectionError("no line")
        return 1

    async def ask(self, order: Asked, context: Any) -> int:
        """Say what came of it."""
        self.calls.append("ask")
        if isinstance(self.said, Exception):
            raise self.said
        number: int = self.said
        return number


@pytest.mark.parametrize(
    ("said", "calls", "heard"),
    [
        (7, ["do", "ask"], ("Returned",)),
        (Fails("not done"), ["do", "ask", "do"], ("Returned",)),
        (ConnectionError("no line"), ["do", "ask"], ("InDoubt",)),
    ],
    ids=["done", "not done", "nobody knows"],
)
def test_it_is_asked_before_it_is_tried_again(said: Any, calls: list[str], heard: Any) -> None:
    bank = Bank(1, said)

    @virtually
    async def act() -> Any:
        async with opened(TRIED, handlers=[handle(Asked, bank.do, query=bank.ask)]) as kernel:
            run = await kernel.start(TRIED, Data())
            return (await run.wait_end()).value

    assert (act().heard, bank.calls) == (heard, calls)


@virtually
async def test_a_blocking_handler_is_asked_about_too() -> None:
    bank = Bank(1, Fails("not done"))
    async with opened(TRIED, handlers=[handle(Asked, bank.block, query=bank.ask)]) as kernel:
        end = await (await kernel.start(TRIED, Data())).wait_end()

    assert (end.value.heard, bank.calls) == (("Returned",), ["do", "ask", "do"])
