"""An independent judge: on flat machines the `transitions` package must walk where our step walks."""

from typing import Any

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from transitions import Machine as Judge

from detent import Machine, On, State, assign, compile_machine
from detent.kernel import begin, step
from detent.tools.testing.samples import EVENTS
from tests.settings import times

STATES = ("s0", "s1", "s2", "s3", "s4")


@frozen
class Count:
    """The data: what guards look at."""

    n: int = 0


@frozen
class Line:
    """One row, for both: from where, on which event, with which guard (n % 3 == guard), where to."""

    source: int
    event: int
    guard: int | None
    to: int | None


LINES = st.lists(
    st.builds(
        Line,
        st.integers(0, 4),
        st.integers(0, 3),
        st.none() | st.integers(0, 2),
        st.none() | st.integers(0, 4),
    ),
    max_size=14,
).map(lambda lines: [*(Line(n, 3, 1, n + 1) for n in range(4)), *lines])


class Model:
    """What the judge moves: it counts, as our data does."""

    state: str

    def __init__(self) -> None:
        self.n = 0

    def rest_0(self) -> bool:
        """A guard."""
        return self.n % 3 == 0

    def rest_1(self) -> bool:
        """Another."""
        return self.n % 3 == 1

    def rest_2(self) -> bool:
        """A third."""
        return self.n % 3 == 2

    def count(self) -> None:
        """What every row does."""
        self.n += 1


def ours(lines: list[Line]) -> Machine[Count, Count, Count]:
    """The machine as we write it."""
    rows: dict[int, list[On[Any]]] = {n: [] for n in range(5)}
    for line in lines:
        when = None if line.guard is None else f"data.n % 3 == {line.guard}"
        to = None if line.to is None else STATES[line.to]
        row = On[Count](EVENTS[line.event], to=to, when=when, update=assign(n="data.n + 1"))
        rows[line.source].append(row)
    states = [State(name, *rows[n]) for n, name in enumerate(STATES)]
    return Machine("judged", *states, data=Count)


def theirs(lines: list[Line]) -> Model:
    """The machine as the judge knows it."""
    model = Model()
    judge: Any = Judge(model, states=list(STATES), initial="s0", auto_transitions=False)
    for event in range(4):
        judge.add_transition(f"e{event}", "s0", None, conditions=lambda: False)
    for line in lines:
        judge.add_transition(
            f"e{line.event}",
            STATES[line.source],
            None if line.to is None else STATES[line.to],
            conditions=None if line.guard is None else f"rest_{line.guard}",
            after="count",
        )
    judge.ignore_invalid_triggers = True
    for state in judge.states.values():
        state.ignore_invalid_triggers = True
    return model


@settings(max_examples=times(150))
@given(LINES, st.lists(st.integers(0, 3), max_size=30))
def test_our_step_walks_where_the_judge_walks(lines: list[Line], events: list[int]) -> None:
    table = compile_machine(ours(lines))
    now = begin(table, Count()).snapshot
    model = theirs(lines)

    for event in events:
        now = step(table, now, EVENTS[event]()).snapshot
        getattr(model, f"e{event}")()
        assert now.configuration == (model.state,)
        assert now.data.n == model.n
