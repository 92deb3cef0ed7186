"""A thousand claims, in every state, when the machine they are runs of is another the next morning.

Rule 1: by other rules they go on. By another shape they wait, nothing of them is written, and adopted they finish.
Rule 2: no entry is lost: each log verifies, and begins with what there was, byte for byte.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from detent import (
    After,
    Call,
    Defer,
    Done,
    Each,
    Effect,
    Event,
    Final,
    Machine,
    On,
    Region,
    RunChanged,
    Spawn,
    State,
    Upgrade,
    Wait,
    World,
    compile_machine,
    handle,
    open_kernel,
    replay,
)
from detent.kernel import Entry, Journal, Kernel, MemoryJournal, Store, verify_log
from detent.tools.stores import SQLite
from detent.tools.testing.virtual import run_virtually
from tests.settings import LONG

HOUR = 3600.0
COUNT = 1_000


@frozen
class Look(Effect[int], recovery="idempotent"):
    """Look something up."""

    n: int


@frozen
class Pay(Effect[int]):
    """Pay, and not twice."""

    n: int


@frozen
class Go(Event):
    """On with it."""

    n: int = 1


@frozen
class Claim:
    """A claim."""

    n: int = 0
    heard: tuple[str, ...] = ()

    def look(self) -> Look:
        """One look."""
        return Look(self.n)

    def looks(self) -> tuple[Look, ...]:
        """Some looks."""
        return tuple(Look(n) for n in range(3))

    def pay(self) -> Pay:
        """The payment."""
        return Pay(self.n)

    def same(self) -> "Claim":
        """What an expert is given."""
        return self

    def go(self, event: Go) -> "Claim":
        """Count."""
        return evolve(self, n=self.n + event.n)

    def hear(self, event: Event) -> "Claim":
        """Remember what came."""
        return evolve(self, heard=(*self.heard, type(event).__name__))


expert: Machine[Claim, Claim, Claim] = Machine(
    "expert", State("thinking", After(5 * HOUR, to="sure")), Final("sure"), data=Claim
)


def claims(
    names: Callable[[str], str] = str, wait: float = 9 * HOUR, guard: str = "data.n > 0"
) -> Machine[Claim, Claim, Claim]:
    """The machine, with a way of calling its states and effects, and rules."""
    ways = ("looking", "paying", "asking", "many", "family")
    return Machine(
        "claim",
        State(
            names("open"),
            On(Go, to=names("branch"), update=Claim.go),
            After(wait, to=names("late")),
        ),
        State(
            names("branch"),
            *(
                On(Go, to=names(way), when=f"event.n == {place}")
                for place, way in enumerate(ways, 1)
            ),
            On(Go, to=names("both"), when=guard),
        ),
        *working(names),
        State(
            names("both"),
            Region(
                names("left"),
                State(names("l"), After(HOUR, to=names("lend"))),
                Final(names("lend")),
            ),
            Region(
                names("right"), State(names("r"), On(Go, to=names("rend"))), Final(names("rend"))
            ),
            After(7 * HOUR, to=names("late")),
            Done(to=names("last")),
        ),
        State(names("last"), On(Go, to=names("done"), update=Claim.go)),
        Final(names("late")),
        Final(names("done")),
        data=Claim,
    )


def working(names: Callable[[str], str]) -> tuple[State[Claim], ...]:
    """The states that do something: each is left for the last when that has an outcome."""
    look = Call(Look, Claim.look, name=names("look"))
    pay = Call(Pay, Claim.pay, name=names("pay"))
    looks: Each[Claim, int] = Each(Call(Look, name="one"), Claim.looks, name=names("looks"))
    ask: Wait[Claim, bool] = Wait(bool, "Is it right?", deadline=8 * HOUR, name=names("ask"))
    child: Spawn[Claim, Claim] = Spawn(expert, Claim.same, name=names("child"))

    def state(name: str, outcomes: Any, do: Any, *more: Any) -> State[Claim]:
        heard: On[Claim] = On(outcomes, to=names("last"), update=Claim.hear)
        made: State[Claim] = State(names(name), heard, *more, Defer(Go), do=do)
        return made

    late: Any = names("late")
    return (
        state("looking", look.returned, look, On(look.failed, to=late)),
        state("paying", pay.returned | pay.in_doubt, pay, On(pay.failed, to=late)),
        state("asking", ask.returned | ask.timed_out, ask),
        state("many", looks.settled, looks),
        state("family", child.ended, child),
    )


NOW = claims()
OTHER_RULES = claims(wait=10 * HOUR, guard="data.n > -5")
OTHER_SHAPE = claims(lambda name: f"the {name}")
STATES = ("open", "looking", "paying", "asking", "many", "family", "both")
UPGRADE: Upgrade[Claim] = Upgrade(
    OTHER_SHAPE,
    compile_machine(NOW).shape,
    states={node.name: f"the {node.name}" for node in compile_machine(NOW).nodes[1:]},
    effects={form: f"the {form}" for form in compile_machine(NOW).forms},
)


@frozen
class Memory:
    """A store that is forgotten with the test."""

    journal: MemoryJournal

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Journal]:
        """See Store."""
        yield self.journal


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Where claims are kept from one evening to the next morning."""
    if request.param == "memory":
        return Memory(MemoryJournal(ended=None))
    return SQLite(tmp_path / "runs.db")


def count_of(store: Store) -> int:
    """How many claims there are: fewer where each takes longer."""
    return COUNT if LONG or isinstance(store, Memory) else COUNT // 5


async def at_once(order: Any) -> int:
    """A handler that needs no time."""
    return 1


async def never(order: Any) -> int:
    """A handler that is cut."""
    await trio.sleep_forever()
    return 1


def world(machine: Any, store: Store, by: Any) -> World:
    """Claims, in virtual time."""
    clock: Any = trio.lowlevel.current_clock()
    return World(machine, handlers=[handle(Look, by), handle(Pay, by)], store=store, clock=clock)


async def leave(store: Store) -> None:
    """The evening: runs in every state, whose effects are cut when the kernel is put down."""
    with trio.CancelScope() as host:
        async with open_kernel(world(NOW, store, never), on_cancel="suspend") as kernel:
            for number in range(count_of(store)):
                run = await kernel.start(NOW, Claim(), id=f"c{number:03}")
                place = number % len(STATES)
                if place:
                    await run.send(Go())
                    await run.send(Go(place))
                if 0 < place < 6 and number % 2:  # is deferred
                    await run.send(Go(7))
            await trio.sleep(HOUR / 2)
            host.cancel()


async def entries_of(store: Store) -> dict[str, tuple[Entry, ...]]:
    """Everything that is stored."""
    async with store.open() as journal:
        runs = [run for run, *_ in await journal.find(limit=10 * COUNT)]
        return {run: await journal.entries(run) for run in runs}


async def finish(kernel: Kernel, run: str) -> str:
    """See a claim through; how it ended."""
    handle = kernel.run(run)
    while True:
        now = await handle.snapshot()
        if now.end is not None:
            return (await handle.wait_end()).status
        state = now.configuration[0].removeprefix("the ")
        if questions := await handle.questions():
            await handle.answer(questions[0].id, True)
        elif state in ("open", "branch", "last") or now.configuration[-1].endswith("r"):
            await handle.send(Go())
        else:
            await trio.sleep(HOUR / 4)


async def finish_all(kernel: Kernel, count: int) -> Counter[str]:
    """See all claims through, side by side; how many ended how."""
    ends: Counter[str] = Counter()

    async def see(run: str) -> None:
        ends[await finish(kernel, run)] += 1

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(see, f"c{number:03}")
    return ends


async def hold_to_it(kernel: Kernel, machine: Any, before: dict[str, tuple[Entry, ...]]) -> None:
    """Nothing is lost: logs begin as they were, verify, and are taken again, or it is said what changed."""
    for run, entries in before.items():
        now = await kernel.journal.entries(run)
        assert [one.body for one in now[: len(entries)]] == [one.body for one in entries]
    for run in [run for run in before if "/" not in run][:: len(STATES) + 1]:
        log = await kernel.run(run).log()
        again = replay(log, machine)
        assert run in verify_log(log)
        assert again.divergence is None or again.changed, again


def test_by_other_rules_every_claim_goes_on(store: Store) -> None:
    async def act() -> None:
        await leave(store)
        before = await entries_of(store)
        async with open_kernel(world(OTHER_RULES, store, at_once)) as kernel:
            ends = await finish_all(kernel, count_of(store))
            assert ends == {"completed": count_of(store)}
            await hold_to_it(kernel, OTHER_RULES, before)
            for number in range(count_of(store)):
                entries = await kernel.journal.entries(f"c{number:03}")
                said = [place for place, one in enumerate(entries) if "$upgraded" in _tags(one)]
                assert said == [len(before[f"c{number:03}"])]

    run_virtually(act)


def test_by_another_shape_every_claim_waits_until_it_is_adopted(store: Store) -> None:
    async def act() -> None:
        await leave(store)
        before = await entries_of(store)
        claims_before = {run: one for run, one in before.items() if "/" not in run}
        async with open_kernel(world(OTHER_SHAPE, store, at_once)) as kernel:
            await trio.sleep(HOUR / 10)
            for run, entries in claims_before.items():
                assert await kernel.journal.entries(run) == entries
            with pytest.raises(RunChanged):
                await kernel.run("c000").snapshot()
            assert await kernel.check_upgrade(UPGRADE) == ()
            for run in claims_before:
                if int(run[1:]) % len(STATES) == 0:
                    await kernel.run(run).send(Go(9), key="meanwhile")
                await kernel.adopt(run, UPGRADE)
            ends = await finish_all(kernel, count_of(store))
            assert ends == {"completed": count_of(store)}
            await hold_to_it(kernel, OTHER_SHAPE, before)
            for run, entries in claims_before.items():
                now = await kernel.journal.entries(run)
                assert "$migrated" in _tags(now[len(entries)])
                is_open = int(run[1:]) % len(STATES) == 0
                assert ("meanwhile" in {one.key for one in now}) is is_open, run

    run_virtually(act)


def _tags(entry: Entry) -> set[str]:
    event: Any = entry.event
    return set(event)
