"""Of which kind the forms of a machine are, and which states are inside which: frames know names, and do not say it.

Rule 1: a machine and the outline it left in a log say the same.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from detent.kernel.definition import Each
from detent.kernel.frames import reading
from detent.kernel.table import Outline, Table

__all__ = ["Kinds", "kinds_from", "kinds_of", "outer_from", "outer_of"]

Kinds: TypeAlias = Mapping[str, str | tuple[str, ...]]
"""Call, Wait, Spawn or Send, by the name of the form; for an Each those of its parts, in order."""


def kinds_of(table: Table[Any, Any, Any]) -> Kinds:
    """The kinds of a machine's forms."""
    return {
        name: tuple(type(inner).__name__ for inner in form.forms)
        if isinstance(form, Each)
        else type(form).__name__
        for name, form in table.forms.items()
    }


def kinds_from(outline: Outline) -> Kinds:
    """The same, read off the shape outline of a log. Raises Unreadable if it is none."""
    with reading("the outline"):
        effects: Any = outline.tree["effects"]
        return {name: _kind(effect) for name, effect in effects.items()}


def outer_of(table: Table[Any, Any, Any]) -> Mapping[str, str]:
    """Which state is around each state of a machine; empty if it is the machine itself."""
    return {node.name: table.nodes[node.parent].name for node in table.nodes[1:]}


def outer_from(outline: Outline) -> Mapping[str, str]:
    """The same, read off the shape outline of a log. Raises Unreadable if it is none."""
    with reading("the outline"):
        states: Any = outline.tree["states"]
        return {name: state["inside"] for name, state in states.items() if name}


def _kind(effect: Any) -> str | tuple[str, ...]:
    form: str = effect["form"]
    if form != "Each":
        return form
    return tuple(inner["form"] for inner in effect["orders"].values())
