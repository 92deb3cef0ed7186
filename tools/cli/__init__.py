"""The command line: `detent run`, `runs`, `show`, `replay` and the others; docs/command-line.md has them all.

Rule 1: what a command needs is imported when it is called. `detent --help` loads neither trio, nor SQLite, nor the
        kernel.
Rule 2: an error is one sentence on standard error and an exit status, and a traceback only with `--debug`.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from detent.tools.cli.commands import COMMANDS, help_of_all, parser_of
from detent.tools.cli.exits import DONE, INTERRUPTED, WRONG, Leave, Usage
from detent.tools.cli.parsing import closest

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: its exit status. What is wrong is told on standard error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _flushed(_called(given))
    except Leave as leave:
        return _flushed(leave.status)
    except Usage as error:
        return _refused(str(error))
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except (Exception, BaseExceptionGroup) as error:
        failures: Any = import_module("detent.tools.cli.failures")
        status: int = failures.told(error, "--debug" in given)
        return status


def _called(given: list[str]) -> int:
    """Find the command, and do it."""
    name, *rest = given or [""]
    if name in ("-h", "--help", "help"):
        print(help_of_all())
        return DONE
    if name in ("-V", "--version"):
        metadata: Any = import_module("importlib.metadata")
        print(f"detent {metadata.version('detent')}")
        return DONE
    if name == "__complete":
        completion: Any = import_module("detent.tools.cli.completion")
        status: int = completion.complete(rest)
        return status
    command = COMMANDS.get(name)
    if command is None:
        what = (
            f"there is no command {name!r}.{closest(name, COMMANDS)}" if name else "which command?"
        )
        raise Usage(f"{what} usage: detent COMMAND ... (see detent --help)")
    parser = parser_of(command)
    return command.run(parser.parse_args(rest))


def _refused(why: str) -> int:
    print(f"detent: {why}", file=sys.stderr)
    return WRONG


def _flushed(status: int) -> int:
    """A status, after all that was said has been written: or nobody would hear that it cannot be."""
    sys.stdout.flush()
    return status
