"""Effects in flight: ordered, and without an outcome so far.

Rule 1: these are values, like the snapshot that holds them: what changes is a new one.
Rule 2: one outcome among ten thousand costs about as much as one among ten.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from detent.kernel.decisions import STARTED, Life
from detent.kernel.facts import Fact, but
from detent.kernel.signals import Event
from detent.kernel.values import FrozenMap

__all__ = ["Fan", "Flight", "Ordered"]


class Ordered(Fact, frozen=True):
    """One effect: which state ordered it, by which form, what, and when.

    `part` says which form of an Each gave the order. `stopping`: its state has been left, its outcome is awaited but
    offered to nobody. `life` is how far it has come.
    """

    id: int
    owner: str
    form: str
    order: object
    at: int
    part: int = 0
    stopping: bool = False
    life: Life = STARTED

    def has(self, effect: int) -> bool:
        """Whether it is the effect of that id."""
        return effect == self.id

    def part_of(self, effect: int) -> int:
        """Which form of an Each gave the order of that id."""
        return self.part

    def life_of(self, effect: int) -> Life:
        """How far the effect of that id has come."""
        return self.life

    def is_stopping(self, effect: int) -> bool:
        """Whether the effect of that id was asked to stop."""
        return self.stopping

    @property
    def is_held(self) -> bool:
        """Whether it has not begun, or not again."""
        return bool(self.life.held)

    def living(self, lives: Mapping[int, Life]) -> "Ordered":
        """The effect when effects, by id, have come so far."""
        return but(self, life=lives.get(self.id, self.life))

    def later(self, late: int) -> "Ordered":
        """The effect as it would be if it had been ordered so much later."""
        return but(self, at=self.at + late, life=_later(self.life, late))

    def stop(self, unsent: frozenset[int]) -> "tuple[Ordered | None, tuple[int, ...]]":
        """The effect once its state was left, and what the world is asked to stop. What is held never ran."""
        if self.id in unsent or self.life.held:
            return None, ()
        return but(self, stopping=True), (self.id,)


Heard: TypeAlias = tuple[tuple[tuple[int, Event], ...], ...]


class Fan(Fact, frozen=True):
    """The effects of an Each. Their ids follow one another from `id`, in the order of the orders.

    `orders` says which of the forms gives each order, and what it orders; the first `begun` of them were given to
    the world. `open` and `asked` are sets of orders as bits: those without an outcome, and those asked to stop.
    `heard` holds the outcomes as they came, in blocks whose sizes are powers of two, so that adding one copies few.
    `lives` holds how far orders have come, by place, where there is more to say than that they were begun.
    """

    id: int
    owner: str
    form: str
    orders: tuple[tuple[int, object], ...]
    at: int
    open: int
    begun: int = 0
    asked: int = 0
    heard: Heard = ()
    stopping: bool = False
    lives: FrozenMap[int, Life] = FrozenMap()

    def has(self, effect: int) -> bool:
        """Whether the effect of that id is one of these, was begun, and has no outcome yet."""
        index = effect - self.id
        return 0 <= index < self.begun and bool(self.open >> index & 1)

    def part_of(self, effect: int) -> int:
        """Which form of an Each gave the order of that id."""
        return self.orders[effect - self.id][0]

    def life_of(self, effect: int) -> Life:
        """How far the effect of that id has come."""
        return self.lives.get(effect - self.id, STARTED)

    @property
    def is_held(self) -> bool:
        """Whether any of the orders has not begun, or not again."""
        return any(life.held for life in self.lives.values())

    def is_stopping(self, effect: int) -> bool:
        """Whether the effect of that id was asked to stop."""
        return self.stopping or bool(self.asked >> (effect - self.id) & 1)

    def living(self, lives: Mapping[int, Life]) -> "Fan":
        """The fan when effects, by id, have come so far."""
        own = {id - self.id: life for id, life in lives.items() if self.has(id)}
        if len(own) == 1:
            ((index, life),) = own.items()
            one = self.lives.drop(index) if life == STARTED else self.lives.set(index, life)
            return but(self, lives=one)
        every = {**self.lives, **own}
        kept = {index: life for index, life in every.items() if life != STARTED}
        return but(self, lives=FrozenMap(kept))

    def later(self, late: int) -> "Fan":
        """The fan as it would be if its effects had been ordered so much later."""
        lives = {index: _later(life, late) for index, life in self.lives.items()}
        return but(self, at=self.at + late, lives=FrozenMap(lives))

    def under_way(self) -> tuple[int, ...]:
        """The orders that were begun and have no outcome yet."""
        return tuple(index for index in range(self.begun) if self.open >> index & 1)

    def outcomes(self) -> tuple[Event, ...]:
        """The outcomes so far, in the order of the orders."""
        return tuple(event for _, event in sorted(self._as_they_came(), key=lambda one: one[0]))

    def hear(self, index: int, event: Event) -> "Fan":
        """The fan when one order has an outcome."""
        block: tuple[tuple[int, Event], ...] = ((index, event),)
        heard = self.heard
        while heard and len(heard[-1]) == len(block):
            block = heard[-1] + block
            heard = heard[:-1]
        lives = self.lives
        if lives and index in lives:
            lives = lives.drop(index)
        return Fan(  # what evolve does takes three times as long, for every outcome
            self.id,
            self.owner,
            self.form,
            self.orders,
            self.at,
            self.open & ~(1 << index),
            self.begun,
            self.asked,
            (*heard, block),
            self.stopping,
            lives,
        )

    def begin(self, at_most: int | None) -> "tuple[Fan, tuple[Ordered, ...]]":
        """The fan when as many orders have begun as may be under way at once, and those that begin."""
        waiting = len(self.orders) - self.begun
        room = waiting if at_most is None else at_most - (self.open.bit_count() - waiting)
        begun = self.begun + max(0, min(waiting, room))
        if begun == self.begun:
            return self, ()
        new = tuple(self._ordered(index) for index in range(self.begun, begun))
        return but(self, begun=begun), new

    def stop_others(self, stopped: Event) -> "tuple[Fan, tuple[int, ...]]":
        """The fan when an order has failed that takes the others with it, and what the world is asked to stop.

        Those that were not begun, or are held, have their outcome now.
        """
        held = self._held()
        asking = [i for i in self.under_way() if not self.asked >> i & 1 and i not in held]
        fan = but(self, asked=self.asked | sum(1 << i for i in asking), begun=len(self.orders))
        for waiting in (*sorted(held), *range(self.begun, len(self.orders))):
            fan = fan.hear(waiting, stopped)
        return fan, tuple(self.id + i for i in asking)

    def stop(self, unsent: frozenset[int]) -> "tuple[Fan | None, tuple[int, ...]]":
        """The fan once its state was left, and what the world is asked to stop. What is held never ran."""
        held = self._held()
        sent = [i for i in self.under_way() if self.id + i not in unsent and i not in held]
        if not sent:
            return None, ()
        open = sum(1 << i for i in sent)
        asking = tuple(self.id + i for i in sent if not self.asked >> i & 1)
        lives = self.lives
        if lives:
            lives = FrozenMap({i: life for i, life in lives.items() if open >> i & 1})
        return but(self, open=open, asked=open, stopping=True, lives=lives), asking

    def only_begun(self) -> "Fan":
        """The fan when no more orders begin: only those that were begun are open."""
        return but(self, open=self.open & ((1 << self.begun) - 1))

    def _held(self) -> frozenset[int]:
        return frozenset(i for i, life in self.lives.items() if life.held)

    def _ordered(self, index: int) -> Ordered:
        part, order = self.orders[index]
        return Ordered(self.id + index, self.owner, self.form, order, self.at, part)

    def _as_they_came(self) -> Iterator[tuple[int, Event]]:
        for block in self.heard:
            yield from block


Flight: TypeAlias = Ordered | Fan


def _later(life: Life, late: int) -> Life:
    """How far an effect has come that is held for as long as before."""
    return Life(life.attempt, life.held, life.until + late) if life.until else life
