"""What logs tell, and entries and frames that are written by hand."""

from collections.abc import Iterable
from typing import Any

from detent.kernel import Entry, Kinds, Told, instants, kinds_of, scribe_of, tell
from detent.kernel.frames import Frame
from detent.kernel.scribe import EMPTY
from detent.kernel.wire import Tree, parsed, spelled
from tests.kernel.replayer.runs import Recording

__all__ = ["KINDS", "call", "entry", "fan", "frame", "told_by", "told_in", "told_live"]

KINDS: Kinds = {
    "charge": "Call",
    "ask": "Wait",
    "review": "Spawn",
    "write": "Send",
    "all": ("Call", "Wait", "Spawn"),
}
ORDER: Tree = {"$": "Charge", "cents": 5}


def told_in(lines: Iterable[bytes], kinds: Kinds, run: str | None = None) -> list[Told]:
    """Everything that a log tells of a run; of the part of a fork that is its own."""
    found: list[Told] = []
    before: Frame | None = None
    for instant in instants(lines, run):
        if instant.entry is not None:
            found += tell(before, instant.entry, instant.frame, instant.header.run, kinds)
        before = instant.frame
    return found


def told_live(made: Recording, as_read: bool = False) -> list[Told]:
    """Everything that a run tells by its snapshots, and not by what its log makes of them."""
    scribe, kinds = scribe_of(made.table), kinds_of(made.table)
    entries: list[Any] = [instant.entry for instant in instants(made.log)]
    frames: list[Any] = [None, *(scribe.frame(one.snapshot) for one in made.entries)]
    if as_read:
        frames = [parsed(spelled(frame)) for frame in frames]
    return [
        one
        for before, entry, after in zip(frames[:-1], entries, frames[1:], strict=True)
        for one in tell(before, entry, after, "walk", kinds)
    ]


def told_by(event: Tree, before: Frame, after: Frame, **changes: Any) -> tuple[Told, ...]:
    """What one entry tells that is written by hand."""
    return tell(before, entry(event, **changes), after, "run", KINDS)


def entry(event: Tree, **changes: Any) -> Entry:
    """The ninth entry of a run, at 100."""
    return Entry(9, 100, event, **changes)


def frame(effects: dict[str, Tree] | None = None, **changes: Tree) -> Frame:
    """A frame with effects in flight, by id."""
    return {**EMPTY, "in": ["paying"], "effects": effects or {}, **changes}


def call(form: str = "charge", *more: Tree, order: Tree = ORDER) -> Tree:
    """An effect in flight that is not one of an Each; perhaps with its part, its stopping, its life."""
    return ["paying", form, 50, order, *more]


def fan(parts: str, begun: int, **changes: Tree) -> Tree:
    """An Each in flight: of each order which part gives it (0 a call, 1 a question, 2 a child)."""
    orders: list[Tree] = [[int(part), f"order {place}"] for place, part in enumerate(parts)]
    what: dict[str, Tree] = {"orders": orders, "begun": begun, "asked": [], "heard": []}
    return ["paying", "all", 50, {"$fan": {**what, "stopping": False, **changes}}]
