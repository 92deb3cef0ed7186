"""How a run stands, read off its frame and the outline of its machine, without anybody's code."""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from detent.kernel import Kinds, Outline, Tree, kinds_from

__all__ = ["InFlight", "in_flight", "questions_of"]


@frozen
class InFlight:
    """An effect without an outcome: its id, its form, of which kind that is, what is ordered, and since when."""

    id: int
    form: str
    kind: str
    order: Tree
    since: int
    held: str = ""
    until: int = 0
    is_stopping: bool = False


def in_flight(frame: Any, outline: Outline | None) -> Iterator[InFlight]:
    """What is in flight in a frame, one by one."""
    kinds: Kinds = {} if outline is None else kinds_from(outline)
    for first, (_, form, at, what, *more) in frame["effects"].items():
        kind = kinds.get(form, "")
        fan = _fan_in(what)
        if fan is None:
            part, is_stopping, *lives = more or (0, False)
            how = (*_life(lives[0] if lives else None), is_stopping)
            yield InFlight(int(first), form, _part(kind, part), what, at, *how)
            continue
        heard = {index for index, _ in fan["heard"]}
        for index in range(fan["begun"]):
            if index not in heard:
                part, order = fan["orders"][index]
                how = (*_life(fan.get("lives", {}).get(str(index))), fan["stopping"])
                yield InFlight(int(first) + index, form, _part(kind, part), order, at, *how)


def _fan_in(what: Any) -> Any:
    """The Each that an effect is, if it is one."""
    return {**what}.get("$fan") if _is_object(what) else None


def _is_object(tree: object) -> bool:
    return isinstance(tree, dict)


def _part(kind: str | tuple[str, ...], part: int) -> str:
    return kind if isinstance(kind, str) else kind[part]


def _life(life: Any) -> tuple[str, int]:
    """Why an effect is held, and until when."""
    return (life[1], life[2]) if life else ("", 0)


def questions_of(frame: Any, outline: Outline | None) -> Iterator[tuple[int, str]]:
    """The questions that a frame has open: their ids, and what is asked."""
    for one in in_flight(frame, outline):
        if one.kind == "Wait" and not one.is_stopping:
            yield one.id, str(one.order)
