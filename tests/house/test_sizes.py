"""How long things may be: a file, a function, and how deep a reader has to go into it."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.sources import Source, sources

LONGEST_FILE = 500
COMFORTABLE = 400  # past it the docstring says why
LONGEST_FUNCTION = 60
DEEPEST = 4  # mostly 3; a loop in a condition in a loop may need one more

EVERY = sources("kernel", "machines", "tools", "tests", "benchmarks", "examples")
FILES = [source for source in EVERY if not source.is_face]  # a face is a list of names, and no code
every_file = pytest.mark.parametrize("source", FILES, ids=lambda source: source.name)

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def functions(source: Source) -> Iterator[Function]:
    """Every function of a file, also those inside others."""
    return (node for node in ast.walk(source.tree) if isinstance(node, Function))


def depth(node: ast.AST) -> int:
    """How many blocks stand inside one another. An `elif` stands beside its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        beside = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        below = depth(child)
        deepest = max(deepest, below + (isinstance(child, BLOCKS) and not beside))
    return deepest


def length(source: Source) -> int:
    """The lines of a file."""
    return len(source.path.read_text(encoding="utf-8").splitlines())


@every_file
def test_a_file_is_not_too_long(source: Source) -> None:
    assert length(source) <= LONGEST_FILE


@every_file
def test_a_long_file_says_why(source: Source) -> None:
    says_why = re.search(r"\blong\b", source.docstring) is not None

    assert says_why or length(source) <= COMFORTABLE


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_a_file_says_what_it_is_for(source: Source) -> None:
    assert source.docstring.strip()


@every_file
def test_a_function_is_not_too_long(source: Source) -> None:
    lengths = {
        node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions(source)
    }

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


@every_file
def test_a_function_is_not_too_deep(source: Source) -> None:
    depths = {node.name: depth(node) for node in functions(source)}

    assert {name: blocks for name, blocks in depths.items() if blocks > DEEPEST} == {}
