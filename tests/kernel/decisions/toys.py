"""Machines for decisions: something to try again, many things side by side, something to undo, a background."""

from collections.abc import Sequence
from typing import Any

from attrs import define, evolve, frozen

from detent.kernel import (
    AttemptFailed,
    Call,
    Cancelled,
    Defer,
    Each,
    Effect,
    Event,
    Failed,
    Fan,
    Flight,
    Halted,
    Ignore,
    Life,
    Machine,
    On,
    Parked,
    Problem,
    Rejected,
    Retry,
    Returned,
    Settled,
    Signal,
    State,
    step,
)
from tests.kernel.scxml.toys import A, B, Back, C, Go, Note, Ping, Run, Toy, Trail, ping, start

__all__ = [
    "BUG",
    "CANCEL",
    "CANCELLED",
    "DOWN",
    "FEW",
    "LATE",
    "PARK",
    "SECOND",
    "Mood",
    "Undo",
    "all_of_them",
    "at_work",
    "cancelling",
    "fan",
    "flight",
    "fragile",
    "life",
    "mistake",
    "problems",
    "refused",
    "retried",
    "tried",
    "undo",
    "waiting",
    "working",
]

SECOND = 1_000_000
DOWN = Failed(Problem("down"))
FEW = Retry(attempts=3, base=1.0, factor=2.0, jitter=0.0)


@frozen
class Undo(Effect[int], recovery="idempotent"):
    """An order that takes something back."""

    n: int = 0


def undoing(data: Trail) -> Undo:
    """What is taken back."""
    return Undo(data.n)


retried = Call(Ping, ping, retry=FEW, name="ping")
each_one = Call(Ping, retry=FEW, name="one")
undo = Call(Undo, undoing, retry=FEW, name="undo")


def heard(data: Trail, event: Settled[Any]) -> Trail:
    """Leave what settled on the trail."""
    shown = (str(o.value) if isinstance(o, Returned) else type(o).__name__ for o in event.outcomes)
    return evolve(data, marks=(*data.marks, " ".join(shown)))


def all_of_them(at_most: int | None = None, stop: bool = False) -> Each[Trail, int]:
    """As many orders as the number says."""
    return Each(each_one, Trail.pings, at_most=at_most, stop_on_failure=stop, name="all")


def working(*do: Any) -> Toy:
    """A state that does something, is left by Go, and is told of by A."""
    rows: list[Any] = [On(Go, to="away"), On(A, update=Note("A"))]
    for form in do:
        if isinstance(form, Each):
            rows.append(On(form.settled, update=heard))
        else:
            rows += [On(form.returned, update=Note("ok")), On(form.failed, update=Note("failed"))]
    return Machine("m", State("at work", *rows, do=do), State("away"), data=Trail)


def cancelling(*parts: Any, **options: Any) -> Toy:
    """A state that does something, and one that takes it back when the run is cancelled."""
    return Machine(
        "m",
        State("at work", On(retried.returned), do=retried),
        State("undoing", On(undo.returned, to="undone"), do=undo, compensates=True),
        State("undone"),
        On(Cancelled, to="undoing", update=Note("cancelled")),
        *parts,
        data=Trail,
        **options,
    )


def tried(effect: int = 1, attempt: int = 1, event: Event = DOWN) -> AttemptFailed:
    """An attempt that came to nothing."""
    return AttemptFailed(effect, attempt, event, 0.0)


def flight(run: Run) -> Flight:
    """The only thing in flight."""
    (found,) = run.now.effects
    return found


def fan(run: Run) -> Fan:
    """The Each that is in flight."""
    found = flight(run)
    assert isinstance(found, Fan)
    return found


def life(run: Run, effect: int = 1) -> Life:
    """How far an effect has come."""
    return next(one.life_of(effect) for one in run.now.effects if one.has(effect))


def refused(run: Run, *signals: Signal) -> Sequence[str]:
    """Why signals are refused, each for itself; what is refused changes nothing."""
    answers = [step(run.table, run.now, signal, run.now.at + 1) for signal in signals]
    assert all(isinstance(answer, Rejected) for answer in answers), [*map(str, answers)]
    assert all(answer.snapshot is run.now for answer in answers)
    return [answer.why for answer in answers if isinstance(answer, Rejected)]


def at_work(n: int = 3, do: Any = retried) -> Run:
    """A run that does something."""
    return start(working(do), n)


CANCEL = Halted("cancelled", "nobody needs it")
CANCELLED = Problem("cancelled", "nobody needs it")
LATE = Halted("timed_out")


def problems(run: Run) -> tuple[Problem, ...]:
    """Why a run has ended."""
    assert run.now.end is not None
    return run.now.end.failures


BUG = Problem("ZeroDivisionError", "broken on purpose")


def mistake(signal: Signal | None = None, entry: int = 0) -> Parked:
    """A run parks."""
    return Parked("s/0", "update", "Break", BUG, signal, entry)


PARK = mistake()


def waiting(run: Run) -> tuple[Signal, ...]:
    """What is in the line."""
    return tuple(one.signal for one in run.now.pending.line)


@define(eq=False)
class Mood:
    """A callable that breaks until it is mended, as the author's does in the next release."""

    is_bad: bool = True

    def __call__(self, data: Trail, event: object = None) -> Trail:
        if self.is_bad:
            raise ZeroDivisionError("broken on purpose")
        return Note("mended")(data, event)


def fragile(mood: Any) -> Toy:
    """A machine that breaks by A, in either state; B is kept in the first."""
    return Machine(
        "m",
        State("s", On(A, update=mood), On(Go, to="t"), Defer(B), Ignore(C)),
        State("t", On(B, update=mood), On(A, update=Note("A")), On(Back, to="s")),
        data=Trail,
    )
