"""Taking up again what a kernel left behind, by the journal's index.

Rule 1: a run that only waits is not touched, nor is any looked at that does not have to be: what is asked of the index
        is who has something under way, who has mail, and when something is due next.
Rule 2: what is held begins as if nothing had been; only what may have begun goes by its class: pure and idempotent
        effects are ordered again, of reconcilable ones it is asked what came of them, at_most_once ones are in doubt.
Rule 3: what had been told to stop has stopped, with the process that performed it.
Rule 4: what came for a run that had ended is taken out of its inbox.
Rule 5: a run is taken up when it is loaded for the first time, by whomever, before anything else happens to it.
"""

from collections.abc import Iterator
from functools import partial
from weakref import ref

from detent.kernel.flights import Fan, Flight
from detent.kernel.journal import Standing
from detent.kernel.scheduler.engine import Engine
from detent.kernel.scheduler.live import Item, Live
from detent.kernel.signals import Event, Happened, InDoubt, Stopped
from detent.kernel.values import moment

__all__ = ["recover"]


async def recover(engine: Engine) -> None:
    """Take up every run of the journal that a kernel left under way, and hear of what comes from outside."""
    rounds = engine.rounds
    engine.lives.taken_over = partial(_take_up, engine)
    engine.journal.listen(partial(_heard, ref(engine)))
    await rounds.tell(Item, statuses=("running",))
    await rounds.tell(Item, statuses=("ending",))
    await rounds.tell(Item, _was_left, statuses=("parked",))
    await rounds.tell(Item, statuses=("waiting",), held=True)
    await rounds.tell(_look_for_mail, mail=True)
    await rounds.begin()


def _look_for_mail() -> Item:
    return Item(takes=-1)


def _heard(there: "ref[Engine]", run: str) -> None:
    """Something was delivered to a run: it goes before what is in line, as it may be that the run is to end."""
    engine = there()
    if engine is None or not engine.is_open:
        return
    live = engine.lives.get(run)
    if live is None:
        engine.tell(run, _look_for_mail())
    else:
        engine.put(live, _look_for_mail(), first=True)


def _take_up(engine: Engine, live: Live) -> None:
    """Take up a run that is loaded for the first time, if something of it was under way or held."""
    if live.standing is None or not _was_left(live.standing) or not engine.is_open:
        return
    engine.put(live, Item(note={"$recovered": {"epoch": live.epoch}}))
    for item in _items(engine, live):
        engine.put(live, item)
    for child in _left(live):
        engine.rounds.end(child)
    engine.put(live, _look_for_mail())
    engine.put(live, Item())


def _was_left(stands: Standing) -> bool:
    if stands.status == "parked":
        return stands.in_flight
    return stands.status in ("running", "ending") or (stands.status == "waiting" and stands.held)


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
