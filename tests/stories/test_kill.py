"""A process that is killed while it works, again and again: what was acknowledged is there, and nothing is done twice.

Rule 1: a kill is SIGKILL, and comes while work goes on: after some time, after an entry, or in the middle of a call.
Rule 2: half of the processes wait for the disk at every commit (`durability="full"`).
Rule 3: what is asked of the file in the end does not depend on when the kills came. The seed is told if it fails;
        DETENT_SEED=... tries it again, as far as two processes can do the same twice.
"""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

import pytest
import trio
from attrs import define, field

from detent.kernel import Journal, Visited, Visitor, replay, verify_log, visit
from detent.tools.stores import SQLite
from tests.settings import LONG
from tests.stories.elsewhere import ROOT, command, lines_of
from tests.stories.toil import EXPECTED, Note, day, tags_of, toil

KILLS = 70 if LONG else 7  # in each of three ways
STARTED = 2  # runs that each process begins
PATIENCE = 40.0  # seconds that a process may take for what it is to do
ENOUGH = 3.0  # seconds after which a process is killed that has not killed itself
MOST = 10_000

WATCH = 1  # the id of what is done in the background: it is ordered first

Sent = tuple[str, int]  # a run, and the number of a note, or of a question


def is_doomed(run: str) -> bool:
    """Whether a run is to be cancelled while it works."""
    return int(run.removeprefix("run-")) % 4 == 3


@define(eq=False)
class Victim:
    """A process that works: it can be told something, and is visited from here."""

    process: trio.Process
    visitor: Visitor
    done: trio.Event = field(factory=trio.Event)
    lock: trio.Lock = field(factory=trio.Lock)

    async def tell(self, *words: object) -> None:
        """Say a line to the process, if it is still there."""
        stdin: Any = self.process.stdin
        async with self.lock:
            try:
                await stdin.send_all((" ".join(map(str, words)) + "\n").encode())
            except trio.BrokenResourceError:
                assert await self.process.wait() == -signal.SIGKILL


@define(eq=False)
class Victims:
    """One process after the other on one file: what they have acknowledged, and what is left to be asked of them."""

    folder: Path
    chance: Random
    runs: list[str] = field(factory=list[str])
    started: set[str] = field(factory=set[str])
    ended: set[str] = field(factory=set[str])
    sent: set[Sent] = field(factory=set[Sent])
    answered: set[Sent] = field(factory=set[Sent])
    cancelled: set[str] = field(factory=set[str])
    kills: int = 0
    cut: int = 0

    @property
    def store(self) -> SQLite:
        """The file."""
        return SQLite(self.folder / "runs.db")

    @property
    def calls(self) -> Path:
        """Where handlers write down what they have done."""
        return self.folder / "calls"

    async def work_until_killed(self, way: str) -> None:
        """Let a process begin some runs, and go on with others, until it is killed."""
        self.runs += [f"run-{len(self.runs) + n}" for n in range(STARTED)]
        entry = self.chance.randint(1, 120) if way == "after an entry" else 0
        call = self.chance.randint(1, 16) if way == "in a call" else 0
        time = self.chance.random() * 0.2 if way == "after some time" else ENOUGH
        async with self.process(entry, call) as victim:
            with trio.move_on_after(time):
                await victim.process.wait()
            victim.process.kill()
            assert await victim.process.wait() == -signal.SIGKILL, self.complaint
        self.kills += 1
        async with self.store.read() as journal:
            self.cut += bool(await journal.find(in_flight=True, limit=1))

    async def finish(self) -> None:
        """Let a process go on until all runs have ended."""
        async with self.process() as victim:
            if self.ended != {*self.runs}:
                await victim.done.wait()
            stdin: Any = victim.process.stdin
            await stdin.aclose()
            assert await victim.process.wait() == 0, self.complaint

    @asynccontextmanager
    async def process(self, entry: int = 0, call: int = 0) -> AsyncGenerator[Victim]:
        """A process that is ready to work, and is asked for everything that is left."""
        durability = self.chance.choice(("normal", "full"))
        what = [self.store.path, self.calls, entry, call, durability]
        with (self.folder / "errors").open("ab") as errors, trio.fail_after(PATIENCE):
            process = await trio.lowlevel.open_process(
                command(toil, *what),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
            )
            said: Any = process.stdout
            lines = lines_of(said)
            try:
                is_ready = await anext(lines, None) == [
                    "ready"
                ]  # it may be killed as it takes up work
                assert is_ready or await process.wait() == -signal.SIGKILL, self.complaint
                async with self.store.visit() as journal, trio.open_nursery() as nursery:
                    victim = Victim(process, visit(journal, day))
                    nursery.start_soon(self.listen, victim, lines, nursery)
                    for run in self.runs:
                        how = self.ask if run in self.started else self.start
                        nursery.start_soon(how, victim, run)
                    yield victim
            finally:
                process.kill()

    @property
    def complaint(self) -> str:
        """What processes have complained of."""
        return (self.folder / "errors").read_text()

    async def listen(
        self, victim: Victim, lines: AsyncIterator[list[str]], nursery: trio.Nursery
    ) -> None:
        """Hear what a process says, until it is no more."""
        async for words in lines:
            self.hear(victim, words, nursery)

    async def start(self, victim: Victim, run: str) -> None:
        """Have a run begun."""
        await victim.tell("start", run)

    def hear(self, victim: Victim, words: list[str], nursery: trio.Nursery) -> None:
        """Note what is acknowledged."""
        match words:
            case ["started", run]:
                self.started.add(run)
                nursery.start_soon(self.ask, victim, run)
            case ["sent", run, number, "accepted" | "duplicate"]:
                self.sent.add((run, int(number)))
            case ["sent", run, _, "rejected" | "ignored"] if is_doomed(run):
                pass
            case ["answered", run, question]:
                self.answered.add((run, int(question)))
            case ["cancelled", run, status]:
                assert status != "running"
                self.cancelled.add(run)
            case ["ended", run, status] if status == "completed" or is_doomed(run):
                assert status in ("completed", "cancelled")
                self.ended.add(run)
                if self.ended == {*self.runs}:
                    victim.done.set()
            case ["bye"]:
                pass
            case _:
                raise AssertionError(words)

    async def ask(self, victim: Victim, run: str) -> None:
        """Send a run what was not acknowledged yet, one way or the other, and ask for its end."""
        for number in range(EXPECTED):
            if (run, number) in self.sent:
                continue
            if is_doomed(run) or self.chance.random() < 0.5:
                await victim.tell("send", run, number)
            else:
                receipt = await victim.visitor.run(run).send(Note(number), key=f"note {number}")
                assert receipt.status in ("stored", "duplicate")
                self.sent.add((run, number))
        if is_doomed(run) and run not in self.cancelled:
            await victim.tell("cancel", run)
        if run not in self.ended:
            await victim.tell("end", run)


# -- what is there in the end


async def check(victims: Victims) -> None:
    """Everything that was acknowledged is there, once; nothing was done twice; logs are whole, and replay."""
    called = Counter(victims.calls.read_text().splitlines())
    twice = {
        call for call, times in called.items() if times > 1 and call.startswith(("once ", "ship "))
    }
    assert twice == set()
    async with victims.store.read() as journal:
        found = dict(await journal.find(limit=MOST))
        assert {run for run in found if "/" not in run} == {*victims.runs}
        for run, standing in found.items():
            is_cancelled = standing.status == "cancelled" and is_doomed(run.partition("/")[0])
            assert is_cancelled or standing.status == "completed"
        for run in victims.runs:
            await check_log(visit(journal, day).run(run))
        for run in found:
            await check_run(journal, victims, run, called)


async def check_log(run: Visited[Any, Any]) -> None:
    """The log of a run and those inside it is whole, and replays."""
    log = await run.log()
    heads, again = verify_log(log), replay(log, day)
    assert heads[run.id]
    assert (again.divergence, again.changed) == (None, ())


async def check_run(journal: Journal, victims: Victims, run: str, called: Counter[str]) -> None:
    """Each note was taken once, each answer heard, and of each call that was made it is known what came of it."""
    entries = await journal.entries(run, limit=MOST)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    keys = Counter(entry.key for entry in entries if str(entry.key).startswith("note "))
    assert {*keys.values()} <= {1}
    taken = {(run, int(str(key).removeprefix("note "))) for key in keys}
    assert {one for one in victims.sent if one[0] == run} <= taken
    events: list[Any] = [entry.event for entry in entries if "$happened" in tags_of(entry)]
    heard = dict(event["$happened"] for event in events)
    returned = {effect for effect, outcome in heard.items() if outcome["$"] == "Returned"}
    assert {question for one, question in victims.answered if one == run} <= returned
    made = {int(call.rpartition("/")[2]) for call in called if call.startswith(f"once {run}/")}
    known = {effect for effect, out in heard.items() if out["$"] in ("Returned", "InDoubt")}
    assert made <= known
    shipped = {int(call.rpartition("/")[2]) for call in called if call.startswith(f"ship {run}/")}
    if run in victims.runs and not is_doomed(run):
        now = (await visit(journal, day).run(run).snapshot()).data
        assert sorted(now.notes) == list(range(EXPECTED))
        assert now.paid <= len(made) <= now.paid + now.doubts
        assert shipped <= returned
        assert now.shipped == len(shipped)
        watches = [event for event in events if event["$happened"][0] == WATCH]
        assert (len(watches), now.watched <= 1) == (1, True)
        assert called[f"watch {run}/{WATCH}"] >= now.watched


@pytest.mark.parametrize("way", ["after some time", "after an entry", "in a call"])
def test_a_process_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice(
    tmp_path: Path, way: str
) -> None:
    seed = int(os.environ.get("DETENT_SEED") or SystemRandom().getrandbits(32))
    print(f"DETENT_SEED={seed}")
    victims = Victims(tmp_path, Random(seed))

    async def main() -> None:
        for _ in range(KILLS):
            await victims.work_until_killed(way)
        await victims.finish()
        await check(victims)

    trio.run(main)
    assert victims.kills == KILLS
    assert victims.cut * 3 >= KILLS  # others came while all waited for a time or an answer
