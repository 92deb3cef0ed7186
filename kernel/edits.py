"""Edits: how one tree becomes another.

An edit of an object or a list is an object with the edits of what is inside, by key or place. Everything else is a
list: `[value]` puts a value in place, `[]` takes a key out, `[at, without, items]` replaces so many items of a list
(or characters of a text) from a place on, `[gone, new]` takes members out of a set and puts others in.

A value may be a reference: `{"$ref": "event/text"}` is what stands there, in what happened (`event`), in what was in
flight before (`before/effects`) or in the data after (`data`). `{"$ref": "data/messages", "edit": [0, 380, []]}` is
the same with an edit made to it.

Rule 1: nothing here needs the author's code, and no tree is changed: what stays the same is shared.
Rule 2: an edit that does not fit its tree is refused.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from detent.kernel.wire import Tree, spelled

__all__ = [
    "LATER",
    "BadEdit",
    "Edit",
    "Owned",
    "Sources",
    "came",
    "edited",
    "place_of",
    "pointed",
    "resolved",
    "step_of",
]

Edit: TypeAlias = Tree
Sources: TypeAlias = Mapping[str, Any]
"""What references point into: `event`, that of an entry; `before`, the effects before it; `data`, that after it."""

Owned: TypeAlias = dict[int, Tree]
"""Lists and objects that nobody else holds, by identity: an edit may change these in place."""

LATER = object()
"""A source whose references stay as they are."""

PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types of trees without parts."""


class BadEdit(ValueError):
    """An edit that does not fit the tree it is to be made to."""


def came(event: Tree) -> Tree:
    """What `event` means in a reference: the event that was sent, an outcome, or what a run began with."""
    if type(event) is dict:
        happened = event.get("$happened")
        if type(happened) is list and len(happened) == 2:
            return happened[1]
        if "$began" in event:
            return event["$began"]
    return event


def edited(
    tree: Tree,
    edit: Edit,
    sources: Sources | None,
    owned: Owned | None = None,
    in_order: bool = False,
) -> Tree:
    """A tree after an edit. With `in_order`, as in a `$fan`, keys that are new come last.

    Without `sources`, references stay as they are. What is `owned` is changed in place; what has to be copied is owned
    from then on.
    """
    if type(edit) is list:
        if len(edit) == 1:
            return _value(edit[0], sources)
        if len(edit) == 3:
            return _spliced(tree, edit, sources, owned)
        raise BadEdit("nothing can be taken out here, and only a set has members")
    if type(edit) is not dict:
        raise BadEdit(f"{edit!r} is no edit")
    if type(tree) is dict:
        return _edited_object(tree, edit, sources, owned, in_order)
    if type(tree) is list:
        return _edited_list(tree, edit, sources, owned)
    raise BadEdit(f"there is nothing inside {tree!r}")


def _value(value: Tree, sources: Sources | None) -> Tree:
    return value if sources is None or type(value) in PLAIN else resolved(value, sources)


def resolved(value: Tree, sources: Sources) -> Tree:
    """A value with what its references point to."""
    kind = type(value)
    if kind in PLAIN:
        return value
    parts: Any = value
    if kind is list:
        return [item if type(item) in PLAIN else resolved(item, sources) for item in parts]
    if "$ref" not in parts:
        return {
            key: item if type(item) in PLAIN else resolved(item, sources)
            for key, item in parts.items()
        }
    path = parts["$ref"]
    if type(path) is not str:
        raise BadEdit(f"{path!r} is no path")
    if not parts.keys() <= {"$ref", "edit"}:
        raise BadEdit("a reference is a path, and perhaps an edit")
    if sources.get("data") is LATER and path.partition("/")[0] == "data":
        edit = {"edit": resolved(parts["edit"], sources)} if len(parts) > 1 else {}
        return {"$ref": path, **edit}
    target = pointed(path, sources)
    return edited(target, parts["edit"], sources) if "edit" in parts else target


def pointed(path: str, sources: Sources) -> Tree:
    """What a path leads to. `/` stands between its steps; in a step, `~1` is a slash and `~0` a tilde."""
    first, *steps = path.split("/")
    try:
        here: Any = sources[first]
        if first == "event":
            here = came(here)
        elif first == "before" and (not steps or steps.pop(0) != "effects"):
            raise BadEdit("of what was before, only effects can be referred to")
        for step in steps:
            key = step.replace("~1", "/").replace("~0", "~") if "~" in step else step
            here = here[place_of(key) if type(here) is list else key]
    except (KeyError, IndexError, ValueError, TypeError):
        raise BadEdit(f"{path!r} leads nowhere") from None
    found: Tree = here
    return found


def step_of(key: str) -> str:
    """A key as a step of a path."""
    return key.replace("~", "~0").replace("/", "~1")


def place_of(key: str) -> int:
    """A place in a list. Raises ValueError for what is none; no list has places of more digits."""
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise ValueError(key)
    return int(key)


def _edited_object(
    tree: dict[str, Tree],
    edit: dict[str, Edit],
    sources: Sources | None,
    owned: Owned | None,
    in_order: bool,
) -> Tree:
    """An object after an edit; only maps lose keys and get new ones."""
    after = tree if owned is not None and id(tree) in owned else _copied(tree, owned)
    has_more = False
    for key, inner in edit.items():
        if key in after:
            if not inner and inner == []:
                if not _is_map(after):
                    raise BadEdit(f"{key!r} cannot be taken out")
                del after[key]
            elif key == "$set":
                after[key] = _exchanged(after[key], inner, sources)
            elif sources is None and type(inner) is list and len(inner) == 1:
                after[key] = inner[0]
            else:
                after[key] = edited(after[key], inner, sources, owned, key == "$fan")
        elif type(inner) is list and len(inner) == 1 and _is_map(after) and key[:1] != "$":
            after[key] = _value(inner[0], sources)
            has_more = True
        else:
            raise BadEdit(f"there is no {key!r}")
    if has_more and not in_order:
        return {key: after[key] for key in sorted(after)}
    return after


def _copied(tree: Any, owned: Owned | None) -> Any:
    """A copy, which is owned."""
    after = tree.copy()
    if owned is not None:
        owned[id(after)] = after
    return after


def _is_map(tree: dict[str, Tree]) -> bool:
    return not next(iter(tree), "").startswith("$")


def _edited_list(
    tree: list[Tree], edit: dict[str, Edit], sources: Sources | None, owned: Owned | None
) -> Tree:
    after = tree if owned is not None and id(tree) in owned else _copied(tree, owned)
    for key, inner in edit.items():
        try:
            place = place_of(key)
            before = after[place]
        except (ValueError, IndexError):
            raise BadEdit(f"there is no item {key} to edit") from None
        after[place] = edited(before, inner, sources, owned)
    return after


def _spliced(tree: Tree, edit: list[Edit], sources: Sources | None, owned: Owned | None) -> Tree:
    at, without, given = edit
    if type(at) is not int or type(without) is not int or at < 0 or without < 0:
        raise BadEdit("places and counts are numbers from 0 on")
    if not isinstance(tree, list | str) or at + without > len(tree):
        raise BadEdit("items are replaced that are not there")
    items = _value(given, sources)
    if isinstance(tree, str) and isinstance(items, str):
        return tree[:at] + items + tree[at + without :]
    if isinstance(tree, list) and isinstance(items, list):
        after = tree if owned is not None and id(tree) in owned else _copied(tree, owned)
        after[at : at + without] = items
        return after
    raise BadEdit("a text is put into a list, or a list into a text")


def _exchanged(tree: Tree, edit: Edit, sources: Sources | None) -> Tree:
    """The sorted members of a set, without some and with others."""
    if type(edit) is not list or len(edit) != 2:
        raise BadEdit("of a set, members are taken out and put in")
    taken, given = edit
    gone, new = _value(taken, sources), _value(given, sources)
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
