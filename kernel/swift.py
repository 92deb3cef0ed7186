"""The macrostep that most often comes: nothing else is in flight, and the state it leads to gives one order, or none.

Rule 1: what comes of it is what a Draft comes to; where a Draft would see to anything else, it is not asked here.
"""

from typing import Any

from detent.kernel.calls import one_order, updated
from detent.kernel.decisions import Signal
from detent.kernel.flights import Flight, Ordered
from detent.kernel.layout import Plan
from detent.kernel.snapshot import Pending, Snapshot
from detent.kernel.steps import Moved
from detent.kernel.table import Table

__all__ = ["is_swift", "leap"]

NOTHING: tuple[Flight, ...] = ()


def is_swift(plan: Plan, pending: Pending) -> bool:
    """Whether a plan can be followed here, if nothing else is in flight."""
    return (
        plan.is_swift
        and not pending.timers
        and pending.halted is None
        and pending.parked is None
        and not pending.line
    )


def leap(
    table: Table[Any, Any, Any],
    before: Snapshot[Any],
    plan: Plan,
    at: int,
    what: tuple[Signal, object, str],
) -> Moved[Any]:
    """The answer to a signal, with the event that rows see and the form that an outcome is of."""
    signal, event, form = what
    data, old, configuration = before.data, before.pending, plan.layout.configuration
    for row in plan.updates:
        data = updated(row, data, event, table.data)
    ordered, count = NOTHING, old.count
    if plan.working:
        node, key = plan.working[0], plan.key
        order = one_order(node, node.forms[0], data)
        ordered, count = (Ordered(count, node.name, key, order, at),), count + 1
    pending = Pending(
        ordered,
        old.timers,
        old.deferred,
        old.offered if configuration == before.configuration else 0,
        old.history,
        count,
        old.doubts,
        old.abandoned,
        None,
        None,
        old.line,
    )
    after = Snapshot(configuration, data, before.seq + 1, at, pending, None)
    given: Any = ordered
    return Moved(after, signal, plan.alone, given, (), None, form)
