"""What keeps effects from beginning: workers and threads in their order, places of runs, limiters and breakers."""

from typing import Any

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from detent import Breaker, Failed, Limiter, Limits, Problem, Returned, Stopped, World, handle
from detent.kernel import Cell
from detent.kernel.scheduler import Way, serve
from detent.kernel.scheduler.gates import OPEN, Asked, Changed, Gates, Places, Slots, names_of
from tests.kernel.scheduler.toys import Again, call, doing, gives

FAILED = Failed(Problem("x"))
LIMITERS = {"slow": Limiter(2, 10.0)}
BREAKERS = {"bank": Breaker(failures=1, cool_down=30.0)}
WHO = st.tuples(st.sampled_from("ab"), st.integers(1, 3))


@frozen
class Is:
    """Something with which a way is made."""

    workers: int | None = None
    blocks: bool = False


def blocking(order: Again) -> int:
    """A handler that gets a thread."""
    return order.n


def ways(is_like: Is = Is(), **options: Any) -> dict[tuple[str, int], Way]:
    """How the one effect of a machine is performed, by form and part."""
    by: Any = blocking if is_like.blocks else gives()
    handled = handle(Again, by, workers=is_like.workers)
    machine = doing(call(Again, **options))
    world = World(machine, handlers=[handled], limiters=LIMITERS, breakers=BREAKERS)
    return dict(serve(world)["doing"].ways)


def way(is_like: Is = Is(), **options: Any) -> Way:
    """How the one effect of a machine is performed."""
    (one,) = ways(is_like, **options).values()
    return one


class SlotsAreKept(RuleBasedStateMachine):
    """Whoever comes, leaves, and gives up: nobody overtakes, and no place is lost or given twice."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots(2)
        self.line: list[Any] = []

    @rule(who=WHO)
    def take(self, who: tuple[str, int]) -> None:
        """Somebody asks for a place."""
        had = who in self.slots.taken

        took = self.slots.take(who)

        if not took and who not in self.line:
            self.line.append(who)
        assert not took or had or who not in self.line

    @precondition(lambda self: self.slots.taken or self.line)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Somebody gives a place back, or waits no longer."""
        who = data.draw(st.sampled_from(sorted({*self.slots.taken, *self.line})))
        held = who in self.slots.taken

        first = self.slots.leave(who)

        if not held:
            self.line.remove(who)
        assert (first is None) == (not held or not self.line)
        assert first is None or first == self.line.pop(0)

    @invariant()
    def nobody_waits_before_a_free_place(self) -> None:
        """And no more places are taken than there are."""
        assert list(self.slots.waiting) == self.line
        assert len(self.slots.taken) <= 2
        assert not self.line or len(self.slots.taken) == 2


TestSlotsAreKept = SlotsAreKept.TestCase


@given(st.lists(st.tuples(WHO, st.booleans()), max_size=30), st.integers(1, 3))
def test_no_more_runs_have_a_place_than_there_are(steps: list[Any], limit: int) -> None:
    places = Places(limit)

    for who, leaves in steps:
        if leaves:
            freed = places.leave(who[0])
            assert all(run in places.taken for run, _ in freed)
        else:
            places.take(who)

        assert len(places.taken) <= limit
        assert not {run for run, _ in places.waiting} & places.taken
        assert not places.waiting or len(places.taken) == limit


def test_somebody_may_take_his_turn_when_there_is_room() -> None:
    slots = Slots(1)
    slots.take(("a", 1))
    slots.take(("b", 1))
    slots.taken.clear()

    assert not slots.take(("c", 1))
    assert slots.take(("b", 1))
    assert list(slots.waiting) == [("c", 1)]


def test_who_holds_nothing_frees_what_is_free() -> None:
    slots = Slots(1)
    slots.waiting.append(("b", 1))

    assert slots.leave(("a", 1)) == ("b", 1)


def test_any_number_of_runs_have_a_place_where_there_is_no_limit() -> None:
    places = Places(None)

    assert places.take(("a", 1))
    assert places.leave("a") == []


def test_all_that_a_run_has_waiting_is_let_in_with_it() -> None:
    places = Places(1)
    places.take(("a", 1))
    for effect in (1, 2, 1):
        places.take(("b", effect))
    places.take(("c", 1))

    assert places.leave("a") == [("b", 1), ("b", 2)]
    assert places.take(("b", 3))
    assert places.leave("b") == [("c", 1)]


def test_the_gates_say_which_of_them_is_in_the_way() -> None:
    gates, changed = Gates(Limits(threads=1, runs=2)), Changed()
    worked, threaded, limited = way(Is(1)), way(Is(blocks=True)), way(limit="slow")
    for effect in (1, 2):
        gates.ask(("a", effect), limited, 0, changed)

    assert gates.ask(("a", 3), worked, 0, changed) is OPEN
    assert gates.ask(("a", 4), worked, 0, changed) == Asked("capacity:Again")
    assert gates.ask(("b", 1), threaded, 0, changed) is OPEN
    assert gates.ask(("b", 2), threaded, 0, changed) == Asked("capacity:threads")
    assert gates.ask(("c", 1), threaded, 0, changed) == Asked("capacity:runs")
    assert gates.ask(("a", 5), limited, 1, changed) == Asked("limit:slow", 10_000_000)
    gates.draining = True
    assert gates.ask(("a", 6), worked, 0, changed) == Asked("drain")


def test_who_leaves_lets_the_next_one_in() -> None:
    gates, changed, one = Gates(Limits(threads=1)), Changed(), way(Is(1, blocks=True))
    for effect in (1, 2, 3):
        gates.ask(("a", effect), one, 0, changed)

    assert gates.leave(("a", 1), one) == [("a", 2)]
    assert gates.ask(("a", 2), one, 0, changed) is OPEN
    assert gates.give_back(("a", 3)) == []
    assert gates.give_back(("a", 2)) == []
    assert gates.ask(("a", 4), one, 0, changed) is OPEN


def test_who_may_not_begin_keeps_no_place() -> None:
    gates, changed, one = Gates(Limits()), Changed(), way(Is(1), limit="slow")
    for effect in (1, 2):
        gates.ask(("a", effect), one, 0, changed)
        gates.leave(("a", effect), one)
    gates.ask(("b", 1), one, 10_000_000, changed)
    gates.ask(("b", 2), one, 10_000_000, changed)

    gates.leave(("b", 1), one)  # b/2 has the place now, and may not begin
    asked = gates.ask(("b", 2), one, 10_000_001, changed)

    assert asked == OPEN
    gates.ask(("b", 3), one, 10_000_002, changed)
    gates.leave(("b", 2), one)
    assert gates.ask(("b", 3), one, 10_000_003, changed) == Asked("limit:slow", 20_000_000)
    assert gates.ask(("b", 4), way(Is(1)), 10_000_004, changed) is OPEN


def test_a_breaker_that_is_open_declines() -> None:
    gates, changed, one = Gates(Limits()), Changed(), way(breaker="bank")
    gates.heard(("a", 1), one, FAILED, 0, changed)

    assert gates.ask(("a", 2), one, 1, changed) == Asked(declined="breaker:bank")
    assert changed.words == [("bank", "open")]
    assert changed.cells["breaker:bank"] == Cell("breaker:bank", {"opened": 0}, 0)


def test_what_has_no_breaker_tells_none() -> None:
    gates, changed = Gates(Limits()), Changed()

    gates.heard(("a", 1), way(), FAILED, 0, changed)

    assert changed.cells == {}


def test_a_breaker_is_half_open_only_when_somebody_tries() -> None:
    gates, changed, one = Gates(Limits()), Changed(), way(Is(1), breaker="bank")
    gates.ask(("a", 1), one, 0, changed)
    gates.heard(("a", 1), one, FAILED, 0, changed)

    asked = gates.ask(("a", 2), one, 30_000_000, changed)

    assert asked == Asked("capacity:Again")
    assert changed.words == [("bank", "open")]
    gates.leave(("a", 1), one)
    assert gates.ask(("a", 2), one, 30_000_000, changed) is OPEN
    assert changed.words == [("bank", "open"), ("bank", "half_open")]


def test_a_probe_that_says_nothing_is_given_back() -> None:
    gates, changed, one = Gates(Limits()), Changed(), way(breaker="bank")
    gates.heard(("a", 1), one, FAILED, 0, changed)
    gates.ask(("a", 2), one, 30_000_000, changed)

    gates.heard(("a", 2), one, Stopped("exit"), 30_000_001, changed)

    assert gates.cells["breaker:bank"].value == {"probe": None, "since": 30_000_000}
    gates.heard(("a", 3), one, Returned(1), 30_000_002, changed)
    assert changed.words == [("bank", "open"), ("bank", "half_open")]


def test_a_turn_writes_a_cell_once_however_often_it_changes() -> None:
    gates, changed, one = Gates(Limits()), Changed(), way(limit="slow")
    gates.know([Cell("limiter:slow", None, 4)])

    gates.ask(("a", 1), one, 1, changed)
    gates.ask(("a", 2), one, 2, changed)

    assert changed.cells == {"limiter:slow": Cell("limiter:slow", [1, 2], 4)}
    assert gates.cells == {"limiter:slow": Cell("limiter:slow", [1, 2], 5)}


def test_the_cells_of_a_machine_are_those_of_its_limiters_and_breakers() -> None:
    assert names_of(ways(limit="slow", breaker="bank")) == {"limiter:slow", "breaker:bank"}
    assert names_of(ways()) == set()
