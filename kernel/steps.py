"""What a step can come to: a closed set of answers, each with the snapshot the run is at afterwards.

Moved and Deferred are entries of the log. Ignored, Rejected and Broken leave the snapshot as it was, unless they
answer what had been deferred, or had waited in the line of a parked run (`cause` is then the entry that put it there):
that has left the line; but if it broke, it is still there.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Generic, Literal, TypeAlias, TypeVar

from attrs import field, frozen

from detent.kernel.decisions import AttemptFailed, Signal
from detent.kernel.definition import outcome_name
from detent.kernel.facts import Fact
from detent.kernel.flights import Ordered
from detent.kernel.signals import Fired, Happened, Problem
from detent.kernel.snapshot import Snapshot

__all__ = ["Broken", "Bug", "Deferred", "Ignored", "Moved", "Rejected", "Stepped"]

Dk = TypeVar("Dk", covariant=True)


@frozen
class Bug:
    """A mistake in the author's code that showed when it ran: where, in which callable, and what it did."""

    place: str
    role: Literal["guard", "update", "make", "seconds", "question", "result", "rows"]
    callable: str
    problem: Problem
    error: BaseException | None = field(default=None, eq=False, repr=False)

    def __str__(self) -> str:
        called = f" {self.callable}" if self.callable else ""
        return f"{self.place}: {self.role}{called}: {self.problem.kind}: {self.problem.message}"


class Still(Fact, frozen=True):
    """What an answer has in common with Moved when nothing moved: nothing was taken, ordered or stopped."""

    @property
    def took(self) -> tuple[tuple[str, ...], ...]:
        """No rows."""
        return ()

    @property
    def ordered(self) -> tuple[Ordered, ...]:
        """No effects."""
        return ()

    @property
    def stopped(self) -> tuple[int, ...]:
        """No effects."""
        return ()


class Moved(Fact, Generic[Dk], frozen=True):
    """The signal was handled. `took` names the rows of each microstep.

    `ordered` is what the world is to do next, `stopped` are the ids of effects that it is to stop.
    """

    snapshot: Snapshot[Dk]
    signal: Signal | None
    took: tuple[tuple[str, ...], ...] = ()
    ordered: tuple[Ordered, ...] = ()
    stopped: tuple[int, ...] = ()
    cause: int | None = None
    form: str = ""
    """Which form an outcome is of."""

    def __str__(self) -> str:
        ordered = f", ordered {_counted(order.form for order in self.ordered)}"
        ended = self.snapshot.end
        failures = "" if ended is None else "".join(f": {one.message}" for one in ended.failures)
        text = f"{_shown(self.signal, self.form)} -> {_position(self.snapshot)}{failures}"
        return text + ordered if self.ordered else text


class Ignored(Still, Generic[Dk], frozen=True):
    """The event was expected, and means nothing here."""

    snapshot: Snapshot[Dk]
    signal: Signal
    cause: int | None = None

    def __str__(self) -> str:
        return f"{_shown(self.signal)} ignored in {_position(self.snapshot)}"


class Deferred(Still, Generic[Dk], frozen=True):
    """The event is kept until the machine comes to another state."""

    snapshot: Snapshot[Dk]
    signal: Signal
    cause: int | None = None

    def __str__(self) -> str:
        return f"{_shown(self.signal)} deferred in {_position(self.snapshot)}"


class Rejected(Still, Generic[Dk], frozen=True):
    """The signal was refused: why, and which events would not have been."""

    snapshot: Snapshot[Dk]
    signal: Signal
    why: str
    accepts: tuple[str, ...] = ()
    cause: int | None = None

    def __str__(self) -> str:
        return f"{_shown(self.signal)} rejected in {_position(self.snapshot)}: {self.why}"


class Broken(Still, Generic[Dk], frozen=True, gc=True):
    """The author's code raised, or gave what it must not. Nothing has happened; the signal is not lost."""

    snapshot: Snapshot[Dk]
    signal: Signal
    bug: Bug
    cause: int | None = None

    def __str__(self) -> str:
        return f"{_shown(self.signal)} broke in {_position(self.snapshot)}: {self.bug}"


Stepped: TypeAlias = Moved[Dk] | Ignored[Dk] | Deferred[Dk] | Rejected[Dk] | Broken[Dk]


def _shown(signal: Signal | None, form: str = "") -> str:
    """What happened, in a word."""
    if signal is None:
        return "begin"
    if isinstance(signal, Fired):
        return f"timer {signal.timer}"
    if isinstance(signal, Happened):
        return outcome_name(form or f"effect {signal.effect}", type(signal.event))
    if isinstance(signal, AttemptFailed):
        named = outcome_name(form or f"effect {signal.effect}", type(signal.event))
        return f"{named} at attempt {signal.attempt}"
    return type(signal).__name__


def _counted(names: Iterable[str]) -> str:
    """Names, each once, with how often."""
    many = Counter(names)
    return ", ".join(name if count == 1 else f"{name} x {count}" for name, count in many.items())


def _position(snapshot: Snapshot[object]) -> str:
    where = ", ".join(snapshot.configuration)
    return where if snapshot.status == "running" else f"{where} ({snapshot.status})"
