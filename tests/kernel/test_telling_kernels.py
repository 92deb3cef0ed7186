"""What is told of runs about which a kernel decides: effects are held, tried again and given up, runs park and halt."""

from collections import Counter
from typing import Any

from attrs import frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detent import (
    Call,
    Each,
    Effect,
    Event,
    Failed,
    Final,
    Machine,
    On,
    Problem,
    Retry,
    State,
    compile_machine,
)
from detent.kernel import (
    Abandoned,
    Admitted,
    AttemptFailed,
    Broke,
    BrokenBegin,
    CallFailed,
    CallFinished,
    CallStarted,
    ChildEnded,
    ChildStarted,
    Fan,
    Fired,
    Halted,
    Happened,
    Held,
    LetterDelivered,
    LetterFailed,
    LetterSent,
    Life,
    Parked,
    Queued,
    Resumed,
    RunFinished,
    Signal,
    Snapshot,
    Told,
    WaitClosed,
    WaitOpened,
    advance,
    begin,
    kinds_of,
    scribe_of,
)
from detent.tools.testing import Walk, machines, signals, walks
from tests.kernel.replayer.runs import Recording, can_be_written
from tests.kernel.tellings import told_in, told_live
from tests.settings import times

BEGINNINGS = (CallStarted, WaitOpened, ChildStarted, LetterSent)
ENDINGS = (CallFinished, CallFailed, WaitClosed, ChildEnded, LetterDelivered, LetterFailed)
BUG = ("state 's1'", "update", "", Problem("KeyError", "'x'"))


@frozen
class Fetch(Effect[int], recovery="pure"):
    """Something that may be tried again."""

    page: int = 0


@frozen
class Stop(Event):
    """It is enough."""


@frozen
class Book:
    """The data."""

    pages: int = 3

    def fetch(self) -> Fetch:
        """One page."""
        return Fetch()

    def fetches(self) -> tuple[Fetch, ...]:
        """All of them."""
        return tuple(Fetch(page) for page in range(self.pages))


again = Retry(attempts=3, base=1.0)
fetch = Call(Fetch, Book.fetch, timeout=5.0, retry=again)
pages: Each[Book, int] = Each(Call(Fetch, retry=again), Book.fetches, at_most=2, name="pages")
book = Machine(
    "book",
    State(
        "reading",
        On(fetch.returned | fetch.unreturned),
        On(pages.settled, to="reading"),
        On(Stop, to="read"),
        do=(fetch, pages),
    ),
    Final("read"),
    data=Book,
)
"""A machine that tries again, as no generated one does."""


@st.composite
def decided(draw: st.DrawFn) -> Recording:
    """A machine, generated or the one above, and a run of it that a kernel has in hand."""
    is_drawn = draw(st.booleans())
    machine: Any = draw(machines()) if is_drawn else book
    table = compile_machine(machine)
    walk = draw(walks(table, at_most=0) if is_drawn else st.just(Walk(Book())))
    try:
        steps: list[Any] = [begin(table, walk.input, deadline=draw(st.none() | st.just(9)))]
    except BrokenBegin:
        assume(False)
        raise
    for _ in range(draw(st.integers(1, 14))):
        now: Snapshot[Any] = steps[-1].snapshot
        signal: Signal = draw(signals(table, now))
        if not can_be_written(table, now, signal):
            continue
        if now.pending.parked is not None or draw(st.booleans()):
            signal = draw(st.sampled_from(decisions(now, signal)))
        steps += advance(table, now, signal, now.at)
    return Recording(table, walk, tuple(steps))


def decisions(now: Snapshot[Any], signal: Signal) -> list[Signal]:
    """What a kernel may decide at a snapshot, perhaps because of a signal. Some of it does not fit."""
    found: list[Signal] = [
        Halted("cancelled"),
        Halted("timed_out", "late"),
        Resumed(),
        Resumed(True),
    ]
    found += [Fired(1), Queued(signal), Parked(*BUG, signal), Broke(*BUG, signal), Parked(*BUG)]
    if now.pending.parked is not None:
        found += [
            Queued(AttemptFailed(id, life.attempt, Failed(Problem("Jam"))))
            for id, life in lives(now).items()
        ]
        return [*found, Resumed(), Resumed(True), *[Queued(signal)] * 8]
    for id, life in lives(now).items():
        found += [Held((id,), "limit:bank"), Held((id,), "drain", 5), Abandoned(id)]
        failed = AttemptFailed(id, life.attempt, Failed(Problem("Jam")), 0.5)
        found += [Admitted(id, life.attempt)] * 3 if life.held else [failed] * 5
        if isinstance(signal, Happened) and signal.effect == id:
            tried = AttemptFailed(id, life.attempt, signal.event, 0.5)
            found += [tried, tried, Parked(*BUG, tried)]
    return found


def lives(now: Snapshot[Any]) -> dict[int, Life]:
    """How far everything has come that is in flight and was begun."""
    found: dict[int, Life] = {}
    for flight in now.effects:
        places = flight.under_way() if isinstance(flight, Fan) else (0,)
        found |= {flight.id + place: flight.life_of(flight.id + place) for place in places}
    return found


def told_of(made: Recording) -> list[Told]:
    """Everything that the run tells."""
    return told_in(made.log, kinds_of(made.table))


@given(decided())
@settings(max_examples=times(150))
def test_no_attempt_ends_twice_and_what_has_no_end_is_in_flight(made: Recording) -> None:
    begun: set[tuple[int, int]] = set()
    ended: Counter[tuple[int, int]] = Counter()
    for one in told_of(made):
        if isinstance(one, BEGINNINGS):
            begun.add((one.effect, getattr(one, "attempt", 1)))
        elif isinstance(one, ENDINGS):
            ended[one.effect, getattr(one, "attempt", 1)] += 1
    flying = {(id, life.attempt): life for id, life in lives(made.entries[-1].snapshot).items()}

    assert set(ended.values()) <= {1}
    assert begun - set(ended) <= set(flying)
    assert not flying.keys() & ended.keys()
    assert {one for one, life in flying.items() if not life.held} <= begun


@given(decided())
@settings(max_examples=times(100))
def test_a_run_that_was_stopped_tells_its_end_last_and_once(made: Recording) -> None:
    told = told_of(made)
    snapshot = made.entries[-1].snapshot

    ends = [place for place, one in enumerate(told) if isinstance(one, RunFinished)]

    is_over = snapshot.end is not None and not snapshot.effects
    assert ends == ([len(told) - 1] if is_over else [])
    assert not is_over or told[-1] == RunFinished("walk", snapshot.seq, snapshot.at, *_end(made))


def _end(made: Recording) -> Any:
    """How the run ended, as it is written."""
    end: Any = scribe_of(made.table).write_end(made.entries[-1].snapshot.end)
    return end["status"], end["value"], tuple(end["failures"])


@given(decided())
@settings(max_examples=times(60))
def test_what_a_kernel_decides_is_told_alike_by_the_run_and_by_its_log(made: Recording) -> None:
    assert told_live(made) == told_of(made)
