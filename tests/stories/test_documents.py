"""What the documents show is what happens: their examples run."""

import doctest
import re
import shlex
import unittest
from importlib import import_module
from pathlib import Path

import pytest

from detent.tools.cli import exits
from detent.tools.cli.commands import COMMANDS, parser_of

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SERVED = {"embed_fastapi"}  # by a server, which tests/stories/test_fastapi.py starts
EXAMPLES = sorted(
    path.stem for path in (ROOT / "examples").glob("*.py") if path.stem not in {"__init__", *SERVED}
)
SOURCES = sorted(
    path for top in ("kernel", "machines", "tools") for path in (ROOT / top).rglob("*.py")
)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name_of(path: Path) -> str:
    """A file, for people."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_the_python_of_a_document_runs(path: Path) -> None:
    space: dict[str, object] = {"__name__": "document"}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for number, block in enumerate(BLOCK.findall(path.read_text())):
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(
                block, space, f"{path.name} block {number}", None, 0
            )
            runner.run(test, clear_globs=False)
            space.update(test.globs)
        else:
            exec(compile(block, f"{path.name} block {number}", "exec"), space)
    for name, function in space.items():
        if name.startswith("test_") and callable(function):
            function()
        elif isinstance(function, type) and issubclass(function, unittest.TestCase):
            result = unittest.TestResult()
            unittest.defaultTestLoader.loadTestsFromTestCase(function).run(result)
            assert result.testsRun
            assert [*result.failures, *result.errors] == []

    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_the_examples_in_docstrings_hold(path: Path) -> None:
    name = name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    module = import_module(f"detent.{name}")

    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    import_module(f"examples.{name}").main()

    assert capsys.readouterr().out


def test_the_machine_of_the_readme_is_the_one_of_the_examples() -> None:
    from_readme = BLOCK.findall((ROOT / "README.md").read_text())[0]
    space: dict[str, object] = {"__name__": "examples.order"}
    exec(from_readme, space)
    compile_machine = import_module("detent").compile_machine
    example = import_module("examples.order").order

    assert compile_machine(space["order"]).shape == compile_machine(example).shape
    assert compile_machine(space["order"]).rules == compile_machine(example).rules


MOST = 20  # lines: what is longer is not read by somebody who only looks in


@pytest.mark.parametrize(("name", "what"), [("embed_trio", "checkout"), ("embed_fastapi", "pay")])
def test_the_readme_shows_what_an_example_does(name: str, what: str) -> None:
    """But for what is imported there already, and for the handler, which is of trio there."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    (block,) = [one for one in blocks if f"async def {what}(" in one]
    lines = [line for line in block.splitlines() if line]
    example = (ROOT / "examples" / f"{name}.py").read_text().splitlines()

    assert len(lines) <= MOST
    told = [line for line in lines if "import " not in line and "handle(" not in line]
    assert [line for line in told if line not in example] == []


@pytest.mark.parametrize("command", ["check", "draw", "verify", "show", "replay", "diff", "fork"])
def test_the_readme_shows_every_command(command: str) -> None:
    assert f"detent {command} " in (ROOT / "README.md").read_text()


def lines_to_type() -> list[str]:
    """The commands in the documents."""
    found = [
        line.strip().removeprefix("$ ")
        for path in DOCUMENTS
        for line in path.read_text().splitlines()
        if line.strip().startswith("$ detent ")
    ]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("line", lines_to_type())
def test_a_command_of_a_document_is_one_that_can_be_typed(line: str) -> None:
    _, name, *words = shlex.split(line)

    parser_of(COMMANDS[name]).parse_args(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described(name: str) -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()

    assert re.search(rf"`(detent )?{name}[ `]", page)


def test_every_exit_status_is_described() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()

    for status in (exits.DONE, exits.NO, exits.WRONG, exits.WORLD, exits.WAITS, exits.BUG):
        assert f"| {status} | " in page
