"""What is tried again, and when."""

from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import (
    Declined,
    Ended,
    Event,
    Failed,
    Failure,
    InDoubt,
    Problem,
    Returned,
    Settled,
    Stopped,
    TimedOut,
)
from detent.kernel import Retry, chance, seed_of
from detent.kernel.policies import HUGE
from detent.kernel.values import tree
from tests.settings import times

SECOND = 1_000_000


@frozen
class Refused(Failure):
    """A failure that an effect declares."""

    why: str = ""


@frozen
class Closed(Failure):
    """Another."""


def failed(kind: str = "OSError") -> Failed:
    """A failure that no effect declares."""
    return Failed(Problem(kind))


def told(retry: Any) -> Any:
    """A retry that a careless author wrote."""
    return retry


seconds = st.floats(0, 1000, allow_subnormal=False) | st.integers(0, 1000)
parts = st.floats(0, 1)
retries: st.SearchStrategy[Retry] = st.builds(
    Retry,
    attempts=st.integers(1, 50),
    base=seconds,
    factor=seconds | st.floats(1, 3),
    cap=seconds,
    jitter=parts,
    total=seconds.map(lambda total: total * 100),
)


def micro(number: float) -> int:
    """Seconds in microseconds."""
    return round(number * SECOND)


@settings(max_examples=times(200))
@given(retries, st.integers(1, 60), parts, st.integers(0, 10**16), st.integers(0, 10**9))
def test_no_attempt_is_too_many_or_too_late(
    retry: Retry, attempt: int, part: float, since: int, spent: int
) -> None:
    begins = retry.again(attempt, TimedOut(), part, since, since + spent)

    if begins is None:
        late = spent + micro(min(retry.cap, HUGE)) + 1 > micro(retry.total)
        assert attempt >= retry.attempts or late
    else:
        assert attempt < retry.attempts
        assert since + spent <= begins <= since + micro(retry.total)


@settings(max_examples=times(200))
@given(retries, st.integers(1, 60), parts)
def test_a_delay_is_within_its_bounds(retry: Retry, attempt: int, part: float) -> None:
    patient = evolve(retry, attempts=attempt + 1, total=10**12)
    longest = patient.again(attempt, TimedOut(), 0.0, 0, 0)
    delay = patient.again(attempt, TimedOut(), part, 0, 0)

    assert longest is not None
    assert delay is not None
    assert longest == 0 if retry.base == 0 else 1 <= longest <= max(1, micro(retry.cap))
    assert delay <= longest
    assert delay >= longest * (1 - retry.jitter) - 1


@given(retries, st.integers(1, 8), parts, parts)
def test_more_chance_never_waits_longer(
    retry: Retry, attempt: int, some: float, more: float
) -> None:
    patient = evolve(retry, attempts=9, total=10**12)
    delays = [patient.again(attempt, TimedOut(), part, 0, 0) or 0 for part in sorted((some, more))]

    assert delays == sorted(delays, reverse=True)


@given(retries, st.integers(1, 60), parts, st.integers(0, 10**16), st.integers(-(10**16), 10**16))
def test_only_how_much_time_has_passed_matters(
    retry: Retry, attempt: int, part: float, since: int, moved: int
) -> None:
    then = retry.again(attempt, TimedOut(), part, since, since)
    later = retry.again(attempt, TimedOut(), part, since + moved, since + moved)

    assert later == (None if then is None else then + moved)


@given(st.integers(), st.integers(), st.integers())
def test_chance_is_a_number_from_0_to_1_that_follows_from_its_arguments(
    seed: int, effect: int, attempt: int
) -> None:
    assert 0 <= chance(seed, effect, attempt) < 1
    assert chance(seed, effect, attempt) == chance(seed, effect, attempt)


@given(st.text(st.characters()))
def test_every_run_has_a_seed_of_63_bits(run: str) -> None:
    assert 0 <= seed_of(run) < 2**63


def test_chance_is_spread_evenly() -> None:
    drawn = sorted(chance(seed, n, 1) for seed in range(10) for n in range(1000))

    assert max(abs(one - place / 10_000) for place, one in enumerate(drawn)) < 0.02


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((0, 0, 0), 0.08234954794796834),
        ((1, 2, 3), 0.40675705933660067),
        ((2**63 - 1, 7, 2), 0.5532224516359767),
    ],
)
def test_chance_is_the_same_everywhere(given: tuple[int, int, int], wanted: float) -> None:
    assert chance(*given) == wanted


@pytest.mark.parametrize(
    ("run", "wanted"),
    [("", 8238016292129134938), ("order-1", 1354598356660093214), ("\ud800", 2379092608228951732)],
)
def test_a_seed_is_the_same_everywhere(run: str, wanted: int) -> None:
    assert seed_of(run) == wanted


FINAL: list[Event] = [
    Returned(1),
    InDoubt(),
    Declined("bank"),
    Stopped("exit"),
    Ended("failed"),
    Settled(()),
    Event(),
]
AGAIN: list[tuple[Any, Event, bool]] = [
    ((), failed(), True),
    ((), TimedOut(), True),
    ((), Refused(), False),
    *(((), event, False) for event in FINAL),
    *((("Returned", "InDoubt", "Ended", "Event"), event, False) for event in FINAL),
    ((Refused,), Refused("late"), True),
    (("Refused",), Refused("late"), True),
    ((Refused,), Closed(), False),
    ((Refused, Closed), Closed(), True),
    ((Refused,), failed(), False),
    ((Refused,), TimedOut(), False),
    (("OSError",), failed("OSError"), True),
    (("OSError",), failed("KeyError"), False),
    (("OSError",), TimedOut(), False),
    (("Failed",), failed("KeyError"), True),
    (("Failed",), TimedOut(), False),
    (("TimedOut",), TimedOut(), True),
    (("TimedOut",), failed(), False),
    (("Failed", "TimedOut"), TimedOut(), True),
]


@pytest.mark.parametrize(("only", "event", "wanted"), AGAIN, ids=repr)
def test_what_is_tried_again_is_what_was_named(only: Any, event: Event, wanted: bool) -> None:
    retry = Retry(only=only)

    assert (retry.again(1, event, 0.0, 0, 0) is not None) is wanted


BASE = Retry(attempts=10, jitter=0.5)
DELAYS: list[tuple[Any, int, float, float]] = [
    (BASE, 1, 0.0, 1.0),
    (BASE, 2, 0.0, 2.0),
    (BASE, 6, 0.0, 32.0),
    (BASE, 7, 0.0, 60.0),
    (BASE, 7, 1.0, 30.0),
    (BASE, 7, 0.5, 45.0),
    (evolve(BASE, jitter=0.0), 3, 1.0, 4.0),
    (evolve(BASE, jitter=1.0), 3, 0.75, 1.0),
    (evolve(BASE, jitter=1.0), 3, 1.0, 0.000001),
    (evolve(BASE, base=0), 3, 0.0, 0.0),
    (evolve(BASE, base=1e-9), 1, 0.0, 0.000001),
    (evolve(BASE, factor=0), 1, 0.0, 1.0),
    (evolve(BASE, factor=0), 2, 0.0, 0.000001),
    (evolve(BASE, factor=1.0), 9, 0.0, 1.0),
    (evolve(BASE, base=0.1), 2, 0.0, 0.2),
    (evolve(BASE, factor=1e308), 9, 0.0, 60.0),
    (evolve(BASE, factor=10**400), 1, 0.0, 1.0),
    (evolve(BASE, factor=10**400), 9, 0.0, 60.0),
    (evolve(BASE, base=10**400), 9, 0.0, 60.0),
    (evolve(BASE, attempts=10**9), 10**8, 0.0, 60.0),
]


@pytest.mark.parametrize(("retry", "attempt", "part", "wanted"), DELAYS)
def test_a_delay_grows_up_to_its_cap(
    retry: Retry, attempt: int, part: float, wanted: float
) -> None:
    assert retry.again(attempt, TimedOut(), part, 7, 7) == 7 + micro(wanted)


def test_what_is_longer_than_any_time_is_no_error() -> None:
    endless = Retry(attempts=10**9, factor=10**400, cap=10**400, total=10**500)

    begins = endless.again(10**8, TimedOut(), 0.0, 0, 0)

    assert begins == int(HUGE) * SECOND


@pytest.mark.parametrize(("total", "wanted"), [(3, 5 * SECOND), (2.999999, None)])
def test_an_attempt_may_begin_at_the_last_moment(total: float, wanted: int | None) -> None:
    retry = Retry(total=total)

    assert retry.again(2, TimedOut(), 0.0, 2 * SECOND, 3 * SECOND) == wanted


WRONG_RETRIES: list[tuple[Any, list[str]]] = [
    (Retry(), []),
    (Retry(only=(Refused, "OSError")), []),
    (Retry(jitter=1.0), []),
    (Retry(jitter=1), []),
    (Retry(base=0, factor=0, cap=0, jitter=0, total=10**400), []),
    (Retry(attempts=0), ["attempts=0 is no number of attempts"]),
    (Retry(attempts=True), ["attempts=True"]),
    (Retry(base=True), ["base=True is no number"]),
    (Retry(cap=-1), ["cap=-1 must be zero or more"]),
    (Retry(total=float("inf")), ["total=inf must be zero or more, and finite"]),
    (Retry(factor=float("nan")), ["factor=nan"]),
    (Retry(jitter=1.01), ["jitter=1.01 must be from 0 to 1"]),
    (Retry(only=told("OSError")), ["only='OSError' is no tuple"]),
    (Retry(only=told(["OSError"])), ["only=['OSError'] is no tuple"]),
    (Retry(only=told((3,))), ["only names 3, which is no failure"]),
    (Retry(only=("",)), ["only names '', which is no failure"]),
    (Retry(only=("InDoubt",)), ["only names 'InDoubt', which is never tried again"]),
    (Retry(only=told((Returned,))), ["only names 'Returned', which is never tried again"]),
    (
        Retry(attempts=0, jitter=2, only=("", "Stopped")),
        ["attempts=0", "jitter=2", "only names ''", "only names 'Stopped'"],
    ),
]


@pytest.mark.parametrize(("policy", "wanted"), WRONG_RETRIES)
def test_a_retry_says_all_that_is_wrong_with_it(policy: Retry, wanted: list[str]) -> None:
    mistakes = policy.mistakes()

    assert len(mistakes) == len(wanted)
    assert all(mistake.startswith(text) for mistake, text in zip(mistakes, wanted, strict=True))


def test_failures_are_kept_as_names_so_that_a_retry_can_be_written_down() -> None:
    retry = Retry(only=(Refused, "OSError"))

    assert retry.only == ("Refused", "OSError")
    assert retry == Retry(only=("Refused", "OSError"))
    assert tree(retry) == {**told(tree(Retry())), "only": ["Refused", "OSError"]}
