"""Outcomes of which at most one effect follows: whatever a journal can do at once, the same is written."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    Call,
    Each,
    Effect,
    Final,
    Limits,
    Machine,
    On,
    Returned,
    Settled,
    State,
    World,
    handle,
    open_kernel,
)
from detent.kernel import (
    DamagedStore,
    Entry,
    MemoryJournal,
    Seen,
    Unconfirmed,
    Verdict,
    Write,
)
from detent.tools.testing.virtual import VirtualClock, run_virtually, virtually
from tests.kernel.scheduler.toys import Diary, SlowJournal, clock_here, lines_of, pause
from tests.settings import times

MANY = 12
LONG = 3_000  # letters: a few of them, and a checkpoint is due


@frozen
class Say(Effect[str], recovery="pure"):
    """Say something."""

    n: int


@frozen
class Talk:
    """What was said."""

    left: int = 0
    texts: tuple[str, ...] = ()
    wrong: int = 0

    def say(self) -> Say:
        """The next word."""
        return Say(self.left)

    def both(self) -> tuple[Say, ...]:
        """Two at once."""
        return (self.say(), self.say())

    def add(self, event: Returned[str]) -> "Talk":
        """One more; too long a word makes the data what nobody can store, or a short talk."""
        if event.value == "unstorable":
            lost: Any = object()
            return evolve(self, wrong=lost)
        kept = () if event.value == "forget" else (*self.texts, event.value)
        return evolve(self, left=self.left - 1, texts=kept)

    def go_on(self, event: Settled[str]) -> "Talk":
        """After two at once."""
        return evolve(self, left=self.left - 1)

    def is_last(self, event: Returned[str]) -> bool:
        """Whether that was all."""
        return self.left <= 1


saying = Call(Say, Talk.say)
again = Call(Say, Talk.say, name="again")
two = Each(Say, Talk.both, name="two")
talk = Machine(
    "talk",
    State(
        "here",
        On(saying.returned, to="end", when=Talk.is_last, update=Talk.add),
        On(saying.returned, to="there", update=Talk.add),
        do=saying,
    ),
    State(
        "there",
        On(again.returned, to="end", when=Talk.is_last, update=Talk.add),
        On(again.returned, to="both", update=Talk.add),
        do=again,
    ),
    State("both", On(two.settled, to="here", update=Talk.go_on), do=two),
    Final("end"),
    data=Talk,
    on_bug="park",
)


class Prompt(MemoryJournal):
    """A journal that writes at once whenever a choice says so, and has no backlogs."""

    has_backlogs = False

    def __init__(self, may: Callable[[], bool]) -> None:
        super().__init__(ended=None)
        self._may = may
        self.at_once: Callable[[Write], Verdict | None] | None = self.write
        self.written = 0

    def write(self, write: Write) -> Verdict | None:
        """See Journal."""
        if not self._may():
            return None
        self.written += 1
        return self._alone(write)


def lines(journal: MemoryJournal, words: list[str]) -> tuple[list[bytes], list[tuple[str, int]]]:
    """All that a talk leaves in a journal, and what a tap is shown of it."""
    diary = Diary()

    async def say(order: Say) -> str:
        return words[-order.n % len(words)]

    async def main() -> list[bytes]:
        world = World(
            talk,
            handlers=[handle(Say, say)],
            journal=journal,
            clock=clock,
            taps=[diary],
            limits=Limits(grace=1.0),
        )
        async with open_kernel(world) as kernel:
            run = await kernel.start(talk, Talk(len(words)), id="run")
            if "unstorable" in words:
                async for sight in run.watch():
                    if isinstance(sight, Seen) and "$parked" in str(sight.entry.event):
                        break
            else:
                await run.wait_end()
        return await lines_of(journal, talk)

    clock = VirtualClock()
    return run_virtually(main, clock=clock), diary.entries


texts = st.sampled_from(["a", "b" * LONG, "forget"])


@settings(max_examples=times(40))
@given(st.lists(texts, min_size=1, max_size=12), st.lists(st.booleans(), min_size=1, max_size=9))
def test_a_log_is_the_same_whatever_is_written_at_once(
    words: list[str], choices: list[bool]
) -> None:
    asked = [0]

    def may() -> bool:
        asked[0] += 1
        return choices[asked[0] % len(choices)]

    expected, shown = lines(Prompt(lambda: False), words)

    assert lines(Prompt(may), words) == (expected, shown)
    assert lines(MemoryJournal(ended=None), words)[0] == expected


def test_most_of_it_is_written_at_once() -> None:
    journal = Prompt(lambda: True)

    lines(journal, ["a"] * 30)

    assert journal.written >= 30


def test_what_is_refused_at_once_is_refused_in_earnest() -> None:
    """Somebody else owns the run: nothing of it is written any more."""
    journal = Prompt(lambda: True)

    async def say(order: Say) -> str:
        await journal.claim(["run"])
        return "a"

    async def main() -> int:
        world = World(talk, handlers=[handle(Say, say)], journal=journal, clock=clock)
        async with open_kernel(world) as kernel:
            await kernel.start(talk, Talk(5), id="run")
        return len(await journal.entries("run"))

    clock = VirtualClock()

    assert run_virtually(main, clock=clock) == 1


@pytest.mark.parametrize("may", [True, False])
def test_what_cannot_be_stored_parks_the_run(may: bool) -> None:
    found, _ = lines(Prompt(lambda: may), ["unstorable", "a"])

    assert b'"$parked"' in found[-1]


# -- together with others


chatter = Machine(
    "chatter",
    State(
        "here",
        On(saying.returned, to="end", when=Talk.is_last, update=Talk.add),
        On(saying.returned, to="there", update=Talk.add),
        do=saying,
    ),
    State(
        "there",
        On(again.returned, to="end", when=Talk.is_last, update=Talk.add),
        On(again.returned, to="here", update=Talk.add),
        do=again,
    ),
    Final("end"),
    data=Talk,
)


async def talk_at_once(journal: MemoryJournal, count: int) -> None:
    """Several talks at once, each to its end."""

    async def say(order: Say) -> str:
        return "a"

    world = World(chatter, handlers=[handle(Say, say)], journal=journal, clock=clock_here())
    async with open_kernel(world) as kernel, trio.open_nursery() as nursery:

        async def one(number: int) -> None:
            run = await kernel.start(chatter, Talk(9), id=f"run {number}")
            assert (await run.wait_end()).status == "completed"

        for number in range(count):
            nursery.start_soon(one, number)


def without_times(entries: Sequence[Entry]) -> list[object]:
    """What entries say, whenever it was."""
    return [(one.event, one.took, one.delta) for one in entries]


@virtually
async def test_what_many_runs_come_to_is_written_together_and_is_the_same() -> None:
    alone, together = SlowJournal(3), SlowJournal(3)
    await talk_at_once(alone, 1)
    await talk_at_once(together, MANY)

    expected = without_times(await alone.entries("run 0"))
    assert max(together.batches) > MANY // 2
    for number in range(MANY):
        assert without_times(await together.entries(f"run {number}")) == expected


class Broken(SlowJournal):
    """A journal that breaks after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__(3)
        self._left = batches

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal. Raises DamagedStore."""
        self._left -= 1
        if self._left < 0:
            raise DamagedStore("'runs.db' is damaged")
        return await super().append(batch)


@pytest.mark.parametrize("batches", range(9))
@virtually
async def test_a_journal_that_breaks_ends_the_kernel_and_no_effect(batches: int) -> None:
    journal = Broken(batches)
    with pytest.raises((DamagedStore, ExceptionGroup)) as raised:
        await talk_at_once(journal, MANY)

    told: Any = raised.value
    assert isinstance(told, DamagedStore) or told.split(DamagedStore)[1] is None
    for number in range(MANY):
        run = f"run {number}"
        entries = () if await journal.load(run) is None else await journal.entries(run)
        assert not any("Failed" in str(one.event) for one in entries)


class Forgetful(SlowJournal):
    """A journal of which nobody can say, now and then, whether it has written something; it has not."""

    async def append(self, batch: Sequence[Write]) -> tuple[Verdict, ...]:
        """See Journal."""
        if len(self.batches) % 3 == 1:
            self.batches.append(0)
            return tuple(Unconfirmed("nobody knows") for _ in batch)
        return await super().append(batch)


@virtually
async def test_what_was_not_written_with_others_is_written_again() -> None:
    alone, together = SlowJournal(3), Forgetful(3)
    await talk_at_once(alone, 1)
    await talk_at_once(together, MANY)

    assert 0 in together.batches
    expected = without_times(await alone.entries("run 0"))
    for number in range(MANY):
        assert without_times(await together.entries(f"run {number}")) == expected


@virtually
async def test_what_comes_while_an_outcome_is_written_is_taken_after_it() -> None:
    """Every run is cancelled at another moment; what was begun until then is in the log."""
    journal = SlowJournal(5)

    async def say(order: Say) -> str:
        return "a"

    world = World(chatter, handlers=[handle(Say, say)], journal=journal, clock=clock_here())
    async with open_kernel(world) as kernel, trio.open_nursery() as nursery:

        async def one(number: int) -> None:
            run = await kernel.start(chatter, Talk(500), id=f"run {number}")
            await pause(number)
            await run.cancel("enough")
            assert (await run.wait_end()).status == "cancelled"

        for number in range(MANY):
            nursery.start_soon(one, number)

    for number in range(MANY):
        entries = await journal.entries(f"run {number}")
        assert [one.seq for one in entries] == [*range(1, len(entries) + 1)]
