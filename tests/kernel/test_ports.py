"""Worlds and handlers as values: what is passed in is all there is, and nonsense is refused where it is said."""

from typing import Any

import pytest

from detent import Fails, Limits, World, WrongInput, handle
from detent.kernel import Handled, MemoryJournal
from detent.tools.stores import SQLite
from tests.kernel.scheduler.toys import Again, Refused, call, doing, gives


def test_a_handler_is_named_by_its_function() -> None:
    assert handle(Again, gives()).name.endswith("gives.<locals>.give")
    assert handle(Again, gives(), workers=2).workers == 2


@pytest.mark.parametrize("by", [7, None, Again, "f"])
def test_what_cannot_be_called_performs_nothing(by: Any) -> None:
    with pytest.raises(WrongInput, match="is no function that could perform it"):
        handle(Again, by)


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "2"])
def test_workers_are_a_number(workers: Any) -> None:
    with pytest.raises(WrongInput, match=f"workers={workers!r} is no number of workers"):
        handle(Again, gives(), workers=workers)


def test_a_failure_says_how_it_failed() -> None:
    assert Fails("out of stock", left=2).fields == {"left": 2}
    assert Fails(Refused("no")).failure == Refused("no")


def test_a_world_keeps_what_it_is_given_and_nothing_else() -> None:
    machine = doing(call(Again))
    handled: list[Handled] = [handle(Again, gives())]
    limits = Limits(threads=1)

    world = World(machine, handlers=iter(handled), limits=limits, limiters={}, large=9)

    assert world.machines == (machine,)
    assert world.handlers == tuple(handled)
    assert (world.limits, world.large, world.journal, world.clock, world.key) == (
        limits,
        9,
        None,
        None,
        None,
    )
    assert (world.taps, world.breakers, world.limiters) == ((), {}, {})


def test_a_world_has_a_journal_or_a_store() -> None:
    with pytest.raises(WrongInput, match="not both"):
        World(journal=MemoryJournal(), store=SQLite("runs.db"))


def test_a_store_is_something_to_open() -> None:
    path: Any = "runs.db"

    with pytest.raises(WrongInput, match=r"store='runs.db'.*SQLite\(path\)"):
        World(store=path)
