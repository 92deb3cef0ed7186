"""Runs as a kernel writes them into a journal that has backlogs: their entries are made when somebody reads them."""

from typing import Any

from attrs import define

from detent.kernel import (
    Committed,
    Header,
    MemoryJournal,
    Recorder,
    Signal,
    Snapshot,
    Standing,
    Verdict,
    Write,
    begin,
    step,
)
from detent.kernel.backlog import Backlog, Taken
from detent.kernel.facts import but
from detent.tools.testing.contracts.diary import RECORDER, TABLE, Diary, done, stands

__all__ = ["Lazy"]


@define(eq=False)
class Lazy:
    """A run whose entries wait to be made."""

    journal: MemoryJournal
    run: str = "a"
    data: Diary = Diary()
    recorder: Recorder = RECORDER
    now: Snapshot[Diary] = Snapshot((), Diary())

    def begin(self) -> "Lazy":
        """Begin the run."""
        header: Header = self.recorder.opening(self.run)
        begun = begin(TABLE, self.data)
        taken = (Taken(None, begun, None, self.data),)
        outlines = (TABLE.shape_outline, TABLE.rules_outline)
        backlog = Backlog(self.recorder, header)
        self.write(None, taken, header=header, outlines=outlines, backlog=backlog)
        self.now = begun.snapshot
        return self

    def take(self, *signals: Signal, key: str | None = None) -> "Lazy":
        """Let things happen, each in a write of its own."""
        for signal in signals:
            stepped = step(TABLE, self.now, signal)
            if stepped.snapshot.seq == self.now.seq:
                raise AssertionError(f"{stepped} is no entry")
            taken = (Taken(self.now, stepped, key),)
            self.write((self.now.seq, ""), taken, standing=stands(stepped.snapshot))
            self.now = stepped.snapshot
        return self

    def note(self, text: str) -> "Lazy":
        """Something that changes nothing."""
        self.write((self.now.seq, ""), (Taken(self.now, None, note={"$said": text}),))
        self.now = but(self.now, seq=self.now.seq + 1)
        return self

    def write(self, after: tuple[int, str] | None, later: tuple[Taken, ...], **more: Any) -> None:
        """Write; it is expected to be taken."""
        more = {"standing": Standing(), **more}
        write = Write(self.run, 0, after, later=later, **more)
        (verdict,) = done(self.journal.append([write]))
        said: Verdict = verdict
        if not isinstance(said, Committed):
            raise AssertionError(f"{said} instead of being written")
