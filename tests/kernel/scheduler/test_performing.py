"""Performing one effect: what its handler is told, and what comes of whatever it does, as an outcome.

It is long because there is so much that a handler can do.
"""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from detent import (
    Context,
    Fails,
    Limits,
    Machine,
    NoSuchRun,
    Unstorable,
    World,
    handle,
    open_kernel,
)
from detent.kernel import Fan, Run, Send
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Asked,
    Close,
    Data,
    Leave,
    Once,
    Refused,
    SlowJournal,
    call,
    counting,
    doing,
    gives,
    opened,
    told,
)

GRACE = Limits(grace=0.5)
COUNTING = counting()
AGAIN, ONCE, ASKED = doing(call(Again)), doing(call(Once)), doing(call(Asked))
TIMED = {Again: doing(call(Again, timeout=2.0)), Once: doing(call(Once, timeout=2.0))}


async def outcome(machine: Machine[Data, Data, Data], by: Any, **more: Any) -> Any:
    """What comes of an effect, as it is stored."""
    (way,) = {Again, Once, Asked} & {more.get("effect", Again)}
    journal = SlowJournal(1)
    handlers = [handle(way, by, query=more.get("query"))]
    async with opened(machine, handlers=handlers, journal=journal, limits=GRACE) as kernel:
        await (await kernel.start(machine, Data(), id="r")).wait_end()
    event: Any = (await journal.entries("r"))[-1].event
    assert event["$happened"][0] == 1
    return {name: value for name, value in event["$happened"][1].items() if name != "at"}


def raising(error: BaseException) -> Callable[[Any], Any]:
    """A handler that raises."""

    async def raise_it(order: Any) -> int:
        raise error

    return raise_it


class Speechless(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


BAD: Any = object()
RAISED: dict[str, tuple[BaseException, Any]] = {
    "a failure": (Fails("no"), ["Fails", "no", []]),
    "with fields": (
        Fails("no", of=[1, {"a": 2}], also=None),
        ["Fails", "no", [["also", None], ["of", [1, {"a": 2}]]]],
    ),
    "an exception": (KeyError("x"), ["KeyError", "'x'", []]),
    "one in groups": (
        ExceptionGroup("g", [ExceptionGroup("h", [ValueError("in")])]),
        ["ValueError", "in", []],
    ),
    "several": (
        ExceptionGroup("g", [ValueError("a"), ValueError("b")]),
        ["ExceptionGroup", "g (2 sub-exceptions)", []],
    ),
    "half a letter": (OSError("a\ud800b"), ["OSError", "a\\ud800b", []]),
    "no words": (Speechless(), ["Speechless", "what it says cannot be said", []]),
}


@pytest.mark.parametrize("how", RAISED)
@virtually
async def test_what_a_handler_raises_is_a_problem(how: str) -> None:
    error, (kind, message, fields) = RAISED[how]

    came = await outcome(AGAIN, raising(error))

    assert came["$"] == "Failed"
    problem = came["problem"]
    assert (problem["kind"], problem["message"], problem.get("fields", [])) == (
        kind,
        message,
        fields,
    )


@virtually
async def test_a_field_that_cannot_be_stored_is_told_in_words() -> None:
    came = await outcome(AGAIN, raising(Fails("no", what=BAD)))

    ((name, why),) = came["problem"]["fields"]
    assert name == "what"
    assert "is no JSON" in why


@virtually
async def test_a_declared_failure_is_an_outcome_of_its_own() -> None:
    assert await outcome(AGAIN, raising(Fails(Refused("full")))) == {
        "$": "Refused",
        "why": "full",
    }


@virtually
async def test_a_declared_failure_that_cannot_be_stored_is_a_failure_all_the_same() -> None:
    came = await outcome(ONCE, raising(Fails(Refused(BAD))), effect=Once)

    assert (came["$"], came["problem"]["kind"]) == ("Failed", "Unstorable")


@virtually
async def test_a_failure_that_nobody_declared_is_none_of_its_own() -> None:
    came = await outcome(ASKED, raising(Fails(Refused())), effect=Asked, query=never)

    assert came["problem"]["message"] == "Asked does not declare that it fails as Refused"


async def never(order: Any, context: Context) -> int:
    """A query that nobody asks."""
    raise AssertionError("asked")


@virtually
async def test_of_what_must_not_be_repeated_nobody_knows_unless_it_is_said() -> None:
    unsure = [raising(KeyError("x")), gives(BAD)]

    assert [await outcome(ONCE, by, effect=Once) for by in unsure] == [
        {"$": "InDoubt", "why": "raised"}
    ] * 2
    assert (await outcome(ONCE, raising(Fails("no")), effect=Once))["$"] == "Failed"


@virtually
async def test_what_comes_back_and_cannot_be_stored_is_refused_there() -> None:
    came = await outcome(AGAIN, gives(BAD))

    assert (came["$"], came["problem"]["kind"]) == ("Failed", "Unstorable")


@pytest.mark.parametrize(
    ("effect", "expected"), [(Again, {"$": "TimedOut"}), (Once, {"$": "InDoubt", "why": "timeout"})]
)
@pytest.mark.parametrize("stays", [False, True])
@virtually
async def test_what_does_not_come_in_time_is_cut(effect: Any, expected: Any, stays: bool) -> None:
    async def late(order: Any) -> int:
        with trio.CancelScope(shield=stays):
            await trio.sleep(10)
        return 1

    assert await outcome(TIMED[effect], late, effect=effect) == expected

    assert trio.current_time() == (10 if stays else 2)


@pytest.mark.parametrize(
    ("effect", "kind"), [(Again, ("Failed", "ValueError")), (Once, ("InDoubt", ""))]
)
@virtually
async def test_what_a_handler_raises_because_it_is_cut_is_what_came_of_it(
    effect: Any, kind: Any
) -> None:
    async def breaks() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("cut")

    async def late(order: Any) -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks)
            nursery.start_soon(trio.sleep_forever)
        return 1

    came = await outcome(TIMED[effect], late, effect=effect)

    assert (came["$"], came.get("problem", {"kind": ""})["kind"]) == kind


@virtually
async def test_what_comes_after_its_time_and_within_the_grace_has_come() -> None:
    async def late(order: Any) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(2.3)
        return 1

    assert await outcome(TIMED[Again], late) == {"$": "Returned", "value": 1}


@virtually
async def test_a_handler_is_told_where_it_is() -> None:
    seen: list[Any] = []

    async def look(order: Again, context: Context) -> int:
        receipt = await context.send(Add(3))
        due = context.deadline
        seen.append((context.run, context.effect, context.key, context.attempt, receipt.status))
        seen.append((due, context.now(), context.stopping))
        return 1

    machine = TIMED[Again]
    async with opened(machine, handlers=[handle(Again, look)]) as kernel:
        run = await kernel.start(machine, Data(), id="r")
        assert (await run.wait_result()).n == 3

    where, when = seen
    assert where == ("r", 1, "r/1", 1, "accepted")
    assert when[0] - when[1] == 2_000_000
    assert when[2] is False


@virtually
async def test_notes_are_entries_and_refused_where_they_cannot_be_stored() -> None:
    journal = SlowJournal(1)

    async def note(order: Again, context: Context) -> int:
        context.note([1, {"half": True}])
        context.note("words")
        with pytest.raises(Unstorable):
            context.note(BAD)
        await trio.sleep(1)
        return 1

    async with opened(AGAIN, handlers=[handle(Again, note)], journal=journal) as kernel:
        await (await kernel.start(AGAIN, Data(), id="r")).wait_end()

    notes: list[Any] = [one.event for one in await journal.entries("r")]
    assert [one["$noted"] for one in notes if "$noted" in one] == [
        [1, [1, {"half": True}]],
        [1, "words"],
    ]


@virtually
async def test_of_what_was_given_up_nothing_is_heard() -> None:
    contexts: list[Context] = []
    cleaned: list[float] = []

    async def stays(order: Again, context: Context) -> int:
        contexts.append(context)
        with trio.CancelScope(shield=True):
            await trio.sleep(5)
        context.note("late")
        context.emit("late")
        with context.cleanup():
            await trio.sleep(5)
            cleaned.append(trio.current_time())
        return 1

    journal = SlowJournal(1)
    async with opened(
        AGAIN, handlers=[handle(Again, stays)], limits=GRACE, journal=journal
    ) as kernel:
        run: Run[Data, Data] = await kernel.start(AGAIN, Data(), id="r")
        await trio.sleep(1)
        await run.send(Leave())
        (underway,) = (await kernel.engine.lives.awake("r")).flying.values()
        underway.stop()  # it has been told
        await run.send(Close())
        end = await run.wait_end()
        assert trio.current_time() == 1.5

    assert end.abandoned == ("r/1",)
    assert contexts[0].stopping
    assert cleaned == []
    assert "noted" not in told(await journal.entries("r"))


# -- threads


@virtually
async def test_a_blocking_handler_gets_a_thread() -> None:
    threads: list[Any] = []

    def block(order: Again, context: Context) -> int:
        threads.append(threading.current_thread())
        context.note("from a thread")
        return order.n + 1

    journal = SlowJournal(1)
    async with opened(AGAIN, handlers=[handle(Again, block)], journal=journal) as kernel:
        run = await kernel.start(AGAIN, Data(n=6), id="r")
        await run.wait_end()

    assert threads[0] is not threading.current_thread()
    assert told(await journal.entries("r")) == ["began", "noted", "Returned"]


@virtually
async def test_a_blocking_handler_may_raise() -> None:
    def block(order: Again) -> int:
        raise Fails("no")

    assert (await outcome(AGAIN, block))["problem"]["kind"] == "Fails"


@pytest.mark.parametrize("how", ["timeout", "left"])
def test_a_thread_that_does_not_end_is_given_up_and_keeps_its_place(how: str) -> None:
    go, began = threading.Event(), threading.Event()
    form = call(Again, timeout=0.01) if how == "timeout" else call(Again)
    machine = doing(form)

    def block(order: Again) -> int:
        began.set()
        go.wait()
        return 1

    async def act() -> tuple[Any, list[str]]:
        """In real time: a clock that is held while threads are at work never comes to a time-out."""
        world = World(
            machine, handlers=[handle(Again, block)], limits=Limits(grace=0.01, threads=1)
        )
        async with open_kernel(world) as kernel:
            first = await kernel.start(machine, Data(), id="first")
            await trio.to_thread.run_sync(began.wait)
            if how == "left":
                await first.send(Leave())
                await first.send(Close())
            end = await first.wait_end()
            second = await kernel.start(machine, Data(), id="second")
            (flight,) = (await second.snapshot()).effects
            assert not isinstance(flight, Fan)
            go.set()
            await second.wait_end()
            seen = told(await kernel.journal.entries("second"))
            return end, [flight.life.held, *seen[:3]]

    end, second = trio.run(act)

    assert end.abandoned == ("first/1",)
    assert second == ["capacity:threads", "began", "held", "admitted"]


def test_a_thread_may_outlive_everything() -> None:
    go, began, gone = threading.Event(), threading.Event(), threading.Event()

    def block(order: Again) -> int:
        began.set()
        try:
            go.wait()
        finally:
            gone.set()
        return 1

    async def act() -> Any:
        world = World(AGAIN, handlers=[handle(Again, block)], limits=Limits(grace=0.0))
        async with open_kernel(world) as kernel:
            run = await kernel.start(AGAIN, Data(), id="r")
            await trio.to_thread.run_sync(began.wait)
            await run.cancel()
            return await run.wait_end()

    end = trio.run(act)
    go.set()

    assert (end.status, end.abandoned) == ("cancelled", ("r/1",))
    assert gone.wait(60)


# -- letters


def letter(run: str) -> Machine[Data, Data, Data]:
    """A run that writes to another."""
    form: Any = Send(run, Add(4), name="write")
    return doing(form, "writer")


@virtually
async def test_a_letter_comes_back_as_a_receipt_and_is_taken_once() -> None:
    machine, journal = letter("reader"), SlowJournal(1)
    async with opened(machine, COUNTING, journal=journal) as kernel:
        reader = await kernel.start(COUNTING, Data(), id="reader")
        await (await kernel.start(machine, Data(), id="r")).wait_end()

        assert (await reader.snapshot()).data.n == 4
        assert (await reader.send(Add(4), key="r/1")).status == "duplicate"
        event: Any = (await journal.entries("r"))[-1].event
        assert event["$happened"][1]["value"]["status"] == "accepted"


@virtually
async def test_a_letter_to_nobody_fails() -> None:
    machine, journal = letter("nobody"), SlowJournal(1)
    async with opened(machine, journal=journal) as kernel:
        await (await kernel.start(machine, Data(), id="r")).wait_end()
        with pytest.raises(NoSuchRun):
            await kernel.run("nobody").snapshot()

    event: Any = (await journal.entries("r"))[-1].event
    assert event["$happened"][1]["problem"]["message"] == "there is no run 'nobody'"
