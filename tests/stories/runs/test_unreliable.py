"""A service that cannot be relied on: tried again with growing delays, replaced, left alone for a while, replayed.

It is long because it is three machines, seven ways in which a service can let them down, and what the log says of it.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from detent import (
    After,
    Always,
    Breaker,
    Call,
    Context,
    DamagedLog,
    Effect,
    Failed,
    Final,
    Handled,
    Machine,
    On,
    Retry,
    Returned,
    Run,
    RunEnded,
    Seen,
    State,
    handle,
    open_kernel,
    replay,
)
from detent.kernel import (
    BreakerChanged,
    CallFailed,
    CallFinished,
    CallStarted,
    CancelRequested,
    Entry,
    Header,
    RetryScheduled,
    RunFinished,
    RunStarted,
    StateEntered,
    StateLeft,
    read_log,
)
from detent.kernel.entries import chained
from detent.kernel.facts import but
from detent.kernel.runlog import entry_line
from detent.tools.testing.virtual import VirtualClock, virtually
from tests.sides import sleep
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

SEED = 42


class TransientError(Exception):
    """It may go well next time."""


@frozen
class Fetch(Effect[str], recovery="idempotent"):
    """Get what is at an address."""

    address: str


@frozen
class Recall(Effect[str], recovery="pure"):
    """Look up what was there the last time."""

    address: str


@frozen
class Given:
    """What is known of a failure: where, of what kind, in which words."""

    state: str
    kind: str
    message: str


@frozen
class Page:
    """What is wanted, what there was, and why not."""

    address: str
    text: str = ""
    given_up: Given | None = None

    def fetch(self) -> Fetch:
        """Where to look."""
        return Fetch(self.address)

    def recall(self) -> Recall:
        """Where to look instead."""
        return Recall(self.address)

    def fetched(self, event: Returned[str]) -> "Page":
        """Something was there."""
        return evolve(self, text=event.value)

    def failed(self, event: Failed) -> "Page":
        """Nobody answered, as often as it was tried."""
        problem = event.problem
        return evolve(self, given_up=Given("fetching", problem.kind, problem.message))

    def use(self) -> "Page":
        """What is made of it."""
        return evolve(self, text=self.text.upper())

    def whisper(self) -> "Page":
        """Something else that could be made of it."""
        return evolve(self, text=self.text.lower())

    def shout(self) -> "Page":
        """The same under another name."""
        return evolve(self, text=self.text.upper())

    def words(self) -> str:
        """What comes of it."""
        return self.text


patience = Retry(
    attempts=5, base=1.0, factor=2.0, cap=10.0, jitter=1.0, total=30.0, only=("TransientError",)
)
fetch = Call(Fetch, Page.fetch, retry=patience)
recall = Call(Recall, Page.recall)
hasty = Call(Fetch, Page.fetch, retry=Retry())


def reader(using: State[Page], name: str = "reader") -> Machine[Page, Page, str]:
    """Fetch a page and make something of it."""
    return Machine(
        name,
        State(
            "fetching",
            On(fetch.returned, to="using", update=Page.fetched),
            On(fetch.failed, to="failed"),
            do=fetch,
        ),
        using,
        Final("done"),
        Final("failed", status="failed"),
        data=Page,
        result=Page.words,
    )


plain = reader(State("using", Always(to="done", update=Page.use)))

careful = Machine(
    "careful",
    State(
        "fetching",
        On(fetch.returned, to="using", update=Page.fetched),
        On(fetch.failed, to="falling_back", update=Page.failed),
        do=fetch,
    ),
    State(
        "falling_back",
        On(recall.returned, to="using", update=Page.fetched),
        On(recall.failed, to="failed"),
        do=recall,
    ),
    State("using", Always(to="done", update=Page.use)),
    Final("done"),
    Final("failed", status="failed"),
    data=Page,
    result=Page.words,
)

trusting = Machine(
    "trusting",
    State(
        "fetching",
        On(hasty.returned, to="done", update=Page.fetched),
        On(hasty.failed, to="failed"),
        do=hasty,
    ),
    Final("done"),
    Final("failed", status="failed"),
    data=Page,
    result=Page.words,
)

guarded = Call(Fetch, Page.fetch, breaker="svc", name="guarded")

patient = Machine(
    "patient",
    State(
        "calling",
        On(guarded.returned, to="done", update=Page.fetched),
        On(guarded.failed, to="resting"),
        On(guarded.declined, to="waiting"),
        do=guarded,
    ),
    State("resting", After(1.0, to="calling")),
    State("waiting", After(20.0, to="calling")),
    Final("done"),
    data=Page,
    result=Page.words,
)


def site(
    service: Service, failures: int = 2, error: type[Exception] = TransientError
) -> Iterable[Handled]:
    """A site that fails so often, and then answers; and what is remembered of it."""

    async def get(order: Fetch, context: Context) -> str:
        await service.work(context)
        if context.attempt <= failures:
            raise error(f"attempt {context.attempt}")
        return "data"

    async def remember(order: Recall, context: Context) -> str:
        await service.work(context)
        return "cached"

    return [handle(Fetch, get), handle(Recall, remember)]


def down(service: Service, until: float = 10.0) -> Iterable[Handled]:
    """A site that is down for some time."""

    async def get(order: Fetch, context: Context) -> str:
        await service.work(context)
        if moment_of(context.now()) < until:
            raise TransientError("it is down")
        return "data"

    return [handle(Fetch, get)]


async def impatient(run: Run[Any, Any]) -> None:
    """Cancel while the first delay lasts."""
    async for sight in run.watch():
        if isinstance(sight, Seen) and any(isinstance(one, RetryScheduled) for one in sight.told):
            await sleep(0.1)
            await run.cancel("no time")
            break


WANTED = Page("here")
main: Story[Page, str] = Story(plain, WANTED, site, seed=SEED)
wrong = evolve(main, handlers=partial(site, error=ValueError))
hopeless = evolve(main, handlers=partial(site, failures=6))
replaced = evolve(main, machine=careful, handlers=partial(site, failures=6))
cancelled = evolve(main, person=impatient)
by_default = evolve(main, machine=trusting)
guarding = Story(patient, WANTED, down, breakers={"svc": Breaker(failures=3, cool_down=20.0)})
STORIES: dict[str, Story[Any, Any]] = {
    "two failures": main,
    "another failure": wrong,
    "no end of failures": hopeless,
    "no end of failures, replaced": replaced,
    "cancelled": cancelled,
    "by default": by_default,
    "guarded by a breaker": guarding,
}
every_story = pytest.mark.parametrize("name", STORIES)


@pytest.fixture
def clock() -> VirtualClock:
    """The clock of a test that opens a kernel itself."""
    return VirtualClock()


def delays(played: Played[Any]) -> list[float]:
    """How long each attempt was put off, in seconds."""
    return [(one.due - one.at) / 1e6 for one in played.of(RetryScheduled)]


# -- every form


@every_story
def test_waiting_reading_and_replaying_come_to_the_same(name: str) -> None:
    assert play_in_all_forms(STORIES[name]).told


@every_story
def test_a_kernel_may_take_over_after_any_entry(name: str) -> None:
    assert play_from_every_entry(STORIES[name])


# -- trying again


def test_two_failures_are_followed_by_success() -> None:
    played = play(main)

    assert played.end.status == "completed"
    assert played.end.value == "DATA"
    assert [type(one) for one in played.told[RUN]] == [
        *(RunStarted, StateEntered, CallStarted),
        *(CallFailed, RetryScheduled, CallStarted),
        *(CallFailed, RetryScheduled, CallStarted),
        *(CallFinished, StateLeft, StateEntered, RunFinished),
    ]


def test_delays_grow_and_are_all_the_time_that_passes() -> None:
    played = play(main)

    first, second = delays(played)

    assert 0 < first <= 1
    assert 0 < second <= 2
    assert played.lasted == pytest.approx(first + second, abs=1e-9)
    assert [one.attempt for one in played.of(RetryScheduled)] == [2, 3]


def test_an_attempt_has_the_key_of_the_one_before() -> None:
    assert play(main).service.calls == [(f"{RUN}/1", attempt) for attempt in (1, 2, 3)]


def test_another_seed_is_other_delays() -> None:
    runs = [play(evolve(main, seed=seed)) for seed in (1, 2, 3)]

    assert len({tuple(delays(one)) for one in runs}) == 3
    assert {one.end.value for one in runs} == {"DATA"}


def test_the_same_seed_is_the_same_delays() -> None:
    assert delays(play(main)) == delays(play(main))


def test_nobody_tries_again_at_once_by_default() -> None:
    assert min(delays(play(by_default))) > 0


# -- giving up


def test_what_is_not_to_be_tried_again_is_tried_once() -> None:
    played = play(wrong)

    assert played.end.status == "failed"
    assert len(played.service.calls) == 1
    assert [one.problem for one in played.of(CallFailed)] == ["ValueError"]


def test_after_five_attempts_the_run_fails() -> None:
    played = play(hopeless)

    assert played.end.status == "failed"
    assert len(played.service.calls) == 5


def test_after_five_attempts_a_state_may_put_something_in_its_place() -> None:
    played = play(replaced)

    assert played.end.status == "completed"
    assert played.end.value == "CACHED"
    assert played.snapshot.data.given_up == Given("fetching", "TransientError", "attempt 5")


def test_the_log_says_how_often_it_was_tried_and_how_long() -> None:
    played = play(replaced)
    failed = played.of(CallFailed)

    assert [one.attempt for one in failed] == [1, 2, 3, 4, 5]
    assert moment_of(failed[-1].at) == pytest.approx(sum(delays(played)), abs=1e-9)


def test_a_result_that_is_none_is_told_to_who_waits() -> None:
    played = play(wrong)

    @virtually
    async def waiting(clock: VirtualClock) -> None:
        async with open_kernel(wrong.world(Service(), clock=clock)) as kernel:
            run = await wrong.start(kernel)
            with pytest.raises(RunEnded) as raised:
                await run.wait_result()
            assert raised.value.end == played.end

    waiting(VirtualClock())


def test_a_run_that_is_cancelled_in_a_delay_ends_at_once() -> None:
    played = play(cancelled)
    scheduled = played.of(RetryScheduled)[0]

    assert played.end.status == "cancelled"
    assert played.lasted == pytest.approx(moment_of(scheduled.at) + 0.1)
    assert moment_of(scheduled.due) > played.lasted
    assert [one.reason for one in played.of(CancelRequested)] == ["no time"]
    assert len(played.service.calls) == 1


# -- a breaker


def test_the_fourth_call_is_declined_and_the_probe_closes_the_breaker() -> None:
    played = play(guarding)

    calls = [(moment_of(one.at), one.problem) for one in played.of(CallFailed)]
    words = [(moment_of(one.at), one.to) for one in played.of(BreakerChanged)]

    assert calls == [
        *((float(second), "TransientError") for second in (0, 1, 2)),
        (3.0, "declined"),
    ]
    assert words == [(2.0, "open"), (23.0, "half_open"), (23.0, "closed")]
    assert played.service.began() == [0, 1, 2, 23]
    assert played.end.value == "data"


@virtually
async def test_two_runs_share_a_breaker(clock: VirtualClock) -> None:
    service = Service()
    async with open_kernel(guarding.world(service, clock=clock)) as kernel:
        first = await kernel.start(patient, WANTED, id="first")
        await trio.sleep(2.5)
        second = await kernel.start(patient, WANTED, id="second")
        results = [await first.wait_result(), await second.wait_result()]
        entries = await kernel.journal.entries(second.id)

    assert results == ["data", "data"]
    assert service.began("second") == [22.5]
    assert service.began("first") == [0, 1, 2, 23]
    assert "Declined" in str(entries[1].event)


# -- replay


def entries_of(played: Played[Any]) -> list[Entry]:
    """The entries of a log."""
    return [line.what for line in read_log(played.lines) if isinstance(line.what, Entry)]


def test_replay_names_what_has_changed_and_where_it_parts() -> None:
    played = play(main)
    changed = reader(State("using", Always(to="done", update=Page.whisper)))

    replayed = replay(played.lines, changed)

    last = entries_of(played)[-1]
    assert len(replayed.changed) == 1
    assert replayed.entries == last.seq - 1
    assert replayed.divergence is not None
    assert (replayed.divergence.seq, replayed.divergence.kind) == (last.seq, "reducer")


def test_a_change_that_makes_no_difference_is_named_all_the_same() -> None:
    played = play(main)
    renamed = reader(State("using", Always(to="done", update=Page.shout)))

    replayed = replay(played.lines, renamed)

    assert len(replayed.changed) == 1
    assert replayed.divergence is None


def test_a_recorded_answer_that_was_changed_is_damage() -> None:
    lines = [line.replace(b'"value":"data"', b'"value":"date"') for line in play(main).lines]

    with pytest.raises(DamagedLog):
        replay(lines, plain)


def test_a_recorded_answer_that_was_changed_with_all_hashes_is_a_divergence() -> None:
    played = play(main)
    entries = entries_of(played)
    forged = [line for line in played.lines if b'"entry":' not in line]
    hash = next(line.what.hash for line in read_log(forged) if isinstance(line.what, Header))
    for entry in entries:
        body = entry.body.replace(b'"value":"data"', b'"value":"date"')
        hash = chained(hash, body)
        forged.append(entry_line(RUN, but(entry, body=body, hash=hash)))

    divergence = replay(forged, plain).divergence

    assert divergence is not None
    assert divergence.seq == entries[-1].seq
