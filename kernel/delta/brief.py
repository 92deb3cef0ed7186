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
from detent.kernel.signals import Happened, Returned
from detent.kernel.snapshot import NOTHING_PENDING, Pending, Snapshot
from detent.kernel.steps import Moved, Stepped
from detent.kernel.values import moment
from detent.kernel.wire import Tree

__all__ = ["Brief"]


class Brief:
    """Says what changed, if that needs no looking around."""

    def __init__(self, scribe: Scribe, changes: Changes) -> None:
        self._scribe = scribe
        self._changes = changes
        self._is_plain = is_light(scribe.data)
        self._writers: dict[str, Writer | None] = {}
        self._outcomes: dict[str, Writer] = {}

    def told(
        self, before: Snapshot[Any], stepped: Stepped[Any]
    ) -> tuple[Tree, dict[str, Edit]] | None:
        """The event and the change of an entry; None if there may be more to it."""
        signal: Any = getattr(stepped, "signal", None)
        flights = before.pending.effects
        if type(stepped) is not Moved or type(signal) is not Happened or len(flights) != 1:
            return None
        flight, after = flights[0], stepped.snapshot
        if (
            type(flight) is not Ordered
            or flight.id != signal.effect
            or stepped.cause is not None
            or stepped.stopped
            or not stepped.took
            or before.end is not None
            or not _is_alike(before.pending, after.pending)
            or not _is_new(stepped, before.pending.count)
        ):
            return None
        change: dict[str, Edit] = {}
        try:
            event: Tree = {"$happened": [flight.id, self._outcome(before, flight, signal, after)]}
            if self._is_plain:
                self._changes.note_place(change, before, after)
                self._changes.note_plain_data(change, before, after)
            else:
                self._changes.note_place_and_data(change, before, after, event)
            self._note_order(change, stepped)
            if after.end is not None:
                change["end"] = self._changes.ended(after)
        except (Misfit, Unstorable, RecursionError):
            return None
        return (event, change) if change else None

    def begun(self, stepped: Moved[Any], event: Tree) -> dict[str, Edit] | None:
        """The change of the first entry of a run, if it says little."""
        after = stepped.snapshot
        if (
            after.end is not None
            or not _is_alike(NOTHING_PENDING, after.pending)
            or not _is_new(stepped, NOTHING_PENDING.count)
        ):
            return None
        change: dict[str, Edit] = {}
        try:
            self._changes.note_place_and_data(change, None, after, event)
            self._note_order(change, stepped)
        except (Misfit, Unstorable, RecursionError):
            return None
        return change

    def _note_order(self, change: dict[str, Edit], stepped: Moved[Any]) -> None:
        """Note what was ordered, if anything was."""
        for one in stepped.ordered:
            write = self._writer(one.form)
            order = write(one.order) if write else self._changes.order(one, stepped.snapshot)
            change["effects"] = {str(one.id): [[one.owner, one.form, None, order]]}

    def _outcome(
        self, before: Snapshot[Any], flight: Ordered, signal: Happened, after: Snapshot[Any]
    ) -> Tree:
        """An outcome, as `Reports` writes it; one that came just then is the most frequent."""
        outcome: Any = signal.event
        if not isinstance(signal.event, Returned) or outcome.at is not moment(after.at):
            return self._scribe.write_outcome(
                before.pending.effects, signal.effect, outcome, after.at
            )
        write = self._outcomes.get(flight.form)
        if write is None:
            shape = self._scribe.outcome(flight, flight.id, Returned)
            write = self._scribe.codec.lacking(shape, "at")
            self._outcomes[flight.form] = write
        return write(outcome)

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


def _is_new(stepped: Moved[Any], count: int) -> bool:
    """Whether what is in flight now was ordered just now: one effect, or none. No more is to be said of it."""
    snapshot = stepped.snapshot
    ordered: Any = stepped.ordered
    flying = snapshot.pending.effects
    if len(ordered) != len(flying) or len(flying) > 1:
        return False
    if not flying:
        return snapshot.pending.count == count
    one = flying[0]
    return (
        ordered[0] is one
        and type(one) is Ordered
        and one.at == snapshot.at
        and one.part == 0
        and not one.stopping
        and one.life is STARTED
        and snapshot.pending.count == one.id + 1
    )
