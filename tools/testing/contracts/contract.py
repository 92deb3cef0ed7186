"""A journal and its model, side by side: whatever is written, taken, sent, claimed, erased, found and opened again.

Writers are never told to stop: some own their runs no longer, some follow an entry that is not the last.
The file is long because one machine does all that is done to a journal.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from detent.kernel import (
    Cell,
    Committed,
    Conflict,
    Delivery,
    Fenced,
    Fork,
    Happened,
    Signal,
    Standing,
    Verdict,
    but,
    fork,
    seals_in,
)
from detent.tools.testing.contracts.answers import CELLS, KEYS, RUNS, Answers
from detent.tools.testing.contracts.asked import DUES, EACH_ALONE, MACHINES, SHAPES, STATUSES, Asked
from detent.tools.testing.contracts.diary import (
    KEY,
    LONG,
    PAD,
    RECORDER,
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
    forked,
    loaded_writer,
    posted,
)
from detent.tools.testing.contracts.loops import Make, Opened, appended
from detent.tools.testing.contracts.model import Model, Wanted

__all__ = ["JournalContract"]

STANDINGS = (
    Standing("parked", 10),
    Standing("waiting", 20),
    Standing("ending", None, True),
    Standing("running", 10, True, True),
    Standing("completed"),
    Standing("changed"),
)
BECAME = (("a new shape", "new rules"), (TABLE.shape, "other rules"))
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
said = st.builds(Said, words) | st.builds(Told, st.sampled_from(("by post", "x" * LONG)))
deliveries = st.builds(posted, runs, keys, said)

wanteds = st.builds(
    Wanted,
    due_by=st.none() | st.sampled_from(DUES),
    in_flight=st.none() | st.booleans(),
    held=st.none() | st.booleans(),
    mail=st.none() | st.booleans(),
    statuses=st.just(()) | st.lists(st.sampled_from(STATUSES), max_size=3).map(tuple),
    machines=st.just(()) | st.sampled_from(MACHINES),
    shapes=st.just(()) | st.sampled_from((SHAPES[:1], SHAPES[1:], SHAPES[:2], ("none",))),
    after=st.sampled_from(("", "a", "b", "bb")),
    limit=st.sampled_from((1, 2, 1000)),
)


class JournalContract(RuleBasedStateMachine):
    """Everything that a journal promises, against the model."""

    make_one: Make
    """What makes a store, or a journal, in a directory; to be given by whoever derives from this."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(prefix="journal-")
        self.heard: list[str] = []
        self.is_prompt = False
        self.open()
        self.model = Model()
        self.writers: list[Writer] = []
        self.latest: dict[str, Writer] = {}
        self.frames: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[bytes]] = {}
        self.seen: set[int] = set()
        self.erased: set[str] = set()

    def open(self) -> None:
        """Open what there is in the directory."""
        self.opened = Opened(self.make_one, Path(self.folder.name))
        self.journal, self.drive = self.opened.journal, self.opened.drive
        self.journal.listen(self.heard.append)

    def teardown(self) -> None:
        """See RuleBasedStateMachine."""
        self.opened.close()
        self.folder.cleanup()

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
                batch[made.write.run] = evolve(made, write=but(made.write, together=together))
        self._append(list(batch.values()))

    @rule(data=st.data())
    def append_again(self, data: st.DataObject) -> None:
        """The same: it is what is done most."""
        self.append(data)

    @rule(given=st.lists(deliveries, max_size=3))
    def deliver(self, given: list[Delivery]) -> None:
        """Events come in from outside."""
        reasons = self.model.deliver(given)
        self.heard.clear()

        self._judge([one.run for one in given], reasons, self.drive(self.journal.deliver(given)))

        pairs = zip(given, reasons, strict=True)
        assert self.heard == [one.run for one, why in pairs if not why]

    @precondition(lambda self: self.opened.is_kept)
    @rule(is_cut=st.booleans())
    def open_again(self, is_cut: bool) -> None:
        """It is closed, and somebody opens what it has kept."""
        self.opened.close(is_cut)
        self.open()

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

    @rule(wanted=wanteds)
    def find(self, wanted: Wanted) -> None:
        """Runs are asked for by how they stand, page by page too, and for when something is due."""
        self.drive(Asked(self.journal, self.model).check((*EACH_ALONE, wanted)))

    @invariant()
    def what_is_asked_is_answered(self) -> None:
        """Both say the same."""
        self.drive(Answers(self.journal, self.model, self.frames, self.erased).check())

    # -- how

    def _prepared(self, data: st.DataObject) -> Prepared | None:
        """A new run, a fork, or what a writer has to write."""
        kind = data.draw(st.sampled_from(("go on",) * 6 + ("begin", "fork")), "kind")
        if kind == "begin":
            run = data.draw(runs, "new")
            recorder = data.draw(st.sampled_from((RECORDER, PAD)), "machine")
            return begun(run, self._epoch(data, run), Diary(("first",)), recorder=recorder)
        if kind == "fork":
            return self._forked(data)
        return self._going_on(data, data.draw(self._writers(), "writer"))

    def _writers(self) -> st.SearchStrategy[Writer]:
        """Whoever owns a run and knows where it is, mostly, best of one for which something waits; else anybody."""
        epochs = self.model.epochs
        own = [
            evolve(one, epoch=epochs.get(run, 0))
            for run, one in self.latest.items()
            for _ in range(2 if self.model.boxes.get(run) else 1)
        ]
        return st.sampled_from(own) | st.sampled_from(own) | st.sampled_from(self.writers)

    def _epoch(self, data: st.DataObject, run: str) -> int:
        late = data.draw(st.sampled_from((0, 0, 0, 1)), "late")
        return max(0, self.model.epochs.get(run, 0) - late)

    def _forked(self, data: st.DataObject) -> Prepared | None:
        parent = data.draw(st.sampled_from(sorted(self.logs)), "parent")
        run = data.draw(runs.filter(lambda run: run != parent), "fork")
        kept = self.model.runs[parent]
        seq = data.draw(st.integers(kept.opening[0] or 1, kept.head[0]), "at")
        if seq == kept.head[0] and self.frames[parent]["end"] is not None:
            return None
        made: Fork = fork(self.logs[parent], seq, run, of=parent, key=KEY)
        return forked(made, self._epoch(data, run))

    def _going_on(self, data: st.DataObject, writer: Writer) -> Prepared:
        box = self.model.boxes.get(writer.run, [])
        taken = [*reversed(box)][: data.draw(st.sampled_from((1, 2, 0)), "taken")]
        signals: list[tuple[Signal, str | None]] = []
        if not data.draw(st.booleans(), "rejected"):
            read = [(RECORDER.opened(one.event, self.model.beside), one.key) for one in taken]
            signals += [
                (SCRIBE.read_signal(event, ()), key)
                for event, key in read
                if not seals_in(event)  # what was erased cannot be read
            ]
        if data.draw(st.booleans(), "much"):
            signals += [(one, None) for one in data.draw(st.sampled_from(BURSTS))]
        events = st.tuples(st.sampled_from(EVENTS), st.none() | keys)
        signals += data.draw(st.lists(events, max_size=3), "events")
        outcome = [Happened(flight.id, Looked()) for flight in writer.now.effects]
        if outcome and data.draw(st.sampled_from((True, True, False)), "looked"):
            signals = [(outcome[0], None), *signals]
        takes = [one.number for one in taken]
        none: list[int] = []
        takes += data.draw(st.sampled_from([none] * 12 + [[10_000], takes[:1]]), "more takes")
        made = writer.take(
            *signals,
            takes=tuple(takes),
            sends=tuple(data.draw(st.lists(deliveries, max_size=1), "sends")),
            cells=tuple(self._cell(data, name) for name in data.draw(st.sets(names), "cells")),
            became=data.draw(st.sampled_from((None, None, *BECAME)), "became"),
        )
        stands = data.draw(st.sampled_from((None, None, *STANDINGS)), "stands")
        write = made.write if stands is None else but(made.write, standing=stands)
        if data.draw(st.sampled_from((False,) * 6 + (True,)), "forged"):
            write = but(write, after=(writer.now.seq, "00" * 32))
        return evolve(made, write=write)

    def _cell(self, data: st.DataObject, name: str) -> Cell:
        late = data.draw(st.sampled_from((0, 0, 0, 1)), "late")
        return Cell(name, data.draw(st.integers(0, 9)), self.model.cell(name).version - late)

    def _append(self, batch: list[Prepared]) -> None:
        writes = [made.write for made in batch]
        reasons, heard = self.model.judge(writes), [*self.heard]

        self.is_prompt = not self.is_prompt
        verdicts = self.drive(appended(self.journal, writes, at_once=self.is_prompt))

        self._judge([write.run for write in writes], reasons, verdicts)
        assert self.heard == heard
        for made, verdict in zip(batch, verdicts, strict=True):
            if isinstance(verdict, Committed):
                run, writer = made.write.run, made.writer
                assert verdict == Committed(*writer.after)
                self.writers.append(writer)
                self.latest[run] = writer
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
