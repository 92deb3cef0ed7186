"""Where two recorded runs part.

Rule 1: what is compared is what happened and what came of it, not when, and not under which name.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from detent.kernel.differences import Difference, differences
from detent.kernel.frames import Frame, Instant, instants, reading
from detent.kernel.replayer.likeness import alike
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

    A fork begins later than its parent: what the parent did before is not compared, nor that somebody has resumed it.
    """
    waits: tuple[dict[str, int], dict[str, int]] = ({}, {})
    lefts, rights = alike(instants(one, runs[0], key)), alike(instants(other, runs[1], key))
    for left, right in _side_by_side(lefts, rights):
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
        id: [owner, form, _without_times(what), *more[:2], *map(_life, more[2:])]
        for id, (owner, form, _, what, *more) in parts["effects"].items()
    }
    timeless: Frame = {**frame, "timers": timers, "effects": effects}
    if "line" in frame:
        timeless["line"] = [[_without_time(signal), seq] for signal, seq in parts["line"]]
    del timeless["at"]
    return timeless


def _without_times(what: Tree) -> Tree:
    fan = under(what, "$fan")
    if fan is None:
        return what
    heard: list[Tree] = [[index, _outcome(event)] for index, event in fan["heard"]]
    lives: dict[str, Tree] = {place: _life(one) for place, one in fan.get("lives", {}).items()}
    return {"$fan": {**fan, "heard": heard, **({"lives": lives} if lives else {})}}


def _life(life: Any) -> Tree:
    """How far an effect has come, without the time until which it is held."""
    attempt, held, _ = life
    return [attempt, held]


def _without_time(event: Tree) -> Tree:
    """What happened, without when: nor when an outcome came, nor until when something is held."""
    if (happened := under(event, "$happened")) is not None:
        return {"$happened": [happened[0], _outcome(happened[1])]}
    if (attempt := under(event, "$attempt_failed")) is not None:
        return {"$attempt_failed": [*attempt[:2], _outcome(attempt[2]), *attempt[3:]]}
    if (held := under(event, "$held")) is not None:
        return {"$held": {key: value for key, value in held.items() if key != "until"}}
    if (queued := under(event, "$queued")) is not None:
        return {"$queued": _without_time(queued)}
    for tag in ("$parked", "$broke"):
        if (broke := under(event, tag)) is not None:
            return {tag: {**broke, "signal": _without_time(broke["signal"])}}
    return event


def _outcome(event: Any) -> Tree:
    """An outcome without the time at which it came."""
    is_timed = under(event.get("at"), "$datetime") is not None
    return {key: value for key, value in event.items() if key != "at" or not is_timed}
