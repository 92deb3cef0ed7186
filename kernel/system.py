"""A kernel: many runs on one trio nursery, inside the scopes of whoever opened it.

Rule 1: the host owns the loop. No thread and no loop is started but for blocking handlers.
Rule 2: when the host is cancelled the kernel's runs are ended in order (`on_cancel="cancel"`), or put down where they
        are, to be taken up again (`"suspend"`).
Rule 3: leaving the block waits until nothing is under way any more: what only waits, waits in the journal.
Rule 4: what cannot be stored is refused to whoever sends it, answers with it or begins a run with it.
The file is long because a kernel is what people ask everything of, and opening and closing one belong together.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from random import Random
from time import time_ns
from typing import Any, Literal, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import trio

from detent.kernel.adopting import (
    adopt,
    answer_later,
    cancel_later,
    changes_of,
    frame_now,
    obstacles_of,
    send_later,
)
from detent.kernel.asking import (
    Question,
    answer_to,
    baggage_of,
    check_event,
    check_storable,
    event_to_send,
    new_id,
    questions_in,
)
from detent.kernel.batches import Batch, batch_of
from detent.kernel.decisions import Halted, Resumed, Signal
from detent.kernel.definition import Definition
from detent.kernel.differences import Difference
from detent.kernel.errors import (
    AlreadyAnswered,
    DetentError,
    KernelClosed,
    LineFull,
    NoSuchRun,
    NotServed,
    OwnResult,
    RunChanged,
    RunExists,
    WrongInput,
)
from detent.kernel.exporting import log_of
from detent.kernel.frames import Frame
from detent.kernel.importing import bring_in
from detent.kernel.journal import Journal, MemoryJournal
from detent.kernel.listing import Listed, ListedStatus, as_driven, listed, listed_run
from detent.kernel.policies import seed_of
from detent.kernel.ports import Chance, Clock, World
from detent.kernel.replayer import ForkChoice, fork
from detent.kernel.runs import Run
from detent.kernel.scheduler import (
    BrokenTap,
    Engine,
    Item,
    Live,
    Performing,
    Reply,
    Served,
    driven,
    inside,
    serve,
    suspend,
)
from detent.kernel.signals import Event, Receipt
from detent.kernel.snapshot import End, Snapshot, Status
from detent.kernel.stepper import begin
from detent.kernel.upgrades import Obstacle, Upgrade
from detent.kernel.vault import Key
from detent.kernel.visitor import Visitor
from detent.kernel.watching import Watch, as_written
from detent.kernel.wire import spelled

__all__ = ["Kernel", "OnCancel", "SystemClock", "open_kernel", "visit"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")

KEPT = 100_000  # entries of a run that are kept in memory, where no journal was given

OnCancel: TypeAlias = Literal["cancel", "suspend"]


class SystemClock:
    """The clock of the machine it runs on."""

    def now(self) -> int:
        """See Clock."""
        return time_ns() // 1000

    def hold(self) -> AbstractContextManager[object]:
        """See Clock. Real time waits for nobody."""
        return nullcontext()


@asynccontextmanager
async def open_kernel(world: World, *, on_cancel: OnCancel = "cancel") -> AsyncGenerator["Kernel"]:
    """Run the machines of a world, for as long as the block lasts. Raises IncompleteWorld.

    Runs of the journal that were under way are taken up again. Leaving the block waits for what is under way; if the
    host is cancelled, or the block raises, runs are cancelled, or suspended if `on_cancel` says so.
    """
    served = serve(world)
    async with _journal_of(world) as journal:
        kernel = Kernel(world, served, journal)
        async with driven(kernel.engine, kernel.close, on_cancel):
            yield kernel


@asynccontextmanager
async def _journal_of(world: World) -> AsyncGenerator[Journal]:
    """The journal of a world, open."""
    if world.store is None:
        yield world.journal or MemoryJournal(entries=KEPT)
    else:
        async with world.store.open() as journal:
            yield journal


def visit(
    journal: Journal,
    *machines: Definition[Any, Any, Any],
    clock: Clock | None = None,
    chance: Chance | None = None,
    key: Key | None = None,
) -> Visitor:
    """Come to the runs of a journal that somebody else drives, or nobody at the moment. Raises IncompleteWorld."""
    world = World(*machines, key=key)
    return Visitor(world, journal, clock or SystemClock(), chance or Random())


class Kernel:
    """Many runs, driven. Made by `open_kernel`."""

    def __init__(self, world: World, served: dict[str, Served], journal: Journal) -> None:
        parts = (journal, world.clock or SystemClock())
        self.engine = self._engine = Engine(world, served, parts, self.send)
        self._chance = world.chance or Random()
        self._is_closed = False
        self._watches: WeakValueDictionary[int, Watch] = WeakValueDictionary()
        self.engine.chunked = self._chunked

    @property
    def journal(self) -> Journal:
        """Where everything is kept."""
        return self._engine.journal

    @property
    def broken_taps(self) -> tuple[BrokenTap, ...]:
        """Taps that have raised, each with its first error, and whether it was switched off."""
        return self._engine.onlookers.broken

    @property
    def damaged(self) -> Mapping[str, DetentError]:
        """Runs that this kernel came upon and could not read as they are stored: it leaves them alone, and goes on."""
        return dict(self._engine.lives.damaged)

    async def start(
        self,
        machine: Definition[I, D, R],
        input: I,
        *,
        id: str | None = None,
        deadline: float | None = None,
        seed: int | None = None,
        baggage: Mapping[str, str] | None = None,
    ) -> Run[D, R]:
        """Begin a run; returns when that is stored. Its effects have begun then, or are held.

        An id that is known already returns that run if it is one of this machine with this input; else RunExists.
        `deadline` is in seconds from now; `seed` decides how delays are spread; `baggage` is carried along, see World.
        """
        self._check_open()
        served = self._served(machine)
        run = new_id(self._chance) if id is None else id
        if "/" in run or not run:
            raise WrongInput(f"{run!r} cannot be the id of a run: `/` is for children")
        if id is not None and await self._is_known(run, served, input):
            return Run(run, behind=self, ending=self._engine.lives.end(run))
        scribe = served.recorder.scribe
        check_storable(scribe, scribe.input, input, f"machine {served.name!r}")
        engine = self._engine
        at = engine.clock.now()
        due = None if deadline is None else at + round(deadline * 1_000_000)
        begun = begin(served.table, input, at, deadline=due)
        header = served.recorder.opening(run, at, seed, due, baggage_of(engine.world, baggage))
        parts = (header, begun.snapshot, seed_of(run) if seed is None else seed)
        live = engine.lives.new(run, served, parts)
        handle: Run[D, R] = Run(run, behind=self, ending=engine.lives.end(run))
        reply: Reply[Receipt] = Reply()
        engine.put(live, Item(birth=(begun, input), reply=reply))
        receipt = await reply.wait()
        if receipt.status == "duplicate":
            await self._is_known(run, served, input)
        return handle

    async def batch(
        self,
        machine: Definition[I, Any, R],
        inputs: Iterable[I],
        *,
        at_most: int | None = None,
        stop_on_failure: bool = False,
        id: str | None = None,
        baggage: Mapping[str, str] | None = None,
    ) -> Run[Batch[I, R], Batch[I, R]]:
        """Begin a run whose children are runs of a machine, one for each input; see `batch_of`.

        Another kernel takes it up again if its world has the same `batch_of(...)` among its machines.
        """
        made = batch_of(machine, at_most=at_most, stop_on_failure=stop_on_failure)
        self._served(machine)
        served = self._engine.served
        if made.name not in served:
            served[made.name] = serve(self._engine.world.of(made))[made.name]
        return await self.start(made, Batch(tuple(inputs)), id=id, baggage=baggage)

    def run(self, id: str) -> Run[Any, Any]:
        """The handle of a run, by its id. Whether there is one shows when it is asked something."""
        return Run(id, behind=self)

    async def runs(
        self,
        *,
        status: ListedStatus | None = None,
        machine: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[Listed, ...]:
        """A page of the runs of the journal, children among them, in the order of their ids, from after one on.

        Those whose machine is not served here are `no_machine`, those whose machine has changed its shape `changed`.
        """
        how: Any = {"status": status, "machine": machine, "after": after, "limit": limit}
        return await listed(self._engine.journal, self._shapes, **how)

    # -- runs out of logs

    async def bring_in(self, lines: Iterable[bytes]) -> tuple[str, ...]:
        """Put all runs of a log into the journal and take them up: their ids. Raises what `bring_in` raises."""
        self._check_open()
        with self._engine.clock.hold():
            runs = await bring_in(self.journal, lines)
        for run in runs:
            self._engine.tell(run, Item(takes=-1))
        return runs

    async def fork(
        self, run: str, *, at: int, name: str, choices: Mapping[int, ForkChoice] | None = None
    ) -> Run[Any, Any]:
        """Another run that begins where a run was after an entry, and does nothing before somebody resumes it.

        `choices` says what becomes of what was in flight, see `fork`. Raises what `fork` and `bring_in` raise.
        """
        made = fork(await self.log_of(run), at, name, choices, of=run, key=self._engine.world.key)
        await self.bring_in(made.lines())
        return Run(name, behind=self)

    # -- runs whose machine has changed

    async def changes(self, run: str) -> tuple[Difference, ...]:
        """In what a run's machine has another shape here than it had for the run; nothing, if it has not."""
        return await changes_of(self._engine, run)

    async def check_upgrade(
        self, upgrade: Upgrade[Any], run: str | None = None
    ) -> tuple[Obstacle, ...]:
        """Everything that keeps a run, or any of those it is for, from going on with an upgrade."""
        served = self._served(upgrade.machine)
        return await obstacles_of(self._engine, served, upgrade, run)

    async def adopt(self, run: str, upgrade: Upgrade[Any]) -> None:
        """Go on with a run whose machine had another shape. Raises InvalidUpgrade; then nothing was written."""
        self._check_open()
        await adopt(self._engine, self._served(upgrade.machine), run, upgrade)

    # -- what handles ask

    async def send(self, run: str, event: Event, key: str | None = None) -> Receipt:
        """See Run."""
        stamped = event_to_send(event, self._engine.clock.now(), self._chance)
        try:
            live = await self._live(run)
        except RunChanged as changed:
            return await send_later(self._engine, changed, key or new_id(self._chance), stamped)
        if live.is_over:
            return await self._to_the_dead(run, key)
        if len(live.line) >= self._engine.world.limits.line:
            raise LineFull(f"run {run!r} has {len(live.line)} events before it")
        check_event(live.served, run, stamped)
        reply: Reply[Receipt] = Reply()
        self._engine.put(live, Item(stamped, key=key, reply=reply))
        return await reply.wait()

    async def answer(self, run: str, wait: int, value: object) -> Receipt:
        """See Run."""
        try:
            live = await self._live(run)
        except RunChanged as changed:
            return await answer_later(self._engine, changed, new_id(self._chance), wait, value)
        at = self._engine.clock.now()
        answered = answer_to(live.served, live.snapshot, run, wait, value, at)
        reply: Reply[Receipt] = Reply()
        self._engine.put(live, Item(answered, at, reply=reply))
        receipt = await reply.wait()
        if receipt.status == "rejected":
            raise AlreadyAnswered(f"run {run!r}: question {wait!r} is not open any more")
        return receipt

    async def cancel(self, run: str, reason: str = "") -> Status:
        """See Run."""
        try:
            live = await self._live(run)
        except RunChanged as changed:
            return await cancel_later(self._engine, changed, new_id(self._chance), reason)
        if live.is_over:
            return live.snapshot.status
        reply: Reply[Status] = Reply(lambda _: live.snapshot.status)
        self._engine.put(live, Item(Halted("cancelled", reason), reply=reply), first=True)
        return await reply.wait()

    async def resume(self, run: str, skip: bool = False) -> None:
        """See Run."""
        live = await self._live(run)
        receipt = await self._first(live, Resumed(skip))
        if receipt.status == "rejected":
            raise WrongInput(f"run {run!r} is not parked, it is {live.snapshot.status}")

    async def end_of(self, run: str) -> End:
        """See Run."""
        here = inside.get()
        if here == run or here.startswith(f"{run}/"):
            raise OwnResult(f"run {run!r} waits for itself: its effect waits for its end")
        bell = self._engine.lives.end(run)
        while bell.end is None:
            count = bell.count
            live = await self._engine.lives.awake(run)
            if live.is_over:
                return live.end
            while not live.is_over and not live.is_gone:
                self._check_running()
                await bell.wait_beyond(count)
                count = bell.count
            if live.is_over:
                return live.end
        return bell.end

    async def log_of(self, run: str) -> tuple[bytes, ...]:
        """See Run."""
        return await log_of(self._engine, run)

    async def snapshot_of(self, run: str) -> Snapshot[Any]:
        """See Run."""
        return (await self._engine.lives.awake(run)).snapshot

    async def frame_of(self, run: str) -> Frame:
        """See Run."""
        return await frame_now(self._engine, run)

    async def listed_of(self, run: str) -> Listed:
        """See Run."""
        listed = await listed_run(self._engine.journal, self._shapes, run)
        live = self._engine.lives.get(run)
        return listed if live is None else as_driven(listed, live.standing)

    async def questions_of(self, run: str) -> tuple[Question, ...]:
        """See Run."""
        live = await self._engine.lives.awake(run)
        return questions_in(live.served, live.snapshot)

    def watch(self, run: str, after: int = 0) -> Watch:
        """See Run."""
        watch = Watch(self._engine, run, after, self._engine.world.limits.buffer)
        self._watches[id(watch)] = watch
        return watch

    # -- inside

    @property
    def _shapes(self) -> dict[str, str]:
        return {name: served.table.shape for name, served in self._engine.served.items()}

    def _chunked(self, performing: Performing, value: object) -> None:
        run = performing.live.id
        refs = self._watches.valuerefs()  # who lets go may do so in another thread
        for watch in filter(None, (ref() for ref in refs)):
            if run == watch.run or run.startswith(f"{watch.run}/"):
                watch.offer(performing, value)

    async def _first(self, live: Live, signal: Signal) -> Receipt:
        """Let something happen before everything else that is in line."""
        reply: Reply[Receipt] = Reply()
        self._engine.put(live, Item(signal, reply=reply), first=True)
        return await reply.wait()

    async def _live(self, run: str) -> Live:
        """A run to which something is to happen. Who is cancelled meanwhile has it happen all the same."""
        self._check_open()
        lives = self._engine.lives
        live = lives.get(run)
        if live is not None:
            return live
        loaded: Live | None = None
        with trio.CancelScope(shield=True):
            loaded = await lives.awake(run)
        assert loaded is not None  # or it has raised
        return loaded

    def _check_open(self) -> None:
        if self._is_closed:
            raise KernelClosed("the kernel is closed, or closes: it takes nothing new")

    def _check_running(self) -> None:
        if self._engine.lives.is_closed:
            raise KernelClosed("the kernel was closed before the run had ended")

    def _served(self, machine: Definition[Any, Any, Any]) -> Served:
        made = machine.machine
        served = self._engine.served.get(made.name)
        if served is None or (served.table.machine is not made and served.table.machine != made):
            there = ", ".join(map(repr, self._engine.served)) or "none"
            here = f"is not one of this kernel's: {there}"
            why = here if served is None else "is not the one of this kernel that has its name"
            raise NotServed(f"machine {made.name!r} {why}")
        return served

    async def _is_known(self, run: str, served: Served, input: object) -> bool:
        """Whether there is a run of that id. Raises RunExists if it is another."""
        entries = await self._engine.journal.entries(run, 0, 1) if await self._exists(run) else ()
        if not entries:
            return False
        live = await self._engine.lives.awake(run)
        scribe = served.recorder.scribe
        began = {"$began": scribe.codec.write(scribe.input, input)}
        first = await as_written(self._engine, entries[0])
        if live.header.machine != served.name or spelled(first.event) != spelled(began):
            other = f"is one of machine {live.header.machine!r}, or began with another input"
            raise RunExists(f"run {run!r} {other}")
        return True

    async def _exists(self, run: str) -> bool:
        try:
            await self._engine.lives.awake(run)
        except NoSuchRun:
            return False
        return True

    async def _to_the_dead(self, run: str, key: str | None) -> Receipt:
        """What becomes of an event for a run that is over."""
        known = None if key is None else await self._engine.journal.taken(run, key)
        return Receipt("rejected" if known is None else "duplicate")

    async def close(self, how: str) -> None:
        """Take nothing new, and come to rest."""
        engine = self._engine
        if how == "wait":
            await self._rest(also_held=True)
            self._is_closed = True
            return
        self._is_closed = True
        if how == "suspend":
            await suspend(engine)
        else:
            for live in tuple(engine.lives) if engine.is_open else ():
                engine.put(live, Item(Halted("cancelled", "the kernel was cancelled")), first=True)
        await self._rest()

    async def _rest(self, also_held: bool = False) -> None:
        lives = self._engine.lives
        while lives.telling or any(
            not live.is_idle or (also_held and live.is_held) for live in lives
        ):
            count = lives.rested.count
            await lives.rested.wait_beyond(count)
