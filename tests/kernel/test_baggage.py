"""What runs carry along: recorded once, the same for all runs inside them, whoever goes on with them."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from detent import Context, FrozenMap, WrongInput, handle
from detent.kernel import Header, MemoryJournal, fork, read_header, read_log
from detent.kernel.entries import write_header
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import Add, Again, Data, call, counting, doing, opened, spawning

PLAIN = Header("r", "m", "s", "u", 5)
COUNTING = counting()
FAMILY = spawning(doing(call(Again), name="inside"))


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_a_header_with_baggage_is_read_back(words: dict[str, str]) -> None:
    header = write_header(evolve(PLAIN, baggage=FrozenMap(words)))

    read = read_header(header.body)

    assert (read, dict(read.baggage)) == (header, words)
    assert read.hash == header.hash


def test_a_header_without_baggage_is_what_it_always_was() -> None:
    header = write_header(PLAIN)

    assert header.body == b'{"detent":1,"run":"r","machine":"m","shape":"s","rules":"u","at":5}'
    assert read_header(header.body).baggage == {}


def test_names_stand_in_their_order() -> None:
    header = write_header(evolve(PLAIN, seed=1, baggage=FrozenMap(b="2", a="1")))

    assert header.body.endswith(b'"seed":1,"baggage":{"a":"1","b":"2"}}')


def test_what_has_no_spelling_is_refused() -> None:
    with pytest.raises(WrongInput, match=r"baggage 'tenant': .* has no spelling"):
        write_header(evolve(PLAIN, baggage=FrozenMap(tenant="\ud800")))


@virtually
async def test_a_handler_sees_what_its_run_carries_also_in_a_child_and_after_a_restart() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def look(order: Again, context: Context) -> int:
        seen.append((context.run, dict(context.baggage)))
        return 1

    journal = MemoryJournal()
    async with opened(FAMILY, COUNTING, handlers=[handle(Again, look)], journal=journal) as kernel:
        run = await kernel.start(FAMILY, Data(), id="r", baggage={"tenant": "7"})
        await run.wait_end()
        await kernel.start(COUNTING, Data(), id="idle", baggage={"tenant": "8"})
    async with opened(FAMILY, COUNTING, handlers=[handle(Again, look)], journal=journal) as kernel:
        await kernel.run("idle").send(Add())
        live = await kernel.engine.lives.awake("idle")
        assert live.header.baggage == {"tenant": "8"}

    assert seen == [("r/1", {"tenant": "7"})]


@virtually
async def test_a_world_says_what_its_runs_carry_and_who_starts_one_has_the_last_word() -> None:
    def carried() -> dict[str, str]:
        return {"tenant": "of the world", "trace": "1"}

    async with opened(COUNTING, baggage=carried) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r", baggage={"tenant": "7"})
        batch = await kernel.batch(COUNTING, [Data()], id="b", baggage={"tenant": "9"})
        lines = [*await run.log(), *await batch.log()]
        await batch.cancel()

    headers = [line.what for line in read_log(lines) if isinstance(line.what, Header)]
    assert [(one.run, dict(one.baggage)) for one in headers] == [
        ("r", {"tenant": "7", "trace": "1"}),
        ("b", {"tenant": "9", "trace": "1"}),
        ("b/1", {"tenant": "9", "trace": "1"}),
    ]


@virtually
async def test_a_run_that_is_known_keeps_the_baggage_it_has() -> None:
    async with opened(COUNTING) as kernel:
        await kernel.start(COUNTING, Data(), id="r", baggage={"tenant": "7"})
        await kernel.start(COUNTING, Data(), id="r", baggage={"tenant": "8"})
        live = await kernel.engine.lives.awake("r")

    assert live.header.baggage == {"tenant": "7"}


@virtually
async def test_baggage_that_is_no_text_is_refused_and_nothing_begins() -> None:
    wrong: Any = {"tenant": 7}
    async with opened(COUNTING) as kernel:
        with pytest.raises(WrongInput, match="baggage 'tenant': 7: it is texts by name"):
            await kernel.start(COUNTING, Data(), id="r", baggage=wrong)
        with pytest.raises(WrongInput, match="has no spelling"):
            await kernel.start(COUNTING, Data(), id="r", baggage={"tenant": "\ud800"})

        assert await kernel.runs() == ()


@virtually
async def test_a_fork_carries_what_its_parent_carries() -> None:
    async with opened(COUNTING) as kernel:
        run = await kernel.start(COUNTING, Data(), id="r", baggage={"tenant": "7"})
        await run.send(Add())
        forked = fork(await run.log(), 1, "f")

    assert forked.header.baggage == {"tenant": "7"}
