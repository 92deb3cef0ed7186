"""What may keep an effect from beginning: workers, threads, a limiter, a breaker, the kernel's own closing.

Rule 1: a gate is asked while a turn is made, and what it gives away counts from then on; if the turn comes to nothing,
        it is given back.
Rule 2: who waits for workers is let in in the order in which he came, and nobody overtakes him.
Rule 3: limiters and breakers live in cells of the journal. What is decided is written in the transaction of the entry
        that says so; if somebody else has written the cell in the meantime, the turn is made again.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from attrs import define, evolve, field, frozen

from detent.kernel.journal import Cell
from detent.kernel.policies import counts_as_failure
from detent.kernel.ports import Limits
from detent.kernel.scheduler.served import Way
from detent.kernel.signals import Event
from detent.kernel.wire import Tree

__all__ = ["Asked", "Changed", "Gates", "names_of"]

Waiting: TypeAlias = tuple[str, int]
"""An effect of a run."""

THREADS = "threads"


@frozen
class Asked:
    """What a gate says: nothing, so that the effect begins; why it is held, and until when; or who declined it."""

    held: str = ""
    until: int = 0
    declined: str = ""
    freed: tuple[Waiting, ...] = ()
    """Who is let in because this one is not."""


OPEN = Asked()


class Changed:
    """What a turn changes of cells: the version each had, and its value now; and what breakers came to."""

    __slots__ = ("cells", "words")

    def __init__(self) -> None:
        self.cells: dict[str, Cell] = {}
        self.words: list[tuple[str, str]] = []

    def write(self, known: Cell, value: Tree) -> None:
        """Give a cell a value."""
        base = self.cells.get(known.name, known)
        self.cells[known.name] = Cell(known.name, value, base.version)


@define(eq=False)
class Slots:
    """So many places, and who waits for one."""

    limit: int
    taken: set[Waiting] = field(factory=set[Waiting])
    waiting: deque[Waiting] = field(factory=deque[Waiting])

    def take(self, who: Waiting) -> bool:
        """Take a place, if there is one."""
        if who in self.taken:
            return True
        if len(self.taken) >= self.limit or (self.waiting and who not in self.waiting):
            if who not in self.waiting:
                self.waiting.append(who)
            return False
        if who in self.waiting:
            self.waiting.remove(who)
        self.taken.add(who)
        return True

    def leave(self, who: Waiting) -> Waiting | None:
        """Give a place back, or stop waiting for one: whose turn it is."""
        if who in self.taken:
            self.taken.remove(who)
        elif who in self.waiting:
            self.waiting.remove(who)
            return None
        if self.waiting and len(self.taken) < self.limit:
            first = self.waiting.popleft()
            self.taken.add(first)  # nobody overtakes it
            return first
        return None


@define(eq=False)
class Places:
    """How many runs may have something under way at once. A run keeps its place until it rests."""

    limit: int | None
    taken: set[str] = field(factory=set[str])
    waiting: deque[Waiting] = field(factory=deque[Waiting])

    def take(self, who: Waiting) -> bool:
        """Take a place for a run, if there is one."""
        run = who[0]
        if self.limit is None or run in self.taken:
            return True
        if len(self.taken) < self.limit and not self.waiting:
            self.taken.add(run)
            return True
        if who not in self.waiting:
            self.waiting.append(who)
        return False

    def leave(self, run: str) -> list[Waiting]:
        """A run rests, perhaps waiting for its turn: whose turn it is, with all that a run has waiting."""
        self.taken.discard(run)
        freed: list[Waiting] = []
        while self.limit is not None and self.waiting and len(self.taken) < self.limit:
            first = self.waiting[0][0]
            self.taken.add(first)
            freed += [one for one in self.waiting if one[0] == first]
            self.waiting = deque(one for one in self.waiting if one[0] != first)
        return freed


class Gates:
    """The gates of a kernel."""

    def __init__(self, limits: Limits) -> None:
        self.draining = False
        self.runs = Places(limits.runs)
        self.cells: dict[str, Cell] = {}
        self._threads = Slots(limits.threads)
        self._workers: dict[str, Slots] = {}

    def know(self, cells: Iterable[Cell]) -> None:
        """Take cells as they are in the journal."""
        self.cells.update({cell.name: cell for cell in cells})

    def ask(self, who: Waiting, way: Way, at: int, changed: Changed) -> Asked:
        """Whether an effect begins now."""
        if self.draining:
            return Asked("drain")
        cells: list[tuple[Cell, Tree]] = []
        words: list[tuple[str, str]] = []
        asked = OPEN if way.is_free else self._ask_policies(who, way, at, cells, words)
        if asked is not OPEN:
            return evolve(asked, freed=tuple(self.leave(who, way)))
        if not self.runs.take(who):
            return Asked("capacity:runs")
        for name, slots in self._slots(way):
            if not slots.take(who):
                return Asked(f"capacity:{name}")
        for cell, value in cells:
            self._write(cell, value, changed)
        changed.words += words
        return OPEN

    def leave(self, who: Waiting, way: Way) -> list[Waiting]:
        """An effect has ended, or will not begin: whose turn it is."""
        left = (slots.leave(who) for _, slots in self._slots(way))
        return [first for first in left if first is not None]

    def give_back(self, who: Waiting) -> list[Waiting]:
        """An effect is not there any more, or cannot begin: whose turn it is."""
        left = (slots.leave(who) for slots in (self._threads, *self._workers.values()))
        return [first for first in left if first is not None]

    def heard(self, who: Waiting, way: Way, event: Event, at: int, changed: Changed) -> None:
        """Tell the breaker of an outcome."""
        if way.breaker is None:
            return
        name, breaker = way.breaker
        cell, holder = self._cell(f"breaker:{name}"), f"{who[0]}/{who[1]}"
        before = breaker.word(cell.value, at)
        failed = counts_as_failure(event)
        if failed is None:
            state, word = breaker.given_back(cell.value, holder), before
        else:
            state, word = breaker.heard(cell.value, at, holder, not failed)
        self._write(cell, state, changed)
        if word != before:
            changed.words.append((name, word))

    def _slots(self, way: Way) -> list[tuple[str, Slots]]:
        found: list[tuple[str, Slots]] = []
        if way.workers is not None:
            known = self._workers.get(way.effect)
            if known is None:
                known = self._workers[way.effect] = Slots(way.workers)
            found.append((way.effect, known))
        if not way.is_async:
            found.append((THREADS, self._threads))
        return found

    def _ask_policies(
        self,
        who: Waiting,
        way: Way,
        at: int,
        cells: list[tuple[Cell, Tree]],
        words: list[tuple[str, str]],
    ) -> Asked:
        """Ask the limiter and the breaker; `cells` and `words` are what they come to if the effect begins."""
        if way.limiter is not None:
            name, limiter = way.limiter
            cell = self._cell(f"limiter:{name}")
            state, until = limiter.admit(cell.value, at)
            if until:
                return Asked(f"limit:{name}", until)
            cells.append((cell, state))
        if way.breaker is not None:
            name, breaker = way.breaker
            cell = self._cell(f"breaker:{name}")
            before = breaker.word(cell.value, at)
            admission = breaker.admit(cell.value, at, f"{who[0]}/{who[1]}")
            if admission.declined:
                return Asked(declined=f"breaker:{name}")
            cells.append((cell, admission.state))
            if admission.word != before:
                words.append((name, admission.word))
        return OPEN

    def _cell(self, name: str) -> Cell:
        return self.cells.get(name) or Cell(name)

    def _write(self, cell: Cell, value: Tree, changed: Changed) -> None:
        """What later turns see is what this one will have written."""
        if value != cell.value:
            changed.write(cell, value)
            base = changed.cells[cell.name]
            self.cells[cell.name] = Cell(cell.name, value, base.version + 1)


def names_of(ways: Mapping[tuple[str, int], Way]) -> set[str]:
    """The cells that the effects of a machine have to do with."""
    found: set[str] = set()
    for way in ways.values():
        if way.breaker is not None:
            found.add(f"breaker:{way.breaker[0]}")
        if way.limiter is not None:
            found.add(f"limiter:{way.limiter[0]}")
    return found
