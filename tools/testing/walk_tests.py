"""Property tests of a machine, in one line: `TestOrder = machine_test(order, promises=[...])`.

Rule 1: what is checked is the machine that runs: in walks the table, the step and the log, where nothing is performed;
        in runs the kernel too, with a world that is made up (see run_tests).
Rule 2: what fails is told three times: in words, as a test to paste, and as a run log that every tool can open.
Left out on purpose: many runs at once.
"""

import unittest
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve, frozen
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from detent.kernel import (
    AuthorError,
    Broken,
    CallerError,
    Definition,
    Moved,
    Node,
    Recorded,
    Recorder,
    Rejected,
    Signal,
    Snapshot,
    Stepped,
    Table,
    begin,
    canonical,
    checked_advance,
    compile_machine,
    replay,
    scribe_of,
    step,
)
from detent.tools.testing.payloads import values
from detent.tools.testing.promises import Promise
from detent.tools.testing.reports import RUN, BrokenProperty, Found, lines_of, report, walk_key
from detent.tools.testing.run_tests import Played, RunCheck, check_of
from detent.tools.testing.strategies import Walk, walks
from detent.tools.testing.watchdog import PATIENCE, watchdog

__all__ = ["check_walk", "machine_test"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")

SEARCHED = 2_000  # walks in search of a state: most are found in a few dozen
calm = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[phase for phase in Phase if phase is not Phase.explain],
)
"""Walks take the time they take (what does not return is told by the watchdog), and explain themselves."""


def machine_test(
    machine: Definition[I, D, R],
    *,
    promises: Iterable[Promise[D]] = (),
    seen: Iterable[str] = (),
    inputs: st.SearchStrategy[I] | None = None,
    at_most: int = 20,
    runs: int = 25,
    patience: float = PATIENCE,
    log: str | Path | None = None,
) -> type[unittest.TestCase]:
    """A test case that walks and runs a machine at random, and holds it to its promises and to those all machines keep.

    Every machine keeps these: the end is the end; what is taken is a row of the table; what is refused changes
    nothing; snapshots never change; every step is pure; a run can be written down and read back at any entry, and its
    log replays. `seen` names states that some walk must come to. `inputs` makes what runs begin with (left out, any
    value of its type), `at_most` bounds what happens in a walk, a step that takes
    longer than `patience` seconds is broken, and `log` is where the log of a failure is written.

    So many `runs` of it go on in the real kernel, in virtual time, with handlers, failures and crashes that are drawn
    (none, if it is 0); what fails there is written beside the log, as `*.kernel.run.jsonl`.
    """
    table = compile_machine(machine)
    kept = tuple(promises)
    started = values(scribe_of(table).input) if inputs is None else inputs
    drawn = walks(table, started, at_most)
    check = _Check(Recorder(table, walk_key), kept, patience, Path(log) if log else _log_of(table))
    wanted = tuple(map(str, seen))

    class MachineTest(unittest.TestCase):
        """Walks of one machine."""

        @calm
        @given(drawn)
        def test_every_walk_keeps_every_promise(self, walk: Walk) -> None:
            """Walk, and check every entry."""
            check.walk(walk)

        def test_an_end_can_be_reached_from_every_state(self) -> None:
            """Ask the rows, whatever their guards say."""
            if lost := _without_end(table):
                raise BrokenProperty(f"machine {table.name!r}: no end can be reached from {lost}")

        def test_every_state_that_should_be_seen_is(self) -> None:
            """Look for a walk to each."""
            for state in wanted:
                check.find(state, drawn)

    case: type[unittest.TestCase] = MachineTest
    if runs:
        performed = check_of(machine, kept, patience=patience, log=_beside(check.log))
        case = _with_runs(case, performed, performed.drawn(started, at_most), runs)
    case.__qualname__ = case.__name__ = f"Test_{table.name}"
    return case


def _with_runs(
    case: type[unittest.TestCase], check: RunCheck, drawn: st.SearchStrategy[Played], runs: int
) -> type[unittest.TestCase]:
    """The test case with one test more: of runs on the real kernel."""

    class MachineTest(case):  # type: ignore[misc, valid-type]
        """Walks and runs of one machine."""

        @settings(calm, max_examples=runs)
        @given(drawn)
        def test_every_run_keeps_every_promise(self, played: Played) -> None:
            """Check everything that a run has come to."""
            check.judge(played)

    return MachineTest


def _beside(log: Path | None) -> Path | None:
    """Where the log of a run on the kernel is written: beside that of a walk."""
    return None if log is None else log.with_name(f"{log.name.partition('.')[0]}.kernel.run.jsonl")


def check_walk(
    machine: Definition[I, D, R],
    input: I,
    *signals: Signal | tuple[Signal, int],
    promises: Iterable[Promise[D]] = (),
    patience: float = PATIENCE,
    log: str | Path | None = None,
) -> None:
    """Hold one walk to the promises that `machine_test` checks: a failure it printed, pasted as a test.

    A signal may come with its time, in microseconds since 1970.
    """
    table = compile_machine(machine)
    timed = tuple(one if isinstance(one, tuple) else (one, 0) for one in signals)
    path = None if log is None else Path(log)
    _Check(Recorder(table, walk_key), tuple(promises), patience, path).walk(Walk(input, timed))


@frozen
class _Check:
    """What a walk is held to."""

    recorder: Recorder
    promises: tuple[Promise[Any], ...]
    patience: float
    log: Path | None

    @property
    def table(self) -> Table[Any, Any, Any]:
        """The table that is walked."""
        return self.recorder.table

    def walk(self, walk: Walk) -> None:
        """Walk, and raise BrokenProperty for the first thing that is wrong."""
        found = self._first(walk)
        if found is not None:
            recorder = self.recorder
            raise BrokenProperty(report(recorder, walk, self.promises, found, self.log))

    def find(self, state: str, drawn: st.SearchStrategy[Walk]) -> None:
        """Find a walk that comes to a state."""
        if state not in self.table.index:
            raise BrokenProperty(f"machine {self.table.name!r} has no state {state!r}")
        try:
            find(
                drawn,
                lambda walk: any(now.is_in(state) for now in self._snapshots(walk)),
                settings=settings(calm, max_examples=SEARCHED, phases=[Phase.generate]),
            )
        except NoSuchExample:
            what = f"machine {self.table.name!r}: none of {SEARCHED} walks came to {state!r}"
            raise BrokenProperty(what) from None

    def _snapshots(self, walk: Walk) -> Iterator[Snapshot[Any]]:
        try:
            now = begin(self.table, walk.input).snapshot
        except AuthorError:
            return
        yield now
        for signal, at in walk.signals:
            now = step(self.table, now, signal, at).snapshot
            yield now

    def _first(self, walk: Walk) -> Found | None:
        """The first thing that is wrong with a walk."""
        recorder = self.recorder
        header = recorder.header(RUN)
        try:
            with watchdog(self.patience):
                first = begin(self.table, walk.input)
            recorded = recorder.begin(header, first, walk.input)
        except (AuthorError, CallerError) as error:
            return Found("a run can begin", str(error))
        entries = [recorded]
        bytes_then = [canonical(first.snapshot)]
        if found := self._broken_promise(first.snapshot):
            return evolve(found, entries=tuple(entries))
        for number, (signal, at) in enumerate(walk.signals, 1):
            found = self._happened(entries, bytes_then, signal, at)
            if found is not None:
                return evolve(found, number=number, entries=tuple(entries))
        return self._afterwards(entries, bytes_then)

    def _happened(
        self,
        entries: list[Recorded],
        bytes_then: list[bytes],
        signal: Signal,
        at: int,
    ) -> Found | None:
        """One signal, and what follows from it."""
        recorder = self.recorder
        now = entries[-1].snapshot
        with watchdog(self.patience):
            answers = list(checked_advance(self.table, now, signal, at))
        for stepped in answers:
            before = entries[-1].snapshot
            if found := self._answered(before, stepped):
                return found
            try:
                recorded = recorder.record(entries[-1].head, before, stepped)
            except AuthorError as error:
                return Found("everything can be written down", str(error), stepped)
            if recorded is None:
                continue
            entries.append(recorded)
            bytes_then.append(canonical(recorded.snapshot))
            if found := self._read_back(before, entries[-2], recorded, signal, at):
                return evolve(found, stepped=stepped)
            if found := self._broken_promise(recorded.snapshot):
                return evolve(found, stepped=stepped)
        return None

    def _answered(self, before: Snapshot[Any], stepped: Stepped[Any]) -> Found | None:
        """What every answer of every machine keeps."""
        if isinstance(stepped, Broken):
            return Found("no guard, update or factory breaks", str(stepped.bug), stepped)
        over = before.end is not None and not before.effects
        if over and not isinstance(stepped, Rejected):
            return Found("the end is the end", str(stepped), stepped)
        if isinstance(stepped, Moved):
            rows = {row.id for row in self.table.rows}
            strange = [row for taken in stepped.took for row in taken if row not in rows]
            if strange:
                return Found("what is taken is a row", f"{strange[0]} is none", stepped)
        elif getattr(stepped, "cause", None) is None and stepped.snapshot.seq == before.seq:
            after = stepped.snapshot
            if after is not before and canonical(after) != canonical(before):
                return Found("what is refused changes nothing", str(stepped), stepped)
        return None

    def _read_back(
        self,
        before: Snapshot[Any],
        last: Recorded,
        recorded: Recorded,
        signal: Signal,
        at: int,
    ) -> Found | None:
        """Written down and read back, a run is where it was, and goes on as it would have."""
        recorder, scribe = self.recorder, self.recorder.scribe
        try:
            after = scribe.snapshot(scribe.frame(recorded.snapshot))
            again = scribe.snapshot(scribe.frame(before))
        except (AuthorError, CallerError) as error:
            return Found("a run can be read back at any entry", str(error))
        if canonical(after) != canonical(recorded.snapshot):
            return Found("a run can be read back at any entry", "it is another then")
        if recorded.entry.cause is not None:
            return None
        stepped = step(self.table, again, signal, at)
        told = recorder.record(last.head, again, stepped)
        if told is None or told.entry.hash != recorded.entry.hash:
            return Found("a run that is read back goes on the same", str(stepped))
        return None

    def _broken_promise(self, now: Snapshot[Any]) -> Found | None:
        for promise in self.promises:
            if not promise.is_kept(now):
                return Found(promise.name, f"it is not so in {', '.join(now.configuration)}")
        return None

    def _afterwards(self, entries: Sequence[Recorded], bytes_then: list[bytes]) -> Found | None:
        """What can be told when the walk is over."""
        everything = tuple(entries)
        for recorded, then in zip(entries, bytes_then, strict=True):
            if canonical(recorded.snapshot) != then:
                seq = recorded.snapshot.seq
                what = f"snapshot {seq} is another than it was"
                return Found("snapshots never change", what, entries=everything)
        lines = lines_of(self.recorder, everything)
        replayed = replay(lines, self.table.machine, key=walk_key)
        if replayed.divergence is not None:
            what = str(replayed.divergence)
            return Found("a log replays", what, entries=everything)
        return None


def _log_of(table: Table[Any, Any, Any]) -> Path:
    """Where the log of a failure is written if nobody says."""
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in table.name)
    return Path(".detent") / f"{name}.run.jsonl"


def _without_end(table: Table[Any, Any, Any]) -> str:
    """The first state from which no row leads, by any way, to an end; nothing if the machine has no end at all."""
    nodes = table.nodes
    inside_regions = {region for region in nodes[0].children if nodes[region].is_region}
    ends = {n.index for n in nodes if n.kind == "final" and n.parent in {0, *inside_regions}}
    if not ends:
        return ""
    good = set(ends)
    while True:
        more = {
            node.index for node in nodes[1:] if node.index not in good and _leads(table, node, good)
        }
        if not more:
            break
        good |= more
    lost = [n for n in nodes[1:] if n.index not in good and n.kind in ("atomic", "compound")]
    return repr(lost[0].name) if lost else ""


def _leads(table: Table[Any, Any, Any], node: Node, good: set[int]) -> bool:
    """Whether a state, or one around it, has a row to a state that leads to an end, or begins in one."""
    around = [table.nodes[index] for index in (node.index, *table.ancestors(node.index))]
    targets = [row.target for outer in around for row in outer.rows]
    if any(target in good for target in targets):
        return True
    if node.kind == "parallel":
        return any(child in good for child in node.children)
    if node.kind == "history":
        return node.parent in good or any(c in good for c in table.nodes[node.parent].children)
    return node.initial in good or any(outer.index in good for outer in around[1:])
