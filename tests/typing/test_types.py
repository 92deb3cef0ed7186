"""Both type checkers read the programs of this folder, and find what is marked and nothing else.

A line that is wrong has a comment that begins with `wrong: mypy, pyright`. A finding counts for the
line on which its statement begins: the checkers blame different parts of a statement.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GOOD = [*sorted(HERE.glob("good_*.py")), Path(__file__)]
WRONG = sorted(HERE.glob("mistakes_*.py"))
UNNOTICED = HERE / "today_unnoticed.py"
PROGRAMS = (*GOOD, *WRONG, UNNOTICED)
MARK = re.compile(r"# wrong: mypy, pyright\b")
CODE = ("kernel", "machines", "tools")
ENOUGH = 15  # wrong lines; fewer would mean that a file has been lost

Place = tuple[str, int]
Found = dict[Place, list[str]]


def lines_of(program: Path) -> dict[int, int]:
    """For every line of a program, the line on which its statement begins."""
    starts: dict[int, int] = {}
    first: int | None = None
    with program.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                end = token.start[0]
                starts |= dict.fromkeys(range(first or end, end + 1), first or end)
                first = None
            elif first is None and token.type in (tokenize.NAME, tokenize.OP, tokenize.STRING):
                first = token.start[0]
    return starts


def marked(program: Path) -> set[Place]:
    """Where a program says that it is wrong."""
    starts = lines_of(program)
    lines = enumerate(program.read_text(encoding="utf-8").splitlines(), 1)
    return {(program.name, starts[number]) for number, line in lines if MARK.search(line)}


def collected(findings: Iterator[tuple[str, int, str]]) -> Found:
    """Findings by the beginning of the statement, for the programs of this folder."""
    found: Found = {}
    starts = {program.name: lines_of(program) for program in PROGRAMS}
    for file, line, message in findings:
        if Path(file).parent == HERE:
            name = Path(file).name
            found.setdefault((name, starts[name].get(line, line)), []).append(message)
    return found


def by_mypy() -> Iterator[tuple[str, int, str]]:
    """What mypy says of all programs."""
    options = ["--strict", "--config-file=", "--follow-imports=silent", "--output=json"]
    programs = [str(program) for program in PROGRAMS]
    cache = f"--cache-dir={ROOT / '.mypy_cache' / 'typing'}"
    told = run("mypy", *options, cache, *programs)
    for line in told.splitlines():
        finding: dict[str, Any] = json.loads(line)
        if finding["severity"] == "error":
            yield str(ROOT / finding["file"]), finding["line"], finding["message"]


def by_pyright(project: Path) -> Iterator[tuple[str, int, str]]:
    """What pyright says of all programs, strict by a project of its own."""
    programs = [os.path.relpath(program, project) for program in PROGRAMS]
    strict = {"typeCheckingMode": "strict", "include": programs, "extraPaths": [str(ROOT)]}
    (project / "pyrightconfig.json").write_text(json.dumps(strict), encoding="utf-8")
    told = run("pyright", "--pythonpath", sys.executable, "--outputjson", "--project", str(project))
    answer: dict[str, Any] = json.loads(told)
    assert answer["summary"]["filesAnalyzed"] >= len(programs), answer["summary"]
    for finding in answer["generalDiagnostics"]:
        yield finding["file"], finding["range"]["start"]["line"] + 1, finding["message"]


def run(checker: str, *arguments: str, at: Path = ROOT) -> str:
    """What a checker prints; that it finds something is no failure, that it does not run is one."""
    command = [sys.executable, "-m", checker, *arguments]
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What one of the checkers finds."""
    if request.param == "mypy":
        return collected(by_mypy())
    return collected(by_pyright(tmp_path_factory.mktemp("pyright")))


@pytest.mark.parametrize("program", GOOD, ids=lambda program: program.stem)
def test_a_checker_finds_nothing_in_a_good_program(program: Path, found: Found) -> None:
    assert {place: told for place, told in found.items() if place[0] == program.name} == {}


@pytest.mark.parametrize("program", WRONG, ids=lambda program: program.stem)
def test_a_checker_finds_every_mistake(program: Path, found: Found) -> None:
    assert marked(program) - found.keys() == set()


@pytest.mark.parametrize("program", WRONG, ids=lambda program: program.stem)
def test_a_checker_finds_nothing_that_is_no_mistake(program: Path, found: Found) -> None:
    others = {place: told for place, told in found.items() if place[0] == program.name}
    assert {place: told for place, told in others.items() if place not in marked(program)} == {}


def test_there_are_enough_mistakes() -> None:
    assert sum(len(marked(program)) for program in WRONG) >= ENOUGH


def test_every_program_of_this_folder_is_read() -> None:
    others = {"__init__.py"}

    read = {program.name for program in PROGRAMS}

    assert {file.name for file in HERE.glob("*.py")} - others == read


def test_today_some_mistakes_are_not_noticed(found: Found) -> None:
    assert {place: told for place, told in found.items() if place[0] == UNNOTICED.name} == {}


def test_the_checkers_of_every_day_read_all_of_the_code(tmp_path: Path) -> None:
    """Pyright enters no symbolic link that it meets in a folder: such a link has to be named."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "detent", tmp_path / "detent", symlinks=True)
    for folder in {*CODE, *settings["mypy"]["files"]} - {"detent"}:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("", encoding="utf-8")
    for folder in CODE:
        (tmp_path / folder / "planted.py").write_text('number: int = "none"\n', encoding="utf-8")

    pyright = run("pyright", "--pythonpath", sys.executable, at=tmp_path)
    mypy = run("mypy", at=tmp_path)

    assert [folder for folder in CODE if f"{folder}/planted.py" not in mypy] == []
    assert [folder for folder in CODE if f"{folder}/planted.py" not in pyright] == []


def test_every_folder_that_mypy_is_given_has_something_to_read() -> None:
    """A folder without a program stops mypy before it has read any other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]

    folders = [ROOT / folder for folder in settings["mypy"]["files"]]

    assert [folder.name for folder in folders if not any(folder.rglob("*.py"))] == []
