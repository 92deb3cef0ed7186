"""Numbers for Prometheus, as text: the exposition format 0.0.4.

    metrics = Metrics()
    World(..., taps=[metrics])
    metrics.text()  # what GET /metrics answers, with CONTENT_TYPE

Rule 1: it may be asked in any thread, and by as many as like.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from threading import Lock

from attrs import define, field

from detent.tools.telemetry.counting import (
    BUCKETS,
    GAUGES,
    INSTRUMENTS,
    Counting,
    Instrument,
    Labels,
)

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@define
class _Measured:
    """What was measured of one set of labels: how many in each bucket, how many in all, and their sum."""

    buckets: list[int]
    count: int = 0
    sum: float = 0.0


@define(eq=False)
class _Numbers:
    """Everything that was counted and measured."""

    counted: dict[tuple[str, Labels], float] = field(factory=dict[tuple[str, Labels], float])
    measured: dict[tuple[str, Labels], _Measured] = field(
        factory=dict[tuple[str, Labels], _Measured]
    )


class Metrics(Counting):
    """Counts what is told, and says it as text."""

    def __init__(self, *, prefix: str = "detent", buckets: Iterable[float] = BUCKETS) -> None:
        super().__init__()
        self._prefix = prefix
        self._buckets = tuple(sorted(buckets))
        self._numbers = _Numbers()
        self._lock = Lock()

    def add(self, instrument: Instrument, labels: Labels, amount: float) -> None:
        """See Counting."""
        key = (instrument.name, labels)
        with self._lock:
            if instrument.kind == "counter":
                counted = self._numbers.counted
                counted[key] = counted.get(key, 0) + amount
                return
            one = self._numbers.measured.get(key)
            if one is None:
                one = self._numbers.measured[key] = _Measured([0] * len(self._buckets))
            one.count += 1
            one.sum += amount
            place = bisect_left(self._buckets, amount)
            if place < len(one.buckets):
                one.buckets[place] += 1

    def text(self) -> str:
        """All numbers, each with what it means."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for instrument in INSTRUMENTS.values():
            is_counter = instrument.kind == "counter"
            name = f"{self._prefix}_{instrument.name}{'_total' if is_counter else ''}"
            yield from _head(name, instrument)
            yield from (
                self._counted(name, instrument) if is_counter else self._measured(name, instrument)
            )
        now = list(self.now())
        for gauge in GAUGES.values():
            name = f"{self._prefix}_{gauge.name}"
            yield from _head(name, gauge)
            for one, labels, count in now:
                if one is gauge:
                    yield f"{name}{_labels(gauge.labels, labels)} {count}"

    def _counted(self, name: str, instrument: Instrument) -> Iterator[str]:
        for (counted, labels), count in sorted(self._numbers.counted.items()):
            if counted == instrument.name:
                yield f"{name}{_labels(instrument.labels, labels)} {_number(count)}"

    def _measured(self, name: str, instrument: Instrument) -> Iterator[str]:
        for (measured, labels), one in sorted(self._numbers.measured.items(), key=_key):
            if measured != instrument.name:
                continue
            bounds = [*map(_number, self._buckets), "+Inf"]
            for bound, count in zip(bounds, [*accumulate(one.buckets), one.count], strict=True):
                yield f"{name}_bucket{_labels((*instrument.labels, 'le'), (*labels, bound))} {count}"
            yield f"{name}_sum{_labels(instrument.labels, labels)} {_number(one.sum)}"
            yield f"{name}_count{_labels(instrument.labels, labels)} {one.count}"


def _key(item: tuple[tuple[str, Labels], _Measured]) -> tuple[str, Labels]:
    return item[0]


def _head(name: str, instrument: Instrument) -> Iterator[str]:
    said = instrument.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {said}"
    yield f"# TYPE {name} {instrument.kind}"


def _labels(names: Labels, values: Labels) -> str:
    pairs = zip(names, values, strict=True)
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs) + "}"


def _escaped(value: str) -> str:
    """A label's value: a backslash, a quote and a newline are escaped, and nothing else."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
