"""A machine with mistakes in it, for the command line to find."""

from attrs import frozen

from detent import Event, Machine, On, State


@frozen
class Go(Event):
    """An event."""


@frozen
class Data:
    """The data."""

    n: int = 0


broken = Machine(
    "broken",
    State("here", On(Go, to="there"), On(Go, to="here", when="data.m > 0")),
    State("elsewhere"),
    data=Data,
)
