"""A fork as its parent would have been: without what is said of it only because it is a fork.

Rule 1: that nobody has resumed it, that somebody has, and that what was under way is begun again, says nothing of what
        the run does. Such entries are left out, and those after them have the numbers that they have in the parent.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import evolve

from detent.kernel.frames import Frame, Instant
from detent.kernel.wire import Tree, under

__all__ = ["alike"]

FORK = "fork"
"""Why effects are held that were under way in the parent."""


def alike(instants: Iterable[Instant]) -> Iterator[Instant]:
    """A run as it is; a fork as if it were its parent."""
    before: Frame = {}
    left_out: list[int] = []
    for instant in instants:
        origin = instant.header.origin
        if origin is None:
            yield instant
            continue
        if instant.entry is not None and _is_of_forks(instant.entry.event, before):
            left_out.append(instant.entry.seq)
        else:
            yield evolve(instant, frame=_grown(instant.frame, left_out))
        before = instant.frame


def _is_of_forks(event: Tree, before: Any) -> bool:
    """Whether an entry is there only because the run is a fork: it was resumed, or what was under way begins again."""
    if under(event, "$resumed") is not None:
        return before.get("parked", {}).get("since") is not None
    admitted = under(event, "$admitted")
    return admitted is not None and admitted[0] in set(_held(before))


def _held(frame: Any) -> Iterator[int]:
    """The effects that are held for the fork."""
    for first, (_, _, _, what, *more) in frame["effects"].items():
        fan = under(what, "$fan")
        lives = {"0": more[2]} if fan is None and len(more) > 2 else {}
        for place, life in (lives if fan is None else fan.get("lives", {})).items():
            if life[1] == FORK:
                yield int(first) + int(place)


def _grown(frame: Any, left_out: list[int]) -> Frame:
    """A frame in which nothing is held for the fork, nothing of it arrives, and entries have their parent's numbers."""

    def number(seq: int) -> int:
        return seq - sum(one <= seq for one in left_out)

    parts: Frame = {**frame, "seq": number(frame["seq"])}
    parts["effects"] = {id: _begun(effect) for id, effect in frame["effects"].items()}
    parts["deferred"] = [[event, number(seq)] for event, seq in frame["deferred"]]
    parked = {key: one for key, one in frame.get("parked", {}).items() if key != "since"}
    line = [one for one in frame.get("line", ()) if one[1] > 0]
    for key in ("parked", "line"):
        parts.pop(key, None)
    if parked and parked["role"] != FORK:
        parts["parked"] = {**parked, "entry": number(parked["entry"])}
    if line:
        parts["line"] = [[signal, number(seq)] for signal, seq in line]
    return parts


def _begun(effect: Any) -> Tree:
    """An effect in flight that is not held for the fork."""
    owner, form, at, what, *more = effect
    fan = under(what, "$fan")
    if fan is not None:
        lives = {place: _life(life) for place, life in fan.get("lives", {}).items()}
        kept = {place: life for place, life in lives.items() if life != [1, "", 0]}
        whole = {key: part for key, part in fan.items() if key != "lives"}
        return [owner, form, at, {"$fan": {**whole, **({"lives": kept} if kept else {})}}, *more]
    if len(more) < 3 or (life := _life(more[2])) == more[2]:
        return [owner, form, at, what, *more]
    if life != [1, "", 0]:
        return [owner, form, at, what, *more[:2], life]
    return [owner, form, at, what, *(more[:2] if more[0] or more[1] else ())]


def _life(life: Any) -> Tree:
    """How far an effect has come, if it was not held for the fork."""
    return [life[0], "", 0] if life[1] == FORK else life
