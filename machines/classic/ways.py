"""From which inner states to which others a transition leads, and what is left and entered on the way.

Rule 1: the library leaves what the destination has not in common with the active states, and never looks at the source
        of a transition for that; so do we.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, TypeAlias

from attrs import frozen

from detent.machines.classic.old import Line, Node, Old, Path

__all__ = ["Way", "Ways", "common_path"]

Way: TypeAlias = tuple[tuple[str, Node], ...]
"""What is done on a way: `on_exit` or `on_enter`, and the state."""


def common_path(one: Path, other: Path) -> Path:
    """What two paths begin with."""
    pairs = zip(one, other, strict=False)
    return tuple(step for step, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@frozen
class Ways:
    """The ways through a machine."""

    old: Old

    def of(self, line: Line) -> list[Way]:
        """What is left and entered, for each inner state that may be active."""
        return [self.way(leaf, line.dest) for leaf in self.leaves(line.source)]

    def way(self, leaf: Path, dest: Path | None) -> Way:
        """What is left and what is entered on the way from an active state."""
        if dest is None:
            return ()
        common = 0
        while common < min(len(leaf), len(dest) - 1) and leaf[common] == dest[common]:
            common += 1
        left = [leaf[:depth] for depth in range(len(leaf), common, -1)]
        entered = [dest[:depth] for depth in range(common + 1, len(dest) + 1)]
        into = [*entered, *self.initial(dest)]
        nodes = self.old.by_path
        return (
            *(("on_exit", nodes[path]) for path in left),
            *(("on_enter", nodes[path]) for path in into),
        )

    def steps(self, way: Way) -> tuple[tuple[str, Any], ...]:
        """What is done on a way."""
        return tuple(
            (word, name)
            for word, node in way
            for name in (node.on_enter if word == "on_enter" else node.on_exit)
        )

    def initial(self, path: Path) -> Iterator[Path]:
        """What is entered with a state, in the order in which the library does it."""
        waiting = [path]
        while waiting:
            here = waiting.pop(0)
            for name in self.old.by_path[here].initial:
                yield (*here, name)
                waiting.append((*here, name))

    def leaves(self, inside: Path) -> Iterator[Path]:
        """The states that may be active without another inside them."""
        for path, node in self.old.by_path.items():
            is_leaf = not node.children or not node.initial
            if is_leaf and path[: len(inside)] == inside:
                yield path

    def spread(self, lines: list[Line]) -> tuple[list[Line], list[Path]]:
        """The lines that depend on which inner states are active, all that meet them there, and these states."""
        leaves: set[Path] = set()
        spread: list[Line] = []
        more = [line for line in lines if self._depends(line)]
        while more:
            spread += more
            leaves.update(leaf for line in more for leaf in self.leaves(line.source))
            rest = [line for line in lines if line not in spread]
            more = [line for line in rest if not leaves.isdisjoint(self.leaves(line.source))]
        in_order = [line for line in lines if line in spread]
        return in_order, [leaf for leaf in self.leaves(()) if leaf in leaves]

    def _depends(self, line: Line) -> bool:
        if self.old.prepare or line.prepare:
            return True
        return len(set(map(self.steps, self.of(line)))) > 1
