"""What lasts: whatever is opened is closed, in its place, whatever happens to a run."""

from collections.abc import Iterator
from typing import Any

import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from detent import Limits, World, handle, open_kernel
from detent.kernel import CallFailed, Context, Fails, Listener, MemoryJournal, Telling
from detent.tools.telemetry import Closed, Lasting, Opened, Timeline
from detent.tools.testing import machines
from detent.tools.testing.drawing import Draw
from detent.tools.testing.run_tests import Played, check_of
from detent.tools.testing.samples import Tally
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import clock_here
from tests.settings import times
from tests.tools.telemetry.traces import Dig, Ear, Errand, Look, Recall, errand

UNEXPLAINED = [phase for phase in Phase if phase is not Phase.explain]
UNREAD = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


class Follower(Listener):
    """Follows what it is told, and holds it to what a timeline promises."""

    def __init__(self, wants_past: bool) -> None:
        self.timeline = Timeline()
        self.open: dict[tuple[str, str, str, int], Lasting] = {}
        self.wrong: list[str] = []
        self.closed: list[Closed] = []
        self._wants_past = wants_past

    def knows(self, run: str, seq: int) -> bool:
        """See Listener."""
        return not self._wants_past or self.timeline.knows(run, seq)

    def told(self, telling: Telling) -> None:
        """See Listener."""
        for change in self.timeline.follow(telling):
            if isinstance(change, Opened):
                self._begin(change.what)
            elif isinstance(change, Closed):
                self._end(change)

    def _begin(self, what: Lasting) -> None:
        if key(what) in self.open:
            self.wrong.append(f"{what} is open already")
        if what.outer is not None and key(what.outer) not in self.open:
            self.wrong.append(f"{what} is inside what is not open")
        self.open[key(what)] = what

    def _end(self, closed: Closed) -> None:
        if self.open.pop(key(closed.what), None) is not closed.what:
            self.wrong.append(f"{closed.what} was not open")
        if closed.how == "lost":
            self.wrong.append(f"{closed.what}: nobody was told of its end")
        if closed.seconds is not None and closed.seconds < 0:
            self.wrong.append(f"{closed.what} ended before it began")
        self.closed.append(closed)

    def left_of(self, run: str) -> list[str]:
        """What is open of a run."""
        return [one.name for one in self.open.values() if one.run == run]


def key(what: Lasting) -> tuple[str, str, str, int]:
    """What it is."""
    return what.run, what.kind, what.name, what.id


@st.composite
def followed_runs(draw: Draw) -> tuple[Played, list[Follower]]:
    """A run of any machine in any world, and who followed it, in one kernel after the other."""
    followers: list[Follower] = []

    def looking() -> Iterator[Follower]:
        followers.append(Follower(wants_past=len(followers) % 2 == 1))
        yield followers[-1]

    check = check_of(draw(machines()), may_break=True, looking=looking)
    return check.play(draw, Tally(draw(st.integers(0, 9))), 12), followers


@settings(max_examples=times(20), phases=UNEXPLAINED, suppress_health_check=UNREAD)
@given(followed_runs())
def test_whatever_was_opened_is_closed_when_its_run_has_ended(
    run: tuple[Played, list[Follower]],
) -> None:
    played, followers = run

    assert [wrong for one in followers for wrong in one.wrong] == []
    ended = [name for name, log in played.logs.items() if log.standing.status in OVER]
    last = followers[-1]
    assert [left for name in ended for left in last.left_of(name)] == []
    if played.end is not None:
        assert {count for (_, _), count in last.timeline.now.items()} <= {0}


OVER = (
    *("completed", "completed_with_failures", "limit_reached", "stopped"),
    *("failed", "cancelled", "timed_out"),
)


async def look_twice(order: Look, context: Context) -> int:
    """The first time nothing is found."""
    if context.attempt == 1:
        raise Fails("it is dark")
    return 7


def dig_it(order: Dig) -> int:
    """In a thread."""
    return order.depth


def world_of(*taps: Listener, **options: Any) -> World:
    """Everything for an errand."""
    handlers = [handle(Look, look_twice), handle(Dig, dig_it)]
    return World(errand, handlers=handlers, taps=taps, clock=clock_here(), **options)


@virtually
async def test_what_lasts_has_its_times_and_what_is_around_it() -> None:
    follower = Follower(wants_past=False)
    async with open_kernel(world_of(follower)) as kernel:
        run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(3)
        (question,) = await run.questions()
        await run.answer(question.id, True)
        await run.wait_end()

    lasted = [(one.what.run, one.what.name, one.how, one.seconds) for one in follower.closed]
    assert lasted == [
        ("r", "look", "returned", 1.0),
        ("r", "looking", "left", 1.0),
        ("r", "wait", "answered", 2.0),
        ("r", "asking", "left", 2.0),
        ("r/3", "dig", "returned", 0.0),
        ("r/3", "at work", "left", 0.0),
        ("r/3", "done", "left", 0.0),
        ("r/3", "digging", "completed", 0.0),
        ("r", "digging", "completed", 0.0),
        ("r", "digging", "left", 0.0),
        ("r", "outside", "left", 3.0),
        ("r", "home", "left", 0.0),
        ("r", "errand", "completed", 3.0),
    ]
    look = follower.closed[0].what
    assert [one.name for one in around(look)] == ["looking", "outside", "errand"]
    assert (look.attempt, look.state) == (2, "looking")


def around(what: Lasting) -> Iterator[Lasting]:
    """What something is inside of."""
    while what.outer is not None:
        what = what.outer
        yield what


@virtually
async def test_who_comes_late_finds_what_lasts_and_not_since_when_in_a_state() -> None:
    journal, late, told = MemoryJournal(), Follower(wants_past=False), Follower(wants_past=True)
    async with open_kernel(world_of(journal=journal)) as kernel:
        await kernel.start(errand, Errand(), id="r")
        await trio.sleep(5)
    async with open_kernel(world_of(late, told, journal=journal)) as kernel:
        await kernel.run("r").send(Recall())
        await kernel.run("r").wait_end()

    assert [(one.what.name, one.seconds) for one in late.closed] == [
        ("asking", None),
        ("outside", None),
        ("wait", 4.0),
        ("home", 0.0),
        ("errand", 5.0),
    ]
    assert [(one.what.name, one.seconds) for one in told.closed][2:] == [
        ("asking", 4.0),
        ("outside", 5.0),
        ("wait", 4.0),
        ("home", 0.0),
        ("errand", 5.0),
    ]


@virtually
async def test_what_was_missed_is_made_good_by_the_next_thing_that_is_told() -> None:
    ear = Ear()
    async with open_kernel(world_of(ear)) as kernel:
        run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(3)
        await run.send(Recall())
        await run.wait_end()
    timeline = Timeline()
    mine = [one for one in ear.tellings if one.run == "r"]

    first = list(timeline.follow(mine[0]))
    last = list(timeline.follow(mine[-1]))

    assert [one.what.name for one in first if isinstance(one, Opened)] == [
        "errand",
        "outside",
        "looking",
        "look",
    ]
    assert [(one.what.name, one.how) for one in last if isinstance(one, Closed)] == [
        ("look", "lost"),
        ("looking", "left"),
        ("outside", "left"),
        ("wait", "stopped"),
        ("home", "left"),
        ("errand", "completed"),
    ]
    assert not timeline.knows("r", mine[-1].seq)


@virtually
async def test_what_goes_on_is_counted_and_what_was_forgotten_is_not() -> None:
    timeline, ear = Timeline(most=2), Ear()
    async with open_kernel(world_of(ear), on_cancel="suspend") as kernel:
        for name in "abc":
            await kernel.start(errand, Errand(), id=name)
        for telling in ear.tellings:
            list(timeline.follow(telling))
        held = dict(timeline.now)
        for name in "abc":
            await kernel.run(name).cancel()
        for telling in ear.tellings:
            list(timeline.follow(telling))

    assert held == {
        ("runs", "errand"): 2,
        ("in_flight", "errand"): 0,
        ("held", "errand"): 2,
        ("parked", "errand"): 0,
    }


@virtually
async def test_an_effect_that_waits_for_its_next_attempt_is_held() -> None:
    follower = Follower(wants_past=False)
    async with open_kernel(world_of(follower, limits=Limits(grace=0.5))) as kernel:
        run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(0.5)
        now = dict(follower.timeline.now)
        await run.cancel()
        await run.wait_end()

    assert (now["held", "errand"], now["in_flight", "errand"]) == (1, 0)
    assert follower.timeline.now["held", "errand"] == 0


@virtually
async def test_what_is_told_of_a_retry_closes_nothing() -> None:
    ear = Ear()
    async with open_kernel(world_of(ear)) as kernel:
        run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(2)
        await run.cancel()
    timeline = Timeline()

    failing = [one for one in ear.tellings if any(isinstance(t, CallFailed) for t in one.told)]
    changes = [change for one in ear.tellings[:2] for change in timeline.follow(one)]

    assert failing[0] is ear.tellings[1]
    assert not any(isinstance(change, Closed) for change in changes)
