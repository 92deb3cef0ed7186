"""What is carried over, and how it is called afterwards."""

from enum import Enum
from typing import Any

import pytest
from attrs import evolve, frozen
from transitions import Machine as Flat
from transitions import State as FlatState
from transitions.extensions import HierarchicalMachine

from detent import Call, Event, Returned, WrongInput, compile_machine, draw
from detent.kernel import (
    Final,
    Happened,
    Moved,
    Snapshot,
    log_lines,
    replay,
    snapshot_at,
    walk,
)
from detent.machines.classic import Classic, from_transitions
from tests.machines.classic.lamps import Lamp, Ring

LAMP: dict[str, Any] = {
    "states": ["off", {"name": "lit", "on_enter": "shine", "on_exit": "fade"}, "ash"],
    "initial": "off",
    "transitions": [
        ["press", "off", "lit", "has_power", None, "count"],
        {"trigger": "press", "source": "lit", "dest": "off"},
        {"trigger": "burn", "source": "*", "dest": "ash", "unless": "has_power"},
        {"trigger": "wear", "source": "lit", "dest": None, "conditions": ["is_worn", "power"]},
        {"trigger": "again", "source": ["off", "lit"], "dest": "=", "after": ["shine"]},
    ],
}


def carried(**changes: Any) -> Classic[Lamp]:
    """The lamp, or one that is somewhat otherwise."""
    return from_transitions({**LAMP, **changes}, name="lamp", data=Lamp)


def after(lamp: Classic[Any], *events: Event, data: Any = None) -> Snapshot[Any]:
    """Where a walk comes to."""
    (*_, last) = walk(lamp, data or Lamp(), *events)
    here: Snapshot[Any] = last.snapshot
    return here


def test_a_lamp_is_pressed() -> None:
    lamp = carried()

    lit = after(lamp, lamp.event("press", force=2))
    off = after(lamp, lamp.event("press", force=2), lamp.event("press", 1))

    assert (lit.configuration, lit.data) == (("lit",), Lamp(presses=2, trail=("shine",)))
    assert (off.configuration, off.data.trail) == (("off",), ("shine", "fade"))


def test_conditions_are_methods_and_fields_and_take_what_the_event_brings() -> None:
    lamp = carried()
    press = lamp.event("press", 2)

    (*_, fresh) = walk(lamp, Lamp(), press, lamp.event("wear"))
    (*_, worn) = walk(lamp, Lamp(), press, lamp.event("wear", limit=2))
    (*_, dark) = walk(lamp, Lamp(power=False), press)

    assert str(fresh) == "Wear rejected in lit: no guard for Wear is true"
    assert isinstance(worn, Moved)
    assert dark.snapshot.configuration == ("off",)
    assert after(lamp, lamp.event("burn"), data=Lamp(power=False)).configuration == ("ash",)


def test_a_state_that_is_entered_again_is_left_first() -> None:
    lamp = carried()

    again = after(lamp, lamp.event("press", 1), lamp.event("again"))

    assert again.data.trail == ("shine", "fade", "shine", "shine")


def test_events_are_classes_with_the_parameters_of_the_callbacks() -> None:
    lamp = carried()

    assert {name: kind.__name__ for name, kind in lamp.events.items()} == {
        "press": "Press",
        "burn": "Burn",
        "wear": "Wear",
        "again": "Again",
    }
    assert repr(lamp.event("press", force=3)) == "Press(force=3)"
    assert repr(lamp.event("wear")) == "Wear(limit=3)"


@pytest.mark.parametrize(
    ("trigger", "fields", "why"),
    [
        ("pres", {}, "machine 'lamp' has no trigger 'pres'; did you mean 'press'?"),
        ("press", {}, "trigger 'press': "),
        ("press", {"farce": 1}, "trigger 'press': "),
    ],
)
def test_a_wrong_event_is_refused(trigger: str, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(WrongInput) as raised:
        carried().event(trigger, **fields)

    assert str(raised.value).startswith(why)


@frozen
class Pressed(Event):
    """An event of the author's own."""

    force: int = 1


@frozen
class Counter:
    """Data that takes whole events."""

    presses: int = 0

    def count(self, event: Pressed) -> "Counter":
        """Count."""
        return evolve(self, presses=self.presses + event.force)


def test_an_event_may_be_a_class_of_the_authors_own() -> None:
    press = ["press", "on", None, None, None, "count"]
    old = {"states": ["on"], "initial": "on", "transitions": [press]}
    machine = from_transitions(old, name="counter", data=Counter, events={"press": Pressed})

    assert after(machine, Pressed(5), data=Counter()).data == Counter(5)
    assert machine.event("press", 5) == Pressed(5)


def test_a_machine_is_carried_over_with_or_without_a_model() -> None:
    class Model:
        pass

    made = [Flat(Model(), **LAMP), Flat(model=None, **LAMP, auto_transitions=False)]
    rules = {compile_machine(from_transitions(one, name="lamp", data=Lamp)).rules for one in made}

    assert rules == {compile_machine(carried()).rules}


class Colour(Enum):
    """States as an enumeration."""

    RED = 1
    GREEN = 2


def test_states_may_be_an_enumeration_and_transitions_in_a_row() -> None:
    lights = Flat(model=None, states=Colour, initial=Colour.RED, auto_transitions=False)
    lights.add_ordered_transitions()
    light = from_transitions(lights, name="light", data=Lamp)
    steps = [light.event("next_state")] * 3

    assert [step.snapshot.configuration[0] for step in walk(light, Lamp(), *steps)] == [
        "RED",
        "GREEN",
        "RED",
        "GREEN",
    ]


def test_events_that_mean_nothing_are_ignored_if_the_old_machine_did_so() -> None:
    said: list[str] = []
    for lamp in (carried(), carried(ignore_invalid_triggers=True)):
        (*_, last) = walk(lamp, Lamp(power=False), lamp.event("burn"), lamp.event("press", 1))
        said.append(str(last))

    assert said == ["Press rejected in ash: Press is not expected here", "Press ignored in ash"]


def test_a_final_state_ends_the_run() -> None:
    states: list[Any] = ["off", FlatState("over", final=True)]
    old = Flat(None, states, initial="off", transitions=[["end", "off", "over"]], on_final="fade")
    machine = from_transitions(old, name="ending", data=Lamp)

    ended = after(machine, machine.event("end"))

    assert isinstance(machine.machine.parts[1], Final)
    assert (ended.status, ended.data.trail) == ("completed", ("fade",))


def test_what_acts_on_the_world_is_an_effect_of_the_state_that_is_entered() -> None:
    bell = Call(Ring, Lamp.ring, name="bell")
    states = ["off", {"name": "lit", "on_enter": ["shine", "ring"]}]
    old = {**LAMP, "states": [*states, "ash"]}
    lamp = from_transitions(old, name="lamp", data=Lamp, effects={"ring": bell})

    (*_, lit) = walk(lamp, Lamp(), lamp.event("press", 4))
    (*_, rung) = walk(
        lamp, Lamp(), lamp.event("press", 4), Happened(1, Returned("ding")), lamp.event("press", 1)
    )

    assert [order.order for order in lit.ordered] == [Ring(4)]
    assert lit.snapshot.data.trail == ("shine",)
    assert rung.snapshot.configuration == ("off",)


def test_what_the_initial_state_orders_is_ordered_when_a_run_begins() -> None:
    bell = Call(Ring, Lamp.ring, name="bell")
    states = [{"name": "on", "on_enter": ["shine", "ring"]}]
    old = {"states": states, "initial": "on", "transitions": [["again", "on", "="]]}
    lamp = from_transitions(old, name="lamp", data=Lamp, effects={"ring": bell})

    (first,) = walk(lamp, Lamp())

    assert [order.order for order in first.ordered] == [Ring(0)]
    assert (
        first.snapshot.data.trail == ()
    )  # as in the library, nothing is entered by a transition yet


@pytest.mark.parametrize(
    ("trigger", "name"), [("next_state", "NextState"), ("go on!", "GoOn"), ("2nd", "On2nd")]
)
def test_events_have_names_of_classes(trigger: str, name: str) -> None:
    old = {"states": ["on"], "initial": "on", "transitions": [[trigger, "on", None]]}

    assert from_transitions(old, name="lamp", data=Lamp).events[trigger].__name__ == name


NESTED: dict[str, Any] = {
    "states": [
        "idle",
        {
            "name": "work",
            "initial": "left",
            "on_exit": "fade",
            "parallel": [
                {
                    "name": "left",
                    "initial": "one",
                    "children": ["one", "two"],
                    "transitions": [["go", "one", "two"]],
                },
                {
                    "name": "right",
                    "initial": "three",
                    "children": [{"name": "three", "on_enter": "shine"}, "four"],
                    "transitions": [["go", "three", "four"], ["back", "four", "three"]],
                },
            ],
        },
    ],
    "initial": "idle",
    "transitions": [["start", "idle", "work"], ["stop", "work", "idle"]],
}


def test_a_machine_with_states_side_by_side_is_recorded_replayed_and_drawn() -> None:
    old = HierarchicalMachine(model=None, auto_transitions=False, **NESTED)
    busy = from_transitions(old, name="busy", data=Lamp)
    steps = list(walk(busy, Lamp(), *map(busy.event, ("start", "go", "back", "stop"))))
    log = list(log_lines(compile_machine(busy), Lamp(), steps))

    assert steps[2].snapshot.configuration == (
        *("work", "work_left", "work_left_two"),
        *("work_right", "work_right_four"),
    )
    assert steps[-1].snapshot.data.trail == ("shine", "shine", "fade")
    assert replay(log, busy).divergence is None
    assert snapshot_at(log, 3, busy) == steps[2].snapshot
    assert all("work_right_four" in text for text in (draw(busy), draw(busy, form="dot")))


def test_a_state_without_an_initial_one_is_alone_at_first() -> None:
    old = {
        "states": ["off", {"name": "lit", "children": ["dim", "bright"]}],
        "initial": "off",
        "transitions": [
            ["press", "off", "lit"],
            ["dim", "lit", "lit_dim"],
            ["more", "lit_dim", "lit_bright"],
        ],
    }
    lamp = from_transitions(old, name="lamp", data=Lamp)

    steps = walk(lamp, Lamp(), *map(lamp.event, ("press", "dim", "more", "dim")))

    assert [step.snapshot.configuration for step in steps] == [
        ("off",),
        ("lit", "lit_alone"),
        ("lit", "lit_dim"),
        ("lit", "lit_bright"),
        ("lit", "lit_dim"),
    ]


@pytest.mark.parametrize("other", ["off", "start"])
def test_a_machine_may_begin_further_inside_than_its_states_do(other: str) -> None:
    lit = {"name": "lit", "initial": "dim", "children": ["dim", "bright"]}
    ways = [["out", "lit", other], ["on", other, "lit"]]
    old = {"states": [other, lit], "initial": "lit_bright", "transitions": ways}
    lamp = from_transitions(old, name="lamp", data=Lamp)

    steps = walk(lamp, Lamp(), lamp.event("out"), lamp.event("on"))

    assert [step.snapshot.configuration for step in steps] == [
        ("lit", "lit_bright"),
        (other,),
        ("lit", "lit_dim"),
    ]


def test_going_to_a_state_inside_does_not_enter_the_state_around_again() -> None:
    bell = Call(Ring, Lamp.ring, name="bell")
    lit = {"name": "lit", "initial": "dim", "children": ["dim", "bright"], "on_enter": ["ring"]}
    ways = [["press", "off", "lit"], ["more", "lit", "lit_bright"], ["again", "lit", "lit"]]
    old = {"states": ["off", lit], "initial": "off", "transitions": ways}
    lamp = from_transitions(old, name="lamp", data=Lamp, effects={"ring": bell})

    steps = walk(lamp, Lamp(), *map(lamp.event, ("press", "more", "again")))

    assert [len(step.ordered) for step in steps][:4] == [0, 1, 0, 1]
    assert steps[2].snapshot.configuration == ("lit", "lit_bright")
