"""Nothing exists twice, once for each colour: there is one engine, it is async, and what blocks only waits for it."""

import ast
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.house.sources import ROOT, Source, sources

WRAPPERS = Source(ROOT / "tools" / "embed" / "sync.py")
LONGEST_WRAPPER = 6  # statements, apart from the docstring
NAMES_OF_TRIO = {  # protocols of Python, which have a name for each colour
    *("__aiter__", "__anext__", "__aenter__", "__aexit__", "aclose"),
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    """The functions and methods of a file, or of a class."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def wrappers() -> Iterator[tuple[str, Function]]:
    """What blocks: the public methods of a kernel and a run."""
    for node in WRAPPERS.tree.body:
        if isinstance(node, ast.ClassDef) and node.name in ("Kernel", "Run"):
            for one in functions(node):
                if not one.name.startswith("_"):
                    yield f"{node.name}.{one.name}", one


def calls_across(function: Function) -> list[str]:
    """The calls of a kernel, or of a run, on the other side."""
    return [
        node.func.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in ("self._kernel", "self._run", "self._wait.kernel")
    ]


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
def test_no_name_is_there_for_each_colour(source: Source) -> None:
    names = {one.name for one in functions(source.tree)} - NAMES_OF_TRIO

    twins = [
        name
        for name in names
        for twin in (f"a{name}", f"{name}_async", f"async_{name}", f"{name}_sync", f"sync_{name}")
        if twin in names
    ]

    assert twins == []


@pytest.mark.parametrize("source", sources("kernel", "machines"), ids=lambda source: source.name)
def test_the_engine_starts_no_loop_and_waits_for_no_thread_of_its_own(source: Source) -> None:
    text = source.path.read_text(encoding="utf-8")

    assert [word for word in ("trio.run(", "from_thread", "asyncio") if word in text] == []


@pytest.mark.parametrize("name", dict(wrappers()))
def test_what_blocks_makes_one_call_and_has_no_logic(name: str) -> None:
    wrapper = dict(wrappers())[name]
    logic = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match, ast.IfExp, ast.BoolOp)

    body = wrapper.body[1:]  # the docstring is looked at elsewhere

    assert [node for node in ast.walk(wrapper) if isinstance(node, logic)] == []
    assert len(body) <= LONGEST_WRAPPER
    shows = name == "Kernel.within" or wrapper.decorator_list  # a property, or any other function
    assert calls_across(wrapper) == ([] if shows else [wrapper.name])


def test_both_hosts_share_one_bridge() -> None:
    both = [Source(ROOT / "tools" / "embed" / name) for name in ("sync.py", "asyncio.py")]

    imported = [{name for name in one.imports() if ".embed." in name} for one in both]

    assert all("detent.tools.embed.bridge" in names for names in imported)
    threads = [one.name for one in sources("tools") if "threading" in set(chain(one.imports()))]
    assert [name for name in threads if "embed" in name] == ["tools/embed/bridge.py"]
