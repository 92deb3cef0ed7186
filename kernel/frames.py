"""Reading a log without the author's code: what a run was after any of its entries.

Rule 1: a frame is made of a frame before it and the entries that follow, and of nothing else.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve, frozen

from detent.kernel.edits import BadEdit, applied, unfolded
from detent.kernel.entries import Checkpoint, Entry, Header
from detent.kernel.errors import NoSuchEntry, Unreadable
from detent.kernel.runlog import read_log
from detent.kernel.scribe import EMPTY
from detent.kernel.vault import Key, Vault, restored
from detent.kernel.wire import Tree

__all__ = ["Frame", "Instant", "followed", "frame_at", "instants", "opened", "reading", "whole"]

Frame = dict[str, Tree]


@frozen
class Instant:
    """A run after one of its entries; of a fork first after the checkpoint it begins with."""

    header: Header
    entry: Entry | None
    frame: Frame
    hash: str


@contextmanager
def reading(what: str) -> Generator[None]:
    """Tell what a log holds that no run writes as Unreadable. (Its hashes may be right, and the rest made up.)"""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{what} holds what no run writes: {error!r}") from error


def whole(entry: Entry, beside: Vault, key: Key | None = None) -> Entry:
    """An entry with what lies beside it in its place, as far as it is there and the key opens it."""
    if not beside:
        return entry
    event = restored(entry.event, beside.get, key)
    delta: Any = restored(entry.delta, beside.get, key)
    return evolve(entry, event=event, delta=delta)


def opened(checkpoint: Checkpoint, beside: Vault, key: Key | None = None) -> Frame:
    """The frame of a checkpoint, with what lies beside it and what it refers to in its place."""
    frame: Any = restored(checkpoint.frame, beside.get, key) if beside else checkpoint.frame
    try:
        return unfolded(frame)
    except (BadEdit, KeyError, TypeError) as error:
        raise Unreadable(f"the checkpoint of entry {checkpoint.seq} is no frame: {error}") from None


def followed(frame: Frame, entry: Entry) -> Frame:
    """The frame after an entry. Raises Unreadable if the entry does not fit the frame."""
    try:
        after = applied(frame, entry.delta, entry.event, entry.at)
    except BadEdit as error:
        raise Unreadable(f"entry {entry.seq} does not fit the frame before it: {error}") from None
    after["seq"] = entry.seq
    after["at"] = entry.at
    return after


def instants(
    lines: Iterable[bytes], run: str | None = None, key: Key | None = None
) -> Iterator[Instant]:
    """A run after each of its entries; the first run of the log, unless one is named."""
    header: Header | None = None
    frame: Frame = EMPTY
    for line in read_log(lines):
        what = line.what
        if isinstance(what, Header) and header is None and run in (None, line.run):
            header = what
            frame = EMPTY
        elif header is None or line.run != header.run:
            continue
        elif isinstance(what, Entry):
            entry = whole(what, line.beside, key)
            frame = followed(frame, entry)
            yield Instant(header, entry, frame, what.hash)
        elif isinstance(what, Checkpoint) and frame is EMPTY:
            frame = opened(what, line.beside, key)
            yield Instant(header, None, frame, what.hash)


def frame_at(
    lines: Iterable[bytes], seq: int, run: str | None = None, key: Key | None = None
) -> Instant:
    """A run after the entry with that number, read without the author's code. Raises NoSuchEntry."""
    last = 0
    with reading("the log"):
        for instant in instants(lines, run, key):
            last = int(str(instant.frame["seq"]))
            if last == seq:
                return instant
    of = "the log" if run is None else f"run {run!r}"
    raise NoSuchEntry(f"{of} has no entry {seq}: the last is {last}")
