"""OpenTelemetry, by its API alone: a span for each run, each visit of a state, and each effect; and the numbers.

    spans = Spans()
    World(..., taps=[spans, Measures()], baggage=spans.baggage)

Rule 1: a run's span is inside the one that was current where it was started, a state's inside that of the state around
        it or of its run, an effect's inside its state's; a child's inside that of the effect that spawned it. Attempts,
        and all else that is told, are events of these.
Rule 2: a handler's own spans, also in a thread, are inside the span of its effect, which is current in its context.
Rule 3: a span has the times of the log, and is made known by the process that sees its end. What a process that is gone
        has left open is opened again by the next: with the same id, if the host's provider has `Ids` (see ids.py), so
        that what was made before and after is one tree.
Rule 4: nothing of the author's is said, and a wait is no error.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from hashlib import blake2b
from random import Random
from typing import Any, TypeAlias

from attrs import define, field
from opentelemetry import context as contexts
from opentelemetry import metrics, trace
from opentelemetry.trace import Span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from detent.kernel import (
    CallFinished,
    Chance,
    ChildEnded,
    ChildStarted,
    Context,
    LetterSent,
    Listener,
    RunFinished,
    RunStarted,
    StateEntered,
    StateLeft,
    Telling,
    Told,
    WaitOpened,
)
from detent.tools.telemetry.counting import GAUGES, INSTRUMENTS, Counting, Instrument, Labels
from detent.tools.telemetry.timeline import Change, Closed, Lasting, Opened, Timeline
from detent.tools.telemetry.wording import said_of, words_of

__all__ = ["WANTED", "Measures", "Spans"]

Attributes: TypeAlias = dict[str, str | bool | int | float]
Moment: TypeAlias = tuple[str, Attributes, int]

WANTED: ContextVar[tuple[int, int] | None] = ContextVar("detent.wanted", default=None)
"""The ids of the trace and the span that are to be made here."""

TRACE = "detent.trace"
"""The baggage that names the trace of a run that was started where no span was current."""

W3C = TraceContextTextMapPropagator()
SPANNED = (
    *(RunStarted, RunFinished, StateEntered, StateLeft),
    *(WaitOpened, ChildStarted, ChildEnded, LetterSent, CallFinished),
)
"""What spans say by where they begin and end."""


@define(eq=False)
class _Mark:
    """What is known of the span of something that lasts; it is made when it is needed. `events` came before that."""

    trace: int
    around: contexts.Context | None = None
    span: Span | None = None
    since: int = 0
    events: list[Moment] = field(factory=list[Moment])


class Spans(Listener):
    """Makes spans of what is told.

    `provider` is the host's global one unless another is given; `chance` is what traces are named by that have no
    other name; what lasts of `most` runs is kept at once.
    """

    def __init__(
        self,
        provider: trace.TracerProvider | None = None,
        *,
        chance: Chance | None = None,
        most: int = 10_000,
    ) -> None:
        self._tracer = trace.get_tracer("detent", tracer_provider=provider)
        self._chance = chance or Random()
        self._timeline = Timeline(most)

    def baggage(self) -> Mapping[str, str]:
        """What a run is to carry along: the span that is current where it is started, or else the name of a trace."""
        carried: dict[str, str] = {}
        W3C.inject(carried)
        if not carried:
            carried[TRACE] = f"{self._chance.getrandbits(128) or 1:032x}"
        return carried

    def knows(self, run: str, seq: int) -> bool:
        """See Listener. Who takes up a run must know since when it is where it is."""
        return self._timeline.knows(run, seq)

    def told(self, telling: Telling) -> None:
        """See Listener."""
        for change in self._timeline.follow(telling):
            self._take(telling, change)

    def begins(self, context: Context) -> None:
        """See Listener."""
        effect = self._timeline.effect(context.run, context.effect)
        if effect is not None:
            contexts.attach(trace.set_span_in_context(self._span(effect)))

    def _take(self, telling: Telling, change: Change) -> None:
        if isinstance(change, Opened):
            what = change.what
            what.mark = self._mark(telling, what)
            if not telling.is_past:
                self._span(what)
        elif isinstance(change, Closed):
            if not telling.is_past:
                self._close(change)
        elif not isinstance(change, SPANNED):
            self._note(telling, change)

    # -- spans

    def _mark(self, telling: Telling, what: Lasting) -> _Mark:
        """What is known of a span from its beginning."""
        since = telling.at if what.since is None else what.since
        if what.outer is not None:
            return _Mark(what.outer.mark.trace, since=since)
        baggage = telling.header.baggage
        name = _trace_of(telling)
        parent, slash, effect = telling.run.rpartition("/")
        if slash:
            return _Mark(name, self._inside(name, parent, int(effect)), since=since)
        if "traceparent" in baggage:
            return _Mark(name, W3C.extract(baggage, contexts.Context()), since=since)
        is_elsewhere = telling.is_past or telling.before is not None
        here = contexts.Context() if is_elsewhere else contexts.get_current()
        known = trace.get_current_span(here).get_span_context()
        is_inside = known.is_valid and TRACE not in baggage
        return _Mark(
            known.trace_id if is_inside else name, here if is_inside else None, since=since
        )

    def _inside(self, name: int, parent: str, effect: int) -> contexts.Context:
        """The context of the effect that spawned a run, whoever makes its span."""
        spawning = self._timeline.effect(parent, effect)
        if spawning is not None:
            return trace.set_span_in_context(self._span(spawning), contexts.Context())
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        ids = (name, _span_id(name, parent, "effect", effect))
        elsewhere = trace.SpanContext(*ids, is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(trace.NonRecordingSpan(elsewhere), contexts.Context())

    def _span(self, what: Lasting) -> Span:
        """The span of something that lasts."""
        mark: _Mark = what.mark
        if mark.span is not None:
            return mark.span
        around = mark.around or contexts.Context()
        if what.outer is not None:
            around = trace.set_span_in_context(self._span(what.outer), contexts.Context())
        token = WANTED.set(
            (mark.trace, _span_id(mark.trace, what.run, what.kind, what.id, what.name))
        )
        try:
            span: Span = self._tracer.start_span(
                what.name if what.kind == "effect" else f"{what.kind} {what.name}",
                around,
                attributes=_attributes(what),
                start_time=mark.since * 1000,
            )
        finally:
            WANTED.reset(token)
        mark.span = span
        for name, attributes, at in mark.events:
            span.add_event(name, attributes, at * 1000)
        mark.events.clear()
        return span

    def _close(self, closed: Closed) -> None:
        span = self._span(closed.what)
        if closed.what.kind != "state":
            span.set_attribute("detent.outcome", closed.how)
        if closed.is_wrong:
            words = f"{closed.how}: {closed.message}" if closed.message else closed.how
            span.set_status(trace.StatusCode.ERROR, words)
        span.end(closed.at * 1000)

    def _note(self, telling: Telling, told: Told) -> None:
        """Something that was told is an event of the effect it is about, or of the run."""
        effect: int = getattr(told, "effect", 0)
        what = self._timeline.effect(told.run, effect) or self._timeline.run(told.run)
        if what is None:
            return
        said = said_of(told)
        plain: Attributes = {
            key: value for key, value in said.items() if isinstance(value, str | bool | int)
        }
        moment = (words_of(told), plain, told.at)
        mark: _Mark = what.mark
        if mark.span is None:
            mark.events.append(moment)
        else:
            mark.span.add_event(moment[0], moment[1], told.at * 1000)


def _trace_of(telling: Telling) -> int:
    """The trace of a run: that of who started it, or else a name of its own, which follows from its id if need be."""
    baggage = telling.header.baggage
    if "traceparent" in baggage:
        carried = trace.get_current_span(W3C.extract(baggage, contexts.Context()))
        return carried.get_span_context().trace_id or _hashed(16, telling.run)
    if TRACE in baggage:
        return int(baggage[TRACE], 16)
    return _hashed(16, telling.run.partition("/")[0])


def _span_id(name: int, run: str, kind: str, id: int, called: str = "") -> int:
    """The id of a span: the same in whichever process it is made."""
    return _hashed(8, f"{name:032x}", run, kind, str(id), called if kind == "state" else "")


def _hashed(size: int, *parts: str) -> int:
    said = "\0".join(parts).encode()
    return int.from_bytes(blake2b(said, digest_size=size, person=b"detent-span").digest()) or 1


def _attributes(what: Lasting) -> Attributes:
    said: Attributes = {"detent.run": what.run, "detent.machine": what.machine}
    if what.kind != "run":
        said["detent.state"] = what.state
    if what.kind == "effect":
        said["detent.effect"] = what.id
    return said


# -- numbers


class Measures(Counting):
    """Counts what is told, by the instruments of a meter. `provider` is the host's global one unless one is given."""

    def __init__(self, provider: metrics.MeterProvider | None = None) -> None:
        super().__init__()
        meter = metrics.get_meter("detent", meter_provider=provider)
        self._by_name: dict[str, Any] = {}
        for one in INSTRUMENTS.values():
            if one.kind == "counter":
                made: Any = meter.create_counter(_called(one), description=one.help)
            else:
                made = meter.create_histogram(_called(one), "s", one.help)
            self._by_name[one.name] = made
        for gauge in GAUGES.values():
            look = _Look(self, gauge)
            meter.create_observable_gauge(_called(gauge), [look], description=gauge.help)

    def add(self, instrument: Instrument, labels: Labels, amount: float) -> None:
        """See Counting."""
        said = dict(zip(instrument.labels, labels, strict=True))
        made = self._by_name[instrument.name]
        if instrument.kind == "counter":
            made.add(amount, said)
        else:
            made.record(amount, said)


@define(eq=False)
class _Look:
    """What a gauge shows when it is read."""

    measures: Measures
    gauge: Instrument

    def __call__(self, options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        return list(self._shown())

    def _shown(self) -> Iterator[metrics.Observation]:
        for one, labels, count in self.measures.now():
            if one is self.gauge:
                yield metrics.Observation(count, dict(zip(one.labels, labels, strict=True)))


def _called(instrument: Instrument) -> str:
    return f"detent.{instrument.name}"
