"""A turn: what is in line of a run is stepped, as far as one transaction goes. Nothing waits here, nothing is written.

Rule 1: a turn that is not committed has not been: only what gates gave away must be given back (`undo`).
Rule 2: what a step orders begins in the transaction of its entry, or is held by an entry of the same transaction.
Rule 3: what has never begun is told so at once when it is to stop; what is under way is told after the commit.
Rule 4: a turn comes to an end: a machine that orders again what is declined at once is made to wait for a second.
Rule 5: a child is born in the transaction of the entry that orders it, and its end is delivered in that of its own.
The file is long because a turn is one thing: what happens, what follows from it, and what is due.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from attrs import define

from detent.kernel.backlog import Taken
from detent.kernel.decisions import (
    Admitted,
    AttemptFailed,
    Broke,
    Held,
    Life,
    Parked,
    Queued,
    Resumed,
    Signal,
)
from detent.kernel.endings import news
from detent.kernel.errors import AuthorError, CallerError, EndlessFamily, Unstorable
from detent.kernel.facts import Fact, but
from detent.kernel.flights import Fan, Flight
from detent.kernel.journal import Delivery
from detent.kernel.policies import seed_of
from detent.kernel.ports import Clock
from detent.kernel.recorder import NOWHERE
from detent.kernel.scheduler.dues import STOPPING, deadlines, held, waits_in_line
from detent.kernel.scheduler.gates import Changed, Gates, Waiting
from detent.kernel.scheduler.live import Barrier, Item, Live, Underway
from detent.kernel.scheduler.served import Served, Way
from detent.kernel.signals import (
    Declined,
    Ended,
    Fired,
    Happened,
    Problem,
    Receipt,
    Stopped,
    TimedOut,
)
from detent.kernel.stepper import begin, has_to_wait, recall, step
from detent.kernel.steps import Broken, Bug, Deferred, Ignored, Moved, Rejected, Stepped
from detent.kernel.upgrades import Renewal
from detent.kernel.values import moment
from detent.kernel.wire import Tree

__all__ = ["Begin", "Shop", "Turn"]

SECOND = 1_000_000
CIRCLING = 1_000  # entries of one turn after which what is ordered waits for a second: others have their turn
DEEPEST = 50  # children of children: more is a machine that spawns itself, and never comes to an end of it
RECEIPTS: dict[type, Any] = {Moved: "accepted", Ignored: "ignored", Deferred: "deferred"}
InFlight: TypeAlias = tuple[Flight, Life, Way]


class Begin(Fact, frozen=True):
    """An effect that begins when the turn is committed."""

    way: Way
    order: object
    attempt: int
    is_query: bool = False


@define(eq=False)
class Shop:
    """What turns need of the kernel around them."""

    served: Mapping[str, Served]
    gates: Gates
    clock: Clock


class Unwritable(Exception):
    """What a turn has made of an item cannot be stored."""

    def __init__(self, source: Item, error: Unstorable) -> None:
        self.source = source
        self.error = error
        super().__init__(source, error)


class Turn:
    """What is made of the line of a run, and what is to be done when it is committed.

    `sources` says which item each entry comes from, by place.
    """

    __slots__ = (
        "_next",
        "at",
        "barriers",
        "begins",
        "births",
        "changed",
        "freed",
        "items",
        "kills",
        "later",
        "live",
        "now",
        "receipts",
        "sends",
        "shop",
        "sources",
        "stops",
        "taken",
        "takes",
    )

    def __init__(self, live: Live, shop: Shop) -> None:
        self.live = live
        self.shop = shop
        self.now = live.snapshot
        self.at = 0
        self.items: list[Item] = []
        self.taken: list[Taken] = []
        self.sources: list[int] = []
        self.receipts: list[tuple[Item, Receipt]] = []
        self.begins: dict[int, Begin] = {}
        self.births: dict[int, Turn] = {}
        self.stops: list[Underway] = []
        self.kills: list[str] = []
        self.barriers: list[Barrier] = []
        self.takes: list[int] = []
        self.sends: list[Delivery] = []
        self.freed: list[Waiting] = []
        self.later = dict(live.later)
        self.changed = Changed()
        self._next: deque[Signal] = deque()
        if live.renewal is not None:
            self._renew(live.renewal)

    @property
    def served(self) -> Served:
        """The machine of the run."""
        return self.live.served

    @property
    def family(self) -> "Iterator[Turn]":
        """This turn and those of all children that are born in it."""
        yield self
        for child in self.births.values():
            yield from child.family

    def born(self, stepped: Moved[Any], input: object) -> None:
        """Take what a run begins with."""
        self.at = stepped.snapshot.at
        self.taken.append(Taken(None, stepped, None, input, at=self.at))
        self.now = stepped.snapshot
        self._carry_out(stepped)
        self._settle()
        self._name_source()

    def take(self, item: Item) -> None:
        """Take what is next in line."""
        self.items.append(item)
        if item.birth is not None:
            self.born(*item.birth)
            return
        self.at = max(item.at or self.shop.clock.now(), self.now.at)
        if item.takes:
            self.takes.append(item.takes)
        if item.note is not None:
            self.note(item.note)
        elif item.admits:
            self._admit(item.admits)
        elif item.again:
            self._again(item.again)
        elif item.signal is None:
            self._look_at_the_clock()
        else:
            receipt = self._happen(item.signal, item)
            if item.reply is not None:
                self.receipts.append((item, receipt))
            if isinstance(item.signal, Resumed):
                self._settle()
                for _, id in tuple(held(self.now)):
                    self._admit(id)
        self._settle()
        self._name_source()

    def _name_source(self) -> None:
        """Note from which item the newest entries come."""
        self.sources += [len(self.items) - 1] * (len(self.taken) - len(self.sources))

    def note(self, tree: Tree) -> None:
        """Write something that changes nothing. Of a run that is over nothing is written any more."""
        if self._is_over:
            return
        self.taken.append(Taken(self.now, None, note=tree, at=self.at))
        self.now = but(self.now, seq=self.now.seq + 1, at=self.at)

    def _renew(self, renewal: Renewal) -> None:
        """Write that the machine has other rules from now on."""
        self.at = max(self.shop.clock.now(), self.now.at)
        renewed = renewal.taken(self.now, self.at)
        self.taken.append(renewed)
        self.now = renewed.after

    def undo(self) -> list[Waiting]:
        """Give back what gates gave away for what does not begin now: whose turn it is."""
        freed: list[Waiting] = []
        for turn in self.family:
            freed += turn.freed
            for id, begins in turn.begins.items():
                freed += turn.shop.gates.leave((turn.live.id, id), begins.way)
        return freed

    def close(self) -> None:
        """See to what a turn must say when it is whole: to the parent of a run that is over."""
        live = self.live
        self._note_words()
        was_over = live.standing is not None and live.is_over
        if self._is_over and live.parent is not None and not was_over:
            parent, id = live.parent
            try:
                ended = news(self.served.recorder.scribe.write_end(self.now.end))
            except Unstorable as error:
                raise Unwritable(self.items[-1], error) from error
            told, beside = self.served.recorder.sealed({"$happened": [id, ended]})
            self.sends.append(Delivery(parent, live.id, told, beside=beside))
        for child in self.births.values():
            child.close()
        if self.later:
            waiting = {id for _, id in held(self.now)}
            self.later = {id: until for id, until in self.later.items() if id in waiting}

    @property
    def _is_over(self) -> bool:
        """Whether the run has come to its end, with nothing in flight."""
        return self.now.end is not None and not self.now.pending.effects

    def _note_words(self) -> None:
        """Write what breakers have come to."""
        for name, word in self.changed.words:
            self.note({"$breaker": {"name": name, "to": word}})
        self.changed.words.clear()

    # -- what happens

    def _settle(self) -> None:
        """Let happen what follows at once."""
        while self._next:
            self._happen(self._next.popleft())

    def _happen(self, signal: Signal, item: Item | None = None) -> Receipt:
        """Step a signal, and then whatever waits for another state or in the line of a parked run."""
        key = None if item is None else item.key
        if item is not None and item.broke is not None:
            bug = Bug("data", "update", "", Problem(type(item.broke).__name__, str(item.broke)))
            return self._broke(Broken(self.now, signal, bug), signal, key)
        table = self.served.table
        if isinstance(signal, Happened | AttemptFailed) and self.served.has_breakers:
            self._tell_breaker(signal)
            self._note_words()
        if has_to_wait(self.now, signal):
            signal = Queued(signal)
        stepped = step(table, self.now, signal, self.at)
        receipt = self._answered(stepped, signal, key)
        while not isinstance(stepped, Broken) and not self._is_over:
            pending = self.now.pending
            if not pending.line and pending.offered == len(pending.deferred):
                break
            again = recall(table, self.now, self.at)
            if again is None:
                break
            stepped = again
            self._answered(stepped, None, None)
        return receipt

    def _answered(self, stepped: Stepped[Any], signal: Signal | None, key: str | None) -> Receipt:
        """Keep an answer. Without a signal it was one that had waited."""
        if isinstance(stepped, Broken):
            return self._broke(stepped, signal, key)
        after, kept = stepped.snapshot, stepped
        if isinstance(stepped, Ignored) and key is not None and after.seq == self.now.seq:
            after = but(after, seq=after.seq + 1)
            kept = but(stepped, snapshot=after)
        if after.seq != self.now.seq:
            self.taken.append(Taken(self.now, kept, key, at=after.at))
            self.now = after
        if isinstance(stepped, Rejected):
            return Receipt("rejected", stepped.accepts)
        if stepped.ordered or stepped.stopped:
            self._carry_out(stepped)
        if isinstance(signal, Queued):
            return Receipt("stored")
        return Receipt(RECEIPTS[type(stepped)])

    def _broke(self, broken: Broken[Any], signal: Signal | None, key: str | None) -> Receipt:
        """The author's code broke: the run parks, or ends."""
        bug = broken.bug
        kind = Parked if self.served.table.machine.on_bug == "park" else Broke
        decided: Parked | Broke = Broke(bug.place, bug.role, bug.callable, bug.problem, signal)
        if kind is Parked:
            entry = broken.cause or 0
            decided = Parked(bug.place, bug.role, bug.callable, bug.problem, signal, entry)
        self._answered(step(self.served.table, self.now, decided, self.at), decided, key)
        return Receipt("stored" if kind is Parked else "accepted")

    def _decide(self, decision: Held | Admitted) -> None:
        self._answered(step(self.served.table, self.now, decision, self.at), decision, None)

    def _tell_breaker(self, signal: Happened | AttemptFailed) -> None:
        found = self._in_flight(signal.effect)
        if found is not None:
            who = (self.live.id, signal.effect)
            self.shop.gates.heard(who, found[2], signal.event, self.at, self.changed)

    # -- what is ordered and stopped

    def _carry_out(self, stepped: Stepped[Any]) -> None:
        """Begin or hold what was ordered, and note what is to be told to stop."""
        stopping = {id for id in stepped.stopped if self._stop(id)}
        kept: dict[tuple[str, int], list[int]] = {}
        for ordered in stepped.ordered:
            way = self.served.ways[ordered.form, ordered.part]
            if way.kind == "wait":
                continue
            if stopping:
                kept.setdefault((STOPPING, 0), []).append(ordered.id)
                continue
            if len(self.taken) > CIRCLING:
                kept.setdefault(("circling", self.at + SECOND), []).append(ordered.id)
                continue
            asked = self.shop.gates.ask((self.live.id, ordered.id), way, self.at, self.changed)
            if asked.declined:
                self._decline(ordered.id, asked.declined)
            elif asked.held:
                kept.setdefault((asked.held, asked.until), []).append(ordered.id)
            else:
                self._begin(ordered.id, way, ordered.order, 1)
        if stopping and kept:
            self.barriers.append(Barrier(stopping, kept[STOPPING, 0]))
        for (why, until), ids in kept.items():
            self._decide(Held(tuple(ids), why, until))

    def _begin(self, id: int, way: Way, order: object, attempt: int) -> None:
        if way.kind != "spawn":
            self.begins[id] = Begin(way, order, attempt)
            return
        child = self.shop.served[way.child]
        run = f"{self.live.id}/{id}"
        try:
            if run.count("/") > DEEPEST:
                raise EndlessFamily(f"run {run[:40]}... is a child of children {DEEPEST} deep")
            begun = begin(child.table, order, self.at)
        except (AuthorError, CallerError) as error:
            problem = Problem(type(error).__name__, str(error))
            ended: Ended[Any] = Ended("failed", None, problem, at=moment(self.at))
            self._next.append(Happened(id, ended))
            return
        header = child.recorder.opening(run, self.at, baggage=self.live.header.baggage)
        live = Live(run, child, header, 0, NOWHERE, begun.snapshot, seed_of(run))
        live.parent = (self.live.id, id)
        live.variables = self.live.variables
        self.births[id] = turn = Turn(live, self.shop)
        turn.items = self.items[-1:]  # that is where it comes from
        turn.born(begun, order)

    def _decline(self, id: int, by: str) -> None:
        self._next.append(Happened(id, Declined(by, "it is open", at=moment(self.at))))

    def _stop(self, id: int) -> bool:
        """Stop an effect; whether others have to wait until it has ended."""
        underway = self.live.flying.get(id)
        if underway is not None:
            self.stops.append(underway)
            return True
        begins, born = self.begins.pop(id, None), self.births.pop(id, None)
        if begins is not None:
            self.freed += self.shop.gates.leave((self.live.id, id), begins.way)
        elif born is not None:
            self.freed += born.undo()
        elif self._is_awaited(id):
            return True
        self._next.append(Happened(id, Stopped("exit", at=moment(self.at))))
        return False

    def _is_awaited(self, id: int) -> bool:
        """Whether an effect that nobody here performs comes to an outcome of its own: one in line, one of a child."""
        if any(isinstance(one, Happened) and one.effect == id for one in self._next):
            return True
        found = self._in_flight(id)
        if found is None or found[2].kind == "wait":
            return False
        if found[2].kind == "spawn":
            self.kills.append(f"{self.live.id}/{id}")
        return True

    def _admit(self, id: int) -> None:
        """Look again at an effect that is held."""
        found = self._in_flight(id)
        if found is None or not found[1].held or self.now.pending.parked is not None:
            self.freed += self.shop.gates.give_back((self.live.id, id))
            return
        flight, life, way = found
        if life.until > self.at or any(id in one.held for one in self.live.barriers):
            return
        asked = self.shop.gates.ask((self.live.id, id), way, self.at, self.changed)
        self.freed += asked.freed
        if asked.declined:
            self._decide(Admitted(id, life.attempt))
            self._decline(id, asked.declined)
        elif not asked.held:
            self._decide(Admitted(id, life.attempt))
            self._begin(id, way, _order(flight, id), life.attempt)
        elif asked.held != life.held:
            self._decide(Held((id,), asked.held, asked.until))
        elif asked.until:
            self.later[id] = asked.until

    def _again(self, id: int) -> None:
        """Begin again what was under way when a kernel died, or find out what came of it."""
        found = self._in_flight(id)
        if found is None or found[1].held:
            return
        flight, life, way = found
        if flight.is_stopping(id):
            crashed = Stopped("crash", started=True, at=moment(self.at))
            self._next.append(Happened(id, crashed))
            return
        if way.recovery == "reconcilable":  # to ask is not to do it: no gate is in the way
            if not self.shop.gates.draining:
                self.begins[id] = Begin(way, _order(flight, id), life.attempt, is_query=True)
            return
        asked = self.shop.gates.ask((self.live.id, id), way, self.at, self.changed)
        self.freed += asked.freed
        if asked.declined:
            self._decline(id, asked.declined)
        elif asked.held:
            self._decide(Held((id,), asked.held, asked.until))
        else:
            self.begins[id] = Begin(way, _order(flight, id), life.attempt)

    def _in_flight(self, id: int) -> InFlight | None:
        for flight in self.now.pending.effects:
            if flight.has(id):
                way = self.served.ways[flight.form, flight.part_of(id)]
                return flight, flight.life_of(id), way
        return None

    # -- what is due

    def _look_at_the_clock(self) -> None:
        """Let happen what is due, after what has waited for another state that the run is in now."""
        if self.now.pending.is_inert:
            return
        while self.now.pending.offered != len(self.now.pending.deferred):
            again = recall(self.served.table, self.now, self.at)
            if again is None:
                break
            self._answered(again, None, None)
            self._settle()

        def waits(id: int) -> bool:
            return waits_in_line(self.now.pending, id)

        fired = sorted(
            (timer.due, timer.id) for timer in self.now.pending.timers if timer.due <= self.at
        )
        for _, id in fired:
            if any(timer.id == id for timer in self.now.pending.timers) and not waits(id):
                self._happen(Fired(id))
                self._settle()
        late = [id for due, id in deadlines(self.served, self.now) if due <= self.at]
        for id in late:
            if self._in_flight(id) is not None and not waits(id):
                self._happen(Happened(id, TimedOut(at=moment(self.at))))
                self._settle()
        for until, id in tuple(held(self.now)):
            if until and max(until, self.later.get(id, 0)) <= self.at:
                self._admit(id)
                self._settle()


def _order(flight: Flight, id: int) -> object:
    return flight.orders[id - flight.id][1] if isinstance(flight, Fan) else flight.order
