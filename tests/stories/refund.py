"""A refund that somebody has to approve: a desk whose agent looks an order up, asks, refunds, and answers.

What the model says is scripted: first it calls its tools, then it says what came of them.
"""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import trio
from attrs import evolve, frozen

from detent import (
    Always,
    Call,
    Effect,
    Ended,
    Event,
    Final,
    Kernel,
    Machine,
    On,
    Returned,
    Spawn,
    State,
    Wait,
    World,
    handle,
    open_kernel,
)
from detent.kernel import DetentError, Seen, SystemClock, WaitOpened
from detent.tools.stores import SQLite

__all__ = ["AGENT", "HOUR", "RUN", "Decision", "agent", "desk", "start", "take_over", "world"]

RUN = "refund"
AGENT = f"{RUN}/1"
HOUR = 3600.0
FREE = 100  # up to this nobody is asked

# -- what is ordered, and what comes back


@frozen
class Turn:
    """What a model says: a text, or which tools are to be called."""

    text: str = ""
    order: int = 0
    amount: int = 0


@frozen
class Think(Effect[Turn], recovery="pure"):
    """Ask the model."""

    messages: tuple[str, ...]


@frozen
class Lookup(Effect[str], recovery="idempotent"):
    """Look an order up."""

    order: int


@frozen
class Refund(Effect[str]):
    """Give money back: not twice."""

    order: int
    amount: int


@frozen
class Decision:
    """What somebody says who is asked."""

    approved: bool
    amount: int = 0
    reason: str = ""


# -- the agent


@frozen
class Chat:
    """What was said, and what is to be done."""

    messages: tuple[str, ...]
    order: int = 0
    amount: int = 0

    def think(self) -> Think:
        """The model hears everything."""
        return Think(self.messages)

    def called(self, event: Returned[Turn]) -> "Chat":
        """The model calls its tools."""
        return evolve(self, order=event.value.order, amount=event.value.amount)

    def said(self, text: str) -> "Chat":
        """One message more."""
        return evolve(self, messages=(*self.messages, text))

    def answered(self, event: Returned[Turn]) -> "Chat":
        """The model has the last word."""
        return self.said(event.value.text)

    def lookup(self) -> Lookup:
        """The first tool."""
        return Lookup(self.order)

    def found(self, event: Returned[str]) -> "Chat":
        """What a tool has given back."""
        return self.said(event.value)

    def question(self) -> str:
        """What is to be approved."""
        return f"refund(order={self.order}, amount={self.amount})?"

    def approved(self, event: Returned[Decision]) -> "Chat":
        """It may be done, perhaps with another amount."""
        return evolve(self, amount=event.value.amount or self.amount)

    def rejected(self, event: Returned[Decision]) -> "Chat":
        """It may not be done."""
        return self.said(f"rejected: {event.value.reason}")

    def overdue(self, event: Event) -> "Chat":
        """Nobody has said anything."""
        return self.said("rejected: timeout")

    def refund(self) -> Refund:
        """The second tool."""
        return Refund(self.order, self.amount)

    def unclear(self, event: Event) -> "Chat":
        """Who knows."""
        return self.said(f"refund: {type(event).__name__}")

    def last(self) -> str:
        """The last word."""
        return self.messages[-1]


think = Call(Think, Chat.think)
lookup = Call(Lookup, Chat.lookup)
refund = Call(Refund, Chat.refund)
approval = Wait(Decision, Chat.question, deadline=HOUR, name="approval")

agent = Machine(
    "agent",
    State(
        "thinking",
        On(think.returned, to="looking", when="event.value.order > 0", update=Chat.called),
        On(think.returned, to="answered", update=Chat.answered),
        On(think.failed, to="failed"),
        do=think,
    ),
    State(
        "looking",
        On(lookup.returned, to="weighing", update=Chat.found),
        On(lookup.failed, to="failed"),
        do=lookup,
    ),
    State(
        "weighing",
        Always(to="asking", when=f"data.amount > {FREE}"),
        Always(to="refunding"),
    ),
    State(
        "asking",
        On(approval.returned, to="refunding", when="event.value.approved", update=Chat.approved),
        On(approval.returned, to="thinking", update=Chat.rejected),
        On(approval.timed_out, to="thinking", update=Chat.overdue),
        do=approval,
    ),
    State(
        "refunding",
        On(refund.returned, to="thinking", update=Chat.found),
        On(refund.unreturned, to="thinking", update=Chat.unclear),
        do=refund,
    ),
    Final("answered"),
    Final("failed", status="failed"),
    data=Chat,
    result=Chat.last,
)


@frozen
class Case:
    """What a customer wants, and what he hears."""

    wish: str
    answer: str = ""

    def chat(self) -> Chat:
        """What the agent begins with."""
        return Chat((self.wish,))

    def heard(self, event: Ended[str]) -> "Case":
        """The agent has answered."""
        return evolve(self, answer=event.result or "")

    def said(self) -> str:
        """The answer."""
        return self.answer


inner = Spawn(agent, Case.chat)
desk = Machine(
    "desk",
    State(
        "working",
        On(inner.ended, to="done", when="event.status == 'completed'", update=Case.heard),
        On(inner.ended, to="failed"),
        do=inner,
    ),
    Final("done"),
    Final("failed", status="failed"),
    data=Case,
    result=Case.said,
)

# -- the processes


@frozen
class Ahead:
    """A clock that is some seconds ahead."""

    seconds: float
    clock: SystemClock = SystemClock()

    def now(self) -> int:
        """See Clock."""
        return self.clock.now() + round(self.seconds * 1_000_000)

    def hold(self) -> AbstractContextManager[object]:
        """See Clock."""
        return self.clock.hold()


def world(file: str, calls: str, ahead: float = 0.0) -> World:
    """The desk, whose tools write down that they were called."""

    def called(line: str) -> None:
        written = os.open(calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(written, f"{line}\n".encode())
        os.close(written)

    async def model(order: Think) -> Turn:
        last = order.messages[-1]
        if len(order.messages) == 1:
            return Turn(order=7, amount=250)
        return Turn(last.replace("rejected", "Refund denied").replace("refunded", "Refunded"))

    async def look(order: Lookup) -> str:
        called(f"lookup {order.order}")
        return f"order {order.order}: 250"

    async def pay(order: Refund) -> str:
        called(f"refund {order.order} {order.amount}")
        return f"refunded {order.amount}"

    handlers = [handle(Think, model), handle(Lookup, look), handle(Refund, pay)]
    return World(desk, agent, handlers=handlers, store=SQLite(file), clock=Ahead(ahead))


def say(what: str, *more: object) -> None:
    """Say something to whoever has started this process."""
    print(json.dumps([what, *more]), flush=True)


async def start(file: str, calls: str) -> None:
    """The first process: it begins, and is killed when it has asked."""
    async with open_kernel(world(file, calls)) as kernel:
        run = await kernel.start(desk, Case("Refund order 7"), id=RUN)
        async for sight in run.watch():
            for told in sight.told if isinstance(sight, Seen) else ():
                if isinstance(told, WaitOpened):
                    say("asked", told.effect, told.question)
        await trio.sleep_forever()


async def take_over(file: str, calls: str, ahead: str, *acts: str) -> None:
    """The second process: it does what it is told, sees the run end, and tells its story."""
    async with open_kernel(world(file, calls, float(ahead))) as kernel:
        for act in acts:
            await tried(kernel, act)
        end = await kernel.run(RUN).wait_end()
        say("ended", end.status, end.value)
        async for sight in kernel.run(RUN).watch():
            if isinstance(sight, Seen):
                for told in sight.told:
                    about: Any = getattr(told, "form", "") or getattr(told, "status", "")
                    say("told", sight.run, sight.seq, f"{type(told).__name__} {about}".strip())


async def tried(kernel: Kernel, act: str) -> None:
    """Do something, and say what it was refused with."""
    inside = kernel.run(AGENT)
    opened = [question.id for question in await inside.questions()]
    wait = opened[0] if opened else 3
    acts: dict[str, Callable[[], Any]] = {
        "approve": lambda: inside.answer(wait, Decision(True)),
        "approve 90": lambda: inside.answer(wait, Decision(True, 90)),
        "reject": lambda: inside.answer(wait, Decision(False, reason="no receipt")),
        "approve another": lambda: inside.answer(99, Decision(True)),
        "cancel": lambda: kernel.run(RUN).cancel("changed my mind"),
        "wait": kernel.run(RUN).wait_end,
    }
    listed = await inside.status()
    try:
        await acts[act]()
    except DetentError as error:
        say("refused", listed.status, opened, type(error).__name__)
    else:
        say("done", listed.status, opened)
