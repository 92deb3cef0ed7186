"""Where two recorded runs part.

Rule 1: what is compared is what happened and what came of it, not when, and not under which name.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from detent.kernel.differences import Difference, differences
from detent.kernel.frames import Frame, Instant, instants, reading
from detent.kernel.vault import Key
from detent.kernel.wire import Tree, under

__all__ = ["Parting", "diff"]


@frozen
class Parting:
    """The first entry in which two runs differ, and how; `what` says if one had nothing left."""

    seq: int
    what: str
    diff: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"entry {self.seq}: {self.what}", *(f"  {one}" for one in self.diff)])


@reading("the log")
def diff(
    one: Iterable[bytes],
    other: Iterable[bytes],
    *,
    runs: tuple[str | None, str | None] = (None, None),
    key: Key | None = None,
) -> Parting | None:
    """The first entry in which two runs part, or None. Of each log the first run is read, unless one is named.

    A fork begins later than its parent: what the parent did before is not compared.
    """
    waits: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for left, right in _side_by_side(instants(one, runs[0], key), instants(other, runs[1], key)):
        if left is None or right is None:
            alone, who = (right, "second") if left is None else (left, "first")
            return Parting(_seq(alone), f"the {who} run goes on alone")
        is_whole = left.entry is not None and right.entry is not None
        found = differences(_told(left, is_whole, waits[0]), _told(right, is_whole, waits[1]))
        if found:
            happened = any(one.path.startswith("event") for one in found)
            what = "something else happened" if happened else "the same came out differently"
            return Parting(_seq(left), what, found)
    return None


def _side_by_side(
    lefts: Iterator[Instant], rights: Iterator[Instant]
) -> Iterator[tuple[Instant | None, Instant | None]]:
    """Two runs, entry by entry, from the first that both have."""
    left, right = next(lefts, None), next(rights, None)
    while left is not None and right is not None and _seq(left) != _seq(right):
        if _seq(left) < _seq(right):
            left = next(lefts, None)
        else:
            right = next(rights, None)
    while left is not None or right is not None:
        yield left, right
        left, right = next(lefts, None), next(rights, None)


def _seq(instant: Instant | None) -> int:
    return 0 if instant is None else int(str(instant.frame["seq"]))


def _told(instant: Instant, is_whole: bool, waits: dict[str, int]) -> dict[str, Tree]:
    """A frame without times, and the entry that led to it, if both runs have one."""
    entry = instant.entry
    frame = _timeless(instant.frame, waits)
    if entry is None or not is_whole:
        return frame
    took: list[Tree] = [list(rows) for rows in entry.took]
    said: dict[str, Tree] = {"event": _without_time(entry.event), "answer": entry.answer}
    return {**said, "took": took, **frame}


def _timeless(frame: Frame, waits: dict[str, int]) -> Frame:
    """A frame without times. Of a timer it is told how long it was to wait when it was first seen."""
    parts: Any = frame
    at = parts["at"]
    timers: dict[str, Tree] = {
        id: [owner, row, waits.setdefault(id, due - at)]
        for id, (owner, row, due) in parts["timers"].items()
    }
    effects: dict[str, Tree] = {
        id: [owner, form, *map(_without_heard_times, rest)]
        for id, (owner, form, _, *rest) in parts["effects"].items()
    }
    return {**{k: v for k, v in frame.items() if k != "at"}, "timers": timers, "effects": effects}


def _without_heard_times(what: Tree) -> Tree:
    fan = under(what, "$fan")
    if fan is None:
        return what
    heard: list[Tree] = [[index, _outcome(event)] for index, event in fan["heard"]]
    return {"$fan": {**fan, "heard": heard}}


def _without_time(event: Tree) -> Tree:
    happened = under(event, "$happened")
    if happened is None:
        return event
    id, outcome = happened
    return {"$happened": [id, _outcome(outcome)]}


def _outcome(event: Any) -> Tree:
    """An outcome without the time at which it came."""
    is_timed = under(event.get("at"), "$datetime") is not None
    return {key: value for key, value in event.items() if key != "at" or not is_timed}
