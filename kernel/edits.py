"""Edits: how one tree becomes another.

An edit of an object or a list is an object with the edits of what is inside, by key or place. Everything else is a
list: `[value]` puts a value in place, `[]` takes a key out, `[at, without, items]` replaces so many items of a list
(or characters of a text) from a place on, `[gone, new]` takes members out of a set and puts others in.

A value may be a reference: `{"$ref": "event/text"}` is what stands there, in what happened (`event`), in the
frame before (`before`) or in the data after (`data`). `{"$ref": "data/messages", "edit": [0, 380, []]}` is the same
with an edit made to it.

Rule 1: nothing here needs the author's code, and no tree is changed: what stays the same is shared.
Rule 2: an edit that does not fit its tree is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from detent.kernel.values import moment, tree
from detent.kernel.wire import Tree, spelled, under

__all__ = [
    "BadEdit",
    "Edit",
    "Sources",
    "applied",
    "came",
    "dated",
    "next_id",
    "ordered_in",
    "pointed",
    "resolved",
    "step_of",
    "unfolded",
]

Edit: TypeAlias = Tree
Sources: TypeAlias = Mapping[str, Tree]


class BadEdit(ValueError):
    """An edit that does not fit the tree it is to be made to."""


LATE = ("effects", "timers", "end")
"""Parts of a frame whose changes may point into the data after; `effects` and `timers` keep the order of arrival."""

TIMED = ("Returned", "Failed", "TimedOut", "InDoubt", "Declined", "Stopped", "Ended")
"""The outcomes that say when they came."""

FLIGHT = 4  # parts of an effect in flight: owner, form, time, order; perhaps more


def applied(frame: dict[str, Tree], change: Tree, event: Tree, at: Tree = None) -> dict[str, Tree]:
    """The frame after an entry's change. What follows from its event and its time need not be said.

    Rule 1: an outcome takes its effect out; one of an Each is the last of those that were heard. A timer that fired is
            out.
    Rule 2: an effect that is new and has no time was ordered when the entry was written.
    Rule 3: the next id follows the highest of what is new.
    """
    if type(change) is not dict:
        raise BadEdit("a change is an object")
    after = _followed(dict(frame), event, at)
    sources: dict[str, Tree] = {"event": came(event), "before": frame}
    late = [key for key in change if key in LATE]
    for key in [*(key for key in change if key not in LATE), *late] if late else change:
        if key not in frame:
            raise BadEdit(f"a frame has no {key!r}")
        sources["data"] = after["data"]
        try:
            after[key] = edited(after[key], change[key], sources, key in LATE)
        except RecursionError:
            raise BadEdit(f"the edit of {key!r} is nested too deeply") from None
    if late:
        _complete(after, change, at)
    return after


def came(event: Tree) -> Tree:
    """What `event` means in a reference: the event that was sent, an outcome, or what a run began with."""
    if type(event) is dict:
        happened = event.get("$happened")
        if type(happened) is list and len(happened) == 2:
            return happened[1]
        if "$began" in event:
            return event["$began"]
    return event


def dated(outcome: Tree, at: Tree) -> Tree:
    """An outcome of an entry of that time; one that came just then does not say so in the log."""
    if type(outcome) is not dict or outcome.get("$") not in TIMED or "at" in outcome:
        return outcome
    if type(at) is not int:
        raise BadEdit(f"{at!r} is no time")
    return {**outcome, "at": tree(moment(at))}


def _followed(frame: dict[str, Tree], event: Tree, at: Tree) -> dict[str, Tree]:
    """A frame with what follows from an event alone."""
    happened, fired = under(event, "$happened"), under(event, "$fired")
    if happened is not None:
        if type(happened) is not list or len(happened) != 2 or type(happened[0]) is not int:
            raise BadEdit(f"{happened!r} is no effect with its outcome")
        effects: Any = frame["effects"]
        frame["effects"] = _heard(effects, happened[0], happened[1], at)
    elif fired is not None:
        timers: Any = frame["timers"]
        frame["timers"] = {id: timer for id, timer in timers.items() if id != str(fired)}
    return frame


def _heard(effects: dict[str, Tree], id: int, outcome: Tree, at: Tree) -> dict[str, Tree]:
    """The effects in flight when one of them has an outcome."""
    key = str(id)
    if key in effects and _orders(effects[key]) is None:
        return {other: flight for other, flight in effects.items() if other != key}
    for first, flight in effects.items():
        orders: Any = _orders(flight)
        place = id - _place(first)
        if orders is not None and 0 <= place < len(orders):
            parts: Any = flight
            fan = parts[3]["$fan"]
            heard = [*fan["heard"], [place, dated(outcome, at)]]
            after = [*parts[:3], {"$fan": {**fan, "heard": heard}}, *parts[4:]]
            return {**effects, first: after}
    raise BadEdit(f"effect {id} is not in flight")


def _complete(after: dict[str, Tree], change: dict[str, Edit], at: Tree) -> None:
    """Put in what need not be said of effects and timers that are new."""
    pending: Any = after["effects"]
    for id, _ in _new(change.get("effects")):
        flight = pending[str(id)]
        if type(flight) is not list or len(flight) < FLIGHT:
            raise BadEdit(f"{flight!r} is no effect in flight")
        if flight[2] is None:
            pending[str(id)] = [*flight[:2], at, *flight[3:]]
    last = next_id(change)
    if last and "count" not in change:
        after["count"] = last


def next_id(change: dict[str, Edit]) -> int:
    """What follows the highest id of what is new in a change; zero if nothing is."""
    last = 0
    for id, flight in _new(change.get("effects")):
        orders = _orders(flight)
        last = max(last, id + (1 if orders is None else len(orders)))
    return max(last, *(id + 1 for id, _ in _new(change.get("timers"))), 0)


def ordered_in(change: dict[str, Edit]) -> tuple[int, ...]:
    """The effects that a change orders: those that are new; of an Each, those that begin at once."""
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


def _new(edits: Edit) -> Iterator[tuple[int, Tree]]:
    """What is new among effects or timers, by id."""
    if type(edits) is dict:
        for id, edit in edits.items():
            if type(edit) is list and len(edit) == 1:
                try:
                    yield _place(id), edit[0]
                except ValueError:
                    raise BadEdit(f"{id!r} is no id") from None


def _orders(flight: Tree) -> list[Tree] | None:
    """The orders of an Each in flight; nothing, if it is another effect."""
    what = flight[3] if type(flight) is list and len(flight) >= FLIGHT else None
    fan = what.get("$fan") if type(what) is dict else None
    orders = fan.get("orders") if type(fan) is dict else None
    return orders if type(orders) is list else None


def unfolded(frame: dict[str, Tree]) -> dict[str, Tree]:
    """A frame as it stands in a checkpoint, with what its orders and its end refer to in the data."""
    sources: dict[str, Tree] = {"data": frame["data"]}
    late = {key: resolved(frame[key], sources) for key in ("effects", "end")}
    return {**frame, **late}


def edited(tree: Tree, edit: Edit, sources: Sources, in_order: bool = False) -> Tree:
    """A tree after an edit. With `in_order`, keys that are new come last."""
    if type(edit) is dict:
        if type(tree) is dict:
            return _edited_object(tree, edit, sources, in_order)
        if type(tree) is list:
            return _edited_list(tree, edit, sources)
        raise BadEdit(f"there is nothing inside {tree!r}")
    if type(edit) is not list:
        raise BadEdit(f"{edit!r} is no edit")
    if len(edit) == 1:
        return resolved(edit[0], sources)
    if len(edit) == 3:
        return _spliced(tree, edit, sources)
    raise BadEdit("nothing can be taken out here, and only a set has members")


def resolved(value: Tree, sources: Sources) -> Tree:
    """A value with what its references point to."""
    if type(value) is list:
        return [resolved(item, sources) for item in value]
    if type(value) is not dict:
        return value
    if "$ref" not in value:
        return {key: resolved(item, sources) for key, item in value.items()}
    path = value["$ref"]
    if type(path) is not str:
        raise BadEdit(f"{path!r} is no path")
    if not value.keys() <= {"$ref", "edit"}:
        raise BadEdit("a reference is a path, and perhaps an edit")
    target = pointed(path, sources)
    return edited(target, value["edit"], sources) if "edit" in value else target


def pointed(path: str, sources: Sources) -> Tree:
    """What a path leads to. `/` stands between its steps; in a step, `~1` is a slash and `~0` a tilde."""
    here: Any = sources
    for step in path.split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            here = here[_place(key) if type(here) is list else key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise BadEdit(f"{path!r} leads nowhere") from None
    found: Tree = here
    return found


def step_of(key: str) -> str:
    """A key as a step of a path."""
    return key.replace("~", "~0").replace("/", "~1")


def _place(key: str) -> int:
    """A place in a list. Raises ValueError for what is none; no list has places of more digits."""
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise ValueError(key)
    return int(key)


def _edited_object(
    tree: dict[str, Tree], edit: dict[str, Edit], sources: Sources, in_order: bool
) -> Tree:
    """An object after an edit; only maps lose keys and get new ones."""
    after = dict(tree)
    known = len(tree)
    is_map = not next(iter(tree), "").startswith("$")
    for key, inner in edit.items():
        if inner == []:
            if not is_map or after.pop(key, BadEdit) is BadEdit:
                raise BadEdit(f"there is no {key!r} to take out")
            known -= 1
        elif key in after:
            change = _exchanged if key == "$set" else edited
            after[key] = change(after[key], inner, sources)
        elif is_map and type(inner) is list and len(inner) == 1 and not key.startswith("$"):
            after[key] = resolved(inner[0], sources)
        else:
            raise BadEdit(f"there is no {key!r}")
    if len(after) > known and not in_order:
        return {key: after[key] for key in sorted(after)}
    return after


def _edited_list(tree: list[Tree], edit: dict[str, Edit], sources: Sources) -> Tree:
    after = list(tree)
    for key, inner in edit.items():
        try:
            place = _place(key)
            before = after[place]
        except (ValueError, IndexError):
            raise BadEdit(f"there is no item {key} to edit") from None
        after[place] = edited(before, inner, sources)
    return after


def _spliced(tree: Tree, edit: list[Edit], sources: Sources) -> Tree:
    at, without, given = edit
    if type(at) is not int or type(without) is not int or at < 0 or without < 0:
        raise BadEdit("places and counts are numbers from 0 on")
    if not isinstance(tree, list | str) or at + without > len(tree):
        raise BadEdit("items are replaced that are not there")
    items = resolved(given, sources)
    if isinstance(tree, str) and isinstance(items, str):
        return tree[:at] + items + tree[at + without :]
    if isinstance(tree, list) and isinstance(items, list):
        return [*tree[:at], *items, *tree[at + without :]]
    raise BadEdit("a text is put into a list, or a list into a text")


def _exchanged(tree: Tree, edit: Edit, sources: Sources) -> Tree:
    """The sorted members of a set, without some and with others."""
    if type(edit) is not list or len(edit) != 2:
        raise BadEdit("of a set, members are taken out and put in")
    taken, given = edit
    gone, new = resolved(taken, sources), resolved(given, sources)
    if type(tree) is not list or type(gone) is not list or type(new) is not list:
        raise BadEdit("only a set has members")
    members = {spelled(member): member for member in tree}
    for member in gone:
        if members.pop(spelled(member), BadEdit) is BadEdit:
            raise BadEdit("a member is taken out of a set that is not in it")
    for member in new:
        if spelled(member) in members:
            raise BadEdit("a member is put into a set that is in it")
        members[spelled(member)] = member
    return [members[key] for key in sorted(members)]
