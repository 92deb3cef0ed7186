"""The run log of a run that a kernel has: the file that every tool opens.

Rule 1: a log holds a family: the run, and every run inside it, in an order in which nothing comes before its cause.
Rule 2: entries stand as they were written, byte for byte, with what lies beside them.
"""

from collections.abc import Iterable, Mapping

from detent.kernel.entries import Entry, machine_after
from detent.kernel.errors import WrongInput
from detent.kernel.frames import digests_of
from detent.kernel.runlog import (
    beside_line,
    checkpoint_line,
    entry_line,
    header_line,
    outline_line,
)
from detent.kernel.scheduler import Engine
from detent.kernel.vault import Beside
from detent.kernel.watching import Watch, opening_of

__all__ = ["log_of"]


async def log_of(engine: Engine, run: str) -> tuple[bytes, ...]:
    """The lines of a run and of those inside it, until now. Raises WrongInput if there is no key for what is secret."""
    lines = await _opening(engine, run)
    begun = {run}
    for one in await Watch(engine, run).so_far():
        if one.run not in begun:
            begun.add(one.run)
            lines += await _opening(engine, one.run)
        lines += await _became(engine, one.entry)
        lines += await _beside(engine, one.entry)
        lines.append(entry_line(one.run, one.entry))
    return tuple(lines)


async def _opening(engine: Engine, run: str) -> list[bytes]:
    """What the log of a run begins with."""
    header = (await engine.lives.read(run)).header
    served = engine.served.get(header.machine)
    secret = "" if served is None else served.recorder.unsealed
    if secret:
        raise WrongInput(f"{secret} of machine {header.machine!r} is sealed: give World a key")
    lines = [header_line(header), *await _outlines(engine, (header.shape, header.rules))]
    forked = await opening_of(engine, run)
    if forked is not None:
        beside, made = forked
        lines += map(beside_line, beside.values())
        lines.append(checkpoint_line(run, made))
    return lines


async def _became(engine: Engine, entry: Entry) -> list[bytes]:
    """What stands before an entry from which on a machine is another."""
    became = machine_after(entry, ("", ""))
    return await _outlines(engine, [digest for digest in became if digest])


async def _outlines(engine: Engine, digests: Iterable[str]) -> list[bytes]:
    outlines = [await engine.journal.outline(digest) for digest in digests]
    return [outline_line(one) for one in outlines if one is not None]


async def _beside(engine: Engine, entry: Entry) -> list[bytes]:
    """What stands before an entry that needs it."""
    digests = digests_of(entry)
    found: Mapping[str, Beside] = await engine.journal.beside(digests) if digests else {}
    return [beside_line(found[digest]) for digest in digests if digest in found]
