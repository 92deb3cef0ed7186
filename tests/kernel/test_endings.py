"""A run that fails by what came of an effect says what that was."""

from typing import Any

from attrs import frozen

from detent import Call, Each, Effect, Event, Final, Machine, On, Spawn, State
from detent.kernel import End, Ended, Happened, Problem, walk


@frozen
class Look(Effect[int], recovery="idempotent"):
    """Something that may fail."""


@frozen
class Data:
    """Nothing."""

    def look(self) -> Look:
        """An order."""
        return Look()

    def three(self) -> tuple[Look, ...]:
        """Three of them."""
        return (Look(), Look(), Look())


@frozen
class Go(Event):
    """Go on."""


@frozen
class Leave(Event):
    """Do not."""


LOST = Problem("Lost", "it is not there")
look = Call(Look, Data.look, timeout=5.0, name="look")
every = Each(Look, Data.three, name="every")
first = Each(Look, Data.three, name="first", stop_on_failure=True)
small: Machine[Data, Data, Data] = Machine("small", State("s", On(Go)), data=Data)
child = Spawn(small, lambda data: data, name="child")


def ended(form: Any, *rows: Any, then: Any) -> End:
    """How a run ends that begins with an effect, by what comes of it."""
    both = (On(Go, to="good"), On(Leave, to="bad"))
    machine: Machine[Any, Any, Any] = Machine(
        *("m", State("s", *rows, *both, do=form)), Final("good"), Final("bad", "failed"), data=Data
    )
    end = walk(machine, Data(), *then)[-1].snapshot.end
    assert end is not None
    return end


def test_a_row_that_leads_to_a_failed_end_tells_what_led_there() -> None:
    row = On(look.failed | look.timed_out, to="bad")

    failed = ended(look, row, On(look.returned), then=[look.failed(LOST)])
    late = ended(look, row, On(look.returned), then=[look.timed_out()])

    assert (failed.status, failed.failures) == ("failed", (LOST,))
    assert late.failures == (Problem("timed_out", "look"),)


def test_an_end_that_has_not_failed_tells_nothing() -> None:
    rows = (On(look.failed, to="good"), On(look.returned, to="bad"))

    assert ended(look, *rows, then=[look.failed(LOST)]).failures == ()
    assert ended(look, *rows, then=[look.returned(1)]).failures == ()
    assert ended(look, On(look.failed), then=[look.failed(LOST), Leave()]).failures == ()


def test_what_no_row_takes_is_told_with_what_it_was() -> None:
    end = ended(look, On(look.returned), then=[look.failed(LOST)])

    said = Problem("unhandled", "no row of state 's' takes look.failed")
    assert end.failures == (said, LOST)
    good = ended(look, On(look.failed), then=[look.returned(1)])
    assert [one.kind for one in good.failures] == ["unhandled"]


def test_a_child_that_has_failed_tells_its_own_problem() -> None:
    end = ended(child, On(child.ended, to="bad"), then=[Happened(1, Ended("failed", None, LOST))])

    assert end.failures == (LOST,)


def test_of_an_each_all_that_went_wrong_is_told() -> None:
    then = [every.failed(LOST), every.returned(1), every.failed(Problem("Gone"))]

    end = ended(every, On(every.settled, to="bad"), then=then)

    assert end.failures == (LOST, Problem("Gone"))


def test_what_was_stopped_because_another_failed_is_no_reason() -> None:
    end = ended(first, On(first.settled, to="bad"), then=[first.failed(LOST)])

    assert end.failures == (LOST,)
