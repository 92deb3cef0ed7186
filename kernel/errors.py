"""Every exception of Detent, in four families by who can mend it.

    DetentError
      AuthorError
        BrokenBegin
        EndlessFamily
        EndlessWalk
        IncompleteWorld
        InvalidExpression
        InvalidMachine
        InvalidUpgrade
        Unstorable
      CallerError
        AlreadyAnswered
        KernelClosed
        LineFull
        NoSuchEffect
        NoSuchEntry
        NoSuchRun
        NoSuchWait
        NotDriving
        NotServed
          RunChanged
        OwnResult
        RunExists
        StoreClosed
        Unreadable
        WrongInput
        WrongLoop
      KernelBug
      WorldError
        DamagedLog
        DamagedStore
        NoStore
        OtherVersion
        RunEnded
        RunLost
        StoreFailed
        StoreInUse

Rule 1: a message names the machine, the place, the value, and what would have been right.
Rule 2: the step raises none of these: what goes wrong inside it is an answer (Rejected, Broken).
"""

from typing import Any

from attrs import frozen

__all__ = [
    "AlreadyAnswered",
    "AuthorError",
    "BrokenBegin",
    "CallerError",
    "DamagedLog",
    "DamagedStore",
    "DetentError",
    "EndlessFamily",
    "EndlessWalk",
    "IncompleteWorld",
    "InvalidExpression",
    "InvalidMachine",
    "InvalidUpgrade",
    "KernelBug",
    "KernelClosed",
    "LineFull",
    "Mistake",
    "NoStore",
    "NoSuchEffect",
    "NoSuchEntry",
    "NoSuchRun",
    "NoSuchWait",
    "NotDriving",
    "NotServed",
    "OtherVersion",
    "OwnResult",
    "RunChanged",
    "RunEnded",
    "RunExists",
    "RunLost",
    "StoreClosed",
    "StoreFailed",
    "StoreInUse",
    "Unreadable",
    "Unstorable",
    "WorldError",
    "WrongInput",
    "WrongLoop",
]


SHOWN = 12  # differences that are shown; more are counted


class DetentError(Exception):
    """Whatever Detent itself raises."""


class AuthorError(DetentError):
    """Who wrote the machine can mend it."""


class CallerError(DetentError):
    """Who called can mend it: the call was wrong, nothing has happened."""


class WorldError(DetentError):
    """The world outside (a store, a network, a clock) did not do what was asked of it."""


class DamagedLog(WorldError):
    """A log that is not as it was written: which line, of which run, which entry, and what is wrong with it."""

    def __init__(self, line: int, run: str, seq: int | None, why: str) -> None:
        self.line = line
        self.run = run
        self.seq = seq
        self.why = why
        of = f", run {run!r}" if run else ""
        entry = "" if seq is None else f", entry {seq}" if seq else ", header"
        super().__init__(f"line {line}{of}{entry}: {why}")


class KernelBug(DetentError):
    """Detent broke a promise of its own. Please report it, with the message."""


@frozen
class Mistake:
    """One thing that is wrong with a machine: a stable code, the place, what is wrong, what is right."""

    code: str
    place: str
    what: str
    right: str = ""

    def __str__(self) -> str:
        advice = f" {self.right}" if self.right else ""
        return f"{self.place}: {self.what}{advice} [{self.code}]"


class InvalidMachine(AuthorError):
    """A machine that cannot be compiled; `mistakes` holds every reason, in the order of the text."""

    def __init__(self, machine: str, mistakes: tuple[Mistake, ...]) -> None:
        self.machine = machine
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "\n".join(f"  {mistake}" for mistake in mistakes)
        super().__init__(f"machine {machine!r} has {count}:\n{lines}")


class InvalidUpgrade(AuthorError):
    """An upgrade that does not fit runs it is for; `obstacles` holds every reason, with its run and its place."""

    def __init__(self, machine: str, obstacles: tuple[Any, ...]) -> None:
        self.machine = machine
        self.obstacles = obstacles
        count = "1 obstacle" if len(obstacles) == 1 else f"{len(obstacles)} obstacles"
        lines = "\n".join(f"  {one}" for one in obstacles)
        super().__init__(f"the upgrade of machine {machine!r} meets {count}:\n{lines}")


class InvalidExpression(AuthorError):
    """An expression that is outside the language of guards; `column` counts from 1."""

    def __init__(self, text: str, what: str, column: int | None = None) -> None:
        self.text = text
        self.what = what
        self.column = column
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        at = "" if column is None else f" at column {column}"
        super().__init__(f"{shown!r}{at}: {what}")


class Unstorable(AuthorError):
    """A value that cannot be written down, because it is mutable or of a type nobody can read back."""


class BrokenBegin(AuthorError):
    """The author's code raised before there was a first snapshot; nothing has been started."""


class EndlessFamily(AuthorError):
    """A machine that spawns itself, or what spawns it, without an end."""


class EndlessWalk(AuthorError):
    """Timers of a machine follow one another without time passing."""


class Unreadable(CallerError):
    """Bytes that were given are not the value they should be; the message names the place."""


class WrongInput(CallerError):
    """The input of a run is not what its machine begins with."""


class NoSuchEffect(CallerError):
    """An answer was given to an effect that is not in flight."""


class NoSuchEntry(CallerError):
    """A log was asked about an entry that is not in it."""


class NoSuchRun(CallerError):
    """A journal was asked about a run that is not in it."""


class IncompleteWorld(AuthorError):
    """A world in which a machine could not run: something it needs is missing, or is there twice."""


class NotServed(CallerError):
    """A kernel was asked to run a machine that is not one of its world's."""


class RunChanged(NotServed):
    """A run whose machine has another shape here than it had; `differences` names where."""

    def __init__(self, run: str, machine: str, differences: tuple[Any, ...]) -> None:
        self.run = run
        self.machine = machine
        self.differences = differences
        lines = "".join(f"\n  {one}" for one in differences[:SHOWN])
        more = f"\n  ... and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        super().__init__(
            f"run {run!r} is one of machine {machine!r} as it was, and waits for it: serve that "
            f"again, or adopt the run with an Upgrade. The machine differs in{lines}{more}"
        )


class RunExists(CallerError):
    """There is a run of that id already, of another machine or with another input."""


class NoSuchWait(CallerError):
    """An answer was given to a question that nobody has asked."""


class AlreadyAnswered(CallerError):
    """An answer was given to a question that is no longer open."""


class OwnResult(CallerError):
    """A handler waits for the end of its own run, which waits for the handler."""


class LineFull(CallerError):
    """A run has more before it than its kernel keeps: nothing was sent, try again later."""


class KernelClosed(CallerError):
    """A kernel was asked for something after it was closed, or while it closes."""


class WrongLoop(CallerError):
    """An entry was called where it cannot run: inside a loop that it would block, or outside the loop that it needs."""


class RunEnded(WorldError):
    """A run came to an end without a result; `end` says which."""

    def __init__(self, run: str, end: Any) -> None:
        self.run = run
        self.end = end
        said = "; ".join(f"{one.kind}: {one.message}" for one in end.failures)
        super().__init__(f"run {run!r} {end.status}" + (f": {said}" if said else ""))


class RunLost(WorldError):
    """Another kernel owns the run now; what was asked of it here may or may not have been done."""


class NotDriving(CallerError):
    """A journal that was opened to look on, or to send, was asked for what only the kernel that drives it may do."""


class StoreClosed(CallerError):
    """A journal was asked for something after its store was closed."""


class NoStore(WorldError):
    """There is no store where one was to be opened: it is missing, out of reach, or something else is there."""


class OtherVersion(WorldError):
    """A store was written by another version of Detent, and cannot be opened as it is."""


class StoreInUse(WorldError):
    """A store is driven by somebody else: one kernel drives it at a time."""


class DamagedStore(WorldError):
    """A store is not as it was written: what is damaged, and where."""


class StoreFailed(WorldError):
    """A store did not do what was asked of it: no room, no reply, an error of the disk. It is as it was before."""
