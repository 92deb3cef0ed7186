"""The macrosteps that most often come: nothing else is in flight, and the state it leads to gives one order, or none;
or one order of an Each has an outcome, and the others are still awaited.

Rule 1: what comes of it is what a Draft comes to; where a Draft would see to anything else, it is not asked here.
"""

from typing import Any

from detent.kernel.calls import one_order, updated
from detent.kernel.decisions import Signal
from detent.kernel.flights import Fan, Flight, Ordered
from detent.kernel.layout import Layout, Plan
from detent.kernel.signals import Happened, Settled
from detent.kernel.snapshot import Pending, Snapshot
from detent.kernel.steps import Moved
from detent.kernel.table import Table

__all__ = ["gather", "is_swift", "leap"]

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


def gather(
    table: Table[Any, Any, Any],
    before: Snapshot[Any],
    layout: Layout,
    at: int,
    what: tuple[Happened, Fan],
) -> Moved[Any] | None:
    """The answer to an outcome of an Each for which there is no row; None if more comes of it than that it is heard."""
    signal, fan = what
    old = before.pending
    form: Any = table.forms[fan.form]
    if (
        form.stop_on_failure
        or fan.begun < len(fan.orders)
        or len(old.effects) != 1
        or layout.always
        or old.halted is not None
        or old.line
        or not layout.route((fan.form, Settled), fan.owner)
    ):
        return None
    heard = fan.hear(signal.effect - fan.id, signal.event)
    if not heard.open:
        return None
    pending = Pending(
        (heard,),
        old.timers,
        old.deferred,
        old.offered,
        old.history,
        old.count,
        old.doubts,
        old.abandoned,
        None,
        None,
        old.line,
    )
    after = Snapshot(before.configuration, before.data, before.seq + 1, at, pending, None)
    return Moved(after, signal, (), (), (), None, fan.form)
