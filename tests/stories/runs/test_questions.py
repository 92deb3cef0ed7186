"""Questions to a person, answered in another process: what was done is not done again, and no answer is mixed up.

It is long because it is two stories: questions one after the other, and questions side by side.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from attrs import evolve, frozen

from detent import (
    AlreadyAnswered,
    Call,
    Context,
    Each,
    Effect,
    End,
    Final,
    Handled,
    Kernel,
    Machine,
    NoSuchWait,
    On,
    Question,
    Returned,
    Run,
    Settled,
    Snapshot,
    State,
    Wait,
    WrongInput,
    handle,
    open_kernel,
)
from detent.kernel import (
    CallStarted,
    MemoryJournal,
    RunFinished,
    StateEntered,
    Told,
    WaitClosed,
    WaitOpened,
)
from detent.tools.stores import SQLite
from detent.tools.testing.virtual import VirtualClock, run_virtually
from tests.sides import sleep
from tests.stories.runs.cuts import play_from_every_entry
from tests.stories.runs.every_form import play_in_all_forms
from tests.stories.runs.forms import RUN, Service, Story, play

T = TypeVar("T")

# -- one after the other


@frozen
class Charge(Effect[str], recovery="idempotent"):
    """Take the fee."""

    cents: int


@frozen
class Visitor:
    """Who is to be greeted."""

    fee: int
    receipt: str = ""
    name: str = ""
    age: str = ""

    def charge(self) -> Charge:
        """What is taken."""
        return Charge(self.fee)

    def charged(self, event: Returned[str]) -> "Visitor":
        """The fee was taken."""
        return evolve(self, receipt=event.value)

    def named(self, event: Returned[str]) -> "Visitor":
        """The first answer."""
        return evolve(self, name=event.value)

    def aged(self, event: Returned[str]) -> "Visitor":
        """The second answer."""
        return evolve(self, age=event.value)

    def greeting(self) -> str:
        """What the visitor hears."""
        return f"Hello {self.name}, {self.age}"


charge = Call(Charge, Visitor.charge)
ask_name = Wait(str, "name?", name="ask_name")
ask_age = Wait(str, "age?", name="ask_age")

reception = Machine(
    "reception",
    State(
        "charging",
        On(charge.returned, to="naming", update=Visitor.charged),
        On(charge.failed, to="refused"),
        do=charge,
    ),
    State("naming", On(ask_name.returned, to="aging", update=Visitor.named), do=ask_name),
    State("aging", On(ask_age.returned, to="greeting", update=Visitor.aged), do=ask_age),
    Final("greeting"),
    Final("refused", status="failed"),
    data=Visitor,
    result=Visitor.greeting,
)
CHARGE, NAME, AGE = 1, 2, 3  # the effects, in the order in which they are ordered

# -- side by side


@frozen
class Use(Effect[str], recovery="idempotent"):
    """Use a tool."""

    tool: str


@frozen
class Turn:
    """The tools that are to be used in one go, which of them somebody allows, and what came of these."""

    tools: tuple[str, ...]
    allowed: tuple[bool, ...] = ()
    results: tuple[str, ...] = ()

    def ask(self) -> list[Any]:
        """A question for each tool."""
        return [approve(f"use {tool}?") for tool in self.tools]

    def decide(self, event: Settled[bool]) -> "Turn":
        """All have been answered."""
        answers = (isinstance(one, Returned) and one.value for one in event.outcomes)
        return evolve(self, allowed=tuple(answers))

    def use(self) -> list[Use]:
        """The tools that are allowed."""
        pairs = zip(self.tools, self.allowed, strict=True)
        return [Use(tool) for tool, is_allowed in pairs if is_allowed]

    def used(self, event: Settled[str]) -> "Turn":
        """What came of them."""
        results = (one.value for one in event.outcomes if isinstance(one, Returned))
        return evolve(self, results=tuple(results))


approve = Wait(bool, name="approve")
ask_each = Each(approve, Turn.ask, name="ask_each")
use_each = Each(Use, Turn.use, name="use_each")

one_turn = Machine(
    "one_turn",
    State("asking", On(ask_each.settled, to="using", update=Turn.decide), do=ask_each),
    State("using", On(use_each.settled, to="done", update=Turn.used), do=use_each),
    Final("done"),
    data=Turn,
)


def desk(service: Service) -> Iterable[Handled]:
    """Who takes fees and uses tools."""

    async def take(order: Charge, context: Context) -> str:
        await service.work(context)
        return f"receipt for {order.cents}"

    async def use(order: Use, context: Context) -> str:
        await service.work(context)
        return f"{order.tool} used"

    return [handle(Charge, take), handle(Use, use)]


async def answering(answers: Mapping[str, object], run: Run[Any, Any]) -> None:
    """Answer what is open, in the order of the answers, a second after the one before."""
    async for _ in run.watch():
        opened = {one.question: one.id for one in await run.questions()}
        for question in answers:
            if question in opened:
                await sleep(1.0)
                await run.answer(opened[question], answers[question])
                break


def asked(*tools: str) -> list[str]:
    """What is asked about tools."""
    return [f"use {tool}?" for tool in tools]


TOOLS = ("mail", "pay", "delete")
ANSWERS: dict[str, object] = {"use delete?": True, "use mail?": False, "use pay?": True}

visit: Story[Visitor, str] = Story(
    reception, Visitor(500), desk, partial(answering, {"name?": "Ada", "age?": "36"})
)
turn: Story[Turn, Turn] = Story(one_turn, Turn(TOOLS), desk, partial(answering, ANSWERS), ties=True)
STORIES: dict[str, Story[Any, Any]] = {"one after the other": visit, "side by side": turn}
every_story = pytest.mark.parametrize("name", STORIES)


# -- every form


@every_story
def test_waiting_reading_and_replaying_come_to_the_same(name: str) -> None:
    assert play_in_all_forms(STORIES[name]).end.status == "completed"


@every_story
def test_a_kernel_may_take_over_after_any_entry(name: str) -> None:
    assert play_from_every_entry(STORIES[name])


# -- one after the other


class Process:
    """One process after the other, each with a kernel of its own, on one journal or one file."""

    def __init__(self, story: Story[Any, Any], kept: MemoryJournal | SQLite) -> None:
        self.story = story
        self.kept = kept
        self.service = Service()
        self.clock = VirtualClock()

    def does(self, act: Callable[[Kernel], Awaitable[T]]) -> T:
        """Open a kernel, do something, and end."""

        async def process() -> T:
            world = self.story.world(self.service, self.kept, self.clock)
            async with open_kernel(world) as kernel:
                return await act(kernel)

        return run_virtually(process, clock=self.clock)

    def starts(self) -> tuple[Question, ...]:
        """Begin the story: what is asked then."""

        async def act(kernel: Kernel) -> tuple[Question, ...]:
            run = await self.story.start(kernel)
            return await questions(run, kernel)

        return self.does(act)

    def answers(self, wait: int, value: object) -> tuple[Question, ...]:
        """Answer a question: what is asked then."""

        async def act(kernel: Kernel) -> tuple[Question, ...]:
            run = kernel.run(RUN)
            await run.answer(wait, value)
            return await questions(run, kernel)

        return self.does(act)

    def cannot_answer(self, wait: int, value: object, error: type[Exception]) -> None:
        """Answer a question in vain. Asserts that it is refused, and that nothing has changed."""

        async def act(kernel: Kernel) -> None:
            run = kernel.run(RUN)
            before = await run.snapshot()
            with pytest.raises(error):
                await run.answer(wait, value)
            assert await run.snapshot() == before

        self.does(act)

    def looks(self) -> Snapshot[Any]:
        """Where the story is."""
        return self.does(lambda kernel: kernel.run(RUN).snapshot())

    def ends(self) -> End:
        """How the story ends."""
        return self.does(lambda kernel: kernel.run(RUN).wait_end())


@pytest.fixture(params=["in memory", "on disk"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryJournal | SQLite:
    """Where everything is kept from one process to the next."""
    return MemoryJournal() if request.param == "in memory" else SQLite(tmp_path / "runs.db")


async def questions(run: Run[Any, Any], kernel: Kernel) -> tuple[Question, ...]:
    """What is asked once nothing is under way any more."""
    await trio.sleep(1.0)  # in virtual time, which passes when all is quiet, files too
    return await run.questions()


def test_two_questions_are_answered_in_two_other_processes(
    kept: MemoryJournal | SQLite,
) -> None:
    process = Process(visit, kept)

    first = process.starts()
    second = process.answers(NAME, "Ada")
    last = process.answers(AGE, "36")

    assert first == (Question(NAME, "ask_name", "name?"),)
    assert second == (Question(AGE, "ask_age", "age?"),)
    assert last == ()
    assert process.ends().value == "Hello Ada, 36"


def test_what_was_charged_is_not_charged_again_by_who_takes_over(
    kept: MemoryJournal | SQLite,
) -> None:
    process = Process(visit, kept)

    process.starts()
    process.answers(NAME, "Ada")
    process.answers(AGE, "36")

    assert process.service.calls == [(f"{RUN}/{CHARGE}", 1)]


def test_what_is_told_is_what_happened() -> None:
    told = play(visit).told[RUN]

    assert [one for one in map(in_short, told) if one] == [
        "enter charging",
        "call",
        "enter naming",
        "ask name?",
        "hear Ada",
        "enter aging",
        "ask age?",
        "hear 36",
        "enter greeting",
        "completed: Hello Ada, 36",
    ]


def in_short(one: Told) -> str:
    """What is told, in words; of what the visitor does not see, nothing."""
    match one:
        case StateEntered(state=state):
            return f"enter {state}"
        case CallStarted():
            return "call"
        case WaitOpened(question=question):
            return f"ask {question}"
        case WaitClosed(answer=answer):
            return f"hear {answer}"
        case RunFinished(status=status, value=value):
            return f"{status}: {value}"
        case _:
            return ""


def test_a_question_that_is_not_open_yet_cannot_be_answered(
    kept: MemoryJournal | SQLite,
) -> None:
    process = Process(visit, kept)
    process.starts()
    before = process.looks()

    process.cannot_answer(AGE, "36", NoSuchWait)

    assert process.looks() == before


def test_a_question_that_was_answered_cannot_be_answered_again(
    kept: MemoryJournal | SQLite,
) -> None:
    process = Process(visit, kept)
    process.starts()
    process.answers(NAME, "Ada")
    before = process.looks()

    process.cannot_answer(NAME, "Eve", AlreadyAnswered)

    assert process.looks() == before


def test_an_answer_of_another_type_is_refused(
    kept: MemoryJournal | SQLite,
) -> None:
    process = Process(visit, kept)
    process.starts()
    before = process.looks()

    process.cannot_answer(NAME, 36, WrongInput)

    assert process.looks() == before


def test_a_run_that_ended_has_no_questions(
    kept: MemoryJournal | SQLite,
) -> None:
    process = Process(visit, kept)
    process.starts()
    process.answers(NAME, "Ada")
    process.answers(AGE, "36")

    process.cannot_answer(AGE, "37", AlreadyAnswered)


# -- side by side


def test_each_tool_gets_its_own_answer() -> None:
    end = play(turn).end

    assert end.value == Turn(TOOLS, (False, True, True), ("pay used", "delete used"))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_answers_may_come_in_any_order_each_in_another_process(
    order: tuple[int, ...], kept: MemoryJournal | SQLite
) -> None:
    process = Process(turn, kept)
    opened = process.starts()
    allowed = (False, True, True)

    for place in order:
        process.answers(opened[place].id, allowed[place])

    assert [one.question for one in opened] == asked(*TOOLS)
    assert process.ends().value == Turn(TOOLS, allowed, ("pay used", "delete used"))
    assert len(process.service.calls) == 2


def test_what_was_answered_is_asked_no_more(
    kept: MemoryJournal | SQLite,
) -> None:
    process = Process(turn, kept)
    opened = process.starts()

    left = process.answers(opened[2].id, True)

    assert left == opened[:2]


def test_a_tool_that_nobody_allows_is_not_used() -> None:
    nobody = evolve(turn, person=partial(answering, dict.fromkeys(asked(*TOOLS), False)))

    played = play(nobody)

    assert played.end.value == Turn(TOOLS, (False, False, False), ())
    assert played.service.calls == []
