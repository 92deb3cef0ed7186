"""What an entry makes of a frame: what follows from its event and its time alone, and the change it tells of.

Rule 1: an outcome takes its effect out; one of an Each is the last of those that were heard. A timer that fired is out.
Rule 2: an effect that is new and has no time was ordered when the entry was written.
Rule 3: the next id follows the highest of what is new.
Left out on purpose: how anything was decided. Nobody's code is needed to read a log.
"""

from typing import Any

from detent.kernel.edits import (
    LATER,
    BadEdit,
    Edit,
    Owned,
    edited,
    place_of,
    resolved,
)
from detent.kernel.values import moment, tree
from detent.kernel.wire import Tree, spelled, under

__all__ = ["SELDOM", "Folding", "applied", "dated", "may_refer", "ordered_in", "unfolded"]

LATE = ("effects", "end")
"""Parts of a frame that may point into the data, as it is after the entry."""

SELDOM = ("abandoned", "halted", "parked", "line")
"""Parts of a frame that are left out when they are empty; those that are there stand last, in this order."""

IN_ORDER = ("effects", "timers")
"""Parts of a frame that keep the order of arrival."""

BRIEF = frozenset({"in", "data", "effects"})

TIMED = ("Returned", "Failed", "TimedOut", "InDoubt", "Declined", "Stopped", "Ended")
"""The outcomes that say when they came."""

REFERENCE, DATA_REFERENCE = b'"$ref":', b'"$ref":"data'
"""What bytes hold that refer to something; no text does, since its own quotes are escaped."""

FLIGHT = 4  # parts of an effect in flight: owner, form, time, order; perhaps more
MANY = 1_000  # things that are owned until all of them are given up: what was dropped is among them


def applied(frame: dict[str, Tree], change: Tree, event: Tree, at: Tree = None) -> dict[str, Tree]:
    """The frame after an entry. What it was before is not changed."""
    folding = Folding(frame)
    folding.follow(change, event, at)
    return folding.frame()


def may_refer(body: bytes) -> bool:
    """Whether an entry of these bytes may refer to something; one without bytes may."""
    return not body or REFERENCE in body


class Folding:
    """A frame on its way through many entries.

    What an edit has copied is changed in place from then on, so that a tuple that grows is not copied by each entry;
    and what points into the data is left as it is until the data changes.
    """

    __slots__ = ("_frame", "_lone", "_owned", "_pointing")

    def __init__(self, frame: dict[str, Tree]) -> None:
        self._frame = frame.copy()
        self._lone: str | None = None  # all that is in flight, if an entry has said so
        self._owned: Owned = {}
        self._pointing: set[str] = set()

    def frame(self) -> dict[str, Tree]:
        """The frame so far. Nothing of it is changed by what follows."""
        self._resolve()
        self._owned.clear()
        return self._frame.copy()

    def follow(self, change: Tree, event: Tree, at: Tree, refers: bool = True) -> None:
        """Go through an entry, which may refer to something. Raises BadEdit; the frame is of no use then."""
        if type(change) is not dict:
            raise BadEdit("a change is an object")
        if refers or self._pointing or not self._is_brief(change, event, at):
            self._edit_all(change, event, at)
        if len(self._owned) > MANY:
            self._owned.clear()

    def _edit_all(self, change: dict[str, Edit], event: Tree, at: Tree) -> None:
        """Do all that an entry may tell of."""
        frame, key = self._frame, ""
        self._lone = None
        sources: dict[str, Any] = {"event": event, "before": frame["effects"]}
        if type(event) is dict and ("$happened" in event or "$fired" in event):
            _follow(frame, event, at)
        late = False
        try:
            for key, edit in change.items():
                if key in LATE:
                    late = True
                elif key == "data":
                    if self._pointing:
                        self._resolve()
                    frame[key] = edited(frame[key], edit, sources, self._owned)
                elif key in SELDOM:
                    _edit_seldom(frame, key, edit, sources)
                elif key in frame:
                    in_order = key in IN_ORDER
                    frame[key] = edited(frame[key], edit, sources, None, in_order)
                else:
                    raise BadEdit(f"a frame has no {key!r}")
            if late:
                sources["data"] = LATER
                self._edit_late(change, sources)
        except RecursionError:
            raise BadEdit(f"the edit of {key!r} is nested too deeply") from None
        if "effects" in change or "timers" in change:
            _complete(frame, change, at)

    def _is_brief(self, change: dict[str, Edit], event: Tree, at: Tree) -> bool:
        """Go through what most often comes: of all that is in flight an outcome, and then one effect in its place."""
        frame, new = self._frame, change.get("effects")
        lone = self._lone or _lone_in(frame["effects"])
        if lone is None or type(new) is not dict or len(new) != 1 or not BRIEF.issuperset(change):
            return False
        happened = event.get("$happened") if type(event) is dict else None
        ((id, edit),) = new.items()
        if (
            type(happened) is not list
            or len(happened) != 2
            or type(happened[0]) is not int
            or str(happened[0]) != lone
            or id == lone
            or type(edit) is not list
            or len(edit) != 1
            or not _is_single(edit[0])
        ):
            return False
        try:
            place = place_of(id)
        except ValueError:
            return False
        ordered: Any = edit[0]
        try:
            if (moved := change.get("in")) is not None:
                frame["in"] = edited(frame["in"], moved, None)
            if (changed := change.get("data")) is not None:
                frame["data"] = edited(frame["data"], changed, None, self._owned)
        except RecursionError:
            raise BadEdit("an edit is nested too deeply") from None
        is_new = ordered[2] is None
        frame["effects"] = {id: [*ordered[:2], at, *ordered[3:]] if is_new else ordered}
        frame["count"] = place + 1
        self._lone = id
        return True

    def _edit_late(self, change: dict[str, Edit], sources: dict[str, Any]) -> None:
        """Edit what may point into the data after, and leave that so."""
        frame = self._frame
        for key in LATE:
            if key in change:
                edit = change[key]
                text = spelled(edit)
                into_data = text.count(DATA_REFERENCE)
                used = None if text.count(REFERENCE) == into_data else sources
                frame[key] = edited(frame[key], edit, used, None, True)
                if into_data:
                    self._pointing.update(edit if key == "effects" and type(edit) is dict else LATE)

    def _resolve(self) -> None:
        """Put what points into the data in its place. From then on others hold parts of the data."""
        frame, pointing = self._frame, self._pointing
        if not pointing:
            return
        effects: Any = frame["effects"]
        if frame["end"] is not None or not pointing.isdisjoint(effects):
            frame.update(unfolded(frame))
            self._owned.clear()
        pointing.clear()


def _lone_in(effects: Any) -> str | None:
    """The id of what is in flight if that is a single effect, and no Each."""
    if len(effects) != 1:
        return None
    ((id, flight),) = effects.items()
    return id if _is_single(flight) else None


def _is_single(flight: Tree) -> bool:
    """Whether something is an effect in flight, and no Each."""
    if type(flight) is not list or len(flight) < FLIGHT:
        return False
    what = flight[3]
    return type(what) is not dict or "$fan" not in what


def _edit_seldom(frame: dict[str, Tree], key: str, edit: Edit, sources: dict[str, Any]) -> None:
    """Edit what a frame holds only if there is any."""
    if key in frame and edit != []:
        frame[key] = edited(frame[key], edit, sources)
    elif key in frame:
        del frame[key]
    elif type(edit) is list and len(edit) == 1:
        held = {key: edited(None, edit, sources)}
        held |= {other: frame.pop(other) for other in SELDOM if other in frame}
        frame.update({other: held[other] for other in SELDOM if other in held})
    else:
        raise BadEdit(f"there is no {key!r} to edit")


def dated(outcome: Tree, at: Tree) -> Tree:
    """An outcome of an entry of that time; one that came just then does not say so in the log."""
    if type(outcome) is not dict or outcome.get("$") not in TIMED or "at" in outcome:
        return outcome
    if type(at) is not int:
        raise BadEdit(f"{at!r} is no time")
    return {**outcome, "at": tree(moment(at))}


def _follow(frame: dict[str, Tree], event: dict[str, Tree], at: Tree) -> None:
    """Do to a frame what follows from an outcome, or from a timer, alone."""
    if "$happened" not in event:
        fired = event["$fired"]
        timers: Any = frame["timers"]
        running = {id: timer for id, timer in timers.items() if id != str(fired)}
        frame["timers"] = running
        if len(timers) == len(running):
            raise BadEdit(f"timer {fired!r} is not running")
        return
    happened = event["$happened"]
    if type(happened) is not list or len(happened) != 2 or type(happened[0]) is not int:
        raise BadEdit(f"{happened!r} is no effect with its outcome")
    effects: Any = frame["effects"]
    frame["effects"] = _heard(effects, happened[0], happened[1], at)


def _heard(effects: dict[str, Tree], id: int, outcome: Tree, at: Tree) -> dict[str, Tree]:
    """The effects in flight when one of them has an outcome."""
    key = str(id)
    if key in effects and _orders(effects[key]) is None:
        return {other: flight for other, flight in effects.items() if other != key}
    for first, flight in effects.items():
        orders = _orders(flight)
        place = id - place_of(first)
        if orders is not None and 0 <= place < len(orders):
            parts: Any = flight
            fan: dict[str, Any] = parts[3]["$fan"]
            heard: Any = [*fan["heard"], [place, dated(outcome, at)]]
            after: list[Tree] = [*parts[:3], {"$fan": {**fan, "heard": heard}}, *parts[4:]]
            return {**effects, first: after}
    raise BadEdit(f"effect {id} is not in flight")


def _complete(after: dict[str, Tree], change: dict[str, Edit], at: Tree) -> None:
    """Put in what need not be said of effects and timers that are new."""
    pending: Any = after["effects"]
    last = 0
    for id, _ in _new(change.get("effects")):
        key = str(id)
        flight: Tree = pending[key]
        if type(flight) is not list or len(flight) < FLIGHT:
            raise BadEdit(f"{pending[key]!r} is no effect in flight")
        if flight[2] is None:
            pending[key] = [*flight[:2], at, *flight[3:]]
        orders = _orders(flight)
        last = max(last, id + (1 if orders is None else len(orders)))
    for id, _ in _new(change.get("timers")):
        last = max(last, id + 1)
    if last and "count" not in change:
        after["count"] = last


def ordered_in(change: dict[str, Edit]) -> tuple[int, ...]:
    """The effects that a change orders: those that are new; of an Each, those that begin at once."""
    edits = change.get("effects")
    if edits is None:
        return ()
    if type(edits) is dict and len(edits) == 1:  # as it most often is
        ((key, edit),) = edits.items()
        if type(edit) is list and len(edit) == 1 and _is_single(edit[0]):
            return (int(key) if len(key) < 19 and key.isascii() and key.isdigit() else _place(key),)
    ids: list[int] = []
    for id, flight in _new(change.get("effects")):
        orders = _orders(flight)
        if orders is None:
            ids.append(id)
        else:
            fan: Any = flight
            begun = fan[3]["$fan"].get("begun")
            ids += range(id, id + begun) if type(begun) is int and begun <= len(orders) else ()
    return tuple(ids)


def _new(edits: Edit) -> list[tuple[int, Tree]]:
    """What is new among effects or timers, by id."""
    if type(edits) is not dict:
        return []
    return [
        (_place(id), edit[0]) for id, edit in edits.items() if type(edit) is list and len(edit) == 1
    ]


def _place(id: str) -> int:
    try:
        return place_of(id)
    except ValueError as error:
        raise BadEdit(f"{error} is no id") from None


def _orders(flight: Tree) -> list[Tree] | None:
    """The orders of an Each in flight; nothing, if it is another effect."""
    what = flight[3] if type(flight) is list and len(flight) >= FLIGHT else None
    if type(what) is not dict or "$fan" not in what:
        return None
    orders: list[Tree] | None = under(what["$fan"], "orders")
    return orders if type(orders) is list else None


def unfolded(frame: dict[str, Tree]) -> dict[str, Tree]:
    """A frame as it stands in a checkpoint, with what its orders and its end refer to in the data."""
    sources: dict[str, Tree] = {"data": frame["data"]}
    late = {key: resolved(frame[key], sources) for key in ("effects", "end")}
    return {**frame, **late}
