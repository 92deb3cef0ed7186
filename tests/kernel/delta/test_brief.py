"""What is said briefly is what is said at length, to the byte; and it is followed alike."""

from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    BrokenBegin,
    Call,
    Effect,
    Happened,
    Machine,
    On,
    Returned,
    Snapshot,
    State,
    begin,
    compile_machine,
    step,
)
from detent.kernel.applying import Folding, may_refer
from detent.kernel.delta import Brief, Changes
from detent.kernel.edits import BadEdit
from detent.kernel.facts import but
from detent.kernel.scribe import EMPTY, Scribe, scribe_of
from detent.kernel.steps import Stepped
from detent.kernel.values import moment
from detent.kernel.wire import Tree, spelled
from tests.kernel.delta.logs import Made, Talk, ask, entries_of, walked
from tests.settings import times

AT = 1_760_000_000_000_000

again = Call(ask.effect, Talk.ask, name="again")
monologue = Machine(
    "monologue",
    State("here", On(ask.returned, to="there", update=Talk.keep), On(ask.failed), do=ask),
    State(
        "there",
        On(again.returned, to="here", when="event.value != 'stay'", update=Talk.keep),
        On(again.returned, update=Talk.keep),
        On(again.failed),
        do=again,
    ),
    data=Talk,
)


@frozen
class Add(Effect[int], recovery="pure"):
    """An order of numbers alone."""

    n: int
    times: float = 0.5


@frozen
class Counted:
    """Data of numbers alone."""

    n: int = 0
    was: float = 0.5
    is_odd: bool = False

    def add(self) -> Add:
        """The next."""
        return Add(self.n)

    def note(self, event: Returned[int]) -> "Counted":
        """What came of it."""
        return evolve(self, n=event.value, is_odd=event.value % 2 == 1)


adding = Call(Add, Counted.add)
counting = Machine(
    "counting",
    State("on", On(adding.returned, to="on", update=Counted.note), On(adding.failed), do=adding),
    data=Counted,
)


def nested(depth: int) -> Tree:
    """An edit of something deep inside."""
    edit: Tree = [1]
    for _ in range(depth):
        edit = {"deep": edit}
    return edit


def at_length(scribe: Scribe, before: Snapshot[Any], stepped: Stepped[Any]) -> bytes:
    """What is written of an answer that moved the run, by those who look at everything."""
    after, signal = stepped.snapshot, stepped.signal
    assert signal is not None
    event = scribe.write_signal(signal, before.pending.effects, after.at)
    return spelled([event, Changes(scribe).between(before, after, event)])


@settings(max_examples=times(200))
@given(walked())
def test_whatever_happens_to_a_machine_is_said_alike(made: Made) -> None:
    table, walk = made
    scribe = scribe_of(table)
    brief = Brief(scribe, Changes(scribe))
    try:
        now = begin(table, walk.input).snapshot
    except BrokenBegin:
        return

    for signal, at in walk.signals:
        stepped = step(table, now, signal, at)
        told = brief.told(now, stepped)
        if told is not None:
            assert spelled([*told]) == at_length(scribe, now, stepped)
        now = stepped.snapshot


words = st.sampled_from(["", "stay", "a text of which it is worth while to say where it stands"])


@settings(max_examples=times(100))
@given(
    st.lists(st.tuples(words, st.sampled_from([0, 5])), max_size=6),
    st.sampled_from(["all", "last", "first", "guided", "both", "rebuilt"]),
)
def test_orders_and_data_that_point_to_one_another_are_said_alike(
    said: list[tuple[str, int]], how: str
) -> None:
    """Also outcomes that came before they were written, and say when."""
    table = compile_machine(monologue)
    now = begin(table, Talk(how=how), AT).snapshot
    scribe = scribe_of(table)
    brief = Brief(scribe, Changes(scribe))
    for text, late in said:
        if not now.effects:
            break
        came: Returned[str] = Returned(text, at=moment(now.at + 5 - late))
        stepped = step(table, now, Happened(now.effects[0].id, came), now.at + 5)
        told = brief.told(now, stepped)
        assert told is not None
        assert spelled([*told]) == at_length(scribe, now, stepped)
        now = stepped.snapshot


def test_what_cannot_be_written_is_not_said() -> None:
    table = compile_machine(monologue)
    now = begin(table, Talk(), AT).snapshot
    wrong: Any = evolve(Talk(), how=7)  # type: ignore[arg-type]
    stepped: Any = step(table, now, Happened(1, Returned("a", at=moment(AT))), AT)
    scribe = scribe_of(table)
    broken = but(stepped, snapshot=but(stepped.snapshot, data=wrong))

    assert Brief(scribe, Changes(scribe)).told(now, broken) is None


@settings(max_examples=times(60))
@given(walked())
def test_entries_are_followed_alike_whether_or_not_anything_is_looked_for(made: Made) -> None:
    """An entry whose bytes hold no reference may be followed without looking for any."""
    one, other = Folding(EMPTY), Folding(EMPTY)
    for told in entries_of(made):
        entry = told.entry
        one.follow(entry.delta, entry.event, entry.at)
        other.follow(entry.delta, entry.event, entry.at, may_refer(entry.body))
        assert spelled(one.frame()) == spelled(other.frame())


def test_plain_data_is_said_alike() -> None:
    """Numbers alone: nothing could point to them, or be pointed to."""
    table = compile_machine(counting)
    scribe = scribe_of(table)
    brief, large = Brief(scribe, Changes(scribe)), 2**62
    now = begin(table, Counted(), AT).snapshot
    for value in (0, 0, 1, -large, large):
        stepped = step(table, now, Happened(now.effects[0].id, Returned(value)), now.at + 5)
        told = brief.told(now, stepped)
        assert told is not None
        assert spelled([*told]) == at_length(scribe, now, stepped)
        now = stepped.snapshot


EFFECT: Tree = ["here", "ask", 0, {"$": "Ask"}]
OUTCOME: Tree = {"$happened": [1, {"$": "Returned", "value": 1}]}


@pytest.mark.parametrize(
    ("delta", "why"),
    [
        ({"effects": {"x": [EFFECT]}}, "'?x'? is no id"),
        ({"data": nested(2_000), "effects": {"2": [EFFECT]}}, "nested too deeply"),
        ({"data": {"nothing": {"of": [1]}}, "effects": {"2": [EFFECT]}}, "there is no 'nothing'"),
    ],
)
def test_what_does_not_fit_is_refused_also_where_little_is_said(delta: Any, why: str) -> None:
    frame: dict[str, Tree] = {**EMPTY, "data": nested(3_000), "effects": {"1": EFFECT}}

    with pytest.raises(BadEdit, match=why):
        Folding(frame).follow(delta, OUTCOME, 0, refers=False)
