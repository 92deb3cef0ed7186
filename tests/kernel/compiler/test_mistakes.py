"""Every mistake has a code, a place, and what would have been right; all are reported together.

The file is long because there are many mistakes.
"""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import pytest
from attrs import define, evolve, frozen

import detent
from detent import Effect, Event, Failure, InvalidMachine

face: Any = detent  # so that type checkers let the mistakes pass that the compiler is to find
After, Always, Defer, Done, Each = face.After, face.Always, face.Defer, face.Done, face.Each
Final, History, Ignore, Machine, On = face.Final, face.History, face.Ignore, face.Machine, face.On
Region, Reject, Retry, Returned = face.Region, face.Reject, face.Retry, face.Returned
Call, Send, Spawn, State, Wait = face.Call, face.Send, face.Spawn, face.State, face.Wait
assign, compile_machine, Cancelled = face.assign, face.compile_machine, face.Cancelled


@frozen
class Go(Event):
    """An event."""

    far: int = 0


@frozen
class Back(Event):
    """Another event."""


class Bare(Event):
    """An event without attrs.frozen of its own."""

    far: int


@define
class Loose:
    """Data that can be changed."""

    far: int = 0


@frozen
class Inside:
    """A record inside the data."""

    n: int = 0


@frozen
class Data:
    """The data."""

    n: int = 0
    name: str = ""
    maybe: int | None = None
    pair: tuple[int, ...] = ()
    fixed: tuple[int, int] = (0, 0)
    inner: "Inside | None" = None
    other: "Inside | None" = None
    mode: Literal["on", "off"] = "on"

    def go(self, event: Go) -> "Data":
        """An update."""
        return evolve(self, n=event.far)

    def work(self) -> "Work":
        """An order."""
        return Work()


@frozen
class Work(Effect[int], recovery="pure"):
    """An effect."""


@frozen
class Risk(Effect[int]):
    """An effect that must not be repeated."""


@frozen
class Lost(Failure):
    """A failure nobody declares."""


@frozen
class Listed:
    """Data that cannot be stored."""

    names: list[str]
    inner: "Pair"


@frozen
class Pair:
    """Data inside data."""

    left: dict[str, int]
    right: object


work = Call(Work, Data.work)
risk = Call(Risk, lambda data: Risk(), timeout=5.0)
ask = Wait(bool, "Sure?")
many = Each(Work, lambda data: [Work()], name="many")
odd = Call(Data, lambda data: 0)
small = Machine("small", State("only"), data=Data)


def inputs(data: Data) -> tuple[Data, ...]:
    """Inputs, and not what makes children of them."""
    return (data,)


def words(data: Data) -> list[str]:
    """Questions, and not what asks them."""
    return ["Sure?"]


def machine(*parts: Any, **keywords: Any) -> Any:
    """A machine of some parts, with a state that needs nothing after them."""
    given: dict[str, Any] = {"data": Data, **keywords}
    return Machine("bad", *parts, **given)


def codes(bad: Any) -> list[str]:
    """The codes of everything that is wrong with a machine."""
    with pytest.raises(InvalidMachine) as caught:
        compile_machine(bad)
    return [mistake.code for mistake in caught.value.mistakes]


def told(bad: Any) -> str:
    """What an author reads."""
    with pytest.raises(InvalidMachine) as caught:
        compile_machine(bad)
    return str(caught.value)


async def wait(data: Data) -> Data:
    """A callable that waits, which a step cannot."""
    return data


def nest(depth: int) -> Any:
    """States inside states."""
    inner: Any = State("s0")
    for level in range(1, depth):
        inner = State(f"s{level}", inner)
    return inner


MISTAKES: list[tuple[str, Callable[[], Any], str]] = [
    ("unknown-state", lambda: machine(State("here", On(Go, to="heer"))), "mean 'here'"),
    ("unknown-state", lambda: machine(State("here", On(Go, to=7))), "no state 7"),
    ("unknown-state", lambda: machine(State("here", On(Go, to=""))), "no state ''"),
    ("duplicate-state", lambda: machine(State("a", State("b")), State("b")), "unique"),
    ("bad-name", lambda: machine(State("")), "printed"),
    ("bad-name", lambda: machine(State("a\nb")), "printed"),
    ("bad-name", lambda: machine(State(3)), "printed"),
    ("bad-name", lambda: Machine(None, State("a"), data=Data), "its name"),
    ("no-initial", lambda: machine(), "no state to begin in"),
    ("no-initial", lambda: machine(State("a", History("h"))), "no state to begin in"),
    ("no-part", lambda: machine(State("a", 42)), "42 is neither"),
    ("no-part", lambda: machine(State("a"), "b"), "'b' is neither"),
    ("too-deep", lambda: machine(nest(70)), "64 deep"),
    ("mixed-regions", lambda: machine(State("a", Region("b", State("c")), State("d"))), "Region"),
    ("misplaced-history", lambda: machine(State("a", On(Go, to="h")), History("h")), "never left"),
    (
        "misplaced-history",
        lambda: machine(State("a", On(Go, to="h"), State("b"), History("h", to="c")), State("c")),
        "inside 'a'",
    ),
    (
        "unknown-state",
        lambda: machine(State("a", On(Go, to="h"), State("b"), History("h", to="x"))),
        "'x'",
    ),
    ("misplaced-row", lambda: machine(State("a", Done(to="a"))), "come to an end"),
    ("misplaced-row", lambda: machine(State("a"), Done(to="a")), "come to an end"),
    ("unknown-event", lambda: machine(State("a", On(42))), "42 is no event"),
    ("unknown-event", lambda: machine(State("a", On(Data))), "Data is no event"),
    ("unknown-event", lambda: machine(State("a", On(Go()))), "no event"),
    ("unknown-event", lambda: machine(State("a", On(Bare))), "attrs.frozen"),
    ("unknown-event", lambda: machine(State("a", Ignore(None))), "no event"),
    ("unaddressed-outcome", lambda: machine(State("a", On(Returned))), "charge.returned"),
    ("unaddressed-outcome", lambda: machine(State("a", Defer(Lost))), "Say of which effect"),
    ("contradiction", lambda: machine(State("a", On(Go), Ignore(Go))), "also handled"),
    ("contradiction", lambda: machine(State("a", Defer(Go), Reject(Go))), "also deferred"),
    (
        "foreign-region",
        lambda: machine(
            State(
                "p",
                Region("l", State("l1", On(Go, to="r2"))),
                Region("r", State("r1", On(Go, to="r2")), State("r2")),
            )
        ),
        "another region",
    ),
    ("unreachable-state", lambda: machine(State("a"), State("b")), "nothing leads here"),
    (
        "unreachable-state",
        lambda: machine(State("a", On(Go, to="a"), State("b"), History("h"))),
        "state 'h'",
    ),
    ("endless-circle", lambda: machine(State("a", Always(to="a"))), "for ever"),
    (
        "endless-circle",
        lambda: machine(State("a", Always(to="b")), State("b", Always(to="a"))),
        "a -> b",
    ),
    ("endless-circle", lambda: machine(State("a", Always(update=lambda d: d))), "Give one"),
    ("endless-circle", lambda: machine(State("a", Always(to="a", when="True"))), "guard"),
    ("endless-circle", lambda: machine(State("a", State("b"), Always(to="b"))), "for ever"),
    ("endless-circle", lambda: machine(State("a"), Always(to="a")), "the machine"),
    ("bad-data", lambda: machine(State("a"), data=int), "data=int is no record"),
    ("bad-data", lambda: machine(State("a"), data=([],)), "says nothing about its values"),
    ("bad-data", lambda: machine(State("a"), data=None), "data=None is no record"),
    ("bad-data", lambda: machine(State("a"), data=Loose), "can be changed"),
    ("unstorable", lambda: machine(State("a"), data=Listed), "field 'names'"),
    ("unstorable", lambda: machine(State("a"), data=Listed), "field 'inner.left'"),
    ("unstorable", lambda: machine(State("a"), data=Listed), "field 'inner.right'"),
    ("bad-callable", lambda: machine(State("a", On(Go, update=Data.work))), "update(data, event)"),
    ("bad-callable", lambda: machine(State("a", On(Go, update=7))), "cannot be called"),
    ("bad-callable", lambda: machine(State("a", On(Go, when=7))), "cannot be called"),
    ("bad-callable", lambda: machine(State("a", On(Go, when=lambda: True))), "when(data, event)"),
    ("bad-callable", lambda: machine(State("a", After(1, to="a", update=wait))), "is async"),
    ("bad-callable", lambda: machine(State("a", After(wait, to="a"))), "is async"),
    ("bad-callable", lambda: machine(State("a"), begin=lambda: Data()), "begin(input)"),
    ("bad-callable", lambda: machine(State("a"), result=3), "result"),
    ("bad-callable", lambda: machine(State("a", do=Wait(bool))), "question"),
    ("bad-callable", lambda: machine(State("a", do=Send(3, Go()))), "run"),
    ("bad-callable", lambda: machine(State("a", do=Send("r", 3))), "event"),
    ("bad-number", lambda: machine(State("a", After("1", to="a"))), "no number of seconds"),
    ("bad-number", lambda: machine(State("a", After(-1, to="a"))), "no number of seconds"),
    ("bad-number", lambda: machine(State("a", After(True, to="a"))), "no number of seconds"),
    ("bad-number", lambda: machine(State("a", do=Call(Work, Data.work, timeout=0))), "timeout=0"),
    ("bad-number", lambda: machine(State("a", do=Wait(bool, "?", deadline=-1))), "deadline=-1"),
    ("bad-number", lambda: machine(State("a", do=Each(Work, list, at_most=0))), "at_most=0"),
    ("bad-number", lambda: machine(State("a"), defer_limit=-1), "defer_limit=-1"),
    ("bad-number", lambda: machine(State("a"), microsteps=0), "microsteps=0"),
    ("bad-number", lambda: machine(State("a"), background_limit=-1), "background_limit=-1"),
    ("bad-number", lambda: machine(State("a"), compensation_limit="x"), "compensation_limit='x'"),
    ("bad-flag", lambda: machine(State("a"), on_bug="hide"), "on_bug='hide' is neither"),
    ("bad-flag", lambda: machine(State("a", compensates=1)), "compensates=1 is no yes or no"),
    ("misplaced-row", lambda: machine(State("a", Defer(Cancelled))), "no run can put off its end"),
    ("misplaced-row", lambda: machine(State("a", Ignore(Cancelled))), "On row"),
    ("misplaced-row", lambda: machine(State("a", Reject(Go, Cancelled))), "Reject(Cancelled)"),
    (
        "bad-number",
        lambda: machine(State("a", do=Call(Work, Data.work, retry=Retry(attempts=0)))),
        "attempts=0",
    ),
    (
        "bad-number",
        lambda: machine(State("a", do=Call(Work, Data.work, retry=Retry(base=-1.0)))),
        "base=-1.0",
    ),
    (
        "bad-number",
        lambda: machine(State("a", do=Call(Work, Data.work, retry=Retry(cap=None)))),
        "cap=None",
    ),
    ("bad-number", lambda: machine(State("a", do=Call(Work, Data.work, retry=3))), "retry=3"),
    ("bad-number", lambda: machine(State("a", After(1e305, to="a"))), "from 0 to 1000000000"),
    ("bad-number", lambda: machine(State("a", After(Sec(3), to="a"))), "no number of seconds"),
    ("bad-number", lambda: machine(State("a", do=Each(Work, list, at_most=10**5000))), "at_most="),
    ("bad-number", lambda: machine(State("a", do=Call(Versioned, lambda d: 0))), "no number"),
    ("no-failure", lambda: machine(State("a", do=Call(Fails, lambda d: 0))), "fails=5"),
    ("bad-name", lambda: machine(State("a", do=Call(Work, Data.work, name=[1]))), "name=[1]"),
    ("no-effect", lambda: machine(State("a", do=detent.Doing())), "cannot do"),
    ("no-effect", lambda: machine(State("a", do=Each(5, list))), "cannot order 5"),
    (
        "unknown-state",
        lambda: machine(State("a", On(Go, to="h"), State("b"), History("h", to=[]))),
        "no state []",
    ),
    ("unstorable", lambda: machine(State("a"), data=Nest[int]), "grows whenever"),
    ("unreachable-state", lambda: machine(State("a", On(Go, when="data.m")), State("b")), "'b'"),
    ("bad-expression", lambda: machine(State("a", On(Go, when="data.m > 0"))), "no field 'm'"),
    ("bad-expression", lambda: machine(State("a", On(Go, when="data.n >"))), "'data.n >'"),
    ("bad-expression", lambda: machine(State("a", On(Go, when="event.near == 1"))), "far"),
    ("bad-expression", lambda: machine(State("a", On(Go, when="data.n"))), "data.n"),
    ("bad-expression", lambda: machine(State("a", On(Go, update=assign(n="data.x")))), "assign n"),
    (
        "bad-expression",
        lambda: machine(State("a", On(Go, update=assign(n="data.n +")))),
        "assign n",
    ),
    (
        "no-effect",
        lambda: machine(State("a", On(odd.returned, when="event.value"), do=odd)),
        "Data is no effect",
    ),
    ("wrong-type", lambda: machine(State("a", On(Go, update=assign(maybe="data.name")))), "None"),
    ("wrong-type", lambda: machine(State("a", On(Go, update=assign(pair="data.n")))), "tuple"),
    ("unknown-field", lambda: machine(State("a", On(Go, update=assign(m="1")))), "Fields are"),
    (
        "wrong-type",
        lambda: machine(State("a", On(Go, update=assign(name="1")))),
        "it is int, the field is str",
    ),
    ("wrong-type", lambda: machine(State("a", On(Go, update=assign(n="None")))), "it is None"),
    ("wrong-type", lambda: machine(State("a", On(Go, update=assign(n="data.name")))), "is str"),
    ("impossible-outcome", lambda: machine(State("a", On(risk.failed_as(42)), do=risk)), "Failure"),
    ("unknown-effect", lambda: machine(State("a", On(work.returned))), "Nobody orders it"),
    (
        "unknown-effect",
        lambda: machine(State("a", On(work.returned), On(Go, to="b")), State("b", do=work)),
        "ordered by state 'b'",
    ),
    (
        "impossible-outcome",
        lambda: machine(State("a", On(risk.timed_out), do=risk)),
        "is in_doubt",
    ),
    ("impossible-outcome", lambda: machine(State("a", On(work.timed_out), do=work)), "no time-out"),
    ("impossible-outcome", lambda: machine(State("a", On(ask.timed_out), do=ask)), "no deadline"),
    ("impossible-outcome", lambda: machine(State("a", On(work.in_doubt), do=work)), "pure"),
    ("impossible-outcome", lambda: machine(State("a", On(work.declined), do=work)), "no breaker"),
    (
        "impossible-outcome",
        lambda: machine(State("a", On(work.failed_as(Lost)), do=work)),
        "fails=(Lost,)",
    ),
    (
        "impossible-outcome",
        lambda: machine(State("a", On(many.stopped), do=many)),
        "stop_on_failure",
    ),
    ("impossible-outcome", lambda: machine(State("a", On(many.ended), do=many)), "many.returned"),
    ("no-effect", lambda: machine(State("a", do=Data.work)), "cannot do"),
    ("no-effect", lambda: machine(State("a", do=Call(Data, Data.work))), "Data is no effect"),
    ("no-effect", lambda: machine(State("a", do=Each(Send("r", Go()), list))), "cannot order"),
    ("no-order", lambda: machine(State("a", do=Call(Work))), "what to order"),
    ("no-order", lambda: machine(State("a", do=Spawn(small))), "what to order"),
    ("two-makers", lambda: machine(State("a", do=Each(work, list))), "maker of its own"),
    ("two-makers", lambda: machine(State("a", do=Each(ask, list))), "maker of its own"),
    ("wrong-orders", lambda: machine(State("a", do=Each(Spawn(small), inputs))), "small(...)"),
    ("wrong-orders", lambda: machine(State("a", do=Each((Work, ask), words))), "Work or"),
    ("no-machine", lambda: machine(State("a", do=Spawn(None, Data.work))), "cannot be run"),
    ("duplicate-effect", lambda: machine(State("a", do=(work, work))), "use Each"),
    (
        "duplicate-effect",
        lambda: machine(State("a", do=(ask, Wait(bool, "Really?")))),
        "give one of them a name=",
    ),
    ("not-frozen", lambda: machine(State("a", do=Call(Unfrozen, lambda d: Unfrozen()))), "frozen"),
    ("bad-recovery", lambda: machine(State("a", do=Call(Odd, lambda d: Odd()))), "one of pure"),
    ("no-failure", lambda: machine(State("a", do=Call(Worse, lambda d: Worse()))), "Go"),
    ("unstorable", lambda: machine(State("a", do=Call(Mute, lambda d: Mute()))), "Effect[...]"),
    ("unstorable", lambda: machine(State("a", do=Wait(list[int], "Which?"))), "tuple"),
    ("duplicate-class", lambda: machine(State("a", On(Go), On(other_go()))), "rename one"),
    ("bad-name", lambda: machine(State("a", do=Wait(bool, "?", name=3))), "name=3"),
    ("bad-name", lambda: machine(State("a", do=Call(Work, Data.work, limit=""))), "limit=''"),
    ("bad-flag", lambda: machine(State("a", On(Go, reenter=1))), "reenter=1"),
    (
        "bad-flag",
        lambda: machine(State("a", do=Each(Work, list, stop_on_failure=1))),
        "stop_on_failure=1",
    ),
    (
        "bad-flag",
        lambda: machine(State("a", On(Go, to="h"), State("b"), History("h", deep=1))),
        "deep=1",
    ),
    ("bad-status", lambda: machine(State("a", On(Go, to="z")), Final("z", "gone")), "gone"),
]


def other_go() -> type[Event]:
    """Another class of the same name."""

    @frozen
    class Go(Event):
        pass

    return Go


class Unfrozen(Effect[int]):
    """An effect without attrs.frozen of its own."""


AnyEffect: Any = Effect
T = TypeVar("T")


class Sec(float):
    """A number that is not only a number."""


@frozen
class Nest(Generic[T]):
    """A record whose type grows."""

    inner: "Nest[tuple[T, ...]] | None" = None


@frozen
class Versioned(Effect[int]):
    """An effect with a version that is none."""


@frozen
class Fails(Effect[int]):
    """An effect with failures that are none."""


@frozen
class Odd(Effect[int]):
    """An effect with a recovery nobody knows."""


@frozen
class Worse(Effect[int]):
    """An effect that fails as an event."""


@frozen
class Mute(AnyEffect):  # type: ignore[misc]
    """An effect that does not say what comes back."""


unchecked: Any = Odd
unchecked.recovery = "sometimes"
unchecked = Versioned
unchecked.version = "2"
unchecked = Fails
unchecked.fails = 5
unchecked = Worse
unchecked.fails = (Go,)


@pytest.mark.parametrize(
    ("code", "bad", "part"), MISTAKES, ids=[f"{i}-{m[0]}" for i, m in enumerate(MISTAKES)]
)
def test_a_mistake_is_found_and_told(code: str, bad: Callable[[], Any], part: str) -> None:
    text = told(bad())

    assert f"[{code}]" in text
    assert part in text
