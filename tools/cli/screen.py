"""Lines on a terminal, or in a pipe: what was said stays, and below it a block shows what is under way.

Rule 1: a pipe gets the same lines as a terminal, without colours and without the block.
Rule 2: colours are for terminals, and not if NO_COLOR is set, or the terminal is dumb.
Rule 3: nothing is wider than the terminal: a line that is too long is cut, or the block could not be taken away.
"""

import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from detent.tools.cli.wording import Mark, Said, span

__all__ = ["Screen", "columns", "wide"]

STYLES: dict[str, str] = {
    **{"run": "1", "state": "1;36", "begun": "2", "done": "32", "bad": "31", "retry": "33"},
    **{"ask": "1;35", "event": "34", "note": "2", "end": "1;32", "ended badly": "1;31"},
    **{"dim": "2", "bold": "1"},
}
MARKS: dict[Mark, tuple[str, str]] = {
    "run": ("●", "*"),
    "state": ("▸", ">"),
    "begun": ("·", "."),
    "done": ("✓", "+"),
    "bad": ("✗", "x"),
    "retry": ("↻", "~"),
    "ask": ("?", "?"),
    "event": ("→", "-"),
    "note": ("·", "."),
    "end": ("■", "#"),
}
SPIN = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
TIME = 9  # columns for the time
FAR = 44  # columns after which how long it took is said


class Screen:
    """Where lines go. Made for a stream; what is written is there at once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream: TextIO = sys.stdout if stream is None else stream
        self.is_live = self.stream.isatty() and os.environ.get("TERM", "") != "dumb"
        self.has_colours = self.is_live and not os.environ.get("NO_COLOR")
        self.is_rich = _is_rich(self.stream)
        self._block: list[str] = []
        self._turn = 0

    @property
    def width(self) -> int:
        """How many columns there are."""
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def paint(self, style: str, text: str) -> str:
        """A text in a style, where there are colours."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.has_colours and text else text

    def mark(self, mark: Mark) -> str:
        """The sign of a kind of thing."""
        rich, plain = MARKS[mark]
        return rich if self.is_rich else plain

    @property
    def spinner(self) -> str:
        """A sign that turns, each time it is asked for."""
        self._turn += 1
        return SPIN[self._turn % len(SPIN)] if self.is_rich else "|/-\\"[self._turn % 4]

    def said(self, said: Said, at: int, depth: int = 0) -> None:
        """A line of what was said, at so many microseconds since the run began."""
        for line in self.lines_of(said, at, depth):
            self.line(line)

    def lines_of(self, said: Said, at: int, depth: int = 0) -> Iterator[str]:
        """What a line of what was said looks like."""
        inner = said.mark not in ("run", "state", "end")
        style: str = said.mark
        if said.mark == "end" and said.text not in ("completed", "stopped"):
            style = "ended badly"
        head = f"{'  ' * depth}{'  ' if inner else ''}{self.mark(said.mark)} {said.text}"
        took = "" if said.took is None else f"  {span(said.took):>9}"
        gap = max(FAR - columns(head) - columns(took), 0) * " " if took else ""
        told = self.paint("dim", f"{_since(at):>{TIME}}")
        more = f"  {said.more}" if said.more else ""
        room = max(self.width, 60) - TIME - 2
        line = f"{head}{gap}{took}"
        if self.is_live:
            line = wide(line, room)
            more = wide(more, max(room - columns(line), 0))
        yield f"{told}  {self.paint(style, line)}{self.paint('dim', more)}"

    def line(self, text: str = "") -> None:
        """A line that stays."""
        self._write(f"{self._away()}{text}\n{self._shown()}")

    def block(self, lines: Sequence[str]) -> None:
        """What is shown below all lines until it is replaced; nothing in a pipe."""
        if not self.is_live or list(lines) == self._block:
            return
        away = self._away()
        self._block = list(lines)
        self._write(f"{away}{self._shown()}")

    def close(self) -> None:
        """Take the block away."""
        self.block(())

    # -- inside

    def _away(self) -> str:
        """What takes the block away: the cursor stands at its end."""
        if not self._block:
            return ""
        up = f"\x1b[{len(self._block) - 1}A" if len(self._block) > 1 else ""
        return f"\r{up}\x1b[J"

    def _shown(self) -> str:
        return "\n".join(wide(line, self.width - 1) for line in self._block)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _since(at: int) -> str:
    """How long it is since the run began."""
    return f"{at / 1_000_000:.2f} s" if at < 600_000_000 else span(at)


def columns(text: str) -> int:
    """How many columns a text takes on a terminal, without its colours.

    >>> columns("ab"), columns("日本"), columns("\\x1b[1mab\\x1b[0m")
    (2, 4, 2)
    """
    bare = ESCAPE.sub("", text)
    return len(bare) if bare.isascii() else sum(map(_width, bare))


def wide(text: str, room: int) -> str:
    """A text that takes no more columns than there are.

    >>> wide("abcdef", 4), wide("ab", 4)
    ('abc…', 'ab')
    """
    if columns(text) <= room:
        return text
    kept, used, is_coloured = "", 0, False
    for part in re.split(r"(\x1b\[[0-9;]*m)", text):
        if part.startswith("\x1b["):
            kept += part
            is_coloured = part != "\x1b[0m"
            continue
        for letter in part:
            used += _width(letter)
            if used > room - 1:
                return f"{kept}…" + ("\x1b[0m" if is_coloured else "") if room > 0 else ""
            kept += letter
    return kept


def _width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def _is_rich(stream: Any) -> bool:
    """Whether signs beyond ASCII can be written."""
    try:
        "▸✓…⠋".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
