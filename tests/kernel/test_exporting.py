"""The log of a run that a kernel has is the file that every tool opens."""

from typing import Any

import pytest
import trio
from attrs import frozen

from detent import (
    Call,
    Effect,
    Final,
    Machine,
    NoSuchRun,
    On,
    Returned,
    Spawn,
    State,
    Wait,
    WrongInput,
    handle,
    replay,
)
from detent.kernel import Ended, Key, Secret, read_log, verify_log
from detent.kernel.scheduler import Item
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import opened


@frozen
class Whisper(Effect[str], recovery="pure"):
    """Something long that nobody should hear."""

    text: Secret[str]


@frozen
class Gossip:
    """The data."""

    text: Secret[str] = ""
    heard: int = 0

    def whisper(self) -> Whisper:
        """What is ordered."""
        return Whisper(self.text)

    def hear(self, event: Returned[str]) -> "Gossip":
        """What came back."""
        return Gossip(self.text, len(event.value))

    def itself(self) -> "Gossip":
        """What a child begins with."""
        return self

    def count(self, event: Ended["Gossip"]) -> "Gossip":
        """What a child has heard."""
        return Gossip(self.text, 0 if event.result is None else event.result.heard)


whisper = Call(Whisper, Gossip.whisper)
ask = Wait(bool, "Is that all?")
inner: Machine[Gossip, Gossip, Gossip] = Machine(
    "inner",
    State("whispering", On(whisper.returned, to="done", update=Gossip.hear), do=whisper),
    Final("done"),
    data=Gossip,
)
child = Spawn(inner, Gossip.itself)
outer: Machine[Gossip, Gossip, Gossip] = Machine(
    "outer",
    State("telling", On(child.ended, to="asking", update=Gossip.count), do=child),
    State("asking", On(ask.returned, to="done"), do=ask),
    Final("done"),
    data=Gossip,
)


async def said(order: Whisper) -> str:
    """Long enough to lie beside the log."""
    return "hush" * 500


HANDLERS = [handle(Whisper, said)]
KEY = Key(b"sixteen bytes ok")


@virtually
async def test_a_log_holds_the_family_and_replays() -> None:
    async with opened(outer, handlers=HANDLERS, key=KEY, large=100) as kernel:
        run: Any = await kernel.start(outer, Gossip("psst"), id="r")
        while not await run.questions():
            await trio.lowlevel.checkpoint()
        so_far = await run.log()
        await run.answer(2, True)
        await run.wait_end()
        log = await run.log()

    assert set(verify_log(log)) == {"r", "r/1"}
    assert replay(log, outer, key=KEY).divergence is None
    assert log[: len(so_far)] == so_far
    assert not any(b"psst" in line for line in log)
    assert sum(line.startswith(b'{"blob"') for line in log) == 1
    runs = [line.run for line in read_log(log) if line.run]
    assert runs.index("r/1") > runs.index("r")


@virtually
async def test_a_long_run_is_read_in_pages() -> None:
    async with opened(outer, handlers=HANDLERS, key=KEY) as kernel:
        run: Any = await kernel.start(outer, Gossip("psst"), id="r")
        for n in range(450):
            kernel.engine.put(await kernel.engine.lives.awake("r"), Item(note={"$noted": [1, n]}))
        while not await run.questions():
            await trio.lowlevel.checkpoint()
        log = await run.log()

    assert len(verify_log(log)) == 2
    assert sum(b"$noted" in line for line in log) == 450


@virtually
async def test_without_a_key_nothing_secret_is_given_away() -> None:
    async with opened(outer, handlers=HANDLERS) as kernel:
        run: Any = await kernel.start(outer, Gossip("psst"), id="r")

        with pytest.raises(WrongInput, match="is sealed: give World a key"):
            await run.log()
        with pytest.raises(NoSuchRun):
            await kernel.run("nobody").log()
        await run.cancel()
