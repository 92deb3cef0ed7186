"""A table as text, to be read in a terminal and to be compared by `diff`.

Rule 1: everything that the table says of states, rows and effects is here, in document order.
Rule 2: every line begins with a word that says what it is; lit states have a `*` in the margin.
Rule 3: columns are aligned within a state, so a change of one state changes no line of another.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from unicodedata import combining, east_asian_width

from detent.kernel.renderer.labels import (
    AnyTable,
    called,
    effect_of,
    event_of,
    excuses_of,
    guard_of,
    inside,
    plain,
    update_of,
)
from detent.kernel.shapes import described, shape_of
from detent.kernel.table import Node, Row

__all__ = ["draw_text"]

INDENT = "  "
BARE = re.compile(r"\w[\w./-]*(?: \w[\w./-]*)*")
"""Names that cannot be taken for anything else; all others are quoted."""


def draw_text(table: AnyTable, lit: Collection[int]) -> str:
    """The outline, some states lit."""
    return "\n".join(_state(table, table.nodes[0], lit, ""))


def _state(table: AnyTable, node: Node, lit: Collection[int], indent: str) -> Iterator[str]:
    """A state, under it its effects, rows and excuses, under them what is inside."""
    margin = "* " if node.index in lit else "  "
    yield f"{margin}{indent}{_title(table, node)}"
    within = f"{indent}{INDENT}"
    yield from (f"{INDENT}{within}{line}" for line in _said(table, node))
    for child in inside(table, node):
        yield from _state(table, child, lit, within)


def _said(table: AnyTable, node: Node) -> Iterator[str]:
    if not node.index:
        machine = table.machine
        for word, function in (("begin", machine.begin), ("result", machine.result)):
            if function is not None:
                yield f"{word} {called(function)}"
    for form in node.forms:
        yield f"do {effect_of(form)}"
    yield from _columns([_cells(table, row) for row in node.rows])
    yield from excuses_of(node)


def _title(table: AnyTable, node: Node) -> str:
    if not node.index:
        title = f"machine {_name(table.name)}: {plain(described(shape_of(table.data)))}"
        return f"{title} (parallel)" if node.kind == "parallel" else title
    if node.kind == "final":
        return f"final {_name(node.name)} ({node.status})"
    if node.kind == "history":
        deep = " (deep)" if node.deep else ""
        return f"history {_name(node.name)}{deep} -> {_name(table.nodes[node.initial].name)}"
    marks = [word for word, holds in _marks(table, node) if holds]
    kind = "region" if node.is_region else "state"
    return f"{kind} {_name(node.name)}" + (f" ({', '.join(marks)})" if marks else "")


def _marks(table: AnyTable, node: Node) -> Iterable[tuple[str, bool]]:
    yield "initial", table.nodes[node.parent].initial == node.index and not node.is_region
    yield "parallel", node.kind == "parallel"


def _cells(table: AnyTable, row: Row) -> tuple[str, ...]:
    """A row in four columns: what it waits for, guard, update, target."""
    event = event_of(row)
    shown = f"on {event}" if row.kind == "on" else event or "always"
    target = "" if row.target is None else f"-> {_name(table.nodes[row.target].name)}"
    again = " (reenter)" if row.reenter else ""
    return shown, guard_of(row), update_of(row), f"{target}{again}"


def _columns(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows below one another; a column that is empty everywhere takes no room."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (c + " " * (w - _width(c)) for c, w in zip(row, widths, strict=True) if w)
        yield "  ".join(cells).rstrip()


def _width(cell: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(east_asian_width(c) in "WF" for c in cell)
    return len(cell) + wide - sum(combining(c) > 0 for c in cell)


def _name(name: str) -> str:
    """A name as it is, or quoted if it could be read as something else.

    >>> _name("waiting for approval"), _name("a -> b"), _name("end (final)")
    ('waiting for approval', "'a -> b'", "'end (final)'")
    """
    return name if BARE.fullmatch(name) else repr(name)
