"""What the step, begin and walk come to, and what a snapshot holds."""

from typing import assert_type

from detent import (
    Broken,
    Deferred,
    Definition,
    Ignored,
    Moved,
    Rejected,
    Snapshot,
    Stepped,
    compile_machine,
)
from detent.kernel import (
    Bug,
    Elapse,
    Happened,
    Table,
    advance,
    begin,
    checked_step,
    elapse,
    recall,
    step,
    walk,
)
from tests.typing.good_fan import Reply, Talk, agent, ask
from tests.typing.good_order import Add, Cart, Pay, order

table = compile_machine(agent)
assert_type(table, Table[str, Talk, str])

first = begin(table, "What is the time?")
assert_type(first, Moved[Talk])
assert_type(first.snapshot, Snapshot[Talk])
assert_type(first.snapshot.data, Talk)
assert_type(first.snapshot.data.messages, tuple[str, ...])
assert_type(first.snapshot.is_in("thinking"), bool)

stepped = step(table, first.snapshot, Happened(1, ask.returned(Reply("Late.")).event), at=5)
assert_type(stepped, Stepped[Talk])
assert_type(stepped.snapshot.data.turns, int)
assert_type(checked_step(table, first.snapshot, Pay()), Stepped[Talk])
assert_type(recall(table, first.snapshot), Stepped[Talk] | None)

for one in advance(table, first.snapshot, Pay()):
    assert_type(one, Stepped[Talk])

assert_type(elapse(3.5), Elapse)
walked = walk(agent, "What is the time?", ask.returned(Reply("Late.")), elapse(1))
assert_type(walked, tuple[Stepped[Talk], ...])
assert_type(walk(table, "And now?"), tuple[Stepped[Talk], ...])
assert_type(walk(order, Cart(), Add(3), Pay()), tuple[Stepped[Cart], ...])


def told(answer: Stepped[Cart]) -> str:
    """All five answers; a checker knows that there is no sixth."""
    match answer:
        case Moved():
            return f"{len(answer.ordered)} ordered"
        case Ignored() | Deferred():
            return "nothing yet"
        case Rejected():
            return answer.why
        case Broken(bug=bug):
            assert_type(bug, Bug)
            return str(bug)


def weighed(snapshot: Snapshot[object]) -> int:
    """A snapshot of any data is a snapshot of an object."""
    return len(snapshot.effects) + len(snapshot.timers)


def begun(definition: Definition[str, Talk, str]) -> Snapshot[Talk]:
    """A machine is a definition of itself."""
    return begin(compile_machine(definition), "Hello?").snapshot


assert_type(weighed(first.snapshot), int)
assert_type(begun(agent), Snapshot[Talk])
