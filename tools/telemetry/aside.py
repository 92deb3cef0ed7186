"""A tap that is slow, in a thread of its own: no run waits for it.

    with Aside(Lines(logger_to_a_slow_place)) as lines:
        async with open_kernel(World(..., taps=[lines])) as kernel:
            ...

Rule 1: what is shown is kept for the thread, in order, and up to a bound: beyond it what is new is dropped, and
        counted. Who follows runs by a Timeline finds its way again.
Rule 2: what the tap raises in its thread is raised where the next thing is shown: so the kernel hears of it.
Rule 3: leaving the block waits until everything was shown, but not for ever: what is left then is dropped, and counted.
Rule 4: it is shown in the context in which it would have been shown at once.
Left out on purpose: what has to be done at once. `begins` and `knows` go to the tap itself.
"""

import logging
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from threading import Condition, Thread
from types import TracebackType

from detent.kernel import Context, Entry, Listener, Tap, Telling, WrongInput

__all__ = ["Aside"]

LOG = logging.getLogger("detent.taps")


class Aside(Listener):
    """Shows everything to a tap in a thread, as soon as it can. `dropped` is how much it never showed.

    `most` things are kept at once; leaving the block waits for `grace` seconds.
    """

    def __init__(self, tap: Tap, *, most: int = 10_000, grace: float = 5.0) -> None:
        if most < 1:
            raise WrongInput(f"Aside(most={most}): it keeps one thing at least")
        self.dropped = 0
        self._tap = tap
        self._most = most
        self._grace = grace
        self._kept: deque[Callable[[], object]] = deque()
        self._news = Condition()
        self._errors: deque[Exception] = deque(maxlen=most)
        self._is_open = False
        self._thread: Thread | None = None

    def __enter__(self) -> "Aside":
        """Begin to show."""
        with self._news:
            self._is_open = True
        self._thread = Thread(target=self._work, name="detent.aside", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show what is left, as far as there is time."""
        with self._news:
            self._is_open = False
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(self._grace)
        with self._news:
            self._drop(len(self._kept))
            self._kept.clear()

    # -- what is shown

    def entry(self, run: str, entry: Entry) -> None:
        """See Tap."""
        self._keep(partial(self._tap.entry, run, entry))

    def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """See Tap."""
        self._keep(partial(self._tap.chunk, run, effect, attempt, chunk))

    def told(self, telling: Telling) -> None:
        """See Listener."""
        if isinstance(self._tap, Listener):
            self._keep(partial(self._tap.told, telling))

    def begins(self, context: Context) -> None:
        """See Listener."""
        if isinstance(self._tap, Listener):
            self._tap.begins(context)

    def knows(self, run: str, seq: int) -> bool:
        """See Listener."""
        return not isinstance(self._tap, Listener) or self._tap.knows(run, seq)

    def _keep(self, show: Callable[[], object]) -> None:
        with self._news:
            if not self._is_open or len(self._kept) >= self._most:
                self._drop(1)
            else:
                self._kept.append(partial(copy_context().run, show))
                self._news.notify()
            if self._errors:
                raise self._errors.popleft()

    def _drop(self, count: int) -> None:
        """Count what is never shown, and tell people the first time."""
        if count and not self.dropped:
            LOG.warning("%s is too slow: what it is shown is dropped", type(self._tap).__qualname__)
        self.dropped += count

    # -- the thread

    def _work(self) -> None:
        while True:
            with self._news:
                while self._is_open and not self._kept:
                    self._news.wait()
                if not self._kept:
                    return
                show = self._kept.popleft()
            try:
                show()
            except Exception as error:
                with self._news:
                    self._errors.append(error)
