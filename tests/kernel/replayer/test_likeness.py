"""A fork in which the same happens as in its parent is like its parent, whatever was in flight and in line."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Admitted,
    Head,
    Queued,
    Recorder,
    Resumed,
    Snapshot,
    Stepped,
    diff,
    fork,
    recorded_lines,
    scribe_of,
    step,
)
from detent.kernel.stepper import recall
from tests.kernel.decisions.logs import Log
from tests.kernel.decisions.toys import PARK, all_of_them, retried, tried, working
from tests.kernel.replayer.runs import Recording, all_of, recordings
from tests.kernel.replayer.test_forks import in_flight, where
from tests.kernel.scxml.toys import A, returned
from tests.settings import times


def gone_on(made: Recording, log: Any, now: Snapshot[Any], late: int) -> list[bytes]:
    """The log of a fork in which everything is done again, to which happens what happened to its parent."""
    table, recorder = made.table, Recorder(made.table)
    flying = in_flight(table, now)
    forked = fork(log, now.seq, "fork", all_of(flying, "rerun"))
    lines, head = list(forked.lines()), Head(forked.checkpoint.hash)
    here: Snapshot[Any] = scribe_of(table).snapshot(forked.checkpoint.frame)
    again = [Admitted(id, here_life(here, id)) for id in flying if is_held_for_it(here, id)]
    following = [one for one in made.entries if one.snapshot.seq > now.seq]
    happened: list[Any] = [Resumed(), *again, *following]
    for one in happened:
        stepped: Stepped[Any] | None = None
        if hasattr(one, "snapshot"):  # what its parent answered
            if one.cause is not None:
                stepped = recall(table, here, one.snapshot.at)
            stepped = stepped or step(table, here, one.signal, one.snapshot.at)
        else:
            stepped = step(table, here, one, here.at)
        recorded = recorder.record(head, here, stepped)
        if recorded is not None:
            here, head = recorded.snapshot, recorded.head
            lines += recorded_lines("fork", recorded)
    return lines


def is_held_for_it(now: Snapshot[Any], id: int) -> bool:
    """Whether an effect is held because the run is a fork."""
    return any(one.has(id) and one.life_of(id).held == "fork" for one in now.effects)


def here_life(now: Snapshot[Any], id: int) -> int:
    """Which attempt is to begin."""
    return next(one.life_of(id).attempt for one in now.effects if one.has(id))


@given(recordings(), st.data())
@settings(max_examples=times(60))
def test_a_fork_that_goes_on_like_its_parent_is_like_it(
    made: Recording, data: st.DataObject
) -> None:
    """Unless its parent was parked itself: a fork is resumed once, for whatever reason it waits."""
    now = where(data, made)
    if now is None or now.pending.parked is not None:
        return
    if any(stopping for _, _, stopping in in_flight(made.table, now).values()):
        return

    assert diff(made.log, gone_on(made, made.log, now, 0)) is None


def test_so_is_the_fork_of_a_run_that_is_parked() -> None:
    log = Log(working(retried, all_of_them()), 2).send(PARK, Queued(returned(1)))
    parent = list(log.lines)
    log.send(Queued(A()), Queued(tried(3)))

    forked = fork(log.lines, 3, "fork", {2: "rerun", 3: "rerun"})

    assert str(diff(parent, forked.lines())) == "None"
    assert diff(log.lines, forked.lines()) is not None
