"""What somebody says of runs of a machine whose shape has changed: where they stand now, and what their values are.

Rule 1: an upgrade is a value, for one machine and one shape that it had. What it says nothing of is called as before.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import field, frozen

from detent.kernel.definition import Definition
from detent.kernel.wire import Tree

__all__ = ["Obstacle", "Record", "Upgrade"]

D = TypeVar("D")

Record: TypeAlias = str | Callable[[dict[str, Any]], Tree]
"""What becomes of a record: another name of its class, or what a function makes of it."""


@frozen
class Upgrade(Generic[D]):
    """How runs of a machine go on that had another shape: `shape` is its digest.

    `states` says by name where a run is now that was in a state; None forgets what a history remembers. `effects` says
    what the effects in flight are called now; None gives a question up. `records` says by the name of its class what
    becomes of a record in orders, events and outcomes; without `data` in the data too. `data` makes the data of what
    it was, as a plain tree. All functions are pure.
    """

    machine: Definition[Any, D, Any]
    shape: str
    states: Mapping[str, str | None] = field(factory=dict[str, str | None], kw_only=True)
    effects: Mapping[str, str | None] = field(factory=dict[str, str | None], kw_only=True)
    records: Mapping[str, Record] = field(factory=dict[str, Record], kw_only=True)
    data: Callable[[Any], D] | None = field(default=None, kw_only=True)


@frozen
class Obstacle:
    """Why a run cannot go on with an upgrade: which run, where in it, and what would have to be said."""

    run: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"run {self.run!r}, {self.place}: {self.what}"
