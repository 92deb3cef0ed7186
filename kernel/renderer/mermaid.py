"""A table as a Mermaid state diagram.

Rule 1: states are called `s1`, `s2` ... after their numbers; what people read is escaped.
Rule 2: Mermaid draws no arrow between a state and one around it. A row inwards starts at a box
        inside the state (`in work`), a row outwards is written where it starts: `Up -> work`.
Rule 3: arrows between states that are not side by side stand at the end, outside of all blocks:
        inside one, Mermaid would move the states they name into that block.
Left out on purpose: a title, which needs a front matter that not every reader of Mermaid knows.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import partial

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

__all__ = ["draw_mermaid"]

INDENT = "    "
STYLES = {
    "lit": "fill:#ffe08a,stroke:#b8860b,stroke-width:3px,color:#000",
    "around": "fill:#fff6dc,stroke:#b8860b,stroke-width:3px,color:#000",
    "box": "fill:#fafafa,stroke:#999,stroke-dasharray:4 3,color:#000",
    "history": "fill:#d8e4ff,stroke:#669,stroke-width:2px,color:#000",
}
RAW = frozenset(" .,/()=+->!?'[]|")
MARKS = re.compile("(ﬂ)(°)|(¶)(ß)")  # Mermaid's own, which it would take for escapes
APART = "\u200b"  # a space without width
MEANT = re.compile(r"(?i)(?<=direction) (?=\s*(?:TB|BT|RL|LR))|(?<=www)\.|(?<=\])\(|\[(?=\[)")


def draw_mermaid(table: AnyTable, lit: Collection[int]) -> str:
    """The diagram, some states lit."""
    root = table.nodes[0]
    lines = _composite(table, root) if root.kind == "parallel" else _block(table, root)
    far = list(_arrows(table, filter(partial(_is_far, table), table.rows)))
    far += [_at_first(node) for node in table.nodes if _leads_far(table, node)]
    body = [*lines, *far, *_classes(table, lit)]
    return "\n".join(["stateDiagram-v2", *(f"{INDENT}{line}" for line in body)])


# States


def _block(table: AnyTable, node: Node) -> Iterator[str]:
    """What is inside a state of which one state at a time is active."""
    yield f"[*] --> s{node.initial}"
    yield from _box(table, node)
    within = inside(table, node)
    for child in within:
        yield from _state(table, child)
    rows = (row for child in within for row in child.rows)
    yield from _arrows(table, filter(partial(_is_near, table), rows))
    yield from (_at_first(child) for child in within if _leads_near(table, child))
    yield from (f"s{child.index} --> [*]" for child in within if child.kind == "final")


def _regions(table: AnyTable, node: Node) -> Iterator[str]:
    """What is inside a state with regions side by side."""
    parts = [list(_box(table, node))]
    parts += [list(_state(table, child)) for child in inside(table, node)]
    between = False
    for part in parts:
        if part and between:
            yield "--"
        between = between or bool(part)
        yield from part


def _state(table: AnyTable, node: Node) -> Iterator[str]:
    if node.children:
        yield from _composite(table, node)
        return
    mark = ("H* " if node.deep else "H ") if node.kind == "history" else ""
    yield f'state "{_text(mark + node.name)}" as s{node.index}'
    yield from (f"s{node.index} : {_text(note)}" for note in _notes(table, node))


def _composite(table: AnyTable, node: Node) -> Iterator[str]:
    lines = _regions(table, node) if node.kind == "parallel" else _block(table, node)
    yield f'state "{_text(node.name or table.name)}" as s{node.index} {{'
    yield from (f"{INDENT}{line}" for line in lines)
    yield "}"


def _box(table: AnyTable, node: Node) -> Iterator[str]:
    """A state of the diagram that stands for the state around it."""
    notes = list(_notes(table, node))
    if has_box(table, node, notes):
        yield f'state "in {_text(node.name or table.name)}" as in{node.index}'
        yield from (f"in{node.index} : {_text(note)}" for note in notes)


def _notes(table: AnyTable, node: Node) -> Iterator[str]:
    yield from notes_of(table, node)
    for row in node.rows:
        if _is_outward(table, row):
            target = table.nodes[row.target or 0]
            yield f"{caption(table, row)} -> {target.name}".strip()


# Arrows


def _is_outward(table: AnyTable, row: Row) -> bool:
    return row.target is not None and table.is_inside(row.source, row.target)


def _is_near(table: AnyTable, row: Row) -> bool:
    """Whether a row joins two states side by side, of which one is active at a time."""
    source = table.nodes[row.source]
    if row.target is None or not row.source or table.nodes[source.parent].kind == "parallel":
        return False
    return table.nodes[row.target].parent == source.parent


def _is_far(table: AnyTable, row: Row) -> bool:
    drawn = row.target is not None and not _is_outward(table, row)
    return drawn and not _is_near(table, row)


def _arrows(table: AnyTable, rows: Iterable[Row]) -> Iterator[str]:
    """One arrow for all rows between two states: Mermaid would draw their labels on one another."""
    joined: dict[str, list[str]] = {}
    for row in rows:
        start = "in" if is_inward(table, row) else "s"
        arrow = f"{start}{row.source} --> s{row.target}"
        joined.setdefault(arrow, []).append(_text(caption(table, row)))
    yield from (f"{arrow} : {'<br/>'.join(labels)}" for arrow, labels in joined.items())


def _at_first(history: Node) -> str:
    return f"s{history.index} --> s{history.initial} : at first"


def _leads_near(table: AnyTable, node: Node) -> bool:
    target = history_leads_to(table, node)
    return target is not None and table.nodes[target].parent == node.parent


def _leads_far(table: AnyTable, node: Node) -> bool:
    return history_leads_to(table, node) is not None and not _leads_near(table, node)


# Looks


def _classes(table: AnyTable, lit: Collection[int]) -> Iterator[str]:
    """The styles that are used, and by whom."""
    boxes = [node for node in table.nodes if any(True for _ in _boxed(table, node))]
    histories = [node for node in table.nodes if node.kind == "history"]
    members = {
        "lit": [f"s{index}" for index in sorted(lit) if not table.nodes[index].children],
        "around": [f"s{index}" for index in sorted(lit) if table.nodes[index].children],
        "box": [f"in{node.index}" for node in boxes],
        "history": [f"s{node.index}" for node in histories],
    }
    for name, ids in members.items():
        if ids:
            yield f"classDef {name} {STYLES[name]}"
            yield f"class {','.join(ids)} {name}"


def _boxed(table: AnyTable, node: Node) -> Iterable[str]:
    return _box(table, node) if node.children else ()


def _text(text: str) -> str:
    """A text that Mermaid shows as it is: no syntax, no Markdown, no HTML.

    >>> _text('a: "b"; <c>'), _text("- x"), _text("_private snake_case")
    ('a#58; #34;b#34;#59; #60;c>', '#45; x', '#95;private snake_case')
    """
    text = MARKS.sub(lambda found: APART.join(filter(None, found.groups())), plain(text))
    first = re.match(r"\d+[.)]|[^\[]", text)
    last = first.end() - 1 if first else -1  # what would begin a list, a heading, a quotation
    meant = {found.start() for found in MEANT.finditer(text)}
    return "".join(
        c if place not in meant and _is_harmless(text, place, last) else f"#{ord(c)};"
        for place, c in enumerate(text)
    )


def _is_harmless(text: str, place: int, first: int) -> bool:
    c = text[place]
    if c == "_":
        return text[place - 1 : place].isalnum() and text[place + 1 : place + 2].isalnum()
    return c.isalnum() or (c in RAW and place != first)
