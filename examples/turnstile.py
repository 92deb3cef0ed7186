"""A turnstile: the machine everybody starts with, with the two things real ones have.

It is locked again when nobody comes through, and it counts who tries to force it.
"""

from attrs import frozen

from detent import After, Event, Ignore, Machine, On, State, assign
from detent.kernel import elapse, walk


@frozen
class Coin(Event):
    """A coin was put in."""


@frozen
class Push(Event):
    """Somebody pushed."""


@frozen
class Gate:
    """What the turnstile remembers."""

    coins: int = 0
    forced: int = 0


turnstile = Machine(
    "turnstile",
    State(
        "locked",
        On(Coin, to="unlocked", update=assign(coins="data.coins + 1")),
        On(Push, update=assign(forced="data.forced + 1")),
    ),
    State(
        "unlocked",
        On(Push, to="locked"),
        After(10.0, to="locked"),
        Ignore(Coin),
    ),
    data=Gate,
)


def main() -> None:
    """Push, pay, pass; pay again, and change your mind."""
    for step in walk(turnstile, Gate(), Push(), Coin(), Coin(), Push(), Coin(), elapse(10)):
        print(step)


if __name__ == "__main__":
    main()
