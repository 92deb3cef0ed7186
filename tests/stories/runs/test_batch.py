"""Five inputs for one machine, three at once, at most four calls a minute: a batch, and what becomes of its items.

It is long because it is a story with its variants: all do well, one fails, one stops the others, all are cancelled.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from detent import (
    Batch,
    Call,
    Context,
    Effect,
    Ended,
    Fails,
    Final,
    Handled,
    Limiter,
    Machine,
    On,
    Returned,
    Run,
    Seen,
    State,
    Stopped,
    World,
    batch_of,
    handle,
    open_kernel,
)
from detent.kernel import (
    CallFailed,
    CallFinished,
    CallStarted,
    ChildEnded,
    RateWaiting,
    RunFinished,
    RunStarted,
)
from detent.tools.stores import SQLite
from detent.tools.testing.virtual import VirtualClock, virtually
from tests.sides import sleep, time
from tests.stories.runs.cuts import play_from_every_entry
from tests.stories.runs.every_form import play_in_all_forms
from tests.stories.runs.forms import (
    RUN,
    Played,
    Service,
    Story,
    moment_of,
    play,
)


@frozen
class Reply:
    """What a model says, and what that took."""

    text: str
    tokens_in: int
    tokens_out: int


@frozen
class Ask(Effect[Reply], recovery="idempotent"):
    """Ask a model."""

    prompt: str


@frozen
class Check(Effect[str], recovery="idempotent"):
    """See whether an answer will do."""

    text: str


@frozen
class Item:
    """A prompt and what came of it."""

    prompt: str
    reply: Reply = Reply("", 0, 0)
    checked: str = ""

    def ask(self) -> Ask:
        """What the model is asked."""
        return Ask(self.prompt)

    def answered(self, event: Returned[Reply]) -> "Item":
        """The model has answered."""
        return evolve(self, reply=event.value)

    def check(self) -> Check:
        """What is to be checked."""
        return Check(self.reply.text)

    def approved(self, event: Returned[str]) -> "Item":
        """The answer will do."""
        return evolve(self, checked=event.value)


ask = Call(Ask, Item.ask, limit="model")
check = Call(Check, Item.check)

talk = Machine(
    "talk",
    State(
        "asking",
        On(ask.returned, to="checking", update=Item.answered),
        On(ask.failed, to="failed"),
        do=ask,
    ),
    State(
        "checking",
        On(check.returned, to="done", update=Item.approved),
        do=check,
    ),
    Final("done"),
    Final("failed", status="failed"),
    data=Item,
)
talks = batch_of(talk, at_most=3)
strict = batch_of(talk, at_most=3, stop_on_failure=True, name="strict")

ITEMS = tuple(Item(f"i{number}") for number in range(1, 6))
CHILDREN = tuple(f"{RUN}/{number}" for number in range(1, 6))


def model(
    service: Service, slow: float = 0.25, first: int = 1, wrong: str = "i3"
) -> Iterable[Handled]:
    """A model that answers in a second or more, and somebody who does not like one of its answers."""

    async def answer(order: Ask, context: Context) -> Reply:
        number = int(order.prompt.removeprefix("i"))
        await service.work(context, 1.0 + slow * abs(number - first))
        return Reply(f"answer to {order.prompt}", 10, 5)

    async def look(order: Check, context: Context) -> str:
        await service.work(context)
        if order.text.endswith(wrong):
            raise Fails(f"{order.text} will not do")
        return f"{order.text}: good"

    return [handle(Ask, answer), handle(Check, look)]


async def hurried(run: Run[Any, Any]) -> None:
    """Cancel after half a minute."""
    now = await time()
    if now < 30.0:
        await sleep(30.0 - now)
        await run.cancel("it takes too long")


def batch_in(played: Played[Any]) -> Batch[Item, Item]:
    """What a batch came to, however it ended."""
    batch = played.snapshot.data
    assert isinstance(batch, Batch)
    return batch


main: Story[Batch[Item, Item], Batch[Item, Item]] = Story(
    talks,
    Batch(ITEMS),
    model,
    limiters={"model": Limiter(4, 60.0)},
    ties=True,
    is_tight=True,
)
plenty = evolve(main, limiters={"model": Limiter(100, 60.0)}, is_tight=False)
stopped = evolve(plenty, machine=strict, handlers=partial(model, first=3, slow=5.0))
cancelled = evolve(main, person=hurried)
STORIES: dict[str, Story[Any, Any]] = {
    "one fails": main,
    "one fails, enough for all": plenty,
    "one fails and stops the others": stopped,
    "cancelled": cancelled,
    "nothing": evolve(main, input=Batch(())),
}
every_story = pytest.mark.parametrize("name", STORIES)


@pytest.fixture
def clock() -> VirtualClock:
    """The clock of a test that opens a kernel itself."""
    return VirtualClock()


# -- every form


@every_story
def test_waiting_reading_and_replaying_come_to_the_same(name: str) -> None:
    assert play_in_all_forms(STORIES[name]).told


@every_story
def test_a_kernel_may_take_over_after_any_entry(name: str) -> None:
    assert play_from_every_entry(STORIES[name])


# -- what comes of it


def test_items_end_in_the_order_of_their_inputs() -> None:
    played = play(main)
    items = batch_in(played).items

    assert played.end.status == "completed_with_failures"
    assert [one.status for one in items if isinstance(one, Ended)] == [
        *("completed", "completed", "failed", "completed", "completed"),
    ]


def test_no_item_has_anything_of_another() -> None:
    results = [one.result for one in batch_in(play(main)).items if isinstance(one, Ended)]

    assert [one and (one.prompt, one.reply.text, one.checked) for one in results] == [
        ("i1", "answer to i1", "answer to i1: good"),
        ("i2", "answer to i2", "answer to i2: good"),
        None,
        ("i4", "answer to i4", "answer to i4: good"),
        ("i5", "answer to i5", "answer to i5: good"),
    ]


def test_the_item_that_failed_says_where_and_its_log_says_why() -> None:
    played = play(main)
    third = batch_in(played).items[2]

    assert isinstance(third, Ended)
    assert third.problem is not None
    assert "check.failed" in third.problem.message
    assert [one.message for one in played.of(CallFailed, CHILDREN[2])] == [
        "answer to i3 will not do"
    ]


def test_what_items_have_used_adds_up_also_of_those_that_fail() -> None:
    played = play(main)

    used = [
        (one.value["tokens_in"], one.value["tokens_out"])
        for child in CHILDREN
        for one in played.of(CallFinished, child)
        if one.form == "ask"
    ]

    assert [sum(some) for some in zip(*used, strict=True)] == [50, 25]


# -- when


def test_three_items_are_under_way_at_once_and_a_fourth_as_soon_as_one_has_ended() -> None:
    played = play(main)

    began = [moment_of(played.of(RunStarted, child)[0].at) for child in CHILDREN]

    assert began == [0.0, 0.0, 0.0, 1.0, 1.25]


def test_the_fifth_call_waits_for_the_limiter() -> None:
    played = play(main)
    (waiting,) = played.of(RateWaiting, CHILDREN[4])

    assert (moment_of(waiting.at), moment_of(waiting.until)) == (1.25, 60.0)
    assert asked_at(played) == [0.0, 0.0, 0.0, 1.0, 60.0]
    assert [run for run in CHILDREN if played.of(RateWaiting, run)] == [CHILDREN[4]]


def asked_at(played: Played[Any]) -> list[float]:
    """When the model was asked."""
    calls = (played.of(CallStarted, child) for child in CHILDREN)
    asks = ([one for one in some if one.form == "ask"] for some in calls)
    return [moment_of(some[-1].at) for some in asks]  # what was held is told to begin once more


def test_no_minute_has_more_than_four_calls() -> None:
    times = asked_at(play(main))

    assert all(sum(begin <= one < begin + 60.0 for one in times) <= 4 for begin in times)


# -- who reads


@virtually
async def test_the_stream_of_a_batch_tells_of_every_item_by_its_name(clock: VirtualClock) -> None:
    async with open_kernel(main.world(Service(), clock=clock)) as kernel:
        run = await main.start(kernel)
        seen = [sight async for sight in run.watch() if isinstance(sight, Seen)]

    paths = {sight.path for sight in seen}

    assert paths == {(RUN,), *((RUN, child) for child in CHILDREN)}
    assert isinstance(seen[-1].told[-1], RunFinished)
    assert seen[-1].path == (RUN,)


@virtually
async def test_an_item_is_a_run_of_its_own(clock: VirtualClock) -> None:
    async with open_kernel(main.world(Service(), clock=clock)) as kernel:
        run = await main.start(kernel)
        await run.wait_result()
        third = await kernel.run(CHILDREN[2]).wait_end()
        seen = [sight async for sight in kernel.run(CHILDREN[2]).watch()]

    assert third.status == "failed"
    assert [sight.path for sight in seen if isinstance(sight, Seen)] == [(CHILDREN[2],)] * len(seen)


# -- the first that fails stops the others


def test_the_first_that_fails_stops_those_under_way_and_those_that_wait_never_begin() -> None:
    played = play(stopped)
    items = batch_in(played).items

    assert played.lasted == 1.0
    assert [one.status for one in items if isinstance(one, Ended)] == [
        *("cancelled", "cancelled", "failed"),
    ]
    assert [isinstance(one, Stopped) and one.started for one in items[3:]] == [False, False]
    assert set(played.told) == {RUN, *CHILDREN[:3]}
    assert len([one for one in played.service.calls if one[0].endswith("/1")]) == 3


# -- cancelled


def test_a_batch_that_is_cancelled_does_not_wait_for_the_limiter() -> None:
    played = play(cancelled)

    assert played.end.status == "cancelled"
    assert played.lasted == 30.0
    assert {one.child: one.status for one in played.of(ChildEnded)} == {
        **dict.fromkeys(CHILDREN, "completed"),
        CHILDREN[2]: "failed",
        CHILDREN[4]: "cancelled",
    }
    assert f"{CHILDREN[4]}/1" not in {key for key, _ in played.service.calls}


# -- again


def test_only_what_failed_is_done_again() -> None:
    first = play(main)
    again = Batch[Item, Item](batch_in(first).failed)

    second = play(evolve(main, input=again, handlers=partial(model, wrong="nothing")))

    assert [item.prompt for item in again.inputs] == ["i3"]
    assert second.end.status == "completed"
    assert second.service.began() == [0.0, 1.5]


@pytest.mark.parametrize("where", ["memory", "file"])
def test_what_failed_can_be_read_from_a_batch_that_is_stored(where: str, tmp_path: Path) -> None:
    kept = play(main, SQLite(tmp_path / "runs.db") if where == "file" else None).kept

    @virtually
    async def later(clock: VirtualClock) -> tuple[Item, ...]:
        async with open_kernel(main.world(Service(), kept, clock)) as kernel:
            batch = (await kernel.run(RUN).snapshot()).data
            failed: tuple[Item, ...] = batch.failed
            return failed

    assert later(VirtualClock()) == (ITEMS[2],)


# -- many


@frozen
class Rest(Effect[int], recovery="idempotent"):
    """Do nothing for ten seconds."""

    number: int


@frozen
class Sleeper:
    """Somebody who sleeps."""

    number: int

    def rest(self) -> Rest:
        """What a sleeper does."""
        return Rest(self.number)


rest = Call(Rest, Sleeper.rest)
sleeper = Machine(
    "sleeper",
    State("asleep", On(rest.returned, to="awake"), On(rest.failed, to="dead"), do=rest),
    Final("awake"),
    Final("dead", status="failed"),
    data=Sleeper,
)
sleepers = batch_of(sleeper)


@pytest.mark.parametrize("where", ["memory", "file"])
@virtually
async def test_a_thousand_sleepers_sleep_for_ten_seconds(
    clock: VirtualClock, where: str, tmp_path: Path
) -> None:
    service = Service()
    store = SQLite(tmp_path / "runs.db") if where == "file" else None

    async def sleep(order: Rest, context: Context) -> int:
        await service.work(context, 10.0)
        return order.number

    inputs = tuple(map(Sleeper, range(1_000)))
    world = World(sleepers, handlers=[handle(Rest, sleep)], store=store, clock=clock)
    async with open_kernel(world) as kernel:
        run = await kernel.start(sleepers, Batch(inputs))
        batch = await run.wait_result()
        left = sum(1 for _ in kernel.engine.lives)

    assert clock.current_time() == 10.0
    assert service.most_at_once == 1_000
    assert batch.failed == ()
    assert left <= 1
