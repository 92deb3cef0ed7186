"""The code as text: which files there are, which module each is, and what it imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import frozen

__all__ = ["CODE", "ROOT", "Source", "sources", "text_below"]

ROOT = Path(__file__).parents[2]
CODE = ("kernel", "machines", "tools")


@frozen
class Source:
    """A file of the code."""

    path: Path

    @property
    def name(self) -> str:
        """Where it is, from the root."""
        return str(self.path.relative_to(ROOT))

    @property
    def module(self) -> str:
        """The module it is when it is imported."""
        parts = ("detent", *self.path.relative_to(ROOT).with_suffix("").parts)
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def folder(self) -> str:
        """The package it is in."""
        return self.module if self.is_face else self.module.rpartition(".")[0]

    @property
    def is_face(self) -> bool:
        """Whether it is what a package shows."""
        return self.path.name == "__init__.py"

    @property
    def tree(self) -> ast.Module:
        """What it says."""
        return parsed(self.path)

    @property
    def docstring(self) -> str:
        """What it says it is for."""
        return ast.get_docstring(self.tree) or ""

    def imports(self) -> Iterator[str]:
        """Every module it imports. A name that is imported from a package may be a module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name} imports by dots, at line {node.lineno}"
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    yield name if is_module(name) else f"{node.module}"


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def is_module(name: str) -> bool:
    """Whether a dotted name is a module of ours."""
    place = ROOT.joinpath(*name.split(".")[1:])
    ours = name.startswith(tuple(f"detent.{top}" for top in CODE))
    return ours and (place.is_dir() or place.with_suffix(".py").exists())


def sources(*folders: str) -> list[Source]:
    """The files in folders, by default all of the code."""
    return [
        Source(path) for folder in folders or CODE for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def text_below(docstring: str) -> list[str]:
    """The lines of a docstring that are set in: the drawing in it."""
    return [line[4:] for line in docstring.splitlines() if line.startswith("    ")]
