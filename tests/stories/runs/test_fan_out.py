"""Five queries, two searchers: a fan-out with workers, joined in the order of the queries, and read by several."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from detent import (
    Call,
    Context,
    Each,
    Effect,
    Fails,
    Final,
    Handled,
    Machine,
    On,
    Returned,
    Seen,
    Settled,
    State,
    handle,
    open_kernel,
)
from detent.kernel import (
    CallFailed,
    CallFinished,
    CallStarted,
    EffectHeld,
    Noted,
    RunFinished,
    StateEntered,
    StateLeft,
    StopAsked,
)
from detent.tools.testing.virtual import VirtualClock, virtually
from tests.stories.runs.cuts import play_from_every_entry
from tests.stories.runs.every_form import play_in_all_forms
from tests.stories.runs.forms import RUN, Service, Story, play

QUERIES = ("q1", "q2", "q3", "q4", "q5")
FOUND = tuple(f"found {query}" for query in QUERIES)


@frozen
class Search(Effect[str], recovery="idempotent"):
    """Look for something; `number` of how many searches this is."""

    query: str
    number: int
    of: int


@frozen
class Guess(Effect[tuple[str, ...]], recovery="idempotent"):
    """Say what would probably be found."""

    queries: tuple[str, ...]


@frozen
class Inquiry:
    """What is looked for, and what was found."""

    queries: tuple[str, ...]
    results: tuple[str, ...] = ()

    def split(self) -> list[Search]:
        """A search for each query."""
        queries = self.queries
        return [Search(query, place, len(queries)) for place, query in enumerate(queries, 1)]

    def join(self, event: Settled[str]) -> "Inquiry":
        """What all have found, in the order of the queries."""
        results = (one.value for one in event.outcomes if isinstance(one, Returned))
        return evolve(self, results=tuple(results))

    def first(self, event: Returned[str]) -> "Inquiry":
        """What was found first."""
        return evolve(self, results=(event.value,))

    def guess(self) -> Guess:
        """What to guess about."""
        return Guess(self.queries)

    def guessed(self, event: Returned[tuple[str, ...]]) -> "Inquiry":
        """What was guessed instead."""
        return evolve(self, results=event.value)

    def found(self) -> tuple[str, ...]:
        """The results."""
        return self.results


search = Each(Search, Inquiry.split, name="search")
guess = Call(Guess, Inquiry.guess)

fan_out = Machine(
    "fan_out",
    State(
        "searching",
        On(search.settled, to="joined", update=Inquiry.join),
        On(search.failed, to="failed"),
        do=search,
    ),
    Final("joined"),
    Final("failed", status="failed"),
    data=Inquiry,
    result=Inquiry.found,
)

first_wins = Machine(
    "first_wins",
    State(
        "searching",
        On(search.returned, to="found", update=Inquiry.first),
        On(search.settled | search.failed, to="failed"),
        do=search,
    ),
    Final("found"),
    Final("failed", status="failed"),
    data=Inquiry,
    result=Inquiry.found,
)

mended = Machine(
    "mended",
    State(
        "searching",
        On(search.settled, to="joined", update=Inquiry.join),
        On(search.failed, to="guessing"),
        do=search,
    ),
    State(
        "guessing",
        On(guess.returned, to="joined", update=Inquiry.guessed),
        On(guess.failed, to="failed"),
        do=guess,
    ),
    Final("joined"),
    Final("failed", status="failed"),
    data=Inquiry,
    result=Inquiry.found,
)


def searchers(service: Service, slow: float = 0.0, broken: str = "") -> Iterable[Handled]:
    """Two who search, for a second each; each next one may be slower, and one query may break them."""

    async def look_for(order: Search, context: Context) -> str:
        await service.work(context, 1.0 + slow * (order.number - 1))
        if order.query == broken:
            raise Fails(f"nobody knows {order.query}")
        context.note(f"progress {order.number} of {order.of}")
        return f"found {order.query}"

    async def make_up(order: Guess, context: Context) -> tuple[str, ...]:
        await service.work(context)
        return tuple(f"perhaps {query}" for query in order.queries)

    return [handle(Search, look_for, workers=2), handle(Guess, make_up)]


def slower(service: Service) -> Iterable[Handled]:
    """Searchers of whom the first is the fastest."""
    return searchers(service, slow=0.25)


def broken(service: Service) -> Iterable[Handled]:
    """Searchers whom the third query breaks."""
    return searchers(service, slow=0.25, broken="q3")


main: Story[Inquiry, tuple[str, ...]] = Story(fan_out, Inquiry(QUERIES), searchers, ties=True)
STORIES: dict[str, Story[Any, Any]] = {
    "all": main,
    "staggered": Story(fan_out, Inquiry(QUERIES), slower),
    "first wins": Story(first_wins, Inquiry(QUERIES), slower, ties=True),
    "one fails": Story(fan_out, Inquiry(QUERIES), broken, ties=True),
    "one fails, mended": Story(mended, Inquiry(QUERIES), broken, ties=True),
    "none": Story(fan_out, Inquiry(()), searchers),
}


@pytest.fixture
def clock() -> VirtualClock:
    """The clock of a test that opens a kernel itself."""
    return VirtualClock()


every_story = pytest.mark.parametrize("name", STORIES)


# -- every form


@every_story
def test_waiting_reading_and_replaying_come_to_the_same(name: str) -> None:
    assert play_in_all_forms(STORIES[name]).told


@every_story
def test_a_kernel_may_take_over_after_any_entry(name: str) -> None:
    assert play_from_every_entry(STORIES[name])


# -- what happens


def test_results_come_in_the_order_of_the_queries() -> None:
    played = play(STORIES["staggered"])

    assert played.end.status == "completed"
    assert played.end.value == FOUND


def test_two_searchers_take_five_queries_in_three_seconds() -> None:
    played = play(main)

    assert played.lasted == 3.0
    assert played.service.most_at_once == 2
    assert played.service.began() == [0, 0, 1, 1, 2]


def test_every_search_tells_its_progress() -> None:
    notes = [one.value for one in play(main).of(Noted)]

    assert sorted(notes) == [f"progress {number} of 5" for number in range(1, 6)]


def test_the_join_is_the_end_of_it() -> None:
    told = play(main).told[RUN]

    assert [type(one) for one in told[-4:]] == [CallFinished, StateLeft, StateEntered, RunFinished]


def test_no_more_than_two_are_at_it_at_any_entry() -> None:
    at_it: set[int] = set()
    counts: list[int] = []
    for _, told in groupby(play(main).told[RUN], lambda one: one.seq):
        for one in told:
            if isinstance(one, CallStarted):
                at_it.add(one.effect)
            elif isinstance(one, EffectHeld | CallFinished):
                at_it.discard(one.effect)
        counts.append(len(at_it))

    assert max(counts[1:]) == 2  # the first entry orders all, the second holds what has to wait


# -- who reads


@virtually
async def test_a_reader_who_comes_later_reads_the_same_from_the_beginning(
    clock: VirtualClock,
) -> None:
    async with open_kernel(main.world(Service(), clock=clock)) as kernel:
        run = await main.start(kernel)
        read: dict[float, list[Seen]] = {}

        async def reader(comes: float) -> None:
            await trio.sleep(comes)
            read[comes] = [sight async for sight in run.watch() if isinstance(sight, Seen)]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader, 0.0)
            nursery.start_soon(reader, 2.5)

    assert read[0.0] == read[2.5]
    assert [one.seq for one in read[0.0]] == list(range(1, len(read[0.0]) + 1))


@virtually
async def test_a_reader_who_comes_after_the_end_reads_the_rest_and_ends(
    clock: VirtualClock,
) -> None:
    async with open_kernel(main.world(Service(), clock=clock)) as kernel:
        run = await main.start(kernel)
        every = [sight async for sight in run.watch() if isinstance(sight, Seen)]
        await run.wait_end()

        rest = [sight async for sight in run.watch(after=9)]

    assert rest == every[9:]
    assert isinstance(every[-1].told[-1], RunFinished)


@virtually
async def test_a_reader_who_turns_away_disturbs_nobody(clock: VirtualClock) -> None:
    async with open_kernel(main.world(Service(), clock=clock)) as kernel:
        run = await main.start(kernel)
        async for _ in run.watch():
            break

        result = await run.wait_result()

    assert result == FOUND
    assert clock.current_time() == 3.0


# -- the first result is enough


def test_when_the_first_is_enough_the_others_are_stopped() -> None:
    played = play(STORIES["first wins"])

    assert played.end.value == ("found q1",)
    assert played.lasted == 1.0
    assert played.service.calls == [(f"{RUN}/1", 1), (f"{RUN}/2", 1)]
    assert [one.effect for one in played.of(StopAsked)] == [2]
    assert {one.effect for one in played.of(CallFailed) if one.problem == "stopped"} == {2, 3, 4, 5}
    assert isinstance(played.told[RUN][-1], RunFinished)


@virtually
async def test_searchers_are_free_again_for_the_next_who_comes(clock: VirtualClock) -> None:
    story = STORIES["first wins"]
    async with open_kernel(story.world(Service(), clock=clock)) as kernel:
        for _ in range(3):
            run = await kernel.start(story.machine, story.input)
            await run.wait_result()

    assert clock.current_time() == 3.0


# -- a search that fails


def test_a_search_that_fails_takes_the_others_with_it() -> None:
    played = play(STORIES["one fails"])

    failed = {one.effect: one.problem for one in played.of(CallFailed)}

    assert played.end.status == "failed"
    assert failed == {3: "Fails", 4: "stopped", 5: "stopped"}


def test_what_was_found_before_stays_in_the_log() -> None:
    played = play(STORIES["one fails"])

    assert [one.value for one in played.of(CallFinished)] == ["found q1", "found q2"]


def test_a_substitute_mends_what_failed() -> None:
    played = play(STORIES["one fails, mended"])

    assert played.end.status == "completed"
    assert played.end.value == tuple(f"perhaps {query}" for query in QUERIES)


# -- nothing to look for


def test_no_queries_are_joined_at_once() -> None:
    played = play(STORIES["none"])

    assert played.end.status == "completed"
    assert played.end.value == ()
    assert played.lasted == 0.0
    assert played.service.calls == []
