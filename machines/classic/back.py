"""A machine of ours as one of the `transitions` package: for its drawings, and as a second opinion.

Rule 1: a state is called as it is here; where the library wants a path, `/` stands between the names.
Rule 2: what the library has no word for (timers, eventless rows, deferral, history, effects) is there to be drawn, as
        triggers that nobody calls.
"""

from collections.abc import Callable, Iterator
from typing import Any

from transitions.extensions.nesting import HierarchicalMachine

from detent.kernel import Definition, Event, Node, Row, Table, compile_machine

__all__ = ["Model", "to_transitions"]

SEPARATOR = "/"


class Model:
    """What the library moves: its data, and the state it is in."""

    state: Any

    def __init__(self, data: Any = None) -> None:
        self.data = data

    def send(self, event: Event) -> bool:
        """Trigger what an event is called, and say whether anything was taken."""
        trigger: Callable[..., bool] = self.__dict__["trigger"]
        return bool(trigger(type(event).__name__, event))

    @property
    def active(self) -> frozenset[str]:
        """The names of all active states."""
        paths = [self.state] if isinstance(self.state, str) else _flat(self.state)
        return frozenset(name for path in paths for name in path.split(SEPARATOR))


def to_transitions(
    machine: Definition[Any, Any, Any],
    data: Any = None,
    *,
    kind: type[HierarchicalMachine] = HierarchicalMachine,
    **options: Any,
) -> Any:
    """The machine as one of `transitions`, with a Model that has the data.

    `to_transitions(order, Cart()).model.send(Pay())` is a step. `kind` is the class of the library that is made
    (`HierarchicalGraphMachine` draws), `options` are for it.
    """
    table = compile_machine(machine)
    states = type("State", (kind.state_cls,), {"separator": SEPARATOR})
    made = type(kind.__name__, (kind,), {"state_cls": states})
    model = Model(data)
    top = table.nodes[0]
    whole: Any = made(
        model,
        states=[_state(table, table.nodes[child]) for child in _inside(top, table)],
        initial=_path(table, top.initial),
        auto_transitions=False,
        ignore_invalid_triggers=True,
        **options,
    )
    for line in _lines(table, model):
        whole.add_transition(**line)
    return whole


def _state(table: Table[Any, Any, Any], node: Node) -> dict[str, Any]:
    said: dict[str, Any] = {"name": node.name}
    inner = [_state(table, table.nodes[child]) for child in _inside(node, table)]
    if node.kind == "parallel":
        said["parallel"] = inner
    elif inner:
        said |= {"children": inner, "initial": table.nodes[node.initial].name}
    if node.kind == "final":
        said["final"] = True
    return said


def _inside(node: Node, table: Table[Any, Any, Any]) -> Iterator[int]:
    """The states inside a state; ways back are none."""
    return (child for child in node.children if table.nodes[child].kind != "history")


def _lines(table: Table[Any, Any, Any], model: Model) -> Iterator[dict[str, Any]]:
    """What the library calls transitions, in the order in which they are tried."""
    for node in (*table.nodes[1:], table.nodes[0]):  # rows of the machine are asked last
        places = [node.index] if node.index else list(_inside(node, table))
        places = [place for place in places if table.nodes[place].kind != "final" or node.index]
        for source in (_path(table, place) for place in places):
            for row in node.rows:
                for trigger in _triggers(row):
                    yield {"trigger": trigger, "source": source, **_said(table, row, model)}


def _said(table: Table[Any, Any, Any], row: Row, model: Model) -> dict[str, Any]:
    """Where a row leads, when, and what it changes."""

    def holds(event: Any = None) -> bool:
        return row.guard is None or row.guard(model.data, event) is True

    def change(event: Any = None) -> None:
        if row.update is not None:
            model.data = row.update(model.data, event)

    holds.__name__ = row.guard_name or "true"
    change.__name__ = row.update_name or "nothing"
    target = row.target
    if target is not None and table.nodes[target].kind == "history":
        target = table.nodes[target].parent
    said: dict[str, Any] = {"dest": None if target is None else _path(table, target)}
    if row.guard is not None:
        said["conditions"] = holds
    if row.update is not None:
        said["before"] = change
    return said


def _triggers(row: Row) -> Iterator[str]:
    if row.kind != "on":
        yield f"after {row.seconds} s" if row.kind == "after" else row.kind
    for trigger in row.triggers:
        form, kind = trigger if isinstance(trigger, tuple) else ("", trigger)
        yield f"{form}.{kind.__name__}" if form else kind.__name__


def _path(table: Table[Any, Any, Any], index: int) -> str:
    around = [outer for outer in table.ancestors(index) if outer]
    return SEPARATOR.join(table.nodes[place].name for place in (*reversed(around), index))


def _flat(states: Any) -> list[str]:
    """Active states, which the library lists as they are nested."""
    return [states] if isinstance(states, str) else [path for one in states for path in _flat(one)]
