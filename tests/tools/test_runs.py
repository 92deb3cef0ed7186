"""`machine_test` on the real kernel: planted bugs are found, and told so that they can be mended."""

import unittest
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from detent import (
    After,
    Call,
    Context,
    Effect,
    Event,
    Final,
    InDoubt,
    Machine,
    On,
    Retry,
    Returned,
    Secret,
    Spawn,
    State,
    Wait,
)
from detent.kernel import Handled, replay, verify_log
from detent.tools.testing import (
    BrokenProperty,
    Promise,
    always,
    machine_test,
    machines,
    never,
    recording,
)
from detent.tools.testing import walk_key as key
from detent.tools.testing.drawing import Draw
from detent.tools.testing.run_tests import Played, RunCheck, check_of
from detent.tools.testing.samples import Tally
from tests.settings import times


@frozen
class Go(Event):
    n: int = 0


@frozen
class Fetch(Effect[int], recovery="idempotent"):
    n: int = 0


@frozen
class Charge(Effect[int], recovery="at_most_once"):
    n: int = 0


@frozen
class Data:
    n: int = 0
    word: str = ""

    def fetch(self) -> Fetch:
        return Fetch(self.n)

    def charge(self) -> Charge:
        return Charge(self.n)

    def hear(self, event: Returned[int]) -> "Data":
        return evolve(self, n=event.value)

    def doubt(self, event: InDoubt) -> "Data":
        return evolve(self, word=event.why)

    def loosely(self, event: Returned[int]) -> "Data":
        wrong: Any = str(event.value)
        return evolve(self, n=wrong)

    def question(self) -> str:
        return "Is it?"


EMPTY = st.just(Data())
UNEXPLAINED = [phase for phase in Phase if phase is not Phase.explain]

fetch = Call(Fetch, Data.fetch, timeout=5.0, retry=Retry(attempts=2), limit="slow", breaker="shop")
charge = Call(Charge, Data.charge)
ask = Wait(bool, Data.question, deadline=60.0)


def paying(update: Any = Data.doubt) -> Machine[Data, Data, Data]:
    """Somebody is charged when he wants it; what is in doubt is noted."""
    return Machine(
        "paying",
        State("idle", On(Go, to="charging")),
        State(
            "charging",
            On(charge.returned, to="done", update=Data.hear),
            On(charge.in_doubt, to="done", update=update),
            On(charge.failed, to="idle"),
            do=charge,
        ),
        Final("done"),
        data=Data,
    )


def fetching(update: Any = Data.hear) -> Machine[Data, Data, Data]:
    """Something is fetched, whatever it takes."""
    return Machine(
        "fetching",
        State(
            "going",
            On(fetch.returned, to="done", update=update),
            On(fetch.unreturned, to="asking"),
            do=fetch,
        ),
        State("asking", On(ask.returned | ask.timed_out, to="waiting"), do=ask),
        State("waiting", After(1.0, to="done"), On(Go, to="going")),
        Final("done"),
        data=Data,
    )


def itself(data: Data) -> Data:
    return data


child = Spawn(fetching(), itself, name="child")
family = Machine(
    "family",
    State("idle", On(Go, to="working")),
    State("working", On(child.ended, to="done"), On(Go, to="idle"), do=child),
    Final("done"),
    data=Data,
)

TestPaying = machine_test(paying(), inputs=EMPTY, seen=["done"], runs=times(25))
TestFetching = machine_test(fetching(), inputs=EMPTY, runs=times(25))
TestFamily = machine_test(family, inputs=EMPTY, runs=times(25))


def broken(check: RunCheck, runs: int = 300) -> str:
    """What is told of the first run that breaks something; nothing if none does."""

    @settings(max_examples=runs, phases=UNEXPLAINED)
    @given(check.drawn(EMPTY, 5))
    def look(played: Played) -> None:
        check.judge(played)

    try:
        look()
    except BrokenProperty as error:
        return str(error)
    return ""


# -- properties


@st.composite
def runs_of_generated_machines(draw: Draw) -> tuple[RunCheck, Played]:
    check = check_of(draw(machines()), may_break=True)
    return check, check.play(draw, Tally(draw(st.integers(0, 9))), 12)


@settings(max_examples=times(20), phases=UNEXPLAINED)
@given(runs_of_generated_machines())
def test_no_kernel_breaks_what_it_promises_whatever_the_machine(
    run: tuple[RunCheck, Played],
) -> None:
    check, played = run

    check.judge(played)


@given(runs_of_generated_machines())
@settings(max_examples=times(5))
def test_what_is_stored_of_a_run_is_a_log_that_verifies(run: tuple[RunCheck, Played]) -> None:
    _, played = run

    assert set(verify_log(played.lines)) == set(played.logs)


# -- what is planted is found


def test_a_promise_that_is_broken_only_after_a_crash_is_found(tmp_path: Path) -> None:
    crashed: Promise[Data] = never(lambda now: now.data.word == "crash")
    log = tmp_path / "failure.run.jsonl"

    text = broken(check_of(paying(), [crashed], log=log))

    assert "does not keep this: never <lambda>" in text
    script = text.partition("what happened, by the clock:\n\n")[2].partition("\n\n")[0]
    words = [line.partition(" s  ")[2].partition(" -> ")[0] for line in script.splitlines()]
    assert words[0] == "start Data()"
    assert any(word.startswith("send Go()") for word in words)
    assert any(word.startswith(("the kernel dies", "the host shuts down")) for word in words)
    with log.open("rb") as lines:
        assert replay(lines, paying(), key=key).divergence is None
    with pytest.raises(AssertionError, match="never <lambda>, in done"):
        recording(log, paying(), promises=[crashed])()


def twice(handled: Handled) -> Handled:
    """A handler that is begun twice, as by a recovery that has lost its mind."""

    async def by(order: Any, context: Context) -> Any:
        await handled.by(order, context)
        return await handled.by(order, context)

    return evolve(handled, by=by)


def test_a_handler_that_is_called_twice_is_found() -> None:
    text = broken(check_of(paying(), altered=twice))

    assert "what must not be repeated is begun once" in text
    assert text.count("Charge() begins (run/1, attempt 1)") == 3


def test_what_may_be_repeated_may_be_begun_twice() -> None:
    assert broken(check_of(fetching(), altered=twice), 30) == ""


def test_a_value_that_cannot_be_stored_is_found() -> None:
    text = broken(check_of(fetching(Data.loosely)))

    assert "n: '0' is no int" in text
    assert "Fetch() begins (run/1, attempt 1) -> 0 at 0 s" in text


def test_an_update_that_breaks_is_found_and_told_with_its_name() -> None:
    def trouble(data: Data, event: Returned[int]) -> Data:
        raise ZeroDivisionError("by nothing")

    text = broken(check_of(fetching(trouble)))

    assert "no guard, update or factory breaks" in text
    assert "by nothing" in text
    assert broken(check_of(fetching(trouble), may_break=True), 30) == ""


def test_a_begin_that_raises_is_found() -> None:
    def begin(data: Data) -> Data:
        raise ValueError("no such thing")

    machine = Machine("never", State("here"), data=Data, begin=begin)

    assert "a run can begin" in broken(check_of(machine))
    assert broken(check_of(machine, may_break=True), 5) == ""


# -- how it is told


def told(case: type[unittest.TestCase]) -> str:
    """What the failures of a test case say."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return "\n".join(text for _, text in (*result.failures, *result.errors))


@always
def is_in_no_doubt(now: Any) -> bool:
    return not now.data.word


def test_a_machine_test_tells_runs_beside_walks(tmp_path: Path) -> None:
    log = tmp_path / "failure.run.jsonl"

    text = told(machine_test(paying(), promises=[is_in_no_doubt], inputs=EMPTY, at_most=4, log=log))

    assert text.count("does not keep this: always is_in_no_doubt") == 2
    beside = tmp_path / "failure.kernel.run.jsonl"
    assert f'= recording("{beside}", paying, promises=[is_in_no_doubt])' in text
    assert {one.name for one in tmp_path.iterdir()} == {log.name, beside.name}


def test_the_level_of_the_kernel_can_be_left_out() -> None:
    case = machine_test(paying(), inputs=EMPTY, runs=0)

    assert not hasattr(case, "test_every_run_keeps_every_promise")
    assert hasattr(TestPaying, "test_every_run_keeps_every_promise")


@frozen
class Login(Event):
    token: Secret[str]


@frozen
class Session:
    token: Secret[str] = ""

    def login(self, event: Login) -> "Session":
        return evolve(self, token=event.token)


def test_secrets_are_sealed_in_runs_too() -> None:
    machine = Machine("door", State("shut", On(Login, update=Session.login)), data=Session)

    @settings(max_examples=30, phases=UNEXPLAINED)
    @given(check_of(machine).drawn(st.just(Session()), 6))
    def look(played: Played) -> None:
        check_of(machine).judge(played)

    look()
