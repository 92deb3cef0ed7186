"""Edits: how one tree becomes another.

An edit of an object or a list is an object with the edits of what is inside, by key or place. Everything else is a
list: `[value]` puts a value in place, `[]` takes a key out, `[at, without, items]` replaces so many items of a list
(or characters of a text) from a place on, `[gone, new]` takes members out of a set and puts others in.

A value may be a reference: `{"$ref": "event/text"}` is what stands there, in the event of the entry (`event`), in the
frame before (`before`) or in the data after (`data`). `{"$ref": "data/messages", "edit": [0, 380, []]}` is the same
with an edit made to it.

Rule 1: nothing here needs the author's code, and no tree is changed: what stays the same is shared.
Rule 2: an edit that does not fit its tree is refused.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from detent.kernel.wire import Tree, spelled

__all__ = ["BadEdit", "Edit", "Sources", "applied", "pointed", "resolved", "step_of", "unfolded"]

Edit: TypeAlias = Tree
Sources: TypeAlias = Mapping[str, Tree]


class BadEdit(ValueError):
    """An edit that does not fit the tree it is to be made to."""


LATE = ("effects", "timers", "end")
"""Parts of a frame whose changes may point into the data after; `effects` and `timers` keep the order of arrival."""


def applied(frame: dict[str, Tree], change: Tree, event: Tree) -> dict[str, Tree]:
    """The frame after a change."""
    if type(change) is not dict:
        raise BadEdit("a change is an object")
    sources: dict[str, Tree] = {"event": event, "before": frame}
    after = dict(frame)
    late = [key for key in change if key in LATE]
    for key in [*(key for key in change if key not in LATE), *late] if late else change:
        if key not in frame:
            raise BadEdit(f"a frame has no {key!r}")
        sources["data"] = after["data"]
        try:
            after[key] = edited(frame[key], change[key], sources, key in LATE)
        except RecursionError:
            raise BadEdit(f"the edit of {key!r} is nested too deeply") from None
    return after


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
