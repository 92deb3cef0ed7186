"""What the library lets through silently, and what cannot be carried over: all of it is told, with the way out."""

from typing import Any

import pytest
from transitions import Machine as Flat
from transitions.extensions import HierarchicalMachine
from transitions.extensions.states import Timeout, add_state_features

from detent import Call, Event, InvalidMachine, WrongInput
from detent.machines.classic import from_transitions
from tests.machines.classic.lamps import Lamp, Ring

STATES = ["off", {"name": "lit", "on_enter": "shine", "on_exit": "fade"}, "ash"]


def faults(old: Any, **options: Any) -> list[str]:
    """What is wrong with a machine, line by line."""
    with pytest.raises(InvalidMachine) as raised:
        from_transitions(old, name="lamp", data=Lamp, **options)
    return [str(mistake).removesuffix(" [classic]") for mistake in raised.value.mistakes]


def lamp(*transitions: Any, **changes: Any) -> dict[str, Any]:
    """The configuration of a lamp."""
    ways = [["press", "off", "lit"], ["burn", "lit", "ash"], *transitions]
    return {"states": STATES, "initial": "off", "transitions": ways, **changes}


NO_SUCH = "Lamp has no such method; did you mean"

PLANTED: list[tuple[Any, str]] = [
    (
        ["press", "lit", "offf"],
        "transition 3 'press': dest='offf': there is no such state; did you mean 'off'?",
    ),
    (
        {"trigger": "burn", "source": "off", "dest": "ash", "unless": "has_powr"},
        f"transition 3 'burn': unless='has_powr': {NO_SUCH} 'has_power'?",
    ),
    (
        {"trigger": "burn", "source": "off", "dest": "ash", "before": ["count", "shin"]},
        f"transition 3 'burn': before='shin': {NO_SUCH} 'shine'?",
    ),
    (
        ["count", "off", "ash"],
        "trigger 'count': Lamp has a method of that name, which the library calls instead, silently. "
        "Give one of them another name.",
    ),
    (
        {"trigger": "burn", "source": "off", "dest": "ash", "after": "spoil"},
        "transition 3 'burn': after='spoil': Lamp.spoil returns nothing: data does not change, so return what it "
        "changes to (attrs.evolve(self, ...))",
    ),
    (
        {"trigger": "burn", "source": "off", "dest": "ash", "after": "wait"},
        "transition 3 'burn': after='wait': Lamp.wait is a coroutine; declare it as an effect",
    ),
    (
        {"trigger": "burn", "source": "off", "dest": "ash", "after": "untold"},
        "transition 3 'burn': after='untold': Lamp.untold does not say of which type its parameter 'force' is",
    ),
    (
        {"trigger": "burn", "source": "off", "dest": "ash", "after": ["count", "loud"]},
        "transition 3 'burn': after='loud': 'force' is <class 'str'> here, and <class 'int'> elsewhere.",
    ),
    (
        {"trigger": "burn", "source": "off", "dest": "ash", "conditions": lambda: True},
        "transition 3 'burn': conditions='<lambda>': has no name. Make it a method of Lamp, and name that.",
    ),
    (
        {"trigger": "burn", "source": "off", "dest": "ash", "before": "ring"},
        "transition 3 'burn': before='ring': is an effect, and effects are ordered by states. "
        "Name it in on_enter of a state.",
    ),
]


@pytest.mark.parametrize(("transition", "fault"), PLANTED)
def test_a_planted_mistake_is_told_with_its_place(transition: Any, fault: str) -> None:
    ringing = {"name": "ash", "on_enter": "ring"}
    old = lamp(transition, states=[*STATES[:2], ringing])

    found = faults(old, effects={"ring": Call(Ring, Lamp.ring)})

    assert found == [fault]


def test_all_mistakes_are_told_at_once() -> None:
    found = faults(lamp(*(transition for transition, _ in PLANTED[:4])))

    assert len(found) == 4


def test_what_hides_a_trigger_in_the_old_model_is_told() -> None:
    class Model:
        def press(self) -> None:
            """What is called instead of the trigger."""

    (found,) = faults(Flat(Model(), **lamp(), auto_transitions=False))

    assert found.startswith("trigger 'press': Model has a method of that name")


def test_what_hides_a_trigger_in_a_machine_that_is_its_own_model_is_told() -> None:
    class Own(Flat):
        def press(self) -> None:
            """What is called instead of the trigger."""

    (found,) = faults(Own(**lamp(), auto_transitions=False))

    assert found.startswith("trigger 'press': Own has a method of that name")


def test_two_triggers_that_would_have_one_event_are_told() -> None:
    (found,) = faults(lamp(["Press", "lit", "off"]))

    assert found == (
        "trigger 'Press': its event would be called Press, as that of 'press'. Give one of them another name."
    )


def test_a_transition_of_a_machine_is_named_by_where_it_leads() -> None:
    old = Flat(None, **lamp(["press", "lit", "offf"]), auto_transitions=False)

    (found,) = faults(old)

    assert found.startswith("transition 'press' (lit -> offf): dest='offf'")


def test_callbacks_of_states_are_looked_up_too() -> None:
    states = ["off", {"name": "lit", "on_enter": "shime"}, "ash"]

    (found,) = faults(lamp(states=states))

    assert found == f"state 'lit': on_enter='shime': {NO_SUCH} 'shine'?"


def test_what_has_no_place_in_a_table_is_refused() -> None:
    old = lamp(finalize_event="shine", on_exception="fade")

    assert [one.partition(":")[2].partition(" cannot")[0] for one in faults(old)] == [
        " finalize_event",
        " on_exception",
    ]


def test_an_effect_that_no_state_orders_is_told() -> None:
    (found,) = faults(lamp(), effects={"ringg": Call(Ring, Lamp.ring)})

    assert found.startswith("the machine: effects['ringg'] is on_enter of no state")


def test_a_state_with_a_time_limit_is_refused() -> None:
    @add_state_features(Timeout)
    class Timed(Flat):
        pass

    states = [*STATES, {"name": "late", "timeout": 5, "on_timeout": "fade"}]
    old = Timed(None, **lamp(["press", "ash", "late"], states=states), auto_transitions=False)

    (found,) = faults(old)

    assert found.startswith("state 'late': timeout cannot be carried over. After(...) waits")


def test_a_final_state_that_goes_on_is_refused() -> None:
    states = [*STATES[:2], {"name": "ash", "final": True}]

    (found,) = faults(lamp(["press", "ash", "off"], states=states))

    assert found.startswith("state 'ash': is final, and has transitions.")


def test_an_event_that_lacks_what_a_callback_takes_is_told() -> None:
    class Hit(Event):
        """An event without fields."""

    old = lamp({"trigger": "hit", "source": "lit", "dest": "off", "after": "count"})

    (found,) = faults(old, events={"hit": Hit})

    assert found == "trigger 'hit': Hit has no field 'force', which a callback takes."


@pytest.mark.parametrize(
    ("old", "why"),
    [
        (5, "5 is no machine of transitions, and no configuration of one"),
        (
            {"states": ["a", {"name": "b", "children": ["c", "c"]}], "initial": "a"},
            "transitions refuses this configuration: state 'c' is there twice, and the library keeps the last",
        ),
        ({"stats": ["a"]}, "transitions refuses this configuration: "),
        (lamp({"triger": "press"}), "transitions refuses this configuration: "),
    ],
)
def test_what_is_no_machine_is_refused(old: Any, why: str) -> None:
    with pytest.raises(WrongInput) as raised:
        from_transitions(old, name="lamp", data=Lamp)

    assert str(raised.value).startswith(why)


def test_a_field_of_the_data_may_be_called_as_a_trigger() -> None:
    assert from_transitions(lamp(["power", "lit", "off"]), name="lamp", data=Lamp).event("power")


def test_an_event_for_no_trigger_is_told() -> None:
    class Hit(Event):
        """An event."""

    (found,) = faults(lamp(), events={"pres": Hit})

    assert found == "the machine: events['pres']: there is no such trigger; did you mean 'press'?"


def test_a_machine_that_begins_nowhere_is_refused() -> None:
    (found,) = faults(Flat(None, **lamp(initial=None), auto_transitions=False))

    assert found == "the machine: has no initial state. Say in which it begins."


# -- states inside states


def side_by_side(*transitions: Any, **changes: Any) -> dict[str, Any]:
    """A machine with two regions."""
    regions = [
        {"name": "x", "initial": "1", "children": ["1", {"name": "2", **changes}]},
        {"name": "y", "initial": "3", "children": ["3", "4"]},
    ]
    ways = [["go", "p_x_1", "p_x_2"], ["go", "p_y_3", "p_y_4"], ["on", "a", "p"], *transitions]
    return {
        "states": ["a", {"name": "p", "parallel": regions}],
        "initial": "a",
        "transitions": ways,
    }


@pytest.mark.parametrize(
    "transition", [["cross", "p_x_1", "p_y_4"], ["in", "a", "p_y_4"], ["in", "p", "p_x_2"]]
)
def test_one_of_several_regions_is_not_entered_alone(transition: list[str]) -> None:
    (found,) = faults(side_by_side(transition))

    assert "goes to one of the states that are side by side in 'p'. Let it go to 'p'" in found


def test_what_is_left_must_be_known() -> None:
    found = faults(side_by_side(["out", "p", "a"], on_exit="fade"))

    assert (
        "transition 4 'out': leaves 'p_x_2', if that is active, which has on_exit='fade'."
        in found[0]
    )


def test_what_prepares_may_not_depend_on_a_region() -> None:
    line = {"trigger": "out", "source": "p", "dest": "a", "prepare": "shine"}

    (found,) = faults(side_by_side(line))

    assert "depends on which of several states side by side is active" in found


def test_only_some_of_the_states_side_by_side() -> None:
    states = ["a", {"name": "p", "initial": ["x", "y"], "children": ["x", "y", "z"]}]
    old = {"states": states, "initial": "a", "transitions": [["on", "a", "p"]]}

    (found,) = faults(old)

    assert found.startswith("state 'p': only some of the states inside it are active side by side")


def test_what_was_declared_further_inside_is_asked_first() -> None:
    inner = {"name": "b", "initial": "c", "children": ["c", "d"]}
    outer = {"name": "a", "initial": "b", "children": [inner], "transitions": [["go", "b", None]]}
    old = {"states": [outer], "initial": "a", "transitions": [["go", "a_b_c", "a_b_d"]]}

    (found,) = faults(old)

    assert "is asked after that of 'a_b', which was declared further inside" in found


def test_prepare_event_runs_too_often_in_nested_machines() -> None:
    (found,) = faults(side_by_side() | {"prepare_event": "shine"})

    assert found.startswith("the machine: prepare_event runs once for every state that is asked")


def test_the_end_of_a_nested_machine_is_more_than_one_final_state() -> None:
    (found,) = faults(side_by_side() | {"on_final": "shine"})

    assert found.startswith("the machine: on_final of a nested machine waits until every active")


def test_a_machine_that_begins_in_one_of_several_regions_is_refused() -> None:
    (found,) = faults(side_by_side() | {"initial": "p_x"})

    assert found.startswith("the machine: begins in one of the states side by side around 'p_x'.")


def test_a_machine_that_begins_in_several_states_is_refused() -> None:
    old = HierarchicalMachine(None, ["a", "b"], initial=["a", "b"], auto_transitions=False)

    (found,) = faults(old)

    assert found.startswith("the machine: begins in several states at once.")
