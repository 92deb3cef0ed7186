"""Runs of a machine on the real kernel, in virtual time and in a drawn world: what they are held to.

Rule 1: what runs is the kernel that runs in earnest: its scheduler, its recovery, its journal. Drawn is the world.
Rule 2: what is checked is what is stored: snapshots are made of the journal's entries, as anybody would read them.
Rule 3: what fails is told in words, with everything that happened in its order, and as a run log.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from traceback import format_exception
from typing import Any, TypeAlias

from attrs import define, field, frozen
from hypothesis import strategies as st

from detent.kernel import (
    AuthorError,
    CallerError,
    Definition,
    End,
    Entry,
    Handled,
    Instant,
    Snapshot,
    Standing,
    instants,
    replay,
    scribe_of,
)
from detent.tools.testing.drawing import Draw
from detent.tools.testing.promises import Promise
from detent.tools.testing.reports import BrokenProperty, Found, told_run, walk_key, write_log
from detent.tools.testing.run_plays import RUN, Log, Play, collected
from detent.tools.testing.run_worlds import Altered, DrawnWorld, Family, Looking, nobody
from detent.tools.testing.virtual import Stuck, VirtualClock, run_virtually
from detent.tools.testing.watchdog import PATIENCE, NotReturning, watchdog

__all__ = ["Played", "RunCheck", "check_of"]

Known: TypeAlias = Mapping[str, Sequence[Instant]]

TOLD = 30  # lines of a traceback that are told


def as_it_is(handled: Handled) -> Handled:
    """A handler that nobody alters."""
    return handled


@frozen(repr=False)
class Played:
    """What happened to a run: the script, what was stored, acknowledged and seen, and what is wrong."""

    script: tuple[str, ...] = ()
    logs: Mapping[str, Log] = field(factory=dict[str, Log])
    found: Found | None = None
    end: End | None = None
    stored: frozenset[str] = frozenset()
    seen: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Short: the report has the rest."""
        return f"Played({len(self.script)} lines)"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What hypothesis prints."""
        printer.text(repr(self))

    @property
    def lines(self) -> list[bytes]:
        """The log of all runs, one after the other."""
        return [line for log in self.logs.values() for line in log.lines]


@define(eq=False)
class RunCheck:
    """What runs of a machine are held to. `may_break`: what the author's code does wrong is nothing to tell."""

    family: Family
    promises: tuple[Promise[Any], ...]
    patience: float
    log: Path | None
    may_break: bool = False
    altered: Altered = as_it_is
    looking: Looking = nobody

    def drawn(self, inputs: st.SearchStrategy[Any], at_most: int) -> st.SearchStrategy[Played]:
        """Runs that have been played, each in a world of its own."""

        @st.composite
        def played(draw: Draw) -> Played:
            return self.play(draw, draw(inputs), at_most)

        return played()

    def play(self, draw: Draw, input: Any, at_most: int) -> Played:
        """Play one run."""
        clock = VirtualClock()
        world = DrawnWorld(draw, self.family, clock, self.altered, self.looking)
        deadline = world.pick((None, None, None, 30.0))
        play = Play(world, input, at_most, deadline, self.may_break)
        try:
            with watchdog(self.patience):
                run_virtually(play.play, seed=world.index(4), clock=clock)
        except BaseException as error:
            if world.stopped is not None:
                raise world.stopped from None
            if not isinstance(error, Exception):
                raise
            world.find(*_wrong(error))
        logs: dict[str, Log] = {}
        try:
            run_virtually(collected, world, logs, clock=clock)
        except AuthorError as error:
            world.find("everything can be written down", str(error))
        script = tuple(map(str, world.script))
        return Played(script, logs, world.found, play.end, frozenset(play.stored), tuple(play.seen))

    def judge(self, played: Played) -> None:
        """Raise BrokenProperty for the first thing that is wrong."""
        found = played.found or self._first(played)
        if found is None:
            return
        name = self.family.table.name
        said = told_run(name, found, played.script, self.promises, self._written(found, played))
        raise BrokenProperty(said)

    def _first(self, played: Played) -> Found | None:
        """The first thing that is wrong with what was stored."""
        try:
            known = {
                run: tuple(instants(log.lines, key=walk_key)) for run, log in played.logs.items()
            }
            kept = self._kept(known.get(RUN, ()))
        except (AuthorError, CallerError) as error:
            return Found("a run can be read back at any entry", str(error))
        wrong = kept or next(_misdeeds(played, known), None)
        if wrong is not None:
            return wrong
        divergence = replay(played.lines, self.family.definition, key=walk_key).divergence
        return None if divergence is None else Found("a log replays", str(divergence))

    def _kept(self, known: Sequence[Instant]) -> Found | None:
        """The first entry of the run after which something is not as it was promised."""
        scribe = scribe_of(self.family.table)
        for instant in known:
            if (broke := _mistake(instant.entry)) and not self.may_break:
                return Found("no guard, update or factory breaks", broke)
            now: Snapshot[Any] = scribe.snapshot(instant.frame)
            for promise in self.promises:
                if not promise.is_kept(now):
                    where = ", ".join(now.configuration)
                    return Found(promise.name, f"entry {now.seq}: it is not so in {where}")
        return None

    def _written(self, found: Found, played: Played) -> str:
        """Where the log of a failure was written; nothing if it was not."""
        if self.log is None or not played.logs:
            return ""
        write_log(self.log, played.lines, found.what)
        return str(self.log)


def check_of(
    definition: Definition[Any, Any, Any],
    promises: Sequence[Promise[Any]] = (),
    *,
    patience: float = PATIENCE,
    log: Path | None = None,
    may_break: bool = False,
    altered: Altered = as_it_is,
    looking: Looking = nobody,
) -> RunCheck:
    """What runs of a machine are held to."""
    family = Family.of(definition)
    return RunCheck(family, tuple(promises), patience, log, may_break, altered, looking)


# -- what is wrong


def _wrong(error: Exception) -> tuple[str, str]:
    """What is wrong where a kernel raises what no kernel may."""
    if isinstance(error, Stuck):
        return "a kernel comes to an end", str(error)
    told = "".join(format_exception(error)).rstrip().splitlines()[-TOLD:]
    how = "\n  ".join(["", *told]).strip()
    if isinstance(error, NotReturning):
        return "a kernel comes to an end in time", how
    return "a kernel goes on whatever happens", how


def _mistake(entry: Entry | None) -> str:
    """What an entry says of code that broke."""
    event: Any = None if entry is None else entry.event
    tags = [one for one in ("$parked", "$broke") if isinstance(event, dict) and one in event]
    return f"{event[tags[0]]}" if tags else ""


def _misdeeds(played: Played, known: Known) -> Iterator[Found]:
    """What no kernel may store."""
    for run, seen in known.items():
        yield from _ends(run, seen, known)
        yield from _repeated(run, [one.entry for one in seen if one.entry is not None])
        yield from _standings(run, seen[-1], played.logs[run].standing)
    if RUN not in known:
        return
    keys = {one.entry.key for one in known[RUN] if one.entry is not None}
    for key in sorted(played.stored - keys):
        yield Found("what is acknowledged is stored", f"no entry has {key}")
    hashes = tuple(one.hash for one in known[RUN])
    if hashes != played.seen:
        how = f"{len(hashes)} entries are stored, and {len(played.seen)} were seen"
        yield Found("who looks on sees every entry once", how)
    last: Any = known[RUN][-1].frame["end"]
    told = None if played.end is None else played.end.status
    if told is not None and (last is None or last["status"] != told):
        yield Found("who waits for the end is told it", f"{told}, and stored is {last}")


def _ends(run: str, seen: Sequence[Instant], known: Known) -> Iterator[Found]:
    """The end of a run is its last entry, and comes after those of all runs inside it."""
    over = [one for one in seen if _is_over(one)]
    if len(over) > 1:
        after: Any = over[1].entry
        yield Found("the end is the end", f"entry {after.seq} of {run} follows it: {after.event}")
    if not over:
        yield Found("a run that is cancelled ends", f"{run} has not")


def _is_over(instant: Instant) -> bool:
    """Whether a run has come to its end, with nothing in flight."""
    return instant.frame["end"] is not None and not instant.frame["effects"]


def _repeated(run: str, entries: Sequence[Entry]) -> Iterator[Found]:
    """What is there once: the outcome of an effect, and the event of a key."""
    events: list[Any] = [one.event for one in entries if type(one.event) is dict]
    outcomes = Counter(event["$happened"][0] for event in events if "$happened" in event)
    for effect in (effect for effect, count in outcomes.items() if count > 1):
        yield Found("an effect has one outcome", f"effect {effect} of {run} has more")
    keys = Counter(entry.key for entry in entries if entry.key is not None)
    for key in (key for key, count in keys.items() if count > 1):
        yield Found("a key is taken once", f"{key} is there more often in {run}")


def _standings(run: str, last: Instant, standing: Standing) -> Iterator[Found]:
    """What a journal says of a run without loading it is so."""
    end: Any = last.frame["end"]
    if _is_over(last) and standing.status != end["status"]:
        how = f"{run} is listed as {standing.status}, and {end['status']}"
        yield Found("a run is listed as it stands", how)
