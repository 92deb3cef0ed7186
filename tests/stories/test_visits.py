"""A file that one process drives, or none, and another comes to: it sends, answers and cancels."""

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from detent import (
    Cancelled,
    Event,
    Final,
    Limits,
    Machine,
    On,
    Returned,
    State,
    StoreInUse,
    Wait,
    World,
    open_kernel,
    visit,
)
from detent.tools.stores import SQLite
from tests.stories.elsewhere import ROOT, command

LONG = 60.0  # seconds until something is surely wrong


@frozen
class Note(Event):
    """A word for the record."""

    text: str


@frozen
class Notes:
    """All words so far, and what was answered."""

    texts: tuple[str, ...] = ()
    is_well: bool | None = None

    def add(self, event: Note) -> "Notes":
        """One more."""
        return evolve(self, texts=(*self.texts, event.text))

    def judge(self, event: Returned[bool]) -> "Notes":
        """What somebody thinks of them."""
        return evolve(self, is_well=event.value)


ask = Wait(bool, "Is it well?")
notes = Machine(
    "notes",
    State(
        "open",
        On(Note, update=Notes.add),
        On(ask.returned, to="closed", update=Notes.judge),
        On(Cancelled),
        do=ask,
    ),
    Final("closed"),
    data=Notes,
)


async def come(path: str) -> None:
    """What the other process does; it says what became of it."""
    async with SQLite(path).visit() as journal:
        visitor = visit(journal, notes)
        run = visitor.run("kept")
        said = [await run.send(Note("one"), key="1"), await run.send(Note("one"), key="1")]
        await run.send(Note("two"), key="2")
        (question,) = await run.questions()
        said.append(await run.answer(question.id, True))
        await visitor.run("dropped").cancel("from outside")
        print(*(receipt.status for receipt in said))
    try:
        async with SQLite(path).open():
            print("driven twice")
    except StoreInUse:
        print("in use")


@pytest.mark.parametrize("is_there", [True, False], ids=["while driven", "while nobody drives"])
def test_another_process_sends_answers_and_cancels(tmp_path: Path, is_there: bool) -> None:
    store = SQLite(tmp_path / "runs.db")
    world = World(notes, store=store, limits=Limits(grace=1.0))
    called = partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, check=True)
    words: list[str] = []

    async def visited(path: Path) -> None:
        process: Any = await trio.to_thread.run_sync(called, command(come, path))
        words.extend(process.stdout.split("\n"))

    async def main() -> tuple[Any, Any]:
        async with open_kernel(world) as kernel:
            for name in ("kept", "dropped"):
                await kernel.start(notes, Notes(), id=name)
            if is_there:
                await visited(tmp_path / "runs.db")
                return await ends(kernel)
        await visited(tmp_path / "runs.db")
        async with open_kernel(world) as kernel:
            return await ends(kernel)

    async def ends(kernel: Any) -> tuple[Any, Any]:
        with trio.fail_after(LONG):
            return await kernel.run("kept").wait_end(), await kernel.run("dropped").wait_end()

    kept, dropped = trio.run(main)

    assert (kept.status, kept.value) == ("completed", Notes(("one", "two"), True))
    assert dropped.status == "cancelled"
    assert words[0] == "stored duplicate stored"
    assert words[1] == ("in use" if is_there else "driven twice")
