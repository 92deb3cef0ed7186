"""What is written into journals to try them: a diary that is kept, sealed, deferred and asked about, and who writes it.

A `Writer` is what a kernel knows of one run: the snapshot, the head of its log, the epoch in which it owns the run.
What it prepares is written by a journal or not; it goes on only when it is told that it was.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

from attrs import evolve, frozen

from detent.kernel import (
    After,
    Call,
    Checkpoint,
    Committed,
    Defer,
    Delivery,
    Effect,
    Event,
    Final,
    Fork,
    Head,
    Header,
    Key,
    Loaded,
    Machine,
    On,
    Recorded,
    Recorder,
    Resumed,
    Returned,
    Secret,
    Signal,
    Snapshot,
    Standing,
    State,
    Stepped,
    Verdict,
    Write,
    begin,
    but,
    compile_machine,
    due,
    frame_of,
    opening_lines,
    recall,
    recorded_lines,
    standing_of,
    step,
)

__all__ = [
    "KEY",
    "LARGE",
    "LONG",
    "PAD",
    "RECORDER",
    "SCRIBE",
    "TABLE",
    "Closed",
    "Diary",
    "Looked",
    "Prepared",
    "Read",
    "Said",
    "Told",
    "Wiped",
    "Writer",
    "begun",
    "done",
    "forked",
    "loaded_writer",
    "posted",
    "sealed",
]

T = TypeVar("T")

KEY = Key(b"sixteen bytes, 1")
LONG = 2_000  # characters: with a few of them a checkpoint is due
LARGE = 4_000  # bytes from which on a text lies beside the log


def done(waiting: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives that never waits."""
    try:
        waiting.send(None)
    except StopIteration as end:
        given: T = end.value
        return given
    waiting.close()
    raise AssertionError("it waits")


@frozen
class Said(Event):
    """Something that is written into the diary."""

    text: str


@frozen
class Told(Event):
    """Something that nobody else may read."""

    text: Secret[str]


@frozen
class Wiped(Event):
    """The pages are torn out."""


@frozen
class Read(Event):
    """Somebody begins to read."""


@frozen
class Closed(Event):
    """The diary is full."""


@frozen
class Look(Effect[int], recovery="pure"):
    """Read the diary. The pages are those of the data; the notes are in no other place."""

    pages: tuple[str, ...]
    notes: tuple[str, ...]


@frozen
class Diary:
    """The data."""

    pages: tuple[str, ...] = ()
    secret: Secret[str] = ""
    read: int = 0

    def say(self, event: Said) -> "Diary":
        """Another page."""
        return evolve(self, pages=(*self.pages, event.text))

    def tell(self, event: Told) -> "Diary":
        """Another secret."""
        return evolve(self, secret=event.text)

    def wipe(self, event: Wiped) -> "Diary":
        """No pages."""
        return evolve(self, pages=())

    def look(self) -> Look:
        """Read what is there: two pages are a lot of work."""
        notes = tuple(f"{n}?" * (LONG // 2) for n in range(8)) if len(self.pages) > 1 else ()
        return Look(self.pages, notes)

    def looked(self, event: Returned[int]) -> "Diary":
        """It was read."""
        return evolve(self, read=self.read + event.value)


looking = Call(Look, Diary.look, timeout=5.0)


def kept_as(name: str) -> Machine[Diary, Diary, Diary]:
    """The machine of a diary, by any name."""
    return Machine(
        name,
        State(
            "open",
            On(Said, update=Diary.say),
            On(Told, update=Diary.tell),
            On(Wiped, update=Diary.wipe),
            On(Read, to="reading"),
            On(Closed, to="closed"),
            After(60.0, to="closed"),
        ),
        State(
            "reading",
            On(looking.returned, to="open", update=Diary.looked),
            On(looking.failed | looking.timed_out, to="open"),
            Defer(Said),
            do=looking,
        ),
        Final("closed"),
        data=Diary,
    )


def Looked(value: int = 1) -> Event:
    """What comes of reading."""
    return Returned(value)


TABLE = compile_machine(kept_as("diary"))
RECORDER = Recorder(TABLE, KEY, LARGE)
PAD = Recorder(compile_machine(kept_as("pad")), KEY, LARGE)
SCRIBE = RECORDER.scribe


@frozen
class Prepared:
    """What is to be written of one run, and what the writer will be when it has been."""

    write: Write
    writer: "Writer"
    recorded: tuple[Recorded, ...] = ()
    opening: tuple[bytes, ...] = ()

    @property
    def lines(self) -> tuple[bytes, ...]:
        """The same as lines of a log."""
        made = (recorded_lines(self.write.run, one) for one in self.recorded)
        return (*self.opening, *(line for lines in made for line in lines))


@frozen
class Writer:
    """What a kernel knows of a run that it writes."""

    run: str
    epoch: int
    now: Snapshot[Diary]
    head: Head

    @property
    def after(self) -> tuple[int, str]:
        """The entry that the next one follows."""
        return self.now.seq, self.head.hash

    def take(self, *signals: tuple[Signal, str | None], at: int = 0, **more: Any) -> Prepared:
        """Step some signals, each with its key if it has one, into one write. What the machine refuses is left out.

        A fork is resumed first, if anything is to happen to it.
        """
        now, head, made = self.now, self.head, list[Recorded]()
        first: list[tuple[Signal, str | None]] = []
        if signals and now.pending.is_inert:
            first.append((Resumed(), None))
        for signal, key in (*first, *signals):
            stepped: Stepped[Diary] | None = step(TABLE, now, signal, max(now.at, at))
            while stepped is not None:
                recorded = RECORDER.record(head, now, stepped, key)
                if recorded is not None:
                    made.append(recorded)
                    now, head = recorded.snapshot, recorded.head
                stepped, key = recall(TABLE, now, now.at), None
        write = but(written(self.run, self.epoch, self.after, made), **more)
        return Prepared(write, evolve(self, now=now, head=head), tuple(made))

    def told(self, prepared: Prepared, verdict: Verdict) -> "Writer":
        """The writer after a verdict: what was refused has not happened."""
        return prepared.writer if isinstance(verdict, Committed) else self


def written(run: str, epoch: int, after: tuple[int, str] | None, made: list[Recorded]) -> Write:
    """The write of some entries, with the newest checkpoint among them and how the run stands after all."""
    checkpoints = [one.checkpoint for one in made if one.checkpoint is not None]
    return Write(
        run,
        epoch,
        after,
        tuple(one.entry for one in made),
        checkpoint=checkpoints[-1] if checkpoints else None,
        standing=stands(made[-1].snapshot) if made else None,
        beside=tuple(beside for one in made for beside in (*one.beside, *one.under)),
    )


def stands(snapshot: Snapshot[Diary]) -> Standing:
    """How a run stands."""
    coming = due(TABLE, snapshot)
    return standing_of(snapshot, coming[0][0] if coming else None)


def begun(
    run: str,
    epoch: int = 0,
    data: Diary = Diary(),
    at: int = 0,
    recorder: Recorder = RECORDER,
) -> Prepared:
    """A new run."""
    header, table = recorder.header(run, at), recorder.table
    made = recorder.begin(header, begin(table, data, at), data)
    outlines = (table.shape_outline, table.rules_outline)
    write = but(written(run, epoch, None, [made]), header=header, outlines=outlines)
    opening = tuple(opening_lines(recorder, header))
    return Prepared(write, Writer(run, epoch, made.snapshot, made.head), (made,), opening)


def forked(fork: Fork, epoch: int = 0) -> Prepared:
    """A run that begins where another was."""
    header: Header = fork.header
    checkpoint: Checkpoint = fork.checkpoint
    now: Snapshot[Diary] = SCRIBE.snapshot(checkpoint.frame)
    write = Write(
        header.run,
        epoch,
        None,
        header=header,
        checkpoint=checkpoint,
        standing=Standing("inert"),
        beside=fork.beside,
        outlines=fork.outlines,
    )
    unread = len(checkpoint.body) + sum(len(one.body) for one in fork.beside)
    head = Head(checkpoint.hash, unread)
    return Prepared(write, Writer(header.run, epoch, now, head), (), tuple(fork.lines()))


def loaded_writer(loaded: Loaded, epoch: int) -> Writer:
    """Whoever goes on with a run that was loaded."""
    now: Snapshot[Diary] = SCRIBE.snapshot(frame_of(loaded, KEY))
    return Writer(loaded.header.run, epoch, now, Head(loaded.head[1], loaded.unread))


def posted(run: str, key: str, event: Event) -> Delivery:
    """An event on its way into a run, its secrets sealed."""
    told, beside = RECORDER.sealed(SCRIBE.write_signal(event, ()))
    return Delivery(run, key, told, beside=beside)


def sealed(tree: Any) -> Any:
    """A tree as it can be read by whoever has no key."""
    held: Any = tree
    if type(tree) is list:
        return [sealed(item) for item in held]
    if type(tree) is not dict:
        return tree
    if "$secret" in held:
        return {"$sealed": KEY.seal(held).digest}
    return {name: sealed(item) for name, item in held.items()}
