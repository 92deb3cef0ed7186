"""What most often happens, without all that has nothing to do with it: an outcome of which at most one effect follows.

Rule 1: what is done here is what a turn does, in the same order: step, commit; tell; begin what was ordered.
Rule 2: where there is anything else to be seen to, nothing was done here, and a turn is taken; so too if what is
        written is refused.
Rule 3: a journal that keeps answers is given the answer; every other one is given the entry (`write`).
"""

from collections.abc import Callable
from typing import Any

from detent.kernel.entries import Entry
from detent.kernel.errors import Unstorable
from detent.kernel.journal import Journal, Standing, Write
from detent.kernel.ports import Clock
from detent.kernel.recorder import Head
from detent.kernel.scheduler.gates import Gates
from detent.kernel.scheduler.live import Live
from detent.kernel.scheduler.lives import Lives
from detent.kernel.scheduler.onlookers import Onlookers
from detent.kernel.scheduler.performing import Performing
from detent.kernel.scheduler.served import Way
from detent.kernel.signals import Event, Happened, Returned
from detent.kernel.snapshot import Snapshot
from detent.kernel.stepper import step
from detent.kernel.steps import Moved

__all__ = ["Shortcut", "Shortcuts"]


class Shortcut:
    """An outcome that has been stepped: what is to be written of it, if anything is, and what follows then."""

    __slots__ = ("effect", "following", "head", "live", "stepped", "write")

    def __init__(self, live: Live, effect: int, stepped: Moved[Any], following: Way | None) -> None:
        self.live = live
        self.effect = effect
        self.stepped = stepped
        self.following = following
        self.head: Head | None = None
        self.write: Any = None


class Shortcuts:
    """Takes outcomes of effects where no turn is needed."""

    def __init__(
        self,
        parts: tuple[Journal, Clock, Lives, Gates, Onlookers],
        begun: Callable[[Live, Way, int, tuple[object, int, bool]], Performing],
    ) -> None:
        self._journal, self._clock, self._lives, self._gates, self._onlookers = parts
        self._begun = begun

    def step(self, performing: Performing, event: Event) -> Shortcut | None:
        """Step an outcome, if there is nothing else to be seen to."""
        live, way = performing.live, performing.way
        before = live.snapshot
        pending = before.pending
        if (
            live.line
            or live.is_driven
            or live.is_gone
            or live.barriers
            or not way.is_quick
            or performing.stopping
            or (way.retry is not None and event.__class__ is not Returned)
            or pending.parked is not None
            or pending.deferred
            or not self._may_keep(live)
        ):
            return None
        effect = performing.effect
        at = performing.ended or self._clock.now()
        stepped = step(live.served.table, before, Happened(effect, event), at)
        after = stepped.snapshot
        if (
            type(stepped) is not Moved
            or len(stepped.ordered) > 1
            or stepped.stopped
            or after.pending.timers is not pending.timers
        ):
            return None
        following: Way | None = None
        if stepped.ordered:
            first = stepped.ordered[0]
            following = live.served.ways[first.form, first.part]
            if not following.is_quick or self._gates.draining:
                return None
        elif not self._may_rest(live, after):
            return None
        taken = Shortcut(live, effect, stepped, following)
        if live.backlog is not None:
            live.backlog.taken.append(stepped)
        elif not self._record(taken, before):
            return None
        return taken

    def _may_keep(self, live: Live) -> bool:
        """Whether how the run stands will stay so, and its journal has room."""
        backlog = live.backlog
        if backlog is not None:
            return len(backlog.taken) < backlog.most and backlog.epoch == live.epoch
        stands = live.standing
        return (
            not live.served.waits
            and stands is not None
            and stands.in_flight
            and not stands.held
            and stands.status == "running"
            and live.renewal is None
        )

    def _may_rest(self, live: Live, after: Snapshot[Any]) -> bool:
        """Whether nothing need be said of a run of which nothing new begins: others go on, or it is over."""
        if after.end is None:
            return len(live.flying) > 1
        return not after.pending.effects and live.parent is None

    def _record(self, taken: Shortcut, before: Snapshot[Any]) -> bool:
        """Make the entry. Whether it can be made."""
        live, after = taken.live, taken.stepped.snapshot
        try:
            recorded: Any = live.served.recorder.record(live.head, before, taken.stepped)
        except Unstorable:
            return False
        place = (before.seq, live.head.hash)
        entries: tuple[Entry, ...] = (recorded.entry,)
        standing = None if after.end is None else Standing(after.end.status)
        made, beside = recorded.checkpoint, recorded.beside
        if made is not None:
            beside += recorded.under
        taken.write = Write(live.id, live.epoch, place, entries, None, made, standing, beside)
        taken.head = recorded.head
        return True

    def done(self, taken: Shortcut) -> Performing | None:
        """See to what follows, now that it is kept: the effect that has not begun."""
        live, stepped = taken.live, taken.stepped
        before, live.snapshot = live.snapshot, stepped.snapshot
        if taken.write is not None and taken.head is not None:
            live.head = taken.head
            self._onlookers.committed(live, before, taken.write.entries)
        if self._lives.bells:
            self._lives.ring(live.id)
        if taken.following is not None:
            first = stepped.ordered[0]
            return self._begun(live, taken.following, first.id, (first.order, 1, False))
        if stepped.snapshot.end is not None:
            self._be_over(live, Standing(stepped.snapshot.end.status))
        return None

    def _be_over(self, live: Live, standing: Standing) -> None:
        """A run has come to its end."""
        journal: Any = self._journal
        if live.backlog is not None:
            journal.stand(live.id, standing)
        live.standing = standing
        self._lives.set_alarm(live, None)
        self._lives.rest(live)
