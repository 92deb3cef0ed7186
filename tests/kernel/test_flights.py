"""Effects in flight, by themselves."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from detent import Returned, Stopped
from detent.kernel import Fan, Ordered


def fan(size: int, **changes: Any) -> Fan:
    """A fan of so many orders, none of them begun."""
    orders = tuple((0, n) for n in range(size))
    return Fan(10, "here", "form", orders, 0, (1 << size) - 1, **changes)


@given(st.permutations(range(9)))
def test_outcomes_are_in_the_order_of_the_orders_however_they_come(order: list[int]) -> None:
    heard = fan(9, begun=9)
    for index in order:
        heard = heard.hear(index, Returned(index))

    assert [getattr(event, "value", None) for event in heard.outcomes()] == list(range(9))
    assert not heard.open


@given(st.integers(1, 40), st.integers(1, 5), st.randoms(use_true_random=False))
def test_never_more_are_under_way_than_may_be(size: int, at_most: int, chance: Any) -> None:
    flying, begun = fan(size).begin(at_most)
    seen = [order.id for order in begun]
    while flying.open:
        assert len(flying.under_way()) == min(at_most, flying.open.bit_count())
        flying = flying.hear(chance.choice(flying.under_way()), Returned(0))
        flying, more = flying.begin(at_most)
        seen += [order.id for order in more]

    assert seen == list(range(10, 10 + size))


def test_without_a_limit_all_begin_at_once() -> None:
    flying, begun = fan(5).begin(None)

    assert flying.begun == len(begun) == 5
    assert flying.begin(None) == (flying, ())


def test_only_what_is_under_way_is_in_flight() -> None:
    flying, _ = fan(3).begin(2)
    flying = flying.hear(0, Returned(0))

    assert [flying.has(id) for id in range(9, 14)] == [False, False, True, False, False]


def test_a_failure_takes_the_others_with_it() -> None:
    flying, _ = fan(5).begin(3)
    flying = flying.hear(0, Returned(0))

    halted, asked = flying.stop_others(Stopped("10"))

    assert asked == (11, 12)
    assert halted.under_way() == (1, 2)
    assert [type(event) for event in halted.outcomes()] == [Returned, Stopped, Stopped]
    assert halted.stop_others(Stopped("11"))[1] == ()


def test_a_state_that_is_left_stops_what_was_sent() -> None:
    flying, _ = fan(4).begin(2)

    stopping, asked = flying.stop(frozenset({11}))

    assert asked == (10,)
    assert stopping is not None
    assert stopping.stopping
    assert stopping.under_way() == (0,)
    assert flying.stop(frozenset({10, 11})) == (None, ())


def test_one_effect_is_stopped_unless_it_was_never_sent() -> None:
    ordered = Ordered(4, "here", "form", None, 0)

    assert ordered.stop(frozenset()) == (Ordered(4, "here", "form", None, 0, 0, True), (4,))
    assert ordered.stop(frozenset({4})) == (None, ())
    assert ordered.has(4)
    assert not ordered.has(5)
