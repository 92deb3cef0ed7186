"""Lines: each says whose it is, whoever writes it, and nothing of it is left where the host is."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import trio
from attrs import frozen

from detent import Context, Fails, Final, Machine, On, Returned, Secret, State, Wait, World, handle
from detent.kernel import (
    BreakerChanged,
    CallFailed,
    ChildEnded,
    Key,
    MemoryJournal,
    RunBroke,
    RunFinished,
    Told,
    open_kernel,
)
from detent.tools.telemetry.lines import Lines, level_of
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import Add, Close, clock_here, counting
from tests.tools.telemetry.traces import Dig, Errand, Look, Recall, errand

Line = dict[str, Any]
WHERE = ("run", "machine", "state", "effect", "attempt")


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """What is written, by a host that merges context variables."""
    written: list[Line] = []

    def keep(logger: Any, method: str, line: Any) -> Any:
        written.append(dict(line, level=method))
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
    yield written
    structlog.reset_defaults()


def world_of(*taps: Any, **options: Any) -> World:
    """Somebody who looks twice, and digs in a thread; both say so."""
    log = structlog.get_logger()

    async def look(order: Look, context: Context) -> int:
        log.info("looking")
        if context.attempt == 1:
            raise Fails("it is dark")
        structlog.contextvars.bind_contextvars(found="gold")
        log.info("found it")
        return 7

    def dig(order: Dig) -> int:
        assert threading.current_thread() is not threading.main_thread()
        log.info("digging")
        return order.depth

    handlers = [handle(Look, look), handle(Dig, dig)]
    return World(errand, handlers=handlers, taps=taps, clock=clock_here(), **options)


def short(line: Line) -> tuple[Any, ...]:
    """A line in a few words."""
    return line["level"], line["event"], line["run"], line["state"], line.get("effect")


async def dig_up(kernel: Any) -> None:
    """A whole errand."""
    run = await kernel.start(errand, Errand(), id="r")
    await trio.sleep(3)
    (question,) = await run.questions()
    await run.answer(question.id, True)
    await run.wait_end()


@virtually
async def test_every_thing_told_is_a_line_that_says_run_state_and_effect(lines: list[Line]) -> None:
    async with open_kernel(world_of(Lines())) as kernel:
        await dig_up(kernel)

    told = [line for line in lines if "seq" in line]
    assert [short(line) for line in told[:12]] == [
        ("info", "run started", "r", "looking", None),
        ("info", "state entered", "r", "outside", None),
        ("info", "state entered", "r", "looking", None),
        ("info", "call started", "r", "looking", 1),
        ("warning", "call failed", "r", "looking", 1),
        ("warning", "retry scheduled", "r", "looking", 1),
        ("info", "call started", "r", "looking", 1),
        ("info", "call finished", "r", "looking", 1),
        ("info", "state left", "r", "looking", None),
        ("info", "state entered", "r", "asking", None),
        ("info", "wait opened", "r", "asking", 2),
        ("info", "wait closed", "r", "asking", 2),
    ]
    assert short(told[-1]) == ("info", "run finished", "r", "home", None)
    assert {line["machine"] for line in told} == {"errand", "digging"}
    assert (told[4]["problem"], told[4]["message"], told[5]["due"]) == (
        "Fails",
        "it is dark",
        told[4]["at"] + 1_000_000,
    )


@virtually
async def test_what_ends_says_how_long_it_has_lasted(lines: list[Line]) -> None:
    async with open_kernel(world_of(Lines())) as kernel:
        await dig_up(kernel)

    lasted = {(line["run"], line["event"]): line["seconds"] for line in lines if "seconds" in line}
    assert lasted["r", "call finished"] == 1.0
    assert lasted["r", "wait closed"] == 2.0
    assert lasted["r", "run finished"] == 3.0
    assert ("r", "call failed") not in lasted


@virtually
async def test_what_handlers_write_says_where_they_are_also_in_threads(lines: list[Line]) -> None:
    async with open_kernel(world_of(Lines())) as kernel:
        await dig_up(kernel)

    theirs = [line for line in lines if "seq" not in line]
    assert [(line["event"], *(line[key] for key in WHERE)) for line in theirs] == [
        ("looking", "r", "errand", "looking", 1, 1),
        ("looking", "r", "errand", "looking", 1, 2),
        ("found it", "r", "errand", "looking", 1, 2),
        ("digging", "r/3", "digging", "at work", 1, 1),
    ]


@virtually
async def test_nothing_is_bound_where_the_host_is_nor_in_what_follows(lines: list[Line]) -> None:
    structlog.contextvars.bind_contextvars(request="7")
    async with open_kernel(world_of(Lines())) as kernel:
        await dig_up(kernel)
        bound = structlog.contextvars.get_contextvars()
    structlog.contextvars.clear_contextvars()

    assert bound == {"request": "7"}
    assert {line["request"] for line in lines} == {"7"}
    told = [line for line in lines if "seq" in line]
    assert not [line for line in told if "found" in line]
    assert not [line for line in told if line["event"] == "state entered" and "effect" in line]


@virtually
async def test_the_logger_may_be_anothers(lines: list[Line]) -> None:
    logger = structlog.get_logger().bind(service="shop")
    async with open_kernel(world_of(Lines(logger))) as kernel:
        await dig_up(kernel)

    assert {line["service"] for line in lines if "seq" in line} == {"shop"}


@frozen
class Vault:
    """What must not be written, and what may."""

    code: Secret[str] = ""
    word: str = ""

    def keep(self, event: Returned[str]) -> "Vault":
        """What was answered."""
        return Vault(self.code, event.value)


asking: Wait[Vault, str] = Wait(str, "What is the word?")
vault = Machine(
    "vault",
    State("open", On(asking.returned, to="shut", update=Vault.keep), do=asking),
    Final("shut"),
    data=Vault,
)


async def shut(lines: Lines) -> None:
    """Put a word into a vault."""
    world = World(
        vault, taps=[lines], journal=MemoryJournal(), key=Key(b"sixteen bytes at least"),
        clock=clock_here(),
    )  # fmt: skip
    async with open_kernel(world) as kernel:
        run = await kernel.start(vault, Vault("1234"), id="r")
        (question,) = await run.questions()
        await run.answer(question.id, "sesame")
        await run.wait_end()


@virtually
async def test_nothing_of_the_authors_is_written(lines: list[Line]) -> None:
    await shut(Lines())

    assert "sesame" not in repr(lines)
    assert "What is the word?" not in repr(lines)


@virtually
async def test_values_are_written_if_they_are_asked_for_and_secrets_never(
    lines: list[Line],
) -> None:
    await shut(Lines(values=True))

    assert [line["answer"] for line in lines if line["event"] == "wait closed"] == ["sesame"]
    assert [line["question"] for line in lines if line["event"] == "wait opened"] == [
        "What is the word?"
    ]
    assert "1234" not in repr(lines)
    assert "$sealed" in repr(lines)


@virtually
async def test_events_that_were_sent_are_called_otherwise_than_the_line(lines: list[Line]) -> None:
    machine = counting()
    async with open_kernel(World(machine, taps=[Lines()], clock=clock_here())) as kernel:
        run = await kernel.start(machine, machine.data(), id="r")
        await run.send(Add(), key="a")
        await run.send(Close())

    taken = [line for line in lines if line["event"] == "event taken"]
    assert [line["event_name"] for line in taken] == ["Add", "Close"]
    assert ["cause" in line for line in taken] == [False, False]


WHERE_IT_IS = ("r", 1, 0)


@pytest.mark.parametrize(
    ("told", "level"),
    [
        (RunFinished(*WHERE_IT_IS, "completed", None, ()), "info"),
        (RunFinished(*WHERE_IT_IS, "cancelled", None, ()), "info"),
        (RunFinished(*WHERE_IT_IS, "failed", None, ()), "error"),
        (RunFinished(*WHERE_IT_IS, "timed_out", None, ()), "error"),
        (RunBroke(*WHERE_IT_IS, "", "", "", "", ""), "error"),
        (CallFailed(*WHERE_IT_IS, 1, "f", 1, "in_doubt", "crash"), "warning"),
        (CallFailed(*WHERE_IT_IS, 1, "f", 1, "stopped", ""), "info"),
        (ChildEnded(*WHERE_IT_IS, 1, "f", "r/1", "failed"), "warning"),
        (ChildEnded(*WHERE_IT_IS, 1, "f", "r/1", "completed"), "info"),
        (BreakerChanged(*WHERE_IT_IS, "shop", "open"), "warning"),
        (BreakerChanged(*WHERE_IT_IS, "shop", "closed"), "info"),
    ],
)
def test_a_line_is_as_loud_as_what_it_tells(told: Told, level: str) -> None:
    assert level_of(told) == level


@virtually
async def test_a_run_that_is_recalled_says_what_was_stopped(lines: list[Line]) -> None:
    async with open_kernel(world_of(Lines())) as kernel:
        run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(3)
        await run.send(Recall())
        await run.wait_end()

    (closed,) = [line for line in lines if line["event"] == "wait closed"]
    assert (closed["how"], closed["state"], closed["seconds"]) == ("stopped", "asking", 2.0)
