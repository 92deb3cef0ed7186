"""Who is in memory: runs are loaded when something is to happen to them, and put away when nothing is.

Rule 1: a run that is put away is what the journal holds of it, and nothing else: when something of it is due, the
        rounds find it.
Rule 2: whoever loads a run owns it from then on: another kernel that thought so is fenced off. What that one left
        under way is taken up before anything else happens to the run.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextvars import Context as Variables
from contextvars import ContextVar, copy_context
from typing import Any
from weakref import WeakValueDictionary

import trio
from attrs import evolve

from detent.kernel.entries import Header
from detent.kernel.errors import (
    DamagedStore,
    DetentError,
    KernelClosed,
    NoSuchRun,
    NotServed,
    RunChanged,
    Unreadable,
)
from detent.kernel.journal import Journal, Loaded, MemoryJournal, frame_of
from detent.kernel.policies import seed_of
from detent.kernel.ports import World
from detent.kernel.recorder import NOWHERE, Head
from detent.kernel.replayer import reshaped
from detent.kernel.scheduler.alarms import Alarm, Alarms
from detent.kernel.scheduler.dues import barriers_of
from detent.kernel.scheduler.live import Item, Live
from detent.kernel.scheduler.replies import Bell, Ending
from detent.kernel.scheduler.served import Served
from detent.kernel.upgrades import Renewal, renewal

__all__ = ["DAMAGE", "UNDRIVEN", "Lives", "inside"]

DAMAGE = (DamagedStore, Unreadable)
"""What is wrong with a run that is not as it was written."""

UNDRIVEN = (NoSuchRun, NotServed, *DAMAGE)
"""Why a run cannot be driven here, whatever is to happen to it."""

inside: ContextVar[str] = ContextVar("detent.inside", default="")
"""The run whose effect is being performed here."""


class Lives:
    """The runs of a kernel that are in memory."""

    def __init__(
        self, world: World, served: dict[str, Served], journal: Journal, alarms: Alarms
    ) -> None:
        self.served = served
        self.is_suspended = False
        self.rested = Bell()
        self.has_backlogs = (
            isinstance(journal, MemoryJournal) and journal.has_backlogs and not world.taps
        )
        self.is_closed = False
        self.telling = 0
        self.damaged: dict[str, DetentError] = {}
        """Runs that cannot be read as they are stored, and why: they are left alone."""
        self.bells: WeakValueDictionary[str, Bell] = WeakValueDictionary()
        self.ends: WeakValueDictionary[str, Ending] = WeakValueDictionary()
        self.tell: Callable[[str, Item], None] = _nobody
        self.resting: Callable[[str], None] = _nothing
        self.taken_over: Callable[[Live], None] = _nothing
        self.recall: Callable[[Live], Awaitable[None]] | None = None
        self._variables = copy_context()
        self.left: Callable[[Alarm], None] = _nothing
        self._world = world
        self._journal = journal
        self._alarms = alarms
        self._runs: dict[str, Live] = {}
        self._owned: set[str] = set()
        self._expected: set[str] = set()
        self._came = Bell()
        self._looks = self._look  # one for all alarms
        self._locks: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()
        self._due: dict[str, Alarm] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._renewals: dict[tuple[str, str], Renewal] = {}

    def __iter__(self) -> Iterator[Live]:
        """Those that are in memory now."""
        return iter(tuple(self._runs.values()))

    def get(self, run: str) -> Live | None:
        """A run, if it is in memory."""
        return self._runs.get(run)

    def new(self, id: str, served: Served, parts: Any) -> Live:
        """A run that is about to begin: nobody knows it yet."""
        header, snapshot, seed = parts
        ending = self.ends.get(id)
        if ending is not None and ending.end is not None:  # of one that was forgotten
            del self.ends[id]
        return _in_its_context(Live(id, served, header, 0, NOWHERE, snapshot, seed))

    def born(self, live: Live) -> None:
        """A run has begun."""
        self._runs[live.id] = live
        self._owned.add(live.id)
        self.expect_no_more([live])
        if live.parent is not None:  # so far it had the context of its parent
            _in_its_context(live, live.variables)

    def expect(self, lives: Iterable[Live]) -> None:
        """Runs are being written that may be new: whoever asks for one waits until it is known what became of it."""
        self._expected.update(live.id for live in lives if live.standing is None)

    def expect_no_more(self, lives: Iterable[Live]) -> None:
        """It is known what became of runs that were being written."""
        if self._expected:
            self._expected.difference_update(live.id for live in lives)
            self._came.ring()

    async def awake(self, run: str) -> Live:
        """A run in memory; one that was put away is loaded. Raises NoSuchRun, and NotServed."""
        live = self._runs.get(run)
        if live is not None:
            return live
        async with self.lock(run):  # who is second finds it, and does not claim it again
            return self._runs.get(run) or await self._woken(run)

    def lock(self, run: str) -> trio.Lock:
        """What whoever loads a run holds."""
        lock = self._locks.get(run)
        if lock is None:
            lock = self._locks[run] = trio.Lock()
        return lock

    async def _woken(self, run: str) -> Live:
        """A run that is loaded, and kept if it is not over."""
        was_owned = run in self._owned
        try:
            loaded = await self.load(run)
        except DAMAGE as error:
            self.damaged[run] = error
            raise
        self.damaged.pop(run, None)
        if self.recall is not None:
            await self.recall(loaded)
        live = self._runs.get(run) or loaded  # it may have been born meanwhile
        if live.is_over:
            self._owned.discard(run)
        elif live is loaded:
            self._runs[run] = live
            self._keep(live)
            if not was_owned:
                self.taken_over(live)
        return live

    def _keep(self, live: Live) -> None:
        """Have in memory what was loaded: with an alarm, and until others are more in need of the memory."""
        self.set_alarm(live, None if live.standing is None else live.standing.due)
        if not live.is_held:
            self._idle[live.id] = None

    async def load(self, run: str) -> Live:
        """A run as it is in the journal, owned from now on. Raises NoSuchRun, NotServed, and RunChanged."""
        loaded = await self.read(run)
        served = await self.served_for(loaded)
        if run not in self._owned:
            epochs = await self._journal.claim([run])
            self._owned.add(run)
            loaded = evolve(loaded, epoch=epochs[run])
        live = self._loaded(run, loaded, served)
        if loaded.digests[1] != served.table.rules and not live.is_over:
            live.renewal = await self._renewal(loaded.digests[1], served)
        return live

    async def read(self, run: str) -> Loaded:
        """What the journal holds of a run, whoever owns it. Raises NoSuchRun."""
        while True:
            while run in self._expected:
                await self._came.wait_beyond(self._came.count)
                if self.is_closed:
                    raise KernelClosed(
                        "the kernel was closed before it was known whether the run began"
                    )
            loaded = await self._journal.load(run)
            if run not in self._expected:
                break
        if loaded is None:
            raise NoSuchRun(f"there is no run {run!r}")
        return loaded

    async def header(self, run: str) -> Header:
        """What a run began as, whoever can drive it. Raises NoSuchRun."""
        live = self._runs.get(run)
        return (await self.read(run)).header if live is None else live.header

    async def served_for(self, loaded: Loaded) -> Served:
        """The machine of a run. Raises NotServed, RunChanged: such a run is left to whoever can drive it."""
        header, shape = loaded.header, loaded.digests[0]
        served = self.served.get(header.machine)
        if served is None:
            what = f"a machine {header.machine!r} not served here"
            raise NotServed(f"run {header.run!r} is one of {what}")
        if served.table.shape != shape:
            outline = await self._journal.outline(shape)
            found = reshaped(outline, served.table)
            raise RunChanged(header.run, header.machine, found)
        return served

    async def _renewal(self, rules: str, served: Served) -> Renewal:
        """How runs go on whose machine had other rules."""
        known = self._renewals.get((served.name, rules))
        if known is None:
            outline = await self._journal.outline(rules)
            known = self._renewals[served.name, rules] = renewal(rules, outline, served.table)
        return known

    def _loaded(self, run: str, loaded: Loaded, served: Served) -> Live:
        header = loaded.header
        snapshot = served.recorder.scribe.snapshot(frame_of(loaded, self._world.key))
        head = Head(loaded.head[1], loaded.unread)
        seed = seed_of(run) if header.seed is None else header.seed
        live = Live(run, served, header, loaded.epoch, head, snapshot, seed, loaded.standing)
        parent, slash, effect = run.rpartition("/")
        live.parent = (parent, int(effect)) if slash else None
        live.barriers = barriers_of(snapshot)
        if self.has_backlogs and isinstance(self._journal, MemoryJournal):
            live.backlog = self._journal.backlog(run)
            if live.backlog is not None:  # of a kernel that may have had another machine
                live.backlog.recorder, live.backlog.head = served.recorder, head
        return _in_its_context(live, self._variables)

    # -- telling who looks on

    def bell(self, run: str) -> Bell:
        """What rings when something was stored of a run, or of one inside it, as long as somebody holds the bell."""
        known = self.bells.get(run)
        if known is None:
            known = self.bells[run] = Bell()
        return known

    def end(self, run: str) -> Ending:
        """What rings when a run is over, or somebody else's, as long as somebody holds it."""
        known = self.ends.get(run)
        if known is None:
            known = self.ends[run] = Ending()
        return known

    def close(self) -> None:
        """Nothing happens any more: tell whoever waits."""
        self.is_closed = True
        self._came.ring()
        refs: list[Callable[[], Bell | None]] = [*self.bells.valuerefs(), *self.ends.valuerefs()]
        for bell in filter(
            None, (ref() for ref in refs)
        ):  # who let go may have been in another thread
            bell.ring()

    def ring(self, run: str) -> None:
        """Tell whoever looks at a run, or at one around it."""
        while run:
            bell = self.bells.get(run)
            if bell is not None:
                bell.ring()
            run = run.rpartition("/")[0]

    # -- what is due

    def set_alarm(self, live: Live, due: int | None) -> None:
        """Be woken when something of a run is due."""
        if due == live.due:
            return
        live.due = due
        self._alarms.off(self._due.pop(live.id, None))
        if due is not None:
            at = live.snapshot.at  # for the run it may be later than the clock says
            self._due[live.id] = self._alarms.at(due, self._looks, at, about=live.id)

    def _look(self, run: str) -> None:
        """It is time for a run, whatever the clock says: somebody may have set it back."""
        live = self._runs.get(run)
        if self.is_suspended or live is None:
            return
        live.due = None
        self.tell(run, Item(at=max(self._alarms.now(), self._due.pop(run).due)))

    # -- rest

    def rest(self, live: Live) -> None:
        """Nothing is to be done for a run, at least by who says so."""
        if not live.is_idle:
            return
        self.resting(live.id)
        if live.is_over or live.is_gone:
            self.forget(live)
        elif not live.is_held:
            self._idle.pop(live.id, None)
            self._idle[live.id] = None
            while len(self._idle) > self._world.limits.awake:
                self._put_away(next(iter(self._idle)))
        self.rested.ring()

    def forget(self, live: Live) -> None:
        """A run is over, or somebody else's."""
        live.is_gone = True
        self._idle.pop(live.id, None)
        if self._runs.get(live.id) is live:
            del self._runs[live.id]
        self._alarms.off(self._due.pop(live.id, None))
        self._owned.discard(live.id)
        ending = self.ends.get(live.id)
        if ending is not None:
            ending.end = live.end if live.is_over else None
            ending.ring()

    def _put_away(self, run: str) -> None:
        del self._idle[run]
        live = self._runs.get(run)
        if live is not None and live.is_idle:
            live.is_gone = True
            del self._runs[run]
            alarm = self._due.pop(run, None)
            if alarm is not None:
                self.left(alarm)


def _in_its_context(live: Live, variables: Variables | None = None) -> Live:
    live.variables = copy_context() if variables is None else variables.copy()
    live.variables.run(inside.set, live.id)
    return live


def _nobody(run: str, item: Item) -> None:
    """Nobody listens yet."""


def _nothing(what: object) -> None:
    """Nobody counts yet."""
