"""Where runs are: in a store, or in a log file; and how a word on the command line names one.

Rule 1: a word that ends in .jsonl is a file, every other is the id of a run in the store.
Rule 2: an id may be cut short, as long as one run begins so. A run inside another is named in full.
"""

import os
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from detent.kernel import Journal, Key, NoStore, NoSuchRun, visit
from detent.tools.cli.exits import Usage
from detent.tools.stores import SQLite

__all__ = [
    "is_file",
    "key_of",
    "lines_of",
    "looked_at",
    "named",
    "new_file",
    "path_of",
    "store_of",
    "visited",
    "whole_id",
]

FEW = 6  # ids that are shown where one was not enough


def is_file(word: str) -> bool:
    """Whether a word names a log file."""
    return word.endswith(".jsonl")


def path_of(options: Any) -> str:
    """Where the store is. Raises Usage if nobody has said."""
    path: str = options.store or os.environ.get("DETENT_STORE", "")
    if not path:
        raise Usage("which store? Say --store FILE, or set DETENT_STORE")
    return path


def store_of(options: Any, **how: Any) -> SQLite:
    """The store that a command is about."""
    return SQLite(path_of(options), **how)


def key_of(options: Any) -> Key | None:
    """The key of what is sealed, if one was given."""
    if options.key_file is None:
        return None
    return Key(Path(options.key_file).read_bytes().strip(b"\r\n"))


def named(options: Any) -> str:
    """What has to be said once more for the same store, in a command that is shown."""
    return f" --store {options.store}" if options.store else ""


@asynccontextmanager
async def visited(options: Any) -> AsyncGenerator[Journal]:
    """The journal of the store, to read and to send."""
    async with store_of(options).visit() as journal:
        yield journal


@asynccontextmanager
async def looked_at(options: Any) -> AsyncGenerator[Journal]:
    """The journal of the store, to read only."""
    async with store_of(options).read() as journal:
        yield journal


async def whole_id(journal: Journal, word: str) -> str:
    """The id of the run that a word names. Raises NoSuchRun, with what there is that begins like it."""
    if await journal.load(word) is not None:
        return word
    found = [run for run, _ in await journal.find(after=word, limit=FEW * 10)]
    near = [run for run in found if run.startswith(word) and "/" not in run[len(word) :]]
    if len(near) == 1 and word:
        return near[0]
    if near:
        raise NoSuchRun(f"there is no run {word!r}; these begin so: {_few(near)}")
    there = [run for run, _ in await journal.find(limit=FEW + 1) if "/" not in run]
    known = f"there are {_few(there)}" if there else "there is none"
    raise NoSuchRun(f"there is no run {word!r} in the store; {known}")


def _few(runs: Sequence[str]) -> str:
    more = ", ..." if len(runs) > FEW else ""
    return ", ".join(map(repr, runs[:FEW])) + more


async def lines_of(options: Any, word: str) -> tuple[bytes, ...]:
    """The log of a run, or of a file. Raises NoStore if there is no such file."""
    if is_file(word):
        return _read(word)
    async with looked_at(options) as journal:
        run = await whole_id(journal, word)
        return await visit(journal).run(run).log()


def _read(word: str) -> tuple[bytes, ...]:
    try:
        with open(word, "rb") as file:
            return tuple(file)
    except OSError as error:
        raise NoStore(f"{word}: {error.strerror}") from error


def new_file(path: str, lines: Iterable[bytes]) -> None:
    """Write a file that is not there yet. Raises Usage if it is, and NoStore if it cannot be written."""
    try:
        with open(path, "xb") as file:
            file.writelines(lines)
    except FileExistsError:
        raise Usage(f"{path} is there already: name another file") from None
    except OSError as error:
        raise NoStore(f"{path}: {error.strerror}") from error
