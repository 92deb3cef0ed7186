"""Logs to read and to damage: of generated machines, of several runs in one file, and one with everything in it."""

import re
from collections.abc import Iterable
from functools import cache

import pytest
from hypothesis import strategies as st

from detent.kernel import (
    DamagedLog,
    Entry,
    Footer,
    Header,
    Recorder,
    footer_line,
    log_lines,
    read_log,
    verify_log,
)
from detent.kernel.runlog import beside_line, checkpoint_line
from tests.kernel.hushed import KEY, hushed, told, walked
from tests.kernel.replayer.runs import recordings

__all__ = [
    "FOOTER",
    "Log",
    "cut",
    "damage_of",
    "families",
    "flipped",
    "kinds",
    "links",
    "logs",
    "small",
]

Log = tuple[bytes, ...]
FOOTER = Footer("never more than 3", 7)
"""What a log was made to show."""


@st.composite
def logs(draw: st.DrawFn, run: str = "walk", footer: bool = False) -> Log:
    """Logs of generated machines; some texts in them lie beside, and some end with a footer."""
    made = draw(recordings())
    recorder = Recorder(made.table, large=draw(st.sampled_from([65_536, 30])))
    lines = tuple(log_lines(made.table, made.walk.input, made.steps, run=run, recorder=recorder))
    return (*lines, footer_line(FOOTER)) if footer and draw(st.booleans()) else lines


@cache
def small() -> Log:
    """A log with everything in it: seals, blobs, a checkpoint, a footer."""
    text = "hush! " * 9
    steps = list(walked(hushed, text, told(text, "Ann " * 10)))
    recorder = Recorder(hushed, KEY, large=40)
    lines = tuple(log_lines(hushed, text, steps, recorder=recorder))
    checkpoint, beside = recorder.checkpoint(steps[-1].snapshot, verify_log(lines)["walk"])
    last = checkpoint_line("walk", checkpoint)
    return (*lines, *map(beside_line, beside), last, footer_line(FOOTER))


def cut(text: bytes) -> list[bytes]:
    """A text as a file gives its lines."""
    return re.findall(rb"[^\n]*\n|[^\n]+", text)


def kinds(lines: Iterable[bytes]) -> list[type]:
    """What the lines of a log are."""
    return [type(line.what) for line in read_log(lines)]


def damage_of(lines: Iterable[bytes]) -> DamagedLog:
    """What is said of a log that is not as it was written."""
    with pytest.raises(DamagedLog) as caught:
        verify_log(lines)
    return caught.value


def flipped(lines: Log, place: int, byte: int) -> tuple[list[bytes], set[int]]:
    """A log with another byte at a place, and the lines that may be blamed."""
    text = bytearray(b"".join(lines))
    number = text[:place].count(b"\n") + 1
    blamed = {number, number + 1} if text[place] == ord("\n") else {number}
    text[place] = byte
    return cut(bytes(text)), blamed


def links(lines: Log) -> list[int]:
    """The places of headers and entries: the lines that may not be missing."""
    return [line.number - 1 for line in read_log(lines) if isinstance(line.what, Header | Entry)]


@st.composite
def families(draw: st.DrawFn) -> tuple[Log, tuple[Log, ...]]:
    """Several runs in one file, in some order, and each alone."""
    runs = tuple(draw(logs(run=name)) for name in ("a", "c", "a c"))
    groups = [_grouped(lines) for lines in runs]
    mixed: list[bytes] = []
    while any(groups):
        mixed += draw(st.sampled_from([group for group in groups if group])).pop(0)
    return tuple(mixed), runs


def _grouped(lines: Log) -> list[list[bytes]]:
    """Lines with what lies beside them, which stands directly before."""
    groups: list[list[bytes]] = [[]]
    for line in lines:
        groups[-1].append(line)
        if line.startswith(b'{"run"'):
            groups.append([])
    return [group for group in groups if group]
