"""The two digests: what changes them, and what does not."""

from functools import partial
from typing import Any

import pytest
from attrs import evolve, frozen

from detent import (
    After,
    Call,
    Each,
    Effect,
    Event,
    Final,
    Ignore,
    Machine,
    On,
    Region,
    Spawn,
    State,
    Wait,
    assign,
    compile_machine,
    versioned,
)
from tests.kernel.digests import KNOWN, MACHINES


@frozen
class Go(Event):
    """An event."""


@frozen
class Data:
    """The data."""

    n: int = 0


def more_data() -> Any:
    """Data of the same name with another field."""

    @frozen
    class Data:
        n: int = 0
        m: int = 0

    return Data


def work(version: int = 1, recovery: Any = "pure") -> Any:
    """An effect."""

    @frozen
    class Work(Effect[int], version=version, recovery=recovery):
        pass

    return Work


def plus(data: Data, event: Go) -> Data:
    """An update."""
    return evolve(data, n=data.n + 1)


def minus(data: Data, event: Go) -> Data:
    """Another."""
    return evolve(data, n=data.n - 1)


@versioned(2)
def newer(data: Data, event: Go) -> Data:
    """A later version of `plus`."""
    return data


newer.__qualname__ = plus.__qualname__
any_machine: Any = Machine
any_on: Any = On
call: Any = Call
wait: Any = Wait
each: Any = Each
spawn: Any = Spawn


def digests(*parts: Any, **keywords: Any) -> tuple[str, str]:
    """The digests of a machine with two states."""
    given = {"data": Data, **keywords}
    table = compile_machine(any_machine("m", *parts, State("last", On(Go)), **given))
    return table.shape, table.rules


def first(*parts: Any, **keywords: Any) -> Any:
    """The first of the two states."""
    return State("first", On(Go, to="last"), *parts, **keywords)


BASE = digests(first())
RULES: list[tuple[str, Any]] = [
    ("target", digests(State("first", On(Go, to="last"), On(Go, to="first")))),
    ("guard", digests(State("first", On(Go, to="last", when="data.n > 1")))),
    ("update", digests(State("first", any_on(Go, to="last", update=plus)))),
    (
        "ignoring",
        digests(
            State("first", After(1, to="last"), Ignore(Go)),
            State("other", On(Go)),
            On(Go, to="other"),
        ),
    ),
    ("limit", digests(first(), microsteps=7)),
    ("result", digests(first(), result=str)),
    ("on bug", digests(first(), on_bug="fail")),
    ("background", digests(first(), background_limit=7)),
    ("compensation", digests(first(), compensation_limit=7)),
    ("compensates", digests(first(compensates=True))),
]


@pytest.mark.parametrize(
    ("what", "changed"), RULES[:3] + RULES[4:], ids=lambda v: v if isinstance(v, str) else ""
)
def test_other_rules_have_another_digest_and_the_same_shape(what: str, changed: Any) -> None:
    assert changed[0] == BASE[0]
    assert changed[1] != BASE[1]


SHAPES: list[tuple[str, Any]] = [
    ("state", digests(first(), State("more", On(Go)), On(Go, to="more"))),
    ("data", digests(first(), data=more_data())),
    ("timer", digests(first(After(1, to="last")))),
    ("effect", digests(first(do=call(work(), lambda data: work()())))),
    ("final", digests(first(), On(Go, to="over"), Final("over"))),
]


@pytest.mark.parametrize(("what", "changed"), SHAPES, ids=[s[0] for s in SHAPES])
def test_another_shape_has_another_digest(what: str, changed: Any) -> None:
    assert changed[0] != BASE[0]


def with_effect(effect: Any, **keywords: Any) -> tuple[str, str]:
    """Digests of a machine with an effect."""
    return digests(first(do=call(effect, make, **keywords)))


def make(data: Data) -> Any:
    """An order nobody asks for."""


def test_an_effect_is_told_by_name_version_and_outcomes() -> None:
    base = with_effect(work())

    assert with_effect(work()) == base
    assert with_effect(work(2))[0] != base[0]
    assert with_effect(work(1, "idempotent"))[0] != base[0]
    assert with_effect(work(), timeout=1.0)[0] != base[0]  # it may now time out
    assert with_effect(work(), limit="web") == (base[0], with_effect(work(), limit="web")[1])


def test_a_longer_wait_is_another_rule_but_no_other_shape() -> None:
    one, other = (digests(first(do=wait(bool, "?", deadline=n))) for n in (1.0, 2.0))

    assert one[0] == other[0]
    assert one[1] != other[1]


def test_what_is_answered_is_part_of_the_shape() -> None:
    one, other = (digests(first(do=wait(kind, "?"))) for kind in (bool, int))

    assert one[0] != other[0]


def test_the_parts_of_an_each_are_part_of_the_shape() -> None:
    forms = (call(work()), wait(bool))
    one, other = (
        digests(first(do=each(kinds, make, name="each"))) for kinds in (forms, forms[::-1])
    )

    assert one[0] != other[0]


def test_code_is_told_by_its_name_and_its_declared_version() -> None:
    one = digests(State("first", any_on(Go, to="last", update=plus)))
    other = digests(State("first", any_on(Go, to="last", update=minus)))
    later = digests(State("first", any_on(Go, to="last", update=newer)))

    assert len({one[1], other[1], later[1]}) == 3


def test_the_digest_of_an_update_that_is_declared_is_its_text() -> None:
    one, same, other = (
        digests(State("first", any_on(Go, to="last", update=assign(n=text))))
        for text in ("data.n + 1", "data.n + 1", "data.n + 2")
    )

    assert one == same
    assert one[1] != other[1]


def test_a_guard_is_told_by_its_meaning_not_by_its_spaces() -> None:
    one, same = (
        digests(State("first", On(Go, to="last", when=text)))
        for text in ("data.n>1 AND data.n<5", "(data.n > 1) and data.n < 5")
    )

    assert one == same


def test_what_is_called_in_a_state_is_told_apart_from_what_is_not() -> None:
    kinds: list[Any] = [len, Data, lambda data: data, Data().__eq__]
    seen = {digests(first(), begin=kind)[1] for kind in kinds}

    assert len(seen) == len(kinds)


def test_which_class_is_the_data_is_part_of_the_shape() -> None:
    @frozen
    class Inner:
        n: int = 0

    @frozen
    class Outer:
        inner: Inner = Inner()

    @frozen
    class Held(Event):
        outer: Outer = Outer()

    one, other = (digests(first(), On(Held), data=kind) for kind in (Outer, Inner))

    assert one[0] != other[0]


def test_which_effect_returns_what_is_part_of_the_shape() -> None:
    def two(one: Any, other: Any) -> str:
        return digests(first(do=(wait(one, "?", name="a"), wait(other, "?", name="b"))))[0]

    assert two(int, str) != two(str, int)


def test_what_a_child_results_in_is_part_of_the_shape() -> None:
    def in_text(data: Data) -> str:
        return str(data.n)

    def in_number(data: Data) -> int:
        return data.n

    def parent(result: Any) -> str:
        child = any_machine("child", State("only"), data=Data, result=result)
        return digests(first(do=spawn(child, lambda data: data)))[0]

    assert len({parent(None), parent(in_text), parent(in_number)}) == 3


def test_versions_are_seen_on_every_kind_of_row() -> None:
    def rules(version: int) -> str:
        timed = versioned(version)(lambda data: data)
        return digests(first(After(1, to="last", update=timed)))[1]

    assert rules(1) != rules(2)


def test_what_a_callable_was_made_with_is_part_of_its_name() -> None:
    @frozen
    class AtLeast:
        n: int

        def __call__(self, data: Data, event: Go) -> bool:
            return data.n >= self.n

    def at_least(n: int, data: Data, event: Go) -> bool:
        return data.n >= n

    for make_guard in (AtLeast, lambda n: partial(at_least, n)):
        one, same, other = (
            digests(State("first", any_on(Go, to="last", when=make_guard(n)))) for n in (1, 1, 2)
        )
        assert one == same
        assert one[1] != other[1]


def test_what_means_the_same_has_the_same_digests() -> None:
    def with_row(row: Any) -> tuple[str, str]:
        return digests(State("first", row, On(Go, to="last")))

    assert with_row(any_on(Go, update=assign(n="data.n+1"))) == with_row(
        any_on(Go, update=assign(n="data.n + 1"))
    )
    assert with_row(After(30, to="last")) == with_row(After(30.0, to="last"))


def test_regions_are_part_of_the_shape() -> None:
    table = compile_machine(any_machine("m", Region("a", State("b")), data=Data))
    other = compile_machine(any_machine("m", State("a", State("b")), data=Data))

    assert table.shape != other.shape


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_digests_are_the_same_on_every_version_of_python(machine: Any) -> None:
    table = compile_machine(machine)

    assert (table.shape, table.rules) == KNOWN[machine.name]


def test_what_most_machines_say_of_their_ends_is_left_out_of_the_rules() -> None:
    said = compile_machine(Machine("m", State("s"), data=Data)).rules_outline.tree

    assert [*said] == ["begin", "result", "defer_limit", "microsteps", "states", "effects"]


def test_a_limit_is_told_by_its_value_not_by_its_type() -> None:
    assert digests(first(), background_limit=60) == BASE
    assert digests(first(), background_limit=7) == digests(first(), background_limit=7.0)
