"""Rows, states and effects say what they need of the data, and fit every machine that has it."""

from typing import Protocol, assert_type

from attrs import evolve, frozen

from detent import (
    After,
    Always,
    Call,
    Defer,
    Doing,
    Effect,
    Event,
    Final,
    Ignore,
    Machine,
    On,
    Part,
    Region,
    Returned,
    State,
    Wait,
)


@frozen
class Tick(Event): ...


class HasTurns(Protocol):
    @property
    def turns(self) -> int: ...


@frozen
class Named:
    name: str = ""


@frozen
class Wake(Effect[bool], recovery="pure"):
    who: str


@frozen
class Game(Named):
    turns: int = 0

    def ticked(self, event: Tick) -> "Game":
        return evolve(self, turns=self.turns + 1)


@frozen
class Talk(Named):
    turns: int = 0
    text: str = ""


def is_late(data: HasTurns, event: Event) -> bool:
    return data.turns > 8


def is_over(data: HasTurns) -> bool:
    return data.turns > 9


def waits(data: HasTurns) -> float:
    return 1.0 * data.turns


def wake(data: Named) -> Wake:
    return Wake(data.name)


def is_awake(data: object, event: Returned[bool]) -> bool:
    return event.value


waking = Call(Wake, wake)
anyone = Wait(bool, "Anyone?")
late = On(Tick, to="over", when=is_late)
over = Always(to="over", when=is_over)
soon = After(waits, to="over")
awake = On(waking.returned, to="over", when=is_awake)
nothing = On(Tick)
resting = State("resting", late, over, soon, nothing, Defer(Tick))
sleeping = State("sleeping", awake, Ignore(Tick), do=(waking, anyone))

assert_type(late, On[HasTurns])
assert_type(over, Always[HasTurns])
assert_type(soon, After[HasTurns])
assert_type(awake, On[object])
assert_type(nothing, On[object])
assert_type(resting, State[HasTurns])
assert_type(sleeping, State[Named])
assert_type(State("empty"), State[object])
assert_type(Region("region", late), Region[HasTurns])

for_game: Part[Game] = late
for_talk: Part[Talk] = late
does_game: tuple[Doing[Game], ...] = (waking, anyone)

game = Machine("game", resting, Final("over"), On(Tick, update=Game.ticked), data=Game)
talk = Machine("talk", late, resting, Final("over"), data=Talk)
named = Machine("named", sleeping, Final("over"), data=Game, background=waking)
assert_type(game, Machine[Game, Game, Game])
assert_type(talk, Machine[Talk, Talk, Talk])
assert_type(named, Machine[Game, Game, Game])

# Parts that need two things of the data which have nothing to do with each other: when the machine is
# told its types, the checkers see that the data has both. (mypy alone finds them only now and then.)
own: Machine[Game, Game, Game] = Machine(
    "own", resting, sleeping, On(Tick, update=Game.ticked), data=Game
)
both: Machine[Talk, Talk, Talk] = Machine("both", resting, sleeping, Final("over"), data=Talk)
told = Machine[Talk, Talk, Talk]("told", sleeping, late, Final("over"), data=Talk)
