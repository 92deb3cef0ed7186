"""Events that say again what the data says.

A guard that compares what an event brings with what a run knows is true by chance once in a lifetime. So now and then
a field of a drawn event is given a value that is found in the data.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st

from detent.kernel import Event, FrozenMap
from detent.tools.testing.spelling import kind_of

__all__ = ["echoing"]

E = TypeVar("E", bound=Event)

ECHOED = (int, float, str)
MANY = 20  # values of the data that are looked at


def echoing(draw: st.DrawFn, event: E, data: object) -> E:
    """The event, perhaps with values of the data in some of its fields."""
    pool: dict[type, list[Any]] = {}
    for value, _ in zip(_leaves(data), range(MANY), strict=False):
        kind = kind_of(value)
        known = pool.setdefault(kind, [])
        if value not in known:
            known.append(value)
    echoed: E = _echoed(draw, event, pool)
    return echoed


def _echoed(draw: st.DrawFn, value: Any, pool: dict[type, list[Any]]) -> Any:
    if type(value) in pool:
        return draw(st.sampled_from(pool[type(value)])) if draw(st.integers(0, 3)) == 3 else value
    kind = kind_of(value)
    if not attrs.has(kind):
        return value
    changed: dict[str, Any] = {}
    for a in attrs.fields(kind):
        before = getattr(value, a.name)
        if a.init and (after := _echoed(draw, before, pool)) is not before:
            changed[a.alias or a.name] = after
    if not changed:
        return value
    try:
        return attrs.evolve(value, **changed)
    except Exception:  # a validator of the author's: then the value stays as it was drawn
        return value


def _leaves(value: Any) -> Iterator[Any]:
    kind = kind_of(value)
    inside: Iterable[Any] = ()
    if kind in ECHOED:
        yield value
    elif kind in (tuple, frozenset):
        inside = value
    elif kind is FrozenMap:
        inside = value.values()
    elif attrs.has(kind):
        inside = (getattr(value, a.name) for a in attrs.fields(kind) if a.init)
    for item in inside:
        yield from _leaves(item)
