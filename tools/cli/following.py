"""Following a run that this process drives: what happens is said, what is asked is asked, until it is over or stuck.

Rule 1: it is stuck when nothing of it, or of the runs inside it, is under way or waits for its time; then somebody
        has to answer or to send. Who sits at the terminal is asked; without one the following ends there.
Rule 2: nothing is decided in passing: a run that seems to be stuck is looked at again a moment later.
"""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Literal, TypeAlias

import trio
from attrs import define, field, frozen

from detent.kernel import (
    AlreadyAnswered,
    Chunk,
    Fan,
    Gap,
    Kernel,
    NoSuchWait,
    Question,
    Run,
    RunParked,
    Seen,
    Sights,
    Snapshot,
    SystemClock,
    WaitClosed,
    WrongInput,
)
from detent.tools.cli.asking import Asked
from detent.tools.cli.keyboard import typing_in, unechoed
from detent.tools.cli.reporting import Reporter

__all__ = ["Following", "Stuck", "Why"]

Why: TypeAlias = Literal["over", "asks", "waits", "parked", "no answer"]

TICK = 0.1  # seconds: a clock that turns looks alive
LOOK = 0.5  # seconds: what is sent to a run, and refused there, moves nothing
MOMENT = 0.05  # seconds: what is about to happen has happened by then


@frozen
class Stuck:
    """Why nothing more happens by itself: what is asked, and which events a run waits for."""

    why: Why
    questions: tuple[tuple[str, Question], ...] = ()
    run: str = ""


@define
class Following:
    """Follows one run. `asks`: somebody sits there; `stays`: also if somebody elsewhere has to do something."""

    kernel: Kernel
    run: Run[Any, Any]
    reporter: Reporter
    asks: bool
    stays: bool
    watch: Sights
    _stuck: Stuck | None = field(default=None, init=False)
    _asked: Asked | None = field(default=None, init=False)
    _asking: tuple[str, int] | None = field(default=None, init=False)
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _moved: trio.Event = field(factory=trio.Event, init=False)
    _line: trio.CancelScope | None = field(default=None, init=False)
    _due: int | None = field(default=None, init=False)
    _ahead: str = field(default="", init=False)
    """What was typed before it was asked for."""

    async def follow(self) -> Stuck:
        """Follow it until it is over, or stuck: which of them."""
        with self._scope, unechoed(sys.stdin) if self.asks else nullcontext():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tick)
                nursery.start_soon(self._look_out)
                await self._watch()
                nursery.cancel_scope.cancel()
        self.reporter.close()
        return self._stuck or Stuck("over")

    async def _watch(self) -> None:
        async for sight in self.watch:
            match sight:
                case Seen():
                    self._take(sight)
                case Chunk():
                    self.reporter.chunk(sight.run, sight.effect, sight.value)
                case Gap():
                    pass
            self._moved.set()

    def _take(self, seen: Seen) -> None:
        for told in seen.told:
            self.reporter.told(told, len(seen.path) - 1)
            if isinstance(told, WaitClosed) and self._asking == (told.run, told.effect):
                self._stop_asking()
            if isinstance(told, RunParked) and not self.stays:
                self._stop(Stuck("parked", run=told.run))

    def _stop(self, stuck: Stuck) -> None:
        self._stuck = stuck
        self._scope.cancel()

    def _stop_asking(self) -> None:
        if self._line is not None:
            self._line.cancel()

    async def _tick(self) -> None:
        """Show what is under way."""
        clock = SystemClock()
        while True:
            below = () if self._asked is None else (self._asked.prompt,)
            self.reporter.tick(clock.now(), self._due, below)
            await trio.sleep(TICK)

    # -- what keeps it from going on

    async def _look_out(self) -> None:
        """Find out whether it is stuck, each time something has happened; ask what there is to be asked."""
        while True:
            self._moved = trio.Event()
            stuck = await self._seen_stuck()
            if stuck is not None and stuck.questions and self.asks:
                await self._ask(*stuck.questions[0])
                continue
            if stuck is not None and stuck.why != "over" and not self.stays:
                self._stop(stuck)
            with trio.move_on_after(LOOK):
                await self._moved.wait()

    async def _seen_stuck(self) -> Stuck | None:
        """Why it is stuck, if it is, and was a moment ago."""
        first = await self._looked()
        if first is None or first[0] is None:
            return None
        await trio.sleep(MOMENT)
        again = await self._looked()
        return again[0] if again is not None and again[1] == first[1] else None

    async def _looked(self) -> tuple[Stuck | None, tuple[int, ...]] | None:
        """Why it is stuck, if it seems so, and how far it and the runs inside it are."""
        seqs: list[int] = []
        questions: list[tuple[str, Question]] = []
        self._due = None
        is_busy = await self._busy(self.run.id, seqs, questions)
        if is_busy and not (questions and self.asks):
            return None
        if questions:
            return Stuck("asks", tuple(questions)), tuple(seqs)
        return Stuck("waits", run=self.run.id), tuple(seqs)

    async def _busy(self, id: str, seqs: list[int], questions: list[tuple[str, Question]]) -> bool:
        """Whether something of a run, or of one inside it, goes on by itself; what is asked is collected."""
        run = self.kernel.run(id)
        now = await run.snapshot()
        seqs.append(now.seq)
        if now.end is not None and not now.effects:
            return id == self.run.id  # the watch ends with it
        if now.status == "parked":
            return False
        asked = await run.questions()
        questions += [(id, question) for question in asked]
        if await self.kernel.journal.inbox(
            id
        ):  # it was sent from elsewhere, and is about to be taken
            return True
        dues = [timer.due for timer in now.timers if not timer.row.startswith("$")]
        if dues and (self._due is None or min(dues) < self._due):
            self._due = min(dues)
        busy = [bool(dues) and not asked]
        known = {question.id for question in asked}
        for effect in _under_way(now):
            child = f"{id}/{effect}"
            if effect in known:
                continue
            is_child = await self.kernel.journal.load(child) is not None
            busy.append(not is_child or await self._busy(child, seqs, questions))
        return any(busy)

    async def _ask(self, run: str, question: Question) -> None:
        """Ask one question in the terminal, unless it is closed meanwhile."""
        self._asking, self._asked = (run, question.id), Asked(question)
        try:
            with trio.CancelScope() as self._line, typing_in(sys.stdin, self._ahead) as keyboard:
                value = await self._asked.answered(keyboard, self._refuse)
                self._ahead = keyboard.rest
                await self.kernel.run(run).answer(question.id, value)
        except EOFError:
            self._stop(Stuck("no answer", ((run, question),)))
            await trio.sleep_forever()
        except WrongInput as error:
            self._refuse(str(error))
        except (AlreadyAnswered, NoSuchWait):
            pass  # somebody else was sooner, and that is told
        finally:
            self._asking = self._asked = self._line = None

    def _refuse(self, why: str) -> None:
        self.reporter.notice(f"  {why}; once more")


def _under_way(now: Snapshot[Any]) -> Iterator[int]:
    """The ids of what is in flight, one by one."""
    for flight in now.effects:
        if isinstance(flight, Fan):
            yield from (flight.id + index for index in flight.under_way())
        else:
            yield flight.id
