"""What is made of a loaded run, and how runs stand."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Broken,
    Halted,
    Happened,
    Held,
    Loaded,
    MemoryJournal,
    Parked,
    Problem,
    Rejected,
    Signal,
    Standing,
    begin,
    compile_machine,
    due,
    frame_of,
    scribe_of,
    standing_of,
    step,
)
from detent.kernel.facts import but
from detent.kernel.wire import spelled
from detent.tools.testing.contracts.diary import (
    KEY,
    LONG,
    SCRIBE,
    TABLE,
    Closed,
    Diary,
    Looked,
    Read,
    Said,
    Told,
    Wiped,
    Writer,
    begun,
    done,
    loaded_writer,
)
from detent.tools.testing.strategies import Walk, machines, walks
from tests.settings import times

READ_AT_ONCE = 16_384  # bytes that a load may always read
HOUR = 3_600_000_000


def last_of(journal: MemoryJournal, run: str = "a") -> Loaded:
    """A run, loaded."""
    loaded = done(journal.load(run))
    assert loaded is not None
    return loaded


WORDS: st.SearchStrategy[Signal] = st.sampled_from(
    (Said("a"), Said("b" * LONG), Said("c" * LONG), Told("d"), Told("e" * LONG), Wiped(), Read())
)


@settings(max_examples=times(60))
@given(st.lists(WORDS, max_size=40), st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_load_comes_to_the_present_frame_and_reads_little_more_than_it_twice(
    said: list[Signal], reloads: list[bool]
) -> None:
    journal, made = MemoryJournal(), begun("a")
    done(journal.append([made.write]))
    now: Writer = made.writer

    for word, reload in zip(said, reloads, strict=False):
        looking = [Happened(flight.id, Looked()) for flight in now.now.effects]
        made = now.take((looking[0] if looking else word, None))
        done(journal.append([made.write]))
        loaded = last_of(journal)
        frame = SCRIBE.frame(made.writer.now)

        assert frame_of(loaded, KEY) == frame
        assert loaded.head == made.writer.after
        assert loaded.unread <= READ_AT_ONCE + 2 * len(spelled(frame))
        now = loaded_writer(loaded, 0) if reload else made.writer


def test_a_run_that_shrinks_is_soon_read_from_a_small_checkpoint() -> None:
    journal, made = MemoryJournal(), begun("a")
    done(journal.append([made.write]))
    for event in (*(Said(str(n) * LONG) for n in range(40)), Wiped(), Said("x")):
        made = made.writer.take((event, None))
        done(journal.append([made.write]))

    assert last_of(journal).unread < READ_AT_ONCE


def test_a_great_order_that_is_done_is_not_read_again() -> None:
    journal, made = MemoryJournal(), begun("a", data=Diary(("x", "y")))
    done(journal.append([made.write]))
    made = made.writer.take((Read(), None))
    done(journal.append([made.write]))
    assert last_of(journal).unread > READ_AT_ONCE

    made = made.writer.take((Happened(made.writer.now.effects[0].id, Looked()), None))
    done(journal.append([made.write]))

    assert last_of(journal).unread < READ_AT_ONCE


# -- how runs stand


def test_a_run_stands_as_its_snapshot_says() -> None:
    opened = begun("a").writer
    reading = opened.take((Read(), None), at=HOUR).writer
    closed = opened.take((Closed(), None)).writer
    limit = HOUR + 5_000_000

    assert standing_of(opened.now, 60_000_000) == Standing("waiting", 60_000_000)
    assert standing_of(reading.now, limit) == Standing("running", limit, in_flight=True)
    assert standing_of(reading.now, limit, held=True) == Standing("running", limit, True, True)
    assert standing_of(closed.now, None) == Standing("completed")


def test_a_run_that_is_ending_stands_so_until_all_has_stopped() -> None:
    reading = begun("a").writer.take((Read(), None)).writer.now
    closed = begun("b").writer.take((Closed(), None)).writer.now
    ending = but(reading, end=closed.end)

    assert standing_of(ending, None) == Standing("ending", in_flight=True)


def test_a_run_that_is_parked_or_compensates_stands_so() -> None:
    now = begun("a").writer.now
    parked = Parked("s", "update", "f", Problem("x"))

    def stands(**pending: Any) -> str:
        return standing_of(but(now, pending=but(now.pending, **pending)), None).status

    assert stands(parked=parked) == "parked"
    assert stands(halted=Halted("cancelled")) == "ending"
    assert stands(parked=parked, halted=Halted("cancelled")) == "parked"


def test_that_something_is_held_is_seen_in_the_snapshot() -> None:
    reading = begun("a").writer.take((Read(), None)).writer.now
    held = step(TABLE, reading, Held((reading.effects[0].id,), "limiter")).snapshot

    assert standing_of(held, None) == Standing("running", None, True, True)


@settings(max_examples=times(60))
@given(st.data())
def test_nothing_is_due_of_a_run_that_is_over_and_all_else_can_be_touched(
    data: st.DataObject,
) -> None:
    table = compile_machine(data.draw(machines()))
    walked: Walk = data.draw(walks(table))
    if not walked.signals:
        return
    now = begin(table, walked.input).snapshot
    scribe_of(table)
    for signal, at in walked.signals:
        stepped = step(table, now, signal, at)
        now = stepped.snapshot
        coming = due(table, now)
        stands = standing_of(now, coming[0][0] if coming else None)

        assert stands.in_flight == bool(now.effects)
        if stands.status not in ("running", "waiting", "parked", "ending"):
            assert (stands.due, stands.in_flight) == (None, False)
        if isinstance(stepped, Broken | Rejected):
            assert stepped.snapshot is now


@pytest.mark.parametrize("events", [(), (Said("x"),), (Said("x"), Read())], ids=str)
def test_the_time_at_which_a_run_is_due_is_that_of_its_next_timer(
    events: tuple[Said | Read, ...],
) -> None:
    writer = begun("a").writer.take(*((event, None) for event in events), at=HOUR).writer
    coming = due(TABLE, writer.now)

    stands = standing_of(writer.now, coming[0][0])

    assert stands.due == (HOUR + 5_000_000 if Read() in events else 60_000_000)
