"""Trees written again: records that are called otherwise, and the edit that makes one frame of another.

Rule 1: what stays the same is not told; what is of the same keys or of the same length is edited inside.
"""

from collections.abc import Mapping
from typing import Any

from detent.kernel.edits import Edit
from detent.kernel.upgrades.upgrade import Record
from detent.kernel.wire import Tree, spelled, under

__all__ = ["changed", "frame_change", "recast"]

FLYING = ("effects", "timers")
"""Parts of a frame that are edited one by one, by their ids."""


def recast(tree: Tree, records: Mapping[str, Record]) -> Tree:
    """A tree in which records have become what is said of their classes, inner ones first."""
    if type(tree) is list:
        return [recast(item, records) for item in tree]
    if type(tree) is not dict:
        return tree
    inside: dict[str, Any] = {key: recast(item, records) for key, item in tree.items()}
    name = tree.get("$")
    record = records.get(name) if type(name) is str else None
    if record is None:
        return inside
    return {**inside, "$": record} if isinstance(record, str) else record(inside)


def frame_change(old: dict[str, Tree], new: dict[str, Tree]) -> dict[str, Edit]:
    """The delta that makes one frame of another."""
    change: dict[str, Edit] = {}
    for key in [*new, *(key for key in old if key not in new)]:
        if key in ("seq", "at"):
            continue
        if key not in new:
            change[key] = []
        elif key not in old:
            change[key] = [new[key]]
        elif key in FLYING:
            if edits := _each(old[key], new[key]):
                change[key] = edits
        elif (edit := changed(old[key], new[key])) is not None:
            change[key] = edit
    if any(len(one) == 1 for key in FLYING for one in _edits(change.get(key))):
        change["count"] = [new["count"]]
    return change


def changed(old: Tree, new: Tree) -> Edit:
    """The edit that makes one tree of another; None if they are the same."""
    if type(old) is dict and type(new) is dict and _are_alike(old, new):
        keys = old.keys()
    elif type(old) is list and type(new) is list and len(old) == len(new):
        keys = dict.fromkeys(map(str, range(len(old)))).keys()
    else:
        return None if spelled(old) == spelled(new) else [new]
    edits: dict[str, Edit] = {}
    for key in keys:
        edit = changed(_at(old, key), _at(new, key))
        if edit is not None:
            edits[key] = edit
    return edits or None


def _are_alike(old: dict[str, Tree], new: dict[str, Tree]) -> bool:
    """Whether objects have the same keys, and are of the same class."""
    same = [*old] == [*new] and old.get("$") == new.get("$")
    return same and all(key in ("$", "$fan") or not key.startswith("$") for key in old)


def _at(tree: dict[str, Tree] | list[Tree], key: str) -> Tree:
    found: Tree = under(tree, key) if isinstance(tree, dict) else tree[int(key)]
    return found


def _each(old: Any, new: Any) -> Edit:
    """The edits of what is in flight, by id: what is gone, what is otherwise, and last what is new."""
    edits: dict[str, Edit] = {id: [] for id in old if id not in new}
    for id, one in new.items():
        edit = changed(old[id], one) if id in old else [one]
        if edit is not None:
            edits[id] = edit
    return edits


def _edits(edit: Any) -> list[Any]:
    """The edits of what is in flight that are no edits of its parts."""
    edits: dict[str, Any] = edit or {}
    return [one for one in edits.values() if isinstance(one, list)]
