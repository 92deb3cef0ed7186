"""A table as a graph for Graphviz (`dot`).

Rule 1: states with states inside are clusters. Arrows to and from them end at an inner node and are
        cut at the border (`lhead`, `ltail`). Where one end is inside the other nothing can be cut:
Rule 2: a row inwards starts at a box inside the state, a row outwards goes round a point outside,
        which also shows that the state is left.
Rule 3: where there are clusters, no arrow leads against the order of the document: those that should
        are turned round, with their head at the tail (`dir=back`). On circles of clusters Graphviz
        gives up («trouble in init_rank»), and on many arrows between clusters even without circles.
Rule 4: every text that people read is an HTML label, and escaped as such.
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

__all__ = ["draw_dot"]

INDENT = "    "
HEAD = (
    'graph [compound=true, fontname="Helvetica", nodesep=0.4];',
    'node [fontname="Helvetica", fontsize=11, shape=box, style="rounded,filled", fillcolor=white];',
    'edge [fontname="Helvetica", fontsize=10];',
)
LIT = '"#ffe08a"'
AROUND = '"#fff6dc"'  # a lit state around others, which may be lit too
NEWRANK = "newrank=true;"
TANGLED = 20  # arrows across borders; of 4,000 random machines those that Graphviz gave up had 28
POINT = "[shape=point, width=0.12, fillcolor=black]"
CORNER = '[shape=point, width=0.02, color="#666666"]'


def draw_dot(table: AnyTable, lit: Collection[int]) -> str:
    """The graph, some states lit."""
    title = f"labelloc=t; label=<<B>{_html(table.name)}</B>>;"
    arrows = [line for row in table.rows for line in _row(table, row)]
    body = [
        *HEAD,
        *([NEWRANK] if _is_tangled(table) else []),
        title,
        *_block(table, table.nodes[0], lit),
        *arrows,
    ]
    return "\n".join(["digraph machine {", *(f"{INDENT}{line}" for line in body), "}"])


# States


def _block(table: AnyTable, node: Node, lit: Collection[int]) -> Iterator[str]:
    """What is inside a state."""
    if node.kind == "compound":
        yield f"i{node.index} {POINT};"
    elif node.index:
        yield f"i{node.index} [shape=point, style=invis];"
    notes = list(notes_of(table, node))
    if has_box(table, node, notes):
        label = _label(f"in {node.name or table.name}", notes)
        yield f'b{node.index} [label={label}, style="dashed,filled", fillcolor="#fafafa"];'
    for child in inside(table, node):
        yield from _state(table, child, lit)
        yield from (f"w{row.source}_{place} {CORNER};" for place, row in _round(table, child))
    if node.kind == "compound":
        yield _edge(table, f"i{node.index}", node.index, node.initial)
    for child in inside(table, node):
        target = history_leads_to(table, child)
        if target is not None:
            looks = 'style=dashed, label="at first"'
            yield _edge(table, f"s{child.index}", child.index, target, looks)


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
    fill = AROUND if node.index in lit else "white"
    line = "dashed," if node.is_region else ""
    yield f"subgraph cluster_s{node.index} {{"
    yield f"{INDENT}label=<<B>{_html(node.name)}</B>>;"
    yield f'{INDENT}style="{line}rounded,filled"; fillcolor={fill};'
    yield from (f"{INDENT}{line}" for line in _block(table, node, lit))
    yield "}"


# Arrows


def _row(table: AnyTable, row: Row) -> Iterator[str]:
    """The arrow of a row, or the two that go round a point."""
    if row.target is None:
        return
    label = f"label=<{_html(caption(table, row))}>"
    if is_inward(table, row):
        yield _edge(table, f"b{row.source}", row.source, row.target, label)
    elif _goes_round(table, row):
        corner = f"w{row.source}_{table.nodes[row.source].rows.index(row)}"
        start = "" if row.source != row.target else f", ltail=cluster_s{row.source}"
        yield f"{_anchor(table, row.source)} -> {corner} [{label}, dir=none{start}];"
        yield _edge(table, corner, table.nodes[row.target].last, row.target)
    else:
        cut = bool(table.nodes[row.source].children)
        yield _edge(table, _anchor(table, row.source), row.source, row.target, label, cut=cut)


def _edge(
    table: AnyTable, tail: str, source: int, target: int, label: str = "", *, cut: bool = False
) -> str:
    """An arrow to a state, cut at its border if there are states inside; with `cut` at both ends."""
    back = _leads_back(table, source, target)
    here, there = ("lhead", "ltail") if back else ("ltail", "lhead")
    looks = (
        label,
        f"{here}=cluster_s{source}" if cut else "",
        f"{there}=cluster_s{target}" if table.nodes[target].children else "",
        "dir=back" if back else "",
    )
    shown = ", ".join(look for look in looks if look)
    ends = (_anchor(table, target), tail) if back else (tail, _anchor(table, target))
    return " -> ".join(ends) + (f" [{shown}];" if shown else ";")


def _anchor(table: AnyTable, index: int) -> str:
    """The node at which arrows to and from a state end."""
    return f"i{index}" if table.nodes[index].children else f"s{index}"


def _leads_back(table: AnyTable, source: int, target: int) -> bool:
    """Whether an arrow is turned round: it leads back, where there are borders to be crossed."""
    outer = table.nodes[source].parent
    is_plain = outer == table.nodes[target].parent and not any(
        table.nodes[child].children for child in table.nodes[outer].children
    )
    return source > target and not is_plain


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


def _is_tangled(table: AnyTable) -> bool:
    """Whether Graphviz should rank in another way, which draws worse and does not give up."""
    nodes = table.nodes
    pairs = ((nodes[row.source], nodes[row.target]) for row in table.rows if row.target is not None)
    crossing = sum(
        bool(source.parent != target.parent or source.children or target.children)
        for source, target in pairs
    )
    return crossing > TANGLED


# Texts


def _label(name: str, notes: list[str]) -> str:
    """A name, and under a line what is to be said about it."""
    title = f"<B>{_html(name)}</B>"
    if not notes:
        return f"<{title}>"
    cells = "".join(f'<TR><TD ALIGN="LEFT">{_html(note)}</TD></TR>' for note in notes)
    return f'<<TABLE BORDER="0"><TR><TD>{title}</TD></TR><HR/>{cells}</TABLE>>'


def _html(text: str) -> str:
    """A text as Graphviz shows it in an HTML label.

    There a backslash means something too, even when it is written as a number: a space without
    width follows it.
    """
    return escape(plain(text)).replace("\\", "&#92;&#8203;")
