"""What a kernel is asked, and what it refuses: handles, questions, cancels, and how it is opened and closed.

It is long because everything that a handle can be asked is here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
import trio

from detent import (
    AlreadyAnswered,
    Cancelled,
    Context,
    Fails,
    Limiter,
    Limits,
    Machine,
    NoSuchWait,
    On,
    RunEnded,
    RunExists,
    State,
    Wait,
    World,
    WrongInput,
    handle,
    open_kernel,
)
from detent.kernel import (
    Call,
    Cell,
    Each,
    Final,
    KernelClosed,
    NotServed,
    OwnResult,
    Question,
    Verdict,
    Write,
    seed_of,
)
from detent.kernel.errors import LineFull
from detent.kernel.system import SystemClock
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Break,
    Close,
    Data,
    Leave,
    SlowJournal,
    Steps,
    call,
    counting,
    doing,
    gives,
    opened,
    pause,
    spawning,
    told,
)

COUNTING, AGAIN = counting(), doing(call(Again))
ASK: Wait[Data, bool] = Wait(bool, "Really?", name="ask")
ASKING = doing(ASK, "asking")
BAD: Any = "yes"


# -- starting


@virtually
async def test_a_known_id_is_that_run_if_it_began_with_the_same() -> None:
    async with opened(COUNTING, ASKING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await run.send(Add())

        assert await kernel.start(COUNTING, Data(), id="r") == run
        assert (await run.snapshot()).data.n == 1
        with pytest.raises(RunExists):
            await kernel.start(COUNTING, Data(n=1), id="r")
        with pytest.raises(RunExists):
            await kernel.start(ASKING, Data(), id="r")


@pytest.mark.parametrize("id", ["", "a/b", "/"])
@virtually
async def test_an_id_is_a_name_that_is_none_of_a_child(id: str) -> None:
    async with opened(COUNTING) as kernel:
        with pytest.raises(WrongInput, match="cannot be the id of a run"):
            await kernel.start(COUNTING, Data(), id=id)


@virtually
async def test_only_what_a_kernel_serves_is_started() -> None:
    async with opened(COUNTING) as kernel:
        with pytest.raises(NotServed, match="'doing' is not one of this kernel's: 'counting'"):
            await kernel.start(AGAIN, Data())
        with pytest.raises(NotServed, match="is not the one of this kernel that has its name"):
            await kernel.start(counting(on_bug="fail"), Data())
    async with opened() as kernel:
        with pytest.raises(NotServed, match="none"):
            await kernel.start(COUNTING, Data())


@virtually
async def test_a_run_has_the_seed_it_is_given_or_that_of_its_id() -> None:
    async with opened(COUNTING) as kernel:
        for id, seed in (("a", None), ("b", 7)):
            await kernel.start(COUNTING, Data(), id=id, seed=seed)
            live = await kernel.engine.lives.awake(id)
            assert live.seed == (seed_of(id) if seed is None else seed)


@virtually
async def test_a_run_is_over_at_its_deadline() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), deadline=3.0)
        end = await run.wait_end()

        assert (end.status, trio.current_time()) == ("timed_out", 3)
        with pytest.raises(RunEnded, match="timed_out"):
            await run.wait_result()


@virtually
async def test_a_result_is_what_a_run_comes_to() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data())
        await run.send(Add(5))
        await run.send(Close())

        assert await run.wait_result() == Data(n=5)


# -- sending


@pytest.mark.parametrize("event", [Cancelled("me"), 7, None, Add])
@virtually
async def test_what_is_no_event_is_not_sent(event: Any) -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data())
        with pytest.raises(WrongInput, match="is no event that could be sent"):
            await run.send(event)


@virtually
async def test_a_run_that_is_over_takes_nothing_and_knows_what_it_took() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await run.send(Close(), key="k")
        statuses = [(await run.send(Add(), key=key)).status for key in (None, "k", "l")]

        assert statuses == ["rejected", "duplicate", "rejected"]
        assert await run.cancel() == "completed"
        with pytest.raises(WrongInput, match="is not parked, it is completed"):
            await run.resume()


@virtually
async def test_a_line_that_is_full_takes_no_more() -> None:
    async with opened(COUNTING, journal=SlowJournal(20), limits=Limits(line=2)) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        full: list[int] = []

        async def send(n: int) -> None:
            try:
                await run.send(Add())
            except LineFull:
                full.append(n)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, 0)
            await pause(4)
            for n in range(1, 5):
                nursery.start_soon(send, n)
                await pause(2)

        assert full == [3, 4]
        assert (await run.snapshot()).data.n == 3


# -- questions


@virtually
async def test_a_question_is_answered_once_with_what_it_asks_for() -> None:
    async with opened(ASKING) as kernel:
        run = await kernel.start(ASKING, Data(), id="r")
        (question,) = await run.questions()

        assert question == Question(1, "ask", "Really?")
        assert question.answers is bool
        with pytest.raises(WrongInput, match="question 1"):
            await run.answer(1, BAD)
        nothings: tuple[Any, ...] = (0, 2, -1, True, "1")
        for nothing in nothings:
            with pytest.raises(NoSuchWait, match="has not been asked"):
                await run.answer(nothing, True)
        assert (await run.answer(1, True)).status == "accepted"
        assert await run.questions() == ()
        with pytest.raises(AlreadyAnswered):
            await run.answer(1, True)


@virtually
async def test_of_two_answers_at_once_one_counts() -> None:
    late = 0
    async with opened(ASKING, journal=SlowJournal(20)) as kernel:
        run = await kernel.start(ASKING, Data(), id="r")

        async def answer() -> None:
            nonlocal late
            try:
                await run.answer(1, True)
            except AlreadyAnswered:
                late += 1

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(answer)

    assert late == 2


@virtually
async def test_what_is_no_question_has_no_answer() -> None:
    async with opened(AGAIN, handlers=[handle(Again, gives(after=1))]) as kernel:
        run = await kernel.start(AGAIN, Data(), id="r")

        assert await run.questions() == ()
        with pytest.raises(NoSuchWait, match="is none: it is 'again', a call"):
            await run.answer(1, True)


@virtually
async def test_questions_of_an_each_are_those_that_are_open() -> None:
    inner: Wait[Data, bool] = Wait(bool, name="inner")
    act: Any = Call(Again)

    def orders(data: Data) -> Sequence[Any]:
        return (inner("one?"), act(Again()), inner("two?"))

    each: Any = Each((inner, act), orders, name="each")
    row: On[Data] = On(each.settled, to="b", update=Data.hear)
    machine: Machine[Data, Data, Data] = Machine(
        "many",
        State("a", row, On(Leave, to="b"), do=each),
        Final("b"),
        data=Data,
    )

    async def stays(order: Again) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        return 1

    async with opened(machine, handlers=[handle(Again, stays)]) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        assert [one.question for one in await run.questions()] == ["one?", "two?"]
        await run.answer(1, True)
        assert [one.id for one in await run.questions()] == [3]
        await run.send(Leave())
        assert await run.questions() == ()
        with pytest.raises(AlreadyAnswered):
            await run.answer(3, True)


# -- waiting for oneself


@pytest.mark.parametrize("who", ["r", "r/1"])
@virtually
async def test_a_handler_does_not_wait_for_its_own_run(who: str) -> None:
    kernels: list[Any] = []

    async def wait(order: Again) -> int:
        await kernels[0].run(who).wait_end()
        return 1

    parent = spawning(AGAIN)
    async with opened(parent, handlers=[handle(Again, wait)]) as kernel:
        kernels.append(kernel)
        await (await kernel.start(parent, Data(), id="r")).wait_end()

        event: Any = (await kernel.journal.entries("r/1"))[-1].event
        assert event["$happened"][1]["problem"]["kind"] == OwnResult.__name__


# -- parking


@virtually
async def test_only_a_parked_run_is_resumed() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        with pytest.raises(WrongInput, match="is not parked, it is running"):
            await run.resume()
        await run.send(Break())
        await run.resume()
        assert (await run.snapshot()).status == "parked"
        await run.resume(skip=True)
        assert (await run.send(Add())).status == "accepted"


# -- closing


@virtually
async def test_a_closed_kernel_takes_nothing_and_can_be_read() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        over = await kernel.start(COUNTING, Data(), id="over")
        await over.send(Close())

    for asked in (run.send(Add()), run.cancel(), kernel.start(COUNTING, Data()), run.wait_end()):
        with pytest.raises(KernelClosed):
            await asked
    assert (await run.snapshot()).status == "running"
    assert (await over.wait_end()).status == "completed"


@pytest.mark.parametrize("on_cancel", ["cancel", "suspend"])
@virtually
async def test_a_host_that_is_cancelled_ends_its_runs_or_puts_them_down(on_cancel: Any) -> None:
    journal, steps = SlowJournal(1), Steps()
    with trio.CancelScope() as host:
        async with opened(
            AGAIN,
            COUNTING,
            handlers=[handle(Again, steps)],
            journal=journal,
            on_cancel=on_cancel,
            limits=Limits(grace=0.5),
        ) as kernel:
            await kernel.start(AGAIN, Data(), id="r")
            await kernel.start(COUNTING, Data(), id="s")
            host.cancel()
            await trio.sleep_forever()

    stands = {run: one.status for run, one in await journal.find()}
    expected = ("cancelled",) * 2 if on_cancel == "cancel" else ("running", "waiting")
    assert (stands["r"], stands["s"]) == expected
    assert ("interrupted" in told(await journal.entries("r"))) == (on_cancel == "suspend")


class Bad(SlowJournal):
    """A journal that does not work."""

    def __init__(self, what: str) -> None:
        super().__init__(1)
        self.what = what

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        if self.what == "append":
            raise OSError("the disk is full")
        return await super().append(batch)

    async def cells(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """See Journal."""
        if self.what == "cells":
            raise OSError("the disk is full")
        return await super().cells(names)

    async def find(self, **how: Any) -> Any:
        """See Journal."""
        if self.what == "find":
            raise OSError("the disk is full")
        return await super().find(**how)


@pytest.mark.parametrize("what", ["append", "cells", "find"])
@virtually
async def test_a_journal_that_does_not_work_ends_the_kernel(what: str) -> None:
    limited = doing(call(Again, limit="slow"), "limited")

    async def act() -> None:
        async with opened(
            limited,
            handlers=[handle(Again, gives())],
            journal=Bad(what),
            limiters={"slow": Limiter(1, 1.0)},
        ) as kernel:
            await kernel.start(limited, Data())
            await trio.sleep_forever()

    with pytest.raises((OSError, ExceptionGroup)) as caught:
        await act()

    error: BaseException = caught.value
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert str(error) == "the disk is full"


@virtually
async def test_what_a_block_raises_comes_out_as_it_is() -> None:
    async def act() -> None:
        async with opened(COUNTING):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await act()


def test_a_kernel_runs_in_real_time_where_nobody_says_otherwise() -> None:
    async def act() -> Any:
        async def now(order: Again, context: Context) -> int:
            if context.now() < 1_700_000_000_000_000:
                raise Fails("a strange time")
            return 1

        async with open_kernel(World(AGAIN, handlers=[handle(Again, now)])) as kernel:
            return await (await kernel.start(AGAIN, Data())).wait_result()

    clock = SystemClock()

    assert trio.run(act).heard == ("Returned",)
    with clock.hold():
        assert clock.now() > 1_700_000_000_000_000
