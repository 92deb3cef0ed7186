"""What a pure step costs, and compiling. Exits with 1 if a budget is broken.

The floor of a step is what any engine with immutable snapshots must do: look the event up in a dict, make new data
with `attrs.evolve`, and make a new frozen snapshot (of three fields).
"""

import sys
from functools import partial
from typing import Any

from attrs import evolve, frozen

from benchmarks.measure import best_of, exponent, table
from detent import Call, Effect, Event, Machine, On, Region, Returned, State, compile_machine
from detent.kernel import Happened, Moved, Snapshot, begin, step

FLAT_BUDGET = 2.5
COMPILE_EXPONENT = 1.1


@frozen
class Tick(Event):
    """The event of every step."""


@frozen
class Ping(Effect[int], recovery="pure"):
    """An effect that costs nothing."""


@frozen
class Count:
    """The data."""

    n: int = 0
    name: str = ""

    def tick(self, event: Event) -> "Count":
        """What every step does to it."""
        return evolve(self, n=self.n + 1)

    def ping(self) -> Ping:
        """What every state of the chain orders."""
        return Ping()


@frozen
class Plain:
    """The snapshot of the floor."""

    state: str
    data: Count
    seq: int


def main() -> int:
    """Measure, print, judge."""
    ratio = steps()
    slope = compiling()
    kept = ratio <= FLAT_BUDGET and slope <= COMPILE_EXPONENT
    print(
        f"\nbudgets: flat step {ratio:.2f} x of {FLAT_BUDGET}, "
        f"compile exponent {slope:.2f} of {COMPILE_EXPONENT}"
    )
    return 0 if kept else 1


def steps() -> float:
    """One step on machines of several kinds, as a multiple of the floor."""
    targets = {("a", Tick): "b", ("b", Tick): "a"}
    plain = Plain("a", Count(), 0)

    def floor() -> Plain:
        data = evolve(plain.data, n=plain.data.n + 1)
        return Plain(targets[plain.state, Tick], data, plain.seq + 1)

    works = {
        "floor: dict, evolve, snapshot": floor,
        "flat": stepping(flat()),
        "flat, guard as expression": stepping(flat("data.n >= 0 and data.name == ''")),
        "flat, update without move": stepping(
            Machine("stay", State("a", On(Tick, update=Count.tick)), data=Count)
        ),
        "nested three deep": stepping(nested()),
        "two regions, both move": stepping(regions(2)),
        "ten regions, one moves": stepping(regions(10, moving=1)),
        "outcome, and the next effect": happening(),
    }
    costs = best_of(works, number=2000)
    least = costs["floor: dict, evolve, snapshot"]
    rows = [(name, f"{cost:.2f}", f"{cost / least:.2f} x") for name, cost in costs.items()]
    print(table(("one step", "us", "of the floor"), rows))
    return costs["flat"] / least


def flat(guard: str | None = None) -> Machine[Count, Count, Count]:
    """Two states, one event."""
    return Machine(
        "flat",
        State("a", On(Tick, to="b", when=guard, update=Count.tick)),
        State("b", On(Tick, to="a", when=guard, update=Count.tick)),
        data=Count,
    )


def nested() -> Machine[Count, Count, Count]:
    """The event is handled at the inside, and leaves two states."""
    return Machine(
        "nested",
        State("a", State("a1", State("a11", On(Tick, to="b", update=Count.tick)))),
        State("b", State("b1", State("b11", On(Tick, to="a", update=Count.tick)))),
        data=Count,
    )


def regions(count: int, moving: int | None = None) -> Machine[Count, Count, Count]:
    """Regions of two states each."""

    def region(n: int) -> Region[Count]:
        if moving is not None and n >= moving:
            return Region(f"r{n}", State(f"a{n}"))
        there = On(Tick, to=f"b{n}", update=Count.tick)
        back = On(Tick, to=f"a{n}", update=Count.tick)
        return Region(f"r{n}", State(f"a{n}", there), State(f"b{n}", back))

    return Machine("regions", *(region(n) for n in range(count)), data=Count)


def stepping(machine: Machine[Count, Count, Count]) -> Any:
    """One step of a machine, from the same snapshot each time."""
    table_ = compile_machine(machine)
    now: Snapshot[Count] = begin(table_, Count()).snapshot
    tick = Tick()
    if not isinstance(step(table_, now, tick), Moved):
        raise AssertionError(f"{machine!r} does not move")
    return lambda: step(table_, now, tick)


def happening() -> Any:
    """The outcome of an effect moves to a state that orders the next."""
    ping = Call(Ping, Count.ping)
    pong = Call(Ping, Count.ping, name="pong")

    def note(data: Count, event: Returned[int]) -> Count:
        return evolve(data, n=event.value)

    machine = Machine(
        "chain",
        State("a", On(ping.returned, to="b", update=note), do=ping),
        State("b", On(pong.returned, to="a", update=note), do=pong),
        data=Count,
    )
    table_ = compile_machine(machine)
    now = begin(table_, Count()).snapshot
    outcome = Happened(1, Returned(1))
    if len(step(table_, now, outcome).snapshot.effects) != 1:
        raise AssertionError("the chain does not go on")
    return lambda: step(table_, now, outcome)


def compiling() -> float:
    """Compiling chains of ten to ten thousand states, and how the time grows."""
    costs: dict[int, float] = {}
    for size in (10, 100, 1_000, 10_000):
        work = partial(anew, chain(size))
        work()
        costs[size] = best_of({"compile": work}, rounds=5)["compile"]
    rows = [
        (f"{size:,}", f"{cost / 1000:.2f}", f"{cost / size:.1f}") for size, cost in costs.items()
    ]
    print("\n" + table(("states", "compile, ms", "us a state"), rows))
    return exponent(costs)


def anew(machine: Machine[Count, Count, Count]) -> object:
    """What is compiled is compiled once: so it is another machine with the same states."""
    return compile_machine(Machine(machine.name, *machine.parts, data=machine.data))


def chain(size: int) -> Machine[Count, Count, Count]:
    """States in a row, each with a guard and an update."""
    states = [
        State(f"s{n}", On(Tick, to=f"s{(n + 1) % size}", when="data.n >= 0", update=Count.tick))
        for n in range(size)
    ]
    return Machine("chain", *states, data=Count)


if __name__ == "__main__":
    sys.exit(main())
