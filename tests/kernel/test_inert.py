"""What is said of forks that nobody has resumed, and of writes beside which nothing lies."""

from detent.kernel import Entry, Parked, Pending, Problem, Snapshot, Standing, Write, standing_of
from detent.kernel.journal.protocol import needs_of
from detent.kernel.replayer.likeness import _begun, _held  # pyright: ignore[reportPrivateUsage]

FORK = Parked("", "update", "", Problem("Fork", ""), None, 0, 5)


def test_a_fork_that_nobody_has_resumed_is_inert() -> None:
    now = Snapshot(("here",), None, pending=Pending(parked=FORK))

    assert standing_of(now, 7) == Standing("inert")


def test_what_lies_beside_nothing_is_needed_by_nothing() -> None:
    assert needs_of(Write("run", 0, None)) == {}


def test_an_entry_is_no_number() -> None:
    entry: object = Entry(1, 0, None)

    assert entry != 1


def test_only_what_is_held_for_a_fork_is_as_if_it_had_begun() -> None:
    held = ["", "form", 0, {"$": "Ask"}, 0, False, [2, "fork", 0]]
    tried = ["", "form", 0, {"$": "Ask"}, 0, False, [2, "retry", 9]]

    assert _begun(held) == ["", "form", 0, {"$": "Ask"}, 0, False, [2, "", 0]]
    assert _begun(tried) == tried
    assert list(_held({"effects": {"1": held, "2": tried}})) == [1]
