"""Whatever an author writes by mistake, the compiler says so; it never stumbles itself."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import copy
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import InvalidMachine, Machine, Mistake, compile_machine
from detent.kernel import Doing, Part
from detent.tools.testing import machines
from tests.kernel.wide import wide
from tests.settings import times

GARBAGE: tuple[Any, ...] = (
    None,
    42,
    -1.5,
    "",
    "nowhere",
    "s1",
    "data.count",
    "__import__('os')",
    (),
    (None,),
    ("s1",),
    [],
    {},
    object(),
    int,
    list,
    Exception,
    print,
    lambda: None,
    float("nan"),
    b"",
)


def mangled(draw: Any, value: Any) -> Any:
    """A copy of part of a machine in which something is replaced by garbage."""
    names = [a.name for a in attrs.fields(type(value))]
    name = draw(st.sampled_from(names))
    inner = getattr(value, name)
    changed: Any = draw(st.sampled_from(GARBAGE))
    if name == "choices":
        return value
    if isinstance(inner, tuple):
        places = [i for i, part in enumerate(inner) if isinstance(part, Part | Doing)]
        if places and draw(st.integers(0, 5)):
            chosen = draw(st.sampled_from(places))
            kept = list(inner)
            kept[chosen] = mangled(draw, kept[chosen])
            changed = tuple(kept)
        else:
            changed = (*inner, changed)
    other = copy.copy(value)
    object.__setattr__(other, name, changed)
    return other


def mistakes(machine: Any) -> tuple[Mistake, ...]:
    """What the compiler finds."""
    try:
        compile_machine(machine)
    except InvalidMachine as error:
        return error.mistakes
    return ()


@settings(max_examples=times(400))
@given(machines() | st.just(wide), st.data())
def test_a_mangled_machine_compiles_or_its_mistakes_are_named(
    machine: Machine[Any, Any, Any], data: st.DataObject
) -> None:
    broken: Any = machine
    for _ in range(data.draw(st.integers(1, 3))):
        broken = mangled(data.draw, broken)

    for mistake in mistakes(broken):
        assert mistake.code
        assert mistake.place
        assert mistake.what
