"""What is offered while somebody types."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.cli.typed import DETENT, ROOT, SHOP, Printed, detent


def offered(capsys: Printed, *words: object) -> list[str]:
    """What may follow."""
    code, out, err = detent(capsys, "__complete", *words)
    assert (code, err) == (0, "")
    return out.splitlines()


@pytest.fixture
def store(tmp_path: Path, capsys: Printed) -> Path:
    """A store with three runs."""
    for name in ("a-1", "a-2", "b-1"):
        detent(capsys, "run", f"{SHOP}:parcel", "--id", name, "--store", tmp_path / "runs.db")
    return tmp_path / "runs.db"


def test_commands_are_offered(capsys: Printed) -> None:
    assert offered(capsys, "re") == ["resume", "replay"]
    assert "--version" in offered(capsys, "")
    assert offered(capsys, "nothing") == []
    assert offered(capsys, "nothing", "") == []


def test_options_are_offered(capsys: Printed) -> None:
    assert offered(capsys, "run", "x.py", "--st") == ["--stay", "--store"]
    assert "--help" in offered(capsys, "check", "--")


def test_choices_are_offered(capsys: Printed) -> None:
    assert offered(capsys, "draw", "a.py", "--form", "") == ["mermaid", "dot", "text"]
    assert offered(capsys, "runs", "--status", "par") == ["parked"]
    assert offered(capsys, "completion", "z") == ["zsh"]


def test_runs_of_the_store_are_offered(
    store: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offered(capsys, "show", "--store", store, "a") == ["a-1", "a-2"]
    assert offered(capsys, "show", f"--store={store}", "b-1") == ["b-1"]
    monkeypatch.setenv("DETENT_STORE", str(store))
    assert offered(capsys, "answer", "") == ["a-1", "a-2", "b-1"]
    assert offered(capsys, "diff", "a-1", "a-") == ["a-1", "a-2"]
    assert offered(capsys, "replay", "a-1", "--json", "exam") == ["examples/"]


def test_files_are_offered(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.py", "b.run.jsonl", "c.txt", ".hidden.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)

    assert offered(capsys, "check", "") == ["a.py", "folder/"]
    assert offered(capsys, "import", "b") == ["b.run.jsonl"]
    assert offered(capsys, "show", "") == ["b.run.jsonl", "folder/"]
    assert offered(capsys, "runs", "--store", "c") == ["c.txt"]
    assert offered(capsys, "check", "./a") == ["./a.py"]


def test_what_goes_wrong_while_somebody_types_is_silent(tmp_path: Path, capsys: Printed) -> None:
    store = tmp_path / "nowhere" / "runs.db"

    code, out, err = detent(capsys, "__complete", "show", "--store", store, "a")

    assert (code, out, err) == (1, "", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_printed_is_read_by_the_shell(shell: str, capsys: Printed) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = detent(capsys, "completion", shell)[1]

    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes(store: Path) -> None:
    script = f"""
        PATH={Path(DETENT).parent}:$PATH
        eval "$(detent completion bash)"
        COMP_WORDS=(detent show --store {store} a) COMP_CWORD=4
        _detent
        echo "${{COMPREPLY[@]}}"
    """

    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert (done.stdout, done.stderr) == ("a-1 a-2\n", "")
