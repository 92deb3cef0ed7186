"""Runs about which something was decided: forked, and compared."""

from typing import Any

import pytest

from detent.kernel import (
    Admitted,
    Broke,
    Fork,
    Held,
    Queued,
    Returned,
    diff,
    fork,
    frame_at,
)
from tests.kernel.decisions.logs import Log, attempt
from tests.kernel.decisions.toys import (
    BUG,
    PARK,
    SECOND,
    all_of_them,
    retried,
    tried,
    working,
)
from tests.kernel.scxml.toys import A, failed, returned

# -- forks


def forked(log: Log, seq: int, choices: Any = None, at: int | None = None) -> Fork:
    """A fork of a run."""
    return fork(log.lines, seq, "fork", choices, at=at)


def effects_in(made: Fork) -> Any:
    """What a fork has in flight."""
    return made.checkpoint.frame["effects"]


def test_what_is_held_is_held_as_long_in_a_fork() -> None:
    log = Log(working(retried)).send(tried(), at=SECOND)

    made = forked(log, 2, at=11 * SECOND)

    assert effects_in(made)["1"][6] == [2, "retry", 12 * SECOND]
    assert made.arriving == ()


def test_so_are_orders_of_an_each() -> None:
    log = Log(working(all_of_them())).send(Held((1,), "x", 5), Held((2,), "x"))

    made = forked(log, 3, at=10)

    assert effects_in(made)["1"][3]["$fan"]["lives"] == {
        **{"0": [1, "x", 15], "1": [1, "x", 0]},
        "2": [1, "fork", 0],  # it was under way, and is to begin again
    }


def test_nobody_is_asked_about_what_waits_in_the_line() -> None:
    log = Log(working(retried, all_of_them()), 2).send(PARK, Queued(returned(1)))
    log.send(Queued(A()), Queued(tried(3)))

    made = forked(log, 5)

    assert made.arriving == ()
    assert made.checkpoint.frame["line"] == frame_at(log.lines, 5).frame["line"]
    with pytest.raises(Exception, match="effect 1 is not in flight"):
        forked(log, 5, {1: "rerun"})


def test_a_fork_takes_what_the_last_attempt_came_to() -> None:
    log = Log(working(retried)).send(tried(), Admitted(1, 2), tried(attempt=2), Admitted(1, 3))
    log.send(tried(attempt=3))

    (arriving,) = forked(log, 1, {1: "take"}).arriving

    assert arriving == {"$happened": [1, attempt()[2]]}


def test_what_was_only_tried_again_came_to_nothing() -> None:
    log = Log(working(retried)).send(tried())

    with pytest.raises(Exception, match="nothing came of effect 1"):
        forked(log, 1, {1: "take"})


def test_a_fork_takes_what_an_attempt_of_an_order_came_to() -> None:
    log = Log(working(all_of_them()), 2).send(tried(2), failed(1), Admitted(2, 2))
    log.send(tried(2, 2, Returned(5)))

    made = forked(log, 1, {2: "take"})

    assert made.arriving[0] == {
        "$happened": [
            2,
            {"$": "Returned", "value": 5, "at": {"$datetime": "1970-01-01T00:00:00+00:00"}},
        ]
    }


# -- two runs


def test_two_runs_that_differ_only_in_time_do_not_part() -> None:
    signals = (
        *(tried(), Admitted(1, 2), Held((1,), "x", 9), PARK),
        *(Queued(returned(1)), Queued(A())),
    )
    one = Log(working(retried)).send(*signals)
    other = Log(working(retried)).send(*signals, at=5)
    again = Log(working(retried)).send(*signals[:2], Held((1,), "x", 99), *signals[3:])

    assert diff(one.lines, other.lines) is None
    assert diff(one.lines, again.lines) is None


def test_lives_of_orders_are_compared_without_their_times() -> None:
    one = Log(working(all_of_them())).send(Held((1,), "x", 5))
    other = Log(working(all_of_them())).send(Held((1,), "x", 7))
    third = Log(working(all_of_them())).send(Held((1,), "y", 5))

    assert diff(one.lines, other.lines) is None
    assert diff(one.lines, third.lines) is not None


def test_two_runs_that_broke_elsewhere_part() -> None:
    one = Log(working(retried)).send(Broke("s/0", "update", "f", BUG, returned(1)))
    other = Log(working(retried)).send(Broke("s/0", "update", "f", BUG))

    assert diff(one.lines, one.lines) is None
    assert diff(one.lines, other.lines) is not None
