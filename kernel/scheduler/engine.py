"""Driving runs: their lines are stepped, committed, told, and what was ordered is begun.

Rule 1: step, append, commit; then tell, stop what was left, begin what was ordered. In this order, always.
Rule 2: only tasks of the kernel drive runs, and one at a time drives each. The task in which an effect has ended goes
        on to drive its run, and performs the next effect itself if there is but one: a chain needs no second task.
Rule 3: whatever is not committed has not been: the run is read again from the journal, and its line is stepped again.
Rule 4: a run with nothing under way needs no task, and, when others are more in need of the memory, no memory.
The file is long because everything that is done between two steps of a run is done here.
"""

import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import trio

from detent.kernel.decisions import Abandoned, AttemptFailed, Halted, Signal
from detent.kernel.errors import DamagedStore, DetentError, KernelBug, KernelClosed, RunLost
from detent.kernel.journal import Committed, Conflict, Fenced, Journal, Verdict, Write
from detent.kernel.policies import chance
from detent.kernel.ports import Clock, World
from detent.kernel.scheduler.alarms import Alarms
from detent.kernel.scheduler.dues import next_due
from detent.kernel.scheduler.gates import Gates, Waiting, names_of
from detent.kernel.scheduler.ledger import Ledger, Sealed, seal
from detent.kernel.scheduler.line import fresh
from detent.kernel.scheduler.live import Item, Live
from detent.kernel.scheduler.lives import DAMAGE, UNDRIVEN, Lives
from detent.kernel.scheduler.onlookers import Onlookers
from detent.kernel.scheduler.performing import Desk, Hand, Performing, alone
from detent.kernel.scheduler.rounds import Rounds
from detent.kernel.scheduler.served import Served, Way
from detent.kernel.scheduler.shortcuts import Shortcut, Shortcuts
from detent.kernel.scheduler.turns import Shop, Turn, Unwritable
from detent.kernel.signals import Event, Failed, Failure, Happened, Receipt, TimedOut

__all__ = ["Engine"]

PATIENCE, LONGEST_PATIENCE = 0.05, 5.0
"""Seconds before a store that did not take something is asked again: doubled each time, up to the longest."""
BREATH = 10  # turns of one run after which others have theirs, also where a journal answers at once


class Engine:
    """Drives the runs of a kernel."""

    def __init__(
        self,
        world: World,
        served: dict[str, Served],
        parts: tuple[Journal, Clock],
        send: Callable[[str, Event, str | None], Awaitable[Receipt]],
    ) -> None:
        self.journal, self.clock = parts
        self.world = world
        self.served = served
        self.alarms = Alarms(self.clock)
        self.lives = Lives(world, served, self.journal, self.alarms)
        self.lives.tell = self.tell
        self.rounds = Rounds(self.journal, self.clock, self.lives, self.alarms)
        self.lives.left = self.rounds.keep
        self.gates = Gates(world.limits)
        self.onlookers = Onlookers(world.taps, self.journal)
        if self.onlookers.has_listeners:
            self.lives.recall = self.onlookers.recall
        if world.limits.runs is not None:
            self.lives.resting = lambda run: self._let_in(self.gates.runs.leave(run))
        self.chunked: Callable[[Performing, object], None] = lambda performing, chunk: None
        parts_of = (self.journal, self.clock, self.lives, self.gates, self.onlookers)
        self._shortcuts = Shortcuts(parts_of, self._begun)
        self._ledger = Ledger(self.journal, self.clock)
        self._shop = Shop(served, self.gates, self.clock)
        self._send = send
        self._nursery: trio.Nursery | None = None
        self._desk: Desk | None = None

    # -- the kernel's own tasks

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be there, until cancelled."""
        await self._know_cells(
            {name for one in self.served.values() for name in names_of(one.ways)}
        )
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self.rounds.start = nursery.start_soon
            self._desk = Desk(
                self.clock,
                self.alarms,
                self.world.limits.grace,
                trio.CapacityLimiter(math.inf),
                self._abandoned,
                self._emitted,
                self._noted,
                self._leave,
                self._send,
                trio.lowlevel.current_trio_token(),
                self.onlookers.begins if self.onlookers.has_listeners else None,
            )
            nursery.start_soon(self.alarms.run)
            nursery.start_soon(self._ledger.run)
            nursery.start_soon(self._until_closed)
            task_status.started()

    async def _until_closed(self) -> None:
        """From the end of this task on nothing is begun."""
        try:
            await trio.sleep_forever()
        finally:
            self._nursery = None

    @property
    def is_open(self) -> bool:
        """Whether runs are driven."""
        return self._nursery is not None

    # -- putting something into a line

    def put(self, live: Live, item: Item, first: bool = False) -> None:
        """Let something happen to a run; one that is no longer this one in memory is looked for again."""
        if live.is_gone:
            self.tell(live.id, item)
            return
        if self._nursery is None:
            raise KernelClosed(f"run {live.id!r} is driven by no kernel any more")
        if first:
            live.line.appendleft(item)
        else:
            live.line.append(item)
        self._wake(live)

    def _wake(self, live: Live) -> None:
        if not live.is_driven and not live.is_gone:
            live.is_driven = True
            self._start(live, None)

    def _start(self, live: Live, performing: Performing | None) -> None:
        """A task of the kernel, in the context in which the run was started; none, if all is over."""
        variables: Any = live.variables
        if self._nursery is not None:
            variables.run(self._nursery.start_soon, self._work, live, performing)

    # -- a task of the kernel

    async def _work(self, live: Live, performing: Performing | None) -> None:
        """Perform an effect, drive the run, perform the next one."""
        self._ledger.writers += 1
        try:
            is_new = performing is not None
            if performing is None:
                performing = await self._drive(live)
            while performing is not None:
                hand, is_new = Hand(performing, is_new), False
                try:
                    with hand.scope:
                        await self._chain(hand)
                except Exception as error:
                    hand.event = hand.performing.raised(alone(error))
                performing = hand.performing
                if performing.is_abandoned:
                    if not performing.has_thread:
                        self._leave(performing)
                    return
                event = hand.event or performing.cut()
                performing = None if hand.is_done else await self._slow(performing, event)
        finally:
            self._ledger.writers -= 1

    async def _chain(self, hand: Hand) -> None:
        """Perform one effect after the other in one scope, as long as there is nothing else to do."""
        live, task = hand.performing.live, trio.lowlevel.current_task()
        ledger, shortcuts = self._ledger, self._shortcuts
        while True:
            performing = hand.performing
            performing.scope = hand.scope
            if not hand.is_new and not hand.has_waited:
                task.context = self._fresh(live)
                await trio.lowlevel.checkpoint()
            hand.is_new = hand.has_waited = False
            hand.event = event = await performing.perform()
            if performing.is_cancelled:
                return
            shortcut = shortcuts.step(performing, event)
            if shortcut is None:
                return
            if ledger.is_kept(shortcut.write):
                del live.flying[performing.effect]
            elif not await self._is_written_later(hand, shortcut):
                return
            following = shortcuts.done(shortcut)
            if following is None:
                hand.is_done = True
                return
            hand.performing, hand.event = following, None

    def _fresh(self, live: Live) -> Any:
        """A context for an effect: others come first, and what the last handler has set is gone."""
        variables: Any = live.variables
        return variables.copy()

    async def _is_written_later(self, hand: Hand, shortcut: Shortcut) -> bool:
        """Write what a shortcut comes to together with what others have to write."""
        live, effect = shortcut.live, shortcut.effect
        hand.has_waited = live.is_driven = True
        trio.lowlevel.current_task().context = self._fresh(live)
        del live.flying[effect]
        (verdict,) = await self._ledger.queued([shortcut.write]).told()
        live.is_driven = False
        if not isinstance(verdict, Committed):
            live.flying[effect] = hand.performing
            return False
        if live.line:
            self._wake(live)
        return True

    async def _slow(self, performing: Performing, event: Event) -> Performing | None:
        """Put what came of an effect into the line of its run, and drive it if nobody does."""
        live = performing.live
        del live.flying[performing.effect]
        if performing.has_thread and performing.is_cut:
            performing.is_abandoned = True  # its thread goes on, and keeps its place
            live.line.append(Item(Abandoned(performing.effect), self.clock.now()))
        self._came(performing, event)
        if not performing.has_thread:  # whoever is let in comes after what made room
            self._leave(performing)
        if live.is_driven or live.is_gone:
            return None
        live.is_driven = True
        return await self._drive(live)

    def _came(self, performing: Performing, event: Event) -> None:
        """Put what came of an effect into the line of its run."""
        live, effect, way = performing.live, performing.effect, performing.way
        signal: Signal = Happened(effect, event)
        fails = isinstance(event, Failed | TimedOut | Failure)
        if fails and way.retry is not None and not performing.stopping:
            attempt = performing.attempt
            signal = AttemptFailed(effect, attempt, event, chance(live.seed, effect, attempt))
        live.line.append(Item(signal, self.clock.now()))

    def _abandoned(self, performing: Performing) -> None:
        """Go on without an effect that does not end."""
        live = performing.live
        if live.flying.pop(performing.effect, None) is None:
            return
        live.line.append(Item(Abandoned(performing.effect), self.clock.now()))
        self._came(performing, performing.cut())
        self._wake(live)

    def _leave(self, performing: Performing) -> None:
        """An effect, or its thread, is at its end: there is room."""
        who = (performing.live.id, performing.effect)
        self._let_in(self.gates.leave(who, performing.way))

    def _let_in(self, waiting: Iterable[Waiting]) -> None:
        """Tell held effects that there is room."""
        for run, effect in waiting:
            self.tell(run, Item(admits=effect))

    def tell(self, run: str, item: Item) -> None:
        """Put something into the line of a run that may have been put away."""
        live = self.lives.get(run)
        if self._nursery is None:
            item.refuse(KernelClosed(f"run {run!r} is driven by no kernel any more"))
        elif live is not None:
            self.put(live, item)
        else:
            self.lives.telling += 1
            self._nursery.start_soon(self._tell_later, run, item)

    async def _tell_later(self, run: str, item: Item) -> None:
        try:
            live = await self.lives.awake(run)
        except UNDRIVEN as error:
            item.refuse(error)
            self._let_in(self.gates.runs.leave(run))
            return
        finally:
            self.lives.telling -= 1
            self.lives.rested.ring()
        if live.is_over:
            if item.takes:
                await self._drop_mail(live)
            item.answer(Receipt("rejected"))
            self._let_in(self.gates.give_back((run, item.admits)))
            self._let_in(self.gates.runs.leave(run))
        else:
            self.put(live, item)

    async def _drop_mail(self, live: Live) -> None:
        """Take out of its inbox what came when a run had ended."""
        numbers = tuple(one.number for one in await self.journal.inbox(live.id))
        if numbers:
            after = live.snapshot.seq, live.head.hash
            await self._ledger.commit([Write(live.id, live.epoch, after, takes=numbers)])

    def _emitted(self, performing: Performing, chunk: object) -> None:
        performing.chunks += 1
        effect = performing.effect
        self.onlookers.emitted(performing.live, effect, performing.attempt, chunk)
        self.chunked(performing, chunk)

    def _noted(self, performing: Performing, value: object) -> None:
        note: Any = {"$noted": [performing.effect, value]}
        self.put(performing.live, Item(note=note, at=self.clock.now()))

    # -- driving

    async def _drive(self, live: Live) -> Performing | None:
        """Step and commit until nothing is in line. An effect that this task may perform itself."""
        begun: list[Performing] = []
        patience, turns = PATIENCE, 0
        while live.line and not live.is_gone:
            for performing in begun:
                self._start(live, performing)
            begun = []
            if (turns := turns + 1) % BREATH == 0:
                await trio.lowlevel.checkpoint()
            try:
                items = await fresh(self.journal, self.clock, live, self.world.limits.steps)
            except DamagedStore as error:
                self._damaged(live, error)
                break
            turn, sealed = self._made(live, items)
            if sealed is None:
                continue
            self.lives.expect(one.turn.live for one in sealed)
            verdicts = await self._ledger.commit([one.write for one in sealed])
            if all(isinstance(verdict, Committed) for verdict in verdicts):
                patience = PATIENCE
                begun = self._committed(sealed)
            elif not await self._refused(turn, verdicts):
                await trio.sleep(patience)
                patience = min(patience * 2, LONGEST_PATIENCE)
        live.is_driven = False
        for performing in begun[:-1]:
            self._start(live, performing)
        if not begun:
            self.lives.rest(live)
        return begun[-1] if begun else None

    def _made(self, live: Live, items: Sequence[Item]) -> tuple[Turn, list[Sealed] | None]:
        """A turn, sealed; nothing, if there is nothing to write, or it is to be made again."""
        turn = Turn(live, self._shop)
        try:
            for item in items:
                turn.take(item)
            turn.close()
        except Unwritable as error:
            self._unwritable(turn, error)
            return turn, None
        if not turn.taken and not turn.takes and not turn.begins:
            live.later = turn.later
            self.lives.set_alarm(live, next_due(live.served, live.snapshot, live.later))
            self._let_in(turn.freed)
            for item, receipt in turn.receipts:
                item.answer(receipt)
            return turn, None
        together = live.id if turn.births else None
        try:
            return turn, [seal(one, together, self.lives.has_backlogs) for one in turn.family]
        except Unwritable as error:
            self._unwritable(turn, error)
            return turn, None

    def _unwritable(self, turn: Turn, error: Unwritable) -> None:
        """Make a turn again, with what cannot be stored as the bug that it is; a run that begins with it does not."""
        self._unmade(turn)
        source = error.source
        if source.birth is not None:
            turn.live.is_gone = True
            source.refuse(error.error)
        elif source.broke is None:
            source.broke = error.error
        elif source.reply is not None:  # nor can be stored that it cannot be stored
            turn.live.line.remove(source)
            source.refuse(error.error)
        else:
            raise KernelBug(f"run {turn.live.id!r}: what happened cannot be stored") from error

    def _unmade(self, turn: Turn) -> None:
        """Put back what a turn took that comes to nothing."""
        self._let_in(turn.undo())
        turn.live.line.extendleft(reversed(turn.items))

    async def _refused(self, turn: Turn, verdicts: Sequence[Verdict]) -> bool:
        """A turn was not written. Whether it may be made again at once."""
        self._unmade(turn)
        live = turn.live
        self.lives.expect_no_more(one.live for one in turn.family)
        await self._know_cells(self.gates.cells)
        if any(isinstance(verdict, Fenced) for verdict in verdicts):
            self._lost(live, RunLost(f"run {live.id!r} is owned by another kernel"))
            return True
        first = verdicts[0]
        if live.standing is None and isinstance(first, Conflict) and first.kind == "exists":
            live.is_gone = True
            for item in live.line:
                item.answer(Receipt("duplicate"))
            live.line.clear()
            return True
        if live.standing is not None:
            try:
                now = await self.lives.load(live.id)
            except DAMAGE as error:
                self._damaged(live, error)
                return True
            live.snapshot, live.head, live.standing = now.snapshot, now.head, now.standing
            live.epoch, live.renewal = now.epoch, now.renewal
        if (
            isinstance(first, Conflict) and first.kind == "inbox"
        ):  # somebody took it: look what is there
            live.line = deque(one for one in live.line if one.takes <= 0)
            live.line.appendleft(Item(takes=-1))
        return isinstance(first, Conflict) and first.kind in ("cell", "together", "inbox")

    def _damaged(self, live: Live, error: DetentError) -> None:
        """A run cannot be read any more: it is left alone, and others go on."""
        self.lives.damaged[live.id] = error
        self._lost(live, error)

    def _lost(self, live: Live, why: DetentError) -> None:
        """Somebody else owns the run, or it cannot be read any more."""
        self.lives.forget(live)
        for item in live.line:
            item.refuse(why)
        live.line.clear()
        for underway in tuple(live.flying.values()):
            underway.stop()

    # -- after a commit

    def _committed(self, sealed: Sequence[Sealed]) -> list[Performing]:
        """Tell, stop, begin. What the run that was driven begins is for its driver to start."""
        mine: list[Performing] = []
        for one in sealed:
            live, turn = one.turn.live, one.turn
            if live.standing is None:
                self.lives.born(live)
            live.snapshot, live.head, live.standing = turn.now, one.head, one.standing
            live.later, live.renewal = turn.later, None
            live.barriers += turn.barriers
            live.pass_barriers()
            self._tell_all(one)
        for each in sealed:
            live, turn = each.turn.live, each.turn
            for underway in turn.stops:
                underway.stop()
            for child in turn.kills:
                self.tell(child, Item(Halted("cancelled", "its parent left the state")))
            for sent in turn.sends:
                self.tell(sent.run, Item(takes=-1))
            self.lives.set_alarm(live, each.standing.due)
            self._let_in(turn.freed)
            begun = [
                self._begun(live, one.way, id, (one.order, one.attempt, one.is_query))
                for id, one in turn.begins.items()
            ]
            if each is sealed[0]:
                mine = begun
            else:
                for performing in begun:
                    self._start(live, performing)
                if not begun:
                    self.lives.rest(live)
        return mine

    def _tell_all(self, sealed: Sealed) -> None:
        live, turn = sealed.turn.live, sealed.turn
        before = turn.taken[0].before if turn.taken else None
        self.onlookers.committed(live, before, sealed.entries)
        for item, receipt in turn.receipts:
            item.answer(receipt)
        for item in turn.items:
            if item.birth is not None:
                item.answer(Receipt("accepted"))
        if self.lives.bells:
            self.lives.ring(live.id)

    def _begun(
        self, live: Live, way: Way, effect: int, what: tuple[object, int, bool]
    ) -> Performing:
        desk: Any = self._desk
        performing = live.flying[effect] = Performing(desk, live, way, effect, what)
        return performing

    async def _know_cells(self, names: Iterable[str]) -> None:
        wanted = list(names)
        if wanted:
            self.gates.know(await self.journal.cells(wanted))
