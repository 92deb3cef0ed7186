"""Reading a log without the author's code: what a run was after any of its entries.

Rule 1: a frame is made of a frame before it and the entries that follow, and of nothing else.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve, frozen

from detent.kernel.applying import Folding, may_refer, unfolded
from detent.kernel.edits import BadEdit
from detent.kernel.entries import Checkpoint, Entry, Header
from detent.kernel.errors import NoSuchEntry, Unreadable
from detent.kernel.facts import but
from detent.kernel.runlog import read_log
from detent.kernel.scribe import EMPTY
from detent.kernel.vault import Key, Vault, restored
from detent.kernel.wire import Tree, spelled

__all__ = [
    "MADE_UP",
    "Frame",
    "Instant",
    "digests_of",
    "folded",
    "followed",
    "frame_at",
    "instants",
    "opened",
    "reading",
    "seals_in",
    "whole",
]

STOWED = re.compile(rb'"\$(?:blob|sealed)":"([0-9a-f]{64})"')
"""What bytes hold that stand for something beside them; no text does, since its own quotes are escaped."""

Frame = dict[str, Tree]


@frozen
class Instant:
    """A run after one of its entries; of a fork first after the checkpoint it begins with."""

    header: Header
    entry: Entry | None
    frame: Frame
    hash: str


MADE_UP = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading a log raises that no run writes: its hashes may be right, and the rest made up."""


@contextmanager
def reading(what: str) -> Generator[None]:
    """Tell what a log holds that no run writes as Unreadable."""
    try:
        yield
    except MADE_UP as error:
        raise Unreadable(f"{what} holds what no run writes: {error!r}") from error


def digests_of(entry: Entry | Checkpoint) -> tuple[str, ...]:
    """What an entry, or a checkpoint, says lies beside it, each once."""
    return tuple(dict.fromkeys(found.decode() for found in STOWED.findall(entry.body)))


def seals_in(written: Tree) -> tuple[str, ...]:
    """The digests of what lies beside a tree."""
    return tuple(dict.fromkeys(found.decode() for found in STOWED.findall(spelled(written))))


def whole(entry: Entry, beside: Vault, key: Key | None = None) -> Entry:
    """An entry with what lies beside it in its place, as far as it is there and the key opens it."""
    if not beside:
        return entry
    event = restored(entry.event, beside.get, key)
    delta: Any = restored(entry.delta, beside.get, key)
    return but(entry, event=event, delta=delta)


def opened(checkpoint: Checkpoint, beside: Vault, key: Key | None = None) -> Frame:
    """The frame of a checkpoint, with what lies beside it and what it refers to in its place."""
    frame: Any = restored(checkpoint.frame, beside.get, key) if beside else checkpoint.frame
    try:
        return unfolded(frame)
    except MADE_UP as error:
        raise Unreadable(f"the checkpoint of entry {checkpoint.seq} is no frame: {error}") from None


def followed(frame: Frame, entry: Entry) -> Frame:
    """The frame after an entry. Raises Unreadable if the entry does not fit the frame."""
    return folded(frame, (entry,))


def folded(frame: Frame, entries: Iterable[Entry]) -> Frame:
    """The frame after many entries, without a copy for each. Raises Unreadable if one does not fit."""
    folding = Folding(frame)
    last: Entry | None = None
    try:
        for last in entries:
            folding.follow(last.delta, last.event, last.at, may_refer(last.body))
    except MADE_UP as error:
        raise _misfit(last, error) from None
    return folding.frame() if last is None else _unfold(folding, last)


def _unfold(folding: Folding, last: Entry) -> Frame:
    try:
        frame = folding.frame()
    except MADE_UP as error:
        raise _misfit(last, error) from None
    frame["seq"] = last.seq
    frame["at"] = last.at
    return frame


def _misfit(entry: Entry | None, error: Exception) -> Unreadable:
    seq = 0 if entry is None else entry.seq
    why = str(error) if isinstance(error, BadEdit) else f"it holds what no run writes: {error!r}"
    return Unreadable(f"entry {seq} does not fit the frame before it: {why}")


def instants(
    lines: Iterable[bytes], run: str | None = None, key: Key | None = None
) -> Iterator[Instant]:
    """A run after each of its entries; the first run of the log, unless one is named."""
    frame: Frame = EMPTY
    for header, what in _links(lines, run, key):
        if isinstance(what, Entry):
            frame = followed(frame, what)
            yield Instant(header, what, frame, what.hash)
        else:
            frame = what.frame
            yield Instant(header, None, frame, what.hash)


def frame_at(
    lines: Iterable[bytes], seq: int, run: str | None = None, key: Key | None = None
) -> Instant:
    """A run after the entry with that number, read without the author's code. Raises NoSuchEntry."""
    last = 0
    folding = Folding(EMPTY)
    with reading("the log"):
        for header, what in _links(lines, run, key):
            last = what.seq
            if isinstance(what, Entry):
                try:
                    folding.follow(what.delta, what.event, what.at, may_refer(what.body))
                except MADE_UP as error:
                    raise _misfit(what, error) from None
                if last == seq:
                    return Instant(header, what, _unfold(folding, what), what.hash)
            else:
                folding = Folding(what.frame)
                if last == seq:
                    return Instant(header, None, what.frame, what.hash)
    of = "the log" if run is None else f"run {run!r}"
    raise NoSuchEntry(f"{of} has no entry {seq}: the last is {last}")


def _links(
    lines: Iterable[bytes], run: str | None, key: Key | None
) -> Iterator[tuple[Header, Entry | Checkpoint]]:
    """The entries of a run; of a fork first the checkpoint it begins with, its frame whole."""
    header: Header | None = None
    is_first = True
    for line in read_log(lines):
        what = line.what
        if isinstance(what, Header) and header is None and run in (None, line.run):
            header = what
        elif header is None or line.run != header.run:
            continue
        elif isinstance(what, Entry):
            yield header, whole(what, line.beside, key)
            is_first = False
        elif isinstance(what, Checkpoint) and is_first:
            yield header, evolve(what, frame=opened(what, line.beside, key))
            is_first = False
