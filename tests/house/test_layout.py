"""Where things are: real code at the root, imported through three links, nothing of elsewhere."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.sources import CODE, ROOT

ELSEWHERE = "../" + "shared"  # in two parts, or this file would mention it
OUTSIDE = {"build", "dist", "__pycache__"}


def told(*command: str) -> str | None:
    """What a command prints at the root, or none if it cannot be run there."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def files() -> Iterator[Path]:
    """The files of the repository, also those that are not committed yet."""
    listed = told("git", "ls-files", "--cached", "--others", "--exclude-standard")
    if listed is not None:
        yield from (path for line in listed.splitlines() if (path := ROOT / line).is_file())
        return
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") or part in OUTSIDE for part in parts)
        if path.is_file() and not hidden:
            yield path


@pytest.mark.parametrize("folder", CODE)
def test_a_folder_of_the_package_is_a_link_to_the_code(folder: str) -> None:
    link = ROOT / "detent" / folder

    assert link.is_symlink()
    assert link.readlink() == Path("..", folder)
    assert link.resolve() == ROOT / folder


@pytest.mark.parametrize("folder", CODE)
def test_git_keeps_a_link_as_a_link(folder: str) -> None:
    listed = told("git", "ls-files", "--stage", f"detent/{folder}", f"detent/{folder}/") or ""

    assert {line.split()[0] for line in listed.splitlines()} <= {"120000"}


@pytest.mark.parametrize("folder", CODE)
def test_a_folder_that_is_imported_by_its_short_name_says_how_to_import_it(folder: str) -> None:
    command = [sys.executable, "-c", f"import {folder}"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    last = done.stderr.strip().splitlines()[-1]
    assert last == f"ImportError: import me as detent.{folder}, not as {folder}"


def test_type_checkers_may_read_the_package() -> None:
    assert (ROOT / "detent" / "py.typed").read_text(encoding="utf-8") == ""


def test_the_package_holds_nothing_else() -> None:
    held = {path.name for path in (ROOT / "detent").iterdir()} - OUTSIDE

    assert held == {"__init__.py", "py.typed", *CODE}


def test_the_licence_is_apache_2() -> None:
    words = " ".join((ROOT / "LICENSE").read_text(encoding="utf-8").split())

    assert words.startswith("Apache License Version 2.0, January 2004")
    assert "END OF TERMS AND CONDITIONS" in words


def test_no_file_refers_to_what_is_outside_the_repository() -> None:
    mention = [
        str(path.relative_to(ROOT))
        for path in files()
        if ELSEWHERE in path.read_text(encoding="utf-8", errors="ignore")
    ]

    assert mention == []
