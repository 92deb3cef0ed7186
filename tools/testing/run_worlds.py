"""A drawn world: handlers, policies, a journal and a host of which hypothesis says how they behave.

Rule 1: what is drawn is drawn when it is needed, so that what is simplest is short: everything returns at once, nothing
        dies, and nobody cancels.
Rule 2: everything that is done to a run, or by it, is a line of the script, with its time.
Rule 3: what a world sees that no kernel may do is kept (`found`), the first thing first.
Left out on purpose: blocking handlers, whose threads are in nobody's order.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any, TypeAlias, TypeVar

import trio
from attrs import define, field, frozen
from hypothesis import strategies as st

from detent.kernel import (
    Breaker,
    Call,
    Context,
    Definition,
    Doing,
    Each,
    Fails,
    Flight,
    Handled,
    Journal,
    Limiter,
    Limits,
    MemoryJournal,
    Returned,
    Spawn,
    Table,
    Tap,
    World,
    compile_machine,
    handle,
    outcome_shape,
    shape_of,
    unstorable,
)
from detent.tools.testing.drawing import Draw, index, one_in, pick
from detent.tools.testing.faults import Faults, Faulty, Moment
from detent.tools.testing.payloads import values
from detent.tools.testing.reports import Found, walk_key
from detent.tools.testing.spelling import Speller
from detent.tools.testing.virtual import VirtualClock

__all__ = ["Altered", "DrawnWorld", "Family", "Looking", "Said", "nobody"]

T = TypeVar("T")
AnyTable: TypeAlias = Table[Any, Any, Any]
Altered: TypeAlias = Callable[[Handled], Handled]
Looking: TypeAlias = Callable[[], Iterable[Tap]]
"""Who looks on in the next kernel."""

MANY = 60  # calls after which no handler returns any more, so that no run goes on for ever
MOST = 1_000_000  # entries: all that there are
GRACE = 0.5
WRONG_WITH_STORES = (Faults(), Faults(), Faults(lose=0.3), Faults(slow=0.3, refuse=0.1))
SURE = "surely not done"
PLANS: tuple[str, ...] = ("return",) * 4 + (SURE, "raise")


class Unexpected(Exception):
    """What a handler raises that nobody has foreseen."""


@define(eq=False)
class Said:
    """A line of the script: what was done at a time, and what came of it."""

    time: float
    what: str
    came: str = ""

    def __str__(self) -> str:
        """For people."""
        came = f" -> {self.came}" if self.came else ""
        return f"{self.time:>10g} s  {self.what}{came}"


def nobody() -> tuple[Tap, ...]:
    """Nobody looks on."""
    return ()


@define(eq=False)
class _Kind:
    """A class of effects, and how handlers of it may behave."""

    effect: type[Any]
    value: st.SearchStrategy[Any]
    delays: tuple[float, ...]
    recovery: str

    @property
    def failures(self) -> tuple[type[Any], ...]:
        """The failures it declares."""
        declared: tuple[type[Any], ...] = getattr(self.effect, "fails", ())
        return declared


def family_of(definition: Definition[Any, Any, Any]) -> dict[str, AnyTable]:
    """The tables of a machine and of all machines that it spawns, by name."""
    found: dict[str, AnyTable] = {}
    waiting: list[Any] = [definition]
    while waiting:
        table = compile_machine(waiting.pop())
        if table.name not in found:
            found[table.name] = table
            waiting += [form.machine for form in _forms([table]) if isinstance(form, Spawn)]
    return found


def _forms(tables: Iterable[AnyTable]) -> Iterator[Doing[Any]]:
    for table in tables:
        for form in table.forms.values():
            yield from form.forms if isinstance(form, Each) else (form,)


def _calls(tables: Iterable[AnyTable]) -> Iterator[Call[Any, Any]]:
    for form in _forms(tables):
        call: Any = form
        if type(form) is Call:
            yield call


def _values(form: Any) -> st.SearchStrategy[Any]:
    """What may come back of a form."""
    shape: Any = outcome_shape(form, Returned)
    if any(True for inner in shape.arguments for _ in unstorable(inner)):
        return st.none()
    return values(shape.arguments[0])


@frozen(eq=False)
class Family:
    """A machine and those it spawns, and what a world must have for them."""

    definition: Definition[Any, Any, Any]
    tables: dict[str, AnyTable]
    kinds: tuple[_Kind, ...]
    limiters: tuple[str, ...]
    breakers: tuple[str, ...]

    @classmethod
    def of(cls, definition: Definition[Any, Any, Any]) -> "Family":
        """Everything a world must have for a machine."""
        tables = family_of(definition)
        calls = list(_calls(tables.values()))
        by_class: dict[type[Any], list[Call[Any, Any]]] = {}
        for call in calls:
            by_class.setdefault(call.effect, []).append(call)
        return cls(
            definition,
            tables,
            tuple(_kind(effect, forms) for effect, forms in by_class.items()),
            tuple(sorted({call.limit for call in calls if call.limit is not None})),
            tuple(sorted({call.breaker for call in calls if call.breaker is not None})),
        )

    @property
    def table(self) -> AnyTable:
        """The table of the machine itself."""
        return self.tables[self.definition.machine.name]

    def answers(self, flight: Flight, effect: int) -> st.SearchStrategy[Any]:
        """What somebody may answer to a question of the machine itself."""
        form = self.table.forms[flight.form]
        return _values(form.forms[flight.part_of(effect)] if isinstance(form, Each) else form)


def _kind(effect: type[Any], forms: Sequence[Call[Any, Any]]) -> _Kind:
    late = max((form.timeout or 0.0 for form in forms), default=0.0) + 1.0
    delays = (0.0, 0.0, 0.0, 0.1, 1.0, late)
    return _Kind(effect, _values(forms[0]), delays, effect.recovery)


@define(eq=False)
class DrawnWorld:
    """A world that is drawn while a run goes on in it."""

    _draw: Draw
    family: Family
    clock: VirtualClock
    altered: Altered
    looking: Looking = nobody
    script: list[Said] = field(factory=list[Said])
    found: Found | None = None
    stopped: BaseException | None = None
    under_way: dict[str, Said] = field(factory=dict[str, Said])
    journal: Journal = field(init=False)
    _calls: int = 0
    _undone: set[str] = field(factory=set[str])
    _begun: set[str] = field(factory=set[str])
    _deaths: list[tuple[int, Moment]] = field(factory=list[tuple[int, Moment]])

    def __attrs_post_init__(self) -> None:
        self.journal = self._drawn_journal()

    # -- drawing

    def draw(self, strategy: st.SearchStrategy[T]) -> T:
        """Something drawn. What hypothesis raises to say that it is enough is kept."""
        if self.stopped is not None:
            raise self.stopped
        try:
            return self._draw(strategy)
        except BaseException as error:
            self.stopped = error
            raise

    @property
    def drawing(self) -> Draw:
        """The same, for whoever draws with functions of his own."""
        draw: Any = self.draw
        drawing: Draw = draw
        return drawing

    def index(self, size: int) -> int:
        """See drawing."""
        return index(self.drawing, size)

    def pick(self, options: Sequence[T]) -> T:
        """See drawing."""
        return pick(self.drawing, options)

    def one_in(self, odds: int) -> bool:
        """See drawing."""
        return one_in(self.drawing, odds)

    # -- telling

    def say(self, what: str, came: str = "") -> Said:
        """A line of the script."""
        said = Said(self.clock.current_time(), what, came)
        self.script.append(said)
        return said

    def find(self, what: str, how: str) -> None:
        """Keep what is wrong, if it is the first thing."""
        self.found = self.found or Found(what, how)

    # -- the world

    def world(self) -> World:
        """What the next kernel runs, with the journal that there is."""
        return World(
            self.family.definition,
            handlers=[self.altered(self._handled(kind)) for kind in self.family.kinds],
            journal=self.journal,
            limiters={name: self._limiter() for name in self.family.limiters},
            breakers={name: self._breaker() for name in self.family.breakers},
            clock=self.clock,
            chance=Random(len(self.script)),
            limits=Limits(
                grace=GRACE, awake=self.pick((1_000, 1)), steps=self.pick((100, 1)), threads=1
            ),
            key=walk_key,
            taps=self.looking(),
        )

    @property
    def has_died(self) -> bool:
        """Whether the kernel has died at a commit."""
        journal = self.journal
        return isinstance(journal, Faulty) and (journal.is_dead or journal.has_failed)

    def revive(self) -> None:
        """Let another kernel take up what was written."""
        journal = self.journal
        if isinstance(journal, Faulty):
            self.say(f"the kernel dies at commit {journal.commits}")
            journal.revive()
            self._deaths = [one for one in self._deaths if one[0] > journal.commits]
            journal.crash_at = self._deaths[0] if self._deaths else None
        self.under_way.clear()

    def _drawn_journal(self) -> Journal:
        """A journal that keeps everything; most lose nothing, and let nobody die."""
        if self.one_in(2):
            return MemoryJournal(ended=None)
        if self.one_in(2):
            moments: tuple[Moment, ...] = ("before", "after")
            drawn: list[tuple[int, Moment]] = [
                (1 + self.index(8), self.pick(moments)) for _ in range(1 + self.index(2))
            ]
            self._deaths = sorted(drawn)
        faults = self.pick(WRONG_WITH_STORES)
        first = self._deaths[0] if self._deaths else None
        return Faulty(MemoryJournal(ended=None), Random(self.index(8)), faults, first)

    def _limiter(self) -> Limiter:
        return Limiter(self.pick((1_000, 4, 1)), self.pick((1.0, 60.0)))

    def _breaker(self) -> Breaker:
        return Breaker(self.pick((1_000, 3, 1)), self.pick((20.0, 0.5)))

    # -- handlers

    def _handled(self, kind: _Kind) -> Handled:
        async def perform(order: Any, context: Context) -> Any:
            return await self._perform(kind, order, context)

        async def query(order: Any, context: Context) -> Any:
            return await self._find_out(kind, order, context)

        is_asked = kind.recovery == "reconcilable"
        workers = self.pick((None, None, 1, 2))
        effect: Any = kind.effect
        return handle(effect, perform, query=query if is_asked else None, workers=workers)

    async def _perform(self, kind: _Kind, order: Any, context: Context) -> Any:
        """Carry out an order, in the way that is drawn."""
        key = context.key
        entries = await self.journal.entries(context.run, 0, MOST)
        if not any(context.effect in entry.effects for entry in entries):
            self.find("what is begun was stored before", f"no entry orders effect {key}")
        said = self._begins(kind, order, context)
        self.under_way[key] = said
        try:
            await self._take_time(kind, context)
            value = self._come_to_something(kind, key)
        except trio.Cancelled:
            said.came = said.came or f"stopped at {self.clock.current_time():g} s"
            raise
        except Exception as error:
            said.came = f"{type(error).__name__}: {error}"
            raise
        finally:
            if self.under_way.get(key) is said:
                del self.under_way[key]
        said.came = f"{self._spelled(value)} at {self.clock.current_time():g} s"
        return value

    def _begins(self, kind: _Kind, order: Any, context: Context) -> Said:
        """A call begins, if it may."""
        self._calls += 1
        what = f"{self._spelled(order)} begins ({context.key}, attempt {context.attempt})"
        said = self.say(what)
        key = context.key
        if kind.recovery == "at_most_once" and key in self._begun and key not in self._undone:
            self.find("what must not be repeated is begun once", what)
        if key in self.under_way:
            self.find("an effect is performed by one handler at a time", what)
        self._begun.add(key)
        self._undone.discard(key)
        return said

    async def _take_time(self, kind: _Kind, context: Context) -> None:
        """Take the time that is drawn; perhaps note something, or clean up for too long."""
        if self._calls > MANY:
            await trio.sleep_forever()
        if self.one_in(12):
            context.note({"n": self._calls})
        try:
            await trio.sleep(self.pick(kind.delays))
        except trio.Cancelled:
            if not self.has_died and self.stopped is None and self.one_in(4):
                with context.cleanup():
                    await trio.sleep(self.pick((GRACE / 2, GRACE * 2)))
            raise

    def _come_to_something(self, kind: _Kind, key: str) -> Any:
        """What a handler returns, or raises."""
        plan = self.pick((*PLANS, *kind.failures))
        if not isinstance(plan, str):
            self._undone.add(key)
            raise Fails(self.draw(values(shape_of(plan))))
        if plan == SURE:
            self._undone.add(key)
            raise Fails(SURE)
        if plan == "raise":
            raise Unexpected("nobody expects it")
        return self.draw(kind.value)

    async def _find_out(self, kind: _Kind, order: Any, context: Context) -> Any:
        """Say what came of an order."""
        said = self.say(f"what came of {self._spelled(order)} ({context.key})?")
        try:
            await trio.sleep(self.pick((0.0, 1.0)))
            value = self._come_to_something(kind, context.key)
        except Exception as error:
            said.came = f"{type(error).__name__}: {error}"
            raise
        said.came = self._spelled(value)
        return value

    def _spelled(self, value: Any) -> str:
        return Speller().spell(value)
