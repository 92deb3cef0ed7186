"""Limiters and breakers as machines: to draw, to walk and to check what a kernel decides with them.

Rule 1: there is one truth. Guards and updates ask the very policy that a kernel asks; nothing is decided here.
Rule 2: time is in the events, as a kernel's time is in its questions: a machine of a policy has no timers.
Left out on purpose: being run. A kernel asks policies in its own turns, and keeps what they remember in a journal.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import evolve, frozen

from detent.kernel import (
    Admission,
    Breaker,
    BreakerWord,
    Event,
    FrozenMap,
    Ignore,
    Json,
    Limiter,
    Machine,
    On,
    State,
    canonical,
    freeze,
)

__all__ = [
    "Asked",
    "BreakerSeen",
    "GivenBack",
    "Heard",
    "LimiterSeen",
    "breaker_machine",
    "limiter_machine",
]

D = TypeVar("D")


@frozen
class Asked(Event):
    """A call asked whether it may begin: whose it is, and when (microseconds since 1970)."""

    who: str
    at: int


@frozen
class Heard(Event):
    """A call came to something that counts: whose it is, when, and whether it went well."""

    who: str
    at: int
    well: bool


@frozen
class GivenBack(Event):
    """A call came to nothing that counts."""

    who: str


@frozen
class BreakerSeen:
    """A breaker, what it remembers, and what it said to the last question: why not, or nothing."""

    breaker: Breaker
    state: Json = None
    declined: str = ""

    def asked(self, event: Asked) -> "BreakerSeen":
        """What is seen after a question."""
        said = self._admission(event)
        return evolve(self, state=freeze(said.state), declined=said.declined)

    def heard(self, event: Heard) -> "BreakerSeen":
        """What is seen after an outcome."""
        return evolve(self, state=freeze(self._after(event)[0]))

    def given_back(self, event: GivenBack) -> "BreakerSeen":
        """What is seen after a call that came to nothing."""
        state = self.breaker.given_back(_thawed(self.state), event.who)
        return evolve(self, state=freeze(state))

    def probes(self, event: Asked) -> bool:
        """Whether a question makes a probe."""
        return self._admission(event).word == "half_open"

    def opens(self, event: Heard) -> bool:
        """Whether an outcome opens the breaker."""
        return self._after(event)[1] == "open"

    def closes(self, event: Heard) -> bool:
        """Whether an outcome closes the breaker."""
        return self._after(event)[1] == "closed"

    def _admission(self, event: Asked) -> Admission:
        return self.breaker.admit(_thawed(self.state), event.at, event.who)

    def _after(self, event: Heard) -> tuple[Any, BreakerWord]:
        return self.breaker.heard(_thawed(self.state), event.at, event.who, event.well)


@frozen
class LimiterSeen:
    """A limiter, what it remembers, and what it said to the last question: when to ask again, or 0."""

    limiter: Limiter
    state: Json = None
    until: int = 0

    def asked(self, event: Asked) -> "LimiterSeen":
        """What is seen after a question."""
        state, until = self.limiter.admit(_thawed(self.state), event.at)
        return evolve(self, state=freeze(state), until=until)

    def has_room(self, event: Asked) -> bool:
        """Whether another call could begin after this question."""
        return not self.asked(event).asked(event).until

    def is_full(self, event: Asked) -> bool:
        """Whether no other call could begin after this question."""
        return not self.has_room(event)


def breaker_machine(breaker: Breaker) -> Machine[None, BreakerSeen, BreakerSeen]:
    """A breaker as a machine: its states are its words.

    >>> from detent.kernel import walk
    >>> machine = breaker_machine(Breaker(failures=1, cool_down=0.000002))
    >>> for step in walk(machine, None, Heard("a", 5, False), Asked("b", 6), Asked("b", 7)):
    ...     print(step, repr(step.snapshot.data.declined))
    begin -> closed ''
    Heard -> open ''
    Asked -> open 'it is open'
    Asked -> half_open ''
    """
    return Machine(
        "breaker",
        State(
            "closed",
            On(Asked, update=BreakerSeen.asked),
            On(Heard, to="open", when=BreakerSeen.opens, update=BreakerSeen.heard),
            On(Heard, update=BreakerSeen.heard),
            Ignore(GivenBack),
        ),
        State(
            "open",
            On(Asked, to="half_open", when=BreakerSeen.probes, update=BreakerSeen.asked),
            On(Asked, update=BreakerSeen.asked),
            Ignore(Heard, GivenBack),
        ),
        State(
            "half_open",
            On(Asked, update=BreakerSeen.asked),
            On(Heard, to="closed", when=BreakerSeen.closes, update=BreakerSeen.heard),
            On(Heard, to="open", when=BreakerSeen.opens, update=BreakerSeen.heard),
            On(Heard),
            On(GivenBack, update=BreakerSeen.given_back),
        ),
        data=BreakerSeen,
        begin=_beginning(BreakerSeen(breaker), breaker),
    )


def limiter_machine(limiter: Limiter) -> Machine[None, LimiterSeen, LimiterSeen]:
    """A limiter as a machine: `full` if another call at the time of the last question could not begin.

    >>> from detent.kernel import walk
    >>> machine = limiter_machine(Limiter(1, per=0.000002))
    >>> for step in walk(machine, None, Asked("a", 5), Asked("b", 6), Asked("b", 7)):
    ...     print(step, step.snapshot.data.until)
    begin -> free 0
    Asked -> full 0
    Asked -> full 7
    Asked -> full 0
    """
    return Machine(
        "limiter",
        State(
            "free",
            On(Asked, to="full", when=LimiterSeen.is_full, update=LimiterSeen.asked),
            On(Asked, update=LimiterSeen.asked),
        ),
        State(
            "full",
            On(Asked, to="free", when=LimiterSeen.has_room, update=LimiterSeen.asked),
            On(Asked, update=LimiterSeen.asked),
        ),
        data=LimiterSeen,
        begin=_beginning(LimiterSeen(limiter), limiter),
    )


def _beginning(seen: D, policy: Breaker | Limiter) -> Callable[[None], D]:
    """What a run begins with: nothing has been asked. The numbers of the policy are rules of the machine."""

    def begin(input: None) -> D:
        return seen

    begin.__dict__["__detent_name__"] = f"{__name__}:begin {canonical(policy).decode()}"
    return begin


def _thawed(value: Json) -> Any:
    """A tree as a policy has it: what data keeps of it is frozen."""
    if isinstance(value, FrozenMap):
        return {key: _thawed(item) for key, item in value.items()}
    return list(map(_thawed, value)) if isinstance(value, tuple) else value
