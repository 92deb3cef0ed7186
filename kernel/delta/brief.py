"""What an entry says that most often comes: an outcome of all that is in flight, of which at most one effect follows.

Rule 1: what is said here is what `Changes` and `Reports` say, to the byte; a property holds it to that.
Rule 2: where there is anything else to be said, or anything cannot be written, nothing is said here.
"""

from typing import Any

from detent.kernel.codec import Misfit, Writer
from detent.kernel.decisions import STARTED
from detent.kernel.delta.changes import Changes
from detent.kernel.delta.references import is_light
from detent.kernel.edits import Edit
from detent.kernel.errors import Unstorable
from detent.kernel.flights import Ordered
from detent.kernel.scribe import Scribe
from detent.kernel.signals import Happened
from detent.kernel.snapshot import Pending, Snapshot
from detent.kernel.steps import Moved, Stepped
from detent.kernel.wire import Tree

__all__ = ["Brief"]


class Brief:
    """Says what changed, if that needs no looking around."""

    def __init__(self, scribe: Scribe, changes: Changes) -> None:
        self._scribe = scribe
        self._changes = changes
        self._writers: dict[str, Writer | None] = {}

    def told(
        self, before: Snapshot[Any], stepped: Stepped[Any]
    ) -> tuple[Tree, dict[str, Edit]] | None:
        """The event and the change of an entry; None if there may be more to it."""
        signal: Any = getattr(stepped, "signal", None)
        if type(stepped) is not Moved or type(signal) is not Happened:
            return None
        after, flights = stepped.snapshot, before.pending.effects
        if (
            len(flights) != 1
            or type(flights[0]) is not Ordered
            or flights[0].id != signal.effect
            or stepped.cause is not None
            or stepped.stopped
            or after.end is not before.end
            or not _is_alike(before.pending, after.pending)
        ):
            return None
        return self._told(before, stepped, signal)

    def _told(
        self, before: Snapshot[Any], stepped: Moved[Any], signal: Happened
    ) -> tuple[Tree, dict[str, Edit]] | None:
        after, pending = stepped.snapshot, stepped.snapshot.pending
        ordered: Any = pending.effects
        if not ordered:
            if stepped.ordered or pending.count != before.pending.count:
                return None
        elif not _is_new(stepped, ordered):
            return None
        change: dict[str, Edit] = {}
        try:
            outcome = self._scribe.write_outcome(
                before.pending.effects, signal.effect, signal.event, after.at
            )
            event: Tree = {"$happened": [signal.effect, outcome]}
            self._changes.note_place_and_data(change, before, after, event)
            if ordered:
                one: Ordered = ordered[0]
                write = self._writer(one.form)
                order = self._changes.order(one, after) if write is None else write(one.order)
                change["effects"] = {str(one.id): [[one.owner, one.form, None, order]]}
        except (Misfit, Unstorable, RecursionError):
            return None
        return event, change

    def _writer(self, form: str) -> Writer | None:
        """What writes the orders of a form, if they never have anything in common with the data that is worth while."""
        try:
            return self._writers[form]
        except KeyError:
            shape = self._scribe.order(form, 0)
            is_plain = is_light(shape) and not self._scribe.sealed
            known = self._writers[form] = self._scribe.codec.writer(shape) if is_plain else None
            return known


def _is_alike(old: Pending, new: Pending) -> bool:
    """Whether nothing has changed but what is in flight, and how often was ordered."""
    return (
        new.timers is old.timers
        and new.deferred is old.deferred
        and new.offered == old.offered
        and new.history is old.history
        and new.doubts is old.doubts
        and new.abandoned is old.abandoned
        and new.halted is old.halted
        and new.parked is old.parked
        and new.line is old.line
    )


def _is_new(stepped: Moved[Any], ordered: Any) -> bool:
    """Whether what is in flight now is one effect that was ordered just now, and nothing more is to be said of it."""
    one, snapshot = ordered[0], stepped.snapshot
    return (
        len(ordered) == 1
        and type(one) is Ordered
        and len(stepped.ordered) == 1
        and stepped.ordered[0] is one
        and one.at == snapshot.at
        and one.part == 0
        and not one.stopping
        and one.life is STARTED
        and snapshot.pending.count == one.id + 1
    )
