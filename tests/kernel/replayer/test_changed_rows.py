"""Generated machines of which one row is otherwise: a replay ends where it matters, in a word that fits the change."""

from collections.abc import Iterator
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detent import Defer, InvalidMachine, Machine, On, State, compile_machine
from detent.kernel import DivergenceKind, replay
from detent.tools.testing.samples import EVENTS, GUARDS, UPDATES
from tests.kernel.replayer.runs import Recording, recordings
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
    new = type(old)(old.name, *replaced(old.parts, tuple(inner), rows), do=old.do)
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
