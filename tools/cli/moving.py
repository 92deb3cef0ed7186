"""The commands that move runs between stores and files: export, import."""

import sys
from typing import Any

import trio

from detent.kernel import bring_in
from detent.tools.cli.exits import DONE, Usage
from detent.tools.cli.places import is_file, lines_of, new_file, store_of
from detent.tools.cli.reporting import say_json

__all__ = ["brought_in", "exported", "imported"]


def exported(options: Any) -> int:
    """Write the log of a run to a file."""
    if is_file(options.run):
        raise Usage(f"{options.run} is a file already: export takes the id of a run")
    if options.out is not None and not is_file(options.out):
        raise Usage(f"--out {options.out}: logs are called *.run.jsonl")
    lines = trio.run(lines_of, options, options.run)
    if options.out is None:
        sys.stdout.flush()
        sys.stdout.buffer.writelines(lines)
        return DONE
    new_file(options.out, lines)
    if options.json:
        say_json({"file": options.out, "lines": len(lines)})
    else:
        print(f"{len(lines)} lines in {options.out}")
    return DONE


def imported(options: Any) -> int:
    """Bring the runs of a log into a store."""
    if not is_file(options.file):
        raise Usage(f"{options.file} is no log: logs are called *.run.jsonl")
    lines = trio.run(lines_of, options, options.file)
    runs = trio.run(brought_in, options, lines)
    if options.json:
        say_json({"runs": [*runs]})
    else:
        print(f"brought in: {', '.join(runs)}")
    return DONE


async def brought_in(options: Any, lines: tuple[bytes, ...]) -> tuple[str, ...]:
    """Bring runs into the store, which is made if there is none: their ids."""
    async with store_of(options).open() as journal:
        return await bring_in(journal, lines)
