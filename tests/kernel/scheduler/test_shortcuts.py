"""Outcomes of which at most one effect follows: whatever a journal can do at once, the same is written."""

from collections.abc import Callable
from typing import Any

import pytest
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
from detent.kernel import MemoryJournal, Seen, Verdict, Write
from detent.tools.testing.virtual import VirtualClock, run_virtually
from tests.kernel.scheduler.toys import Diary, lines_of
from tests.settings import times

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
