"""A refund that waits for an approval while its process is killed: another one takes over, and nothing is done twice.

Rule 1: processes are real ones, and the first is killed by SIGKILL between the question and the answer.
"""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define

from detent.kernel import replay, verify_log, visit
from detent.tools.stores import SQLite
from tests.stories.elsewhere import ROOT, command
from tests.stories.refund import AGENT, HOUR, RUN, Decision, agent, desk, start, take_over

QUESTION = "refund(order=7, amount=250)?"
WAIT = 3  # the third thing that the agent orders


@define(eq=False)
class Desk:
    """A desk whose first process was killed, and what the second has said."""

    folder: Path
    said: list[Any]

    @property
    def file(self) -> Path:
        """Where the desk keeps everything."""
        return self.folder / "runs.db"

    @property
    def calls(self) -> list[str]:
        """The tools that were called, over all processes."""
        return (self.folder / "calls").read_text().splitlines()

    def goes_on(self, *acts: str, ahead: float = 0.0) -> None:
        """Let a second process take over."""
        words = command(take_over, self.file, self.folder / "calls", ahead, *acts)
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        self.said = [json.loads(line) for line in done.stdout.splitlines()]

    def of(self, what: str) -> list[Any]:
        """What was said of a kind."""
        return [more for kind, *more in self.said if kind == what]

    def told(self, *kinds: str) -> list[str]:
        """What the agent's log tells of some kinds."""
        told = [one for run, _, one in self.of("told") if run == AGENT]
        return [one for one in told if one.split()[0] in kinds]

    async def log(self) -> tuple[bytes, ...]:
        """The log of the desk, with that of the agent."""
        async with SQLite(self.file).read() as journal:
            return await visit(journal, desk, agent).run(RUN).log()


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Desk]:
    """A desk whose process was killed after it had asked. In the end its log is looked at."""
    words = command(start, tmp_path / "runs.db", tmp_path / "calls")
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        said = json.loads(first.stdout.readline() or "null")
        first.send_signal(signal.SIGKILL)
    assert said == ["asked", WAIT, QUESTION]
    assert first.returncode == -signal.SIGKILL
    left = Desk(tmp_path, [])
    assert left.calls == ["lookup 7"]
    yield left
    log = trio.run(left.log)
    again = replay(log, desk)
    assert (again.divergence, again.changed) == (None, ())
    assert {RUN, AGENT} <= {*verify_log(log)}
    for run in (RUN, AGENT):
        seqs = [seq for of, seq, _ in left.of("told") if of == run]
        assert sorted({*seqs}) == list(range(1, max(seqs) + 1))


def test_the_question_is_still_open_and_an_approval_goes_through(left: Desk) -> None:
    left.goes_on("approve")

    assert left.of("done") == [["waiting", [WAIT]]]
    assert left.of("ended") == [["completed", "Refunded 250"]]
    assert left.calls == ["lookup 7", "refund 7 250"]
    assert left.told("CallStarted", "WaitOpened", "WaitClosed", "RunFinished") == [
        "CallStarted think",
        "CallStarted lookup",
        "WaitOpened approval",
        "WaitClosed approval",
        "CallStarted refund",
        "CallStarted think",
        "RunFinished completed",
    ]


def test_what_is_rejected_is_not_done(left: Desk) -> None:
    left.goes_on("reject")

    assert left.of("ended") == [["completed", "Refund denied: no receipt"]]
    assert left.calls == ["lookup 7"]


@pytest.mark.parametrize("ahead", [HOUR + 60, HOUR - 0.5], ids=["nobody was there", "by itself"])
def test_what_nobody_answers_is_rejected_after_an_hour(left: Desk, ahead: float) -> None:
    left.goes_on("wait", ahead=ahead)

    assert left.of("ended") == [["completed", "Refund denied: timeout"]]
    assert left.calls == ["lookup 7"]


def test_a_second_approval_is_refused_and_changes_nothing(left: Desk) -> None:
    left.goes_on("approve", "approve")

    assert left.of("refused")[0][-1] == "AlreadyAnswered"
    assert left.calls == ["lookup 7", "refund 7 250"]
    assert len(left.told("WaitClosed")) == 1


def test_an_approval_of_what_was_not_asked_is_refused(left: Desk) -> None:
    left.goes_on("approve another", "approve")

    assert left.of("refused") == [["waiting", [WAIT], "NoSuchWait"]]
    assert left.of("ended") == [["completed", "Refunded 250"]]


def test_desk_and_agent_are_cancelled_together_and_cannot_be_answered(left: Desk) -> None:
    left.goes_on("cancel", "wait", "approve")

    assert left.of("refused") == [["cancelled", [], "AlreadyAnswered"]]
    assert left.of("ended") == [["cancelled", None]]
    assert left.told("RunFinished") == ["RunFinished cancelled"]
    assert left.calls == ["lookup 7"]


def test_an_amount_that_is_changed_is_what_is_paid_and_both_are_in_the_log(left: Desk) -> None:
    left.goes_on("approve 90")

    assert left.of("ended") == [["completed", "Refunded 90"]]
    assert left.calls == ["lookup 7", "refund 7 90"]
    log = b"".join(trio.run(left.log))
    assert b'"amount":250' in log
    assert b'"amount":90' in log


def test_an_answer_that_came_while_no_process_was_there_is_heard_by_the_next(left: Desk) -> None:
    async def answer() -> str:
        async with SQLite(left.file).visit() as journal:
            run = visit(journal, desk, agent).run(AGENT)
            assert [one.question for one in await run.questions()] == [QUESTION]
            return (await run.answer(WAIT, Decision(True))).status

    assert trio.run(answer) == "stored"
    left.goes_on("wait")

    assert left.of("ended") == [["completed", "Refunded 250"]]
    assert left.calls == ["lookup 7", "refund 7 250"]
