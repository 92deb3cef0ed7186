"""Taking up again what a kernel left behind, by the journal's index.

Rule 1: a run that only waits is not touched: at most it is noted when something of it is due. One that waits for a
        child is told if that has ended.
Rule 2: what is held begins as if nothing had been; only what may have begun goes by its class: pure and idempotent
        effects are ordered again, of reconcilable ones it is asked what came of them, at_most_once ones are in doubt.
Rule 3: what had been told to stop has stopped, with the process that performed it.
"""

from collections.abc import Iterator

from detent.kernel.decisions import Halted
from detent.kernel.errors import NotServed
from detent.kernel.flights import Fan, Flight
from detent.kernel.journal import RunStatus
from detent.kernel.scheduler.engine import Engine
from detent.kernel.scheduler.live import Item, Live
from detent.kernel.signals import Event, Happened, InDoubt, Stopped
from detent.kernel.values import moment

__all__ = ["recover"]

PAGE = 1_000
LEFT = "its parent left the state"
LIVING: tuple[RunStatus, ...] = ("running", "waiting", "parked", "ending")


async def recover(engine: Engine) -> None:
    """Take up every run of the journal that a kernel left under way."""
    after = ""
    while True:
        page = await engine.journal.find(
            statuses=LIVING, machines=tuple(engine.served), after=after, limit=PAGE
        )
        for run, standing in page:
            if standing.status == "waiting" and not standing.held:
                if standing.due is not None:
                    engine.lives.watch_for(run, standing.due)
                if standing.in_flight and await engine.journal.inbox(run):
                    engine.tell(run, Item(takes=-1))  # the end of a child
            else:
                await _take_up(engine, run)
        if len(page) < PAGE:
            return
        after = page[-1][0]


async def _take_up(engine: Engine, run: str) -> None:
    """Take up one run; one whose machine is not what it was is left alone."""
    try:
        live = await engine.lives.awake(run)
    except NotServed:
        return
    engine.put(live, Item(note={"$recovered": {"epoch": live.epoch}}))
    for item in _items(engine, live):
        engine.put(live, item)
    for child in _left(live):
        await _end(engine, child)
    engine.put(live, Item(takes=-1))
    engine.put(live, Item())


async def _end(engine: Engine, child: str) -> None:
    """Tell a child that it is to end, unless it knows: who is told twice ends at once."""
    try:
        live = await engine.lives.awake(child)
    except NotServed:
        return
    if live.snapshot.end is None and live.snapshot.pending.halted is None:
        engine.put(live, Item(Halted("cancelled", LEFT)))


def _left(live: Live) -> Iterator[str]:
    """The children that a run no longer waits for."""
    for flight in live.snapshot.pending.effects:
        for id, part, is_stopping in _open(flight):
            if is_stopping and live.served.ways[flight.form, part].kind == "spawn":
                yield f"{live.id}/{id}"


def _items(engine: Engine, live: Live) -> Iterator[Item]:
    """What is to be done about what was in flight."""
    at = engine.clock.now()
    waiting = {getattr(one.signal, "effect", None) for one in live.snapshot.pending.line}
    for flight in live.snapshot.pending.effects:
        for id, part, is_stopping in _open(flight):
            way = live.served.ways[flight.form, part]
            crashed: Event = Stopped("crash", started=True, at=moment(at))
            if way.may_doubt:
                crashed = InDoubt("crash", at=moment(at))
            if id in waiting:
                continue
            if way.kind == "spawn" and not _is_held(flight, id):
                continue
            if is_stopping:
                yield Item(Happened(id, crashed), at)
            elif way.kind == "wait":
                continue
            elif _is_held(flight, id):
                yield Item(admits=id)
            elif way.may_doubt:
                yield Item(Happened(id, crashed), at)
            else:
                yield Item(again=id)


def _open(flight: Flight) -> Iterator[tuple[int, int, bool]]:
    """Every effect that was begun and has no outcome: its id, its part, and whether it was told to stop."""
    if isinstance(flight, Fan):
        for index in flight.under_way():
            is_asked = flight.stopping or bool(flight.asked >> index & 1)
            yield flight.id + index, flight.orders[index][0], is_asked
    else:
        yield flight.id, flight.part, flight.stopping


def _is_held(flight: Flight, id: int) -> bool:
    if isinstance(flight, Fan):
        life = flight.lives.get(id - flight.id)
        return life is not None and bool(life.held)
    return bool(flight.life.held)
