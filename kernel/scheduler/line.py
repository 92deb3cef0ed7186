"""What is next in line of a run: what was put there, and what was delivered to it from elsewhere.

Rule 1: a key is taken once: an event that was sent before is answered, and left out. Who has the key of something that
        is before him in line waits until that is stored, or not.
Rule 2: of what was delivered a cancel goes first, the rest in the order in which it came.
Rule 3: whatever was delivered is taken out of the inbox in its turn. What cannot be read, is about something that is
        over, or is nothing that may come from outside, is noted and changes nothing.
"""

from collections.abc import Sequence

from detent.kernel.decisions import Cancelled, Halted, Resumed, Signal
from detent.kernel.errors import DamagedStore, Unreadable
from detent.kernel.frames import seals_in
from detent.kernel.journal import Journal
from detent.kernel.ports import Clock
from detent.kernel.scheduler.live import Item, Live
from detent.kernel.signals import Event, Happened, Receipt
from detent.kernel.vault import Vault

__all__ = ["fresh"]


async def fresh(journal: Journal, clock: Clock, live: Live, limit: int) -> Sequence[Item]:
    """What is in line, as far as one transaction goes, without what has been sent before."""
    items: list[Item] = []
    keys: set[str] = set()
    for _ in range(min(len(live.line), limit)):
        item = live.line.popleft()
        if item.takes < 0:
            taken = {one.takes for one in items}
            try:
                delivered = await _delivered(journal, live, clock.now())
            except DamagedStore:
                live.line.extendleft(reversed((*items, item)))
                raise
            waiting = [one for one in delivered if one.takes not in taken]
            items += waiting[:limit]
            if len(waiting) > limit:
                live.line.appendleft(item)
                break
        elif item.key is None or item.takes:
            items.append(item)
        elif item.key in keys:
            live.line.appendleft(item)
            break
        elif await journal.taken(live.id, item.key) is not None:
            item.answer(Receipt("duplicate"))
        else:
            keys.add(item.key)
            items.append(item)
    return items


async def _delivered(journal: Journal, live: Live, now: int) -> list[Item]:
    """What waits in the inbox of a run."""
    scribe = live.served.recorder.scribe
    items: list[Item] = []
    for sent in await journal.inbox(live.id):
        seals = seals_in(sent.event)
        beside: Vault = await journal.beside(seals) if seals else {}
        item = Item(at=now, key=sent.key, takes=sent.number)
        try:
            told = live.served.recorder.opened(sent.event, beside) if seals else sent.event
            signal = scribe.read_signal(told, live.snapshot.effects, now)
            item.signal = _from_outside(live, signal)
        except Unreadable as error:
            item.note = {"$undelivered": str(error)}
        items.append(item)
    items.sort(key=lambda one: not isinstance(one.signal, Halted))
    return items


def _from_outside(live: Live, signal: Signal) -> Signal:
    """What was delivered, if it may be. Raises Unreadable."""
    if isinstance(signal, Happened):
        way = next(
            live.served.ways[flight.form, flight.part_of(signal.effect)]
            for flight in live.snapshot.effects
            if flight.has(signal.effect)
        )
        may_come = way.kind in ("wait", "spawn")
    else:
        is_event = isinstance(signal, Event) and not isinstance(signal, Cancelled)
        may_come = is_event or isinstance(signal, Halted | Resumed)
    if not may_come:
        raise Unreadable(f"{type(signal).__name__} is nothing that comes from outside")
    return signal
