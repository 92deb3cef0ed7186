"""Tables for people."""

from collections.abc import Iterator, Sequence

from detent.tools.cli.screen import Screen, columns, wide

__all__ = ["in_columns"]

GAP = 2


def in_columns(
    screen: Screen, rows: Sequence[Sequence[str]], styles: Sequence[Sequence[str]] = ()
) -> Iterator[str]:
    """The lines of a table. On a terminal nothing is wider than that: the last column is cut."""
    widths = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        given = styles[number] if styles else ("",) * len(row)
        cells = [
            (screen.paint(style, cell) if style else cell)
            + " " * (width - columns(cell) if place < len(row) - 1 else 0)
            for place, (cell, width, style) in enumerate(zip(row, widths, given, strict=True))
        ]
        line = (" " * GAP).join(cells).rstrip()
        yield wide(line, screen.width) if screen.is_live else line
