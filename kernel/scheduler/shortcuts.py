"""What most often happens, without all that has nothing to do with it: an outcome of which at most one effect follows.

Rule 1: what is done here is what a turn does, in the same order: step, commit; tell; begin what was ordered.
Rule 2: where there is anything else to be seen to, or anything is refused, nothing was done here, and a turn is taken.
Rule 3: a journal that keeps answers is given the answer; one that writes at once is given the entry.
"""

from collections.abc import Callable
from typing import Any

from attrs import define

from detent.kernel.errors import Unstorable
from detent.kernel.journal import Committed, Journal, Standing, Write
from detent.kernel.ports import Clock
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

__all__ = ["Shortcuts"]

NOT_DONE = (False, None)


@define(eq=False)
class Shortcuts:
    """Takes outcomes of effects where no turn is needed."""

    journal: Journal
    clock: Clock
    lives: Lives
    gates: Gates
    onlookers: Onlookers
    begun: Callable[[Live, Way, int, tuple[object, int, bool]], Performing]

    def take(self, performing: Performing, event: Event) -> tuple[bool, Performing | None]:
        """Whether an outcome has been seen to, and the effect that follows, which has not begun."""
        live, way, before = performing.live, performing.way, performing.live.snapshot
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
            return NOT_DONE
        effect = performing.effect
        at = performing.ended or self.clock.now()
        stepped = step(live.served.table, before, Happened(effect, event), at)
        after = stepped.snapshot
        if (
            type(stepped) is not Moved
            or len(stepped.ordered) > 1
            or stepped.stopped
            or after.pending.timers is not pending.timers
        ):
            return NOT_DONE
        first, following = next(iter(stepped.ordered), None), None
        if first is not None:
            following = live.served.ways[first.form, first.part]
            if not following.is_quick or self.gates.draining:
                return NOT_DONE
        if following is None and not self._may_rest(live, after):
            return NOT_DONE
        if not self._keeps(live, before, stepped):
            return NOT_DONE
        live.snapshot = after
        del live.flying[effect]
        if self.lives.bells:
            self.lives.ring(live.id)
        if first is not None and following is not None:
            return True, self.begun(live, following, first.id, (first.order, 1, False))
        if after.end is not None:
            self._be_over(live, Standing(after.end.status))
        return True, None

    def _may_keep(self, live: Live) -> bool:
        """Whether the journal is one that can be written here, and how the run stands will stay so."""
        backlog = live.backlog
        if backlog is not None:
            return len(backlog.taken) < backlog.most and backlog.epoch == live.epoch
        stands = live.standing
        return (
            self.journal.at_once is not None
            and not live.served.waits
            and stands is not None
            and stands.status == "running"
            and stands.in_flight
            and not stands.held
        )

    def _may_rest(self, live: Live, after: Snapshot[Any]) -> bool:
        """Whether nothing need be said of a run of which nothing new begins: others go on, or it is over."""
        if after.end is None:
            return len(live.flying) > 1
        return live.backlog is not None and not after.pending.effects and live.parent is None

    def _keeps(self, live: Live, before: Snapshot[Any], stepped: Moved[Any]) -> bool:
        """Commit an answer. Whether it is kept."""
        if live.backlog is not None:
            live.backlog.taken.append(stepped)
            return True
        try:
            recorded: Any = live.served.recorder.record(live.head, before, stepped)
        except Unstorable:
            return False
        if recorded.checkpoint is not None or recorded.beside:
            return False
        after = (before.seq, live.head.hash)
        write = self.journal.at_once
        said = write and write(Write(live.id, live.epoch, after, (recorded.entry,)))
        if not isinstance(said, Committed):
            return False
        live.head = recorded.head
        self.onlookers.committed(live.id, (recorded.entry,))
        return True

    def _be_over(self, live: Live, standing: Standing) -> None:
        """A run has come to its end, and its journal has it in its backlog."""
        journal: Any = self.journal
        journal.stand(live.id, standing)
        live.standing = standing
        self.lives.set_alarm(live, None)
        self.lives.rest(live)
