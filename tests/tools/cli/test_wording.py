"""What happened, in words; and the lines it makes."""

import io
from typing import Any

import attrs
import pytest

from detent import kernel
from detent.kernel import CallFailed, CallFinished, CallStarted, RunFinished, RunStarted, Told
from detent.tools.cli.printing import in_columns
from detent.tools.cli.screen import Screen, columns, wide
from detent.tools.cli.wording import Said, Saying, shown, span

KINDS: list[type[Told]] = [
    kind
    for name in kernel.__all__
    if isinstance(kind := getattr(kernel, name), type)
    and issubclass(kind, Told)
    and kind is not Told
]
QUIET = {
    "CallStarted",
    "StateLeft",
}  # they are under way below the lines, and in the table of states
SAMPLES: dict[str, Any] = {
    **{"run": "r", "seq": 3, "at": 5_000_000, "effect": 2, "due": 6_000_000, "until": 0},
    **{"attempt": 1, "input": {"$": "Cart"}, "failures": (), "rules": ("a", "b"), "epoch": 2},
    **{"status": "completed", "skip": True, "how": "answered", "cause": None, "timer": 4},
    **{"shape": ("a", "b"), "answer": True, "event": {"$": "Pay"}, "signal": {"$": "Pay"}},
}


def sample(kind: type[Told], **more: Any) -> Told:
    """Something that is told."""
    fields = {one.name: SAMPLES.get(one.name, one.name) for one in attrs.fields(kind)}
    return kind(**{**fields, **more})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_everything_that_is_told_is_said_or_is_seen_otherwise(kind: type[Told]) -> None:
    said = Saying().say(sample(kind))

    assert (said is None) == (kind.__name__ in QUIET)
    if said is not None:
        assert said.text
        assert "\n" not in said.text + said.more


def test_who_has_no_block_is_told_that_a_call_begins() -> None:
    said = Saying(starts=True).say(sample(CallStarted, order={"$": "Charge", "cents": 5}))

    assert said == Said("begun", "form", "Charge(cents=5)")


def test_how_long_something_took_is_said_where_it_ends() -> None:
    saying = Saying()
    saying.say(sample(RunStarted, at=0))
    saying.say(sample(CallStarted, at=1_000))

    failed = saying.say(sample(CallFailed, at=4_000, problem="Fails", message="no"))
    finished = saying.say(sample(CallFinished, at=9_000))
    end = saying.say(sample(RunFinished, at=9_000, value=5))

    assert failed == Said("bad", "form", "no", 3_000)
    assert finished is not None
    assert finished.took is None  # its beginning was not seen
    assert end == Said("end", "completed", "5", 9_000)


def test_why_a_run_failed_is_said() -> None:
    failures = ({"$": "Problem", "kind": "Stuck", "message": "no way out"}, {"$": "Refused"})

    said = Saying().say(sample(RunFinished, status="failed", failures=failures))

    assert said == Said("end", "failed", "Stuck: no way out; Refused()", None)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"$": "A", "x": [1, None, True], "y": {"k": "v"}}, 'A(x=[1, null, true], y={k: "v"})'),
        ({"$enum": "Colour.RED"}, "Colour.RED"),
        ({"$set": [1, 2]}, "[1, 2]"),
        ({"$map": [[1, 2]]}, "[[1, 2]]"),
        ({"$sealed": "0123"}, "(sealed)"),
        ({"$blob": "0123"}, "(blob)"),
        ({"$datetime": "2026-01-01"}, "2026-01-01"),
        ({}, "{}"),
        ("x" * 200, '"' + "x" * 96 + "..."),
    ],
    ids=str,
)
def test_a_tree_is_shown_as_people_write_values(tree: Any, text: str) -> None:
    assert shown(tree) == text


def test_in_a_pipe_there_are_neither_colours_nor_a_block() -> None:
    stream = io.StringIO()
    screen = Screen(stream)

    screen.block(["under way"])
    screen.said(Said("done", "charge", "Paid()", 1_500_000), 2_000_000, depth=1)
    screen.block(["under way"])
    screen.close()

    line = f"   2.00 s  {'    + charge':<35}{'1.50 s':>9}  Paid()\n"
    assert stream.getvalue() == line


@pytest.mark.parametrize(
    ("text", "room", "kept"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 4, "abc…"),
        ("日本語", 4, "日…"),
        ("\x1b[1mabcdef\x1b[0m", 3, "\x1b[1mab…\x1b[0m"),
        ("abc", 0, ""),
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"),
    ],
    ids=ascii,
)
def test_a_text_takes_no_more_room_than_there_is(text: str, room: int, kept: str) -> None:
    assert wide(text, room) == kept
    assert columns(kept) <= room


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    rows = [("A", "B"), ("long", "日本"), ("x", "")]

    assert list(in_columns(Screen(io.StringIO()), rows)) == ["A     B", "long  日本", "x"]


@pytest.mark.parametrize(
    ("micro", "text"),
    [(0, "0.0 ms"), (59_999_999, "60.00 s"), (3_599_600_000, "1 h 0 min")],
    ids=str,
)
def test_a_time_is_said_in_two_words(micro: int, text: str) -> None:
    assert span(micro) == text
