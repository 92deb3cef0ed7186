"""The end of a run: what it ends with, and that nothing happens after it."""

import pytest

from detent.kernel import (
    After,
    Always,
    Broken,
    Call,
    Done,
    Final,
    FinalStatus,
    Fired,
    Happened,
    InDoubt,
    Machine,
    On,
    Region,
    Rejected,
    Signal,
    State,
    Stopped,
    step,
)
from tests.kernel.scxml.toys import (
    A,
    Add,
    B,
    Break,
    Go,
    Note,
    Pay,
    Ping,
    Toy,
    Trail,
    pay,
    ping,
    returned,
    start,
)

inner = Call(Ping, ping, name="inner")


def ending(status: FinalStatus = "completed") -> Toy:
    """A state that orders, and the end."""
    return Machine("m", State("s", On(Go, to="f"), do=inner), Final("f", status), data=Trail)


@pytest.mark.parametrize(
    "status", ["completed", "completed_with_failures", "stopped", "limit_reached", "failed"]
)
def test_a_final_state_beside_the_others_ends_the_run_with_its_status(status: FinalStatus) -> None:
    run = start(ending(status)).send(Go(), returned(1))

    assert (run.now.status, run.states) == (status, ("f",))


def test_a_machine_of_regions_ends_when_all_of_them_have() -> None:
    machine = Machine(
        "m",
        Region("x", State("x1", On(A, to="xf")), Final("xf")),
        Region("y", State("y1", On(B, to="yf")), Final("yf")),
        data=Trail,
    )

    statuses = [start(machine).send(*signals).now.status for signals in ([A()], [A(), B()])]

    assert statuses == ["running", "completed"]


def test_a_machine_of_regions_ends_as_the_first_that_did_not_simply_complete() -> None:
    machine = Machine(
        "m",
        Region("x", State("x1", On(Go, to="xf")), Final("xf")),
        Region("y", State("y1", On(Go, to="yf")), Final("yf", "limit_reached")),
        Region("z", State("z1", On(Go, to="zf")), Final("zf", "failed")),
        data=Trail,
    )

    assert start(machine).send(Go()).now.status == "limit_reached"


def test_a_machine_whose_regions_have_regions_ends_as_their_final_states_say() -> None:
    machine = Machine(
        "m",
        Region("x", Region("u", State("u1", On(Go, to="uf")), Final("uf", "failed"))),
        Region("y", State("y1", On(Go, to="yf")), Final("yf")),
        data=Trail,
    )

    assert start(machine).send(Go()).now.status == "failed"


def test_today_the_last_region_of_a_machine_ends_the_run_before_its_done_row() -> None:
    machine = Machine(
        "m",
        Region("x", State("x1", On(A, to="xf")), Final("xf"), Done(update=Note("x"))),
        Region("y", State("y1", On(B, to="yf")), Final("yf"), Done(update=Note("y"))),
        data=Trail,
    )

    assert start(machine).send(A(), B()).marks == ("x",)


@pytest.mark.parametrize("signal", [Go(), A(), Fired(2), Fired(99), returned(1), returned(99)])
def test_after_the_end_everything_is_rejected_and_the_snapshot_stays(signal: Signal) -> None:
    machine = Machine(
        "m", State("s", On(Go, to="f"), On(A), After(1), do=inner), Final("f"), data=Trail
    )
    run = start(machine).send(Go(), returned(2))
    before = run.now

    answer = step(run.table, before, signal, at=before.at + 1)

    assert isinstance(answer, Rejected)
    assert answer.snapshot is before


def test_a_run_with_effects_in_flight_is_ending_until_they_have_stopped() -> None:
    run = start(ending("stopped")).send(Go())

    assert (run.now.status, run.stopping, run.moved.stopped) == ("ending", (1,), (1,))
    assert isinstance(step(run.table, run.now, Go()), Rejected)

    run.send(Happened(1, Stopped("exit")))

    assert (run.now.status, run.now.effects) == ("stopped", ())


def test_what_comes_while_a_run_is_ending_takes_no_rows() -> None:
    machine = Machine(
        "m",
        On(inner.returned, update=Note("late")),
        State("s", On(Go, to="f"), do=inner),
        Final("f"),
        data=Trail,
    )

    run = start(machine).send(Go(), returned(1))

    assert (run.marks, run.moved.took, run.now.status) == ((), (), "completed")


def test_what_is_in_doubt_when_a_run_ends_is_kept() -> None:
    call = Call(Pay, pay)
    machine = Machine("m", State("s", On(Go, to="f"), do=call), Final("f"), data=Trail)

    run = start(machine).send(Go(), Happened(1, InDoubt("stopped")))

    assert (run.now.pending.doubts, run.now.status) == ((1,), "completed")


def test_nothing_follows_the_end_within_its_macrostep() -> None:
    machine = Machine(
        "m",
        State("s", On(Go, to="f", update=Add())),
        Final("f"),
        Always(when="data.n == 1", update=Add()),
        data=Trail,
    )

    assert start(machine).send(Go()).moved.took == (("s/0",),)


def test_the_end_takes_all_timers_away() -> None:
    machine = Machine("m", State("s", On(Go, to="f"), After(1)), Final("f"), data=Trail)

    assert start(machine).send(Go()).now.timers == ()


def test_a_run_may_end_where_it_begins() -> None:
    run = start(Machine("m", State("s", Always(to="f")), Final("f"), data=Trail))

    assert (run.now.status, run.states) == ("completed", ("f",))


def test_the_result_is_read_off_the_data_when_the_run_ends() -> None:
    machine = Machine(
        "m",
        State("s", On(Go, to="f", update=Note("x"))),
        Final("f"),
        data=Trail,
        result=lambda data: data.marks,
    )

    end = start(machine).send(Go()).now.end

    assert end is not None
    assert end.value == ("x",)


def test_without_result_the_data_is_the_result() -> None:
    end = start(ending("limit_reached"), n=3).send(Go()).now.end

    assert end is not None
    assert end.value == Trail(n=3)


def test_a_run_that_failed_has_no_result() -> None:
    end = start(ending("failed")).send(Go()).now.end

    assert end is not None
    assert end.value is None


def test_a_result_that_raises_breaks_the_step_and_the_run_has_not_ended() -> None:
    machine = Machine("m", State("s", On(Go, to="f")), Final("f"), data=Trail, result=Break())
    run = start(machine)
    before = run.now

    broken = step(run.table, before, Go())

    assert isinstance(broken, Broken)
    assert (broken.snapshot, broken.bug.role) == (before, "result")
