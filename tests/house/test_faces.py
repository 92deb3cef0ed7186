"""What a package shows: a sorted list of names that is complete, each with a docstring."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import detent
import detent.kernel
from tests.house.sources import ROOT, Source, sources

FACES = ["detent", *(source.module for source in sources() if source.is_face)]
MODULES = ["detent", *(source.module for source in sources())]
SENTENCE = re.compile(r"\w.*[.:](\s|$)", re.DOTALL)
BELONGS_TO_THE_KERNEL = {"begin", "recall", "step", "walk"}  # `step` is also a word of workflows


def names_in(face: ModuleType) -> set[str]:
    """The names a package holds for others.

    Where it defines classes or functions, what it imports is for its own use, and of other names
    those are for others which it says are. Where it defines none, what it imports is for others.
    """
    if face is detent:  # it loads them when they are asked for
        tree = Source(ROOT / "detent" / "__init__.py").tree
        (listed,) = (node for node in tree.body if isinstance(node, ast.If) and not is_not(node))
        return {alias.name for alias in imported(listed.body)}
    body = source_of(face).tree.body
    own = set(defined(body))
    said = {name for name in assigned(body) if name in face.__all__}
    held = own | said if own else {alias.asname or alias.name for alias in imported(body)}
    return {name for name in held if not name.startswith("_")}


def is_not(node: ast.If) -> bool:
    """Whether a condition says what is not so."""
    return isinstance(node.test, ast.UnaryOp)


def source_of(face: ModuleType) -> Source:
    """The file of a package."""
    return next(source for source in sources() if source.module == face.__name__)


def defined(body: list[ast.stmt]) -> Iterator[str]:
    """The classes and functions of a file."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def assigned(body: list[ast.stmt]) -> Iterator[str]:
    """The other names that a file gives."""
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def imported(body: list[ast.stmt]) -> Iterator[ast.alias]:
    """What a file imports by name."""
    for node in body:
        if isinstance(node, ast.ImportFrom):
            yield from node.names


def public(module: str) -> Iterator[tuple[str, Any]]:
    """The classes and functions that a module shows and that are its own."""
    held = importlib.import_module(module)
    for name in getattr(held, "__all__", ()):
        thing: Any = getattr(held, name)
        if (inspect.isclass(thing) or inspect.isfunction(thing)) and thing.__module__ == module:
            yield name, thing


@pytest.mark.parametrize("module", FACES)
def test_a_face_is_sorted(module: str) -> None:
    names: list[str] = importlib.import_module(module).__all__

    assert names == sorted(set(names))


@pytest.mark.parametrize("module", FACES)
def test_a_face_shows_all_it_holds_and_nothing_else(module: str) -> None:
    face = importlib.import_module(module)

    assert set(face.__all__) == names_in(face)


@pytest.mark.parametrize("module", FACES)
def test_what_a_face_shows_is_there(module: str) -> None:
    face = importlib.import_module(module)

    assert [name for name in face.__all__ if not hasattr(face, name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_has_a_docstring_with_a_first_sentence(module: str) -> None:
    wrong = [
        f"{name}: {first!r}"
        for name, thing in public(module)
        if (first := first_paragraph(thing)) is None or not SENTENCE.search(first)
    ]

    assert wrong == []


def first_paragraph(thing: Any) -> str | None:
    """The first paragraph of a docstring that is its own and not inherited."""
    docstring: str | None = thing.__dict__.get("__doc__") or getattr(thing, "__doc__", None)
    if not docstring or (inspect.isclass(thing) and "__doc__" not in thing.__dict__):
        return None
    return inspect.cleandoc(docstring).partition("\n\n")[0].strip()


def test_what_people_write_with_is_part_of_the_kernel() -> None:
    assert set(detent.__all__) <= set(detent.kernel.__all__)


def test_what_people_write_with_is_the_same_thing_in_the_kernel() -> None:
    there = vars(detent.kernel)

    assert [name for name in detent.__all__ if getattr(detent, name) is not there[name]] == []


def test_what_people_write_with_is_shown_to_who_looks() -> None:
    assert set(detent.__all__) <= set(dir(detent))


def test_what_is_not_there_is_told_as_python_does() -> None:
    with pytest.raises(AttributeError, match="module 'detent' has no attribute 'Machin'"):
        getattr(detent, "Machin")  # noqa: B009


def test_what_steps_a_machine_is_imported_from_the_kernel_only() -> None:
    assert set(detent.__all__) & BELONGS_TO_THE_KERNEL == set()
    assert set(detent.kernel.__all__) >= BELONGS_TO_THE_KERNEL
