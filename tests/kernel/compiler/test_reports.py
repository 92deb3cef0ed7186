"""How mistakes are reported, and what is none."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
import sys
from types import ModuleType
from typing import Any, Generic

import pytest
from attrs import evolve, frozen

from detent import FrozenMap, WrongInput
from tests.kernel.compiler.test_mistakes import (
    After,
    Always,
    Go,
    Listed,
    On,
    State,
    T,
    assign,
    codes,
    compile_machine,
    machine,
    told,
)


def test_all_mistakes_are_reported_together_in_the_order_of_the_text() -> None:
    bad = machine(
        State("a", On(Go, to="x"), On(42)),
        State("a", On(Go, when="data.m")),
        data=Listed,
    )

    assert codes(bad) == [
        "duplicate-state",
        "unknown-state",
        "unknown-event",
        "bad-expression",
        "unstorable",
        "unstorable",
        "unstorable",
    ]


def test_mNonenames_are_not_read_out() -> None:
    states = [State(f"s{n}", On(Go, to=f"s{n + 1}")) for n in range(20)]

    text = told(machine(*states))

    assert "Did you mean 's19'?" in text or "Did you mean 's2'?" in text
    assert "States are" not in text


def test_what_is_no_machine_cannot_be_compiled() -> None:
    with pytest.raises(WrongInput, match="is no machine"):
        compile_machine(42)


def test_a_guarded_circle_compiles() -> None:
    turning = machine(
        State("a", Always(to="b", when="data.n < 3", update=lambda d: evolve(d, n=d.n + 1))),
        State("b", Always(to="a")),
    )

    assert compile_machine(turning).name == "bad"


def test_a_circle_that_an_inner_row_leaves_compiles() -> None:
    leaving = machine(
        State("a", Always(to="b"), State("b", Always(to="c"))),
        State("c"),
    )

    assert compile_machine(leaving).name == "bad"


def test_a_class_that_was_missing_may_be_defined_later() -> None:
    space: dict[str, Any] = {"frozen": frozen, "__name__": "notebook"}
    exec('@frozen\nclass Held:\n    items: "tuple[Item, ...]" = ()', space)
    held = machine(State("a"), data=space["Held"])
    assert codes(held) == ["unstorable"]
    sys.modules["notebook"] = module = ModuleType("notebook")
    module.__dict__.update(space)
    exec("@frozen\nclass Item:\n    n: int = 0", module.__dict__)

    assert compile_machine(held).name == "bad"


def test_one_row_may_stand_twice() -> None:
    row = After(1, to="a")
    table = compile_machine(machine(State("a", row, row)))

    assert [known.id for known in table.rows] == ["a/after/0", "a/after/1"]


def test_data_may_be_generic() -> None:
    @frozen
    class Box(Generic[T]):
        n: T

    assert compile_machine(machine(State("a"), data=Box[int])).data is Box


def test_data_may_hold_frozen_maps() -> None:
    @frozen
    class Held:
        notes: FrozenMap[str, int] = FrozenMap()

    assert compile_machine(machine(State("a"), data=Held)).data is Held


def test_values_that_fit_are_assigned() -> None:
    fitting = {
        "maybe": "data.n",
        "pair": "data.fixed",
        "inner": "data.other",
        "name": "data.mode",
        "mode": "'off'",
        "n": "min(data.pair)",
    }
    update = assign(**fitting)

    assert compile_machine(machine(State("a", On(Go, update=update)))).name == "bad"
