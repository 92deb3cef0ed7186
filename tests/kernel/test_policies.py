"""What policies have in common, and limiters. Retries and breakers have files of their own."""

from itertools import accumulate
from typing import Any

import pytest
from attrs import frozen
from hypothesis import assume, given, settings
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
from detent.kernel import (
    Admission,
    Breaker,
    Limiter,
    Retry,
    Unreadable,
    canonical,
    counts_as_failure,
)
from detent.kernel.wire import Tree, parsed, spelled
from tests.kernel.shape_toys import JUNK
from tests.settings import times

SECOND = 1_000_000


def told(given: Any) -> Any:
    """What a careless author wrote."""
    return given


def micro(seconds: float) -> int:
    """Seconds in microseconds."""
    return round(seconds * SECOND)


@frozen
class Refused(Failure):
    """A failure that an effect declares."""


# -- limiters

limiters = st.builds(Limiter, st.integers(1, 5), st.integers(1, 30).map(lambda span: span / SECOND))
steps = st.lists(st.integers(0, 12), max_size=60)


def admitted(limiter: Limiter, asked: list[int], state: Tree = None) -> tuple[list[int], Tree]:
    """When those were admitted who asked at these times, and what is remembered of it."""
    found: list[int] = []
    for at in asked:
        before = state
        state, until = limiter.admit(state, at)
        if until:
            assert state is before
            assert until > at
        else:
            found.append(at)
    return found, state


def running(gaps: list[int]) -> list[int]:
    """Times with these gaps between them."""
    return list(accumulate(gaps))


@settings(max_examples=times(300))
@given(limiters, steps)
def test_no_window_ever_holds_more_admissions_than_it_may(
    limiter: Limiter, gaps: list[int]
) -> None:
    found, _ = admitted(limiter, running(gaps))

    span = micro(limiter.per)
    assert all(sum(at <= one < at + span for one in found) <= limiter.calls for at in found)


@settings(max_examples=times(300))
@given(limiters, steps)
def test_who_may_begin_begins_at_once(limiter: Limiter, gaps: list[int]) -> None:
    span = micro(limiter.per)
    found: list[int] = []
    state: Tree = None
    for at in running(gaps):
        state, until = limiter.admit(state, at)
        inside = [one for one in found if one + span > at]
        if until:
            assert len(inside) == limiter.calls
            assert until == min(inside) + span
        else:
            found.append(at)

    assert state == ([one for one in found if one + span > found[-1]] or None)


@settings(max_examples=times(200))
@given(limiters, steps)
def test_who_asks_again_when_told_to_is_admitted_and_not_a_moment_earlier(
    limiter: Limiter, gaps: list[int]
) -> None:
    asked = running(gaps)
    _, state = admitted(limiter, asked)
    _, until = limiter.admit(state, asked[-1] if asked else 0)
    assume(until)

    assert limiter.admit(state, until)[1] == 0
    assert limiter.admit(state, until - 1)[1] == until


@given(limiters, st.lists(st.integers(0, 100), max_size=30))
def test_time_does_not_go_back_for_a_limiter(limiter: Limiter, asked: list[int]) -> None:
    state: Tree = None
    newest = 0
    for at in asked:
        said, until = limiter.admit(state, at)
        assert (said, until) == limiter.admit(state, max(at, newest))
        state, newest = said, newest if until else max(at, newest)


@given(limiters, limiters, steps, st.integers(0, 60))
def test_a_limiter_with_other_numbers_goes_on(
    before: Limiter, after: Limiter, gaps: list[int], later: int
) -> None:
    asked = running(gaps)
    _, state = admitted(before, asked)
    known = told(state) or []
    at = (known[-1] if known else 0) + later

    said, until = after.admit(state, at)

    counting = [one for one in known if one + micro(after.per) > at]
    assert bool(until) == (len(counting) >= after.calls)
    if until:
        assert after.admit(state, until)[1] == 0
        assert after.admit(state, until - 1)[1] == until
    else:
        assert said == [*counting, at]


@given(JUNK)
def test_what_no_limiter_has_left_is_unreadable(junk: Any) -> None:
    state = parsed(spelled(junk))
    assume(state is not None and state != [])
    assume(not (isinstance(state, list) and all(type(one) is int for one in state)))

    with pytest.raises(Unreadable, match="no limiter has left this"):
        Limiter(1, 1.0).admit(state, 0)


@pytest.mark.parametrize("state", [0, "x", {}, [2, 1], [True], [1.0], [None]], ids=repr)
def test_a_limiter_refuses(state: Tree) -> None:
    with pytest.raises(Unreadable, match="It is a list of times"):
        Limiter(1, 1.0).admit(state, 0)


def test_two_calls_a_second() -> None:
    asked = [0, 100, SECOND - 1, SECOND, SECOND + 99, SECOND + 100]

    found, state = admitted(Limiter(2, per=1.0), asked)

    assert found == [0, 100, SECOND, SECOND + 100]
    assert state == [SECOND, SECOND + 100]


# -- policies

WRONG: list[tuple[Any, list[str]]] = [
    (Limiter(1, 1), []),
    (Limiter(1, 1e-6), []),
    (Limiter(0, 1), ["calls=0 is no number of calls"]),
    (Limiter(True, 1), ["calls=True"]),
    (Limiter(told(1.0), 1), ["calls=1.0"]),
    (Limiter(1, 0), ["per=0 is no span of time"]),
    (Limiter(1, 1e-7), ["per=1e-07"]),
    (Limiter(-1, 1e10), ["calls=-1", "per=10000000000.0"]),
    (Limiter(1, told("1 s")), ["per='1 s'"]),
    (Breaker(), []),
    (Breaker(0, 0, -1), ["failures=0 is no number of failures", "cool_down=0", "probe=-1"]),
    (Breaker(told("5"), told(None), float("nan")), ["failures='5'", "cool_down=None", "probe=nan"]),
]


@pytest.mark.parametrize(("policy", "wanted"), WRONG)
def test_a_policy_says_all_that_is_wrong_with_it(policy: Any, wanted: list[str]) -> None:
    mistakes = policy.mistakes()

    assert len(mistakes) == len(wanted)
    assert all(mistake.startswith(text) for mistake, text in zip(mistakes, wanted, strict=True))


COUNTS: list[tuple[Event, bool | None]] = [
    (Failed(Problem("OSError")), True),
    (TimedOut(), True),
    (InDoubt(), True),
    (Returned(None), False),
    (Refused(), False),
    (Stopped("exit"), None),
    (Declined("bank"), None),
    (Ended("failed"), None),
    (Settled(()), None),
]


@pytest.mark.parametrize(("event", "counts"), COUNTS, ids=repr)
def test_what_speaks_against_a_service(event: Event, counts: bool | None) -> None:
    assert counts_as_failure(event) is counts


def test_policies_can_be_written_down() -> None:
    written = canonical((Retry(), Limiter(3, 1.0), Breaker()))

    assert b'{"$":"Limiter","calls":3,"per":1.0}' in written
    assert b'{"$":"Breaker","failures":5,"cool_down":30.0,"probe":60.0}' in written
    assert Admission(None, "", "closed") == Breaker().admit(None, 0, "a")
