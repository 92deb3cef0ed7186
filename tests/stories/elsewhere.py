"""Other processes: each runs an async function of a module, with words as arguments.

Rule 1: the module is imported there by its name, so that machines are the same here and there.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import trio

__all__ = ["ROOT", "command", "lines_of"]

ROOT = Path(__file__).parents[2]


def command(main: Callable[..., Awaitable[object]], *words: object) -> list[str]:
    """The command that runs a function in a process of its own; it is to be run in ROOT."""
    name = main.__name__
    script = (
        f"import sys, trio; from {main.__module__} import {name}; trio.run({name}, *sys.argv[1:])"
    )
    return [sys.executable, "-c", script, *map(str, words)]


async def lines_of(stream: trio.abc.ReceiveStream) -> AsyncIterator[list[str]]:
    """What is said, line by line, in words. A line that was cut is none."""
    rest = b""
    async for chunk in stream:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode().split()
