"""Questions that are answered in other processes, on one file: what was done before is not done again.

The machines and what they are asked in one process are in runs/test_questions.py; here every process is a real one,
which ends after one answer, or is killed.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from attrs import frozen

from detent import Context, World, handle, open_kernel
from detent.kernel import DetentError
from detent.tools.stores import SQLite
from tests.stories.elsewhere import ROOT, command
from tests.stories.runs.forms import RUN
from tests.stories.runs.test_questions import (
    AGE,
    CHARGE,
    NAME,
    TOOLS,
    Charge,
    Turn,
    Use,
    Visitor,
    one_turn,
    reception,
)

FIRST = 1  # the id of the first question about a tool
INPUTS: dict[str, tuple[Any, Any]] = {
    "reception": (reception, Visitor(500)),
    "one_turn": (one_turn, Turn(TOOLS)),
}


async def process(file: str, calls: str, machine: str, *answers: str) -> None:
    """Begin the run or go on with it; answer; and say what was refused, what is asked then, and how it ended."""

    async def done(order: Charge | Use, context: Context) -> str:
        written = os.open(calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(written, f"{context.key}\n".encode())
        os.close(written)
        return f"{order.tool} used" if isinstance(order, Use) else f"receipt for {order.cents}"

    served, input = INPUTS[machine]
    handlers = [handle(Charge, done), handle(Use, done)]
    async with open_kernel(World(served, handlers=handlers, store=SQLite(file))) as kernel:
        run = await kernel.start(served, input, id=RUN)
        for answer in answers:
            wait, value = json.loads(answer)
            try:
                await run.answer(wait, value)
            except DetentError as error:
                print(json.dumps(type(error).__name__))
        async for _ in run.watch():
            if (await run.snapshot()).end is not None or await run.questions():
                break
        print(json.dumps([one.question for one in await run.questions()]))
        if (await run.snapshot()).end is not None:
            came: Any = (await run.wait_end()).value
            print(json.dumps(came if isinstance(came, str) else came.results))
        if machine == "reception":
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)


@frozen
class File:
    """A file that one process after the other has."""

    folder: Path
    machine: str

    def process(self, *answers: tuple[int, object]) -> list[Any]:
        """What a process says that answers something."""
        where = (self.folder / "runs.db", self.folder / "calls", self.machine)
        words = command(process, *where, *map(json.dumps, answers))
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.stderr == ""
        return [json.loads(line) for line in done.stdout.splitlines()]

    @property
    def calls(self) -> list[str]:
        """What was done, over all processes."""
        return (self.folder / "calls").read_text().splitlines()


def test_two_questions_are_answered_by_two_other_processes_and_each_is_killed(
    tmp_path: Path,
) -> None:
    file = File(tmp_path, "reception")

    assert file.process() == [["name?"]]
    assert file.process((AGE, "36")) == ["NoSuchWait", ["name?"]]
    assert file.process((NAME, "Ada")) == [["age?"]]
    assert file.process((NAME, "Eve"), (AGE, 36)) == ["AlreadyAnswered", "WrongInput", ["age?"]]
    assert file.process((AGE, "36")) == [[], "Hello Ada, 36"]
    assert file.calls == [f"{RUN}/{CHARGE}"]


def test_three_questions_are_answered_last_first_by_three_processes(tmp_path: Path) -> None:
    file = File(tmp_path, "one_turn")
    mail, pay, delete = (FIRST + place for place in range(3))

    assert file.process() == [["use mail?", "use pay?", "use delete?"]]
    assert file.process((delete, True)) == [["use mail?", "use pay?"]]
    assert file.process((mail, False)) == [["use pay?"]]
    assert file.process((pay, True)) == [[], ["pay used", "delete used"]]
    assert len(file.calls) == 2
