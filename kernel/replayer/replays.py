"""A recorded run, taken again: every event is stepped, and what comes of it compared with what was written.

Rule 1: nothing is called but the pure parts of the machine: no handler, no clock, no network.
Rule 2: changed rules are told and replay goes on, to the first entry that comes out differently.
Rule 3: entries that were made by a machine of another shape cannot be taken again: they are read, and counted. If the
        run was never migrated to or from the shape that the machine has, that is a divergence.
The file is long because what is done to an entry depends on all that was read before it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias, TypeVar, get_args

from attrs import define, field, frozen

from detent.kernel.compiler import compile_machine
from detent.kernel.decisions import AttemptFailed, Decision, Signal
from detent.kernel.definition import Definition, Each, Spawn
from detent.kernel.differences import Difference, differences
from detent.kernel.edits import Edit
from detent.kernel.entries import Checkpoint, Entry, Header, machine_after
from detent.kernel.errors import BrokenBegin, NoSuchEntry, Unreadable, Unstorable, WrongInput
from detent.kernel.facts import but
from detent.kernel.frames import MADE_UP, Frame, followed, frame_at, opened, seals_in, whole
from detent.kernel.recorder import ANSWERS, Recorder
from detent.kernel.replayer.divergence import Divergence, compared, summary
from detent.kernel.replayer.rows import Rows, rules_of
from detent.kernel.runlog import Line, Torn, read_log
from detent.kernel.scribe import EMPTY, scribe_of
from detent.kernel.snapshot import Snapshot
from detent.kernel.stepper import begin, recall, step
from detent.kernel.steps import Broken, Ignored, Moved, Stepped
from detent.kernel.table import Outline, Table
from detent.kernel.vault import Key
from detent.kernel.wire import Tree, spelled, under
from detent.kernel.wording import DECIDED

__all__ = ["Replayed", "replay", "snapshot_at"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")

TAGS = frozenset({"$", "$began", "$happened", "$fired", *DECIDED})
"""What tells that something happened in a run; anything else happened to it."""

QUIET = frozenset(get_args(Decision)) - {AttemptFailed}
"""What may be decided before that is offered which waits."""

AnyTable = Table[Any, Any, Any]
Actual: TypeAlias = tuple[Entry, Snapshot[Any]] | Broken[Any] | str
"""What an entry comes to now: an entry and what is after it, a bug, or why there is none."""


@frozen
class Replayed:
    """What a replay came to: how many entries came out as recorded, and the first that did not.

    `changed` is what the rules say otherwise than when the log was written. `torn`: the last line was not written to
    its end, and was left out. `others` counts the entries that were made by the machine when it had another shape, of
    runs that were migrated: these were read, and their hashes checked, but not taken again.
    """

    entries: int
    divergence: Divergence | None = None
    changed: tuple[Difference, ...] = ()
    torn: bool = False
    others: int = 0

    def __str__(self) -> str:
        count = "1 entry" if self.entries == 1 else f"{self.entries} entries"
        lines = [f"{count} as recorded"]
        if self.others:
            those = "1 entry" if self.others == 1 else f"{self.others} entries"
            lines.append(f"{those} of another shape of the machine: read, and not taken again")
        lines += [f"changed since: {one}" for one in self.changed]
        if self.torn:
            lines.append("the last line is torn and was left out")
        return "\n".join([*lines, *([] if self.divergence is None else [str(self.divergence)])])


def replay(
    log: Iterable[bytes], machine: Definition[I, D, R], *, key: Key | None = None
) -> Replayed:
    """Take every entry of a log again. Raises DamagedLog if the log is not as it was written.

    Runs of children are replayed by the machines that are spawned. A value that was erased, or sealed with another
    key, cannot be replayed: Unreadable says where.
    """
    replayer = _Replayer(_family(compile_machine(machine)), key)
    for line in read_log(log):
        divergence = replayer.take(line)
        if divergence is not None:
            return replayer.told(divergence)
    return replayer.told(replayer.strangers())


def snapshot_at(
    log: Iterable[bytes],
    seq: int,
    machine: Definition[I, D, R],
    *,
    run: str | None = None,
    key: Key | None = None,
) -> Snapshot[D]:
    """The snapshot after an entry, in the machine's own classes. Raises NoSuchEntry, and Unreadable if it does not fit.

    `frame_at` reads the same without the machine.
    """
    table = compile_machine(machine)
    instant = frame_at(log, seq, run, key)
    tables = _family(table)
    if instant.header.machine not in tables:
        raise WrongInput(f"run {instant.header.run!r} is one of machine {instant.header.machine!r}")
    return scribe_of(tables[instant.header.machine]).snapshot(instant.frame)


def reshaped(outline: Outline | None, table: AnyTable) -> tuple[Difference, ...]:
    """In what the shape of a machine differs from what an outline tells; nothing, if there is none."""
    if outline is None:
        return ()
    old: Any = outline.tree
    found = differences(old, table.shape_outline.tree)
    names: list[Tree] = [node.name for node in table.nodes]
    return found or differences(list(old["states"]), names, "order of states")


def _family(table: AnyTable) -> dict[str, AnyTable]:
    """The tables of a machine and of all machines that it spawns, by name."""
    found: dict[str, AnyTable] = {}
    waiting = [table]
    while waiting:
        here = waiting.pop()
        if here.name not in found:
            found[here.name] = here
            waiting += map(compile_machine, _spawned(here))
    return found


def _spawned(table: AnyTable) -> Iterator[Definition[Any, Any, Any]]:
    """The machines that a machine spawns."""
    for form in table.forms.values():
        for inner in form.forms if isinstance(form, Each) else (form,):
            if isinstance(inner, Spawn):
                yield inner.machine


@define(eq=False)
class _Run:
    """A run on its way through the replay."""

    header: Header
    recorder: Recorder
    digests: tuple[str, str]
    """The shape and the rules of the machine that made the entries here."""
    now: Snapshot[Any] | None = None
    frame: Frame | None = None
    """What it is, where the machine has another shape."""
    others: int = 0
    is_known: bool = False
    """Whether any of the entries were made by the machine of this shape."""

    @property
    def is_strange(self) -> bool:
        """Whether the entries here were made by a machine of another shape."""
        return self.digests[0] != self.recorder.table.shape


@define(eq=False)
class _Replayer:
    """Takes a log line by line."""

    tables: dict[str, AnyTable]
    key: Key | None
    runs: dict[str, _Run] = field(factory=dict[str, _Run])
    outlines: dict[str, Outline] = field(factory=dict[str, Outline])
    unknown: dict[str, Header] = field(factory=dict[str, Header])
    rows: dict[tuple[str, str], Rows] = field(factory=dict[tuple[str, str], Rows])
    ruled: list[tuple[AnyTable, str]] = field(factory=list[tuple[AnyTable, str]])
    """The rules that there were, each once."""
    entries: int = 0
    torn: bool = False

    def take(self, line: Line) -> Divergence | None:
        """Take one line; the divergence if it is the first that comes out differently."""
        what = line.what
        if isinstance(what, Entry) or isinstance(what, Checkpoint):  # noqa: SIM101 - half as long for most lines
            return self._go_on(line, what)
        if isinstance(what, Outline):
            self.outlines[what.digest] = what
        elif isinstance(what, Torn):
            self.torn = True
        elif isinstance(what, Header):
            self._open(what)
        return None

    def _go_on(self, line: Line, what: Entry | Checkpoint) -> Divergence | None:
        """Take a line of a run that has begun."""
        if self.unknown:
            return self.strangers()
        run = self.runs[line.run]
        try:
            if isinstance(what, Checkpoint):
                self._compare_frames(run, what, line)
                return None
            entry = whole(what, line.beside, self.key)
            if run.is_strange or under(entry.event, "$migrated") is not None:
                self._pass(run, entry)
                return None
            divergence = self._replay(run, entry)
        except Unreadable as error:
            raise Unreadable(f"entry {what.seq} of run {line.run!r}: {error}") from None
        except MADE_UP as error:
            why = f"it holds what no run writes: {error!r}"
            raise Unreadable(f"entry {what.seq} of run {line.run!r}: {why}") from error
        self.entries += divergence is None
        return divergence

    def told(self, divergence: Divergence | None) -> Replayed:
        """What it came to."""
        changes = tuple(self._changes())
        others = sum(run.others for run in self.runs.values() if run.is_known)
        return Replayed(self.entries, divergence, changes, self.torn, others)

    def strangers(self) -> Divergence | None:
        """The first run whose machine is not there, or has another shape. Asked once the log has been read."""
        for header in self.unknown.values():
            there = ", ".join(map(repr, self.tables))
            expected, actual = f"machine {header.machine!r}", f"only {there}"
            return Divergence(header.run, 0, "shape", expected, actual)
        for run in self.runs.values():
            shape, table = run.digests[0], run.recorder.table
            if run.is_strange and not run.is_known:
                diff = reshaped(self.outlines.get(shape), table)
                expected, actual = f"shape {shape[:12]}", f"shape {table.shape[:12]}"
                return Divergence(run.header.run, 0, "shape", expected, actual, diff)
        return None

    def _open(self, header: Header) -> None:
        table = self.tables.get(header.machine)
        if table is None:
            self.unknown[header.run] = header
            return
        recorder = Recorder(table, self.key)
        run = self.runs[header.run] = _Run(header, recorder, (header.shape, header.rules))
        run.is_known = not run.is_strange
        self._rule(run)

    def _rule(self, run: _Run) -> None:
        """Note the rules by which the entries of a run are made from here on."""
        table, (shape, rules) = run.recorder.table, run.digests
        if shape == table.shape and rules != table.rules and (table, rules) not in self.ruled:
            self.ruled.append((table, rules))

    def _changes(self) -> Iterator[Difference]:
        """What the rules of the machines say now that they did not say then."""
        for table, digest in self.ruled:
            outline = self.outlines.get(digest)
            if outline is None:
                yield Difference(f"rules of {table.name}", digest, table.rules)
            else:
                yield from differences(outline.tree, table.rules_outline.tree)

    def _compare_frames(self, run: _Run, checkpoint: Checkpoint, line: Line) -> None:
        """Begin a fork at the frame it forks from; any other frame must be the one its entries make."""
        frame = opened(checkpoint, line.beside, self.key)
        now = run.frame if run.now is None else run.recorder.scribe.frame(run.now)
        if now is None and run.is_strange:
            run.frame = frame
        elif now is None:
            run.now = run.recorder.scribe.snapshot(frame)
        elif spelled(frame) != spelled(now):
            raise Unreadable("its checkpoint is another frame than the entries before it make")

    # -- entries

    def _replay(self, run: _Run, entry: Entry) -> Divergence | None:
        event, before, recorder = entry.event, run.now, run.recorder
        if before is None:
            return self._begin(run, entry, event)
        if type(event) is dict and TAGS.isdisjoint(event):  # it changes but the number and the time
            run.now = but(before, seq=entry.seq, at=entry.at)
            if "$upgraded" in event:
                self._upgrade(run, entry, before)
            return None
        signal = recorder.scribe.read_signal(event, before.pending.effects, entry.at)
        stepped: Stepped[Any] | None
        if entry.cause is None:
            if type(signal) not in QUIET and (divergence := self._overdue(run, entry, before)):
                return divergence
            stepped = step(recorder.table, before, signal, entry.at)
        else:
            stepped = recall(recorder.table, before, entry.at)
        return self._judge(run, entry, before, signal, stepped)

    def _upgrade(self, run: _Run, entry: Entry, before: Snapshot[Any]) -> None:
        """Go on by other rules."""
        scribe = run.recorder.scribe
        run.now = scribe.snapshot(followed(scribe.frame(before), entry))
        run.digests = machine_after(entry, run.digests)
        self._rule(run)

    def _pass(self, run: _Run, entry: Entry) -> None:
        """Read an entry that cannot be taken again: one of another shape, or one that leads to another."""
        scribe = run.recorder.scribe
        before = run.frame or (EMPTY if run.now is None else scribe.frame(run.now))
        frame = followed(before, entry)
        run.digests = machine_after(entry, run.digests)
        run.now, run.frame = None, frame
        if not run.is_strange:
            run.now, run.frame, run.is_known = scribe.snapshot(frame), None, True
            self._rule(run)
        run.others += 1

    def _overdue(self, run: _Run, entry: Entry, before: Snapshot[Any]) -> Divergence | None:
        """Something that waited would have been offered first, and would not be deferred again."""
        pending = before.pending
        if pending.offered == len(pending.deferred) and not pending.line:
            return None
        again = recall(run.recorder.table, before)
        if again is None or isinstance(again, Broken):  # what broke then may be left where it is
            return None
        expected = summary(entry, followed(run.recorder.scribe.frame(before), entry))
        return Divergence(run.header.run, entry.seq, "guard", expected, f"before it, {again}")

    def _judge(
        self,
        run: _Run,
        entry: Entry,
        before: Snapshot[Any],
        signal: Signal,
        stepped: Stepped[Any] | None,
    ) -> Divergence | None:
        """Compare what came of it with what was recorded, and go on if it is the same."""
        if isinstance(stepped, Ignored) and stepped.cause is None and entry.key is not None:
            stepped = but(stepped, snapshot=but(before, seq=entry.seq, at=entry.at))
        if stepped is None or isinstance(stepped, Broken) or stepped.snapshot.seq == before.seq:
            return self._compare(run, entry, signal, stepped, None)
        return self._go_to(run, entry, signal, stepped)

    def _go_to(
        self, run: _Run, entry: Entry, signal: Signal | None, stepped: Stepped[Any]
    ) -> Divergence | None:
        """Go on to what is after a step, if it comes out as it was recorded."""
        after = stepped.snapshot
        try:
            delta = run.recorder.changes.between(run.now, after, entry.event)
        except Unstorable as error:
            frame = EMPTY if run.now is None else run.recorder.scribe.frame(run.now)
            expected = summary(entry, followed(frame, entry))
            return Divergence(run.header.run, entry.seq, "broken", expected, str(error))
        if _says_the_same(stepped, delta, entry):
            run.now = after
            return None
        now = run.recorder.entry(run.now, stepped, after, entry.event, entry.key)
        return self._compare(run, entry, signal, now, after)

    def _compare(
        self,
        run: _Run,
        entry: Entry,
        signal: Signal | None,
        now: Entry | Stepped[Any] | None,
        after: Snapshot[Any] | None,
    ) -> Divergence | None:
        """Something is different: find out what, and if it matters."""
        before, scribe = run.now, run.recorder.scribe
        frame = EMPTY if before is None else scribe.frame(before)
        recorded = (entry, followed(frame, entry), self._rows(run))
        actual: Any = now if after is None else (now, scribe.frame(after))
        start = Snapshot[Any]((), None) if before is None else before
        divergence = compared(run.recorder.table, start, signal, recorded, actual, run.header.run)
        if divergence is None and after is not None:
            run.now = after
        return divergence

    def _begin(self, run: _Run, entry: Entry, event: Tree) -> Divergence | None:
        scribe, table = run.recorder.scribe, run.recorder.table
        if type(event) is not dict or "$began" not in event:
            raise NoSuchEntry(f"run {run.header.run!r} does not begin at its beginning")
        try:
            input = scribe.codec.read(scribe.input, event["$began"])
        except Unreadable as error:
            if seals_in(event):  # it may have been erased, or be sealed with another key
                raise
            expected = f"begins with {spelled(event['$began']).decode()}"
            return Divergence(run.header.run, entry.seq, "shape", expected, str(error))
        try:
            moved: Moved[Any] = begin(table, input, entry.at, run.header.deadline)
        except (BrokenBegin, WrongInput) as error:
            expected = summary(entry, followed(EMPTY, entry))
            return Divergence(run.header.run, entry.seq, "broken", expected, str(error))
        return self._go_to(run, entry, None, moved)

    def _rows(self, run: _Run) -> Rows:
        """The rows as the log of a run tells them, and as they are."""
        table, digest = run.recorder.table, run.digests[1]
        known = self.rows.get((table.name, digest))
        if known is None:
            outline = self.outlines.get(digest)
            old = {} if outline is None else rules_of(outline.tree)
            known = self.rows[table.name, digest] = Rows.of(old, table)
        return known


def _says_the_same(now: Stepped[Any], delta: dict[str, Edit], recorded: Entry) -> bool:
    """Whether a step comes out as it was recorded, to the last byte of its delta."""
    after = now.snapshot
    return (
        after.seq == recorded.seq
        and after.at == recorded.at
        and ANSWERS[type(now)] == recorded.answer
        and getattr(now, "cause", None) == recorded.cause
        and now.took == recorded.took
        and [order.id for order in now.ordered] == list(recorded.effects)
        and now.stopped == recorded.stopped
        and spelled(delta) == spelled(recorded.delta)
    )
