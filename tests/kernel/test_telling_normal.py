"""Runs compared by what they tell: what makes no difference, and what does."""

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    CallStarted,
    ChildEnded,
    ChildStarted,
    EffectHeld,
    EffectInterrupted,
    LetterSent,
    RateWaiting,
    RunRecovered,
    StateEntered,
    Told,
    kinds_of,
    normal,
)
from detent.kernel.wire import Tree
from tests.kernel.replayer.runs import Recording, recordings
from tests.kernel.tellings import told_in
from tests.settings import times

ORDER: Tree = {"$": "Charge"}


@given(recordings(), st.data())
@settings(max_examples=times(60))
def test_what_a_kernel_does_on_its_own_account_makes_no_difference(
    made: Recording, data: st.DataObject
) -> None:
    told = told_in(made.log, kinds_of(made.table))
    other: list[Told] = []
    seq = 0
    for one in told:
        seq = one.seq * 10
        other.append(evolve(one, run="other", seq=seq, **_child(one)))
        if isinstance(one, CallStarted) and data.draw(st.booleans()):
            where = ("other", seq + 1, one.at)
            other.append(EffectHeld(*where, one.effect, one.form, "drain", 0))
            other.append(RateWaiting(*where, one.effect, one.form, "limit:bank", 0))
            other.append(EffectInterrupted(*where, one.effect, one.form))
            other.append(RunRecovered(*where, 2))
            other.append(evolve(one, run="other", seq=seq + 2))

    assert normal(other) == normal(told)


def _child(one: Told) -> dict[str, Any]:
    """The id of a child, if it is one that is told of, in the other run."""
    if isinstance(one, ChildStarted | ChildEnded):
        return {"child": one.child.replace("walk", "other")}
    return {}


@given(recordings())
@settings(max_examples=times(40))
def test_what_is_normal_stays_as_it_is(made: Recording) -> None:
    told = normal(told_in(made.log, kinds_of(made.table)))

    assert normal(told) == told
    assert {one.run for one in told} == {"1"}
    assert sorted({one.seq for one in told}) == list(range(1, told[-1].seq + 1))


@given(recordings(), st.data())
@settings(max_examples=times(40))
def test_what_is_missing_and_what_came_at_another_time_makes_a_difference(
    made: Recording, data: st.DataObject
) -> None:
    told = [*normal(told_in(made.log, kinds_of(made.table)))]
    place = data.draw(st.integers(0, len(told) - 1))
    later = evolve(told[place], at=told[place].at + 1)

    assert normal(told[:place] + told[place + 1 :]) != tuple(told)
    assert normal([*told[:place], later, *told[place + 1 :]]) != tuple(told)


# -- examples


def test_runs_are_called_in_the_order_in_which_they_appear() -> None:
    told: list[Told] = [
        ChildStarted("a", 4, 0, 1, "review", "a/1"),
        StateEntered("a/1", 1, 0, "here"),
        LetterSent("a", 6, 0, 2, "write", "b", {"$": "Pay"}),
        StateEntered("b", 3, 0, "there"),
        ChildEnded("a", 8, 0, 1, "review", "a/1", "completed"),
    ]

    assert normal(told) == (
        ChildStarted("1", 1, 0, 1, "review", "2"),
        StateEntered("2", 1, 0, "here"),
        LetterSent("1", 2, 0, 2, "write", "3", {"$": "Pay"}),
        StateEntered("3", 1, 0, "there"),
        ChildEnded("1", 3, 0, 1, "review", "2", "completed"),
    )


def test_another_attempt_is_another_beginning() -> None:
    first = CallStarted("a", 4, 0, 1, "charge", ORDER, 1)
    second = CallStarted("a", 8, 7, 1, "charge", ORDER, 2)

    assert normal([first, evolve(first, seq=6), second]) == (
        evolve(first, run="1", seq=1),
        evolve(second, run="1", seq=2),
    )
