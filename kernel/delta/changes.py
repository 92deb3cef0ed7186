"""The change between two snapshots, from what is the same object in both to what is new.

Rule 1: a change depends on values alone: made before or after a reload, it has the same bytes.
Rule 2: what an entry's own event holds is not written again; nor is what the data holds, in orders and in a result;
        nor the outcomes of an Each, when it has settled.
The file is long because every part of a snapshot changes in a way of its own.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

from detent.kernel.codec import Misfit
from detent.kernel.delta.differ import Differ, sequence, shorter
from detent.kernel.delta.references import SHORT, Index, Places, referring
from detent.kernel.edits import Edit
from detent.kernel.errors import Unstorable
from detent.kernel.facts import but
from detent.kernel.flights import Fan, Flight, Ordered
from detent.kernel.scribe import Scribe, bits, write_timer
from detent.kernel.shapes import Keyed, Many, Scalar
from detent.kernel.snapshot import End, InLine, Kept, Pending, Snapshot, Timer
from detent.kernel.wire import Tree, spelled, under
from detent.kernel.wording import PROBLEM, write_halted, write_life, write_parked

__all__ = ["Changes"]

NAMES = Scalar("str")
HISTORY = Keyed(NAMES, Many(NAMES))
FLIGHT = 4  # parts of an effect in flight: owner, form, time, order
MANY_MOVES = 1_024  # from one configuration to another: so many are remembered
NOTHING = Snapshot[Any]((), None)
"""What a run is before it begins."""


class Changes:
    """Says what changed between snapshots of one machine."""

    def __init__(self, scribe: Scribe) -> None:
        self._scribe = scribe
        self._codec = scribe.codec
        differ = Differ(scribe.codec)
        self._data = differ.compare(scribe.data)
        self._write_data = scribe.codec.writer(scribe.data)
        self._history = differ.compare(HISTORY)
        self._move = lru_cache(MANY_MOVES)(_move)

    def between(
        self, before: Snapshot[Any] | None, after: Snapshot[Any], event: Tree
    ) -> dict[str, Edit]:
        """The change from one snapshot to the next, given what happened. Raises Unstorable, which names the place."""
        try:
            return self._between(before, after, event)
        except Misfit as misfit:
            raise Unstorable(str(misfit)) from None
        except RecursionError:
            raise Unstorable("a value is nested too deeply to be written") from None

    def frame(self, snapshot: Snapshot[Any]) -> dict[str, Tree]:
        """The frame of a snapshot, in which orders and the end refer to the data where they say the same."""
        bare = but(snapshot, pending=but(snapshot.pending, effects=(), line=()), end=None)
        places = self._places(snapshot.data)
        effects = {str(flight.id): self._ordered(flight, places) for flight in snapshot.effects}
        return {
            **self._scribe.frame(bare),
            "effects": effects,
            "end": self._written_end(snapshot, places),
            **self._scribe.rest(snapshot.pending),
        }

    def _between(
        self, before: Snapshot[Any] | None, after: Snapshot[Any], event: Tree
    ) -> dict[str, Edit]:
        old = NOTHING if before is None else before
        change: dict[str, Edit] = {}
        index = self.note_place_and_data(change, before, after, event)
        if after.pending is not old.pending:
            places = self._places(after.data)
            self._pending(change, old, after, index, places, event)
        if after.end is not old.end:
            _note(change, "end", self._end(old.end, after))
        return change

    def note_place_and_data(
        self,
        change: dict[str, Edit],
        before: Snapshot[Any] | None,
        after: Snapshot[Any],
        event: Tree,
    ) -> Index:
        """Note where the run has come to, and its data. Raises Misfit. What others may point to."""
        old, index = NOTHING if before is None else before, Index(event)
        self.note_place(change, old, after)
        if after.data is not old.data:
            edit = self._data_edit(before, after)
            if edit is not None:
                if old.pending.effects:
                    self._index_settled(old, after, index)
                change["data"] = _pointing(edit, index)
        return index

    def note_place(self, change: dict[str, Edit], old: Snapshot[Any], after: Snapshot[Any]) -> None:
        """Note where the run has come to."""
        if after.configuration is not old.configuration:
            edit = self._move(old.configuration, after.configuration)
            if edit is not None:
                change["in"] = edit

    def note_plain_data(
        self, change: dict[str, Edit], old: Snapshot[Any], after: Snapshot[Any]
    ) -> None:
        """Note data that holds nothing that could be pointed to. Raises Misfit."""
        if after.data is not old.data and (edit := self._data(old.data, after.data)) is not None:
            change["data"] = edit

    def order(self, flight: Ordered, after: Snapshot[Any]) -> Tree:
        """What was ordered, pointing to what it has in common with the data. Raises Misfit."""
        return self._order(flight.form, flight.part, flight.order, self._places(after.data))

    def _places(self, data: object) -> Places:
        return Places(self._codec, self._scribe.data, data, bool(self._scribe.sealed))

    def _data_edit(self, before: Snapshot[Any] | None, after: Snapshot[Any]) -> Edit:
        try:
            if before is None:
                return [self._write_data(after.data)]
            return self._data(before.data, after.data)
        except Misfit as misfit:
            raise misfit.inside("data") from None

    def _index_settled(self, old: Snapshot[Any], after: Snapshot[Any], index: Index) -> None:
        """The outcomes of an Each that has just settled may be pointed to where they were."""
        fans = [flight for flight in old.pending.effects if type(flight) is Fan]
        if not fans:
            return
        here = {flight.id for flight in after.pending.effects}
        for flight in fans:
            if flight.id not in here:
                path = f"before/effects/{flight.id}/3/$fan/heard"
                heard = (one for block in flight.heard for one in block)
                for place, one in enumerate(heard):
                    written = self._scribe.write_heard(flight, one)
                    index.add(written, f"{path}/{place}")

    def _pending(
        self,
        change: dict[str, Edit],
        before: Snapshot[Any],
        after: Snapshot[Any],
        index: Index,
        places: Places,
        event: Tree,
    ) -> None:
        old, new = before.pending, after.pending
        last = 0
        if new.effects is not old.effects:
            flying = {flight.id: flight for flight in old.effects}
            happened: Any = under(event, "$happened")
            heard = happened[0] if happened else 0
            if isinstance(flying.get(heard), Ordered):
                del flying[heard]
            edits, last = self._effects(flying, after, index, places, heard)
            _note(change, "effects", edits)
        if new.timers is not old.timers:
            waiting = {timer.id: timer for timer in old.timers}
            waiting.pop(under(event, "$fired"), None)
            timers, later = _timers(waiting, new.timers)
            _note(change, "timers", timers)
            last = max(last, later)
        if new.deferred is not old.deferred:
            edit = sequence(old.deferred, new.deferred, self._kept, self._scribe.write_kept, True)
            if edit is not None:
                change["deferred"] = _pointing(edit, index)
        if new.offered != old.offered:
            change["offered"] = [new.offered]
        if new.history is not old.history:
            _note(change, "history", self._history(old.history, new.history))
        if new.count != (last or old.count):
            change["count"] = [new.count]
        if new.doubts is not old.doubts:
            edit = sequence(old.doubts, new.doubts, _written, _same, True)
            _note(change, "doubts", edit)
        if old.parked is not new.parked or old.line is not new.line:
            self._waiting(change, old, new, index)
        if old.halted is not new.halted or old.abandoned is not new.abandoned:
            self._seldom(change, old, new)

    def _seldom(self, change: dict[str, Edit], old: Pending, new: Pending) -> None:
        if new.abandoned != old.abandoned:
            edit = sequence(old.abandoned, new.abandoned, _written, _same, True)
            whole: Edit = [list[Tree](new.abandoned)]
            change["abandoned"] = edit if old.abandoned else whole
        if new.halted != old.halted:
            halted = new.halted
            change["halted"] = [] if halted is None else [write_halted(self._codec, halted)]

    def _waiting(self, change: dict[str, Edit], old: Pending, new: Pending, index: Index) -> None:
        """What broke, and the line behind it."""
        if new.parked != old.parked:
            parked = new.parked
            change["parked"] = [] if parked is None else [write_parked(self._codec, parked)]
        write = partial(self._scribe.write_in_line, flights=new.effects)
        if new.line and old.line:
            edit = sequence(old.line, new.line, partial(_in_line, write), write, True)
            _note(change, "line", edit and _pointing(edit, index))
        elif new.line:
            change["line"] = _pointing([[write(one) for one in new.line]], index)
        elif old.line:
            change["line"] = []

    def _kept(self, old: Kept, new: Kept) -> Edit:
        one, other = self._scribe.write_kept(old), self._scribe.write_kept(new)
        return None if old.seq == new.seq and one == other else [other]

    # -- effects

    def _effects(
        self,
        known: dict[int, Flight],
        after: Snapshot[Any],
        index: Index,
        places: Places,
        heard: int,
    ) -> tuple[Edit, int]:
        """The edits of the effects in flight, and the id that follows those that are new."""
        edits: dict[str, Edit] = {}
        last = 0
        for flight in after.pending.effects:
            before = known.pop(flight.id, None)
            if before is flight:
                continue
            if before is None:
                edits[str(flight.id)] = [self._ordered(flight, places, after.at)]
                count = len(flight.orders) if isinstance(flight, Fan) else 1
                last = max(last, flight.id + count)
            elif edit := self._changed(before, flight, index, heard):
                edits[str(flight.id)] = edit
        edits.update({str(id): [] for id in known})
        return edits or None, last

    def _ordered(self, flight: Flight, places: Places, at: int | None = None) -> Tree:
        """An effect that is new, its orders pointing to what they have in common with the data.

        One that was ordered at that time does not say when.
        """
        start: list[Tree] = [flight.owner, flight.form, None if flight.at == at else flight.at]
        if isinstance(flight, Ordered):
            order = self._order(flight.form, flight.part, flight.order, places)
            return [*start, order, *self._scribe.behind(flight)]
        orders: list[Tree] = [
            [part, self._order(flight.form, part, order, places)] for part, order in flight.orders
        ]
        return [*start, {"$fan": self._scribe.write_fan(flight, orders)}]

    def _order(self, form: str, part: int, order: object, places: Places) -> Tree:
        try:
            return places.written(self._scribe.order(form, part), order)
        except Misfit as misfit:
            raise misfit.inside(f"order of {form}") from None

    def _changed(self, old: Flight, new: Flight, index: Index, heard: int) -> Edit:
        edit: Edit
        if isinstance(new, Fan) and isinstance(old, Fan):
            fan = dict(self._fan_edits(old, new, index, heard))
            edit = {"3": {"$fan": fan}} if fan else None
        else:
            one: Any = old
            other: Any = new
            edit = _behind(self._scribe.behind(one), self._scribe.behind(other))
        if new.at == old.at:
            return edit
        more = edit if type(edit) is dict else {}  # when time goes on nothing else comes or goes
        return {"2": [new.at], **more}

    def _fan_edits(
        self, old: Fan, new: Fan, index: Index, heard: int
    ) -> Iterator[tuple[str, Edit]]:
        if new.begun != old.begun:
            yield "begun", [new.begun]
        if new.asked != old.asked:
            asked: list[Tree] = list(bits(new.asked))
            yield "asked", [asked]
        if new.heard is not old.heard:
            count = sum(map(len, old.heard)) + old.has(heard)
            came = [self._scribe.write_heard(new, one) for one in _last(new, count)]
            if came:
                yield "heard", [count, 0, [referring(one, index) for one in came]]
        if new.stopping != old.stopping:
            yield "stopping", [new.stopping]
        if new.lives is not old.lives:
            lives = self._lives_edit(old, new)
            if lives is not None:
                yield "lives", lives

    def _lives_edit(self, old: Fan, new: Fan) -> Edit:
        """How far orders have come since. What they all say is left out when there is nothing."""
        if not new.lives or not old.lives:
            return (
                ([self._scribe.write_lives(new)] if new.lives else [])
                if old.lives != new.lives
                else None
            )
        edits: dict[str, Edit] = {
            str(place): [write_life(self._codec, life)]
            for place, life in new.lives.items()
            if old.lives.get(place) != life
        }
        edits |= {str(place): [] for place in old.lives if place not in new.lives}
        return edits or None

    # -- the end

    def _end(self, old: End | None, after: Snapshot[Any]) -> Edit:
        """How a run ended; what it results in is often in the data. From then on only problems may come."""
        if old is not None and after.end is not None:
            write = partial(self._codec.write, PROBLEM)
            edit = sequence(old.failures, after.end.failures, _written, write, False)
            return None if edit is None else {"failures": edit}
        return [self._written_end(after, self._places(after.data))]

    def ended(self, after: Snapshot[Any]) -> Edit:
        """How a run has just ended. Raises Misfit."""
        return self._end(None, after)

    def _written_end(self, snapshot: Snapshot[Any], places: Places) -> Tree:
        end = snapshot.end
        written: Any = self._scribe.write_end(end and _without_value(end))
        if end is not None and end.value is not None:
            try:
                value = places.written(self._scribe.result, end.value)
            except Misfit as misfit:
                raise misfit.inside("result") from None
            index = Index()
            index.add(self._write_data(snapshot.data), "data")  # a run ends only once
            written["value"] = referring(value, index)
        return written  # type: ignore[no-any-return]


def _without_value(end: End) -> End:
    return End(end.status, None, end.failures)


def _move(old: tuple[str, ...], new: tuple[str, ...]) -> Edit:
    """The edit that makes one configuration of another."""
    edit = sequence(old, new, _written, _same, True)
    return None if edit is None else shorter([[*new]], edit)


def _behind(old: list[Tree], new: list[Tree]) -> Edit:
    """The edit of what stands behind an order in flight."""
    if len(old) != len(new):
        return [FLIGHT, len(old), new]
    pairs = enumerate(zip(old, new, strict=True), FLIGHT)
    return {str(place): [other] for place, (one, other) in pairs if one != other} or None


def _in_line(write: Callable[[InLine], Tree], old: InLine, new: InLine) -> Edit:
    """The edit of one place in the line: an entry puts only one thing there."""
    return None if old.seq == new.seq else [write(new)]


def _timers(known: dict[int, Timer], timers: tuple[Timer, ...]) -> tuple[Edit, int]:
    """The edits of the timers, and the id that follows those that are new."""
    edits: dict[str, Edit] = {}
    last = 0
    for timer in timers:
        if known.pop(timer.id, None) != timer:
            edits[str(timer.id)] = [write_timer(timer)]
            last = max(last, timer.id + 1)
    edits.update({str(id): [] for id in known})
    return edits or None, last


def _last(fan: Fan, known: int) -> list[Any]:
    """The outcomes of a fan after so many that are known, in the order in which they came."""
    missing = sum(map(len, fan.heard)) - known
    found: list[Any] = []
    for block in reversed(fan.heard):
        if missing <= 0:
            break
        taken = block[max(0, len(block) - missing) :]
        found = [*taken, *found]
        missing -= len(taken)
    return found


def _pointing(edit: Edit, index: Index) -> Edit:
    """An edit whose new values point to what they have in common with the sources."""
    return edit if len(spelled(edit)) < SHORT else _with_references(edit, index)


def _with_references(edit: Edit, index: Index) -> Edit:
    if type(edit) is dict:
        return {key: _with_references(inner, index) for key, inner in edit.items()}
    parts: Any = edit
    if len(parts) == 3:
        return [*parts[:2], referring(parts[2], index)]
    return [referring(value, index) for value in parts]


def _note(change: dict[str, Edit], key: str, edit: Edit) -> None:
    if edit is not None:
        change[key] = edit


def _written(old: Any, new: Any) -> Edit:
    """The edit of what is its own tree: a name, a number."""
    return None if old == new else [new]


def _same(value: Any) -> Tree:
    written: Tree = value
    return written
