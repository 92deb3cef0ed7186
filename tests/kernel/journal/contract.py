"""A journal and its model, side by side: whatever is written, taken, sent, claimed and erased.

To hold another journal to it, derive from the class with another `make_journal` and, if that journal waits, another
`drive`; `TestCase` of the derived class is a test.

Writers are never told to stop: some own their runs no longer, some follow an entry that is not the last.
"""

from collections.abc import Coroutine, Sequence
from typing import Any

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from detent.kernel import (
    Beside,
    Cell,
    Committed,
    Conflict,
    Delivery,
    Fenced,
    Fork,
    Happened,
    Journal,
    NoSuchRun,
    RunStatus,
    Signal,
    Verdict,
    fork,
    frame_of,
)
from detent.kernel.wire import spelled
from tests.kernel.journal.model import Kept, Model
from tests.kernel.journal.toys import (
    KEY,
    LONG,
    SCRIBE,
    TABLE,
    Closed,
    Diary,
    Looked,
    Prepared,
    Read,
    Said,
    Told,
    Wiped,
    Writer,
    begun,
    done,
    forked,
    loaded_writer,
    sealed,
)

__all__ = ["JournalContract"]

RUNS = ("a", "b", "c", "d")
KEYS = ("k1", "k2", "k3")
CELLS = ("bank", "post")
STATUSES: tuple[RunStatus, ...] = ("running", "waiting", "ending", "inert", "completed")
READ_AT_ONCE = 16_384  # bytes that a load may always read
EVENTS: tuple[Signal, ...] = (
    Read(),
    Said("a"),
    Said("b" * LONG),
    Told("t"),
    Told("u" * LONG * 3),
    Wiped(),
    Closed(),
)
SAYING: tuple[Signal, ...] = (Said("c" * LONG), Said("d" * LONG), Said("e" * LONG * 3))
BURSTS: tuple[tuple[Signal, ...], ...] = (SAYING, SAYING * 2, (*SAYING, Read()), (Wiped(), *SAYING))

runs, keys, names = map(st.sampled_from, (RUNS, KEYS, CELLS))
words = st.sampled_from(("a", "b" * LONG, "c" * LONG * 3))
deliveries = st.builds(
    Delivery, runs, keys, words.map(lambda text: SCRIBE.write_signal(Said(text), ()))
)


class JournalContract(RuleBasedStateMachine):
    """Everything that a journal promises, against the model."""

    def make_journal(self) -> Journal:
        """The journal that is held to the model; to be given by whoever derives from this."""
        raise NotImplementedError

    def drive(self, waiting: Coroutine[Any, Any, Any]) -> Any:
        """What a call of the journal gives; here of one that never waits."""
        return done(waiting)

    def __init__(self) -> None:
        super().__init__()
        self.journal = self.make_journal()
        self.model = Model()
        self.writers: list[Writer] = []
        self.frames: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[bytes]] = {}
        self.seen: set[int] = set()
        self.erased: set[str] = set()

    # -- what is done to both

    @initialize()
    def begin_one(self) -> None:
        """There is nothing to see without a run."""
        self._append([begun("a")])

    @rule(data=st.data())
    def append(self, data: st.DataObject) -> None:
        """Runs begin, go on and are forked, side by side, some of them all or none."""
        batch: dict[str, Prepared] = {}
        for _ in range(data.draw(st.integers(1, 3), "writes")):
            made = self._prepared(data)
            if made is not None:
                together = data.draw(st.sampled_from((None, None, "x", "x", "y")), "together")
                batch[made.write.run] = evolve(made, write=evolve(made.write, together=together))
        self._append(list(batch.values()))

    @rule(given=st.lists(deliveries, max_size=3))
    def deliver(self, given: list[Delivery]) -> None:
        """Events come in from outside."""
        reasons = self.model.deliver(given)

        self._judge([one.run for one in given], reasons, self.drive(self.journal.deliver(given)))

    @rule(claimed=st.lists(runs, unique=True, max_size=2))
    def claim(self, claimed: list[str]) -> None:
        """Somebody owns runs from now on."""
        expected = {run: self.model.claim(run) for run in claimed}

        assert dict(self.drive(self.journal.claim(claimed))) == expected

    @rule(run=runs)
    def load(self, run: str) -> None:
        """Another writer comes, by what the journal says; what was erased it knows from elsewhere."""
        loaded = self.drive(self.journal.load(run))
        if loaded is not None and not self.erased:
            self.writers.append(loaded_writer(loaded, loaded.epoch))

    @precondition(lambda self: any(one.is_sealed for one in self.model.beside.values()))
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        """Sealed values are forgotten; large ones are not."""
        chosen = set(data.draw(st.lists(st.sampled_from(sorted(self.model.beside)), max_size=2)))
        gone = {digest for digest in chosen if self.model.beside[digest].is_sealed}

        assert self.drive(self.journal.erase([*chosen, "nothing"])) == len(gone)
        for digest in gone:
            del self.model.beside[digest]
        self.erased |= gone

    # -- what both must say

    @invariant()
    def runs_are_what_was_written(self) -> None:
        """Every run is loaded as the model has it, at the frame its last writer left it at."""
        for run in RUNS:
            loaded = self.drive(self.journal.load(run))
            kept = self.model.runs.get(run)
            assert (loaded is None) == (kept is None)
            if kept is not None:
                epoch = self.model.epochs.get(run, 0)
                assert (loaded.header, loaded.header.body) == (kept.header, kept.header.body)
                assert (loaded.epoch, loaded.standing) == (epoch, kept.standing)
                assert loaded.head == kept.head
                assert loaded.checkpoint == kept.newest
                assert loaded.entries == kept.unread
                assert kept.is_chained()
                self._is_at_its_frame(run, loaded)

    @invariant()
    def entries_are_read_in_pages(self) -> None:
        """Entries come back byte by byte, from any place on, as many as are wanted."""
        for run in RUNS:
            kept = self.model.runs.get(run)
            if kept is None:
                self._knows_nothing_of(run)
                continue
            entries = self.drive(self.journal.entries(run))
            assert [entry.body for entry in entries] == [entry.body for entry in kept.entries]
            for last in (kept.opening[0], *(entry.seq for entry in kept.entries)):
                later = kept.later(last)
                assert self.drive(self.journal.entries(run, last)) == later
                assert self.drive(self.journal.entries(run, last, 2)) == later[:2]
            self._holds_them(run, kept)

    @invariant()
    def keys_are_taken_once(self) -> None:
        """A key is free, waits, or has an entry; what waits is read in the order in which it came."""
        for run in RUNS:
            for key in KEYS:
                known = self.model.keys.get((run, key))
                assert self.drive(self.journal.taken(run, key)) == known
            box = self.drive(self.journal.inbox(run))
            assert list(box) == self.model.boxes.get(run, [])

    @invariant()
    def what_is_shared_is_there(self) -> None:
        """Cells, what lies beside the chains, and outlines."""
        cells = tuple(map(self.model.cell, CELLS))
        assert self.drive(self.journal.cells(CELLS)) == cells
        wanted = [*self.model.beside, *self.erased, "nothing"]
        found: dict[str, Beside] = dict(self.drive(self.journal.beside(wanted)))
        assert found == self.model.beside
        for outline in (TABLE.shape_outline, TABLE.rules_outline):
            known = self.model.outlines.get(outline.digest)
            assert self.drive(self.journal.outline(outline.digest)) == known

    @invariant()
    def runs_are_found(self) -> None:
        """The index says of every run how it stands, and is read in pages."""
        everything = tuple((run, kept.standing) for run, kept in sorted(self.model.runs.items()))
        assert self.drive(self.journal.find()) == everything
        for place in range(len(everything) + 1):
            last = everything[place - 1][0] if place else ""
            page = self.drive(self.journal.find(after=last, limit=1))
            assert page == everything[place : place + 1]
        for status in STATUSES:
            found = self.drive(self.journal.find(statuses=[status]))
            assert found == tuple(one for one in everything if one[1].status == status)

    # -- how

    def _prepared(self, data: st.DataObject) -> Prepared | None:
        """A new run, a fork, or what a writer has to write."""
        kind = data.draw(st.sampled_from(("go on",) * 6 + ("begin", "fork")), "kind")
        if kind == "begin":
            run = data.draw(runs, "new")
            return begun(run, self._epoch(data, run), Diary(("first",)))
        if kind == "fork":
            return self._forked(data)
        newest = st.sampled_from(self.writers[-1:])
        writer = data.draw(newest | st.sampled_from(self.writers), "writer")
        return self._going_on(data, writer)

    def _epoch(self, data: st.DataObject, run: str) -> int:
        late = data.draw(st.sampled_from((0, 0, 0, 1)), "late")
        return max(0, self.model.epochs.get(run, 0) - late)

    def _forked(self, data: st.DataObject) -> Prepared | None:
        parent = data.draw(st.sampled_from(sorted(self.logs)), "parent")
        run = data.draw(runs.filter(lambda run: run != parent), "fork")
        kept = self.model.runs[parent]
        seq = data.draw(st.integers(kept.opening[0] or 1, kept.head[0]), "at")
        if seq == kept.head[0] and kept.standing.status == "completed":
            return None
        made: Fork = fork(self.logs[parent], seq, run, of=parent, key=KEY)
        return forked(made, self._epoch(data, run))

    def _going_on(self, data: st.DataObject, writer: Writer) -> Prepared:
        box = self.model.boxes.get(writer.run, [])
        waiting = st.integers(0, min(2, len(box)))
        taken = [*reversed(box)][: data.draw(waiting, "taken")]
        signals: list[tuple[Signal, str | None]] = [
            (SCRIBE.read_signal(one.event, ()), one.key) for one in taken
        ]
        if data.draw(st.booleans(), "much"):
            signals += [(one, None) for one in data.draw(st.sampled_from(BURSTS))]
        events = st.tuples(st.sampled_from(EVENTS), st.none() | keys)
        signals += data.draw(st.lists(events, max_size=3), "events")
        outcome = [Happened(flight.id, Looked()) for flight in writer.now.effects]
        if outcome and data.draw(st.sampled_from((True, True, False)), "looked"):
            signals = [(outcome[0], None), *signals]
        takes = [one.number for one in taken]
        takes += data.draw(st.sampled_from(([],) * 6 + ([10_000], takes[:1])), "more takes")
        return writer.take(
            *signals,
            takes=tuple(takes),
            sends=tuple(data.draw(st.lists(deliveries, max_size=1), "sends")),
            cells=tuple(self._cell(data, name) for name in data.draw(st.sets(names), "cells")),
        )

    def _cell(self, data: st.DataObject, name: str) -> Cell:
        late = data.draw(st.sampled_from((0, 0, 0, 1)), "late")
        return Cell(name, data.draw(st.integers(0, 9)), self.model.cell(name).version - late)

    def _append(self, batch: list[Prepared]) -> None:
        writes = [made.write for made in batch]
        reasons = self.model.judge(writes)

        verdicts = self.drive(self.journal.append(writes))

        self._judge([write.run for write in writes], reasons, verdicts)
        for made, verdict in zip(batch, verdicts, strict=True):
            if isinstance(verdict, Committed):
                run, writer = made.write.run, made.writer
                assert verdict == Committed(*writer.after)
                self.writers.append(writer)
                self.frames[run] = SCRIBE.frame(writer.now)
                self.logs.setdefault(run, []).extend(made.lines)

    def _judge(
        self, named: Sequence[str], reasons: Sequence[set[str]], verdicts: Sequence[Verdict]
    ) -> None:
        """A verdict must be one of those that are right, and say where the run is."""
        for run, why, verdict in zip(named, reasons, verdicts, strict=True):
            kept = self.model.runs.get(run)
            where = (0, "") if kept is None else kept.head
            if "fenced" in why:
                assert verdict == Fenced(self.model.epochs.get(run, 0))
            elif why:
                assert isinstance(verdict, Conflict)
                assert verdict.kind in why
                assert (verdict.seq, verdict.hash) == where
            else:
                assert verdict == Committed(*where)
        self._learn_numbers()

    def _learn_numbers(self) -> None:
        """Numbers are the journal's own: each is new, and higher than those before it in its box."""
        for run, box in self.model.boxes.items():
            here = self.drive(self.journal.inbox(run))
            fresh = {one.number for one in here} - {one.number for one in box}
            assert not fresh & self.seen
            assert [one.number for one in here] == sorted(one.number for one in here)
            self.seen |= fresh
            numbers = iter([one.number for one in here if one.number in fresh])
            for place, one in enumerate(box):
                if not one.number:
                    box[place] = evolve(one, number=next(numbers, 0))

    def _is_at_its_frame(self, run: str, loaded: Any) -> None:
        frame = self.frames[run]
        assert frame_of(loaded) == sealed(frame)
        if not self.erased:
            assert frame_of(loaded, KEY) == frame
            size = 0 if loaded.checkpoint is None else len(loaded.checkpoint.body)
            size += sum(len(one.body) for one in loaded.beside.values())
            assert loaded.unread == size + sum(len(entry.body) for entry in loaded.entries)
            assert loaded.unread <= READ_AT_ONCE + 2 * len(spelled(frame))

    def _knows_nothing_of(self, run: str) -> None:
        assert not self.drive(self.journal.holds(run, 1, "00"))
        try:
            self.drive(self.journal.entries(run))
        except NoSuchRun:
            return
        raise AssertionError(f"there are entries of {run!r}, which is not there")

    def _holds_them(self, run: str, kept: Kept) -> None:
        for entry in kept.entries:
            assert self.drive(self.journal.holds(run, entry.seq, entry.hash))
            assert not self.drive(self.journal.holds(run, entry.seq + 1, entry.hash))
            assert not self.drive(self.journal.holds(run, entry.seq - 1, entry.hash))
        seq, last = kept.head
        assert not self.drive(self.journal.holds(run, seq + 1, last))
