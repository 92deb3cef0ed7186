"""Drawings of a table: Mermaid for documents, DOT for Graphviz, text for terminals and for `diff`.

A picture is always drawn from the table that is stepped, so it cannot be out of date. What is lit
is a configuration: a snapshot, or names of states.

Rule 1: whatever compiles can be drawn: names and texts may hold any character that can be printed.
Rule 2: a drawing is the same text in every process.
Rule 3: the text is complete. Pictures are lean: without makers of orders, types and module names.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias, TypeVar

from detent.kernel.compiler import compile_machine
from detent.kernel.definition import Definition
from detent.kernel.errors import WrongInput
from detent.kernel.renderer.dot import draw_dot
from detent.kernel.renderer.labels import AnyTable
from detent.kernel.renderer.mermaid import draw_mermaid
from detent.kernel.renderer.text import draw_text
from detent.kernel.snapshot import Snapshot
from detent.kernel.table import Table

__all__ = ["Drawing", "draw"]

I = TypeVar("I")  # noqa: E741 - input, data, result, as in Machine
D = TypeVar("D")
R = TypeVar("R")

Drawing: TypeAlias = Literal["mermaid", "dot", "text"]
Writer: TypeAlias = Callable[[AnyTable, Collection[int]], str]

WRITERS: Mapping[str, Writer] = {"mermaid": draw_mermaid, "dot": draw_dot, "text": draw_text}


def draw(
    what: Definition[I, D, R] | Table[I, D, R],
    lit: Snapshot[Any] | Iterable[str] = (),
    form: Drawing = "mermaid",
) -> str:
    """A machine or its table as a text that shows every state, row and effect.

    `lit` lights the active states of a snapshot, or the states named. Raises WrongInput for another
    form, and for names of states that the machine does not have.
    """
    table = what if isinstance(what, Table) else compile_machine(what)
    return _writer(form)(table, _lit(table, lit))


def _writer(form: object) -> Writer:
    writer = WRITERS.get(form) if isinstance(form, str) else None
    if writer is None:
        right = f"it is {', '.join(map(repr, WRITERS))}"
        raise WrongInput(f"form={form!r} is no form of drawing: {right}")
    return writer


def _lit(table: AnyTable, lit: Snapshot[Any] | Iterable[str]) -> frozenset[int]:
    """The numbers of the states to be lit."""
    if isinstance(lit, Snapshot):
        names: Iterable[object] = lit.configuration
    else:
        names = (lit,) if isinstance(lit, str) else lit
    return frozenset(_number(table, name) for name in names)


def _number(table: AnyTable, name: object) -> int:
    plain = str.__str__(name) if isinstance(name, str) else name  # a member of an enumeration
    index = table.index.get(plain, 0) if isinstance(plain, str) else 0
    if not index:
        states = [node.name for node in table.nodes[1:]]
        near = get_close_matches(str(plain), states, 1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        right = f"{meant}its states are {', '.join(map(repr, states))}"
        raise WrongInput(f"machine {table.name!r} has no state {plain!r} to be lit: {right}")
    return index
