"""One run in a drawn world, played from its beginning to its end, whatever happens to the kernels that drive it.

Rule 1: what is done to a run is drawn when it is done, against what the run is then; it goes through the handle that
        everybody has.
Rule 2: every run comes to an end: what only waits, or goes in circles, is cancelled when nothing more is drawn.
"""

from typing import Any

import trio
from attrs import define, field, frozen

from detent.kernel import (
    AlreadyAnswered,
    AuthorError,
    BrokenBegin,
    CallerError,
    Cancelled,
    End,
    Event,
    Journal,
    Kernel,
    NoSuchWait,
    Recorder,
    Run,
    Seen,
    Snapshot,
    Standing,
    WrongInput,
    digests_of,
    frame_of,
    open_kernel,
    scribe_of,
    shape_of,
)
from detent.tools.testing.echoes import echoing
from detent.tools.testing.payloads import values
from detent.tools.testing.reports import stored_lines, walk_key
from detent.tools.testing.run_worlds import DrawnWorld
from detent.tools.testing.spelling import Speller

__all__ = ["RUN", "Log", "Play", "collected"]

RUN = "run"
DELAYS = (0.0, 0.0, 0.0, 0.05, 1.0, 40.0)
PATIENCES = (0.0, 1.0, 10.0, 100.0, 10_000.0)
ENOUGH = 150  # entries after which a run is cancelled, since it may go on for ever
LONG = 10_000.0  # seconds in which whatever was cancelled has ended, or can be cut
ALL = 1_000_000


@frozen
class Log:
    """What is stored of a run: its log, and how it stands."""

    lines: tuple[bytes, ...]
    standing: Standing


async def collected(world: DrawnWorld, logs: dict[str, Log]) -> None:
    """Read everything that a world has stored. Raises Unstorable for what was never made."""
    journal: Journal = world.journal
    for run, standing in await journal.find(limit=ALL):
        loaded = await journal.load(run)
        if loaded is None:
            continue
        entries = await journal.entries(run, 0, ALL)
        digests = [digest for entry in entries for digest in digests_of(entry)]
        beside = await journal.beside(digests)
        recorder = Recorder(world.family.tables[loaded.header.machine], walk_key)
        lines = tuple(stored_lines(recorder, loaded.header, entries, beside))
        logs[run] = Log(lines, standing)


@define(eq=False)
class Play:
    """One run on its way through a drawn world."""

    world: DrawnWorld
    input: Any
    left: int
    deadline: float | None
    may_break: bool = False
    is_over: bool = False
    unsure: list[tuple[Event, str]] = field(factory=list[tuple[Event, str]])
    seen: list[str] = field(factory=list[str])
    stored: set[str] = field(factory=set[str])
    keys: int = 0
    end: End | None = None
    host: trio.CancelScope = field(factory=trio.CancelScope)

    async def play(self) -> None:
        """Begin, do what is drawn, and come to an end; whenever a kernel is gone, another goes on."""
        before = trio.lowlevel.current_statistics().tasks_living
        while not self.is_over and self.world.found is None:
            world = self.world.world()
            try:
                with trio.CancelScope() as self.host:
                    async with open_kernel(world, on_cancel="suspend") as kernel:
                        await self._scene(kernel)
            except Exception:
                if not self.world.has_died:
                    raise
                self.world.revive()
        after = trio.lowlevel.current_statistics().tasks_living
        if after != before:
            self.world.find("a kernel that is closed leaves no task", f"{after - before} are left")

    async def _scene(self, kernel: Kernel) -> None:
        """What happens in one kernel."""
        run = await self._begun(kernel)
        if run is None:
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_on, run)
            for event, key in tuple(self.unsure):
                nursery.start_soon(self._send, run, event, key)
            while self.left and self.world.index(10):
                self.left -= 1
                await trio.sleep(self.world.pick(DELAYS))
                await self._next(nursery, run)
            await self._until_the_end(run)

    async def _look_on(self, run: Run[Any, Any]) -> None:
        """Watch the run from where the last kernel left it; cancel it, whenever it has done enough."""
        try:
            async for sight in run.watch(after=len(self.seen)):
                if isinstance(sight, Seen) and sight.run == run.id:
                    self.seen.append(sight.entry.hash)
                    if len(self.seen) % ENOUGH == 0:
                        await self._cancel(run)
        except AuthorError as error:
            self.world.find("everything can be written down", str(error))
            self.host.cancel()

    async def _begun(self, kernel: Kernel) -> Run[Any, Any] | None:
        """The run; nothing if it cannot begin."""
        said = self.world.say(f"start {self._spelled(self.input)}")
        machine = self.world.family.definition
        try:
            run = await kernel.start(machine, self.input, id=RUN, deadline=self.deadline, seed=1)
        except (AuthorError, CallerError) as error:
            said.came = f"{type(error).__name__}: {error}"
            if not (self.may_break and isinstance(error, BrokenBegin)):
                self.world.find("a run can begin", str(error))
            self.is_over = True
            return None
        return run

    # -- what is done to it

    async def _next(self, nursery: trio.Nursery, run: Run[Any, Any]) -> None:
        """Do something that is drawn."""
        world, now = self.world, await run.snapshot()
        asked = await run.questions() if now.effects else ()
        events = [one for one in world.family.table.events if one is not Cancelled]
        kinds = ["send"] * 4 * bool(events) + ["answer"] * 4 * bool(asked)
        kinds += ["resume"] * 4 * (now.status == "parked")
        kind = world.pick([*kinds, "nothing"])
        if world.one_in(10):
            kind = world.pick(("hand over", "cancel"))
        if kind == "send":
            known = events if world.one_in(4) else self._awaited(now) or events
            drawn: Event = world.draw(values(shape_of(world.pick(known))))
            event = echoing(world.drawing, drawn, now.data)
            key = self._new_key() if world.one_in(2) else None
            nursery.start_soon(self._send, run, event, key)
        elif kind == "answer":
            question = world.pick(asked).id
            flight = next(one for one in now.effects if one.has(question))
            value = world.draw(world.family.answers(flight, question))
            nursery.start_soon(self._answer, run, question, value)
        elif kind == "resume":
            nursery.start_soon(self._resume, run, not world.one_in(3))
        elif kind == "cancel":
            nursery.start_soon(self._cancel, run)
        elif kind == "hand over":
            world.say("the host shuts down")
            self.host.cancel()

    def _awaited(self, now: Snapshot[Any]) -> list[type[Event]]:
        """The events of which a row of an active state is waiting for one."""
        table = self.world.family.table
        triggers = [one for name in now.configuration for one in table.nodes[table.index[name]].on]
        known = [one for one in dict.fromkeys(triggers) if one in table.events]
        return [one for one in known if one is not Cancelled]

    def _new_key(self) -> str:
        self.keys += 1
        return f"key {self.keys}"

    async def _send(self, run: Run[Any, Any], event: Event, key: str | None) -> None:
        said = self.world.say(f"send {self._spelled(event)}{f' ({key})' if key else ''}")
        if key is not None and (event, key) not in self.unsure:
            self.unsure.append((event, key))
        receipt = await run.send(event, key=key)
        said.came = receipt.status
        if key is not None:
            self.unsure.remove((event, key))
            if receipt.status != "rejected":
                self.stored.add(key)
                if await self.world.journal.taken(run.id, key) is None:
                    self.world.find("what is acknowledged is stored", f"nobody has {key}")
        await self._compare(run)

    async def _compare(self, run: Run[Any, Any]) -> None:
        """Look whether a kernel knows what is stored: it may be behind, and never ahead."""
        now = await run.snapshot()
        loaded = await self.world.journal.load(run.id)
        if loaded is None or now.seq > loaded.head[0]:
            self.world.find("a kernel is never ahead of its store", f"entry {now.seq} is not there")
        elif now.seq == loaded.head[0]:
            scribe = scribe_of(self.world.family.table)
            if scribe.frame(now) != frame_of(loaded, walk_key):
                self.world.find("a kernel knows what is stored", f"entry {now.seq} says otherwise")

    async def _answer(self, run: Run[Any, Any], question: int, value: object) -> None:
        said = self.world.say(f"answer question {question}: {self._spelled(value)}")
        try:
            said.came = (await run.answer(question, value)).status
            await self._compare(run)
        except (AlreadyAnswered, NoSuchWait) as error:
            said.came = f"{type(error).__name__}: {error}"

    async def _resume(self, run: Run[Any, Any], skip: bool) -> None:
        said = self.world.say(f"resume{', without what broke' if skip else ''}")
        try:
            await run.resume(skip=skip)
            await self._compare(run)
        except WrongInput as error:
            said.came = str(error)

    async def _cancel(self, run: Run[Any, Any]) -> None:
        said = self.world.say("cancel")
        said.came = await run.cancel("drawn")
        await self._compare(run)
        if said.came == "running":
            self.world.find("a run that was cancelled goes on no more", f"it is {said.came}")

    # -- the end

    async def _until_the_end(self, run: Run[Any, Any]) -> None:
        """Wait for the end, for as long as anything may happen; cancel what only waits, or goes in circles."""
        for seconds in PATIENCES:
            if await self._has_ended(run, seconds):
                return
            now = await run.snapshot()
            if now.status == "parked":
                await self._resume(run, skip=True)
        for _ in range(2):
            await self._cancel(run)
            if await self._has_ended(run, LONG):
                return
        self.world.find("a run that is cancelled ends", f"it is {(await run.snapshot()).status}")

    async def _has_ended(self, run: Run[Any, Any], seconds: float) -> bool:
        end: End | None = None
        with trio.move_on_after(seconds):
            end = await run.wait_end()
        if end is None:
            return False
        self.world.say("the run has ended", end.status)
        for key, said in self.world.under_way.items():
            if key.rpartition("/")[0] == run.id and key not in end.abandoned:
                self.world.find("what has ended has nothing under way", str(said))
        self.end, self.is_over = end, True
        return True

    def _spelled(self, value: Any) -> str:
        return Speller().spell(value)
