"""Whether a log, a run of a store, or a whole store is as it was written."""

import os
from collections.abc import Iterable
from typing import Any

import trio
from attrs import define, field

from detent.kernel import DamagedLog, DamagedStore, Entry, Header, Torn, Unreadable, read_log, visit
from detent.tools.cli.exits import DONE, NO, No
from detent.tools.cli.places import is_file, lines_of, path_of
from detent.tools.cli.reporting import say_json
from detent.tools.stores import SQLite

__all__ = ["verify"]

PAGE = 200  # runs that are looked up at once


@define
class _Verified:
    """What was read: of each run how many entries, and its last hash; and what was found to be wrong."""

    missing: set[str]
    entries: dict[str, int] = field(factory=dict[str, int])
    tips: dict[str, str] = field(factory=dict[str, str])
    told: list[str] = field(factory=list[str])
    damaged: list[str] = field(factory=list[str])

    def read(self, lines: Iterable[bytes]) -> None:
        """Read lines. Raises DamagedLog."""
        for line in read_log(lines):
            if isinstance(line.what, Header | Entry):
                self.entries[line.run] = self.entries.get(line.run, -1) + 1
                self.tips[line.run] = line.what.hash
                self.missing.discard(line.what.hash)
            elif isinstance(line.what, Torn):
                self.told.append(
                    f"line {line.number} is torn: {len(line.what.text)} bytes left out"
                )


def verify(options: Any) -> int:
    """Check that something is as it was written."""
    verified = _Verified(set(options.head))
    what, place = options.what, options.what
    if what is not None and not is_file(what) and os.path.isfile(what):
        trio.run(_store, SQLite(what), verified)
    elif what is None:
        place = path_of(options)
        trio.run(_store, SQLite(place), verified)
    else:
        verified.read(trio.run(lines_of, options, what))
    if not verified.tips and what is not None and is_file(what):
        raise No(f"{place}: there is no run in it")
    return _said(options, verified, place)


async def _store(store: SQLite, verified: _Verified) -> None:
    """Read every run of a store, from its first entry to its last."""
    async with store.read() as journal:
        after, visitor = "", visit(journal)
        while page := await journal.find(after=after, limit=PAGE):
            for run, _ in page:
                if "/" in run and run.rpartition("/")[0] in verified.entries:
                    continue  # it was read with the run around it
                try:
                    verified.read(await visitor.run(run).log())
                except (DamagedStore, DamagedLog, Unreadable) as error:
                    verified.damaged.append(f"run {run!r}: {error}")
            after = page[-1][0]


def _said(options: Any, verified: _Verified, place: str) -> int:
    missing = sorted(verified.missing)
    is_sound = not missing and not verified.damaged
    if options.json:
        runs = [
            {"run": run, "entries": verified.entries[run], "head": verified.tips[run]}
            for run in verified.tips
        ]
        found = {"runs": runs, "damaged": verified.damaged, "missing": missing}
        say_json({"sound": is_sound, **found, "told": verified.told})
        return DONE if is_sound else NO
    for run in verified.tips:
        print(f"run {run!r}: {verified.entries[run]} entries, head {verified.tips[run]}")
    for text in verified.told:
        print(text)
    if not verified.tips and not verified.damaged:
        print("there is no run in it")
    cut = [f"the log is cut short: {one} is not in it" for one in missing]
    if not is_sound:
        raise No("\n".join(f"{place}: {text}" for text in [*verified.damaged, *cut]))
    return DONE
