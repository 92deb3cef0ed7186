"""Stories that are cut at every entry: a fresh kernel takes over there, and they come to the same.

Rule 1: a cut is a clean hand-over: nothing after it has happened, and what was under way is held, to begin as if it
        never had.
Rule 2: what a breaker remembers is written with a transaction: stories with breakers are cut between transactions.
        Who comes first where there is not enough for all is in no log: tight stories are cut between instants.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import trio

from detent.kernel import (
    CallFailed,
    CallFinished,
    CallStarted,
    Cell,
    Committed,
    Delivery,
    EffectHeld,
    Entry,
    Held,
    MemoryJournal,
    RateWaiting,
    Snapshot,
    Standing,
    Told,
    Write,
    but,
    standing_of,
    step,
)
from detent.kernel.flights import Fan, Flight
from detent.kernel.frames import followed
from detent.kernel.journal import frame_of
from detent.kernel.recorder import Head
from detent.kernel.scheduler import Served, serve
from detent.kernel.scribe import EMPTY
from detent.tools.testing.virtual import BEGINNING, VirtualClock, run_virtually
from tests.stories.runs.forms import (
    MICRO,
    RUN,
    Asked,
    Link,
    Played,
    Service,
    Story,
    Tape,
    comparable,
    play,
    played,
    same_place,
)

__all__ = ["play_from_every_entry"]

Attempt = tuple[str, int, int]  # a run, an effect, a number


def play_from_every_entry(story: Story[Any, Any]) -> int:
    """Cut a story at every entry, and let a fresh kernel go on. Asserts that it comes to the same; how many cuts."""
    tape = Tape()
    whole = play(story, tape)
    told, places = comparable(story, whole.told), list(_places(story, tape))
    for place in places:
        cut = _Cut(story, tape, place, whole)
        went_on = _from(cut)
        where = f"cut at {place}: after entry {tape.links[place - 1]}"
        assert comparable(story, went_on.told) == told, where
        assert same_place(went_on.snapshot) == same_place(whole.snapshot), where
        assert went_on.end == whole.end, where
        called = went_on.service.calls
        assert {*cut.called(), *called} == {*whole.service.calls}, where
        assert cut.done().isdisjoint(called), where
        assert len(set(called)) == len(called), where
    return len(places)


def _places(story: Story[Any, Any], tape: Tape) -> Iterator[int]:
    """Where a story may be cut."""
    for place, link in enumerate(tape.links, 1):
        is_rest = all(one.entry.at > link.entry.at for one in tape.links[place : place + 1])
        if (is_rest or not story.is_tight) and (link.is_last or not story.breakers):
            yield place


def _from(cut: "_Cut") -> Played[Any]:
    """What a story comes to from a cut on."""
    at = max(link.entry.at for link in cut.links)
    begun = {asked: when for asked, when in cut.whole.service.begun.items() if when <= at}
    clock = VirtualClock()
    run_virtually(trio.sleep, (at - BEGINNING) / MICRO, clock=clock)
    journal = run_virtually(cut.journal)
    parts = (journal, clock, Service(begun))
    return run_virtually(played, cut.story, parts, clock=clock)


class _Cut:
    """What a kernel leaves behind that hands over after an entry."""

    def __init__(self, story: Story[Any, Any], tape: Tape, place: int, whole: Played[Any]) -> None:
        self.story, self.tape, self.whole = story, tape, whole
        self.links = tape.links[:place]
        self.served = serve(story.world(Service()))
        self.runs: dict[str, list[Link]] = {}
        for link in self.links:
            self.runs.setdefault(link.run, []).append(link)
        self.held: set[tuple[str, int]] = set()
        self.stopping: set[str] = set()

    async def journal(self) -> MemoryJournal:
        """The journal as it is then."""
        journal = MemoryJournal()
        for run, links in self.runs.items():
            header = self.tape.headers[run]
            entries = tuple(link.entry for link in links)
            await journal.append([Write(run, 0, None, entries, header, standing=Standing())])
        for run, links in self.runs.items():
            await self._hand_over(journal, run, links[-1])
        cells = tuple(Cell(name, value) for name, value in self._cells())
        first = await journal.load(RUN)
        assert first is not None
        verdicts = await journal.append([Write(RUN, 0, first.head, cells=cells)])
        assert all(isinstance(verdict, Committed) for verdict in verdicts)
        return journal

    async def _hand_over(self, journal: MemoryJournal, run: str, last: Link) -> None:
        """Hold what is under way in a run, and deliver what its children came to."""
        loaded = await journal.load(run)
        assert loaded is not None
        served = self.served[loaded.header.machine]
        snapshot = served.recorder.scribe.snapshot(frame_of(loaded))
        ids = tuple(self._under_way(run, served, snapshot))
        standing = last.standing if last.is_last else standing_of(snapshot, None)
        entries: tuple[Entry, ...] = ()
        if ids:
            stepped = step(served.table, snapshot, Held(ids, "drain"), snapshot.at)
            recorded = served.recorder.record(Head(loaded.head[1]), snapshot, stepped)
            assert recorded is not None
            entries, standing = (recorded.entry,), but(standing, held=True)
            self.held.update((run, id) for id in ids)
        verdicts = await journal.append([Write(run, 0, loaded.head, entries, standing=standing)])
        assert all(isinstance(verdict, Committed) for verdict in verdicts)
        await self._deliver(journal, run, snapshot)

    def _under_way(self, run: str, served: Served, snapshot: Snapshot[Any]) -> Iterator[int]:
        """What was begun and has no outcome, is not held, and was not told to stop, and its run neither."""
        for flight in snapshot.effects:
            for id in _ids(flight):
                if flight.is_stopping(id):
                    self.stopping.add(f"{run}/{id}")
                if flight.is_stopping(id) or flight.life_of(id).held or run in self.stopping:
                    continue
                kind = served.ways[flight.form, flight.part_of(id)].kind
                if kind == "call" or (kind == "spawn" and f"{run}/{id}" not in self.runs):
                    yield id

    async def _deliver(self, journal: MemoryJournal, run: str, snapshot: Snapshot[Any]) -> None:
        """Put into the inbox how children ended of which the run has not heard."""
        for flight in snapshot.effects:
            for id in _ids(flight):
                child = f"{run}/{id}"
                ended = self._ended(child)
                if ended is not None:
                    await journal.deliver([Delivery(run, child, {"$happened": [id, ended]})])

    def _ended(self, run: str) -> dict[str, Any] | None:
        """How a run has ended, for its parent; nothing, if it has not."""
        links = self.runs.get(run)
        if links is None:
            return None
        frame: Any = EMPTY.copy()
        for link in links:
            frame = followed(frame, link.entry)
        end = frame["end"]
        if end is None or frame["effects"]:
            return None
        problem = end["failures"][0] if end["failures"] else None
        return {"$": "Ended", "status": end["status"], "result": end["value"], "problem": problem}

    # -- what had begun

    def _began(self) -> dict[Attempt, int]:
        """When each attempt of an effect began that did so before the cut."""
        began: dict[Attempt, int] = {}
        for run, links in self.runs.items():
            for (effect, attempt), one in _begun(self.whole.told[run]).items():
                if one.seq <= len(links):
                    began[run, effect, attempt] = one.at
        return began

    def _kept(self) -> dict[Attempt, int]:
        """When each attempt began, without those that are held here, or have a run that is stopped, and begin anew."""
        began = self._began()
        newest = {(run, effect): attempt for run, effect, attempt in sorted(began)}
        return {
            (run, effect, attempt): at
            for (run, effect, attempt), at in began.items()
            if attempt < newest[run, effect]
            or ((run, effect) not in self.held and run not in self.stopping)
        }

    def called(self) -> set[Asked]:
        """The calls that may have been made before the cut."""
        began = {(f"{run}/{effect}", attempt) for run, effect, attempt in self._began()}
        return began.intersection(self.whole.service.calls)

    def done(self) -> set[Asked]:
        """The calls that must not be made again."""
        return {(f"{run}/{effect}", attempt) for run, effect, attempt in self._kept()}

    def _cells(self) -> Iterator[tuple[str, Any]]:
        """What limiters and breakers remember: limiters nothing of what never began."""
        for name, value in self.links[-1].cells.items():
            if name.startswith("limiter:"):
                yield name, sorted(self._admitted(name.removeprefix("limiter:")))
            else:
                yield name, value

    def _admitted(self, limiter: str) -> Iterator[int]:
        """When a limiter has admitted a call."""
        for (run, effect, _), at in self._kept().items():
            table = self.served[self.tape.headers[run].machine].table
            forms = {one.effect: one.form for one in self.whole.of(CallStarted, run)}
            form: Any = table.forms[forms[effect]]
            if getattr(form, "limit", None) == limiter:
                yield at


def _begun(told: Iterable[Told]) -> dict[tuple[int, int], CallStarted]:
    """The attempts of a run that began, by effect and number: those that were told to begin and not held after all."""
    begun: dict[tuple[int, int], CallStarted] = {}
    open: dict[int, int] = {}
    for one in told:
        if isinstance(one, CallStarted):
            begun[one.effect, one.attempt] = one
            open[one.effect] = one.attempt
        elif isinstance(one, CallFailed | CallFinished):
            open.pop(one.effect, None)
        elif isinstance(one, EffectHeld | RateWaiting) and one.effect in open:
            del begun[one.effect, open.pop(one.effect)]
    return begun


def _ids(flight: Flight) -> list[int]:
    """The effects of a flight that were begun and have no outcome."""
    if isinstance(flight, Fan):
        return [flight.id + index for index in flight.under_way()]
    return [flight.id]
