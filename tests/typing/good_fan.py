"""Several tool calls in flight: the kernel keeps what is in flight, and the data never counts."""

from typing import assert_type

from attrs import evolve, frozen

from detent import Call, Each, Effect, Final, Machine, On, Returned, Settled, State


@frozen
class Reply:
    text: str
    calls: tuple[str, ...] = ()


@frozen
class Ask(Effect[Reply], recovery="idempotent"):
    messages: tuple[str, ...]


@frozen
class UseTool(Effect[str]):
    call: str


@frozen
class Talk:
    messages: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    turns: int = 0

    def ask(self) -> Ask:
        return Ask(self.messages)

    def use(self) -> tuple[UseTool, ...]:
        return tuple(UseTool(call) for call in self.calls)

    def heard(self, event: Returned[Reply]) -> "Talk":
        messages = (*self.messages, event.value.text)
        return evolve(self, messages=messages, calls=event.value.calls, turns=self.turns + 1)

    def used(self, event: Settled[str]) -> "Talk":
        results = tuple(
            one.value if isinstance(one, Returned) else repr(one) for one in event.outcomes
        )
        return evolve(self, messages=(*self.messages, *results), calls=())

    def says(self) -> str:
        return self.messages[-1]

    @classmethod
    def about(cls, question: str) -> "Talk":
        return cls((question,))


ask = Call(Ask, Talk.ask, timeout=60.0)
use = Each(UseTool, Talk.use, at_most=8)
agent = Machine(
    "tiny-agent",
    State(
        "thinking",
        On(ask.returned, to="acting", when="len(event.value.calls) > 0", update=Talk.heard),
        On(ask.returned, to="answered", update=Talk.heard),
        On(ask.unreturned, to="broken"),
        do=ask,
    ),
    State(
        "acting",
        On(use.settled, to="limit", when="data.turns >= 8", update=Talk.used),
        On(use.settled, to="thinking", update=Talk.used),
        do=use,
    ),
    Final("answered"),
    Final("limit", status="limit_reached"),
    Final("broken", status="failed"),
    data=Talk,
    begin=Talk.about,
    result=Talk.says,
)

assert_type(use, Each[Talk, str])
assert_type(agent, Machine[str, Talk, str])
