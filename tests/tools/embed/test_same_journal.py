"""Whatever machine is run, and whatever is done with it, the log is the same from every side.

Rule 1: byte for byte, as long as no two effects are stopped in one instant: which of them ends first is nobody's
        business, on any side. Where they are, the same is told of the same instants.
Rule 2: nothing here goes in circles without time passing: no timers of no seconds, no breaker that opens.
"""

from collections.abc import Callable
from typing import Any, TypeAlias
from zlib import crc32

import trio
from attrs import evolve, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import AuthorError, Breaker, CallerError, Context, Fails, Machine, Run, World, handle
from detent.kernel import MemoryJournal, Seen
from detent.tools.testing.samples import EVENTS, Once, Tally, Work
from detent.tools.testing.strategies import Features, machines
from detent.tools.testing.virtual import VirtualClock
from tests.settings import times
from tests.sides import SIDES, play, sleep

Act: TypeAlias = tuple[str, int]  # what is done, and with which number
ACTS = ("send", "send", "send", "keyed", "sleep", "answer", "resume", "skip", "cancel")


async def perform(order: Any, context: Context) -> int:
    """Take some time, and come to what depends on nothing but what is asked for."""
    chance = crc32(f"{context.key} {context.attempt} {order!r}".encode())
    await trio.sleep(0.001 + 1.9 * chance / 2**32)
    match chance % 5:
        case 0:
            raise Fails("not today")
        case 1:
            raise ValueError("what?")
        case _:
            return chance % 10


def world(machine: Machine[Any, Any, Any]) -> Callable[[VirtualClock], World]:
    """A world for a generated machine."""
    return lambda clock: World(
        machine,
        handlers=[handle(Work, perform), handle(Once, perform)],
        breakers={"shop": Breaker(1_000, 20.0)},
        journal=MemoryJournal(),
        clock=clock,
    )


async def act(run: Run[Any, Any], what: str, number: int) -> str:
    """Do something; what came of it."""
    event = EVENTS[number % len(EVENTS)](number)
    match what:
        case "send":
            return str(await run.send(event))
        case "keyed":
            return str(await run.send(event, key=f"{number % 3}"))
        case "answer":
            asked = await run.questions()
            return str([await run.answer(one.id, number) for one in asked[:1]])
        case "cancel":
            return await run.cancel(f"{number}") if number == 7 else ""
        case "sleep" | "wait":
            await sleep(0.0137 * number * number)
            return ""
        case _:
            await run.resume(skip=what == "skip")
            return "resumed"


@frozen
class Came:
    """What is said of everything that is done, what a run tells of each instant, and its log."""

    said: list[str]
    told: list[str] = field(factory=list[str])
    log: tuple[bytes, ...] = ()


async def scene(kernel: Any, machine: Any, acts: list[Act]) -> Came:
    """Run a machine, and do something with it."""
    try:
        run = await kernel.start(machine, Tally(2), id="r", seed=5)
    except AuthorError as error:
        return Came([str(error)])
    said: list[str] = []
    for what, number in (*acts, ("wait", 0)):
        await sleep(0.000137)  # what is due in this instant has been done then
        try:
            said.append(await act(run, what, number))
        except CallerError as error:
            said.append(str(error))
    await run.cancel("enough")
    said.append((await run.wait_end()).status)
    sights = [sight async for sight in run.watch() if isinstance(sight, Seen)]
    told = sorted(f"{one.at} {evolve(one, seq=0)}" for sight in sights for one in sight.told)
    return Came(said, told, await run.log())


def from_every_side(machine: Machine[Any, Any, Any], acts: list[Act]) -> list[Came]:
    """What comes of it from each side."""
    return [
        play(side, world(machine), lambda kernel: scene(kernel, machine, acts)) for side in SIDES
    ]


some_acts = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 9)), max_size=12)


@given(machines(Features(effects=False, timers=False)), some_acts)
@settings(max_examples=times(50))
def test_every_side_writes_the_same_log(machine: Machine[Any, Any, Any], acts: list[Act]) -> None:
    on_trio, on_asyncio, without = from_every_side(machine, acts)

    assert on_asyncio == on_trio
    assert without == on_trio


@given(machines(Features(timers=False)), some_acts)
@settings(max_examples=times(50))
def test_every_side_tells_the_same_of_effects(
    machine: Machine[Any, Any, Any], acts: list[Act]
) -> None:
    on_trio, on_asyncio, without = from_every_side(machine, acts)

    assert (on_asyncio.said, on_asyncio.told) == (on_trio.said, on_trio.told)
    assert (without.said, without.told) == (on_trio.said, on_trio.told)
