"""What is counted and measured: one table of it, for every way in which numbers are given away.

Rule 1: labels have few values: machines, states, forms and outcomes, never runs. Of what went wrong the kind is told,
        not the words: what is no word of the kernel's is `failed`.
Rule 2: how long something lasted is measured when it ends, if it is known when it began.
Rule 3: what goes on (`GAUGES`) are the runs that somebody has been told of since this was made.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from attrs import frozen

from detent.kernel import (
    EffectAbandoned,
    Listener,
    RetryScheduled,
    RunParked,
    RunRecovered,
    Telling,
    Told,
)
from detent.tools.telemetry.timeline import Closed, Opened, Timeline

__all__ = ["BUCKETS", "GAUGES", "INSTRUMENTS", "Counting", "Instrument", "Labels"]

Labels: TypeAlias = tuple[str, ...]
BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0)
"""Seconds, from what a call in memory takes to what a person does."""

KNOWN = ("returned", "answered", "timed_out", "in_doubt", "declined", "stopped", "lost")
STATUSES = (
    *("completed", "completed_with_failures", "limit_reached", "failed", "cancelled"),
    *("accepted", "ignored", "deferred", "rejected", "duplicate", "stored"),
)


@frozen
class Instrument:
    """Something that is counted or measured: what it is called, in words, and the names of its labels."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: Labels = ("machine",)


INSTRUMENTS = {
    one.name: one
    for one in (
        Instrument("runs_started", "counter", "Runs that have begun."),
        Instrument("runs_ended", "counter", "Runs that have ended.", ("machine", "status")),
        Instrument("runs_recovered", "counter", "Runs taken over from a kernel that was gone."),
        Instrument("runs_parked", "counter", "Times that a run was parked by a bug."),
        Instrument("retries", "counter", "Calls to be tried again.", ("machine", "effect")),
        Instrument("abandoned", "counter", "Effects that did not stop.", ("machine", "effect")),
        Instrument(
            "effects_ended", "counter", "Effects that ended.", ("machine", "effect", "outcome")
        ),
        Instrument("run_seconds", "histogram", "How long runs lasted."),
        Instrument(
            "state_seconds", "histogram", "How long states were active.", ("machine", "state")
        ),
        Instrument("effect_seconds", "histogram", "From order to outcome.", ("machine", "effect")),
    )
}
GAUGES = {
    "runs": Instrument("runs", "gauge", "Runs that go on."),
    "parked": Instrument("runs_parked_now", "gauge", "Runs that are parked."),
    "in_flight": Instrument("effects_in_flight", "gauge", "Effects under way."),
    "held": Instrument("effects_held", "gauge", "Effects that are held."),
}
COUNTED: dict[type[Told], str] = {
    RunRecovered: "runs_recovered",
    RunParked: "runs_parked",
    RetryScheduled: "retries",
    EffectAbandoned: "abandoned",
}


class Counting(Listener):
    """Counts what is told. Made to be derived from: `add` is given everything that is to be added up, or measured."""

    def __init__(self) -> None:
        self._timeline = Timeline()

    def add(self, instrument: Instrument, labels: Labels, amount: float) -> None:
        """Add to a counter, or measure once more."""
        raise NotImplementedError

    def told(self, telling: Telling) -> None:
        """See Listener."""
        for change in self._timeline.follow(telling):
            if isinstance(change, Closed):
                self._ended(change)
            elif isinstance(change, Opened):
                if change.what.kind == "run" and not change.is_late:
                    self.add(INSTRUMENTS["runs_started"], (change.what.machine,), 1)
            elif type(change) in COUNTED:
                self._count(telling.header.machine, change)

    def now(self) -> Iterator[tuple[Instrument, Labels, int]]:
        """What goes on at the moment. It may be asked in any thread."""
        for (what, machine), count in sorted(dict(self._timeline.now).items()):
            yield GAUGES[what], (machine,), count

    def _count(self, machine: str, told: Told) -> None:
        instrument = INSTRUMENTS[COUNTED[type(told)]]
        form: str = getattr(told, "form", "")
        self.add(instrument, (machine, form) if len(instrument.labels) > 1 else (machine,), 1)

    def _ended(self, closed: Closed) -> None:
        what = closed.what
        labels = (what.machine,) if what.kind == "run" else (what.machine, what.name)
        if what.kind == "run":
            self.add(INSTRUMENTS["runs_ended"], (*labels, closed.how), 1)
        elif what.kind == "effect":
            self.add(INSTRUMENTS["effects_ended"], (*labels, _outcome(closed.how)), 1)
        if closed.seconds is not None:
            self.add(INSTRUMENTS[f"{what.kind}_seconds"], labels, closed.seconds)


def _outcome(how: str) -> str:
    return how if how in KNOWN or how in STATUSES else "failed"
