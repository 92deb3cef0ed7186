"""The states of a machine in document order, before their rows are read.

Left out on purpose: everything about rows and effects but which state they were written in.
"""

from typing import Any, get_args

from attrs import define, field

from detent.kernel.compiler.notes import Notes
from detent.kernel.definition import (
    Call,
    Doing,
    Each,
    Final,
    FinalStatus,
    History,
    Machine,
    Part,
    Region,
    Send,
    Spawn,
    State,
    Wait,
)
from detent.kernel.names import shown
from detent.kernel.table import NodeKind

__all__ = ["Sketch", "outlined"]

KINDS = (Call, Each, Send, Spawn, Wait)
DEPTH = 64  # deeper than any drawing can show, and far from Python's own limit of recursion


@define
class Sketch:
    """A state of the table to be."""

    index: int
    name: str
    kind: NodeKind
    parent: int
    depth: int
    rows: list[Part[Any]]
    forms: list[Doing[Any]]
    is_region: bool = False
    compensates: bool = False
    deep: bool = False
    leads_to: str | None = None
    status: FinalStatus = "completed"
    children: list[int] = field(factory=list[int])
    histories: list[int] = field(factory=list[int])
    initial: int = 0
    last: int = 0

    @property
    def place(self) -> str:
        """Where the state is, for a message."""
        return f"state {self.name!r}" if self.index else "the machine"


def outlined(machine: Machine[Any, Any, Any], notes: Notes) -> list[Sketch]:
    """Every state as a sketch, number 0 being the machine itself."""
    sketches: list[Sketch] = []
    _outline(sketches, machine, 0, 0, notes)
    _check_names(sketches, notes)
    return sketches


def _outline(sketches: list[Sketch], written: Any, parent: int, depth: int, notes: Notes) -> Sketch:
    """Sketch one state and, after it, everything inside it."""
    here = _sketch(len(sketches), written, parent, depth, notes)
    here.compensates = here.compensates or bool(sketches and sketches[parent].compensates)
    sketches.append(here)
    parts: tuple[object, ...] = written.parts
    inside: list[Any] = [part for part in parts if isinstance(part, State)]
    for part in parts:
        if not isinstance(part, Part):
            right = "A state is made of rows (On, After, ...) and of states inside it."
            notes.add("no-part", here.place, f"{shown(part)} is neither a row nor a state.", right)
    if depth == DEPTH and inside:
        notes.add("too-deep", here.place, f"states are nested more than {DEPTH} deep.")
        inside = []
    for state in inside:
        child = _outline(sketches, state, here.index, depth + 1, notes)
        (here.histories if child.kind == "history" else here.children).append(child.index)
    here.last = len(sketches) - 1
    here.kind = _kind(here, sketches, bool(inside), notes)
    here.initial = here.children[0] if here.children else 0
    return here


def _sketch(index: int, written: Any, parent: int, depth: int, notes: Notes) -> Sketch:
    parts: tuple[Part[Any], ...] = written.parts
    rows = [part for part in parts if isinstance(part, Part) and not isinstance(part, State)]
    given: tuple[object, ...] = written.background if isinstance(written, Machine) else written.do
    forms: list[Doing[Any]] = [form for form in given if isinstance(form, KINDS)]
    name = "" if isinstance(written, Machine) else _name(written.name, notes)
    sketch = Sketch(index, name, "atomic", parent, depth, rows, forms)
    for form in given:
        if not isinstance(form, KINDS):
            right = "Give it a Call, Each, Spawn, Wait or Send."
            notes.add("no-effect", sketch.place, f"it cannot do {shown(form)}.", right)
    if isinstance(written, Final):
        sketch.kind, sketch.status = "final", written.status
        if written.status not in get_args(FinalStatus):
            right = f"It is one of {', '.join(get_args(FinalStatus))}."
            notes.add("bad-status", sketch.place, f"status={written.status!r} is no end.", right)
    elif isinstance(written, History):
        sketch.kind, sketch.deep, sketch.leads_to = "history", written.deep, written.to
        if type(written.deep) is not bool:
            notes.add("bad-flag", sketch.place, f"deep={written.deep!r} is no yes or no.")
    sketch.is_region = isinstance(written, Region)
    sketch.compensates = _compensates(written, sketch.place, notes)
    return sketch


def _compensates(written: Any, place: str, notes: Notes) -> bool:
    flag: object = isinstance(written, State) and written.compensates
    if type(flag) is not bool:
        notes.add("bad-flag", place, f"compensates={shown(flag)} is no yes or no.")
    return flag is True


def _name(given: object, notes: Notes) -> str:
    """The name of a state; a member of a StrEnum stands for its value."""
    if isinstance(given, str) and given.strip() and str.isprintable(given):
        return str.__str__(given)
    right = "A name is a text that can be printed on one line."
    notes.add("bad-name", "the machine", f"{given!r} cannot be the name of a state.", right)
    return repr(given)


def _kind(here: Sketch, sketches: list[Sketch], has_states: bool, notes: Notes) -> NodeKind:
    """Whether what is inside a state is one state at a time, or regions side by side."""
    children = [sketches[index] for index in here.children]
    if here.kind in ("final", "history"):
        return here.kind
    if not children:
        if has_states or not here.index:
            right = "The first State inside is the one that is entered."
            notes.add("no-initial", here.place, "it has no state to begin in.", right)
        return "compound" if not here.index else "atomic"
    if not any(child.is_region for child in children):
        return "compound"
    for child in children:
        if not child.is_region:
            right = "Put it inside a Region, or make all of them States."
            notes.add("mixed-regions", child.place, "it stands beside regions.", right)
    return "parallel"


def _check_names(sketches: list[Sketch], notes: Notes) -> None:
    seen: dict[str, Sketch] = {}
    for sketch in sketches:
        first = seen.setdefault(sketch.name, sketch)
        if first is not sketch:
            around = sketches[first.parent].place
            right = "Names of states are unique in their machine, also inside other states."
            notes.add("duplicate-state", sketch.place, f"there is one already, in {around}.", right)
        if sketch.kind == "history" and not sketch.parent:
            right = "Put it inside the state that is to be remembered."
            notes.add("misplaced-history", sketch.place, "a machine is never left.", right)
        if sketch.kind == "history" and sketch.leads_to is None:
            outer = sketches[sketch.parent]
            sketch.initial = outer.index if outer.kind == "parallel" else outer.initial
