"""`machine_test` finds what is wrong with a machine, and says it so that it can be mended."""

import unittest
from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import evolve, frozen
from hypothesis import settings
from hypothesis import strategies as st

from detent import Call, Definition, Effect, Event, Final, Machine, On, Returned, Secret, State
from detent.kernel import replay
from detent.tools.testing import (
    BrokenProperty,
    Promise,
    check_walk,
    machine_test,
    never,
    recording,
    walk_key,
)
from tests.tools import orders
from tests.tools.orders import Add, Order, Ship, hasty, order, shipped_below_total

EMPTY = st.just(Order())

TestOrder = machine_test(
    order,
    promises=[shipped_below_total, orders.paid_is_not_negative],
    seen=["paid", "shipped", "refunded", "cancelled"],
    inputs=EMPTY,
)


def told(case: type[unittest.TestCase]) -> str:
    """What the failures of a test case say; nothing if there are none."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert result.testsRun == 3
    return "\n".join(text for _, text in (*result.failures, *result.errors))


def failing(machine: Definition[Any, Any, Any], folder: Path, **options: Any) -> str:
    """What a machine test of a machine says."""
    return told(machine_test(machine, log=folder / "failure.run.jsonl", runs=0, **options))


def test_a_removed_guard_is_found_by_two_events(tmp_path: Path) -> None:
    text = failing(hasty, tmp_path, promises=[shipped_below_total], inputs=EMPTY)

    assert "does not keep this: never shipped_below_total" in text
    assert "state: cart" in text
    assert "event: Ship -> shipped" in text
    pasted = text.partition("check_walk(\n")[2].partition(")\n\n")[0]
    assert [line.strip() for line in pasted.splitlines()][:4] == [
        "order,",
        "Order(),",
        "Add(1),",
        "Ship(),",
    ]


def test_what_is_printed_can_be_pasted_as_a_test(tmp_path: Path) -> None:
    text = failing(hasty, tmp_path, promises=[shipped_below_total], inputs=EMPTY)
    printed = text.partition("as a test:\n")[2].partition("as a run log:")[0]
    code = "\n".join(line.removeprefix("    ") for line in printed.splitlines())
    names: dict[str, Any] = {"order": hasty, "shipped_below_total": shipped_below_total}

    exec(code, names)

    with pytest.raises(BrokenProperty, match="never shipped_below_total"):
        names["test_never_shipped_below_total"]()


def test_a_failure_is_a_run_log_that_replays(tmp_path: Path) -> None:
    failing(hasty, tmp_path, promises=[shipped_below_total], inputs=EMPTY)
    log = tmp_path / "failure.run.jsonl"

    with log.open("rb") as lines:
        replayed = replay(lines, hasty)
    assert (replayed.entries, replayed.divergence) == (3, None)
    recording(log, hasty)()
    with pytest.raises(AssertionError, match=r"entry 3: never shipped_below_total, in shipped"):
        recording(log, hasty, promises=[shipped_below_total])()


def test_a_walk_is_checked_by_hand() -> None:
    check_walk(order, Order(), Add(5), (Ship(), 7), promises=[shipped_below_total])

    with pytest.raises(BrokenProperty, match="shipped"):
        check_walk(hasty, Order(), Add(5), (Ship(), 7), promises=[shipped_below_total])


def test_a_state_that_no_walk_comes_to_is_told(tmp_path: Path) -> None:
    impossible = orders.ordering("data.paid == data.total and data.total < 0")

    text = failing(impossible, tmp_path, seen=["shipped"], inputs=EMPTY)

    assert "machine 'order': none of 2000 walks came to 'shipped'" in text


def test_a_misspelt_state_is_told(tmp_path: Path) -> None:
    assert "has no state 'shiped'" in failing(order, tmp_path, seen=["shiped"])


@frozen
class Tick(Event):
    n: int = 0


@frozen
class Clock:
    ticks: int = 0

    def tick(self, event: Tick) -> "Clock":
        return evolve(self, ticks=self.ticks + 1)

    def divide(self, event: Tick) -> "Clock":
        return evolve(self, ticks=10 // (event.n % 7))

    def loosely(self, event: Tick) -> "Clock":
        wrong: Any = str(event.n)
        return evolve(self, ticks=wrong)

    def forever(self, event: Tick) -> "Clock":
        while True:
            pass


COUNTED: list[int] = []


def impure(data: Clock, event: Tick) -> Clock:
    COUNTED.append(1)
    return evolve(data, ticks=len(COUNTED))


def clock(update: Any) -> Machine[Clock, Clock, Clock]:
    return Machine("clock", State("going", On(Tick, update=update)), data=Clock)


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (Clock.divide, "no guard, update or factory breaks\n  going/0: update Clock.divide: Zero"),
        (Clock.loosely, "everything can be written down\n  data.ticks: '0' is no int"),
        (impure, "two steps from one snapshot differ"),
    ],
    ids=["raises", "gives another type", "counts elsewhere"],
)
def test_a_bad_update_is_found(update: Any, words: str, tmp_path: Path) -> None:
    assert words in failing(clock(update), tmp_path)


def test_an_update_that_never_returns_is_named() -> None:
    with pytest.raises(BrokenProperty, match=r"update Clock.forever: NotReturning"):
        check_walk(clock(Clock.forever), Clock(), Tick(), patience=0.05)


def test_a_state_without_a_way_to_an_end_is_told(tmp_path: Path) -> None:
    machine = Machine(
        "stuck",
        State("open", On(Tick, to="shut", when="event.n > 2"), On(Add, to="over")),
        State("shut", On(Tick)),
        Final("over"),
        data=Clock,
    )

    assert "machine 'stuck': no end can be reached from 'shut'" in failing(machine, tmp_path)


def test_a_begin_that_raises_is_told(tmp_path: Path) -> None:
    def begin(ticks: int) -> Clock:
        return Clock(10 // ticks)

    machine = Machine("clock", State("going", On(Tick)), data=Clock, begin=begin)

    assert "does not keep this: a run can begin" in failing(machine, tmp_path)
    assert failing(machine, tmp_path, inputs=st.integers(1, 9)) == ""


@frozen
class Login(Event):
    token: Secret[str]


@frozen
class Session:
    token: Secret[str] = ""

    def login(self, event: Login) -> "Session":
        return evolve(self, token=event.token)

    def is_open(self) -> bool:
        return self.token != ""


def test_secrets_are_sealed_in_the_log_of_a_failure(tmp_path: Path) -> None:
    machine = Machine("door", State("shut", On(Login, update=Session.login)), data=Session)
    opened: Promise[Session] = never(lambda now: now.data.is_open())
    log = tmp_path / "failure.run.jsonl"

    assert "never <lambda>" in failing(machine, tmp_path, promises=[opened])

    assert b'"$secret"' not in log.read_bytes()
    with log.open("rb") as lines:
        assert replay(lines, machine, key=walk_key).divergence is None


@frozen
class Fetch(Effect[int], recovery="pure"):
    n: int


def test_outcomes_are_drawn_and_can_be_pasted(tmp_path: Path) -> None:
    def make(data: Clock) -> Fetch:
        return Fetch(data.ticks)

    def keep(data: Clock, event: Returned[int]) -> Clock:
        return evolve(data, ticks=event.value)

    fetch = Call(Fetch, make)
    machine = Machine(
        "fetcher",
        State("fetching", On(fetch.returned, to="done", update=keep), On(fetch.failed), do=fetch),
        Final("done"),
        data=Clock,
    )
    small: Promise[Clock] = never(lambda now: now.data.ticks > 100)

    text = failing(machine, tmp_path, promises=[small], inputs=st.just(Clock()))

    assert "Happened(1, Returned(101" in text
    assert "event: fetch.returned -> done (completed)" in text


def test_machine_tests_are_as_long_as_the_profile_says() -> None:
    case = machine_test(clock(Clock.tick))
    used: Any = getattr(case, "test_every_walk_keeps_every_promise")  # noqa: B009 - it is dynamic

    assert used._hypothesis_internal_use_settings.max_examples == settings().max_examples
    assert attrs.fields(Clock).ticks.type is int
