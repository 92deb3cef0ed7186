"""A machine that was carried over knows the class of its data."""

from typing import assert_type

from attrs import frozen

from detent import Event, Machine
from detent.kernel import Snapshot, Stepped, step, walk
from detent.kernel import compile_machine as compiled
from detent.machines.classic import Classic, from_transitions


@frozen
class Lamp:
    """The data."""

    presses: int = 0


lamp = from_transitions(
    {"states": ["off", "lit"], "initial": "off", "transitions": [["press", "off", "lit"]]},
    name="lamp",
    data=Lamp,
)
assert_type(lamp, Classic[Lamp])
assert_type(lamp.machine, Machine[Lamp, Lamp, Lamp])
assert_type(lamp.event("press"), Event)

steps = walk(lamp, Lamp(), lamp.event("press"))
assert_type(steps, tuple[Stepped[Lamp], ...])


def pressed(now: Snapshot[Lamp]) -> int:
    """How often a lamp was pressed, after one more time."""
    after = step(compiled(lamp), now, lamp.event("press")).snapshot
    return after.data.presses
