"""A table as a graph for Graphviz (`dot`).

Rule 1: states with states inside are clusters. Arrows to and from them end at an inner node and are cut at the
        border (`lhead`, `ltail`); Graphviz cannot cut where one end is inside the other.
Rule 2: so a row inwards starts at a box inside the state, and a row outwards goes round a point outside, which
        also shows that the state is left.
Rule 3: every text that people read is an HTML label, and escaped as such.
"""

from collections.abc import Collection, Iterator
from html import escape

from detent.kernel.renderer.labels import (
    AnyTable,
    caption,
    has_box,
    history_leads_to,
    inside,
    is_inward,
    notes_of,
    plain,
)
from detent.kernel.table import Node, Row

__all__ = ["dot"]

INDENT = "    "
HEAD = (
    'graph [compound=true, fontname="Helvetica", labelloc=t, nodesep=0.4];',
    'node [fontname="Helvetica", fontsize=11, shape=box, style="rounded,filled", fillcolor=white];',
    'edge [fontname="Helvetica", fontsize=10];',
)
LIT = '"#ffe08a"'
POINT = "[shape=point, width=0.12, fillcolor=black]"
CORNER = '[shape=point, width=0.02, color="#666666"]'


def dot(table: AnyTable, lit: Collection[int]) -> str:
    """The graph, some states lit."""
    title = f"label=<<B>{_html(table.name)}</B>>;"
    arrows = [line for row in table.rows for line in _row(table, row)]
    body = [*HEAD, title, *_block(table, table.nodes[0], lit), *arrows]
    return "\n".join(["digraph machine {", *(f"{INDENT}{line}" for line in body), "}"])


# States


def _block(table: AnyTable, node: Node, lit: Collection[int]) -> Iterator[str]:
    """What is inside a state."""
    if node.kind == "compound":
        yield f"i{node.index} {POINT};"
    notes = list(notes_of(table, node))
    if has_box(table, node, notes):
        label = _label(f"in {node.name or table.name}", notes)
        yield f'b{node.index} [label={label}, style="dashed,filled", fillcolor="#fffbe6"];'
    for child in inside(table, node):
        yield from _state(table, child, lit)
        yield from (f"w{row.source}_{place} {CORNER};" for place, row in _round(table, child))
    if node.kind == "compound":
        yield _edge(table, f"i{node.index}", node.initial, node.index)
    for child in inside(table, node):
        target = history_leads_to(table, child)
        if target is not None:
            looks = 'style=dashed, label="at first"'
            yield _edge(table, f"s{child.index}", target, child.index, looks)


def _state(table: AnyTable, node: Node, lit: Collection[int]) -> Iterator[str]:
    if node.children:
        yield from _cluster(table, node, lit)
        return
    label = node.name
    looks: list[str] = []
    if node.kind == "history":
        label = f"H* {node.name}" if node.deep else f"H {node.name}"
        looks = ["shape=oval", 'fillcolor="#eeeeff"']
    elif node.kind == "final":
        looks = ["shape=doublecircle", 'style="filled"', "margin=0.02"]
    elif node.is_region:
        looks = ['style="dashed,rounded,filled"']
    if node.index in lit:
        looks = [*looks, f"fillcolor={LIT}"]
    shown = ", ".join([f"label={_label(label, list(notes_of(table, node)))}", *looks])
    yield f"s{node.index} [{shown}];"


def _cluster(table: AnyTable, node: Node, lit: Collection[int]) -> Iterator[str]:
    fill = LIT if node.index in lit else "white"
    line = "dashed," if node.is_region else ""
    yield f"subgraph cluster_s{node.index} {{"
    yield f'{INDENT}label=<<B>{_html(node.name)}</B>>; style="{line}rounded,filled"; fillcolor={fill};'
    yield from (f"{INDENT}{line}" for line in _block(table, node, lit))
    yield "}"


# Arrows


def _row(table: AnyTable, row: Row) -> Iterator[str]:
    """The arrow of a row, or the two that go round a point."""
    if row.target is None:
        return
    label = f"label=<{_html(caption(table, row))}>"
    if is_inward(table, row):
        yield _edge(table, f"b{row.source}", row.target, row.source, label)
    elif _goes_round(table, row):
        corner = f"w{row.source}_{table.nodes[row.source].rows.index(row)}"
        start = "" if row.source != row.target else f", ltail=cluster_s{row.source}"
        yield f"{_anchor(table, row.source)} -> {corner} [{label}, dir=none{start}];"
        yield _edge(table, corner, row.target, table.nodes[row.target].parent)
    else:
        if table.nodes[row.source].children:
            label = f"{label}, ltail=cluster_s{row.source}"
        yield _edge(table, _anchor(table, row.source), row.target, row.source, label)


def _edge(table: AnyTable, tail: str, target: int, source: int, looks: str = "") -> str:
    """An arrow to a state, cut at its border if it has states inside."""
    head = f"lhead=cluster_s{target}" if table.nodes[target].children else ""
    shown = ", ".join(word for word in (looks, head) if word)
    return f"{tail} -> {_anchor(table, target)}" + (f" [{shown}];" if shown else ";")


def _anchor(table: AnyTable, index: int) -> str:
    """The node at which arrows to and from a state end."""
    node = table.nodes[index]
    while node.kind == "parallel":
        node = table.nodes[node.children[0]]
    return f"i{node.index}" if node.children else f"s{node.index}"


def _goes_round(table: AnyTable, row: Row) -> bool:
    """Whether a row leaves a state with states inside only to enter it again."""
    target = row.target
    if target is None or not table.nodes[target].children:
        return False
    return target == row.source or table.is_inside(row.source, target)


def _round(table: AnyTable, node: Node) -> Iterator[tuple[int, Row]]:
    """The rows that go round a state, each with its place among the rows of its own state."""
    for source in table.nodes[node.index : node.last + 1]:
        for place, row in enumerate(source.rows):
            if row.target == node.index and _goes_round(table, row):
                yield place, row


# Texts


def _label(name: str, notes: list[str]) -> str:
    """A name, and under a line what is to be said about it."""
    cells = [f"<TR><TD><B>{_html(name)}</B></TD></TR>"]
    if notes:
        cells.append("<HR/>")
        cells += [f'<TR><TD ALIGN="LEFT">{_html(note)}</TD></TR>' for note in notes]
    return f'<<TABLE BORDER="0" CELLBORDER="0">{"".join(cells)}</TABLE>>'


def _html(text: str) -> str:
    """A text as Graphviz shows it in an HTML label, where a backslash means something too."""
    return escape(plain(text)).replace("\\", "&#92;")
