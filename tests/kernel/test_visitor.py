"""Runs from outside: who does not drive them sends to them all the same, and what he sends is taken once.

The file is long because everything that can be sent is sent to runs in every state of being driven.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

import pytest
import trio
import trio.testing
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    AlreadyAnswered,
    Final,
    Kernel,
    Limits,
    Machine,
    NoSuchRun,
    NoSuchWait,
    NotServed,
    On,
    State,
    Wait,
    WrongInput,
    handle,
    visit,
)
from detent.kernel import (
    Cancelled,
    Delivery,
    Event,
    Loaded,
    RunChanged,
    StoreFailed,
    Unconfirmed,
    Verdict,
    Visitor,
    verify_log,
)
from detent.tools.testing.virtual import run_virtually, virtually
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
    clock_here,
    counting,
    doing,
    gives,
    opened,
    pause,
    spawning,
    told,
)
from tests.settings import times

COUNTING, AGAIN = counting(), doing(call(Again))
ASK: Wait[Data, bool] = Wait(bool, "Really?", name="ask")
ASKING = doing(ASK, "asking")
PARENT = spawning(COUNTING)


class Foreign(Event):
    """What no machine here knows."""


class Stop(Exception):
    """The kernel is put down where it is."""


def visitor(journal: Any, *machines: Any) -> Visitor:
    """Somebody from outside, in this test's time."""
    return visit(journal, *machines, clock=clock_here(), chance=Random(1))


async def left(journal: SlowJournal, machine: Machine[Data, Data, Data], *runs: str) -> None:
    """Runs begin, and nobody drives them any more."""
    async with opened(machine, journal=journal, handlers=[handle(Again, gives())]) as kernel:
        for run in runs:
            await kernel.start(machine, Data(), id=run)


# -- what is sent is taken


@virtually
async def test_what_is_sent_from_outside_is_taken_by_who_drives_the_run() -> None:
    journal = SlowJournal(2)
    async with opened(COUNTING, journal=journal) as kernel:
        await kernel.start(COUNTING, Data(), id="r")
        outside = visitor(journal, COUNTING).run("r")

        assert (await outside.send(Add(4), key="k")).status == "stored"
        await trio.testing.wait_all_tasks_blocked()
        assert (await outside.send(Add(4), key="k")).status == "duplicate"
        assert (await kernel.run("r").send(Add(4), key="k")).status == "duplicate"
        assert (await outside.snapshot()).data.n == 4
        assert await outside.status() == await kernel.run("r").status()
        assert await visitor(journal, COUNTING).runs() == await kernel.runs()


@virtually
async def test_what_is_sent_when_nobody_drives_the_run_waits_for_who_does() -> None:
    journal = SlowJournal(1)
    await left(journal, COUNTING, "r", "s")
    outside = visitor(journal, COUNTING).run("r")
    assert (await outside.send(Add(4), key="k")).status == "stored"
    assert (await outside.send(Add(4), key="k")).status == "duplicate"
    assert (await outside.send(Add(2))).status == "stored"
    assert (await outside.snapshot()).data.n == 0

    async with opened(COUNTING, journal=journal) as kernel:
        await trio.testing.wait_all_tasks_blocked()
        assert [live.id for live in kernel.engine.lives] == ["r"]
        assert (await kernel.run("r").snapshot()).data.n == 6
        assert await journal.inbox("r") == ()


@virtually
async def test_a_question_is_answered_from_outside_once() -> None:
    journal = SlowJournal(1)
    await left(journal, ASKING, "r")
    outside = visitor(journal, ASKING).run("r")
    (question,) = await outside.questions()
    with pytest.raises(WrongInput):
        await outside.answer(question.id, "yes")
    with pytest.raises(NoSuchWait):
        await outside.answer(99, True)
    assert (await outside.answer(question.id, True)).status == "stored"
    with pytest.raises(AlreadyAnswered, match="has an answer that waits"):
        await outside.answer(question.id, False)

    async with opened(ASKING, journal=journal) as kernel:
        assert (await kernel.run("r").wait_end()).value.heard == ("Returned",)
    with pytest.raises(AlreadyAnswered):
        await outside.answer(question.id, True)
    assert (await outside.send(Leave())).status == "rejected"


@virtually
async def test_a_cancel_goes_before_what_was_sent_before_it() -> None:
    journal = SlowJournal(1)
    await left(journal, COUNTING, "r")
    outside = visitor(journal, COUNTING).run("r")
    for n in range(3):
        await outside.send(Add(n + 1))
    assert (await outside.cancel("enough")).status == "stored"

    async with opened(COUNTING, journal=journal) as kernel:
        end = await kernel.run("r").wait_end()

    assert (end.status, told(await journal.entries("r"))) == ("cancelled", ["began", "halted"])
    assert (await outside.cancel()).status == "rejected"


@virtually
async def test_a_cancel_from_outside_goes_before_what_is_in_line() -> None:
    journal = SlowJournal(20)
    async with opened(COUNTING, journal=journal, limits=Limits(steps=1)) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        async with trio.open_nursery() as nursery:
            for _ in range(15):
                nursery.start_soon(run.send, Add())
            await pause(10)
            await visitor(journal, COUNTING).run("r").cancel()
        end = await run.wait_end()

    assert end.status == "cancelled"
    assert told(await journal.entries("r")).count("Add") < 10


@virtually
async def test_a_parked_run_is_resumed_from_outside() -> None:
    journal = SlowJournal(1)
    async with opened(COUNTING, journal=journal) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        outside = visitor(journal, COUNTING).run("r")
        with pytest.raises(WrongInput, match="is not parked, it is running"):
            await outside.resume()
        await outside.send(Break())
        await outside.send(Add(3))
        await trio.testing.wait_all_tasks_blocked()
        assert (await run.snapshot()).status == "parked"
        assert (await outside.status()).status == "parked"

        assert (await outside.resume(skip=True)).status == "stored"
        await trio.testing.wait_all_tasks_blocked()
        assert (await run.snapshot()).status == "running"
        assert (await run.snapshot()).data.n == 3


@virtually
async def test_a_run_is_read_from_outside_and_stays_with_who_drives_it() -> None:
    journal = SlowJournal(1)
    async with opened(COUNTING, PARENT, journal=journal) as kernel:
        run = await kernel.start(PARENT, Data(), id="p")
        outside = visitor(journal, PARENT).run("p")
        assert await outside.log() == await run.log()
        assert await outside.frame() == await run.frame()
        assert await outside.snapshot() == await run.snapshot()
        assert await outside.questions() == ()
        assert len(list(verify_log(await outside.log()))) == 2
        await visitor(journal, PARENT).run("p/1").send(Close())
        assert (await run.wait_end()).status == "completed"

    with pytest.raises(NoSuchRun):
        await visitor(journal, PARENT).run("q").log()


@virtually
async def test_what_is_sent_to_a_run_that_has_changed_waits_for_its_machine() -> None:
    journal = SlowJournal(1)
    await left(journal, ASKING, "r", "s", "over")
    await visitor(journal, ASKING).run("over").cancel()
    async with opened(ASKING, journal=journal):
        pass
    changed: Machine[Data, Data, Data] = Machine(
        "asking",
        State("doing", On(ASK.returned, to="new"), On(Add, update=Data.add), do=ASK),
        Final("new"),
        data=Data,
    )
    outside = visitor(journal, changed)
    assert [one.status for one in await outside.runs()] == ["cancelled", "changed", "changed"]
    with pytest.raises(RunChanged):
        await outside.run("r").snapshot()
    assert (await outside.run("r").frame())["in"] == ["doing"]
    assert (await outside.run("r").send(Add(3))).status == "stored"
    assert (await outside.run("r").answer(1, True)).status == "stored"
    with pytest.raises(AlreadyAnswered):
        await outside.run("r").answer(1, True)
    assert (await outside.run("s").cancel()).status == "stored"
    assert (await outside.run("over").cancel()).status == "rejected"

    async with opened(ASKING, journal=journal) as kernel:
        end = await kernel.run("r").wait_end()
        assert (end.value.n, end.value.heard) == (3, ("Returned",))
        assert (await kernel.run("s").wait_end()).status == "cancelled"


# -- what is refused


@virtually
async def test_what_cannot_be_meant_is_refused_at_once() -> None:
    journal = SlowJournal(1)
    await left(journal, COUNTING, "r")
    await left(journal, AGAIN, "a")
    outside = visitor(journal, COUNTING)
    reply = await outside.run("r").send(Foreign())
    assert (reply.status, reply.accepts) == ("rejected", ("Add", "Break", "Close"))
    with pytest.raises(WrongInput):
        await outside.run("r").send(Cancelled())
    wrong: Any = "four"
    with pytest.raises(WrongInput):
        await outside.run("r").send(Add(wrong))
    with pytest.raises(NoSuchRun):
        await outside.run("nobody").send(Add())
    with pytest.raises(NotServed, match="not served here"):
        await outside.run("a").send(Add())
    with pytest.raises(NotServed, match="as it was"):
        await visitor(journal, counting("doing")).run("a").snapshot()
    assert await journal.find(mail=True) == ()


class Forgetful(SlowJournal):
    """A journal that answers deliveries as it was told."""

    answer: Verdict | None = None

    async def deliver(self, deliveries: Sequence[Delivery]) -> tuple[Verdict, ...]:
        """See Journal."""
        if self.answer is None:
            gone = [evolve(one, run="gone") for one in deliveries]
            return await super().deliver(gone)
        return (self.answer,)


@virtually
async def test_who_sends_is_told_if_the_store_fails_or_forgets() -> None:
    journal = Forgetful(1)
    await left(journal, COUNTING, "r")
    outside = visitor(journal, COUNTING).run("r")
    with pytest.raises(NoSuchRun, match="any more"):
        await outside.send(Add())
    journal.answer = Unconfirmed("the disk is full")
    with pytest.raises(StoreFailed, match=r"the disk is full.*send it again with that key"):
        await outside.send(Add(), key="k")


# -- what nothing comes of is taken all the same


@virtually
async def test_what_is_rejected_in_its_turn_is_taken_out_and_frees_its_key() -> None:
    journal = SlowJournal(1)
    await left(journal, AGAIN, "x")
    machine: Machine[Data, Data, Data] = Machine(
        "gate",
        State("shut", On(Leave, to="open")),
        State("open", On(Add, update=Data.add), On(Close, to="closed")),
        Final("closed"),
        data=Data,
    )
    await left(journal, machine, "r")
    outside = visitor(journal, machine).run("r")
    assert (await outside.send(Add(4), key="k")).status == "stored"
    async with opened(machine, journal=journal) as kernel:
        await trio.testing.wait_all_tasks_blocked()
        assert await journal.inbox("r") == ()
        assert told(await journal.entries("r")) == ["began"]
        assert await journal.taken("r", "k") is None
        await kernel.run("r").send(Leave())
        assert (await outside.send(Add(4), key="k")).status == "stored"
        await trio.testing.wait_all_tasks_blocked()
        assert (await kernel.run("r").snapshot()).data.n == 4


@pytest.mark.parametrize(("steps", "notes"), [(1, 1), (9, 0)])
@virtually
async def test_an_answer_that_comes_too_late_changes_nothing(steps: int, notes: int) -> None:
    journal, limits = SlowJournal(1), Limits(steps=steps)
    await left(journal, ASKING, "r")
    outside = visitor(journal, ASKING).run("r")
    (question,) = await outside.questions()
    await outside.send(Leave())
    await outside.answer(question.id, True)

    async with opened(ASKING, journal=journal, limits=limits) as kernel:
        await trio.testing.wait_all_tasks_blocked()
        assert (await kernel.run("r").snapshot()).configuration == ("left",)
        await outside.send(Add())
        await outside.send(Close())
        assert (await kernel.run("r").wait_end()).status == "completed"

    assert await journal.inbox("r") == ()
    assert told(await journal.entries("r")).count("undelivered") == notes


trees: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = (
    *("$abandoned", "$admitted", "$attempt_failed", "$broke", "$halted", "$held", "$parked"),
    *("$queued", "$resumed", "$happened", "$fired", "$began", "$noted", "$"),
)
crafted = st.sampled_from(
    [
        {"$": "Add"},
        {"$": "Add", "n": "one"},
        {"$": "Cancelled", "reason": ""},
        {"$fired": 1},
        {"$happened": [1, {"$": "Returned", "value": 7}]},
        {"$happened": [1, {"$": "Stopped", "why": "exit"}]},
        {"$happened": [2, {"$": "Ended"}]},
        {"$held": [[1], "no", 0]},
        {"$admitted": [1, 1]},
        {"$abandoned": 1},
        {"$resumed": {"skip": True}},
        {"$queued": {"$": "Add", "n": 1}},
    ]
)
unreadable = trees | crafted | st.tuples(st.sampled_from(NAMES), trees).map(lambda one: dict([one]))


@settings(max_examples=times(60))
@given(st.lists(unreadable, min_size=1, max_size=5), st.booleans())
def test_whatever_lies_in_the_inbox_the_run_stays_healthy(given: list[Any], here: bool) -> None:
    async def act() -> None:
        journal, steps = SlowJournal(1), Steps()
        halting = [one for one in given if isinstance(one, dict) and "$halted" in one]
        mail = [Delivery("r", f"k{n}", one) for n, one in enumerate(given) if one not in halting]
        async with opened(AGAIN, handlers=[handle(Again, steps)], journal=journal) as kernel:
            run = await kernel.start(AGAIN, Data(), id="r")
            await journal.deliver(mail)
            await trio.testing.wait_all_tasks_blocked()
            assert await journal.inbox("r") == ()
            assert (await run.snapshot()).status == "running"
            assert (await run.send(Add(100))).status == "accepted"
            steps.go.set()
            end = await run.wait_end()
        assert (end.status, end.value.heard) == ("completed", ("Returned",))
        assert steps.began == [Again(0)]

    run_virtually(act)


# -- everything together


class Busy(SlowJournal):
    """A journal that lets others go between any two things."""

    async def load(self, run: str) -> Loaded | None:
        """See Journal."""
        await pause(3)
        return await super().load(run)


sendings = st.lists(
    st.tuples(
        st.sampled_from(("outside", "inside", "open", "close", "pause")),
        st.sampled_from("ab"),
        st.sampled_from(("k1", "k2", "k3", None)),
    ),
    max_size=25,
)


@settings(max_examples=times(40), deadline=None)
@given(sendings, st.integers(0, 4), st.integers(1, 5), st.integers(0, 2))
def test_whoever_sends_and_whoever_drives_everything_is_taken_once(
    acts: list[tuple[str, str, str | None]], turns: int, most: int, awake: int
) -> None:
    async def act() -> tuple[dict[str, int], dict[str, int]]:
        journal = Busy(turns)
        await left(journal, COUNTING, "a", "b")
        outside = visitor(journal, COUNTING)
        sent: dict[str, set[str]] = {"a": set(), "b": set()}
        limits = Limits(steps=most, awake=awake)

        async def send(to: Any, run: str, key: str) -> None:
            receipt = await to.run(run).send(Add(), key=key)
            assert receipt.status in ("stored", "accepted", "duplicate")
            sent[run].add(key)

        async def some(kernel: Kernel | None, todo: Iterable[Any]) -> None:
            async with trio.open_nursery() as nursery:
                for what, run, key in todo:
                    to = outside if what == "outside" or kernel is None else kernel
                    if what in ("outside", "inside"):
                        nursery.start_soon(send, to, run, key)
                    await pause(turns)

        rest = [(what, run, key or f"own{n}") for n, (what, run, key) in enumerate(acts)]
        while rest:
            size = next((n for n, one in enumerate(rest) if one[0] in ("open", "close")), len(rest))
            now, rest = rest[: size + 1], rest[size + 1 :]
            if now[-1][0] == "close":
                await some(None, now)
                continue
            async with opened(COUNTING, journal=journal, limits=limits) as kernel:
                await some(kernel, now)
        async with opened(COUNTING, journal=journal) as kernel:
            await trio.testing.wait_all_tasks_blocked()
            counts = {run: (await kernel.run(run).snapshot()).data.n for run in "ab"}
        assert await journal.find(mail=True) == ()
        return counts, {run: len(keys) for run, keys in sent.items()}

    counts, sent = run_virtually(act)

    assert counts == sent


@virtually
async def test_much_mail_is_taken_in_turns() -> None:
    journal = SlowJournal(1)
    await left(journal, COUNTING, "r")
    outside = visitor(journal, COUNTING).run("r")
    for _ in range(10):
        await outside.send(Add())

    async with opened(COUNTING, journal=journal, limits=Limits(steps=3)) as kernel:
        await trio.testing.wait_all_tasks_blocked()
        assert (await kernel.run("r").snapshot()).data.n == 10


@virtually
async def test_a_kernel_that_is_closed_hears_nothing_any_more() -> None:
    journal = SlowJournal(1)
    async with opened(COUNTING, journal=journal) as kernel:
        await kernel.start(COUNTING, Data(), id="r")
    await visitor(journal, COUNTING).run("r").send(Add())

    assert len(await journal.inbox("r")) == 1
