"""What running costs, as ratios to bare trio. Exits with 1 if a budget is broken. `python -m benchmarks.runtime`.

Everything runs in memory, with the journal that a world has without one. The floors, all measured in the same process
and in turn with what they are floors of:

- of a chain of no-op effects: a loop on trio with, for each step, a checkpoint, a cancel scope around the call of an
  async no-op, `attrs.evolve` of the data, and a new frozen snapshot of three fields;
- of a fan-out: one nursery with as many no-ops; of many runs that sleep: as many tasks that sleep as often;
- of many runs of no-ops: as many tasks with, for each step, a checkpoint and an `evolve`.

Memory is measured against itself: what is held after 2,000 short runs, when the journal is full, and after 10,000;
what the process takes up after each tenth of a run of a million transitions. Of rates the best part of a tenth counts.
`--quick` takes 100,000 transitions instead of a million.
"""

import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from functools import partial

import trio
from attrs import evolve, frozen

from benchmarks.measure import exponent, least_of, resident, table
from detent import Call, Each, Effect, Final, Machine, On, Returned, Settled, State
from detent.kernel import Kernel, MemoryJournal, World, handle, open_kernel

CHAIN_BUDGET = 2.5  # x of the floor
FAN_BUDGET = 6.0
FAN_EXPONENT = 1.1
SLEEPS_BUDGET = 2.7
KEPT_BUDGET = 200.0  # bytes that a run leaves behind
RATE_BUDGET = 1.5  # x of the fastest tenth of a long run
STEPS = 5_000
RUNS, EACH = 1_000, 10
NAP = 0.01
MICRO = 1e6


@frozen
class Ping(Effect[int], recovery="pure"):
    """An effect that costs nothing."""

    n: int = 0


@frozen
class Nap(Effect[int], recovery="pure"):
    """An effect that sleeps."""

    n: int = 0


@frozen
class Count:
    """The data: how many of how many."""

    n: int = 0
    most: int = 0

    def ping(self) -> Ping:
        """The next."""
        return Ping(self.n)

    def nap(self) -> Nap:
        """The next."""
        return Nap(self.n)

    def pings(self) -> tuple[Ping, ...]:
        """All at once."""
        return tuple(map(Ping, range(self.most)))

    def note(self, event: Returned[int]) -> "Count":
        """One more."""
        return evolve(self, n=event.value)

    def is_last(self, event: Returned[int]) -> bool:
        """Whether there is no more after it."""
        return event.value >= self.most

    def count(self, event: Settled[int]) -> "Count":
        """All of them."""
        return evolve(self, n=len(event.outcomes))


@frozen
class Plain:
    """The snapshot of the floor."""

    state: str
    data: Count
    seq: int


def looping(
    name: str, ping: Call[Count, int], pong: Call[Count, int]
) -> Machine[Count, Count, Count]:
    """Two states in turn; each orders the next effect."""

    def state(here: str, there: str, do: Call[Count, int]) -> State[Count]:
        last = On(do.returned, to="end", when=Count.is_last, update=Count.note)
        return State(here, last, On(do.returned, to=there, update=Count.note), do=do)

    return Machine(name, state("a", "b", ping), state("b", "a", pong), Final("end"), data=Count)


pinging = Each(Ping, Count.pings)
chain = looping("chain", Call(Ping, Count.ping), Call(Ping, Count.ping, name="pong"))
naps = looping("naps", Call(Nap, Count.nap), Call(Nap, Count.nap, name="again"))
fan = Machine(
    "fan",
    State("all", On(pinging.settled, to="end", update=Count.count), do=pinging),
    Final("end"),
    data=Count,
)


async def no_op(order: Ping) -> int:
    """Do nothing."""
    return order.n + 1


async def nap(order: Nap) -> int:
    """Sleep."""
    await trio.sleep(NAP)
    return order.n + 1


def main() -> int:
    """Measure, print, judge."""
    transitions = 100_000 if "--quick" in sys.argv[1:] else 1_000_000
    broken = [*chains(), *fans(), *crowds(), *short_runs(), *long_run(transitions)]
    for one in broken:
        print(f"BROKEN: {one}")
    print("\nall budgets kept" if not broken else f"\n{len(broken)} budgets broken")
    return 1 if broken else 0


def judged(what: str, value: float, budget: float, unit: str = " x") -> tuple[str, list[str]]:
    """A number with its budget, and the complaint if it is over."""
    told = f"{value:.2f}{unit} of {budget:g}{unit}"
    return told, [] if value <= budget else [f"{what}: {told}"]


def timed(work: Callable[[Kernel], Awaitable[object]], count: int = 1) -> float:
    """How long something takes in a kernel of its own that is there already: microseconds for each of so many."""

    async def main() -> float:
        world = World(chain, naps, fan, handlers=[handle(Ping, no_op), handle(Nap, nap)])
        async with open_kernel(world) as kernel:
            began = time.perf_counter()
            await work(kernel)
            return (time.perf_counter() - began) / count * MICRO

    return trio.run(main)


def bare(work: Callable[[], Awaitable[object]], count: int = 1) -> float:
    """The same of something on bare trio."""

    async def main() -> float:
        began = time.perf_counter()
        await work()
        return (time.perf_counter() - began) / count * MICRO

    return trio.run(main)


async def through(kernel: Kernel, machine: Machine[Count, Count, Count], count: int) -> None:
    """One run, to its end."""
    run = await kernel.start(machine, Count(most=count))
    end = await run.wait_end()
    if end.status != "completed" or getattr(end.value, "n", 0) != count:
        raise AssertionError(f"it ended as {end}")


# -- one run


def chains() -> list[str]:
    """A chain of no-ops."""
    costs = least_of(
        {
            "floor": lambda: bare(plain_chain, STEPS),
            "chain": lambda: timed(lambda kernel: through(kernel, chain, STEPS), STEPS),
        }
    )
    ratio, broken = judged("chain", costs["chain"] / costs["floor"], CHAIN_BUDGET)
    row = (f"{costs['chain']:.1f}", f"{costs['floor']:.1f}", ratio)
    print(table((f"chain of {STEPS:,} no-ops", "us a step", "floor", "ratio"), [("one run", *row)]))
    return broken


async def plain_chain() -> None:
    """What any engine on trio does that can be cancelled and has immutable snapshots."""
    now = Plain("a", Count(), 0)
    for n in range(STEPS):
        await trio.lowlevel.checkpoint()
        with trio.CancelScope():
            await nothing()
        now = Plain("b", evolve(now.data, n=n), now.seq + 1)


async def nothing() -> int:
    """The no-op of floors."""
    return 1


def fans() -> list[str]:
    """No-ops side by side, and a join."""
    rows: list[tuple[str, ...]] = []
    broken: list[str] = []
    totals: dict[int, float] = {}
    for size in (100, 1_000, 10_000):
        costs = least_of(
            {
                "floor": partial(bare, partial(plain_fan, size), size),
                "fan": partial(timed, partial(through, machine=fan, count=size), size),
            },
            rounds=5,
        )
        totals[size] = costs["fan"] * size
        ratio, more = judged(f"fan-out of {size:,}", costs["fan"] / costs["floor"], FAN_BUDGET)
        broken += more if size == 1_000 else []
        rows.append((f"{size:,}", f"{costs['fan']:.1f}", f"{costs['floor']:.1f}", ratio))
    growth, more = judged("growth of a fan-out", exponent(totals), FAN_EXPONENT, "")
    print("\n" + table(("fan-out of no-ops", "us a branch", "floor", "ratio"), rows))
    print(f"exponent of the whole: {growth}")
    return [*broken, *more]


async def plain_fan(size: int) -> None:
    """One nursery."""
    async with trio.open_nursery() as nursery:
        for _ in range(size):
            nursery.start_soon(nothing)


# -- many runs


def crowds() -> list[str]:
    """Many runs at once: such that sleep, and such that do nothing."""
    costs = least_of(
        {
            "bare naps": partial(bare, partial(plain_crowd, napping)),
            "naps": partial(timed, partial(crowd, machine=naps)),
            "bare no-ops": partial(bare, partial(plain_crowd, counting)),
            "no-ops": partial(timed, partial(crowd, machine=chain)),
        },
        rounds=5,
    )
    ratio, broken = judged("runs that sleep", costs["naps"] / costs["bare naps"], SLEEPS_BUDGET)
    rows = [
        ("sleep(0.01)", milli(costs["naps"]), milli(costs["bare naps"]), ratio),
        (
            "no-op",
            milli(costs["no-ops"]),
            milli(costs["bare no-ops"]),
            f"{costs['no-ops'] / costs['bare no-ops']:.2f} x",
        ),
    ]
    print("\n" + table((f"{RUNS:,} runs x {EACH} steps", "ms", "floor", "ratio"), rows))
    return broken


def milli(microseconds: float) -> str:
    """A time for people."""
    return f"{microseconds / 1_000:.0f}"


async def crowd(kernel: Kernel, machine: Machine[Count, Count, Count]) -> None:
    """All of them, each to its end."""
    async with trio.open_nursery() as nursery:
        for _ in range(RUNS):
            nursery.start_soon(through, kernel, machine, EACH)


async def plain_crowd(work: Callable[[], Awaitable[None]]) -> None:
    """As many tasks."""
    async with trio.open_nursery() as nursery:
        for _ in range(RUNS):
            nursery.start_soon(work)


async def napping() -> None:
    """As many sleeps."""
    for _ in range(EACH):
        await trio.sleep(NAP)


async def counting() -> None:
    """As many steps."""
    data = Count()
    for n in range(EACH):
        await trio.lowlevel.checkpoint()
        data = evolve(data, n=n)


# -- memory


def short_runs() -> list[str]:
    """Short runs, one after the other: what is left of them."""
    held: dict[int, int] = {}
    taken: dict[int, int] = {}

    async def main(kernel: Kernel) -> None:
        for number in range(1, 10_001):
            await through(kernel, chain, 2)
            if number in (2_000, 10_000):
                taken[number] = resident()
                held[number] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    cost = timed(main, 10_000)
    tracemalloc.stop()
    runs = 8_000
    kept, resident_ = (held[10_000] - held[2_000]) / runs, (taken[10_000] - taken[2_000]) / runs
    told, broken = judged("what a run leaves behind", kept, KEPT_BUDGET, " bytes")
    print(f"\n10,000 short runs, from the 2,000th on: each leaves {told}", end="")
    print(f" ({resident_:.0f} resident; {cost:.0f} us a run, while memory is traced)")
    return broken


def long_run(transitions: int) -> list[str]:
    """One run that goes on and on: its rate and its memory, by tenths. Of each tenth its best tenth counts."""
    part = transitions // 100
    parts: list[float] = []
    sizes: list[int] = []
    since = 0.0

    async def look(order: Ping) -> int:
        nonlocal since
        if order.n % part == 0:
            if order.n:
                parts.append((time.perf_counter() - since) / part * MICRO)
            if len(parts) % 10 == 0:
                sizes.append(resident())
            since = time.perf_counter()
        return order.n + 1

    async def main() -> None:
        journal = MemoryJournal(entries=1_000)
        world = World(chain, handlers=[handle(Ping, look)], journal=journal)
        async with open_kernel(world) as kernel:
            await through(kernel, chain, transitions + 1)

    trio.run(main)
    costs = [min(parts[first : first + 10]) for first in range(0, 100, 10)]
    rows = [
        (f"{place + 1}", f"{cost:.1f}", f"{size / 1e6:.1f}")
        for place, (cost, size) in enumerate(zip(costs, sizes[1:], strict=True))
    ]
    print("\n" + table((f"tenths of {transitions:,} transitions", "us a step", "MB"), rows))
    told, broken = judged("slowest tenth of the fastest", max(costs) / min(costs), RATE_BUDGET)
    grown = (sizes[-1] - sizes[1]) / (transitions - transitions // 10)
    flat, more = judged("memory of a transition", grown, 1.0, " bytes")
    print(f"slowest of the fastest: {told}; memory of a transition: {flat}")
    return [*broken, *more]


if __name__ == "__main__":
    sys.exit(main())
