"""What lasts, made of what is told: runs, visits of states, effects. What spans, durations and counts have in common.

Rule 1: a visit lasts from the entry that enters a state to the one that leaves it, an effect from the entry that orders
        it to its outcome, whatever number of attempts that takes; a run from its first entry to its last.
Rule 2: whatever was opened is closed, at the latest with its run. An effect that does not stop may outlast its state.
Rule 3: who comes late is helped out by the frame: what lasts is opened as far as it is known when it began.
Rule 4: runs that nothing was told of for the longest time are forgotten, if there are more than there may be.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from attrs import define, field, frozen

from detent.kernel import (
    CallFailed,
    CallFinished,
    CallStarted,
    ChildEnded,
    ChildStarted,
    EffectHeld,
    LetterDelivered,
    LetterFailed,
    LetterSent,
    RateWaiting,
    RetryScheduled,
    RunFinished,
    RunStarted,
    StateEntered,
    StateLeft,
    Telling,
    Told,
    WaitClosed,
    WaitOpened,
)

__all__ = ["Change", "Closed", "Lasting", "Opened", "Timeline"]

Kind: TypeAlias = Literal["run", "state", "effect"]
_How: TypeAlias = tuple[str, bool, str]
LOST: _How = ("lost", False, "")
"""How something ends whose end nobody was told of."""

BEGINNINGS = (CallStarted, WaitOpened, ChildStarted, LetterSent, EffectHeld, RateWaiting)
ENDINGS = (CallFinished, CallFailed, WaitClosed, ChildEnded, LetterDelivered, LetterFailed)
WRONG = ("failed", "timed_out")
"""How runs end of which somebody should be told."""


@define(eq=False)
class Lasting:
    """A run, a visit of a state, or an effect, with what is around it.

    `id` is the effect's, or the number of the entry by which the state was entered; `name` that of the machine, the
    state, or the form. `since` is when it began, in microseconds since 1970; None if nobody knows. `held` says why an
    effect does not go on. `mark` is for whoever follows.
    """

    kind: Kind
    run: str
    machine: str
    name: str
    id: int
    since: int | None
    outer: "Lasting | None" = None
    attempt: int = 1
    held: str = ""
    mark: Any = None

    @property
    def state(self) -> str:
        """The state it is, or is inside of; empty if there is none."""
        if self.kind == "effect":
            return "" if self.outer is None else self.outer.state
        return self.name if self.kind == "state" else ""


@frozen
class Opened:
    """Something begins. It `is_late` if it had begun before anybody was told of it."""

    what: Lasting
    is_late: bool = False


@frozen
class Closed:
    """Something ends: when, how, whether that is something wrong, and in which words.

    A run ends by its status; an effect as `returned`, `answered`, by the status of its child or receipt, or by what
    went wrong: the kind of its problem, a declared failure by name, `timed_out`, `in_doubt`, `declined`, `stopped`.
    """

    what: Lasting
    at: int
    how: str = "left"
    is_wrong: bool = False
    message: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it has lasted, if that is known."""
        return None if self.what.since is None else (self.at - self.what.since) / 1_000_000


Change: TypeAlias = Opened | Closed | Told


@define(eq=False)
class _Book:
    """What lasts of one run."""

    run: Lasting
    seq: int
    is_parked: bool = False
    states: dict[str, Lasting] = field(factory=dict[str, Lasting])
    effects: dict[int, Lasting] = field(factory=dict[int, Lasting])


@define(eq=False)
class Timeline:
    """Follows what is told of many runs.

    `now` counts what lasts at the moment, by what it is (`runs`, `parked`, `in_flight`, `held`) and machine.
    """

    most: int = 10_000
    now: Counter[tuple[str, str]] = field(factory=Counter[tuple[str, str]], init=False)
    _books: OrderedDict[str, _Book] = field(factory=OrderedDict[str, _Book], init=False)

    def knows(self, run: str, seq: int) -> bool:
        """Whether a run is followed already, up to an entry. One that somebody else has gone on with is forgotten."""
        book = self._books.get(run)
        if book is not None and book.seq != seq:
            self._forget(run)
        return run in self._books

    def run(self, run: str) -> Lasting | None:
        """A run that lasts."""
        book = self._books.get(run)
        return None if book is None else book.run

    def effect(self, run: str, id: int) -> Lasting | None:
        """An effect that lasts."""
        book = self._books.get(run)
        return None if book is None else book.effects.get(id)

    def follow(self, telling: Telling) -> Iterator[Change]:
        """What an entry tells, each with what is opened before, and what is closed after it."""
        book = self._books.get(telling.run)
        if telling.before is not None and (book is None or book.seq != telling.seq - 1):
            yield from self._come_late(telling)
        for told in telling.told:
            yield from self._opened(telling, told)
            yield told
            yield from self._closed(telling, told)
        book = self._books.get(telling.run)
        if book is not None:
            book.seq = telling.seq
            self._park(book, "parked" in telling.after)
            self._books.move_to_end(telling.run)
            while len(self._books) > self.most:
                self._forget(next(iter(self._books)))

    # -- what begins

    def _opened(self, telling: Telling, told: Told) -> Iterator[Change]:
        if isinstance(told, RunStarted):
            yield self._begin_run(telling, told.at)
        book = self._books.get(telling.run)
        if book is None:
            return
        if isinstance(told, StateEntered):
            yield self._enter(book, telling, told.state, (told.seq, told.at))
        elif isinstance(told, BEGINNINGS):
            if told.effect not in book.effects:
                owner = telling.state_of(told.effect)
                yield self._order(book, (told.effect, told.form, owner), told.at)
            effect = book.effects[told.effect]
            self._hold(effect, told.why if isinstance(told, EffectHeld | RateWaiting) else "")
            if isinstance(told, CallStarted):
                effect.attempt = told.attempt
        elif isinstance(told, RetryScheduled) and told.effect in book.effects:
            self._hold(book.effects[told.effect], "retry")

    def _begin_run(self, telling: Telling, since: int) -> Opened:
        machine = telling.header.machine
        run = Lasting("run", telling.run, machine, machine, 0, since)
        self._books[telling.run] = _Book(run, telling.seq)
        self.now["runs", machine] += 1
        return Opened(run, since != telling.at)

    def _enter(
        self, book: _Book, telling: Telling, state: str, when: tuple[int, int | None]
    ) -> Opened:
        around = book.states.get(telling.lore.outer.get(state, ""), book.run)
        id, since = when
        visit = Lasting("state", book.run.run, book.run.machine, state, id, since, around)
        book.states[state] = visit
        return Opened(visit, since is None)

    def _order(
        self, book: _Book, what: tuple[int, str, str], since: int, is_late: bool = False
    ) -> Opened:
        id, form, owner = what
        around = book.states.get(owner, book.run)
        effect = Lasting("effect", book.run.run, book.run.machine, form, id, since, around)
        book.effects[id] = effect
        self.now["in_flight", book.run.machine] += 1
        return Opened(effect, is_late)

    # -- what ends

    def _closed(self, telling: Telling, told: Told) -> Iterator[Change]:
        book = self._books.get(telling.run)
        if book is None:
            return
        if isinstance(told, StateLeft) and told.state in book.states:
            yield Closed(book.states.pop(told.state), told.at)
        elif isinstance(told, ENDINGS) and not _is_tried_again(telling, told):
            effect = book.effects.get(told.effect)
            if effect is not None:
                yield self._end(book, effect, told.at, _how(told))
        elif isinstance(told, RunFinished):
            yield from self._finish(book, told)

    def _end(self, book: _Book, effect: Lasting, at: int, how: _How = LOST) -> Closed:
        del book.effects[effect.id]
        self._hold(effect, "")
        self.now["in_flight", effect.machine] -= 1
        return Closed(effect, at, *how)

    def _finish(self, book: _Book, told: RunFinished) -> Iterator[Change]:
        for effect in reversed(book.effects.copy().values()):
            yield self._end(book, effect, told.at)
        for state in reversed(book.states.copy().values()):
            yield Closed(book.states.pop(state.name), told.at)
        yield Closed(book.run, told.at, told.status, told.status in WRONG)
        self._forget(told.run)

    # -- what is neither

    def _come_late(self, telling: Telling) -> Iterator[Change]:
        """Open what lasts by the frame before an entry, and close what no longer does."""
        frame: Any = telling.before
        flying = {one.id: one for one in telling.flying}
        if telling.run not in self._books:
            yield self._begin_run(telling, telling.header.at)
        book = self._books[telling.run]
        for id in [id for id in book.effects if id not in flying]:
            yield self._end(book, book.effects[id], telling.at)
        for state in [state for state in reversed(book.states.copy()) if state not in frame["in"]]:
            yield Closed(book.states.pop(state), telling.at)
        for state in frame["in"]:
            if state not in book.states:
                yield self._enter(book, telling, state, (telling.seq, None))
        for id, one in flying.items():
            if id not in book.effects:
                yield self._order(book, (id, one.form, one.owner), one.at, True)
            book.effects[id].attempt = one.attempt
            self._hold(book.effects[id], one.held)

    def _hold(self, effect: Lasting, why: str) -> None:
        change = bool(why) - bool(effect.held)
        self.now["held", effect.machine] += change
        self.now["in_flight", effect.machine] -= change
        effect.held = why

    def _park(self, book: _Book, is_parked: bool) -> None:
        self.now["parked", book.run.machine] += is_parked - book.is_parked
        book.is_parked = is_parked

    def _forget(self, run: str) -> None:
        book = self._books.pop(run)
        self._park(book, False)
        for effect in book.effects.values():
            self._hold(effect, "")
        self.now["in_flight", book.run.machine] -= len(book.effects)
        self.now["runs", book.run.machine] -= 1


def _is_tried_again(telling: Telling, told: Told) -> bool:
    """Whether an attempt that failed is followed by another."""
    return isinstance(told, CallFailed) and any(
        isinstance(other, RetryScheduled) and other.effect == told.effect for other in telling.told
    )


def _how(told: Told) -> _How:
    """How an effect came to its end, whether that is something wrong, and in which words."""
    match told:
        case CallFailed() | LetterFailed():
            return told.problem, told.problem != "stopped", told.message
        case WaitClosed():
            return told.how, False, ""
        case ChildEnded():
            return told.status, told.status in WRONG, ""
        case LetterDelivered():
            return told.status, False, ""
        case _:
            return "returned", False, ""
