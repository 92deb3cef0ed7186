"""The command line: `detent check` and `detent draw` for machines, given as `module:name`; `detent verify`, `show`,
`replay`, `diff` and `fork` for run logs.

Exit codes: 0 all is well, 1 something is wrong with what was looked at, 2 the command was wrong.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from detent.kernel import (
    DamagedLog,
    DetentError,
    InvalidMachine,
    Machine,
    Table,
    WrongInput,
    compile_machine,
    draw,
)
from detent.tools.cli.logs import Findings, add_commands

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what is wrong is told on standard error."""
    options = _parser().parse_args(arguments)
    try:
        told: str = options.run(options)
    except (InvalidMachine, DamagedLog, Findings) as error:
        print(error, file=sys.stderr)
        return 1
    except DetentError as error:
        print(f"detent: {error}", file=sys.stderr)
        return 2
    try:
        print(told, flush=True)
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _check(options: argparse.Namespace) -> str:
    """Compile a machine, and say what it is."""
    table = _table(options.machine)
    states = sum(node.kind != "history" for node in table.nodes[1:])
    return (
        f"machine {table.name!r} is sound: {states} states, {len(table.rows)} rows, "
        f"{len(table.events)} events, {len(table.forms)} effects\n"
        f"shape {table.shape}\n"
        f"rules {table.rules}"
    )


def _drawn(options: argparse.Namespace) -> str:
    """Draw a machine."""
    return draw(_table(options.machine), lit=options.lit, form=options.form).rstrip("\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="detent", description="Agents as explicit state machines."
    )
    parser.add_argument("--version", action="version", version=f"detent {version('detent')}")
    commands = parser.add_subparsers(required=True, metavar="command")
    checking = commands.add_parser("check", help="compile a machine and report every mistake")
    checking.set_defaults(run=_check)
    drawing = commands.add_parser("draw", help="draw a machine")
    drawing.set_defaults(run=_drawn)
    drawing.add_argument("--form", choices=("mermaid", "dot", "text"), default="text")
    drawing.add_argument("--lit", nargs="*", default=(), metavar="STATE", help="states to light")
    add_commands(commands.add_parser, _machine)
    for command in (checking, drawing):
        command.add_argument("machine", help="where it is: module:name, as in shop.orders:order")
    return parser


def _machine(address: str) -> Machine[Any, Any, Any]:
    """The machine at an address."""
    return _table(address).machine


def _table(address: str) -> Table[Any, Any, Any]:
    """The table of the machine at an address, looked for from the current directory too."""
    module_name, colon, name = address.partition(":")
    if not colon or not module_name or not name:
        raise WrongInput(f"{address!r} is no address of a machine: write module:name")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise WrongInput(f"{address!r}: {error}") from error
    if not hasattr(module, name):
        raise WrongInput(f"{address!r}: module {module_name!r} has no {name!r}")
    return compile_machine(getattr(module, name))
