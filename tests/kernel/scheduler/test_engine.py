"""Driving runs: what goes into a line comes to an answer, whoever else writes, and whatever cannot be stored.

It is long because whoever else writes can do so in many ways.
"""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from attrs import frozen

from detent import (
    Event,
    Final,
    Limits,
    Machine,
    On,
    RunLost,
    State,
    Unstorable,
    handle,
)
from detent.kernel import (
    Conflict,
    Delivery,
    KernelBug,
    NotServed,
    Receipt,
    Spawn,
    Verdict,
    Write,
    WrongInput,
)
from detent.kernel.scheduler import Item, Reply
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Leave,
    Once,
    SlowJournal,
    Steps,
    call,
    counting,
    doing,
    fan,
    gives,
    opened,
    pause,
    spawning,
    told,
)

COUNTING, AGAIN, ONCE, FAN = counting(), doing(call(Again)), doing(call(Once)), fan()
CHILD = spawning(AGAIN)
BAD: Any = object()


@frozen
class Twisted(Event):
    """What an update makes something of that cannot be stored."""


def twist(data: Data, event: Event) -> Data:
    """Data that cannot be stored."""
    return Data(n=BAD)


def twisted(data: Data) -> Data:
    """A result that cannot be stored."""
    return Data(n=BAD)


def begun_badly(data: Data) -> Data:
    """A beginning that cannot be stored."""
    return Data(n=BAD)


TWISTING: Machine[Data, Data, Data] = Machine(
    "twisting",
    State("a", On(Twisted, update=twist), On(Add, update=Data.add), On(Close, to="b")),
    Final("b"),
    data=Data,
)


# -- what cannot be stored


@virtually
async def test_what_cannot_be_stored_is_a_bug_of_the_machine() -> None:
    journal = SlowJournal(5)
    async with opened(TWISTING, journal=journal) as kernel:
        run = await kernel.start(TWISTING, Data(), id="r")
        receipts: list[str] = []

        async def send(event: Event) -> None:
            receipts.append((await run.send(event)).status)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, Add())
            await pause(2)
            for event in (Add(), Twisted(), Add()):
                nursery.start_soon(send, event)
                await pause()

        assert sorted(receipts) == ["accepted", "accepted", "stored", "stored"]
        snapshot = await run.snapshot()
        assert (snapshot.status, snapshot.data.n) == ("parked", 2)
        await run.resume(skip=True)
        assert (await run.snapshot()).data.n == 3
        await run.send(Close())


@virtually
async def test_what_cannot_be_stored_is_refused_to_whoever_says_it() -> None:
    async with opened(COUNTING, AGAIN, handlers=[handle(Again, gives())]) as kernel:
        with pytest.raises(WrongInput, match="machine 'counting': n: "):
            await kernel.start(COUNTING, Data(n=BAD))
        run = await kernel.start(COUNTING, Data())
        with pytest.raises(WrongInput, match="n: "):
            await run.send(Add(BAD))
        assert (await run.send(Twisted())).status == "rejected"
        assert (await run.send(Add())).status == "accepted"


@virtually
async def test_what_no_entry_can_say_is_refused() -> None:
    async with opened(COUNTING, journal=SlowJournal(1)) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        live = await kernel.engine.lives.awake("r")
        reply: Reply[Receipt] = Reply()
        kernel.engine.put(live, Item(Add(BAD), reply=reply))
        with pytest.raises(Unstorable):
            await reply.wait()

        assert (await run.send(Add())).status == "accepted"


@virtually
async def test_what_no_entry_can_say_and_nobody_hears_of_ends_the_kernel() -> None:
    async def act() -> None:
        async with opened(COUNTING, journal=SlowJournal(1)) as kernel:
            await kernel.start(COUNTING, Data(), id="r")
            kernel.engine.put(await kernel.engine.lives.awake("r"), Item(Add(BAD)))
            await trio.sleep_forever()

    with pytest.raises(KernelBug, match="what happened cannot be stored"):
        await act()


@virtually
async def test_a_run_that_cannot_begin_is_not_there() -> None:
    machine: Machine[Data, Data, Data] = Machine("bad", Final("a"), data=Data, begin=begun_badly)
    async with opened(machine, journal=SlowJournal(1)) as kernel:
        with pytest.raises(Unstorable):
            await kernel.start(machine, Data(), id="r")

        assert await kernel.journal.find() == ()


@pytest.mark.parametrize("what", ["begin", "result"])
@virtually
async def test_a_child_that_cannot_be_stored_is_a_bug_where_it_shows(what: str) -> None:
    wrong: Any = {"begin": begun_badly} if what == "begin" else {"result": twisted}
    child: Machine[Data, Data, Data] = Machine(
        "child", State("a", On(Close, to="b")), Final("b"), data=Data, **wrong
    )
    form: Spawn[Data, Data] = Spawn(child, Data.same, name="child")
    row: On[Data] = On(form.ended, to="done", update=Data.hear)
    parent: Machine[Data, Data, Data] = Machine(
        "parent",
        State("idle", On(Leave, to="doing")),
        State("doing", row, do=form),
        Final("done"),
        data=Data,
    )
    async with opened(parent, journal=SlowJournal(1)) as kernel:
        run = await kernel.start(parent, Data(), id="r")
        receipt = await run.send(Leave())
        broken = run
        if what == "result":
            broken = kernel.run("r/1")
            receipt = await broken.send(Close())

        assert receipt.status == "stored"
        assert (await broken.snapshot()).status == "parked"
        await run.cancel()


# -- who else writes


@virtually
async def test_a_run_that_somebody_else_owns_is_lost() -> None:
    journal, steps = SlowJournal(5), Steps()
    async with opened(AGAIN, handlers=[handle(Again, steps)], journal=journal) as kernel:
        run = await kernel.start(AGAIN, Data(), id="r")
        await journal.claim(["r"])
        with pytest.raises(RunLost):
            await run.send(Add())

        assert told(await journal.entries("r")) == ["began"]
        assert (await run.send(Add())).status == "accepted"  # it is taken back
        await run.cancel()


@virtually
async def test_a_run_that_goes_on_elsewhere_is_read_again() -> None:
    journal = SlowJournal(5)
    async with opened(COUNTING, journal=journal) as here:
        run = await here.start(COUNTING, Data(), id="r")
        live = await here.engine.lives.awake("r")
        async with opened(COUNTING, journal=journal) as there:
            await there.run("r").send(Add(3))
        loaded = await journal.load("r")
        assert loaded is not None
        live.epoch = loaded.epoch

        assert (await run.send(Add())).status == "accepted"
        assert (await run.snapshot()).data.n == 4


@virtually
async def test_a_key_that_was_taken_elsewhere_in_the_meantime_is_a_duplicate() -> None:
    class Late(SlowJournal):
        """Something is delivered after it was looked for."""

        async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
            if any(one.key == "k" for write in batch for one in write.entries):
                await self.deliver([Delivery("r", "k", {"$": "Add", "n": 10})])
            return await super().append(batch)

    journal = Late(1)
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")

        assert (await run.send(Add(), key="k")).status == "duplicate"
        assert (await run.snapshot()).data.n == 0


@virtually
async def test_a_delivery_that_is_gone_is_not_taken_again() -> None:
    class Gone(SlowJournal):
        """A write is told to have failed, and did not."""

        async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
            verdicts = await super().append(batch)
            if any(write.takes and not write.entries for write in batch) and not self.has_told:
                self.has_told = True
                return tuple(Conflict("inbox") for _ in batch)
            return verdicts

        has_told = False

    journal = Gone(1)
    async with opened(AGAIN, handlers=[handle(Again, Steps())], journal=journal) as kernel:
        run = await kernel.start(AGAIN, Data(), id="r")
        await journal.deliver([Delivery("r", "k", {"$": "Close"})])
        kernel.engine.tell("r", Item(takes=-1))
        await trio.sleep(1)

        assert journal.has_told
        assert (await run.send(Add())).status == "accepted"
        await run.cancel()
    assert await journal.inbox("r") == ()


@virtually
async def test_a_delivery_that_comes_to_nothing_is_taken() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await kernel.journal.deliver([Delivery("r", "k", {"$": "Add", "n": 4})])
        kernel.engine.tell("r", Item(takes=-1))
        kernel.engine.tell("r", Item(takes=-1))

        assert (await run.send(Add())).status == "accepted"
        assert (await run.snapshot()).data.n == 5
        assert await kernel.journal.inbox("r") == ()


# -- telling


@virtually
async def test_what_is_told_to_nobody_is_answered() -> None:
    async with opened(COUNTING) as kernel:
        over = await kernel.start(COUNTING, Data(), id="over")
        await over.send(Close())
        for run, answer in (("nobody", None), ("over", "rejected")):
            reply: Reply[Receipt] = Reply()
            kernel.engine.tell(run, Item(Add(), reply=reply))
            kernel.engine.tell(run, Item())
            if answer is None:
                with pytest.raises(Exception, match="there is no run"):
                    await reply.wait()
            else:
                assert (await reply.wait()).status == answer


@virtually
async def test_a_run_that_is_gone_is_looked_for_again() -> None:
    async with opened(COUNTING, limits=Limits(awake=1)) as kernel:
        first = await kernel.start(COUNTING, Data(), id="first")
        live = await kernel.engine.lives.awake("first")
        await kernel.start(COUNTING, Data(), id="second")
        assert live.is_gone
        reply: Reply[Receipt] = Reply()
        kernel.engine.put(live, Item(Add(), reply=reply))

        assert (await reply.wait()).status == "accepted"
        assert (await first.snapshot()).data.n == 1


@virtually
async def test_a_parent_that_is_not_served_here_is_left_alone() -> None:
    journal = SlowJournal(1)
    async with opened(CHILD, handlers=[handle(Again, gives(after=5))], journal=journal) as kernel:
        run = await kernel.start(CHILD, Data(), id="r")
        async with opened(AGAIN, handlers=[handle(Again, gives())], journal=journal) as other:
            with pytest.raises(NotServed):
                await other.run("r").snapshot()
            await other.run("r/1").wait_end()
        assert [sent.key for sent in await journal.inbox("r")] == ["r/1"]
        kernel.engine.tell("r", Item(takes=-1))
        await run.wait_end()
