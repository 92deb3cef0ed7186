"""What a run was after each of its entries, read without the author's code."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent import compile_machine
from detent.kernel import (
    Checkpoint,
    DamagedLog,
    Entry,
    Key,
    NoSuchEntry,
    Unreadable,
    fork,
    frame_at,
    instants,
    read_log,
    scribe_of,
)
from detent.kernel.entries import chained, entry_body
from detent.kernel.facts import but
from detent.kernel.frames import followed, opened, whole
from detent.kernel.runlog import entry_line
from detent.kernel.scribe import EMPTY
from detent.kernel.wire import Tree
from tests.kernel.replayer.corpus import logs, parcel
from tests.kernel.replayer.purchase import Add, Purchase, purchase
from tests.kernel.replayer.runs import Recording, Steps, recordings
from tests.settings import times


@given(recordings())
@settings(max_examples=times(60))
def test_the_frame_after_an_entry_is_that_of_its_snapshot(made: Recording) -> None:
    scribe = scribe_of(made.table)

    frames = [instant.frame for instant in instants(made.log)]

    assert frames == [scribe.frame(stepped.snapshot) for stepped in made.entries]
    for frame, stepped in zip(frames, made.entries, strict=True):
        effects: Any = frame["effects"]
        assert list(effects) == [str(one.id) for one in stepped.snapshot.effects]
        assert scribe.snapshot(frame) == stepped.snapshot


@given(recordings(), st.data())
@settings(max_examples=times(40))
def test_an_instant_is_found_by_its_number(made: Recording, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(made.entries) - 1))
    every = list(instants(made.log))

    found = frame_at(made.log, place + 1)

    assert found == every[place]
    assert found.entry is not None
    assert (found.entry.seq, found.hash) == (place + 1, found.entry.hash)
    assert found.header.machine == made.table.name


@given(recordings())
@settings(max_examples=times(25))
def test_a_number_that_no_entry_has_is_refused(made: Recording) -> None:
    last = len(made.entries)

    for seq in (-1, 0, last + 1):
        with pytest.raises(NoSuchEntry) as raised:
            frame_at(made.log, seq)
        assert str(raised.value) == f"the log has no entry {seq}: the last is {last}"


def test_a_run_that_is_not_there_is_named() -> None:
    (log,) = logs(runs=["direct"]).values()

    with pytest.raises(NoSuchEntry) as raised:
        frame_at(log, 1, "other")

    assert str(raised.value) == "run 'other' has no entry 1: the last is 0"
    assert list(instants(log, "other")) == []


def test_of_several_runs_the_first_is_read_unless_one_is_named() -> None:
    one, other = logs(runs=["direct", "late"]).values()
    mixed = [*one[:4], *other[:6], *one[4:], *other[6:]]

    assert list(instants(mixed)) == list(instants(one))
    assert list(instants(mixed, "late")) == list(instants(other))


def test_a_fork_is_first_read_as_it_begins() -> None:
    (log,) = logs(runs=["late"]).values()
    lines = list(fork(log, 4, "fork").lines())

    (first,) = instants(lines)

    parked = first.frame["parked"]
    assert (first.entry, first.frame) == (None, {**frame_at(log, 4).frame, "parked": parked})
    assert frame_at(lines, 4) == first
    with pytest.raises(NoSuchEntry, match="the log has no entry 3: the last is 4"):
        frame_at(lines, 3)


def test_a_log_is_read_no_further_than_is_asked() -> None:
    (log,) = logs(runs=["direct"]).values()

    def until_it_is_damaged() -> Iterable[bytes]:
        yield from log[:5]
        yield b"this is no line\n"

    assert frame_at(until_it_is_damaged(), 2).frame["in"] == ["counter"]
    with pytest.raises(DamagedLog):
        frame_at(until_it_is_damaged(), 3)


def test_an_entry_that_does_not_fit_its_frame_is_named() -> None:
    wrong = Entry(5, 0, None, delta={"data": {"nothing": {"of": [1]}}})

    with pytest.raises(Unreadable, match="entry 5 does not fit the frame before it"):
        followed(EMPTY, wrong)


def test_what_no_run_writes_is_refused_in_words() -> None:
    nothing = Entry(5, 0, None, delta={"effects": [[]]})
    outcome = Entry(6, 0, {"$happened": [1, {"$": "Stopped"}]})

    with pytest.raises(Unreadable, match="entry 6 does not fit the frame before it: it holds what"):
        followed(followed(EMPTY, nothing), outcome)


def test_an_order_that_points_nowhere_is_named_with_its_entry() -> None:
    order: Tree = ["all", "say", None, {"$ref": "data/nothing"}]
    wrong = Entry(5, 0, None, delta={"effects": {"1": [order]}})

    with pytest.raises(Unreadable, match="entry 5 does not fit the frame before it"):
        followed(EMPTY, wrong)


def test_an_entry_of_a_log_that_does_not_fit_is_named() -> None:
    run = Steps(purchase(), Purchase())
    first = next(line.what for line in read_log(run.log) if isinstance(line.what, Entry))
    wrong = Entry(2, 0, {"$": "Add", "cents": 5}, delta={"data": {"nothing": [1]}})
    body = entry_body(wrong)
    line = entry_line("run", but(wrong, body=body, hash=chained(first.hash, body)))

    for read in (lambda: frame_at([*run.log, line], 2), lambda: list(instants([*run.log, line]))):
        with pytest.raises(Unreadable, match="entry 2 does not fit the frame before it"):
            read()


def test_a_note_moves_the_number_and_the_time_alone() -> None:
    run = Steps(purchase(), Purchase())
    run.send(Add(5))
    run.note({"$recovered": 3}, 7)

    before, after = (frame_at(run.log, seq).frame for seq in (2, 3))

    assert after == {**before, "seq": 3, "at": 7}


def test_frames_share_what_stays_the_same() -> None:
    run = Steps(purchase(), Purchase())
    run.note({"$recovered": 3}, 7)

    before, after = (instant.frame for instant in instants(run.log))

    assert after["data"] is before["data"]


def test_an_entry_is_whole_with_what_lies_beside_it() -> None:
    (log,) = logs(runs=["direct"]).values()
    entries = [line.what for line in read_log(log) if isinstance(line.what, Entry)]

    assert [whole(entry, {}) for entry in entries] == entries
    blob: Any = {"$blob": "0" * 64}
    lost = but(entries[0], event=blob)
    assert whole(lost, {}, Key(b"0123456789abcdef")) == lost


def test_the_empty_frame_stays_empty() -> None:
    before = repr(EMPTY)

    list(instants(logs(runs=["heavy"])["heavy"]))

    assert repr(EMPTY) == before
    assert compile_machine(parcel()).name == "parcel"


def test_a_checkpoint_that_is_no_frame_is_unreadable() -> None:
    lost: dict[str, Tree] = {"data": None, "effects": {"1": {"$ref": "data/no"}}, "end": None}
    nothing: dict[str, Tree] = {}
    for frame in (nothing, lost):
        with pytest.raises(Unreadable, match=r"^the checkpoint of entry 3 is no frame"):
            opened(Checkpoint(3, frame), {})
