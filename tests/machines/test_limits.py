"""Limiters and breakers as machines do what the policies do that they are made of."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import compile_machine
from detent.kernel import (
    Breaker,
    Event,
    FrozenMap,
    Limiter,
    Moved,
    Snapshot,
    begin,
    draw,
    freeze,
    step,
    walk,
)
from detent.machines.limits import (
    Asked,
    BreakerSeen,
    GivenBack,
    Heard,
    LimiterSeen,
    breaker_machine,
    limiter_machine,
)
from detent.tools.testing import machine_test, never
from tests.settings import times

spans = st.integers(1, 20).map(lambda span: span / 1_000_000)
breakers = st.builds(Breaker, st.integers(1, 4), spans, spans)
limiters = st.builds(Limiter, st.integers(1, 5), spans)
who, at = st.sampled_from("abc"), st.integers(0, 60)
asked = st.builds(Asked, who, at)
events = asked | st.builds(Heard, who, at, st.booleans()) | st.builds(GivenBack, who)


def in_time(happened: list[Any]) -> list[Any]:
    """Events in the order of their times; what has no time comes where it came."""
    now, ordered = 0, list[Any]()
    for event in happened:
        now += getattr(event, "at", 0) % 10
        ordered.append(event if isinstance(event, GivenBack) else evolve(event, at=now))
    return ordered


@settings(max_examples=times(150))
@given(breakers, st.lists(events, max_size=50), st.booleans())
def test_the_machine_of_a_breaker_is_where_the_breaker_is(
    breaker: Breaker, happened: list[Event], sorts: bool
) -> None:
    table = compile_machine(breaker_machine(breaker))
    now: Snapshot[BreakerSeen] = begin(table, None).snapshot
    state: Any = None
    declined, word = "", "closed"
    for event in in_time(happened) if sorts else happened:
        match event:
            case Asked():
                said = breaker.admit(state, event.at, event.who)
                state, declined, word = said.state, said.declined, said.word
            case Heard():
                state, word = breaker.heard(state, event.at, event.who, event.well)
            case GivenBack():
                state = breaker.given_back(state, event.who)
                word = breaker.word(state, 0)
            case _:
                raise AssertionError(event)
        now = step(table, now, event).snapshot

        assert now.data == BreakerSeen(breaker, freeze(state), declined)
        assert now.configuration == (word,)


@settings(max_examples=times(150))
@given(limiters, st.lists(asked, max_size=50), st.booleans())
def test_the_machine_of_a_limiter_admits_what_the_limiter_admits(
    limiter: Limiter, happened: list[Asked], sorts: bool
) -> None:
    table = compile_machine(limiter_machine(limiter))
    now: Snapshot[LimiterSeen] = begin(table, None).snapshot
    state: Any = None
    for event in in_time(happened) if sorts else happened:
        state, until = limiter.admit(state, event.at)
        stepped = step(table, now, event)
        now = stepped.snapshot

        assert isinstance(stepped, Moved)
        assert now.data == LimiterSeen(limiter, freeze(state), until)
        has_room = limiter.admit(state, event.at)[1] == 0
        assert now.configuration == ("free" if has_room else "full",)


@never
def is_open_after_fewer_failures(now: Snapshot[BreakerSeen]) -> bool:
    """A closed breaker has heard of fewer failures in a row than open it."""
    state = now.data.state
    failed = state.get("failed", 0) if isinstance(state, FrozenMap) else 0
    return isinstance(failed, int) and failed >= now.data.breaker.failures


@never
def remembers_more_than_counts(now: Snapshot[LimiterSeen]) -> bool:
    """A limiter never remembers more admissions than it allows."""
    state = now.data.state
    return isinstance(state, tuple) and len(state) > now.data.limiter.calls


@pytest.mark.parametrize(
    ("machine", "promise", "seen"),
    [
        (breaker_machine(Breaker(2)), is_open_after_fewer_failures, ["open"]),
        (limiter_machine(Limiter(2, 60)), remembers_more_than_counts, ["free", "full"]),
    ],
    ids=["breaker", "limiter"],
)
def test_every_walk_keeps_what_every_machine_promises(
    machine: Any, promise: Any, seen: Any
) -> None:
    case: Any = machine_test(machine, promises=[promise], seen=seen)()
    case.test_every_walk_keeps_every_promise()
    case.test_every_state_that_should_be_seen_is()


def test_the_numbers_of_a_policy_are_rules_of_its_machine() -> None:
    rules = {compile_machine(breaker_machine(Breaker(n))).rules for n in (1, 2, 3)}
    more = {compile_machine(limiter_machine(Limiter(n, 1.0))).rules for n in (1, 2, 3)}

    assert len(rules) == len(more) == 3


def test_a_breaker_opens_is_probed_and_closes() -> None:
    breaker = Breaker(failures=2, cool_down=0.00001, probe=1)
    happened = [
        Heard("a", 1, False),
        Heard("b", 2, False),
        Asked("c", 3),
        Asked("d", 12),
        Asked("e", 12),
        Heard("a", 13, False),
        GivenBack("d"),
        Asked("e", 14),
        Heard("e", 15, False),
        Asked("f", 25),
        Heard("f", 26, True),
    ]

    steps = walk(breaker_machine(breaker), None, *happened)

    assert [" ".join(one.snapshot.configuration) for one in steps[1:]] == [
        *("closed", "open", "open", "half_open", "half_open", "half_open", "half_open"),
        *("half_open", "open", "half_open", "closed"),
    ]
    assert steps[-1].snapshot.data == BreakerSeen(breaker)


def test_a_breaker_can_be_drawn() -> None:
    drawn = draw(breaker_machine(Breaker()), form="mermaid")

    assert [line.strip() for line in drawn.splitlines() if "-->" in line] == [
        "[*] --> s1",
        "s1 --> s2 : Heard [opens] / heard",
        "s2 --> s3 : Asked [probes] / asked",
        "s3 --> s1 : Heard [closes] / heard",
        "s3 --> s2 : Heard [opens] / heard",
    ]


def test_a_limiter_can_be_drawn() -> None:
    drawn = draw(limiter_machine(Limiter(2, 1.0)), form="mermaid")

    assert [line.strip() for line in drawn.splitlines() if "-->" in line] == [
        "[*] --> s1",
        "s1 --> s2 : Asked [is_full] / asked",
        "s2 --> s1 : Asked [has_room] / asked",
    ]
