"""Orders of an Each that none of its forms made are found when it is compiled, if its maker says what it gives."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from attrs import frozen

import detent
from detent import Effect, InvalidMachine, Machine, Spawn, State, compile_machine
from detent.kernel import Order

face: Any = detent
Each = face.Each


@frozen
class Work(Effect[int], recovery="pure"):
    """An effect."""


@frozen
class Data:
    """The data."""


small: Machine[Data, Data, Data] = Machine("small", State("only"), data=Data)
child = Spawn(small, name="child")


def orders(data: Data) -> tuple[Order[Data], ...]:
    """What its form makes."""
    return (child(data),)


def listed(data: Data) -> Sequence[Order[Data]]:
    """The same."""
    return [child(data)]


def works(data: Data) -> Iterator[Work]:
    """Effects."""
    yield Work()


def effects(data: Data) -> Iterable[Effect[int]]:
    """Something that may be one of the effects."""
    return [Work()]


def anything(data: Data) -> list[Any]:
    """It does not say."""
    return [Work()]


def objects(data: Data) -> list[object]:
    """Nor does it say here."""
    return [Work()]


def pair(data: Data) -> tuple[Work, Work]:
    """Two of them."""
    return (Work(), Work())


def either(data: Data) -> list[Work | Order[Data]]:
    """Whatever comes first."""
    return [Work()]


def bare(data: Data) -> list[Data]:
    """Inputs."""
    return [data]


@pytest.mark.parametrize(
    ("forms", "make"),
    [
        (child, orders),
        (child, listed),
        (child, anything),
        (child, objects),
        (Work, works),
        (Work, effects),
        (Work, pair),
        ((Work, child), either),
        (Work, lambda data: [Work()]),
    ],
)
def test_what_the_forms_make_is_an_order(forms: Any, make: Callable[[Any], Any]) -> None:
    each = Each(forms, make, name="each")

    compile_machine(Machine("m", State("s", face.On(each.settled), do=each), data=Data))


@pytest.mark.parametrize(
    ("forms", "make", "told"),
    [
        (child, bare, "its maker gives Data. An Each orders what its forms make: child(...)."),
        (child, works, "its maker gives Work. An Each orders what its forms make: child(...)."),
        (Work, bare, "its maker gives Data. An Each orders what its forms make: Work."),
    ],
)
def test_what_no_form_makes_is_none(forms: Any, make: Callable[[Any], Any], told: str) -> None:
    each = Each(forms, make, name="each")

    with pytest.raises(InvalidMachine) as raised:
        compile_machine(Machine("m", State("s", face.On(each.settled), do=each), data=Data))

    assert f"state 's', do=each: {told} [wrong-orders]" in str(raised.value)


def test_an_effect_that_is_none_is_told_alone() -> None:
    each = Each(face.Call(Data), bare, name="each")

    with pytest.raises(InvalidMachine) as raised:
        compile_machine(Machine("m", State("s", do=each), data=Data))

    assert "wrong-orders" not in [mistake.code for mistake in raised.value.mistakes]
