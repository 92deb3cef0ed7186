"""What is secret of an event does not lie plain in the inbox until somebody takes it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from detent import Event, Final, Machine, On, Spawn, State, Wait, WrongInput, visit
from detent.kernel import Journal, Key, Secret, seals_in
from detent.tools.stores import SQLite
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import SlowJournal, clock_here, opened, pause, told

Keep = Callable[[Path], Any]
KEY = Key(b"sixteen bytes ok")


@frozen
class Told(Event):
    """Something that nobody else may read."""

    text: Secret[str]


@frozen
class Close(Event):
    """Enough."""


@frozen
class Ear:
    """What was heard."""

    text: Secret[str] = ""

    def hear(self, event: Told) -> "Ear":
        """Remember it."""
        return evolve(self, text=event.text)

    def learn(self, event: Any) -> "Ear":
        """Remember what a child has heard."""
        return evolve(self, text=event.result.text)


listening: Machine[Ear, Ear, Ear] = Machine(
    "listening",
    State("s", On(Told, update=Ear.hear), On(Close, to="done")),
    Final("done"),
    data=Ear,
)
child: Spawn[Ear, Ear] = Spawn(listening, lambda ear: Ear(), name="child")
parent: Machine[Ear, Ear, Ear] = Machine(
    "parent",
    State("s", On(child.ended, to="done", update=Ear.learn), do=child),
    Final("done"),
    data=Ear,
)


@frozen
class Count:
    """How much was heard."""

    letters: int = 0

    def hear(self, event: Told) -> "Count":
        """Count it."""
        return Count(self.letters + len(event.text))


deaf: Machine[Count, Count, Count] = Machine(
    "deaf", State("s", On(Told, update=Count.hear), On(Close, to="done")), Final("done"), data=Count
)


@asynccontextmanager
async def in_memory(path: Path) -> AsyncGenerator[Journal]:
    """A journal that takes its time."""
    yield SlowJournal(1)


def in_a_file(path: Path) -> Any:
    """A journal in a file."""
    return SQLite(path / "runs.db").open()


both = pytest.mark.parametrize("keep", [in_memory, in_a_file], ids=["memory", "file"])


def outside(journal: Any, *machines: Any, key: Key | None = KEY) -> Any:
    """Somebody who visits a run, in this test's time."""
    return visit(journal, *machines, clock=clock_here(), chance=Random(1), key=key).run("r")


def texts(folder: Path) -> list[bytes]:
    """What is in the files of a folder."""
    return [path.read_bytes() for path in folder.iterdir()]


async def left(journal: Journal) -> None:
    """A run waits, and nobody drives it."""
    async with opened(listening, journal=journal, key=KEY) as kernel:
        await kernel.start(listening, Ear(), id="r")


@both
@virtually
async def test_what_is_sent_from_outside_is_sealed_until_it_is_taken(
    keep: Keep, tmp_path: Path
) -> None:
    async with keep(tmp_path) as journal:
        await left(journal)
        await outside(journal, listening).send(Told("psst"), key="k")
        assert "psst" not in repr(await journal.inbox("r"))
        assert not any(b"psst" in text for text in texts(tmp_path))

        async with opened(listening, journal=journal, key=KEY) as kernel:
            await trio.sleep(1)
            assert (await kernel.run("r").snapshot()).data.text == "psst"
            assert await journal.inbox("r") == ()
            await kernel.run("r").cancel()


@both
@virtually
async def test_who_has_no_key_cannot_send_what_is_secret(keep: Keep, tmp_path: Path) -> None:
    async with keep(tmp_path) as journal:
        async with opened(deaf, journal=journal, key=KEY) as kernel:
            await kernel.start(deaf, Count(), id="r")
        stranger = outside(journal, deaf, key=None)

        with pytest.raises(
            WrongInput, match=r"run 'r': what is sent .* there is no key for it: visit"
        ):
            await stranger.send(Told("psst"))
        assert await journal.inbox("r") == ()
        assert (await stranger.send(Close())).status == "stored"


@virtually
async def test_what_was_erased_before_it_was_taken_is_noted() -> None:
    journal = SlowJournal(1)
    await left(journal)
    await outside(journal, listening).send(Told("psst"), key="k")
    (waiting,) = await journal.inbox("r")
    await journal.erase(seals_in(waiting.event))

    async with opened(listening, journal=journal, key=KEY) as kernel:
        await pause(30)
        assert (await kernel.run("r").snapshot()).data.text == ""
        assert told(await journal.entries("r"))[-1] == "undelivered"
        assert await journal.inbox("r") == ()
        await kernel.run("r").cancel()


@virtually
async def test_what_is_left_for_a_run_that_has_changed_is_sealed_too() -> None:
    journal = SlowJournal(1)
    await left(journal)
    ask: Wait[Ear, bool] = Wait(bool, "Well?", name="ask")
    ear: Machine[Ear, Ear, Ear] = Machine(
        "listening",
        State("s", On(Told, update=Ear.hear), On(Close, to="t")),
        State("t", On(ask.returned, to="done"), do=ask),
        Final("done"),
        data=Ear,
    )

    await outside(journal, ear).send(Told("psst"), key="k")
    with pytest.raises(WrongInput, match="there is no key for it"):
        await outside(journal, ear, key=None).send(Told("hush"))

    assert [one.key for one in await journal.inbox("r")] == ["k"]
    assert "psst" not in repr(await journal.inbox("r"))
    async with opened(listening, journal=journal, key=KEY) as kernel:
        await pause(30)
        assert (await kernel.run("r").snapshot()).data.text == "psst"
        await kernel.run("r").cancel()


class Watched(SlowJournal):
    """A journal that remembers what it has put into inboxes."""

    def __init__(self) -> None:
        super().__init__(1)
        self.sent: list[Any] = []

    async def append(self, batch: Any) -> Any:
        """See Journal."""
        self.sent += [sent for write in batch for sent in write.sends]
        return await super().append(batch)


@virtually
async def test_what_a_child_comes_to_is_sealed_on_its_way_to_its_parent() -> None:
    journal = Watched()
    async with opened(parent, journal=journal, key=KEY) as kernel:
        run = await kernel.start(parent, Ear(), id="r")
        await kernel.run("r/1").send(Told("psst"))
        await kernel.run("r/1").send(Close())
        end = await run.wait_end()

    assert end.value == Ear("psst")
    (sent,) = journal.sent
    assert "psst" not in repr(sent.event)
