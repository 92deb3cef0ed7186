"""What a run of a machine of another shape is from now on: its frame, written again as an upgrade says.

Rule 1: everything that stands in the way is found at once, each with its place; then nothing comes of it.
Rule 2: what is in flight stays what it is, with its id: outcomes that are under way find it. What a state does now
        and had not ordered is ordered, held; a timer that it had not is begun.
Rule 3: what was deferred is offered again.
Left out on purpose: rows that wait for nothing. They are asked when something happens next.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from attrs import define, field, frozen

from detent.kernel.calls import Broke, many_orders, one_order, seconds
from detent.kernel.decisions import STARTED, Life
from detent.kernel.definition import Doing, Each, Spawn, Wait
from detent.kernel.facts import but
from detent.kernel.flights import Fan, Flight, Ordered
from detent.kernel.frames import Frame
from detent.kernel.layout import lay_out
from detent.kernel.scribe import scribe_of
from detent.kernel.snapshot import Snapshot, Timer
from detent.kernel.stored import forms_of
from detent.kernel.table import Node, Outline, Table
from detent.kernel.upgrades.renewals import timed_rows
from detent.kernel.upgrades.rewriting import frame_change, recast
from detent.kernel.upgrades.upgrade import Obstacle, Upgrade
from detent.kernel.values import FrozenMap
from detent.kernel.wire import Tree, parsed, spelled, under

__all__ = ["Former", "Migration", "migrated"]

T = TypeVar("T")

ADOPTED = Life(held="adopted")
MICRO = 1_000_000


@frozen
class Former:
    """What a machine was: its outlines. Without that of its rules no timer has a counterpart."""

    shape: Outline
    rules: Outline | None = None


@frozen
class Migration:
    """What a run becomes: the snapshot, the entry's event, and the delta that leads there."""

    snapshot: Snapshot[Any]
    event: dict[str, Tree]
    delta: dict[str, Tree]


def migrated(
    upgrade: Upgrade[Any],
    table: Table[Any, Any, Any],
    former: Former,
    was: tuple[str, Frame, int],
    digests: tuple[str, str],
) -> Migration | tuple[Obstacle, ...]:
    """What becomes of a run, given its id, its frame and the time; or everything that stands in the way."""
    run, frame, at = was
    moving = _Moving(upgrade, table, former, run, frame)
    made = moving.frame()
    snapshot = None if made is None else moving.tried("the run", moving.scribe.snapshot, made)
    if snapshot is not None:
        seq = snapshot.seq + 1
        snapshot = but(snapshot, seq=seq, at=max(snapshot.at, at))
        snapshot = moving.tried("the run", moving.furnished, snapshot)
    if snapshot is None or moving.found:
        return tuple(moving.found)
    after = moving.scribe.frame(snapshot)
    said: dict[str, Tree] = {
        "shape": [digests[0], table.shape],
        "rules": [digests[1], table.rules],
    }
    return Migration(snapshot, {"$migrated": said}, frame_change(frame, after))


@define(eq=False)
class _Moving:
    """A frame on its way into another machine."""

    upgrade: Upgrade[Any]
    table: Table[Any, Any, Any]
    former: Former
    run: str
    was: Any
    found: list[Obstacle] = field(factory=list[Obstacle])
    old: Any = field(init=False)
    rules: Any = field(init=False)
    scribe: Any = field(init=False)
    active: set[str] = field(factory=set[str], init=False)
    """The states in which it is now, and the machine itself."""

    def __attrs_post_init__(self) -> None:
        self.old = self.former.shape.tree
        rules = self.former.rules
        self.rules = {} if rules is None else rules.tree["states"]
        self.scribe = scribe_of(self.table)

    def frame(self) -> dict[str, Any] | None:
        """The frame as the machine that is would have it; None if that cannot be said."""
        before = self.was
        made: dict[str, Any] = {**before, "offered": 0}
        made["in"] = self._configuration()
        made["data"] = self.tried("data", self._data)
        made["effects"] = dict(self._effects())
        made["timers"] = dict(self._timers())
        made["deferred"] = [self._kept(*kept) for kept in before["deferred"]]
        made["history"] = dict(self._histories())
        made["end"] = self.tried("end", recast, before["end"], self.upgrade.records)
        if "line" in before:
            made["line"] = [
                [self.tried("line", recast, signal, self.upgrade.records), seq]
                for signal, seq in before["line"]
            ]
        return None if self.found else made

    def tried(self, place: str, what: Callable[..., T], *given: Any) -> T | None:
        """What comes of a call of somebody's code or of reading what is stored; what goes wrong is an obstacle."""
        try:
            return what(*given)
        except Broke as error:
            self._hinder(place, str(error.bug))
        except Exception as error:  # an upgrade is its author's code, and may raise anything
            self._hinder(place, f"{type(error).__name__}: {error}")
        return None

    def _hinder(self, place: str, what: str) -> None:
        self.found.append(Obstacle(self.run, place, what))

    # -- data and events

    def _data(self) -> Tree:
        shape, codec = self.scribe.data, self.scribe.codec
        given = parsed(spelled(self.was["data"]))
        if self.upgrade.data is not None:
            written: Tree = codec.write(shape, self.upgrade.data(given))
            return written
        tree = recast(given, self.upgrade.records)
        codec.read(shape, tree)
        return tree

    def _kept(self, event: Tree, seq: int) -> Tree:
        place = f"the event that entry {seq} deferred"
        tree = self.tried(place, recast, event, self.upgrade.records)
        if tree is not None:
            self.tried(place, self.scribe.read_signal, tree, ())
        return [tree, seq]

    # -- states

    def _state(self, name: str) -> str | None:
        return self.upgrade.states.get(name, name)

    def _configuration(self) -> list[str]:
        """The active states: those the innermost ones have become, and all around them."""
        names: list[str] = self.was["in"]
        outer = {self.old["states"][name]["inside"] for name in names}
        active: set[int] = set()
        for name in names:
            place = None if name in outer else self._node(f"state {name!r}", name)
            if place is not None:
                active |= {place.index, *self.table.ancestors(place.index)}
        active.discard(0)
        states = [self.table.nodes[index].name for index in sorted(active)]
        self.active = {"", *states}
        if not self.found and lay_out(self.table, tuple(states)) is None:
            what = f"it would be in {', '.join(states)}, which is no whole configuration: "
            self._hinder("in", f"{what}say with states= in which innermost states it is")
        return states

    def _node(self, place: str, name: str) -> Node | None:
        """What a state has become."""
        state = self._state(name)
        index = None if state is None else self.table.index.get(state)
        if index is None:
            became = "has no counterpart" if state in (None, name) else f"cannot be {state!r}"
            there = ", ".join(repr(node.name) for node in self.table.nodes[1:])
            what = f"{became}: say states={{{name!r}: ...}} with one of {there}"
            self._hinder(place, what)
            return None
        return self.table.nodes[index]

    def _home(self, place: str, owner: str) -> Node | None:
        """What the state has become that something in flight is of; the run has to be in it."""
        node = self._node(place, owner)
        if node is not None and node.name not in self.active:
            self._hinder(place, f"it would be of state {node.name!r}, and the run not in that")
        return node

    def _histories(self) -> Iterator[tuple[str, Tree]]:
        for name, states in self.was["history"].items():
            place = f"history {name!r}"
            node = None if self._state(name) is None else self._node(place, name)
            if node is None:
                continue
            if node.kind != "history":
                self._hinder(place, f"{node.name!r} is no history: say states={{{name!r}: None}}")
            inside = [self._node(place, state) for state in states]
            for one in inside:
                if one is not None and not self.table.is_inside(one.index, node.parent):
                    self._hinder(place, f"{one.name!r} is not inside what it remembers")
            yield node.name, [one.name for one in inside if one is not None]

    # -- what is in flight

    def _effects(self) -> Iterator[tuple[str, Tree]]:
        for id, (owner, name, at, what, *more) in self.was["effects"].items():
            place = f"effect {id} ({name})"
            old = self.old["effects"][name]
            form = self._form(place, name, old)
            if form is None:
                continue
            is_stopping = bool(more[1]) if more else False
            if form is not GIVEN_UP:
                fan = under(what, "$fan")
                is_stopping = is_stopping or (fan is not None and fan["stopping"])
                node = self._owner(place, owner, form, is_stopping)
                order: Any = self._order(place, what, form) if fan is None else {}
                if fan is not None:
                    order = {"$fan": self._fan(place, fan, old, form)}
                yield id, [node, form.key, at, order, *more]

    def _form(self, place: str, name: str, old: Any) -> Any:
        """What orders an effect in flight now; None if nothing does."""
        new = self.upgrade.effects.get(name, name)
        if new is None:
            if old["form"] == "Wait":
                return GIVEN_UP
            self._hinder(
                place, f"it may be under way: only questions are given up, not a {old['form']}"
            )
            return None
        form = self.table.forms.get(new)
        if form is None:
            there = ", ".join(map(repr, self.table.forms)) or "none"
            what = f"has no counterpart: say effects={{{name!r}: ...}} with one of {there}"
            self._hinder(place, what)
        elif not _is_alike(old, form):
            self._hinder(place, f"{new!r} is now another kind of effect than a {_kind(old)}")
            return None
        return form

    def _owner(self, place: str, owner: str, form: Doing[Any], is_stopping: bool) -> str:
        """The state whose effect it is; of one that was left the machine itself, if there is none any more."""
        state = self._state(owner)
        if is_stopping:
            return "" if state is None or state not in self.table.index else state
        node = self._home(place, owner)
        if node is not None and form.key not in {one.key for one in node.forms}:
            where = f"state {node.name!r}" if node.name else "the machine"
            self._hinder(place, f"{where} does not do {form.key!r}")
        return owner if node is None else node.name

    def _order(self, place: str, order: Tree, form: Doing[Any], part: int = 0) -> Tree:
        tree = self.tried(place, recast, order, self.upgrade.records)
        if tree is not None:
            self.tried(place, self.scribe.codec.read, self.scribe.order(form.key, part), tree)
        return tree

    def _fan(self, place: str, fan: Any, old: Any, form: Any) -> Tree:
        """An Each in flight, whose parts may stand in another order now."""
        keys = [one.key for one in forms_of(form)]
        parts: dict[int, int] = {}
        for part in {part for part, _ in fan["orders"]}:
            name = [*old["orders"]][part]
            new = self.upgrade.effects.get(name, name)
            inner = dict(zip(keys, forms_of(form), strict=True)).get(new or "")
            if inner is None or not _is_alike(old["orders"][name], inner):
                there = ", ".join(map(repr, keys))
                what = f"its part {name!r} has no counterpart: say effects={{{name!r}: ...}}"
                self._hinder(place, f"{what} with one of {there}")
            else:
                parts[part] = keys.index(inner.key)
        orders = [
            [parts[part], self._order(place, order, form, parts[part])]
            for part, order in fan["orders"]
            if part in parts
        ]
        heard = self.tried(place, recast, fan["heard"], self.upgrade.records)
        made: Any = {**fan, "orders": orders, "heard": heard}
        written: Tree = made
        return written

    def _timers(self) -> Iterator[tuple[str, Tree]]:
        for id, (owner, row, due) in self.was["timers"].items():
            if row.startswith("$"):
                yield id, [owner, row, due]
                continue
            place = f"timer {id} ({row})"
            node = self._home(place, owner)
            new = None if node is None else self._rows(owner, node).get(row)
            if node is not None and new is None:
                self._hinder(place, f"state {node.name!r} has no row that waits for it")
            elif node is not None:
                yield id, [node.name, new, due]

    def _rows(self, owner: str, node: Node) -> dict[str, str]:
        """Which of the rows of a state that wait for their time are which of those of what it has become."""
        own: Any = self.table.rules_outline.tree
        was, now = self.rules.get(owner, {"rows": {}})["rows"], own["states"][node.name]["rows"]
        old = {id: {**row, "to": row["to"] and self._state(row["to"])} for id, row in was.items()}
        return timed_rows(old, now)

    # -- what is new

    def furnished(self, snapshot: Snapshot[Any]) -> Snapshot[Any]:
        """A snapshot with the orders and timers of what its states do now and did not."""
        if snapshot.end is not None:
            return snapshot
        pending, data = snapshot.pending, snapshot.data
        effects, timers, count = list(pending.effects), list(pending.timers), pending.count
        for node in self.table.nodes:
            if node.name and node.name not in snapshot.configuration:
                continue
            if pending.halted is not None and not node.compensates:
                continue
            done, begun = self._known(node)
            for row in node.after:
                if row.id not in begun:
                    due = snapshot.at + round(seconds(row, data) * MICRO)
                    timers.append(Timer(count, node.name, row.id, due))
                    count += 1
            for form in node.forms:
                if form.key not in done:
                    made = _ordered(node, form, snapshot, count)
                    effects.append(made)
                    count += len(made.orders) if isinstance(made, Fan) else 1
        after = but(pending, effects=tuple(effects), timers=tuple(timers), count=count)
        return but(snapshot, pending=after)

    def _known(self, node: Node) -> tuple[set[str], set[str]]:
        """The forms and the rows of a state for which the run has given orders, and begun timers."""
        done, begun = set[str](), set[str]()
        for name in ("", *self.was["in"]):
            if self._state(name) == node.name:
                forms: list[str] = self.old["states"][name]["do"]
                done |= {self.upgrade.effects.get(form, form) or "" for form in forms}
                begun |= set(self._rows(name, node).values())
        return done, begun


GIVEN_UP = object()
"""Stands for the form of a question that nobody asks any more."""


def _ordered(node: Node, given: Doing[Any], snapshot: Snapshot[Any], id: int) -> Flight:
    """What a state orders that it had not ordered: held, but for questions."""
    form: Any = given
    if not isinstance(given, Each):
        order = one_order(node, form, snapshot.data)
        life = STARTED if isinstance(form, Wait) else ADOPTED
        return Ordered(id, node.name, form.key, order, snapshot.at, life=life)
    orders = many_orders(node, form, snapshot.data)
    if not orders:
        raise ValueError(f"state {node.name!r} does {form.key!r}, which has nothing to order")
    fan = Fan(id, node.name, form.key, orders, snapshot.at, (1 << len(orders)) - 1)
    fan, begun = fan.begin(form.at_most)
    calls = [one.id - id for one in begun if not isinstance(forms_of(form)[one.part], Wait)]
    return but(fan, lives=FrozenMap(dict.fromkeys(calls, ADOPTED)))


def _is_alike(old: Any, form: Doing[Any]) -> bool:
    """Whether a form is of the kind that an outline tells of; a child also one of the same machine."""
    if old["form"] != type(form).__name__:
        return False
    return not isinstance(form, Spawn) or old["orders"] == form.machine.machine.name


def _kind(old: Any) -> str:
    return f"Spawn of {old['orders']!r}" if old["form"] == "Spawn" else str(old["form"])
