"""The run log: lines that hold together, and what is said of those that do not.

The file is long because every message is looked at.
"""

import tracemalloc
import weakref
from collections.abc import Iterable
from hashlib import blake2b

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    Checkpoint,
    DamagedLog,
    Entry,
    Footer,
    Head,
    Header,
    Line,
    Outline,
    Recorder,
    Signal,
    Torn,
    Unreadable,
    WrongInput,
    begin,
    footer_line,
    fork,
    frame_at,
    log_lines,
    opening_lines,
    read_log,
    recorded_lines,
    verify_log,
)
from detent.kernel.entries import (
    Origin,
    chained,
    read_checkpoint,
    read_entry,
    read_header,
    write_header,
)
from detent.kernel.frames import opened
from detent.kernel.runlog import header_line
from detent.kernel.wire import spelled
from tests.kernel.hushed import KEY, Login, hushed, told, walked
from tests.kernel.run_logs import FOOTER, Log, cut, damage_of, families, kinds, links, logs, small
from tests.kernel.test_vault import heard, hearing
from tests.settings import LONG, times

STRIDE = 1 if LONG else 23
"""Every place of a log is tried in long runs, and some of them in others."""

# -- whole logs


@settings(max_examples=times(80))
@given(logs(footer=True))
def test_a_log_verifies_and_its_lines_are_what_was_written(lines: Log) -> None:
    read = list(read_log(lines))

    hashes = [line.what.hash for line in read if isinstance(line.what, Header | Entry)]
    assert verify_log(lines) == {"walk": hashes[-1]}
    assert verify_log(lines, verify_log(lines)) == verify_log(lines)
    assert [type(line.what) for line in read[:3]] == [Header, Outline, Outline]
    seqs = [line.what.seq for line in read if isinstance(line.what, Entry)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert all(lines[line.number - 1].startswith(b"{") for line in read)


@given(logs())
def test_every_head_a_log_ever_had_is_found_in_it(lines: Log) -> None:
    for line in read_log(lines):
        if isinstance(line.what, Header | Entry):
            assert verify_log(lines, {"walk": line.what.hash})


def test_a_log_with_everything_reads_well() -> None:
    assert set(kinds(small())) == {Header, Outline, Entry, Checkpoint, Footer}
    assert any(line.startswith(b'{"blob"') for line in small())
    assert any(line.startswith(b'{"sealed"') for line in small())


def test_a_log_of_nothing_has_no_runs() -> None:
    assert verify_log([]) == {}
    assert list(read_log([])) == []


@given(st.text(max_size=20), st.none() | st.integers(0, 10**6))
def test_a_footer_reads_back(promise: str, loop_from: int | None) -> None:
    footer = Footer(promise, loop_from)

    assert [line.what for line in read_log([footer_line(footer)])] == [footer]


@given(st.text(min_size=1, max_size=12))
def test_a_run_may_have_any_name(run: str) -> None:
    lines = tuple(log_lines(hearing, "", (), run=run))

    assert list(verify_log(lines)) == [run]
    assert next(read_log(lines)).run == run


# -- cuts


def check_cut(lines: Log, at: int) -> None:
    """A log that was cut short is read as far as it goes, and says so."""
    text = b"".join(lines)[:at]
    left = cut(text)
    whole = [line for line in left if line.endswith(b"\n")]
    is_torn = left != whole and left[-1] + b"\n" not in lines
    told: list[Line] = list(read_log(left))

    assert [line.what for line in told if not isinstance(line.what, Torn)] == [
        line.what for line in read_log(whole if is_torn else left)
    ]
    assert [line.what for line in told if isinstance(line.what, Torn)] == (
        [Torn(left[-1])] if is_torn else []
    )
    head = verify_log(lines)
    (name,) = head
    last = links(lines)[-1]
    if len(text) >= len(b"".join(lines[: last + 1])) - 1:
        assert verify_log(left, head) == head
    else:
        with pytest.raises(DamagedLog, match="the log is cut short") as caught:
            verify_log(left, head)
        assert caught.value.run == name
        assert caught.value.line == len(left)


def test_a_log_that_was_cut_anywhere_keeps_its_whole_lines() -> None:
    text = b"".join(small())
    ends = {place + near for place, byte in enumerate(text) if byte == 10 for near in (-1, 0, 1, 2)}

    for at in sorted({*range(0, len(text), STRIDE), *ends} - {len(text) + 1}):
        check_cut(small(), at)


@settings(max_examples=times(60))
@given(logs(footer=True), st.data())
def test_any_log_that_was_cut_keeps_its_whole_lines(lines: Log, data: st.DataObject) -> None:
    for at in data.draw(st.lists(st.integers(0, len(b"".join(lines))), min_size=5, max_size=5)):
        check_cut(lines, at)


def test_a_torn_line_that_looks_whole_is_torn() -> None:
    looks = b'{"run":"walk","entry":{"seq":1,"event":{"x":{},"hash":"' + b"0" * 64 + b'"}'
    header = next(iter(log_lines(hearing, "", ())))

    (_, torn) = read_log([header, looks])

    assert torn.what == Torn(looks)


@pytest.mark.parametrize("byte", [b"\r", b" ", b"}", b"\x00", b"{"])
def test_a_line_that_ends_with_something_else_is_not_torn(byte: bytes) -> None:
    lines = small()

    damage = damage_of([*lines[:-1], lines[-1][:-1] + byte])

    assert damage.line == len(lines)
    assert "and not with the end of a line" in damage.why


def test_a_line_after_a_torn_one_is_found() -> None:
    lines = small()

    damage = damage_of([*lines[:5], lines[5][:-9], *lines[6:]])

    assert damage.line == 6
    assert damage.why == "this is no line of a log, and not the last"


# -- families


@settings(max_examples=times(40))
@given(families())
def test_runs_that_are_mixed_in_one_file_verify(family: tuple[Log, tuple[Log, ...]]) -> None:
    mixed, runs = family

    heads = {run: head for lines in runs for run, head in verify_log(lines).items()}
    assert verify_log(mixed, heads) == heads
    for lines in runs:
        (run,) = verify_log(lines)
        told = [line.what for line in read_log(mixed) if line.run == run]
        assert told == [line.what for line in read_log(lines) if line.run == run]


def test_a_fork_verifies_by_its_head_before_and_after_its_first_entry() -> None:
    made = fork(heard(["one", "two"], 65_536), 2, "other")
    lines = tuple(made.lines())

    assert verify_log(lines, verify_log(lines)) == verify_log(lines)
    assert kinds(lines)[-1] is Checkpoint


# -- memory


def test_reading_holds_no_more_than_a_few_lines() -> None:
    names = tuple(Login(f"{n:04000}", "x") for n in range(300))
    recorder = Recorder(hushed, KEY, large=200)
    lines = tuple(log_lines(hushed, "", walked(hushed, "", names), recorder=recorder))
    alive: weakref.WeakValueDictionary[int, Line] = weakref.WeakValueDictionary()
    most = 0

    tracemalloc.start()
    for line in read_log(bytes(bytearray(line)) for line in lines):
        alive[line.number] = line
        most = max(most, len(alive))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(map(len, lines)) > 1_500_000
    assert most <= 2
    assert peak < 100_000


def test_what_waits_for_an_entry_is_let_go_with_it() -> None:
    lines = heard([f"{n:0400}" for n in range(50)], 200)

    read = list(read_log(lines))
    held = [len(line.beside) for line in read if isinstance(line.what, Entry)]

    assert max(held) <= 2


def test_a_checkpoint_is_read_with_nothing_but_what_lies_beside_it() -> None:
    lines = heard([f"{n:0400}" for n in range(100)], 200)

    checkpoints = [line for line in read_log(lines) if isinstance(line.what, Checkpoint)]

    assert checkpoints
    for line in checkpoints:
        assert isinstance(line.what, Checkpoint)
        frame = frame_at(lines, line.what.seq).frame
        assert spelled(opened(line.what, line.beside)) == spelled(frame)


def test_a_checkpoint_that_follows_another_entry_is_refused() -> None:
    lines = heard(["a"], 10**9)
    tip = verify_log(lines)["walk"]
    body = b'{"seq":1,"frame":{}}'

    with pytest.raises(DamagedLog, match=r"entry 2: the checkpoint follows another entry$"):
        verify_log([*lines, linked(b"checkpoint", body, chained(tip, body))])


# -- what is said


def said(lines: Iterable[bytes], heads: dict[str, str] | None = None) -> str:
    """The message about a log."""
    with pytest.raises(DamagedLog) as caught:
        verify_log(lines, heads)
    return str(caught.value)


def test_messages_name_the_line_the_run_and_the_entry() -> None:
    lines = heard(["a" * 300, "b"], 200)
    header, shape, rules, first, blob = lines[:5]
    second, third = lines[-2:]
    rest = (shape, rules, first)
    head = "f" * 64

    assert [line[:8] for line in lines[3:]] == [
        b'{"run":"',
        b'{"blob":',
        b'{"blob":',
        b'{"run":"',
        b'{"run":"',
    ]
    assert said([header, *rest, third]) == (
        "line 5, run 'walk', entry 2: the entry does not match its hash, or one before it is missing"
    )
    assert said([first]) == "line 1, run 'walk': there is no header of run 'walk'"
    assert said([header, header]) == "line 2, run 'walk', header: run 'walk' has a second header"
    assert said([header.replace(b'"at":0', b'"at":1')]) == (
        "line 1, run 'walk', header: the header does not match its hash"
    )
    assert said([header, shape.replace(b"hearing", b"bearing")]) == (
        "line 2, run 'walk', entry 1: the outline does not match its hash"
    )
    assert said([header, *rest, blob.replace(b"aa", b"ab", 1)]) == (
        "line 5, run 'walk', entry 2: the blob does not match its hash"
    )
    assert said([header, *rest, b"hello\n", second]) == (
        "line 5, run 'walk', entry 2: this is no line of a log"
    )
    assert said([header, *rest], {"walk": head}) == (
        f"line 4, run 'walk', entry 2: the log is cut short: {head} is not in it"
    )
    assert said([], {"walk": head}) == (
        f"line 0, run 'walk', header: the log is cut short: {head} is not in it"
    )
    assert (
        said([header.replace(b'"detent":1', b'"detent":2')]) == "line 1: this is no log of format 1"
    )
    assert said([footer_line(FOOTER).replace(b"3", b"4", 1)]) == (
        "line 1: the footer does not match its hash"
    )


def linked(word: bytes, body: bytes, hash: str) -> bytes:
    """A line of a run, whatever it holds."""
    return b'{"run":"walk","%b":%b,"hash":"%b"}\n' % (word, body, hash.encode())


FORGED: list[tuple[bytes, bytes, str]] = [
    (b"entry", b'{"seq":2,"at":0,"event":null}', "entry 1: the entry says it is entry 2"),
    (
        b"entry",
        b'{"seq":1,"at":0}',
        "entry 1: this is no entry: Object missing required field `event`",
    ),
    (b"entry", b'{"seq":1,"at":0,"event":null,"took":1}', "no entry: Expected `array`, got `int`"),
    (b"entry", b'{"seq":1.0,"at":0,"event":null}', "no entry: Expected `int`, got `float`"),
    (b"entry", b'{"seq":1,"at":0,"event":null,"x":1}', "no entry: Object contains unknown field"),
    (b"entry", b'{"seq":1,"at":0,"event":"\xff"}', "no entry: a text is no UTF-8"),
    (b"header", b'{"detent":1,"run":"walk"}', "no header: Object missing required field"),
    (b"entry", b'{"seq":1,}', "entry 1: this is no entry: JSON is malformed"),
    (b"checkpoint", b'{"seq":0,"frame":{}}', "header: a checkpoint stands before the first entry"),
    (b"checkpoint", b'{"seq":0}', "no checkpoint: Object missing required field `frame`"),
]


@pytest.mark.parametrize(("word", "body", "why"), FORGED, ids=repr)
def test_a_line_that_has_its_hash_and_makes_no_sense_is_refused(
    word: bytes, body: bytes, why: str
) -> None:
    header = Recorder(hearing).header("walk")
    line = linked(word, body, chained(header.hash, body))

    assert said([header_line(header), line]).startswith("line 2, run 'walk'")
    assert why in said([header_line(header), line])


@pytest.mark.parametrize(
    "body",
    [
        b'{"detent":1}',
        b'{"detent":1,"run":"walk","machine":"m","shape":"","rules":"","at":0,"origin":1}',
        b'{"detent":1,"run":"walk","machine":"m","shape":"","rules":"","at":0,"origin":{"run":"a","seq":1,"hash":"x"}}',
        b'{"detent":1,"run":"walk","machine":"m","shape":"","rules":"","at":0,"origin":{"run":"a","seq":1,"hash":1}}',
        b'{"detent":1,"run":"\xff"}',
        b"{" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:90]),
)
def test_a_header_that_is_none_is_refused(body: bytes) -> None:
    assert said([linked(b"header", body, "0" * 64)]).startswith("line 1: this is no ")


def test_a_header_of_a_fork_hashes_to_what_it_was_forked_from() -> None:
    origin = Origin("walk", 3, "ab" * 32)
    plain = Recorder(hearing).header("other")

    forked = write_header(evolve(plain, origin=origin))

    assert forked.hash == chained(origin.hash, forked.body)
    (line,) = read_log([header_line(forked)])
    assert line.what == forked


def beside(word: bytes, digest: str, name: bytes, body: bytes) -> bytes:
    """A line of what lies beside, with the hash it should have."""
    hash = blake2b(digest.encode() + body, digest_size=32).hexdigest().encode()
    return b'{"%b":"%b","%b":%b,"hash":"%b"}\n' % (word, digest.encode(), name, body, hash)


ZEROS = "0" * 64
BESIDE = [
    (beside(b"outline", ZEROS, b"tree", b"{}"), "line 1: the outline does not match its digest"),
    (beside(b"blob", ZEROS, b"value", b'"a"'), "line 1: the blob does not match its digest"),
    (beside(b"sealed", ZEROS, b"cipher", b'"a"'), "line 1: this cannot be read: "),
    (beside(b"sealed", ZEROS, b"cipher", b"1"), "line 1: this cannot be read: "),
    (beside(b"sealed", ZEROS, b"cipher", b"{"), "line 1: this cannot be read: "),
]


@pytest.mark.parametrize(("line", "why"), BESIDE, ids=repr)
def test_what_lies_beside_and_is_not_what_it_should_be_is_refused(line: bytes, why: str) -> None:
    assert said([line]).startswith(why)


def test_what_is_no_object_is_neither_a_header_nor_an_entry_nor_a_checkpoint() -> None:
    with pytest.raises(Unreadable, match=r"^this is no header: Expected `object`"):
        read_header(b"[]")
    with pytest.raises(Unreadable, match=r"^this is no entry: Expected `object`"):
        read_entry(b"[]", ZEROS)
    with pytest.raises(Unreadable, match=r"^this is no checkpoint: Expected `object`"):
        read_checkpoint(b"1", ZEROS)


@pytest.mark.parametrize("run", ["", "\ud800"], ids=["none", "half a pair"])
def test_what_cannot_be_the_id_of_a_run_is_refused(run: str) -> None:
    with pytest.raises(WrongInput):
        Recorder(hearing).header(run)


def test_a_footer_that_makes_no_sense_is_refused() -> None:
    for body in (b"{}", b"{x}", b'{"promise":1,"loop_from":null}'):
        hash = blake2b(body, digest_size=32).hexdigest().encode()
        line = b'{"footer":%b,"hash":"%b"}\n' % (body, hash)

        assert said([line]).startswith("line 1: this is no footer: ")


@given(st.sampled_from(told("x")), st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
def test_an_answer_that_is_no_entry_has_no_lines(signal: Signal, run: str) -> None:
    recorder = Recorder(hushed, KEY)
    header = recorder.header(run)
    first = recorder.begin(header, begin(hushed, "x"), "x")
    lines = [*opening_lines(recorder, header), *recorded_lines(run, first)]

    assert verify_log(lines) == {run: first.head.hash}
    assert isinstance(first.head, Head)
