"""A run that was recorded is a test in one line."""

from pathlib import Path
from typing import Any

import pytest

from detent import DamagedLog, Machine
from detent.kernel import compile_machine, log_lines, walk
from detent.tools.testing import recording
from tests.tools.orders import (
    Add,
    Order,
    Pay,
    PayOk,
    Ship,
    hasty,
    order,
    ordering,
    shipped_below_total,
)

EVENTS = (Add(500), Ship(), Pay(), PayOk(500), Ship())


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    """A log that was recorded by the order."""
    log = tmp_path / "incident.run.jsonl"
    steps = walk(order, Order(), *EVENTS)
    log.write_bytes(b"".join(log_lines(compile_machine(order), Order(), steps)))
    return log


def said(log: Path, machine: Machine[Any, Any, Any]) -> str:
    """What a recording says of a machine that does something else."""
    with pytest.raises(AssertionError) as raised:
        recording(log, machine)()
    return str(raised.value).partition(": ")[2]


def test_the_machine_that_was_recorded_passes(incident: Path) -> None:
    recording(incident, order, promises=[shipped_below_total])()


def test_a_renamed_state_is_told_at_load(incident: Path) -> None:
    text = said(incident, ordering("data.paid == data.total", paid="settled"))

    assert text.startswith("0 entries as recorded\nrun 'walk' diverges: shape\n")
    assert 'states.paid: {"kind":"atomic"' in text
    assert 'states.settled: nothing -> {"kind":"atomic"' in text


def test_a_changed_guard_is_told_at_the_first_transition_that_differs(incident: Path) -> None:
    text = said(incident, ordering("data.paid > data.total"))

    assert text.splitlines() == [
        "4 entries as recorded",
        'changed since: states.cart.rows.cart/2.when: "data.paid == data.total" -> "data.paid > data.total"',
        'changed since: states.paid.rows.paid/0.when: "data.paid == data.total" -> "data.paid > data.total"',
        "entry 5 of run 'walk' diverges: guard",
        "  recorded: paid/0 -> shipped",
        "  now:      Ship rejected in paid: no guard for Ship is true",
    ]


def test_a_removed_guard_changes_what_was_refused_and_so_leaves_no_trace(incident: Path) -> None:
    """What was refused has no entry: a log can only tell what happened."""
    with pytest.raises(AssertionError, match="diverges"):
        recording(incident, ordering("data.paid < data.total"))()

    recording(incident, hasty)()


def test_a_log_is_looked_for_beside_the_test() -> None:
    with pytest.raises(FileNotFoundError):
        recording("nowhere.run.jsonl", order)()


def test_a_log_that_was_changed_is_no_test(incident: Path) -> None:
    incident.write_bytes(incident.read_bytes().replace(b'"cents":500', b'"cents":501'))

    with pytest.raises(DamagedLog, match=r"line 5, run 'walk', entry 2: the entry does not match"):
        recording(incident, order)()
