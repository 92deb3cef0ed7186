"""Who looks on: whatever taps do changes nothing, what they raise is told, and who listens is told all of it."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import define, frozen
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from detent import (
    Context,
    Machine,
    On,
    Returned,
    Secret,
    State,
    Wait,
    handle,
)
from detent.kernel import (
    CallStarted,
    Entry,
    Key,
    Listener,
    MemoryJournal,
    Tap,
    Telling,
)
from detent.kernel.scheduler.onlookers import PATIENCE
from detent.tools.testing import machines
from detent.tools.testing.drawing import Draw
from detent.tools.testing.run_tests import Played, check_of
from detent.tools.testing.samples import Tally
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.ears import Ear
from tests.kernel.scheduler.toys import (
    Add,
    Again,
    Close,
    Data,
    Diary,
    call,
    counting,
    doing,
    gives,
    opened,
)
from tests.settings import times

AGAIN = doing(call(Again))
COUNTING = counting()
UNEXPLAINED = [phase for phase in Phase if phase is not Phase.explain]
UNREAD = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@define(eq=False)
class Moody(Listener):
    """A listener that raises whenever it is shown one of these numbers, counted from 1."""

    moods: frozenset[int]
    count: int = 0

    def _raise(self) -> None:
        self.count += 1
        if not self.moods or self.count in self.moods:
            raise ValueError(f"no {self.count}")

    def entry(self, run: str, entry: Entry) -> None:
        """See Tap."""
        self._raise()

    def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """See Tap."""
        self._raise()

    def told(self, telling: Telling) -> None:
        """See Listener."""
        self._raise()

    def begins(self, context: Context) -> None:
        """See Listener."""
        self._raise()

    def knows(self, run: str, seq: int) -> bool:
        """See Listener."""
        self._raise()
        return False


# -- what they raise


@virtually
async def test_what_a_tap_raises_is_logged_once_and_it_is_shown_what_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    moody = Moody(frozenset({1, 3}))
    async with opened(COUNTING, taps=[moody]) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await run.send(Close())

    (broken,) = kernel.broken_taps
    assert (broken.tap, str(broken.error)) == (moody, "no 1")
    assert (broken.errors, broken.in_a_row, broken.is_off) == (2, 0, False)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("detent.taps", logging.ERROR)
    assert record.getMessage() == "a tap has raised; the run goes on, and so does the tap: Moody"
    assert record.exc_info is not None


@virtually
async def test_a_tap_that_goes_on_raising_is_switched_off_and_that_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    moody, ear = Moody(frozenset()), Ear()
    async with opened(COUNTING, taps=[moody, ear]) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        for _ in range(20):
            await run.send(Add())
        await run.send(Close())

    (broken,) = kernel.broken_taps
    assert (broken.errors, broken.is_off, moody.count) == (PATIENCE, True, PATIENCE)
    assert [one.getMessage() for one in caplog.records] == [
        "a tap has raised; the run goes on, and so does the tap: Moody",
        "a tap has raised 10 times in a row, and is switched off: Moody",
    ]
    assert len(ear.tellings) == 22


@virtually
async def test_a_log_that_raises_is_survived_too() -> None:
    class Full(logging.Handler):
        """A handler of logs that cannot write."""

        def emit(self, record: logging.LogRecord) -> None:
            """See logging."""
            raise OSError("the disk is full")

    full, log = Full(), logging.getLogger("detent.taps")
    log.addHandler(full)
    try:
        async with opened(COUNTING, taps=[Moody(frozenset())]) as kernel:
            run = await kernel.start(COUNTING, Data(), id="r")
            await run.send(Close())
            await run.wait_end()
    finally:
        log.removeHandler(full)

    assert [one.errors for one in kernel.broken_taps] == [4]


@virtually
async def test_what_cannot_be_told_ends_no_run() -> None:
    ear = Ear()
    async with opened(COUNTING, taps=[ear]) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        live = await kernel.engine.lives.awake("r")
        live.frame = {**live.frame, "timers": None, "effects": None}
        await run.send(Add())
        await run.send(Close())
        end = await run.wait_end()

    assert end.status == "completed"
    assert [type(one.error).__name__ for one in kernel.broken_taps] == ["Unreadable"]
    assert [seq for _, seq, _ in ear.seqs] == [1, 3]


# -- what they change


@define(eq=False)
class Tape:
    """What was drawn, to be drawn once more."""

    draw: Draw
    drawn: list[Any]

    def record(self, strategy: st.SearchStrategy[Any]) -> Any:
        """Draw, and keep it."""
        self.drawn.append(self.draw(strategy))
        return self.drawn[-1]

    def play(self, strategy: st.SearchStrategy[Any]) -> Any:
        """What was drawn at this place before; something new if it goes on longer."""
        return self.drawn.pop(0) if self.drawn else self.draw(strategy)


@st.composite
def runs_twice(draw: Draw) -> tuple[Played, Played]:
    """The same run in the same world, with taps that raise now and then, and without any."""
    machine, input = draw(machines()), Tally(draw(st.integers(0, 9)))
    moods = draw(st.lists(st.frozensets(st.integers(1, 60), max_size=20), max_size=3))

    def looking() -> Sequence[Tap]:
        return [Moody(one) for one in moods]

    tape = Tape(draw, [])
    record: Any = tape.record
    play: Any = tape.play
    alone = check_of(machine, may_break=True).play(record, input, 12)
    watched = check_of(machine, may_break=True, looking=looking).play(play, input, 12)
    return alone, watched


@settings(max_examples=times(20), phases=UNEXPLAINED, suppress_health_check=UNREAD)
@given(runs_twice())
def test_whatever_taps_raise_the_log_is_the_same_as_without_them(
    runs: tuple[Played, Played],
) -> None:
    alone, watched = runs

    assert watched.lines == alone.lines
    assert watched.script == alone.script


# -- what they are told


@virtually
async def test_who_listens_is_told_every_entry_with_the_frames_around_it() -> None:
    ear = Ear()
    async with opened(AGAIN, handlers=[handle(Again, gives())], taps=[ear]) as kernel:
        run = await kernel.start(AGAIN, Data(), id="r")
        await run.wait_end()

    first, last = ear.tellings
    assert first.before is None
    assert first.states == ("doing",)
    assert last.before is first.after
    assert last.is_end
    assert (first.run, first.at) == ("r", first.entry.at)
    assert [type(one).__name__ for one in first.told] == [
        "RunStarted",
        "StateEntered",
        "CallStarted",
    ]
    assert live_frames(kernel) == []


def live_frames(kernel: Any) -> list[Any]:
    """What is kept for who listens."""
    return [live.frame for live in kernel.engine.lives if live.frame is not None]


@frozen
class Vault:
    """What must not be told."""

    code: Secret[str] = ""

    def keep(self, event: Returned[str]) -> "Vault":
        """What was answered."""
        return Vault(event.value)


@virtually
async def test_what_is_sealed_in_the_log_is_sealed_for_who_listens() -> None:
    ear, late, journal = Ear(), Ear(knows=False), MemoryJournal()
    key = Key(b"sixteen bytes at least")
    asking: Wait[Vault, str] = Wait(str, "What is it?")
    machine = Machine(
        "vault",
        State("open", On(asking.returned, to="shut", update=Vault.keep), do=asking),
        State("shut", On(Close)),
        data=Vault,
    )
    async with opened(machine, journal=journal, taps=[ear], key=key) as kernel:
        await kernel.start(machine, Vault("1234"), id="r")
    async with opened(machine, journal=journal, taps=[ear, late], key=key) as kernel:
        await kernel.run("r").send(Close())
        await kernel.run("r").cancel()

    told = repr([*ear.tellings, *late.tellings])
    assert "$sealed" in told
    assert "1234" not in told


@virtually
async def test_a_tap_that_only_looks_is_told_nothing_and_costs_no_frames() -> None:
    diary = Diary()
    async with opened(COUNTING, taps=[diary]) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r")
        await run.send(Add())
        assert live_frames(kernel) == []

    assert diary.entries == [("r", 1), ("r", 2)]


@virtually
async def test_a_call_that_begins_is_told_before_it_is_made() -> None:
    ear, order = Ear(), list[str]()

    async def look(given: Again, context: Context) -> int:
        told = [one for telling in ear.tellings for one in telling.told]
        order.append(f"{sum(isinstance(one, CallStarted) for one in told)} told")
        assert (context.machine, context.state) == ("doing", "doing")
        return 1

    async with opened(AGAIN, handlers=[handle(Again, look)], taps=[ear]) as kernel:
        await (await kernel.start(AGAIN, Data(), id="r")).wait_end()

    assert order == ["1 told"]
