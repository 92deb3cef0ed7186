"""Performing one effect: its handler, its scope, its time-out, and what came of it as an outcome.

Rule 1: a scope is a record: one cancel scope and one alarm for each effect. What is told to stop has the kernel's
        grace; then it is abandoned: its outcome is made up, and what still comes of it is dropped.
Rule 2: what is cut is in doubt if it must not be repeated; a handler that comes to an end in spite of having been
        told to stop has done so.
Rule 3: a blocking handler cannot be interrupted: it is abandoned at once when its time is over, and at the end of the
        grace when it is stopped; its thread keeps its place until it returns.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import trio
from attrs import define

from detent.kernel.compiler import outcome_shape
from detent.kernel.errors import NoSuchRun, NotServed, Unstorable
from detent.kernel.ports import Clock, Fails
from detent.kernel.scheduler.alarms import Alarm, Alarms
from detent.kernel.scheduler.live import Live
from detent.kernel.scheduler.served import Way
from detent.kernel.signals import (
    Event,
    Failed,
    Failure,
    InDoubt,
    Problem,
    Receipt,
    Returned,
    Stopped,
    TimedOut,
)
from detent.kernel.values import Json, freeze, moment, tree

__all__ = ["Desk", "Hand", "Performing", "alone"]


@define(eq=False)
class Desk:
    """What performing needs of the kernel around it."""

    clock: Clock
    alarms: Alarms
    grace: float
    threads: trio.CapacityLimiter
    abandoned: "Callable[[Performing], None]"
    emitted: Callable[["Performing", object], None]
    noted: Callable[["Performing", object], None]
    returned: Callable[["Performing"], None]
    send: Callable[[str, Event, str | None], Any]
    token: trio.lowlevel.TrioToken
    begins: "Callable[[Performing], None] | None" = None


class Performing:
    """An effect that is being performed; also the Context of its handler.

    `has_thread`: a thread is, or has been, at work for it.
    """

    __slots__ = (
        "alarm",
        "attempt",
        "chunks",
        "deadline",
        "desk",
        "effect",
        "ended",
        "has_thread",
        "is_abandoned",
        "is_begun",
        "is_query",
        "live",
        "order",
        "scope",
        "shields",
        "stopping",
        "way",
    )

    def __init__(
        self, desk: Desk, live: Live, way: Way, effect: int, what: tuple[object, int, bool]
    ) -> None:
        self.desk = desk
        self.live = live
        self.way = way
        self.effect = effect
        self.order, self.attempt, self.is_query = what
        self.stopping = False
        self.is_abandoned = False
        self.has_thread = False
        self.deadline: int | None = None
        self.scope: trio.CancelScope | None = None
        self.shields: list[trio.CancelScope] = []
        self.alarm: Alarm | None = None
        self.chunks = 0
        self.ended = 0
        self.is_begun = False

    @property
    def run(self) -> str:
        """See Context."""
        return self.live.id

    @property
    def key(self) -> str:
        """See Context."""
        return f"{self.live.id}/{self.effect}"

    @property
    def machine(self) -> str:
        """See Context."""
        return self.live.header.machine

    @property
    def state(self) -> str:
        """See Context."""
        flying = self.live.snapshot.pending.effects
        return next((one.owner for one in flying if one.has(self.effect)), "")

    @property
    def baggage(self) -> Mapping[str, str]:
        """See Context."""
        return self.live.header.baggage

    def now(self) -> int:
        """See Context."""
        return self.desk.clock.now()

    def emit(self, chunk: object) -> None:
        """See Context."""
        self._on_trio(self.desk.emitted, chunk)

    def note(self, value: object) -> None:
        """See Context."""
        # what cannot be stored is refused here, where it was produced
        written = tree(freeze(value) if type(value) in (dict, list) else value)
        self._on_trio(self.desk.noted, written)

    def cleanup(self) -> AbstractContextManager[object]:
        """See Context."""
        shield = trio.CancelScope(shield=True)
        self.shields.append(shield)
        if self.is_abandoned:
            shield.cancel()
        return shield

    async def send(self, event: Event, key: str | None = None) -> Receipt:
        """See Context."""
        receipt: Receipt = await self.desk.send(self.live.id, event, key)
        return receipt

    def stop(self) -> None:
        """Tell it to stop."""
        if self.stopping:
            return
        self.stopping = True
        self.desk.alarms.off(self.alarm)
        self.alarm = self.desk.alarms.after(self.desk.grace, self.abandon)
        if self.way.is_async:
            self._cut()

    def abandon(self) -> None:
        """Wait for it no longer."""
        self.interrupt()
        self.desk.abandoned(self)

    def interrupt(self) -> None:
        """Cut it: nobody will hear what comes of it."""
        self.is_abandoned = True
        self.desk.alarms.off(self.alarm)
        self._cut()
        for shield in self.shields:
            shield.cancel()

    async def perform(self) -> Event:
        """Do it. What came of it."""
        if self.stopping:
            return self.cut()
        self.is_begun = True
        if self.desk.begins is not None:
            self.desk.begins(self)
        if self.way.timeout is not None:
            self._set_deadline(self.way.timeout)
        try:
            value: Any = await self._call()
        except Exception as error:
            return self.raised(alone(error))
        finally:
            if self.alarm is not None:
                self._be_done()
        self.ended = self.desk.clock.now()
        returned = Returned(value, at=moment(self.ended))
        if type(value) not in self.way.plain:
            try:
                self._check(returned)
            except Unstorable as error:
                return self._failed("Unstorable", str(error))
        return returned

    @property
    def is_cancelled(self) -> bool:
        """Whether its scope is, whatever its handler made of that."""
        if self.is_abandoned or self.stopping:
            return True
        scope: Any = self.scope
        return self.way.timeout is not None and scope.cancel_called

    @property
    def is_cut(self) -> bool:
        """Whether it came to its end by being cut."""
        return self.scope is not None and self.scope.cancelled_caught

    def _cut(self) -> None:
        if self.scope is not None:
            self.scope.cancel()

    def _set_deadline(self, timeout: float) -> None:
        self.deadline = self.now() + round(timeout * 1_000_000)
        self.alarm = self.desk.alarms.after(timeout + self.desk.grace, self.abandon)
        scope: Any = self.scope  # what is performed is in one
        scope.deadline = trio.current_time() + timeout

    def _be_done(self) -> None:
        """Forget the time; the scope may be another's now."""
        self.desk.alarms.off(self.alarm)
        scope: Any = self.scope
        scope.deadline = math.inf

    def _call(self) -> Awaitable[Any]:
        """Call the handler; most are async, and there is nothing more to it."""
        way = self.way
        if way.is_async and way.by is not None and not self._asks:
            called: Awaitable[Any] = (
                way.by(self.order, self) if way.takes_context else way.by(self.order)
            )
            return called
        return self._called()

    def cut(self) -> Event:
        """What comes of it if it is cut now."""
        at = moment(self.now())
        if not self.is_begun:
            return Stopped("exit", at=at)
        if self.stopping:
            return (
                InDoubt("stopped", at=at)
                if self.way.may_doubt
                else Stopped("exit", started=True, at=at)
            )
        return InDoubt("timeout", at=at) if self.way.may_doubt else TimedOut(at=at)

    async def _called(self) -> Any:
        """Send an event, ask what came of an effect, or let a thread work."""
        way = self.way
        if way.kind == "send":
            return await self._sent()
        if way.query is not None and self._asks:
            is_crashed, self.is_query = self.is_query, True
            try:
                return await way.query(self.order, self)
            except Fails:
                if is_crashed:
                    raise
            self.is_query = False  # it surely did not happen so far
        by: Any = way.by
        if way.is_async:
            return await (by(self.order, self) if way.takes_context else by(self.order))
        await trio.lowlevel.checkpoint_if_cancelled()
        self.has_thread = True
        arguments = (self.order, self) if way.takes_context else (self.order,)
        with self.desk.clock.hold():
            return await trio.to_thread.run_sync(
                self._in_thread,
                way.by,
                arguments,
                abandon_on_cancel=True,
                limiter=self.desk.threads,
            )

    @property
    def _asks(self) -> bool:
        """Whether it is asked first what came of it: after a crash, and before it is tried again."""
        return self.is_query or (self.way.query is not None and self.attempt > 1)

    async def _sent(self) -> Receipt:
        """Deliver an event to another run."""
        letter: Any = self.order
        try:
            receipt: Receipt = await self.desk.send(letter.run, letter.event, self.key)
        except (NoSuchRun, NotServed) as error:
            raise Fails(str(error)) from None
        return receipt

    def _in_thread(self, by: Any, arguments: tuple[Any, ...]) -> Any:
        """Call a blocking handler; its place is free when it returns, whoever still waits for it."""
        try:
            return by(*arguments)
        finally:
            try:
                self.desk.token.run_sync_soon(self.desk.returned, self)
            except trio.RunFinishedError:  # it was abandoned, and all is over
                self.has_thread = False

    def _check(self, outcome: Event) -> None:
        """Refuse what cannot be stored where it was produced."""
        way = self.way
        is_return = type(outcome) is Returned
        shape = way.returns if is_return else outcome_shape(way.form, type(outcome))
        self.live.served.recorder.scribe.codec.write(shape, outcome)

    def raised(self, error: BaseException) -> Event:
        """What comes of it when its handler raises."""
        at = moment(self.now())
        if not isinstance(error, Fails):
            if self.is_query:
                return InDoubt("raised" if self.attempt > 1 else "crash", at=at)
            return self._failed(type(error).__name__, _words(error))
        failure = error.failure
        if not isinstance(failure, Failure):
            return Failed(Problem("Fails", _words(failure), _fields(error)), at=at)
        name = type(failure).__name__
        declared: tuple[type, ...] = getattr(self.way.form.effect, "fails", ())
        if type(failure) not in declared:
            return self._failed(name, f"{self.way.effect} does not declare that it fails as {name}")
        try:
            self._check(failure)
        except Unstorable as unstorable:
            return Failed(Problem("Unstorable", f"{name}: {unstorable}"), at=at)
        return failure

    def _failed(self, kind: str, message: str) -> Event:
        """A failure of which the handler does not say that nothing happened."""
        at = moment(self.now())
        if self.way.may_doubt:
            return InDoubt("raised", at=at)
        return Failed(Problem(kind, message), at=at)

    def _on_trio(self, act: Callable[["Performing", object], None], value: object) -> None:
        """Act in the kernel's own thread, whichever this is; of what was abandoned nothing is heard."""
        if self.is_abandoned:
            return
        if trio.lowlevel.in_trio_task():
            act(self, value)
        else:
            self.desk.token.run_sync_soon(act, self, value)


def _words(what: object) -> str:
    """What an exception says, as a text that can be stored."""
    try:
        said = str(what)
    except Exception:
        said = "what it says cannot be said"
    return said.encode(errors="backslashreplace").decode()


def _fields(error: Fails) -> tuple[tuple[str, Json], ...]:
    """What a handler says of a failure, as data; of what cannot be stored, why not."""
    found: list[tuple[str, Json]] = []
    for name, value in sorted(error.fields.items()):
        try:
            found.append((name, freeze(value)))
        except Unstorable as unstorable:
            found.append((name, str(unstorable)))
    return tuple(found)


class Hand:
    """What a task of the kernel has in hand: the effect it performs, in which scope, and what came of it so far.

    A task that is new has its context, and its turn, already; one that has waited has had its turn.
    """

    __slots__ = (
        "event",
        "has_waited",
        "is_done",
        "is_new",
        "performing",
        "scope",
    )

    def __init__(self, performing: Performing, is_new: bool) -> None:
        self.performing = performing
        self.is_new = is_new
        self.scope = trio.CancelScope()
        self.event: Event | None = None
        self.is_done = False
        self.has_waited = False


def alone(error: BaseException) -> BaseException:
    """What is in a group of one; the group, if there are more."""
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    is_group = issubclass(type(error), BaseExceptionGroup)
    return alone(inner[0]) if is_group and len(inner) == 1 else error
