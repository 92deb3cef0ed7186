"""Parsers of the command line: those of argparse, which say what is wrong in one sentence.

Rule 1: what a parser knows of its arguments is kept for whoever completes a line.
"""

import argparse
from collections.abc import Iterable
from typing import Any, NoReturn

from detent.tools.cli.exits import DONE, Leave, Usage

__all__ = ["Parser", "closest"]


class Parser(argparse.ArgumentParser):
    """A parser of one command. It raises Usage, and Leave when it has said its help."""

    def __init__(self, prog: str, summary: str, details: str, examples: Iterable[str]) -> None:
        shown = "\n".join(f"  $ {example}" for example in examples)
        title = "example" if shown.count("\n") == 0 else "examples"
        super().__init__(
            prog=prog,
            description=f"{summary}\n\n{details}".rstrip(),
            epilog=f"{title}:\n{shown}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.offers: list[argparse.Action] = []

    def offer(self, *names: str, **how: Any) -> argparse.Action:
        """Add an argument, and remember it."""
        action = self.add_argument(*names, **how)
        self.offers.append(action)
        return action

    def error(self, message: str) -> NoReturn:
        """Refuse the line. Raises Usage."""
        text = message[:1].lower() + message[1:]
        raise Usage(f"{text} (see {self.prog} --help)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End, after the help was said."""
        raise Leave(status or DONE)


def closest(word: str, known: Iterable[str]) -> str:
    """A question whether the nearest of some words was meant; nothing if none is near.

    >>> closest("repaly", ["replay", "run"])
    ' Did you mean replay?'
    >>> closest("xyz", ["replay", "run"])
    ''
    """
    measured = sorted((_distance(word, one), one) for one in known)
    if not measured or measured[0][0] > max(1, len(word) // 3):
        return ""
    return f" Did you mean {measured[0][1]}?"


def _distance(one: str, other: str) -> int:
    """How many letters have to be put in, left out, replaced, or swapped with their neighbours."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
