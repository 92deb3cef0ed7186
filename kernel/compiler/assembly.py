"""From a machine to a table. Every mistake is found, and all are reported together.

Rule 1: what compiles can be stepped: no state, event, field or effect is missing, and everything can be stored.
Rule 2: a machine is never mended on the way: the table says what its author wrote.
Left out on purpose: what is odd but can run (gaps between guards, outcomes without a row), which lints look for.
"""

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from attrs import evolve

from detent.kernel.compiler.context import Context, check_callable
from detent.kernel.compiler.digests import rules_outline, shape_outline
from detent.kernel.compiler.forms import collected
from detent.kernel.compiler.notes import Notes, class_name, closest
from detent.kernel.compiler.outline import Sketch, outlined
from detent.kernel.compiler.paths import check_paths
from detent.kernel.compiler.rows import excuses, rows_of
from detent.kernel.compiler.storage import check_storage
from detent.kernel.definition import Definition, Machine, OnBug, fill
from detent.kernel.errors import InvalidMachine, WrongInput
from detent.kernel.names import shown
from detent.kernel.policies import LONGEST_WAIT, is_wait
from detent.kernel.shapes import Record, Unknown, shape_of
from detent.kernel.signals import Event
from detent.kernel.table import Node, Outline, Table

__all__ = ["compile_machine"]

MISLEADING = frozenset(
    {
        "bad-flag",
        "bad-name",
        "contradiction",
        "duplicate-state",
        "foreign-region",
        "impossible-outcome",
        "misplaced-history",
        "mixed-regions",
        "no-initial",
        "no-part",
        "too-deep",
        "unaddressed-outcome",
        "unknown-effect",
        "unknown-event",
        "unknown-state",
    }
)
"""Mistakes after which nobody can say what leads where."""

NO_OUTLINE = Outline(b"null", "")

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")


def compile_machine(definition: Definition[I, D, R]) -> Table[I, D, R]:
    """The table of a machine. Raises InvalidMachine with everything that is wrong with it."""
    machine: Machine[I, D, R] | None = getattr(definition, "machine", None)
    if not isinstance(machine, Machine):
        raise WrongInput(f"{definition!r} is no machine, and has none")
    known: Table[I, D, R] | None = machine.compiled
    if known is not None:
        return known
    notes = Notes()
    table = _compiled(machine, notes)
    if notes.mistakes:
        raise InvalidMachine(str(machine.name), tuple(notes.mistakes))
    fill(machine, compiled=table)
    return table


def _compiled(machine: Machine[I, D, R], notes: Notes) -> Table[I, D, R]:
    _check_machine(machine, notes)
    sketches = outlined(machine, notes)
    index = {sketch.name: sketch.index for sketch in reversed(sketches)}
    forms, ordering = collected(sketches, notes)
    context = Context(machine, sketches, index, forms, ordering, shape_of(machine.data), notes)
    nodes = tuple(_node(context, sketch) for sketch in sketches)
    events = tuple(dict.fromkeys(_events(nodes)))
    shapes = check_storage(context, events)
    return _finished(machine, nodes, context, events, shapes)


def _finished(
    machine: Machine[I, D, R],
    nodes: tuple[Node, ...],
    context: Context,
    events: tuple[type[Event], ...],
    shapes: Any,
) -> Table[I, D, R]:
    table = Table(machine, nodes, context.index, context.forms, events, NO_OUTLINE, NO_OUTLINE)
    if not any(mistake.code in MISLEADING for mistake in context.notes.mistakes):
        check_paths(table, context.notes)
    if context.notes.mistakes:
        return table
    forms = context.forms.values()
    shape = shape_outline(machine, context.data, nodes, forms, shapes)
    rules = rules_outline(machine, nodes, forms)
    return evolve(table, shape_outline=shape, rules_outline=rules, shapes=shapes)


def _check_machine(machine: Machine[Any, Any, Any], notes: Notes) -> None:
    """Note what is wrong with a machine beside its states."""
    place = "the machine"
    name: object = machine.name
    if type(name) is not str or not name.strip() or not name.isprintable():
        notes.add("bad-name", place, f"{shown(name)} cannot be its name.")
    if isinstance(shape := shape_of(machine.data), Record):
        pass
    else:
        right = "The data is a class with attrs.frozen above it."
        what = f"data={class_name(machine.data)} is {shape.why if isinstance(shape, Unknown) else 'no record'}."
        notes.add("bad-data", place, what, right)
    if machine.begin is not None:
        check_callable(notes, place, "begin", machine.begin, ("input",))
    if machine.result is not None:
        check_callable(notes, place, "result", machine.result, ("data",))
    for limit in ("defer_limit", "microsteps"):
        number: object = getattr(machine, limit)
        if type(number) is not int or number < (limit == "microsteps"):
            notes.add("bad-number", place, f"{limit}={number!r} is no limit.")
    for limit in ("background_limit", "compensation_limit"):
        seconds: object = getattr(machine, limit)
        if not is_wait(seconds):
            right = f"It is a number of seconds from 0 to {LONGEST_WAIT}."
            notes.add("bad-number", place, f"{limit}={shown(seconds)} is no time to wait.", right)
    if machine.on_bug not in get_args(OnBug):
        right = "A run is parked until the bug is mended ('park'), or it ends ('fail')."
        notes.add("bad-flag", place, f"on_bug={shown(machine.on_bug)} is neither.", right)


def _node(context: Context, sketch: Sketch) -> Node:
    return Node(
        sketch.index,
        sketch.name,
        sketch.kind,
        sketch.parent,
        tuple(sketch.children),
        sketch.last,
        sketch.depth,
        sketch.is_region,
        tuple(sketch.forms),
        rows_of(context, sketch),
        excuses(context, sketch),
        _leads_to(context, sketch),
        tuple(sketch.histories),
        sketch.deep,
        sketch.status,
        sketch.compensates,
    )


def _leads_to(context: Context, sketch: Sketch) -> int:
    """What is entered with a state; for a history, where it leads the first time."""
    if sketch.leads_to is None:
        return sketch.initial
    named: object = sketch.leads_to
    target = context.index.get(named) if isinstance(named, str) else None
    place = f"{sketch.place}, to"
    if target is None:
        right = closest(str(sketch.leads_to), (s.name for s in context.sketches[1:]), "States")
        what = f"there is no state {sketch.leads_to!r} to go to."
        context.notes.add("unknown-state", place, what, right)
        return sketch.initial
    outer = context.sketches[sketch.parent]
    if not outer.index < target <= outer.last or context.sketches[target].kind == "history":
        right = f"It leads to a state inside {outer.name!r}."
        what = f"{sketch.leads_to!r} is not a state it can lead to."
        context.notes.add("misplaced-history", place, what, right)
    return target


def _events(nodes: tuple[Node, ...]) -> Iterator[type[Event]]:
    """The classes of events that can be sent, as they are first named."""
    for node in nodes:
        for trigger in (*node.on, *node.otherwise):
            if not isinstance(trigger, tuple):
                yield trigger
