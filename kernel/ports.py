"""Where the kernel ends and the world begins: handlers, taps, clocks, and the world that holds them together.

Rule 1: what is passed in is all there is: no registry, no global setting, no default that cannot be seen.
Rule 2: a handler is told what to do and, if it asks for it, in which circumstances (Context); it gives back what came
        of it, or raises. `Fails` says that it surely did not happen, or how it failed; what any other exception says
        depends on the effect: of an at_most_once effect it is in doubt.
Rule 3: a tap sees; it changes nothing, whatever it does. What it raises is logged; if it goes on it is switched off.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, TypeAlias, TypeVar, overload

from attrs import field, frozen

from detent.kernel.definition import Definition, fill
from detent.kernel.entries import Entry
from detent.kernel.errors import WrongInput
from detent.kernel.journal import Journal
from detent.kernel.names import name_of
from detent.kernel.policies import Breaker, Limiter
from detent.kernel.signals import EffectClass, Event, Failure, Receipt
from detent.kernel.telling import Telling
from detent.kernel.vault import LARGE, Key

__all__ = [
    "Chance",
    "Clock",
    "Context",
    "Fails",
    "Handled",
    "Limits",
    "Listener",
    "Store",
    "Tap",
    "World",
    "handle",
    "takes_context",
]

C = TypeVar("C")
T = TypeVar("T")


class Fails(Exception):
    """Raised by a handler: what was ordered surely did not happen.

    `Fails("out of stock")` is Failed; `Fails(CardRefused(...))` is a failure that the effect declares.
    """

    def __init__(self, failure: str | Failure, **fields: Any) -> None:
        self.failure = failure
        self.fields = fields
        super().__init__(failure)


class Context(Protocol):
    """What a handler may know about what it does, and say while it does it."""

    @property
    def run(self) -> str:
        """The run that ordered the effect."""
        ...

    @property
    def effect(self) -> int:
        """The id of the effect in its run."""
        ...

    @property
    def key(self) -> str:
        """The idempotency key: the same for every attempt, also after a crash."""
        ...

    @property
    def machine(self) -> str:
        """The name of the machine of the run."""
        ...

    @property
    def state(self) -> str:
        """The state that ordered the effect; empty if the run itself did."""
        ...

    @property
    def baggage(self) -> Mapping[str, str]:
        """What the run carries along since it was started: recorded, and the same for the runs inside it."""
        ...

    @property
    def attempt(self) -> int:
        """Which attempt it is, from 1."""
        ...

    @property
    def deadline(self) -> int | None:
        """When the attempt times out (microseconds since 1970), if it does."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether it is to stop: for handlers in threads, which cannot be interrupted."""
        ...

    def now(self) -> int:
        """The time of the kernel's clock (microseconds since 1970)."""
        ...

    def emit(self, chunk: object) -> None:
        """Show something to whoever watches. It is not recorded, and a slow watcher may miss it."""
        ...

    def note(self, value: object) -> None:
        """Record a value that can be stored: progress, for whoever watches or reads the log."""
        ...

    def cleanup(self) -> AbstractContextManager[object]:
        """A block that is not interrupted when the effect is stopped, for as long as the kernel's grace."""
        ...

    async def send(self, event: Event, key: str | None = None) -> Receipt:
        """Send an event to the run itself."""
        ...


By: TypeAlias = (
    Callable[[C], Awaitable[T]]
    | Callable[[C, Context], Awaitable[T]]
    | Callable[[C], T]
    | Callable[[C, Context], T]
)


@frozen
class Handled:
    """Who performs the effects of a class."""

    effect: type[Any]
    by: Callable[..., Any]
    query: Callable[..., Any] | None = None
    workers: int | None = None

    @property
    def name(self) -> str:
        """The handler, for messages."""
        return name_of(self.by)


@overload
def handle(
    effect: EffectClass[C, T],
    by: Callable[[C], Awaitable[T]] | Callable[[C, Context], Awaitable[T]],
    *,
    query: Callable[[C, Context], Awaitable[T]] | None = None,
    workers: int | None = None,
) -> Handled: ...


@overload
def handle(
    effect: EffectClass[C, T],
    by: Callable[[C], T] | Callable[[C, Context], T],
    *,
    query: Callable[[C, Context], Awaitable[T]] | None = None,
    workers: int | None = None,
) -> Handled: ...


def handle(
    effect: Any,
    by: Any,
    *,
    query: Any = None,
    workers: int | None = None,
) -> Handled:
    """Say who performs an effect: an async function of the order, or a blocking one, which gets a thread.

    It may take a Context beside the order. `workers` bounds how many are at work at once. `query`, for effects that
    are reconcilable, finds out what came of one, after a crash and before it is tried again: it returns what the
    effect would have, raises Fails if it surely did not happen, or anything else if it cannot tell.
    """
    if not callable(by) or inspect.isclass(by):
        raise WrongInput(f"handle({effect!r}): {by!r} is no function that could perform it")
    if workers is not None and (type(workers) is not int or workers < 1):
        raise WrongInput(f"handle({effect!r}): workers={workers!r} is no number of workers")
    return Handled(effect, by, query, workers)


def takes_context(by: Callable[..., Any]) -> bool:
    """Whether a handler wants a Context beside its order; of callables that do not say, that they do not."""
    try:
        parameters = list(inspect.signature(by).parameters.values())
    except (TypeError, ValueError):
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    wanted = [one for one in parameters if one.kind in places and one.default is one.empty]
    return len(wanted) > 1


class Tap(Protocol):
    """Something that looks on. What it raises changes nothing: it is logged, and kept for `kernel.broken_taps`."""

    def entry(self, run: str, entry: Entry) -> None:
        """An entry was committed."""
        ...

    def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """A handler has emitted something."""
        ...


class Listener:
    """A tap that is told what entries tell. It is made to be derived from; what is not defined there does nothing.

    It is called in the context in which the run was started, of which it changes nothing.
    """

    def entry(self, run: str, entry: Entry) -> None:
        """See Tap."""

    def chunk(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """See Tap."""

    def told(self, telling: Telling) -> None:
        """An entry was committed, and tells this."""

    def begins(self, context: Context) -> None:
        """An attempt begins, in a context of its own: what is set in it here its handler sees, and nobody else."""

    def knows(self, run: str, seq: int) -> bool:
        """Whether nothing need be said of the past of a run that is taken up, at an entry; else that is told first."""
        return True


class Clock(Protocol):
    """Where a kernel has its time from."""

    def now(self) -> int:
        """Microseconds since 1970."""
        ...

    def hold(self) -> AbstractContextManager[object]:
        """A block in which something is under way that the clock cannot see: a commit, a thread."""
        ...


class Chance(Protocol):
    """Where a kernel has its chance from: ids, and what events declare as random. A `random.Random` is one."""

    def random(self) -> float:
        """A number from 0 to 1."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """So many bits."""
        ...


class Store(Protocol):
    """Something that keeps a journal, and is open as long as a kernel is."""

    def open(self) -> AbstractAsyncContextManager[Journal]:
        """A journal that nobody else drives meanwhile."""
        ...


@frozen
class Limits:
    """How much a kernel does at once, and how long it waits for what has been told to stop.

    `grace` seconds are given to whatever is stopped; `threads` is how many blocking handlers run at once; a run that
    has `line` events before it takes no more; `buffer` is how many chunks are kept for a watcher that is behind;
    `steps` is how many events of a run go into one transaction; `awake` is how many runs that only wait are kept in
    memory; `runs` is how many runs may have effects under way at once (None: any number).
    """

    grace: float = 5.0
    threads: int = 40
    line: int = 10_000
    buffer: int = 1_000
    steps: int = 100
    awake: int = 1_000
    runs: int | None = None


@frozen(init=False)
class World:
    """What a kernel runs, and with what: machines, handlers, a store, limiters and breakers by name, taps, a clock.

    Machines that are spawned come along. `baggage` is asked, in the context of whoever starts a run, what the run is to
    carry along, and those inside it; what is given when it is started goes before. A `store` is opened and closed by
    the kernel; a `journal` is open already, and stays so. Without either all is kept in memory, and forgotten with the
    kernel: the 1,000 runs that ended last, and the latest 100,000 entries of each (see MemoryJournal).
    """

    machines: tuple[Definition[Any, Any, Any], ...]
    handlers: tuple[Handled, ...] = field(kw_only=True)
    journal: Journal | None = field(kw_only=True)
    store: Store | None = field(kw_only=True)
    limiters: Mapping[str, Limiter] = field(kw_only=True)
    breakers: Mapping[str, Breaker] = field(kw_only=True)
    taps: tuple[Tap, ...] = field(kw_only=True)
    baggage: Callable[[], Mapping[str, str]] | None = field(kw_only=True)
    clock: Clock | None = field(kw_only=True)
    chance: Chance | None = field(kw_only=True)
    limits: Limits = field(kw_only=True)
    key: Key | None = field(kw_only=True)
    large: int = field(kw_only=True)

    def __init__(
        self,
        *machines: Definition[Any, Any, Any],
        handlers: Iterable[Handled] = (),
        journal: Journal | None = None,
        store: Store | None = None,
        limiters: Mapping[str, Limiter] | None = None,
        breakers: Mapping[str, Breaker] | None = None,
        taps: Iterable[Tap] = (),
        baggage: Callable[[], Mapping[str, str]] | None = None,
        clock: Clock | None = None,
        chance: Chance | None = None,
        limits: Limits | None = None,
        key: Key | None = None,
        large: int = LARGE,
    ) -> None:
        if journal is not None and store is not None:
            raise WrongInput("a world has a journal or a store, not both")
        if store is not None and not hasattr(store, "open"):
            raise WrongInput(f"World(store={store!r}): it is something to open, as SQLite(path) is")
        fill(self, machines=machines, handlers=tuple(handlers), journal=journal, store=store)
        fill(self, limiters=dict(limiters or {}), breakers=dict(breakers or {}), taps=tuple(taps))
        fill(self, clock=clock, chance=chance, baggage=baggage)
        fill(self, limits=limits or Limits(), key=key, large=large)

    def of(self, *machines: Definition[Any, Any, Any]) -> "World":
        """The same world for other machines."""
        return World(
            *machines,
            handlers=self.handlers,
            journal=self.journal,
            store=self.store,
            limiters=self.limiters,
            breakers=self.breakers,
            taps=self.taps,
            baggage=self.baggage,
            clock=self.clock,
            chance=self.chance,
            limits=self.limits,
            key=self.key,
            large=self.large,
        )
