"""Threads that have a connection each, and answer what tasks ask of them.

Rule 1: who asks waits until it is answered: what was asked may be done already, and cannot be called back.
Rule 2: what several tasks ask meanwhile is taken together, and one call into the loop wakes all of them.
Rule 3: a clock of trio that can be held is held while something is asked: what a thread does, virtual time cannot see.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

import trio
from attrs import define

from detent.kernel import StoreClosed

__all__ = ["Asked", "Desk", "holding"]


@define(eq=False)
class Asked:
    """Something that a task asks of a thread, and what comes of it."""

    what: Any
    task: trio.lowlevel.Task
    answer: Any = None
    error: BaseException | None = None


LOOK: Any = object()
"""What nudges a thread, instead of something to do."""

Work = Callable[[Sequence[Asked]], None]
"""Answers what was asked. It raises nothing."""


def holding() -> Callable[[], AbstractContextManager[object]]:
    """What holds the clock of this run of trio, if it can be held."""
    clock: Any = trio.lowlevel.current_clock()
    held: Callable[[], AbstractContextManager[object]] = getattr(clock, "hold", nullcontext)
    return held


class Desk:
    """Threads at which tasks ask. Each works in its own way, on what is asked of all of them.

    `most` is how much of it a thread takes at once; after `pause` seconds without work, and now and then between, it
    looks for itself (`look`).
    """

    def __init__(
        self,
        *work: Work,
        most: int | None = None,
        look: Callable[[], None] | None = None,
        pause: float | None = None,
    ) -> None:
        self._most = most
        self._look = look
        self._pause = pause
        self._queue: SimpleQueue[Asked | None] = SimpleQueue()
        self._token = trio.lowlevel.current_trio_token()
        hold = holding()
        self._hold = None if hold is nullcontext else hold
        self._is_closed = False
        self._threads = [Thread(target=self._run, args=(one,), daemon=True) for one in work]
        for thread in self._threads:
            thread.start()

    async def ask(self, what: Any) -> Any:
        """What comes of it. Raises what it raises, and StoreClosed."""
        self.be_open()
        asked = Asked(what, trio.lowlevel.current_task())
        if self._hold is None:
            self._queue.put(asked)
            await trio.lowlevel.wait_task_rescheduled(_goes_on)
        else:
            with self._hold():
                self._queue.put(asked)
                await trio.lowlevel.wait_task_rescheduled(_goes_on)
        if asked.error is not None:
            raise asked.error
        return asked.answer

    def be_open(self) -> None:
        """Raises StoreClosed if nothing can be asked any more."""
        if self._is_closed:
            raise StoreClosed("the store is closed: what it kept is in its file, open it again")

    def nudge(self) -> None:
        """Have the thread look for itself now."""
        self._queue.put(LOOK)

    def tell(self, call: Callable[..., None], *given: Any) -> None:
        """Have something called in the loop, from a thread."""
        with suppress(trio.RunFinishedError):  # nobody is there to be told
            self._token.run_sync_soon(call, *given)

    def close(self) -> None:
        """Let the threads answer what was asked, and end. It waits for them."""
        self._is_closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, work: Work) -> None:
        looked = monotonic()
        while (batch := self._next()) is not None:
            if batch:
                work(batch)
                self.tell(_wake, batch)
            if self._look is not None and self._pause is not None:
                now = monotonic()
                if now - looked >= self._pause or not batch:
                    looked = now
                    self._look()

    def _next(self) -> list[Asked] | None:
        """What is to be done together; nothing, if nothing was asked for a while; None at the end."""
        queue, most = self._queue, self._most
        try:
            first = queue.get(timeout=self._pause)
        except Empty:
            return []
        if first is LOOK:
            return []
        if first is None:
            return None
        batch = [first]
        while not queue.empty() and (most is None or len(batch) < most):
            more = queue.get()  # of threads that take more than one thing at once there is one
            if more is None or more is LOOK:
                queue.put(more)
                break
            batch.append(more)
        return batch


def _goes_on(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED


def _wake(batch: Sequence[Asked]) -> None:
    for asked in batch:
        trio.lowlevel.reschedule(asked.task)
