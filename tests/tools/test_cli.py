"""The command line, as it is typed."""

import subprocess
import sys
from pathlib import Path

import pytest

from detent.tools.cli import main

ROOT = Path(__file__).parents[2]


def detent(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command: its exit code, what it printed, and what it complained about."""
    code = main(arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_sound_machine_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = detent(capsys, "check", "examples.order:order")

    assert (code, err) == (0, "")
    assert "machine 'order' is sound: 4 states, 7 rows, 2 events, 2 effects" in out
    assert "shape " in out
    assert "rules " in out


def test_every_mistake_of_a_machine_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = detent(capsys, "check", "tests.tools.broken:broken")

    assert (code, out) == (1, "")
    assert "[unknown-state]" in err
    assert "[unreachable-state]" not in err
    assert "[bad-expression]" in err


@pytest.mark.parametrize("form", ["mermaid", "dot", "text"])
def test_a_machine_is_drawn(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = detent(capsys, "draw", "examples.order:order", "--form", form, "--lit", "paying")

    assert code == 0
    assert "paying" in out
    assert not out.endswith("\n\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["check", "examples.order"], "write module:name"),
        (["check", ":order"], "write module:name"),
        (["check", "examples.nowhere:order"], "No module named"),
        (["check", "examples.order:odrer"], "has no 'odrer'"),
        (["check", "examples.order:Cart"], "is no machine"),
        (["draw", "examples.order:order", "--lit", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_command_says_what_would_have_been_right(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = detent(capsys, *arguments)

    assert (code, out) == (2, "")
    assert err.startswith("detent: ")
    assert text in err


def test_a_command_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "usage: detent" in capsys.readouterr().err


def test_the_script_finds_machines_where_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text((ROOT / "examples" / "turnstile.py").read_text())

    run = subprocess.run(
        [Path(sys.executable).with_name("detent"), "check", "shop:turnstile"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "machine 'turnstile' is sound" in run.stdout
