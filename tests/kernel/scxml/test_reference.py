"""Random machines, and random events: what we come to is what SCXML comes to."""

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Always,
    Done,
    Final,
    History,
    Machine,
    Moved,
    On,
    Part,
    Region,
    State,
    advance,
    begin,
    compile_machine,
)
from tests.kernel.scxml.reference import Jump, Place, Reference
from tests.kernel.scxml.toys import Note, Numbered, Toy, Trail
from tests.settings import LONG, times

SHORT = 6  # what follows by itself is taken while the trail is shorter, so that it comes to an end
EVENTS = 4
PHASES = [Phase.generate, Phase.shrink] if LONG else [Phase.generate]  # shrinking takes minutes


@st.composite
def places(draw: st.DrawFn) -> Place:
    """A tree of states with rows that the compiler lets through."""
    root = Place("", "compound")
    _fill(draw, root, depth=0)
    everything = list(root.everything())
    for place in everything:
        if place.kind not in ("final", "shallow", "deep"):
            place.rows += draw(st.lists(_row(place, everything), max_size=2))
    jumps = [Jump("", EVENTS + i, p.name) for i, p in enumerate(everything[1:])]
    root.rows += jumps
    for place in everything:
        place.rows = [
            Jump(f"{place.name}/{i}", row.on, row.to, row.reenter)
            for i, row in enumerate(place.rows)
        ]
    return root


def _fill(draw: st.DrawFn, place: Place, depth: int) -> None:
    if depth == 3 or (not draw(st.integers(0, 2)) and depth):
        place.kind = "atomic"
        return
    place.kind = draw(st.sampled_from(["compound", "compound", "parallel"]))
    for i in range(draw(st.integers(2, 3))):
        child = Place(f"{place.name}{'abc'[i]}", "atomic", parent=place)
        place.inside.append(child)
        if i and place.kind == "compound" and not draw(st.integers(0, 2)):
            child.kind = "final"
        else:
            _fill(draw, child, depth + 1)
    if depth and draw(st.integers(0, 3)):
        history = Place(f"{place.name}h", "shallow", parent=place)
        history.kind = draw(st.sampled_from(["shallow", "deep"]))
        place.inside.append(history)


def _row(place: Place, everything: list[Place]) -> st.SearchStrategy[Jump]:
    known = [p for p in everything[1:] if _may_go(place, p)]
    histories = [p.name for p in known if p.kind in ("shallow", "deep")]
    targets = [None, *(p.name for p in known), *histories, *histories]
    can_end = place.parent is not None and place.kind in ("compound", "parallel")
    return st.builds(
        Jump,
        st.just(""),
        st.sampled_from([*range(EVENTS), -1, *([-2, -2] if can_end else [])]),
        st.sampled_from(targets),
        st.booleans(),
    ).map(lambda row: Jump("", row.on, row.to, row.reenter and row.on != -2))


def _may_go(source: Place, target: Place) -> bool:
    """Not into another region of a parallel state that one is in."""
    around = (source, *source.around())
    meeting = next(p for p in (target, *target.around()) if p in around)
    return meeting.kind != "parallel" or meeting in (source, target)


def machine_of(root: Place) -> Toy:
    """The same states as one of our machines."""
    return Machine("m", *_parts(root), data=Trail)


def _parts(place: Place) -> list[Part[Trail]]:
    rows = [_written(row) for row in place.rows]
    return [*rows, *(_state(child, place.kind == "parallel") for child in place.inside)]


def _written(row: Jump) -> Part[Trail]:
    note = Note(row.name)
    short = f"len(data.marks) < {SHORT}"
    if row.on == -1:
        return Always(to=row.to, when=short, update=note, reenter=row.reenter)
    if row.on == -2:
        return Done(to=row.to, when=short, update=note)
    return On(Numbered, to=row.to, when=f"event.n == {row.on}", update=note, reenter=row.reenter)


def _state(place: Place, is_region: bool) -> State[Any]:
    match place.kind:
        case "final":
            return Final(place.name)
        case "shallow" | "deep":
            return History(place.name, deep=place.kind == "deep")
        case _:
            kind = Region[Trail] if is_region else State[Trail]
            return kind(place.name, *_parts(place))


@settings(max_examples=times(150), phases=PHASES)
@given(places(), st.lists(st.integers(0, EVENTS + 16), min_size=4, max_size=16))
def test_a_run_goes_where_the_algorithm_of_scxml_goes(root: Place, numbers: list[int]) -> None:
    table = compile_machine(machine_of(root))
    first = begin(table, Trail())
    now = first.snapshot
    reference = Reference(root, SHORT)
    assert first.took == tuple(reference.took)

    for number in numbers:
        (answer,) = advance(table, now, Numbered(number))
        taken = reference.send(number)
        now = answer.snapshot

        assert isinstance(answer, Moved) == taken
        assert now.configuration == reference.configuration
        assert now.data.marks == tuple(reference.trail)
        assert not isinstance(answer, Moved) or answer.took == tuple(reference.took)
        assert (now.end is not None) == reference.is_over
        assert dict(now.pending.history) == {
            name: tuple(p.name for p in remembered) for name, remembered in reference.memory.items()
        }
