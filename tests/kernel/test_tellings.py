"""What is told to who listens: where things are, read off frames alone."""

from typing import Any

import trio
from attrs import frozen
from hypothesis import given, settings

from detent import Call, Each, Final, Machine, On, Region, State, compile_machine, handle
from detent.kernel import lore_from, lore_of
from detent.tools.testing import machines
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.ears import Ear
from tests.kernel.scheduler.toys import Again, Leave, call, gives, opened, outcomes_of
from tests.settings import times


@settings(max_examples=times(30))
@given(machines())
def test_a_machine_and_the_outline_it_leaves_say_the_same(machine: Machine[Any, Any, Any]) -> None:
    table = compile_machine(machine)

    assert lore_from(table.shape_outline) == lore_of(table)


@frozen
class Many:
    """Some orders."""

    n: int = 3

    def many(self) -> tuple[Again, ...]:
        """As many as it says."""
        return tuple(Again(n) for n in range(self.n))


@virtually
async def test_it_says_which_states_are_active_and_who_ordered_what() -> None:
    ear = Ear()
    each: Each[Many, int] = Each(Call(Again), Many.many, at_most=2)
    watch = call(Again, name="watch")
    machine: Machine[Any, Any, Any] = Machine(
        "regions",
        On(outcomes_of(watch)),
        State(
            "both",
            Region("left", State("resting"), do=each),
            Region("right", State("idle")),
            On(each.settled),
            On(Leave, to="done"),
        ),
        Final("done"),
        data=Many,
        background=watch,
    )
    async with opened(machine, handlers=[handle(Again, gives(after=5))], taps=[ear]) as kernel:
        run = await kernel.start(machine, Many(), id="r")
        await trio.sleep(1)
        await run.send(Leave())
        await run.wait_end()

    first, second = ear.tellings[:2]
    assert first.states == ("resting", "idle")
    assert second.states == ("done",)
    assert first.flying == ()
    assert sorted((one.owner, one.form) for one in second.flying) == [
        ("", "watch"),
        ("left", "again"),
        ("left", "again"),
    ]
    watching, *begun = sorted(one.id for one in second.flying)
    assert [second.state_of(id) for id in begun] == ["left", "left"]
    assert (second.state_of(max(begun) + 1), second.state_of(max(begun) + 2)) == ("left", "")
    assert second.state_of(watching) == ""
