"""Runs from outside: whoever knows where they are kept reads them and sends to them, without driving any.

Rule 1: nothing here claims a run or writes of one, and its engine never runs: what is sent waits in the inbox, in the
        journal, until the kernel that drives the run takes it, now or when there is one.
Rule 2: what is asked is looked at as a kernel looks at it, and refused with the same errors. What comes of it shows
        when it is taken: a run may be over by then, a question closed. Then it is noted, or dropped.
Rule 3: what happens is seen by looking at the journal again and again, so a little late.
Rule 4: what is sent has a key, and is taken once. Of two who answer one question from outside, one is told so.
"""

from typing import Any, Generic, TypeVar

from attrs import field, frozen

from detent.kernel.adopting import (
    answer_later,
    cancel_later,
    changes_of,
    frame_now,
    obstacles_of,
    posted,
    send_later,
)
from detent.kernel.asking import (
    Question,
    answer_to,
    check_event,
    event_to_send,
    new_id,
    questions_in,
)
from detent.kernel.decisions import Halted, Resumed, Signal
from detent.kernel.differences import Difference
from detent.kernel.errors import (
    AlreadyAnswered,
    NoSuchRun,
    NotServed,
    RunChanged,
    StoreFailed,
    WrongInput,
)
from detent.kernel.exporting import log_of
from detent.kernel.frames import Frame
from detent.kernel.journal import Conflict, Journal, Unconfirmed, frame_of
from detent.kernel.listing import Listed, ListedStatus, listed, listed_run
from detent.kernel.ports import Chance, Clock, World
from detent.kernel.runs import result_of
from detent.kernel.scheduler import Engine, Served, end_of, known
from detent.kernel.signals import Event, Receipt
from detent.kernel.snapshot import End, Snapshot
from detent.kernel.stepper import step
from detent.kernel.steps import Rejected
from detent.kernel.upgrades import Obstacle, Upgrade
from detent.kernel.watching import LOOK, Watch, a_while

__all__ = ["Visited", "Visitor"]

D = TypeVar("D")
R = TypeVar("R")

LIVING = ("running", "waiting", "parked", "ending", "inert", "changed")


class Visitor:
    """Who comes to the runs of a journal. Made by `visit`.

    Its world has machines, a key if something of them is secret, and needs no handlers.
    """

    def __init__(self, world: World, journal: Journal, clock: Clock, chance: Chance) -> None:
        self.engine = Engine(world, known(world), (journal, clock), self.send)
        self.chance = chance

    def run(self, id: str) -> "Visited[Any, Any]":
        """A run, by its id. Whether there is one shows when it is asked something."""
        return Visited(id, self)

    async def runs(
        self,
        *,
        status: ListedStatus | None = None,
        machine: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[Listed, ...]:
        """A page of the runs of the journal, see Kernel."""
        how: Any = {"status": status, "machine": machine, "after": after, "limit": limit}
        return await listed(self.engine.journal, self._shapes, **how)

    async def changes(self, run: str) -> tuple[Difference, ...]:
        """In what a run's machine has another shape here than it had for the run, see Kernel."""
        return await changes_of(self.engine, run)

    async def check_upgrade(
        self, upgrade: Upgrade[Any], run: str | None = None
    ) -> tuple[Obstacle, ...]:
        """Everything that keeps a run, or any of those it is for, from going on with an upgrade. Raises NotServed."""
        name = upgrade.machine.machine.name
        served = self.engine.served.get(name)
        if served is None:
            there = ", ".join(map(repr, self.engine.served)) or "none"
            raise NotServed(f"machine {name!r} is not one of this visitor's: {there}")
        return await obstacles_of(self.engine, served, upgrade, run)

    async def listed_of(self, run: str) -> Listed:
        """See Visited."""
        return await listed_run(self.engine.journal, self._shapes, run)

    async def read(self, run: str) -> tuple[Served, Snapshot[Any]]:
        """A run as it is stored, with its machine. Raises NoSuchRun, NotServed, and RunChanged."""
        loaded = await self.engine.lives.read(run)
        served = await self.engine.lives.served_for(loaded)
        return served, served.recorder.scribe.snapshot(frame_of(loaded, self.engine.world.key))

    async def send(self, run: str, event: Event, key: str | None) -> Receipt:
        """See Visited."""
        at, key = self.engine.clock.now(), self.key(key)
        stamped = event_to_send(event, at, self.chance)
        try:
            served, now = await self.read(run)
        except RunChanged as changed:
            return await send_later(self.engine, changed, key, stamped)
        check_event(served, run, stamped)
        if type(event) not in served.table.events:
            said = step(served.table, now, stamped, at)
            return Receipt("rejected", said.accepts if isinstance(said, Rejected) else ())
        return await self.deliver(served, now, (run, key, stamped))

    async def deliver(
        self, served: Served, now: Snapshot[Any], delivery: tuple[str, str, Signal]
    ) -> Receipt:
        """Put something into the inbox of a run, which was as it is here a moment ago.

        Raises StoreFailed, and WrongInput if it holds a secret and there is no key to seal it with.
        """
        run, key, signal = delivery
        if now.end is not None and not now.effects:
            is_known = await self.engine.journal.taken(run, key) is not None
            return Receipt("duplicate" if is_known else "rejected")
        written = served.recorder.scribe.write_signal(signal, now.effects)
        letter = posted(self.engine, served.recorder, run, key, written)
        (verdict,) = await self.engine.journal.deliver([letter])
        if isinstance(verdict, Unconfirmed):
            raise StoreFailed(
                f"run {run!r}: nobody knows whether it was stored that {key!r} was sent "
                f"({verdict.why}): send it again with that key"
            )
        if isinstance(verdict, Conflict) and verdict.kind != "key":
            raise NoSuchRun(f"there is no run {run!r} any more")
        return Receipt("duplicate" if isinstance(verdict, Conflict) else "stored")

    def key(self, key: str | None = None) -> str:
        """What something is known by that is sent."""
        return new_id(self.chance) if key is None else key

    @property
    def _shapes(self) -> dict[str, str]:
        return {name: served.table.shape for name, served in self.engine.served.items()}


@frozen
class Visited(Generic[D, R]):
    """A run as who visits it has it in hand."""

    id: str
    _visitor: Visitor = field(alias="visitor", eq=False, repr=False)

    async def send(self, event: Event, *, key: str | None = None) -> Receipt:
        """Send an event: `stored`; `duplicate` if the key was taken; `rejected` if the run is over or knows it not."""
        return await self._visitor.send(self.id, event, key)

    async def answer(self, wait: int, value: object) -> Receipt:
        """Answer a question, by its id. Raises NoSuchWait and AlreadyAnswered, and WrongInput if the type is wrong."""
        visitor, key, at = self._visitor, f"$answer/{wait}", self._visitor.engine.clock.now()
        try:
            served, now = await visitor.read(self.id)
            answered = answer_to(served, now, self.id, wait, value, at)
            receipt = await visitor.deliver(served, now, (self.id, key, answered))
        except RunChanged as changed:
            receipt = await answer_later(visitor.engine, changed, key, wait, value)
        if receipt.status == "duplicate":
            raise AlreadyAnswered(f"run {self.id!r}: question {wait!r} has an answer that waits")
        return receipt

    async def cancel(self, reason: str = "") -> Receipt:
        """Ask the run to end: that goes before everything else in its inbox."""
        key = self._visitor.key()
        try:
            served, now = await self._visitor.read(self.id)
            halted = Halted("cancelled", reason)
            return await self._visitor.deliver(served, now, (self.id, key, halted))
        except RunChanged as changed:
            status = await cancel_later(self._visitor.engine, changed, key, reason)
            return Receipt("stored" if status in LIVING else "rejected")

    async def resume(self, *, skip: bool = False) -> Receipt:
        """Go on with a parked run: what broke is stepped again, or, with `skip`, left out. Raises WrongInput."""
        served, now = await self._visitor.read(self.id)
        if now.status != "parked":
            raise WrongInput(f"run {self.id!r} is not parked, it is {now.status}")
        return await self._visitor.deliver(
            served, now, (self.id, self._visitor.key(), Resumed(skip))
        )

    async def status(self) -> Listed:
        """How the run stands, as `runs` lists it."""
        return await self._visitor.listed_of(self.id)

    async def wait_result(self) -> R:
        """What the run comes to. Raises RunEnded if it ends without a result."""
        answer: R = result_of(self.id, await self.wait_end())
        return answer

    async def wait_end(self) -> End:
        """How the run ends: never an error, whatever the end is."""
        engine = self._visitor.engine
        loaded = await engine.lives.read(self.id)
        while loaded.standing.status in LIVING:
            await a_while()
            if await engine.journal.entries(self.id, loaded.head[0], 1):
                loaded = await engine.lives.read(self.id)
        return end_of(self.id, await self.snapshot())

    def watch(self, *, after: int = 0) -> Watch:
        """Everything that is stored of the run and of those inside it, from after an entry on, until its end.

        What handlers emit is seen by nobody but their own kernel.
        """
        return Watch(self._visitor.engine, self.id, after, pause=LOOK)

    async def snapshot(self) -> Snapshot[D]:
        """All that the run is now, as far as it is stored."""
        return (await self._visitor.read(self.id))[1]

    async def questions(self) -> tuple[Question, ...]:
        """What is asked and has no answer yet."""
        return questions_in(*await self._visitor.read(self.id))

    async def frame(self) -> Frame:
        """The same as `snapshot` as a plain tree: also of a run whose machine has changed, or is not known here."""
        return await frame_now(self._visitor.engine, self.id)

    async def log(self) -> tuple[bytes, ...]:
        """The run log until now, with those of the runs inside it: lines to be written to a `*.run.jsonl` file."""
        return await log_of(self._visitor.engine, self.id)
