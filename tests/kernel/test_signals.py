"""Events, effects, and what is stamped."""

from datetime import UTC, datetime

from attrs import frozen

from detent import Effect, Event, Failure, InDoubt, Returned, new_id, now, random, stamped
from detent.kernel import stamp
from tests.kernel.wide import Begun

AT = datetime(2026, 5, 4, tzinfo=UTC)


@frozen
class Plain(Event):
    """An event without stamps."""

    n: int = 0


@frozen
class Bad(Failure):
    """A failure."""


@frozen
class Base(Effect[int], recovery="idempotent", fails=[Bad], version=2):
    """An effect with everything."""


@frozen
class Derived(Base):
    """An effect that says nothing of its own."""


def test_everything_left_alone_is_stamped() -> None:
    stamped_event = stamp(Begun("a"), at=AT, new_id=lambda: "id", random=lambda: 0.5)

    assert stamped_event == Begun("a", at=AT, id="id", luck=0.5)


def test_what_the_sender_gave_is_kept() -> None:
    given = Begun("a", at=AT, id="mine", luck=0.1)

    assert stamp(given, at=datetime.now(UTC), new_id=str, random=float) is given


def test_an_event_without_stamps_is_itself() -> None:
    event = Plain(3)

    assert stamp(event, at=AT, new_id=str, random=float) is event


def test_outcomes_are_stamped_with_their_time() -> None:
    assert stamp(Returned(1), at=AT, new_id=str, random=float) == Returned(1, at=AT)
    assert InDoubt().at == now.unfilled


def test_what_is_not_filled_yet_says_so() -> None:
    @frozen
    class Opened(Event):
        at: datetime = stamped(now)
        id: str = stamped(new_id)
        luck: float = stamped(random)

    assert Opened() == Opened(at=datetime(1970, 1, 1, tzinfo=UTC), id="", luck=0.0)


def test_what_an_effect_declares_is_inherited() -> None:
    assert (Derived.recovery, Derived.fails, Derived.version) == ("idempotent", (Bad,), 2)
    assert Effect.recovery == "at_most_once"


def test_the_methods_for_type_checkers_give_back_what_they_get() -> None:
    order = Derived()

    assert Derived.__ordered__(order) is order
    assert Derived.__returned__(3) == 3
