"""How a run stands, read off its frame and off what its log says of its machine: nobody's code is needed.

Rule 1: it is what the kernel says of the snapshot (`standing`), if the machine has not changed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from detent.kernel.frames import Frame
from detent.kernel.journal import RunStatus, Standing
from detent.kernel.table import Outline
from detent.kernel.telling import Kinds, kinds_from
from detent.kernel.wire import Tree, under

__all__ = ["awaited", "standing_at"]

MICRO = 1_000_000
BEGUN: tuple[int, str, int] = (1, "", 0)


@frozen
class _Open:
    """An effect that has begun and has no outcome: when it was ordered, whether it is held, or was asked to stop.

    `is_left`: its state was left, or that of its Each.
    """

    id: int
    form: str
    part: int
    at: int
    is_left: bool
    is_asked: bool
    held: str
    until: int


def standing_at(frame: Frame, shape: Outline, rules: Outline) -> Standing:
    """How a run stands that is not over, and whose machine is the one that the outlines tell of."""
    parts: Any = frame
    parked: Any = parts.get("parked")
    if parked is not None and "since" in parked:
        return Standing("inert")
    kinds, flying = kinds_from(shape), tuple(_open(frame))
    ordered = {kind for effect in parts["effects"].values() for kind in _kinds_of(effect, kinds)}
    is_stopping = any(one.is_asked for one in flying) or _has_stopping(frame)
    is_flying = is_stopping or bool(ordered & {"Call", "Send"})
    status: RunStatus = "parked"
    if parked is None:
        is_ending = parts["end"] is not None or parts.get("halted") is not None
        status = "ending" if is_ending else "running" if is_flying else "waiting"
    is_held = any(life[1] for effect in parts["effects"].values() for life in _lives(effect))
    dues = tuple(_dues(frame, flying, (kinds, _deadlines(rules)), parked is not None))
    due = min(dues, default=None)
    return Standing(status, due, is_flying or "Spawn" in ordered, is_held)


def awaited(frame: Frame, shape: Outline) -> Iterator[tuple[int, bool]]:
    """The ids of the effects of a run that are children without an outcome, and whether they have begun."""
    kinds = kinds_from(shape)
    waiting = set(_in_line(frame))
    for one in _open(frame):
        if _kind(kinds, one.form, one.part) == "Spawn" and one.id not in waiting:
            yield one.id, not one.held


# -- what is in flight


def _open(frame: Frame) -> Iterator[_Open]:
    """Every effect that has begun and has no outcome."""
    effects: Any = frame["effects"]
    for first, (_, form, at, what, *more) in effects.items():
        fan = under(what, "$fan")
        if fan is None:
            part, is_stopping, *lives = more or (0, False)
            _, held, until = lives[0] if lives else BEGUN
            yield _Open(int(first), form, part, at, is_stopping, is_stopping, held, until)
            continue
        heard, asked = {place for place, _ in fan["heard"]}, set(fan["asked"])
        begun = asked if fan["stopping"] else set(range(fan["begun"]))
        for place in sorted(begun - heard):
            _, held, until = fan.get("lives", {}).get(str(place), BEGUN)
            part, told = fan["orders"][place][0], place in asked
            yield _Open(int(first) + place, form, part, at, fan["stopping"], told, held, until)


def _has_stopping(frame: Frame) -> bool:
    """Whether an Each is told to stop of which nothing is under way any more."""
    effects: Any = frame["effects"]
    fans = (under(effect[3], "$fan") for effect in effects.values())
    return any(fan is not None and fan["stopping"] for fan in fans)


def _lives(effect: Any) -> Iterator[Any]:
    """How far what is held, or was tried before, has come."""
    fan = under(effect[3], "$fan")
    if fan is not None:
        yield from fan.get("lives", {}).values()
    elif len(effect) > 6:
        yield effect[6]


def _kinds_of(effect: Any, kinds: Kinds) -> Iterator[str]:
    """Of which kinds the orders of an effect are, be they under way or not."""
    _, form, _, what, *more = effect
    fan = under(what, "$fan")
    if fan is None:
        yield _kind(kinds, form, more[0] if more else 0)
    else:
        yield from {_kind(kinds, form, part) for part, _ in fan["orders"]}


def _kind(kinds: Kinds, form: str, part: int) -> str:
    kind = kinds[form]
    return kind if isinstance(kind, str) else kind[part]


def _in_line(frame: Any) -> Iterator[int]:
    """The effects and timers of which something waits in the line of a parked run."""
    for signal, _ in frame.get("line", ()):
        told = under(signal, "$happened") or under(signal, "$attempt_failed")
        fired = under(signal, "$fired")
        if told is not None or fired is not None:
            yield fired if told is None else told[0]


# -- what is due


def _dues(
    frame: Any,
    flying: tuple[_Open, ...],
    said: tuple[Kinds, Mapping[tuple[str, int], float]],
    is_parked: bool,
) -> Iterator[int]:
    """When something happens by itself."""
    kinds, deadlines = said
    waiting = set(_in_line(frame))
    for id, (_, _, due) in frame["timers"].items():
        if int(id) not in waiting:
            yield due
    for one in flying:
        deadline = deadlines.get((one.form, one.part))
        is_open = not one.is_left and one.id not in waiting
        if deadline is not None and is_open and _kind(kinds, one.form, one.part) == "Wait":
            yield one.at + round(deadline * MICRO)
        if one.held and one.until and not is_parked:
            yield one.until


def _deadlines(rules: Outline) -> dict[tuple[str, int], float]:
    """How long questions are open, by form and part, as far as they have a deadline."""
    effects: Any = rules.tree["effects"]
    found: dict[tuple[str, int], Tree] = {}
    for name, said in effects.items():
        for part, inner in enumerate(said["forms"].values() if "forms" in said else (said,)):
            found[name, part] = inner.get("deadline")
    return {place: float(str(one)) for place, one in found.items() if one is not None}
