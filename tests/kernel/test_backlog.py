"""What has no entries yet: made when somebody reads it, byte for byte as if it had been made at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import Unstorable
from detent.kernel import (
    Committed,
    Head,
    Header,
    Loaded,
    MemoryJournal,
    Recorded,
    Recorder,
    Snapshot,
    Verdict,
    Write,
    begin,
    compile_machine,
    frame_of,
    scribe_of,
    step,
)
from detent.kernel.backlog import Backlog, Taken, after
from detent.kernel.facts import but
from detent.kernel.wire import Tree
from detent.tools.testing.contracts import check_journal
from detent.tools.testing.contracts.diary import done
from tests.kernel.replayer.runs import Recording, recordings
from tests.kernel.scheduler.toys import Add, Data, counting
from tests.settings import times

NOTES: tuple[Tree, ...] = ({"$noted": [1, "half"]}, {"$recovered": {"epoch": 2}})


@frozen
class Story:
    """What happened to a run, as it is put into a backlog."""

    recording: Recording
    recorder: Recorder
    taken: tuple[Taken, ...]

    def header(self) -> Header:
        """The header of the run; the same each time."""
        return self.recorder.header("run", 0)

    def at_once(self) -> list[Recorded]:
        """The entries, each made when it happened."""
        header = self.recorder.header("run", 0)
        backlog = Backlog(self.recorder, header)
        backlog.open()
        head, made = backlog.head, list[Recorded]()
        for one in self.taken:
            made.append(one.recorded(self.recorder, backlog.header, head))
            head = made[-1].head
        return made


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A run of a generated machine, with keys and notes in between."""
    recording = draw(recordings())
    large = draw(st.sampled_from([65_536, 30]))
    recorder = Recorder(recording.table, large=large)
    taken: list[Taken] = []
    before: Snapshot[Any] | None = None
    noted = 0
    for place, stepped in enumerate(recording.entries):
        key = draw(st.none() | st.just(f"k{place}"))
        after = but(stepped.snapshot, seq=stepped.snapshot.seq + noted)
        changed: Any = stepped
        answer = but(changed, snapshot=after)
        input = recording.walk.input
        taken.append(Taken(before, answer, None if before is None else key, input, at=after.at))
        before = after
        if draw(st.sampled_from([False, False, True])):
            note = draw(st.sampled_from(NOTES))
            taken.append(Taken(before, None, note=note, at=before.at))
            before = but(before, seq=before.seq + 1)
            noted += 1
    return Story(recording, recorder, tuple(taken))


def bodies(recorded: Sequence[Recorded]) -> list[Any]:
    """All that is stored of entries."""
    return [
        (
            one.entry.seq,
            one.entry.hash,
            one.entry.body,
            one.entry.key,
            one.head,
            one.beside,
            one.under,
            None if one.checkpoint is None else (one.checkpoint.hash, one.checkpoint.body),
        )
        for one in recorded
    ]


@settings(max_examples=times(150))
@given(stories(), st.data())
def test_entries_are_the_same_whenever_they_are_made(story: Story, data: st.DataObject) -> None:
    backlog = Backlog(story.recorder, story.header())
    made: list[Recorded] = []
    for one in story.taken:
        backlog.taken.append(one)
        if data.draw(st.booleans(), "read"):
            made += backlog.sealed()
    made += backlog.sealed()

    assert bodies(made) == bodies(story.at_once())
    assert backlog.taken == []
    assert list(backlog.sealed()) == []


@settings(max_examples=times(100))
@given(stories(), st.data())
def test_a_journal_gives_a_run_of_a_backlog_as_one_that_was_written_at_once(
    story: Story, data: st.DataObject
) -> None:
    late, once = MemoryJournal(), MemoryJournal()
    header = story.header()
    backlog = Backlog(story.recorder, header)
    after = None
    for one, recorded in zip(story.taken, story.at_once(), strict=True):
        first = after is None
        made: Write = Write("run", 0, after, (recorded.entry,))
        made = but(made, beside=(*recorded.beside, *recorded.under))
        made = but(made, checkpoint=recorded.checkpoint)
        kept = Write("run", 0, None if first else (recorded.entry.seq - 1, ""), later=(one,))
        if first:
            written = Backlog(story.recorder, story.header()).open()
            made = but(made, header=written)
            kept = but(kept, header=header, backlog=backlog)
        assert all_committed(done(once.append([made])))
        assert all_committed(done(late.append([kept])))
        after = (recorded.entry.seq, recorded.entry.hash)
        if data.draw(st.booleans(), "look"):
            assert stored(late) == stored(once)

    assert stored(late) == stored(once)


def all_committed(verdicts: Sequence[Verdict]) -> bool:
    """Whether everything was written."""
    return all(isinstance(one, Committed) for one in verdicts)


def stored(journal: MemoryJournal) -> Any:
    """All that a journal gives of the run."""
    loaded: Loaded | None = done(journal.load("run"))
    assert loaded is not None
    entries = done(journal.entries("run"))
    assert done(journal.holds("run", *loaded.head))
    keys = {one.key: done(journal.taken("run", one.key)) for one in entries if one.key}
    checkpoint = None if loaded.checkpoint is None else loaded.checkpoint.body
    return (
        [(one.body, one.hash) for one in entries],
        loaded.head,
        loaded.header.hash,
        checkpoint,
        dict(loaded.beside),
        frame_of(loaded),
        keys,
    )


def test_what_cannot_be_written_stays_where_it_is() -> None:
    table = compile_machine(counting())
    recorder = Recorder(table)
    backlog = Backlog(recorder, recorder.header("run", 0))
    begun = begin(table, Data())
    bad: Any = "many"
    steps: list[Any] = [begun]
    for number in (1, bad, 1):
        steps.append(step(table, but(steps[-1].snapshot, data=Data()), Add(number)))
    good = step(table, begun.snapshot, Add(1))
    worse = but(good, snapshot=but(good.snapshot, seq=3, data=Data(n=bad)))
    backlog.taken += [
        Taken(None, begun, input=Data()),
        Taken(begun.snapshot, good),
        Taken(good.snapshot, worse),
        Taken(worse.snapshot, None, note={"$noted": [1, 1]}),
    ]

    made: list[int] = []
    for _ in range(2):
        with pytest.raises(Unstorable, match="many"):
            made.extend(one.entry.seq for one in backlog.sealed())

    assert made == [1, 2]
    assert [after(one).seq for one in backlog.taken] == [3, 4]


def test_a_skipped_beginning_is_a_checkpoint() -> None:
    table = compile_machine(counting())
    recorder = Recorder(table)
    backlog = Backlog(recorder, recorder.header("run", 0))
    steps: list[Any] = [begin(table, Data())]
    backlog.taken.append(Taken(None, steps[0], input=Data()))
    for _ in range(5):
        before = steps[-1].snapshot
        steps.append(step(table, before, Add()))
        backlog.taken.append(Taken(before, steps[-1]))

    first = backlog.first()
    made, beside = backlog.skip(3)

    assert (first.entry.seq, made.seq, beside) == (1, 3, ())
    assert scribe_of(table).snapshot(made.frame) == steps[2].snapshot
    assert [one.entry.seq for one in backlog.sealed()] == [4, 5, 6]
    assert backlog.head.hash != Head(made.hash).hash


# -- the contract of journals, with everything written into backlogs


@frozen
class Made:
    """An entry that was made already, as something that is to be made."""

    one: Recorded
    after: Snapshot[None]
    key: str | None

    def recorded(self, recorder: Recorder, header: Header, head: Head) -> Recorded:
        """See Taken."""
        return self.one


class LateJournal(MemoryJournal):
    """A journal that is given every entry of a run that began here as one that is to be made later.

    A writer who follows something else is told so by the hash, which is not compared where entries are made later.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heads: dict[str, tuple[int, str]] = {}

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        verdicts = await super().append([self._late(write) for write in batch])
        return tuple([await self._whole(*pair) for pair in zip(batch, verdicts, strict=True)])

    def _late(self, write: Write) -> Write:
        is_new = write.header is not None and write.header.origin is None
        follows = is_new or write.after == self.heads.get(write.run)
        if not (write.entries and follows and (is_new or self.backlog(write.run) is not None)):
            return write
        recorder: Any = None
        backlog = Backlog(recorder, write.header) if write.header is not None else None
        later: Any = tuple(_made(write, place) for place in range(len(write.entries)))
        return but(write, entries=(), checkpoint=None, beside=(), later=later, backlog=backlog)

    async def _whole(self, write: Write, verdict: Verdict) -> Verdict:
        if isinstance(verdict, Committed) and not verdict.hash:
            loaded = await self.load(write.run)
            assert loaded is not None
            verdict = Committed(*loaded.head)
        if isinstance(verdict, Committed):
            self.heads[write.run] = (verdict.seq, verdict.hash)
        return verdict


def _made(write: Write, place: int) -> Made:
    entry = write.entries[place]
    made = write.checkpoint
    checkpoint = made if made is not None and made.seq == entry.seq else None
    is_last = place == len(write.entries) - 1
    beside = write.beside if is_last else ()
    now: Any = None
    recorded = Recorded(now, entry, Head(entry.hash), beside, checkpoint)
    return Made(recorded, Snapshot((), None, entry.seq), entry.key)


def late(path: Path) -> MemoryJournal:
    """A journal of runs that have no entries yet."""
    return LateJournal()


def test_runs_that_have_no_entries_yet_are_all_that_a_journal_promises() -> None:
    check_journal(late, examples=times(60))
