"""What every command has in common: help, exit statuses, and what is said of what nobody foresaw."""

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from detent.tools.cli.commands import COMMANDS, parser_of
from tests.tools.cli.typed import DETENT, ROOT, Printed, detent, process

LOADED = """
import json, sys
from detent.tools.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded(*arguments: str) -> set[str]:
    """The modules that a command loads."""
    command = [sys.executable, "-W", "error", "-c", LOADED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    code, modules = json.loads(done.stderr)
    assert code == 0
    return set(modules)


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("run", "--help"), ("completion", "zsh"), ("__complete", "ru")],
    ids=" ".join,
)
def test_who_asks_for_help_waits_neither_for_trio_nor_for_the_kernel(
    arguments: tuple[str, ...],
) -> None:
    heavy = {"trio", "attr", "attrs", "msgspec", "sqlite3", "detent.kernel", "asyncio"}

    assert loaded(*arguments) & heavy == set()


def test_who_checks_a_machine_does_not_wait_for_a_store() -> None:
    assert "detent.tools.cli.running" not in loaded("check", "examples.order:order")


def test_help_names_every_command_once(capsys: Printed) -> None:
    code, out, _ = detent(capsys, "--help")

    assert code == 0
    for name, command in COMMANDS.items():
        assert out.count(f"\n  {name} ") == 1, name
        assert command.summary in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_takes_with_an_example(name: str, capsys: Printed) -> None:
    code, out, err = detent(capsys, name, "--help")

    assert (code, err) == (0, "")
    assert out.startswith(f"usage: detent {name} ")
    assert COMMANDS[name].summary in out
    assert f"  $ detent {name}" in out or f"$(detent {name}" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_a_line_that_its_parser_takes(name: str) -> None:
    for example in COMMANDS[name].examples:
        words = example.removeprefix('eval "$(').removesuffix(')"').removesuffix(" | source")
        parsed = subprocess.run(
            ["bash", "-c", f'printf "%s\\n" {words}'], capture_output=True, text=True, check=True
        )
        _, _, *arguments = parsed.stdout.splitlines()
        parser_of(COMMANDS[name]).parse_args(arguments)


@pytest.mark.parametrize("name", set(COMMANDS) - {"completion"})
def test_every_command_has_json_and_debug(name: str) -> None:
    names = {one for action in parser_of(COMMANDS[name]).offers for one in action.option_strings}

    assert {"--json", "--debug"} <= names


def test_the_version_is_said(capsys: Printed) -> None:
    assert detent(capsys, "--version")[:2] == (0, f"detent {version('detent')}\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "which command?"),
        (["rnu"], "there is no command 'rnu'. Did you mean run?"),
        (["frobnicate"], "there is no command 'frobnicate'. usage: detent COMMAND"),
        (["check", "--jsno", "x"], "unrecognized arguments: --jsno"),
        (["runs", "--limit", "many"], "invalid int value: 'many'"),
        (["runs", "--status", "gone"], "invalid choice: 'gone'"),
        (["fork", "a.jsonl", "--at", "3"], "required: --name"),
    ],
    ids=["none", "nearly one", "another", "an option", "no number", "no status", "one is missing"],
)
def test_a_wrong_line_is_refused_in_one_sentence(
    arguments: list[str], text: str, capsys: Printed
) -> None:
    code, out, err = detent(capsys, *arguments)

    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert text in err


def test_who_has_seen_enough_is_not_complained_to() -> None:
    command = f"{DETENT} --help | head -n 1; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)

    assert (done.stdout.splitlines()[0], done.stderr) == ("usage: detent COMMAND ...", "")


def test_a_pipe_that_is_closed_already_is_not_complained_about() -> None:
    command = f"{{ sleep 0.3; {DETENT} draw examples.order:order; }} | true"

    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stderr == ""


def test_an_error_has_a_traceback_only_for_who_wants_it() -> None:
    plain = process("check", "tests.tools.broken:broken")
    debug = process("check", "tests.tools.broken:broken", "--debug")

    assert (plain.code, debug.code) == (1, 1)
    assert "Traceback" not in plain.err
    assert "Traceback (most recent call last)" in debug.err
    assert "InvalidMachine" in debug.err
