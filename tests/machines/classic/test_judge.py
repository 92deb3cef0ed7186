"""The library as judge: what was carried over walks where the old machine walks, and does what it does."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from transitions import Machine as Flat
from transitions.extensions import HierarchicalMachine

from detent.kernel import begin, compile_machine, step
from detent.machines.classic import from_transitions
from tests.machines.classic.twins import Model, Twin, flat, nested
from tests.settings import times

EVENTS = st.lists(st.integers(0, 99), min_size=1, max_size=40)


@settings(max_examples=times(150))
@given(flat(), EVENTS)
def test_a_flat_machine_does_what_it_did(configuration: dict[str, Any], events: list[int]) -> None:
    judged(Flat, configuration, events)


@settings(max_examples=times(150))
@given(nested(), EVENTS)
def test_a_nested_machine_does_what_it_did(
    configuration: dict[str, Any], events: list[int]
) -> None:
    judged(HierarchicalMachine, configuration, events)


def judged(kind: Any, configuration: dict[str, Any], events: list[int]) -> None:
    """Walk both ways with the same events."""
    model = Model()
    kind(model, auto_transitions=False, **configuration)
    start = model.state
    for old in (configuration, kind(model=None, auto_transitions=False, **configuration)):
        carried = from_transitions(old, name="carried", data=Twin)
        table = compile_machine(carried)
        now, model.data = begin(table, Twin()).snapshot, Twin()
        model.state = start
        triggers = sorted(carried.events)
        for number in events:
            event = triggers[number % len(triggers)]
            model.trigger(event)
            now = step(table, now, carried.event(event)).snapshot
            assert innermost(now.configuration) == model.state
            assert now.data == model.data


def innermost(configuration: tuple[str, ...]) -> str:
    """Where a machine is, as the library calls it."""
    return configuration[-1].removesuffix("_alone")
