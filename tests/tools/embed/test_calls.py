"""Whatever is asked of a kernel gives the same from every side, and so does what is refused."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import detent
from detent import (
    AlreadyAnswered,
    CallerError,
    DetentError,
    Final,
    InvalidUpgrade,
    Machine,
    NoSuchRun,
    NotServed,
    On,
    RunChanged,
    RunEnded,
    RunExists,
    State,
    Upgrade,
    Wait,
    World,
    WrongInput,
    compile_machine,
    handle,
)
from detent.kernel import MemoryJournal
from detent.tools.embed import asyncio as on_asyncio
from detent.tools.embed import sync
from detent.tools.testing.virtual import VirtualClock
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Break,
    Close,
    Data,
    call,
    counting,
    doing,
    gives,
    outcomes_of,
)
from tests.sides import SIDES, Side, play, time

COUNTING = counting()
DOING = doing(call(Again))
ASK: Wait[Data, bool] = Wait(bool, "Really?")
ASKING: Machine[Data, Data, Data] = Machine(
    "asking",
    State("asking", On(outcomes_of(ASK), to="done", update=Data.hear), do=ASK),
    Final("done"),
    data=Data,
)
OLD: Machine[Data, Data, Data] = Machine(
    "changed", State("first", On(Close, to="last")), Final("last"), data=Data
)
SHAPE = compile_machine(OLD).shape
NEW = counting("changed")
INSIDE = {"engine", "close"}  # of a kernel on trio: what its other parts use

every_side = pytest.mark.parametrize("side", SIDES)


def world(clock: VirtualClock, journal: MemoryJournal | None = None) -> World:
    """What is asked about in these tests."""
    handlers = [handle(Again, gives(7, after=1.0))]
    return World(COUNTING, DOING, ASKING, NEW, handlers=handlers, journal=journal, clock=clock)


async def everything(kernel: Any) -> list[Any]:
    """What comes of asking everything that can be asked."""
    counting = await kernel.start(COUNTING, Data(), id="c", seed=3)
    asking = await kernel.start(ASKING, Data(), id="a", deadline=60.0)
    works = await kernel.start(DOING, Data(n=2), id="w")
    said: list[Any] = [counting.id, await time(), (await counting.snapshot()).data]
    said += [await counting.send(Add(2), key="k"), await counting.send(Add(2), key="k")]
    said += [question := (await asking.questions())[0], await asking.status()]
    said += [await asking.answer(question.id, True), (await asking.wait_end()).status]
    said += [await works.wait_result(), await time(), await works.log(), await works.frame()]
    said += [await counting.send(Break()), (await counting.status()).status]
    said += [await counting.resume(skip=True), (await kernel.run("c").status()).status]
    said += [await counting.cancel("enough"), (await counting.wait_end()).failures]
    batch = await kernel.batch(DOING, [Data(n=1), Data(n=2)], at_most=1, id="b")
    said += [await batch.wait_result(), await time(), await kernel.runs(machine="doing", limit=3)]
    said += [[sight async for sight in batch.watch(after=1)], kernel.broken_taps]
    said += [await kernel.check_upgrade(Upgrade(NEW, SHAPE)), kernel.journal]
    forked = await kernel.fork("w", at=1, name="f", choices={1: "rerun"})
    said += [forked.id, await forked.status(), await forked.resume(), await forked.wait_result()]
    try:
        await kernel.bring_in(iter(await counting.log()))
    except RunExists as error:  # all of it is there already
        said += [str(error), kernel.damaged]
    return said


def plain(said: list[Any]) -> list[Any]:
    """What is said, apart from the journal, which is one of many."""
    return [one for one in said if not isinstance(one, MemoryJournal)]


def test_everything_that_is_asked_gives_the_same_from_every_side() -> None:
    on_trio, on_asyncio, without = (plain(play(side, world, everything)) for side in SIDES)

    assert len(on_trio) > 26
    assert on_asyncio == on_trio
    assert without == on_trio


@every_side
def test_a_run_whose_machine_has_changed_is_adopted_from_every_side(side: Side) -> None:
    journal = MemoryJournal()

    def before(clock: VirtualClock) -> World:
        return World(OLD, journal=journal, clock=clock)

    async def begun(kernel: Any) -> None:
        await kernel.start(OLD, Data(n=5), id="r")

    async def adopted(kernel: Any) -> list[Any]:
        upgrade = Upgrade(NEW, SHAPE, states={"first": "open"})
        found = [len(await kernel.changes("r")), await kernel.check_upgrade(upgrade, "r")]
        with pytest.raises(RunChanged):
            await kernel.run("r").snapshot()
        with pytest.raises(InvalidUpgrade):
            await kernel.adopt("r", Upgrade(NEW, SHAPE, states={"first": "nowhere"}))
        await kernel.adopt("r", upgrade)
        await kernel.run("r").send(Close())
        return [*found, (await kernel.run("r").wait_result()).n]

    play("trio", before, begun)

    found = play(side, lambda clock: world(clock, journal), adopted)

    assert found[0] > 0
    assert found[1:] == [(), 5]


# -- what is refused


async def unknown(kernel: Any) -> None:
    """A run that is not there."""
    await kernel.run("nobody").send(Add())


async def unknown_seen(kernel: Any) -> None:
    """Nobody watches it."""
    async for _ in kernel.run("nobody").watch():
        pass


async def not_served(kernel: Any) -> None:
    """A machine of another world."""
    await kernel.start(counting("other"), Data())


async def taken(kernel: Any) -> None:
    """An id that is another's."""
    await kernel.start(COUNTING, Data(), id="taken")
    await kernel.start(COUNTING, Data(n=2), id="taken")


async def answered(kernel: Any) -> None:
    """A question that is closed."""
    run = await kernel.start(ASKING, Data(), id="asks")
    (question,) = await run.questions()
    await run.answer(question.id, True)
    await run.answer(question.id, True)


async def not_parked(kernel: Any) -> None:
    """A run that needs not be resumed."""
    await (await kernel.start(COUNTING, Data(), id="goes on")).resume()


async def no_result(kernel: Any) -> None:
    """A run that was cancelled."""
    run = await kernel.start(COUNTING, Data(), id="ends")
    await run.cancel("no")
    await run.wait_result()


REFUSED: list[tuple[Callable[[Any], Awaitable[None]], type[DetentError]]] = [
    (unknown, NoSuchRun),
    (unknown_seen, NoSuchRun),
    (not_served, NotServed),
    (taken, RunExists),
    (answered, AlreadyAnswered),
    (not_parked, WrongInput),
    (no_result, RunEnded),
]


@pytest.mark.parametrize(("asks", "error"), REFUSED, ids=lambda one: one.__name__)
def test_what_is_refused_is_refused_to_every_side(
    asks: Callable[[Any], Awaitable[None]], error: type[DetentError]
) -> None:
    said: list[str] = []
    for side in SIDES:

        async def scene(kernel: Any) -> None:
            with pytest.raises(error) as refused:
                await asks(kernel)
            said.append(str(refused.value))

        play(side, world, scene)

    assert said[0] == said[1] == said[2]


@every_side
def test_the_kernel_goes_on_after_it_has_refused_something(side: Side) -> None:
    async def scene(kernel: Any) -> int:
        for asks, _ in REFUSED:
            with pytest.raises((CallerError, RunEnded)):
                await asks(kernel)
        result: Data = await (await kernel.start(DOING, Data(n=2))).wait_result()
        return len(result.heard)

    assert play(side, world, scene) == 1


# -- the faces


def offered(kind: type[Any]) -> dict[str, inspect.Signature | None]:
    """What a class offers, and how it is called."""
    found = inspect.getmembers(
        kind, lambda one: inspect.isfunction(one) or isinstance(one, property)
    )
    return {
        name: bare(inspect.signature(one)) if inspect.isfunction(one) else None
        for name, one in found
        if not name.startswith("_")
    }


def bare(signature: inspect.Signature) -> inspect.Signature:
    """A signature without types, which the type checkers look at."""
    empty = inspect.Parameter.empty
    parameters = [one.replace(annotation=empty) for one in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


def without(names: set[str], offer: dict[str, Any]) -> dict[str, Any]:
    """An offer without some of it."""
    return {name: how for name, how in offer.items() if name not in names}


def test_a_kernel_on_asyncio_offers_what_one_on_trio_does() -> None:
    on_trio = without(INSIDE, offered(detent.Kernel))

    assert without({"within"}, offered(on_asyncio.Kernel)) == on_trio


def test_a_kernel_without_a_loop_offers_what_people_ask_of_one_on_trio() -> None:
    handles = {name for name in dir(detent.Kernel) if name.endswith("_of")}
    handles |= {"send", "answer", "cancel", "resume", "watch"}
    on_trio = without(INSIDE | handles, offered(detent.Kernel))

    assert without({"within"}, offered(sync.Kernel)) == on_trio


def test_a_run_without_a_loop_offers_what_one_on_trio_does() -> None:
    assert without({"id"}, offered(sync.Run)) == offered(detent.Run)
