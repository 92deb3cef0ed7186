"""A log read from its beginning to its end: everything that is told of its runs, and what it adds up to.

Rule 1: nothing of the author's code is needed: what a log holds is enough.
Rule 2: a log that holds several runs is told in its own order: what children do stands between what caused it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, field, frozen

from detent.kernel import (
    CallFailed,
    CallFinished,
    CallStarted,
    ChildEnded,
    ChildStarted,
    Entry,
    Header,
    Instant,
    Key,
    Kinds,
    NoSuchRun,
    Outline,
    RunFinished,
    RunMigrated,
    RunStarted,
    StateEntered,
    StateLeft,
    Told,
    Torn,
    WaitClosed,
    WaitOpened,
    instants,
    kinds_from,
    read_log,
    tell,
)

__all__ = ["Performed", "Stay", "Timeline", "timeline"]


@frozen
class Stay:
    """A stay in a state: since when, and until when, if it was left."""

    state: str
    since: int
    until: int | None = None


@frozen
class Performed:
    """An effect: its attempts, how the last one ended, since when, and until when, if it has ended."""

    effect: int
    form: str
    attempts: int
    since: int
    until: int | None = None
    outcome: str = ""


@define
class Timeline:
    """All that a log tells of one run, and, between, of the runs inside it."""

    header: Header
    told: list[tuple[Told, int]] = field(factory=list[tuple[Told, int]])
    """What is told, with how deep the run is inside the first one."""
    stays: list[Stay] = field(factory=list[Stay])
    effects: dict[int, Performed] = field(factory=dict[int, Performed])
    frame: Any = field(factory=dict[str, Any])
    outline: Outline | None = None
    input: Any = None
    end: RunFinished | None = None
    is_torn: bool = False

    def take(self, told: Told, depth: int) -> None:
        """Something more is told."""
        self.told.append((told, depth))
        if told.run != self.header.run:
            return
        match told:
            case RunStarted(input=input):
                self.input = input
            case RunFinished():
                self.end = told
            case StateEntered(state=state, at=at):
                self.stays.append(Stay(state, at))
            case StateLeft(state=state, at=at):
                self._left(state, at)
            case _:
                self._effect(told)

    def _left(self, state: str, at: int) -> None:
        for place in range(len(self.stays) - 1, -1, -1):
            stay = self.stays[place]
            if stay.state == state and stay.until is None:
                self.stays[place] = Stay(state, stay.since, at)
                return

    def _effect(self, told: Told) -> None:
        match told:
            case CallStarted(effect=id, form=form, attempt=attempt):
                known = self.effects.get(id)
                since = told.at if known is None else known.since
                self.effects[id] = Performed(id, form, attempt, since)
            case ChildStarted(effect=id, form=form) | WaitOpened(effect=id, form=form):
                self.effects.setdefault(id, Performed(id, form, 1, told.at))
            case CallFinished(effect=id):
                self._ended(id, told.at, "returned")
            case CallFailed(effect=id):
                self._ended(id, told.at, told.problem)
            case WaitClosed(effect=id):
                self._ended(id, told.at, told.how)
            case ChildEnded(effect=id):
                self._ended(id, told.at, told.status)
            case _:
                pass

    def _ended(self, id: int, at: int, outcome: str) -> None:
        one = self.effects.get(id)
        if one is not None:
            self.effects[id] = Performed(id, one.form, one.attempts, one.since, at, outcome)


def timeline(lines: Sequence[bytes], run: str | None, key: Key | None) -> Timeline:
    """Read a log, of one run and of those inside it. Raises NoSuchRun if it is not there, and DamagedLog."""
    headers, outlines, order, torn = _scanned(lines)
    first = run or next(iter(headers), None)
    if first is None or first not in headers:
        there = ", ".join(map(repr, headers)) or "none"
        raise NoSuchRun(f"there is no run {first!r} in the log; there are {there}")
    made = Timeline(headers[first], is_torn=torn)
    inside = {one: _depth(first, one) for one in headers if _depth(first, one) is not None}
    readers = {one: _Reader(instants(lines, one, key), headers[one], outlines) for one in inside}
    if headers[first].origin is not None:
        readers[first].begin()
        began = headers[first].at
        made.stays = [Stay(name, began) for name in readers[first].frame["in"]]
    for one, _ in order:
        depth = inside.get(one)
        if depth is not None:
            for told in readers[one].next():
                made.take(told, depth)
    made.frame = readers[first].frame
    made.outline = outlines.get(readers[first].shape)
    return made


def _depth(first: str, run: str) -> int | None:
    """How deep a run is inside another; nothing if it is not."""
    if run == first:
        return 0
    return run[len(first) :].count("/") if run.startswith(f"{first}/") else None


def _scanned(
    lines: Sequence[bytes],
) -> tuple[dict[str, Header], dict[str, Outline], list[tuple[str, int]], bool]:
    """What a log holds: its runs, what their machines were, and its entries in their order."""
    headers: dict[str, Header] = {}
    outlines: dict[str, Outline] = {}
    order: list[tuple[str, int]] = []
    is_torn = False
    for line in read_log(lines):
        what = line.what
        if isinstance(what, Header):
            headers[line.run] = what
        elif isinstance(what, Outline):
            outlines[what.digest] = what
        elif isinstance(what, Entry):
            order.append((line.run, what.seq))
        is_torn = is_torn or isinstance(what, Torn)
    return headers, outlines, order, is_torn


@define
class _Reader:
    """One run of a log, entry by entry."""

    instants: Iterator[Instant]
    header: Header
    outlines: dict[str, Outline]
    frame: Any = None
    shape: str = field(init=False)
    kinds: Kinds = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._become(self.header.shape)

    def _become(self, shape: str) -> None:
        self.shape = shape
        outline = self.outlines.get(shape)
        self.kinds = {} if outline is None else kinds_from(outline)

    def begin(self) -> None:
        """Read the frame that a fork begins with."""
        self.frame = next(self.instants).frame

    def next(self) -> tuple[Told, ...]:
        """What its next entry tells."""
        now = next(self.instants)
        if now.entry is None:  # a fork begins with a frame
            self.frame = now.frame
            now = next(self.instants)
        assert now.entry is not None
        told = tell(self.frame, now.entry, now.frame, self.header.run, self.kinds)
        self.frame = now.frame
        for one in told:
            if isinstance(one, RunMigrated):
                self._become(one.shape[1])
        return told
