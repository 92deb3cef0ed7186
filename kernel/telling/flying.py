"""Effects as they stand in a frame: found by their ids, and what is gone between two frames.

Rule 1: one outcome among many costs what that outcome is: of an Each only what was heard since is looked at.
Rule 2: an effect is under way that has begun and has no outcome; of an Each that is stopping, what was asked to.
"""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from detent.kernel.frames import Frame
from detent.kernel.telling.kinds import Kinds
from detent.kernel.wire import Tree, under

__all__ = ["Flying", "find", "flying", "gone", "owner_of"]

PART, LIFE = 4, 6  # places in an effect in flight of what is left out if there is nothing to say
STARTED = (1, "", 0)


@frozen
class Flying:
    """One effect: which, of what kind, what was ordered, and how far it has come."""

    id: int
    form: str
    kind: str
    order: Any
    attempt: int = 1
    held: str = ""
    until: int = 0
    owner: str = ""
    """The state that ordered it; empty if it was the run itself."""
    at: int = 0
    """When it was ordered."""


def find(frame: Frame, id: int, kinds: Kinds) -> Flying | None:
    """An effect that is in flight, by its id; one of an Each too."""
    effects: Any = frame["effects"]
    for first, flight in effects.items():
        fan = _fan(flight)
        place = id - int(first)
        if fan is None and place == 0:
            part = flight[PART] if len(flight) > PART else 0
            life = flight[LIFE] if len(flight) > LIFE else STARTED
            return _flying(id, flight, part, flight[3], life, kinds)
        if fan is not None and 0 <= place < len(fan["orders"]):
            part, order = fan["orders"][place]
            life = fan.get("lives", {}).get(str(place), STARTED)
            return _flying(id, flight, part, order, life, kinds)
    return None


def flying(frame: Frame, kinds: Kinds) -> Iterator[Flying]:
    """Everything that has been ordered, and has no outcome; of an Each what has begun."""
    effects: Any = frame["effects"]
    for first, flight in effects.items():
        fan = _fan(flight)
        for place in (0,) if fan is None else _under_way(fan):
            found: Any = find({"effects": {first: flight}}, int(first) + place, kinds)
            one: Flying = found  # what is there is found
            yield one


def owner_of(frame: Frame, id: int) -> str | None:
    """The state that ordered an effect that is in flight; nothing if it is not."""
    effects: Any = frame["effects"]
    for first, flight in effects.items():
        fan = _fan(flight)
        if 0 <= id - int(first) < (1 if fan is None else len(fan["orders"])):
            owner: str = flight[0]
            return owner
    return None


def gone(before: Frame, after: Frame) -> Iterator[tuple[int, Tree]]:
    """What was under way before and is not after, by id, each with its outcome if the frames know it.

    The frames know the outcomes of what is one of an Each; what has none of another effect is in the event, or it was
    dropped.
    """
    now: Any = after["effects"]
    was: Any = before["effects"]
    for first, flight in was.items():
        then = now.get(first)
        if then is flight:
            continue
        fan = _fan(flight)
        if fan is not None:
            for place, outcome in _gone_of(fan, None if then is None else _fan(then)):
                yield int(first) + place, outcome
        elif then is None:
            yield int(first), None


def _gone_of(fan: Any, then: Any) -> Iterator[tuple[int, Tree]]:
    """The orders of an Each that were under way and no longer are."""
    heard: list[Any] = [] if then is None else then["heard"][len(fan["heard"]) :]
    if then is not None and then["stopping"] == fan["stopping"]:
        yield from ((place, outcome) for place, outcome in heard if place < fan["begun"])
        return
    outcomes = dict(heard)
    still: list[int] = [] if then is None else _under_way(then)
    ended = set(_under_way(fan)).difference(still)
    yield from ((place, outcomes.get(place)) for place in sorted(ended))


def _under_way(fan: Any) -> list[int]:
    """The orders of an Each that have begun and have no outcome."""
    heard = {place for place, _ in fan["heard"]}
    begun: Any = fan["asked"] if fan["stopping"] else range(fan["begun"])
    return [place for place in begun if place not in heard]


def _fan(flight: Any) -> Any:
    """What an Each has in flight; None if it is another effect."""
    return under(flight[3], "$fan")


def _flying(id: int, flight: Any, part: int, order: Tree, life: Any, kinds: Kinds) -> Flying:
    owner, form, at = flight[:3]
    kind = kinds[form]
    of_part = kind if isinstance(kind, str) else kind[part]
    attempt, held, until = life
    return Flying(id, form, of_part, order, attempt, held, until, owner, at)
