"""Generated machines whose kernels die at a commit that is chosen: what happens to a run, and what must be so.

Rule 1: what is done to a run, and how the world behaves, is drawn before; only where the kernel dies differs.
Rule 2: what is checked is read off the journal, and off what the world saw.
Rule 3: whoever asks the world whether something was done is told the truth.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import trio
from attrs import define, field, frozen
from hypothesis import strategies as st

from detent.kernel import (
    Breaker,
    Cancelled,
    Context,
    Definition,
    Entry,
    Event,
    Fails,
    Handled,
    Journal,
    Kernel,
    Limiter,
    Limits,
    Recorder,
    Run,
    World,
    digests_of,
    draw,
    handle,
    replay,
    shape_of,
    verify_log,
)
from detent.tools.stores import SQLite
from detent.tools.testing import machines, values, walk_key
from detent.tools.testing.drawing import Draw
from detent.tools.testing.faults import Moment
from detent.tools.testing.reports import stored_lines
from detent.tools.testing.run_worlds import Family
from detent.tools.testing.samples import Tally
from detent.tools.testing.simulator import Simulator
from detent.tools.testing.strategies import Features
from detent.tools.testing.virtual import run_virtually

__all__ = ["Cut", "Scene", "scenes"]

RUN = "run"
ALL = 1_000_000
PATIENCE = 100.0  # seconds, after which what only waits is cancelled
ENOUGH = 20  # entries, after which what goes in circles is
MANY = 8  # calls, after which no handler returns
ENDINGS = ("value", "value", "value", "surely not", "raises")


@frozen(eq=False, repr=False)
class Scene:
    """A machine, what is sent to a run of it, and what its handlers give."""

    family: Family
    input: Tally
    events: tuple[Event, ...]
    given: dict[type[Any], Any]
    seed: int

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What hypothesis prints."""
        printer.text(repr(self))

    def __repr__(self) -> str:
        """As somebody would begin to look into it."""
        sent = f"{len(self.events)} events"
        return (
            f"{draw(self.family.table, form='text')}\nwith {self.input}, {sent}, seed {self.seed}"
        )

    @property
    def definition(self) -> Definition[Any, Any, Any]:
        """The machine."""
        return self.family.definition


@st.composite
def scenes(drawn: Draw) -> Scene:
    """Scenes of machines that have no bugs of their own."""
    family = Family.of(drawn(machines(Features(bugs=False))))
    known = [one for one in family.table.events if one is not Cancelled]
    chosen = drawn(st.lists(st.sampled_from(known), max_size=3)) if known else []
    events = tuple(drawn(values(shape_of(one))) for one in chosen)
    given = {kind.effect: drawn(kind.value) for kind in family.kinds}
    return Scene(family, Tally(drawn(st.integers(0, 9))), events, given, drawn(st.integers(0, 999)))


@define(eq=False)
class Cut:
    """A scene that is played in the simulator, and cut at a commit."""

    scene: Scene
    crash_at: tuple[int, Moment] | None = None
    store: SQLite | None = None
    begun: set[str] = field(factory=set[str])
    done: set[str] = field(factory=set[str])
    calls: list[str] = field(factory=list[str])
    wrong: list[str] = field(factory=list[str])
    acknowledged: set[str] = field(factory=set[str])
    status: str = ""
    patience: trio.CancelScope = field(factory=trio.CancelScope)
    simulator: Simulator = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.simulator = Simulator(self.scene.seed, crash_at=self.crash_at, store=self.store)

    def play(self) -> "Cut":
        """Play it to its end."""
        family = self.scene.family
        world = World(
            family.definition,
            handlers=[self._handled(kind.effect, kind.recovery) for kind in family.kinds],
            limiters={name: Limiter(1_000, 1.0) for name in family.limiters},
            breakers={name: Breaker(3, 20.0) for name in family.breakers},
            taps=[self],
            limits=Limits(grace=0.5),
            key=walk_key,
        )
        self.status = self.simulator.run(world, self._act)
        return self

    async def _act(self, kernel: Kernel) -> str:
        """Begin, send what there is to send, and wait for the end; what has none is cancelled."""
        scene = self.scene
        run = await kernel.start(scene.definition, scene.input, id=RUN, seed=1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, run)
            while True:
                with trio.move_on_after(PATIENCE) as self.patience:
                    end = await run.wait_end()
                    nursery.cancel_scope.cancel()
                    return end.status
                await run.cancel("it waits, or goes in circles")

    async def _send(self, run: Run[Any, Any]) -> None:
        """Send what there is to send."""
        for place, event in enumerate(self.scene.events):
            receipt = await run.send(event, key=f"key {place}")
            if receipt.status != "rejected":
                self.acknowledged.add(f"key {place}")
            await trio.sleep(0.3)

    def entry(self, run: str, entry: Entry) -> None:
        """See Tap."""
        if run == RUN and entry.seq % ENOUGH == 0:
            self.patience.cancel()

    def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """See Tap."""

    def _handled(self, effect: Any, recovery: str) -> Handled:
        async def perform(order: Any, context: Context) -> Any:
            return await self._perform(effect, recovery, context)

        async def query(order: Any, context: Context) -> Any:
            await trio.sleep(0.1)
            if context.key not in self.done:
                raise Fails("it was not done")
            return self.scene.given[effect]

        return handle(effect, perform, query=query if recovery == "reconcilable" else None)

    async def _perform(self, effect: type[Any], recovery: str, context: Context) -> Any:
        """Give what is given, fail, or raise, after some time: the same for the same attempt of the same effect."""
        key = context.key
        if recovery == "at_most_once" and key in self.begun:
            self.wrong.append(f"{key} is begun twice")
        if recovery == "reconcilable" and key in self.done:
            self.wrong.append(f"{key} is begun, and somebody could have known that it was done")
        self.begun.add(key)
        self.calls.append(key)
        journal = self.simulator.journal
        entries = await journal.entries(context.run, 0, ALL)
        if not any(context.effect in entry.effects for entry in entries):
            self.wrong.append(f"{key} is begun, and no entry orders it")
        if len(self.calls) > MANY:
            await trio.sleep_forever()
        chance = Random(f"{self.scene.seed} {key} {context.attempt}")
        await trio.sleep(chance.choice((0.0, 0.0, 0.5, 5.0)))
        ending = chance.choice(ENDINGS)
        if ending == "surely not":
            self.begun.discard(key)
            raise Fails("surely not")
        if ending == "value" or chance.random() < 0.5:
            self.done.add(key)
        if ending == "raises":
            raise OSError("the line is dead")
        return self.scene.given[effect]

    # -- what must be so

    def check(self) -> None:
        """Raise AssertionError for what is not so."""
        assert self.wrong == []
        assert self.status
        logs = run_virtually(self._logs)
        lines = [line for log in logs.values() for line in log]
        assert set(verify_log(lines)) == set(logs)
        divergence = replay(lines, self.scene.definition, key=walk_key).divergence
        assert divergence is None, str(divergence)

    async def _logs(self) -> dict[str, Sequence[bytes]]:
        """All runs that are stored, as logs. All of them have ended."""
        if self.store is None:
            return await self._logs_in(self.simulator.journal)
        async with self.store.read() as journal:
            return await self._logs_in(journal)

    async def _logs_in(self, journal: Journal) -> dict[str, Sequence[bytes]]:
        logs: dict[str, Sequence[bytes]] = {}
        for run, standing in await journal.find(limit=ALL):
            loaded = await journal.load(run)
            assert loaded is not None
            assert standing.status not in ("running", "waiting", "parked", "ending"), run
            entries = await journal.entries(run, 0, ALL)
            if run == RUN:
                assert self.acknowledged <= {entry.key for entry in entries}
            beside = await journal.beside([one for entry in entries for one in digests_of(entry)])
            recorder = Recorder(self.scene.family.tables[loaded.header.machine], walk_key)
            logs[run] = tuple(stored_lines(recorder, loaded.header, entries, beside))
        return logs

    def cut(self, number: int, moment: Moment, store: SQLite | None = None) -> "Cut":
        """The same, cut at another commit, perhaps in a file."""
        return Cut(self.scene, (number, moment), store)
