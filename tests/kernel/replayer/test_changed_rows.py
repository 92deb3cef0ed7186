"""Machines of which one row is otherwise: a replay ends where it matters, in a word that fits the change."""

from collections.abc import Iterator
from typing import Any

from attrs import evolve, frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detent import (
    Always,
    Defer,
    Each,
    Effect,
    InvalidMachine,
    Machine,
    On,
    Region,
    State,
    compile_machine,
)
from detent.kernel import DivergenceKind, replay
from detent.tools.testing.samples import EVENTS, GUARDS, UPDATES
from tests.kernel.replayer.purchase import Add, Pay, Purchase
from tests.kernel.replayer.runs import Recording, Steps, recordings
from tests.settings import times

Place = tuple[int, ...]
Rows = list[Any]
FITTING: dict[str, set[DivergenceKind]] = {
    "another guard": {"guard", "broken"},
    "another update": {"reducer", "broken"},
    "another target": {"target", "effects", "broken"},
    "another row before it": {"guard", "broken"},
    "no row": {"event removed", "guard", "broken"},
    "an event that is deferred": {"event removed", "guard", "broken"},
}
"""What a replay may say of a change. A change of one row may always be of no consequence for a run."""

any_on: Any = On


def places(parts: tuple[Any, ...], outer: Place = ()) -> Iterator[Place]:
    """Where there are rows for events."""
    for number, part in enumerate(parts):
        if isinstance(part, State):
            yield from places(part.parts, (*outer, number))
        elif isinstance(part, On) and isinstance(part.event, type):
            yield (*outer, number)


def replaced(parts: tuple[Any, ...], place: Place, rows: Rows) -> Rows:
    """Parts with other rows in one place."""
    number, *inner = place
    old = parts[number]
    if not inner:
        return [*parts[:number], *rows, *parts[number + 1 :]]
    within, flag = replaced(old.parts, tuple(inner), rows), old.compensates
    new = type(old)(old.name, *within, do=old.do, compensates=flag)
    return [*parts[:number], new, *parts[number + 1 :]]


def row_at(parts: tuple[Any, ...], place: Place) -> Any:
    """The row in a place."""
    number, *inner = place
    return row_at(parts[number].parts, tuple(inner)) if inner else parts[number]


def otherwise(data: st.DataObject, what: str, row: Any, names: list[str]) -> Rows:
    """What may stand in the place of a row."""
    given = {"to": row.to, "when": row.when, "update": row.update, "reenter": row.reenter}
    match what:
        case "another guard":
            given["when"] = data.draw(st.sampled_from((None, *GUARDS)))
        case "another update":
            given["update"] = data.draw(st.sampled_from((None, *UPDATES)))
        case "another target":
            given["to"] = data.draw(st.sampled_from((None, *names)))
        case "another row before it":
            return [any_on(data.draw(st.sampled_from(EVENTS)), to=row.to), row]
        case "no row":
            return []
        case _:
            return [Defer(row.event)]
    return [any_on(row.event, **given)]


def changed(data: st.DataObject, what: str, made: Recording) -> Machine[Any, Any, Any]:
    """The machine of a run, with a row that is otherwise."""
    machine = made.table.machine
    found = list(places(machine.parts))
    assume(found)
    place = data.draw(st.sampled_from(found))
    names = [node.name for node in made.table.nodes[1:]]
    rows = otherwise(data, what, row_at(machine.parts, place), names)
    any_machine: Any = Machine
    other: Machine[Any, Any, Any] = any_machine(
        machine.name,
        *replaced(machine.parts, place, rows),
        data=machine.data,
        background=machine.background,
        defer_limit=machine.defer_limit,
        microsteps=machine.microsteps,
        background_limit=machine.background_limit,
    )
    return other


@given(st.sampled_from(sorted(FITTING)), recordings(), st.data())
@settings(max_examples=times(60))
def test_a_row_that_is_otherwise_is_told_in_a_fitting_word(
    what: str, made: Recording, data: st.DataObject
) -> None:
    machine = changed(data, what, made)
    try:
        assume(compile_machine(machine).shape == made.table.shape)
    except InvalidMachine:
        assume(False)

    found = replay(made.log, machine)

    assert str(found)
    if found.divergence is None:
        assert found.entries == len(made.entries)
    else:
        assert found.divergence.kind in FITTING[what]
        assert found.entries == found.divergence.seq - 1


# -- by hand


def side_by_side(to: str | None, when: str | None = None) -> Machine[Any, Any, Any]:
    """Two regions, of which one leaves everything, and the root is asked about the other."""
    away: Any = On(Pay, to="away")
    return Machine(
        "regions",
        On(Pay, to=to, when=when),
        State("both", Region("left", away), Region("right")),
        State("away"),
        data=Purchase,
    )


def test_a_row_that_stands_in_the_way_no_longer_is_another_target() -> None:
    steps = Steps(side_by_side("away"), Purchase())
    steps.send(Pay())

    assert str(replay(steps.log, side_by_side(None)).divergence).splitlines()[:3] == [
        "entry 2 of run 'run' diverges: target",
        "  recorded: left/0 -> away",
        "  now:      left/0, /0 -> away",
    ]


def test_a_row_that_stands_in_the_way_is_another_target() -> None:
    steps = Steps(side_by_side(None), Purchase())
    steps.send(Pay())

    found = replay(steps.log, side_by_side("away")).divergence

    assert found is not None
    assert found.kind == "target"


def test_a_row_that_leads_elsewhere_and_asks_something_else_is_a_guard() -> None:
    steps = Steps(side_by_side("away"), Purchase())
    steps.send(Pay())

    found = replay(steps.log, side_by_side(None, "data.total == 0")).divergence

    assert found is not None
    assert found.kind == "guard"


def test_why_other_rows_follow_is_not_told_of_a_log_without_the_old_rules() -> None:
    def shop(limit: int) -> Machine[Any, Any, Any]:
        full = Always(to="full", when=f"data.total > {limit}")
        return Machine(
            "shop",
            State("open", On(Add, to="counting", update=Purchase.add)),
            State("counting", full, Always(to="open")),
            State("full"),
            data=Purchase,
        )

    steps = Steps(shop(5), Purchase())
    steps.send(Add(9))
    log = [line for line in steps.log if not line.startswith(b'{"outline"')]

    found = replay(log, shop(20)).divergence

    assert found is not None
    assert found.kind == "guard"


@frozen
class Weigh(Effect[int], recovery="pure"):
    """Put one thing on the scales."""


def test_a_run_that_fails_by_what_an_update_made_of_its_data_has_another_reducer() -> None:
    def one_more(data: Purchase, event: Add) -> Purchase:
        return evolve(data, total=data.total + 1)

    def scales(update: Any) -> Machine[Any, Any, Any]:
        def things(data: Purchase) -> tuple[Weigh, ...]:
            return (Weigh(),) * data.total

        each = Each(Weigh, things)
        weighing = State("weighing", On(each.returned), On(each.failed), do=each)
        return Machine(
            "scales",
            State("cart", On(Add, to=weighing.name, update=update)),
            weighing,
            data=Purchase,
        )

    steps = Steps(scales(Purchase.add), Purchase())
    steps.send(Add(0))

    found = replay(steps.log, scales(one_more)).divergence

    assert found is not None
    assert found.kind == "reducer"
    assert str(found).splitlines()[1:3] == [
        "  recorded: cart/0 -> weighing (failed)",
        "  now:      cart/0 -> weighing",
    ]
