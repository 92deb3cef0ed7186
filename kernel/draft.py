"""A macrostep while it is being taken: the one thing in the pure kernel that changes, and nobody outside sees it.

Rule 1: a draft is made from a snapshot and becomes one; whoever drops it half-way has changed nothing.
Rule 2: what follows by itself follows in the order of SCXML: rows without an event, then internal events (what came
        to its end, what has settled), then the orders of the states that are still active.
Rule 3: a state that is entered and left again within a macrostep orders nothing.
Rule 4: while a run compensates, only the states that do so have anything under way; when none of them is active any
        more, it ends as what halted it says.
Rule 5: a run that has come to an end of its own lets its background come to an outcome; one that was cut short, or has
        failed, stops everything.
Rule 6: a run that fails by what came of an effect says what that was.
"""

from typing import Any

from attrs import evolve

from detent.kernel.calls import (
    chosen,
    endless,
    many_orders,
    one_order,
    resulting,
    seconds,
    updated,
)
from detent.kernel.decisions import AttemptFailed, Halted, Signal
from detent.kernel.definition import Doing, Each
from detent.kernel.endings import CUT, halting, problem_of, unhandled, went_well
from detent.kernel.flights import Fan, Flight, Ordered
from detent.kernel.layout import Ladder, Layout, Plan
from detent.kernel.signals import Event, Fired, Happened, InDoubt, Problem, Settled, Stopped
from detent.kernel.snapshot import DEADLINE, LIMIT, End, InLine, Pending, Snapshot, Timer
from detent.kernel.steps import Moved
from detent.kernel.table import Node, Table
from detent.kernel.values import moment

__all__ = ["Draft"]

MICRO = 1_000_000
TOLD = 10  # outcomes of an Each that are told as the reason of an end: there may be ten thousand


class Draft:
    """The parts of the snapshot to come, and what is still to be done before it is one.

    With `backwards`, updates of one microstep run in the opposite order, to see if that makes a difference.
    """

    __slots__ = (
        "alone",
        "at",
        "backwards",
        "before",
        "causes",
        "count",
        "data",
        "doubts",
        "effects",
        "end",
        "halted",
        "history",
        "layout",
        "line",
        "ordered",
        "parked",
        "queue",
        "stopped",
        "table",
        "timers",
        "took",
        "working",
    )

    def __init__(
        self,
        table: Table[Any, Any, Any],
        before: Snapshot[Any],
        layout: Layout,
        at: int,
        backwards: bool = False,
    ) -> None:
        pending = before.pending
        self.table = table
        self.before = before
        self.layout = layout
        self.at = at
        self.backwards = backwards
        self.data = before.data
        self.end = before.end
        self.effects: tuple[Flight, ...] = pending.effects
        self.timers = pending.timers
        self.history = pending.history
        self.count = pending.count
        self.doubts = pending.doubts
        self.halted = pending.halted
        self.parked = pending.parked
        self.line = pending.line
        self.queue: list[int | tuple[Fan, Settled[Any]]] = []
        self.working: dict[str, Node] = {}
        self.took: list[tuple[str, ...]] = []
        self.alone: tuple[tuple[str, ...], ...] = ()
        self.ordered: list[Ordered] = []
        self.stopped: list[int] = []
        self.causes: list[tuple[Event, str]] = []

    def take(self, rows: Ladder, event: object) -> None:
        """Take rows that were chosen: one microstep."""
        self.follow(self.layout.plan(rows, self.history), event)

    def follow(self, plan: Plan, event: object) -> None:
        """Change what a plan changes."""
        if len(self.took) >= self.table.machine.microsteps:
            raise endless(self.table.machine.microsteps, self.took)
        if plan.took:
            self.took.append(plan.took)
            self.alone = plan.alone
        for row in reversed(plan.updates) if self.backwards else plan.updates:
            self.data = updated(row, self.data, event, self.table.data)
        for name, states in plan.recorded:
            self.history = self.history.set(name, states)
        if plan.leaving:
            self._leave(plan.leaving)
        for node in plan.working:
            self.work(node)
        self.queue += plan.ended
        self.layout = plan.layout
        if plan.end is not None:
            self.end = End(plan.end)

    def work(self, node: Node) -> None:
        """Let a state give its orders when nothing else is left to do."""
        if node.forms or node.after:
            self.working[node.name] = node

    def settle(self) -> None:
        """Do what follows by itself until nothing does."""
        while self.end is None:
            if rows := chosen(self.layout.always, self.data, None):
                self.take(rows, None)
            elif self.queue:
                self._notice(self.queue.pop(0))
            elif self.working:
                self._order()
            else:
                break

    def finish(self, signal: Signal | None, form: str = "") -> Moved[Any]:
        """The snapshot the draft has become, and what the world is to do."""
        before = self.before.pending
        if self.halted is not None:
            self._compensate(self.halted)
        if self.end is not None:
            self._blame(self.end)
            self._close(self.end)
        if self.line:
            self.line = tuple(one for one in self.line if self._may_come(one))
        moved_away = self.layout.configuration != self.before.configuration
        pending = Pending(
            self.effects,
            self.timers,
            before.deferred,
            0 if moved_away else before.offered,
            self.history,
            self.count,
            self.doubts,
            before.abandoned,
            self.halted,
            self.parked,
            self.line,
        )
        seq = self.before.seq + 1
        after = Snapshot(self.layout.configuration, self.data, seq, self.at, pending, self.end)
        took = self.alone if len(self.took) < 2 else tuple(self.took)
        ordered: Any = self.effects  # most often it is the same, and what is kept once takes less
        if len(self.ordered) != 1 or len(ordered) != 1 or self.ordered[0] is not ordered[0]:
            ordered = tuple(self.ordered)
        return Moved(after, signal, took, ordered, tuple(self.stopped), None, form)

    def fail(self, problem: Problem) -> None:
        """End the run: something happened that it has no answer to."""
        self.end = End("failed", None, (problem,))

    def offer(self, event: Event, form: str) -> None:
        """An outcome is about to be offered: if the run fails by it, that is why."""
        if not went_well(event):
            self.causes.append((event, form))

    def _blame(self, end: End) -> None:
        """Tell by what a run has failed."""
        if self.causes and end.status == "failed" and self.before.end is None:
            why = tuple(problem_of(event, form) for event, form in self.causes)
            self.end = evolve(end, failures=(*end.failures, *why))

    def drop(self, found: Flight) -> None:
        """An effect is no longer in flight."""
        self.effects = tuple([effect for effect in self.effects if effect is not found])

    def record(self, flight: Flight, effect: int, event: Event) -> None:
        """Take an outcome that is offered to nobody. In the background of a run that has ended, it may be a problem."""
        if isinstance(flight, Fan):
            self._replace(flight, flight.hear(effect - flight.id, event))
        else:
            self.drop(flight)
        self.doubt(effect, event)
        end = self.end
        if end is not None and not (flight.is_stopping(effect) or went_well(event)):
            self.end = evolve(end, failures=(*end.failures, problem_of(event, flight.form)))

    def doubt(self, effect: int, event: Event) -> None:
        """Remember if nobody knows whether an effect happened of which nobody hears."""
        if isinstance(event, InDoubt):
            self.doubts = (*self.doubts, effect)

    def start(self, row: str, due: int) -> None:
        """Start a timer of the run itself."""
        self.timers = (*self.timers, Timer(self._next(1), "", row, due))

    def stop(self) -> None:
        """Stop everything that is left."""
        self._leave(frozenset(node.name for node in self.table.nodes))
        self.timers = ()

    def leave_to_compensation(self) -> None:
        """Stop everything but what the states have under way that compensate."""
        self._leave(frozenset(node.name for node in self.table.nodes if not node.compensates))

    def drop_timer(self, timer: Timer) -> None:
        """A timer no longer waits."""
        self.timers = tuple(other for other in self.timers if other is not timer)

    def hear(self, fan: Fan, index: int, event: Event) -> None:
        """One order of an Each has an outcome: the next ones begin, or all have settled."""
        form: Any = self.table.forms[fan.form]
        after = fan.hear(index, event)
        if form.stop_on_failure and not went_well(event):
            halted = Stopped(str(fan.id + index), at=moment(self.at))
            after, stopped = after.stop_others(halted)
            self.stopped += stopped
        after, begun = after.begin(form.at_most)
        self.ordered += begun
        self._replace(fan, after)
        if not after.open:
            self._settled(after)

    def _replace(self, old: Fan, new: Fan) -> None:
        """Put a fan in the place of what it was; one without an open order is no longer in flight."""
        changed = (new if effect is old else effect for effect in self.effects)
        self.effects = tuple(effect for effect in changed if effect is not new or new.open)

    def _settled(self, fan: Fan) -> None:
        outcomes: Any = fan.outcomes()
        self.queue.append((fan, Settled(outcomes, at=moment(self.at))))

    def _notice(self, what: int | tuple[Fan, Settled[Any]]) -> None:
        """Offer an internal event: the inside of a state came to its end, or an Each has settled."""
        if isinstance(what, int):
            if self.layout.is_active(what):
                rows = chosen((self.table.nodes[what].done,), self.data, None)
                self._take_if_any(rows, None)
            return
        fan, settled = what
        bad: list[Event] = [one for one in settled.outcomes if not went_well(one)]
        self.causes = [(one, fan.form) for one in bad if not isinstance(one, Stopped)][:TOLD]
        ladder = self.layout.route((fan.form, Settled), fan.owner)
        if not self._take_if_any(chosen((ladder,), self.data, settled), settled):
            self.fail(unhandled(fan.owner, fan.form, settled))

    def _take_if_any(self, rows: Ladder, event: object) -> bool:
        if rows:
            self.take(rows, event)
        return bool(rows)

    def _order(self) -> None:
        """Give the orders of the states that were entered and are still active, and start their timers."""
        working = [*self.working.values()]
        self.working = {}
        if len(working) > 1:
            working.sort(key=lambda node: node.index)
        if self.halted is not None:
            working = [node for node in working if node.compensates]
        for node in working:
            for row in node.after:
                due = self.at + round(seconds(row, self.data) * MICRO)
                timer = Timer(self._next(1), node.name, row.id, due)
                self.timers = (*self.timers, timer)
            for form in node.forms:
                self._order_by(node, form)

    def _order_by(self, node: Node, given: Doing[Any]) -> None:
        form: Any = given
        if isinstance(given, Each):
            orders = many_orders(node, form, self.data)
            first = self._next(len(orders))
            fan = Fan(first, node.name, form.key, orders, self.at, (1 << len(orders)) - 1)
            fan, begun = fan.begin(form.at_most)
            self.ordered += begun
            if orders:
                self.effects = (*self.effects, fan)
            else:
                self._settled(fan)
        else:
            order = one_order(node, form, self.data)
            ordered = Ordered(self._next(1), node.name, form.key, order, self.at)
            self.effects = (*self.effects, ordered)
            self.ordered.append(ordered)

    def _next(self, number: int) -> int:
        """The first of so many new ids."""
        self.count += number
        return self.count - number

    def _leave(self, owners: frozenset[str]) -> None:
        """Stop what states that are left have in flight. What they ordered in this macrostep was never sent."""
        for name in owners & self.working.keys():
            del self.working[name]
        if self.queue:
            self.queue = [
                due for due in self.queue if isinstance(due, int) or due[0].owner not in owners
            ]
        if not self.effects and not self.timers:
            return
        unsent = frozenset(order.id for order in self.ordered if order.owner in owners)
        self.ordered = [order for order in self.ordered if order.id not in unsent]
        kept: list[Flight] = []
        for effect in self.effects:
            if effect.owner not in owners or effect.stopping:
                kept.append(effect)
                continue
            left, stopped = effect.stop(unsent)
            self.stopped += stopped
            kept += [] if left is None else [left]
        self.effects = tuple(kept)
        self.timers = tuple(
            timer for timer in self.timers if timer.owner not in owners or timer.row == DEADLINE
        )

    def _compensate(self, halted: Halted) -> None:
        """Go on compensating, or end as what halted the run says."""
        nodes = self.table.nodes
        if self.end is None and not any(nodes[index].compensates for index in self.layout.active):
            self.end = End(halted.status)
        if self.end is not None:
            self.end = End(halted.status, None, (halting(halted), *self.end.failures))
            self.halted = None
        elif self.before.pending.halted is None:
            self._limit(self.table.machine.compensation_limit)

    def _close(self, end: End) -> None:
        """The run has come to its end: what is in flight is stopped, and there is a result, unless it was cut short."""
        if self.before.end is None:
            is_cut = end.status in CUT
            self._leave(frozenset(node.name for node in self.table.nodes[not is_cut :]))
            self.timers = ()
            if not is_cut:
                self._wait_for_background()
                result = self.table.machine.result
                value = resulting(result, self.data, self.table.name)
                self.end = End(end.status, value, end.failures)
        if not self.effects:
            self.timers = ()
            self.line = ()

    def _wait_for_background(self) -> None:
        """Let what the machine itself has under way come to an outcome, for some time. Nothing else begins."""
        for flight in self.effects:
            if isinstance(flight, Fan) and not flight.stopping:
                self._replace(flight, flight.only_begun())
        if any(not flight.stopping for flight in self.effects):
            self._limit(self.table.machine.background_limit)

    def _limit(self, seconds: float) -> None:
        self.start(LIMIT, self.at + round(seconds * MICRO))

    def _may_come(self, waiting: InLine) -> bool:
        """Whether what waits in the line is still something that can happen."""
        signal = waiting.signal
        if isinstance(signal, Happened | AttemptFailed):
            return any(flight.has(signal.effect) for flight in self.effects)
        if isinstance(signal, Fired):
            return any(timer.id == signal.timer for timer in self.timers)
        return True
