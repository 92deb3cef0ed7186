"""A machine over many inputs: a run whose children are the items.

Rule 1: every item is a run of its own, with its own log; the batch hears how each ended, in the order of the inputs.
Rule 2: an item that fails does not stop the others, unless that is asked for; the batch then says that some failed.
"""

import inspect
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, get_type_hints

from attrs import evolve, frozen

from detent.kernel.definition import Definition, Each, Final, Machine, On, Order, Spawn, State
from detent.kernel.errors import WrongInput
from detent.kernel.signals import Ended, Settled, Stopped

__all__ = ["Batch", "batch_of"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
R = TypeVar("R")

GOOD = ("completed", "completed_with_failures", "stopped")


@frozen
class Batch(Generic[I, R]):
    """What is done to which inputs, and how each item ended, in their order; Stopped are those that never began."""

    inputs: tuple[I, ...]
    items: tuple[Ended[R] | Stopped, ...] = ()

    @property
    def failed(self) -> tuple[I, ...]:
        """The inputs of the items that did not go well: what is to be done again."""
        pairs = zip(self.inputs, self.items, strict=True)
        return tuple(input for input, item in pairs if not _went_well(item))

    def settled(self, event: Settled[Any]) -> "Batch[I, R]":
        """All items have ended."""
        items: Any = event.outcomes
        return evolve(self, items=items)

    def all_well(self, event: Settled[Any]) -> bool:
        """Whether all of them went well."""
        return all(map(_went_well, event.outcomes))


@frozen
class _Orders:
    """Makes the orders of a batch."""

    item: Spawn[Any, Any]

    def __call__(self, batch: Batch[Any, Any]) -> Iterator[Order[Any]]:
        return (self.item(input) for input in batch.inputs)

    @property
    def __detent_name__(self) -> str:
        return f"batch of {self.item.key}"


def batch_of(
    definition: Definition[I, Any, R],
    *,
    at_most: int | None = None,
    stop_on_failure: bool = False,
    name: str | None = None,
) -> Machine[Batch[I, R], Batch[I, R], Batch[I, R]]:
    """The machine that runs another over many inputs: `kernel.start(batch, Batch((first, second)))`.

    At most `at_most` items are under way at once; with `stop_on_failure` the first that fails stops the others.
    """
    machine = definition.machine
    item: Any = Spawn(machine, name="item")
    items: Each[Any, Any] = Each(
        item, _Orders(item), at_most=at_most, stop_on_failure=stop_on_failure, name="items"
    )
    kind: type[Batch[Any, Any]] = Batch
    data: Any = Batch[_input(machine), _result(machine)]  # type: ignore[misc]
    made: Any = Machine(
        name or _name(machine.name, at_most, stop_on_failure),
        State(
            "running",
            On(items.settled, to="done", when=kind.all_well, update=kind.settled),
            On(items.settled, to="partly", update=kind.settled),
            do=items,
        ),
        Final("done"),
        Final("partly", status="completed_with_failures"),
        data=data,
    )
    batch: Machine[Batch[I, R], Batch[I, R], Batch[I, R]] = made
    return batch


def _name(machine: str, at_most: int | None, stop_on_failure: bool) -> str:
    """A name for each way of doing it: two machines of one name would not be told apart."""
    some = "" if at_most is None else f".{at_most}"
    return f"{machine}.batch{some}{'.stop' if stop_on_failure else ''}"


def _input(machine: Machine[Any, Any, Any]) -> Any:
    """The type of what a machine begins with."""
    if machine.begin is None:
        return machine.data
    names = list(inspect.signature(machine.begin).parameters)
    hints = get_type_hints(machine.begin, include_extras=True)
    if not names or names[0] not in hints:
        raise WrongInput(f"machine {machine.name!r}: begin does not say what it begins with")
    return hints[names[0]]


def _result(machine: Machine[Any, Any, Any]) -> Any:
    """The type of what a machine results in."""
    if machine.result is None:
        return machine.data
    hints = get_type_hints(machine.result, include_extras=True)
    if "return" not in hints:
        raise WrongInput(f"machine {machine.name!r}: result does not say what it results in")
    return hints["return"]


def _went_well(item: object) -> bool:
    return isinstance(item, Ended) and item.status in GOOD
