"""Machines, providers and trees of spans for tests of telemetry."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import define, evolve, field, frozen
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from detent import (
    Call,
    Effect,
    Event,
    Final,
    Machine,
    On,
    Retry,
    Returned,
    Spawn,
    State,
    Wait,
)
from detent.kernel import Entry, Header, Listener, Telling, lore_from, read_log, telling_of
from detent.kernel.table import Outline
from detent.tools.telemetry.ids import Ids

__all__ = [
    "Dig",
    "Ear",
    "Errand",
    "Look",
    "Recall",
    "Trace",
    "asked",
    "digging",
    "errand",
    "id_of",
    "told_again",
]


@frozen
class Look(Effect[int], recovery="idempotent"):
    """Look for something."""

    place: str = ""


@frozen
class Dig(Effect[int], recovery="idempotent"):
    """Dig it out: hard work, for a thread."""

    depth: int = 0


@frozen
class Recall(Event):
    """Come home."""


@frozen
class Errand:
    """What is looked for, and what was found."""

    place: str = "here"
    found: int = 0

    def look(self) -> Look:
        """Where it may be."""
        return Look(self.place)

    def dig(self) -> Dig:
        """As deep as it takes."""
        return Dig(self.found)

    def below(self) -> "Errand":
        """What a child is sent for."""
        return Errand(f"below {self.place}", self.found + 1)

    def hear(self, event: Returned[int]) -> "Errand":
        """What was found."""
        return evolve(self, found=event.value)


look = Call(Look, Errand.look, retry=Retry(attempts=3, base=1.0, jitter=0.0))
dig = Call(Dig, Errand.dig)
digging = Machine(
    "digging",
    State("at work", On(dig.returned | dig.unreturned, to="done"), do=dig),
    Final("done"),
    data=Errand,
)
below = Spawn(digging, Errand.below)
asked: Wait[Errand, bool] = Wait(bool, "Is it worth it?")
errand = Machine(
    "errand",
    State(
        "outside",
        On(look.unreturned, to="home"),
        State("looking", On(look.returned, to="asking", update=Errand.hear), do=look),
        State("asking", On(asked.returned, to="digging"), On(Recall, to="home"), do=asked),
        State("digging", On(below.ended, to="home"), do=below),
    ),
    Final("home"),
    data=Errand,
)


class Ear(Listener):
    """A listener that keeps what it is told."""

    def __init__(self, knows: bool = True) -> None:
        self.tellings: list[Telling] = []
        self._knows = knows

    def told(self, telling: Telling) -> None:
        """See Listener."""
        self.tellings.append(telling)

    def knows(self, run: str, seq: int) -> bool:
        """See Listener."""
        return self._knows


@define(eq=False)
class Trace:
    """What was exported, as a tree; and a provider that exports into it."""

    exporter: InMemorySpanExporter = field(factory=InMemorySpanExporter)

    def provider(self, ids: Any = None) -> TracerProvider:
        """A provider like that of another process."""
        made = TracerProvider(id_generator=Ids() if ids is None else ids)
        made.add_span_processor(SimpleSpanProcessor(self.exporter))
        return made

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """Everything that was exported, by its beginning."""
        return sorted(self.exporter.get_finished_spans(), key=_beginning)

    def named(self, name: str) -> ReadableSpan:
        """The one span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def orphans(self) -> list[str]:
        """The spans whose parent was never exported."""
        known = {id_of(span) for span in self.spans}
        return [
            span.name
            for span in self.spans
            if span.parent is not None and span.parent.span_id not in known
        ]

    def facts(self) -> list[tuple[Any, ...]]:
        """What each span is: its id, that of its parent, its name, its times, and how it ended."""
        return [
            (
                id_of(span),
                0 if span.parent is None else span.parent.span_id,
                span.name,
                span.start_time,
                span.end_time,
                str((span.attributes or {}).get("detent.outcome")),
            )
            for span in self.spans
        ]

    def traces(self) -> int:
        """How many traces there are."""
        return len({place_of(span).trace_id for span in self.spans})

    def drawn(self) -> list[str]:
        """The tree as lines, what is inside something set in."""
        return list(self._drawn(None, 0))

    def _drawn(self, around: int | None, depth: int) -> Iterable[str]:
        for span in self.spans:
            if (None if span.parent is None else span.parent.span_id) == around:
                yield f"{'  ' * depth}{span.name}"
                yield from self._drawn(id_of(span), depth + 1)


def told_again(lines: Iterable[bytes]) -> Iterator[Telling]:
    """What a log tells, read by somebody who has nothing but the log."""
    outlines: dict[str, Outline] = {}
    headers: dict[str, Header] = {}
    last: dict[str, Telling] = {}
    for line in read_log(lines):
        what = line.what
        if isinstance(what, Outline):
            outlines[what.digest] = what
        elif isinstance(what, Header):
            headers[what.run] = what
        elif isinstance(what, Entry):
            header = headers[line.run]
            before = last[line.run].after if line.run in last else None
            lore = lore_from(outlines[header.shape])
            last[line.run] = telling_of(header, what, before, lore)
            yield last[line.run]


def id_of(span: ReadableSpan) -> int:
    """The id of a span."""
    return place_of(span).span_id


def place_of(span: ReadableSpan) -> SpanContext:
    """The ids of a span."""
    place = span.get_span_context()
    assert place is not None
    return place


def _beginning(span: ReadableSpan) -> tuple[int, int]:
    return span.start_time or 0, -(span.end_time or 0)
