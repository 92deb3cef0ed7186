"""What a snapshot says of the time to come: what is due and when, what is held, and how the run stands with it.

Rule 1: everything here follows from a snapshot, and from what gates have said since (`later`).
Rule 2: what waits in the line of a parked run is not due again; what is held does not begin while it is parked.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from detent.kernel.definition import Wait
from detent.kernel.flights import Flight, Ordered
from detent.kernel.journal import RunStatus, Standing
from detent.kernel.scheduler.live import Barrier
from detent.kernel.scheduler.served import Served
from detent.kernel.snapshot import Pending, Snapshot

__all__ = [
    "STOPPING",
    "barriers_of",
    "deadlines",
    "held",
    "next_due",
    "open_ids",
    "standing",
    "waits_in_line",
]

MICRO = 1_000_000
STOPPING = "stopping"
"""Why effects are held that wait until others have ended."""


def next_due(served: Served, now: Snapshot[Any], later: Mapping[int, int]) -> int | None:
    """When something happens by itself, if nothing else does."""
    pending = now.pending
    if pending.is_inert:
        return None
    is_parked = pending.parked is not None
    found: list[int] = []
    if pending.timers:
        found = [one.due for one in pending.timers if not waits_in_line(pending, one.id)]
    if pending.effects:
        if served.waits:
            dues = deadlines(served, now)
            found += [due for due, id in dues if not waits_in_line(pending, id)]
        if not is_parked:
            found += [max(until, later.get(id, 0)) for until, id in held(now) if until]
    return min(found) if found else None


def waits_in_line(pending: Pending, id: int) -> bool:
    """Whether something of that id waits in the line of a parked run already."""
    return any(
        getattr(one.signal, "timer", None) == id or getattr(one.signal, "effect", None) == id
        for one in pending.line
    )


def deadlines(served: Served, now: Snapshot[Any]) -> Iterator[tuple[int, int]]:
    """When questions are no longer open, with their ids."""
    for flight in now.pending.effects:
        if flight.form not in served.waits or flight.stopping:
            continue
        for id in open_ids(flight):
            form = served.ways[flight.form, flight.part_of(id)].form
            if isinstance(form, Wait) and form.deadline is not None:
                yield flight.at + round(form.deadline * MICRO), id


def held(now: Snapshot[Any]) -> Iterator[tuple[int, int]]:
    """When held effects may begin (zero: that is not known), with their ids."""
    for flight in now.pending.effects:
        if isinstance(flight, Ordered):
            if flight.life.held:
                yield flight.life.until, flight.id
        elif flight.lives:
            for index, life in flight.lives.items():
                if life.held:
                    yield life.until, flight.id + index


def open_ids(flight: Flight) -> tuple[int, ...]:
    """The effects of a flight that were begun and have no outcome."""
    if isinstance(flight, Ordered):
        return (flight.id,)
    return tuple(flight.id + index for index in flight.under_way())


def barriers_of(now: Snapshot[Any]) -> list[Barrier]:
    """What holds effects back that were ordered when others were told to stop, of a run that was put away."""
    waiting: list[int] = []
    stopping: set[int] = set()
    for flight in now.pending.effects:
        for id in open_ids(flight):
            if flight.life_of(id).held == STOPPING:
                waiting.append(id)
            elif flight.is_stopping(id):
                stopping.add(id)
    return [Barrier(stopping, waiting)] if waiting and stopping else []


def standing(served: Served, now: Snapshot[Any], later: Mapping[int, int]) -> Standing:
    """How a run stands: one that only waits, for answers, children or time, has nothing that must be taken up."""
    if now.pending.is_inert:
        return Standing("inert")
    status: RunStatus = now.status
    is_flying = is_held = has_children = False
    for flight in now.pending.effects:
        is_held = is_held or flight.is_held
        parts = (
            {flight.part} if isinstance(flight, Ordered) else {part for part, _ in flight.orders}
        )
        kinds = {served.ways[flight.form, part].kind for part in parts}
        is_asked = not isinstance(flight, Ordered) and bool(flight.asked & flight.open)
        is_flying = is_flying or flight.stopping or is_asked or bool(kinds & {"call", "send"})
        has_children = has_children or "spawn" in kinds
    if status == "running" and not is_flying:
        status = "waiting"
    return Standing(status, next_due(served, now, later), is_flying or has_children, is_held)
