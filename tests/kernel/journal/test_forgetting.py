"""What a journal in memory forgets, and what is made late: the rest is the same as in one that keeps everything."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Committed,
    Delivery,
    Entry,
    Loaded,
    MemoryJournal,
    NoSuchEntry,
    NoSuchRun,
    Signal,
    Unstorable,
    WrongInput,
    frame_of,
)
from detent.kernel.backlog import after
from detent.tools.testing.contracts.diary import (
    KEY,
    LARGE,
    LONG,
    SCRIBE,
    Closed,
    Diary,
    Said,
    Told,
    Wiped,
    Writer,
    begun,
    done,
)
from tests.kernel.journal.lazy import Lazy
from tests.settings import times

HAPPENED: st.SearchStrategy[list[Signal]] = st.lists(
    st.sampled_from((Said("a"), Said("b" * LONG), Said("c" * LARGE), Told("d"), Wiped())),
    max_size=40,
)
few = st.integers(1, 6)


def at_once(journal: MemoryJournal, happened: list[Signal], run: str = "a") -> Writer:
    """A run whose entries are made before they are written."""
    made = begun(run)
    done(journal.append([made.write]))
    for signal in happened:
        made = made.writer.take((signal, None))
        assert done(journal.append([made.write])) == (Committed(*made.writer.after),)
    return made.writer


def loaded(journal: MemoryJournal, run: str = "a") -> Loaded:
    """A run, loaded."""
    there = done(journal.load(run))
    assert there is not None
    return there


def entries(journal: MemoryJournal, after: int = 0) -> tuple[Entry, ...]:
    """What can be read of a run."""
    return done(journal.entries("a", after))


# -- made late


@settings(max_examples=times(40))
@given(HAPPENED, st.data())
def test_entries_that_are_made_late_are_those_that_are_made_at_once(
    happened: list[Signal], data: st.DataObject
) -> None:
    journal, late = MemoryJournal(), MemoryJournal()
    at_once(journal, happened)
    run = Lazy(late).begin()
    for signal in happened:
        run.take(signal)
        if data.draw(st.booleans(), "read"):
            entries(late)

    assert [one.body for one in entries(late)] == [one.body for one in entries(journal)]
    assert loaded(late).head == loaded(journal).head
    assert frame_of(loaded(late), KEY) == frame_of(loaded(journal), KEY)


def test_a_note_and_a_key_wait_with_what_happened() -> None:
    journal = MemoryJournal()

    Lazy(journal).begin().note("hello").take(Said("x"), key="k")

    assert done(journal.taken("a", "k")) == 3
    assert done(journal.taken("a", "other")) is None
    assert [one.event for one in entries(journal)][1] == {"$said": "hello"}


def test_what_cannot_be_stored_is_told_to_whoever_reads_and_what_came_before_is_there() -> None:
    journal = MemoryJournal()
    wrong: Any = 5
    run = Lazy(journal).begin().take(Said("x"), Said(wrong), Said("y"))

    with pytest.raises(Unstorable):
        entries(journal)

    backlog = journal.backlog("a")
    assert backlog is not None
    assert [after(one).seq for one in backlog.taken] == [run.now.seq - 1, run.now.seq]
    assert journal.backlog("b") is None


# -- entries


@settings(max_examples=times(40))
@given(HAPPENED, few, st.booleans(), st.data())
def test_what_is_kept_leads_to_where_the_run_is(
    happened: list[Signal], most: int, is_late: bool, data: st.DataObject
) -> None:
    journal, whole = MemoryJournal(entries=most), MemoryJournal()
    at_once(whole, happened)
    if is_late:
        run = Lazy(journal).begin()
        for signal in happened:
            run.take(signal)
            if data.draw(st.booleans(), "read"):
                loaded(journal)
    else:
        at_once(journal, happened)

    assert frame_of(loaded(journal), KEY) == frame_of(loaded(whole), KEY)


@settings(max_examples=times(40))
@given(HAPPENED, few)
def test_the_latest_entries_are_kept_and_few_more(happened: list[Signal], most: int) -> None:
    journal = MemoryJournal(entries=most)
    run = Lazy(journal).begin().take(*happened)
    last, more = run.now.seq, most + 1 + most // 4

    assert [one.seq for one in entries(journal, max(0, last - most))][-1:] == [last]
    if last > more + 1:
        with pytest.raises(NoSuchEntry):
            entries(journal, last - more - 1)


def test_entries_that_no_checkpoint_covers_are_not_forgotten() -> None:
    journal = MemoryJournal(entries=1)

    at_once(journal, [Said("x")] * 20)

    assert len(entries(journal)) == 21


def test_the_first_entry_is_kept_and_those_that_are_gone_are_not_passed_over() -> None:
    journal = MemoryJournal(entries=2)
    first = begun("a").writer
    at_once(journal, [Said("x" * LONG), Wiped()] * 15)

    (entry,) = done(journal.entries("a", 0, 1))

    assert (entry.seq, entry.hash) == first.after
    with pytest.raises(NoSuchEntry, match=r"MemoryJournal\(entries=2\)"):
        entries(journal)
    with pytest.raises(NoSuchEntry):
        done(journal.entries("a", 1, 1))


def test_the_first_entry_is_made_before_it_is_passed_over() -> None:
    journal = MemoryJournal(entries=2)
    Lazy(journal, data=Diary(("my page",))).begin().take(*[Said("x")] * 30)

    (entry,) = done(journal.entries("a", 0, 1))

    assert "my page" in str(entry.event)


def test_a_run_goes_on_after_entries_were_forgotten() -> None:
    journal = MemoryJournal(entries=2)
    run = Lazy(journal).begin().take(*[Said("x")] * 30)
    seen = entries(journal, run.now.seq - 2)

    run.take(Said("y"))

    assert entries(journal, seen[-1].seq)[0].event == SCRIBE.write_signal(Said("y"), ())
    assert done(journal.holds("a", seen[-1].seq, seen[-1].hash))
    assert not done(journal.holds("a", 1, seen[-1].hash))


def test_a_key_is_taken_as_long_as_there_is_the_run() -> None:
    journal = MemoryJournal(entries=2)

    Lazy(journal).begin().take(Said("x"), key="k").take(*[Said("x")] * 30)

    assert done(journal.taken("a", "k")) == 2


def test_a_run_that_cannot_be_stored_is_kept_whole() -> None:
    journal = MemoryJournal(entries=2)
    wrong: Any = 5

    run = Lazy(journal).begin().take(Said(wrong), *[Said("x")] * 30)

    backlog = journal.backlog("a")
    assert backlog is not None
    assert len(backlog.taken) >= run.now.seq - 1
    with pytest.raises(Unstorable):
        entries(journal)


def test_what_lies_beside_entries_goes_with_the_last_that_needs_it() -> None:
    journal = MemoryJournal(entries=2)
    large = Said("x" * LARGE)
    digests = [one.digest for one in begun("b").writer.take((large, None)).write.beside]
    run = Lazy(journal).begin().take(large, Wiped())
    loaded(journal)
    assert done(journal.beside(digests))

    run.take(*[Said("y" * LONG), Wiped()] * 10)

    assert not done(journal.beside(digests))


def test_what_lies_beside_two_runs_stays_as_long_as_one_of_them() -> None:
    journal = MemoryJournal(ended=1)
    large = Said("x" * LARGE)
    for run in ("a", "b"):
        Lazy(journal, run).begin().take(large, Closed())
        beside = loaded(journal, run).beside
    (digest,) = [digest for digest, one in beside.items() if not one.is_sealed]
    there = bool(done(journal.beside([digest])))

    at_once(journal, [Closed()], "c")

    assert there
    assert not done(journal.beside([digest]))


# -- runs


def test_of_the_runs_that_ended_the_latest_are_kept() -> None:
    journal = MemoryJournal(ended=2)

    for run in ("a", "b", "c"):
        at_once(journal, [Closed()], run)
    at_once(journal, [Said("x")], "d")

    assert [run for run, _ in done(journal.find())] == ["b", "c", "d"]
    with pytest.raises(NoSuchRun):
        done(journal.entries("a"))


def test_runs_inside_one_are_counted_apart_and_go_with_it() -> None:
    journal = MemoryJournal(ended=2)
    for run in ("a/1", "a/2", "a/3", "a/3/1"):
        at_once(journal, [Closed()], run)
    there = [run for run, _ in done(journal.find())]

    for run in ("a", "b", "c"):
        at_once(journal, [Closed()], run)

    assert there == ["a/2", "a/3", "a/3/1"]
    assert [run for run, _ in done(journal.find())] == ["b", "c"]


def test_a_run_that_was_forgotten_may_begin_again() -> None:
    journal = MemoryJournal(ended=1)
    at_once(journal, [], "a")
    done(journal.claim(["a"]))
    done(journal.deliver([Delivery("a", "k", SCRIBE.write_signal(Said("x"), ()))]))
    closing = Writer("a", 1, begun("a").writer.now, begun("a").writer.head).take((Closed(), None))
    done(journal.append([closing.write]))

    at_once(journal, [Closed()], "b")

    assert done(journal.inbox("a")) == ()
    assert at_once(journal, [Said("again")], "a").now.seq == 2


def test_all_runs_are_kept_if_that_is_said() -> None:
    journal = MemoryJournal(ended=None)

    for number in range(20):
        at_once(journal, [Closed()], str(number))

    assert len(done(journal.find())) == 20


@pytest.mark.parametrize("most", [0, -1, 1.5, True])
def test_how_much_is_kept_is_a_number(most: int) -> None:
    with pytest.raises(WrongInput, match=f"ended={most!r}"):
        MemoryJournal(ended=most)
    with pytest.raises(WrongInput, match=f"entries={most!r}"):
        MemoryJournal(entries=most)
