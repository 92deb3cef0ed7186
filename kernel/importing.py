"""Runs out of a run log, into a journal: as if they had always been there.

Rule 1: a log is brought in whole or not at all, and not before all of it was read and checked.
Rule 2: nobody's code is needed. What a run is, and how it stands, is read off its entries and off what the log says of
        its machine.
Rule 3: what a log does not hold is not made up: what waited in an inbox is not in it. Only the news of a child that is
        over is sent again to the run around it that has not heard it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, evolve, field

from detent.kernel.applying import Folding
from detent.kernel.edits import BadEdit
from detent.kernel.endings import news
from detent.kernel.entries import Checkpoint, Entry, Header, chained, machine_after
from detent.kernel.errors import DamagedLog, RunExists, StoreFailed, Unreadable, WrongInput
from detent.kernel.facts import but
from detent.kernel.frames import MADE_UP, Frame, opened, reading, whole
from detent.kernel.journal import (
    Committed,
    Conflict,
    Delivery,
    Fenced,
    Journal,
    RunStatus,
    Standing,
    Unconfirmed,
    Verdict,
    Write,
)
from detent.kernel.runlog import Line, Torn, read_log
from detent.kernel.scribe import EMPTY
from detent.kernel.standings import awaited, standing_at
from detent.kernel.table import Outline
from detent.kernel.vault import Beside, stowed
from detent.kernel.wire import spelled

__all__ = ["bring_in"]

SMALL = 16_384  # bytes: what follows a checkpoint is read in one piece anyway

Outlines = Mapping[str, Outline]


async def bring_in(journal: Journal, lines: Iterable[bytes]) -> tuple[str, ...]:
    """Put all runs of a log into a journal, whole or not at all: their ids, in the order of the log.

    Whoever opens the journal takes them up. Raises DamagedLog and Unreadable if the log is not what a kernel writes,
    RunExists if one of the runs is there already, and WrongInput if part of a family is missing.
    """
    with reading("the log"):
        family = _Family()
        for line in read_log(lines):
            family.take(line)
        writes = tuple(family.writes())
    runs = [write.run for write in writes]
    there = sorted(await journal.machines(runs))
    if there:
        raise RunExists(f"run {there[0]!r} is there already: nothing was brought in")
    await _written(journal, writes)
    return tuple(runs)


async def _written(journal: Journal, writes: Sequence[Write]) -> None:
    """Write all of it, whoever may have claimed one of the runs before there was any. Raises RunExists, StoreFailed."""
    verdicts = await journal.append(writes)
    while any(isinstance(verdict, Fenced) for verdict in verdicts):
        pairs = zip(writes, verdicts, strict=True)
        writes = [but(one, epoch=_epoch(one, verdict)) for one, verdict in pairs]
        verdicts = await journal.append(writes)
    refused = [
        (write.run, verdict)
        for write, verdict in zip(writes, verdicts, strict=True)
        if not isinstance(verdict, Committed) and not await _is_there(journal, write, verdict)
    ]
    for run, verdict in refused:
        if isinstance(verdict, Conflict) and verdict.kind == "exists":
            raise RunExists(f"run {run!r} is there already: nothing was brought in")
    if refused:
        raise StoreFailed(f"run {refused[0][0]!r} was not brought in: {refused[0][1]!r}")


def _epoch(write: Write, verdict: Verdict) -> int:
    return verdict.epoch if isinstance(verdict, Fenced) else write.epoch


async def _is_there(journal: Journal, write: Write, verdict: Verdict) -> bool:
    """Whether something was written of which nobody knew."""
    if not isinstance(verdict, Unconfirmed):
        return False
    if write.entries:
        return await journal.holds(write.run, write.entries[-1].seq, write.entries[-1].hash)
    return await journal.opening(write.run) is not None


# -- what the lines hold


@define(eq=False)
class _Coming:
    """A run as far as its lines have been read."""

    header: Header
    number: int
    folding: Folding
    digests: tuple[str, str]
    opening: Checkpoint | None = None
    entries: list[Entry] = field(factory=list[Entry])
    checkpoint: Checkpoint | None = None
    beside: dict[str, Beside] = field(factory=dict[str, Beside])

    @property
    def run(self) -> str:
        """Its id."""
        return self.header.run

    @property
    def head(self) -> tuple[int, str]:
        """The number and the hash of its last line."""
        last = self.entries[-1] if self.entries else self.opening
        return (0, "") if last is None else (last.seq, last.hash)

    @property
    def frame(self) -> Frame:
        """What it has come to."""
        frame = self.folding.frame()
        if self.entries:
            frame["seq"], frame["at"] = self.entries[-1].seq, self.entries[-1].at
        return frame

    def take(self, line: Line, what: Entry | Checkpoint) -> None:
        """Its next line. Raises DamagedLog."""
        self.beside |= line.beside
        try:
            if isinstance(what, Checkpoint):
                self._mark(opened(what, line.beside), what)
                return
            entry = whole(what, line.beside)
            self.folding.follow(entry.delta, entry.event, entry.at)
            self.digests = machine_after(entry, self.digests)
            self.entries.append(what)
        except (*MADE_UP, BadEdit, Unreadable) as error:
            why = f"it does not fit what comes before it: {error}"
            raise DamagedLog(line.number, self.run, what.seq, why) from None

    def _mark(self, frame: Frame, made: Checkpoint) -> None:
        """A checkpoint: what a fork begins with, or what its entries make."""
        if self.header.origin is not None and self.opening is None and not self.entries:
            self.opening, self.folding = made, Folding(frame)
        elif spelled(frame) != spelled(self.frame):
            raise Unreadable("its checkpoint is another frame than the entries before it make")
        else:
            self.checkpoint = made

    def marked(self) -> "_Coming":
        """The same with a checkpoint, if there is much to read without."""
        start = 0 if self.checkpoint is None else self.checkpoint.seq
        last = b"" if self.checkpoint is None else self.checkpoint.body
        unread = len(last) + sum(len(one.body) for one in self.entries if one.seq > start)
        if unread <= SMALL or self.opening is not None:
            return self
        beside: dict[str, Beside] = {}
        seq, hash = self.head
        frame: Any = stowed(self.frame, None, beside)
        body = spelled({"seq": seq, "frame": frame})
        if unread <= 2 * len(body):
            return self
        made = Checkpoint(seq, frame, body=body, hash=chained(hash, body))
        return evolve(self, checkpoint=made, beside=self.beside | beside)


class _Family:
    """The runs of a log, and what their machines were."""

    def __init__(self) -> None:
        self.runs: dict[str, _Coming] = {}
        self.outlines: dict[str, Outline] = {}

    def take(self, line: Line) -> None:
        """The next line. Raises DamagedLog."""
        what = line.what
        if isinstance(what, Torn):
            raise DamagedLog(line.number, "", None, "the last line was not written to its end")
        if isinstance(what, Outline):
            self.outlines[what.digest] = what
        elif isinstance(what, Header):
            digests = what.shape, what.rules
            self.runs[what.run] = _Coming(what, line.number, Folding(EMPTY), digests)
        elif isinstance(what, Entry | Checkpoint):
            self.runs[line.run].take(line, what)

    def writes(self) -> Iterator[Write]:
        """What is to be written. Raises DamagedLog, and WrongInput if something is missing."""
        if not self.runs:
            raise WrongInput("there is no run in this log")
        for coming in self.runs.values():
            self._check(coming)
        for coming in self.runs.values():
            yield self._write(coming.marked())

    def _check(self, coming: _Coming) -> None:
        """See to it that a run, and what it needs, is all there."""
        run, seq = coming.run, coming.head[0]
        if coming.header.origin is not None and coming.opening is None:
            why = "the run is a fork, and what it begins with is missing"
            raise DamagedLog(coming.number, run, 0, why)
        if not seq:
            raise DamagedLog(coming.number, run, 0, "the run has no entries")
        parent = run.rpartition("/")[0]
        if parent and parent not in self.runs:
            raise WrongInput(
                f"run {run!r} is a child, and {parent!r} is not in this log: bring in all of the "
                "family, or a fork of the child, which has a name of its own"
            )
        if not _is_over(coming.frame):
            self._check_living(coming)

    def _check_living(self, coming: _Coming) -> None:
        """See to it that a run that goes on can be told from its log alone, and finds its children."""
        for digest in coming.digests:
            if digest not in self.outlines:
                raise WrongInput(
                    f"run {coming.run!r} goes on, and this log does not say what its machine was: "
                    f"there is no outline {digest}"
                )
        for child, has_begun in self._children(coming):
            if has_begun and child not in self.runs:
                raise WrongInput(
                    f"run {coming.run!r} waits for run {child!r}, which is not in this log: bring "
                    "in all of the family"
                )

    def _children(self, coming: _Coming) -> Iterator[tuple[str, bool]]:
        for id, has_begun in awaited(coming.frame, self.outlines[coming.digests[0]]):
            yield f"{coming.run}/{id}", has_begun

    def _write(self, coming: _Coming) -> Write:
        header, digests = coming.header, coming.digests
        return Write(
            coming.run,
            0,
            None,
            tuple(coming.entries),
            header,
            coming.opening or coming.checkpoint,
            self._standing(coming),
            tuple(coming.beside.values()),
            tuple(self.outlines.values()),
            sends=tuple(self._news(coming)),
            together="a family",
            became=None if digests == (header.shape, header.rules) else digests,
        )

    def _standing(self, coming: _Coming) -> Standing:
        end: Any = coming.frame["end"]
        if _is_over(coming.frame):
            status: RunStatus = end["status"]
            return Standing(status)
        shape, rules = (self.outlines[digest] for digest in coming.digests)
        return standing_at(coming.frame, shape, rules)

    def _news(self, coming: _Coming) -> Iterator[Delivery]:
        """What the run around a child that is over is to hear."""
        parent, _, id = coming.run.rpartition("/")
        above = self.runs.get(parent)
        end: Any = coming.frame["end"]
        if above is None or not _is_over(coming.frame) or _is_over(above.frame):
            return
        if coming.run in dict(self._children(above)):
            yield Delivery(parent, coming.run, {"$happened": [int(id), news(end)]})


def _is_over(frame: Frame) -> bool:
    """Whether a run has come to its end, with nothing in flight."""
    return frame["end"] is not None and not frame["effects"]
