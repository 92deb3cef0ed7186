"""What is asked of many runs is answered by an index, and an index is written only when its answer changes."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from detent.kernel import Committed, Delivery, Journal, Standing, but
from detent.tools.stores import SQLite
from detent.tools.stores.sqlite.finding import Wanted, find, next_due, shapes
from detent.tools.stores.sqlite.reading import Reader
from detent.tools.testing.contracts.diary import SCRIBE, Said, begun
from tests.tools.stores.files import driven, filled

SAYING = SCRIBE.write_signal(Said("by post"), ())


class Explaining(sqlite3.Connection):
    """A connection that tells how it finds what it is asked for."""

    plans: list[str]

    def execute(self, statement: str, values: Any = (), /) -> sqlite3.Cursor:
        """Execute, and remember the plan."""
        if statement.lstrip().startswith(("SELECT", "UPDATE")):
            rows = super().execute(f"EXPLAIN QUERY PLAN {statement}", values)
            self.plans += [row[3] for row in rows]
        return super().execute(statement, values)


@pytest.fixture
def base(tmp_path: Path) -> Iterable[Explaining]:
    """A file with some runs in which nothing is out of the ordinary."""
    store = filled(tmp_path / "runs.db", *"abcdefgh")
    driven(store, lambda journal: journal.deliver([Delivery("c", "k", SAYING)]))
    base = sqlite3.connect(tmp_path / "runs.db", factory=Explaining)
    base.plans = []
    yield base
    base.close()


@pytest.mark.parametrize(
    ("wanted", "index", "found"),
    [
        (Wanted(in_flight=True), "runs_in_flight", ""),
        (Wanted(held=True), "runs_held", ""),
        (Wanted(held=True, in_flight=True, statuses=("running",)), "runs_held", ""),
        (Wanted(due_by=10), "runs_due", ""),
        (Wanted(due_by=60_000_000), "runs_due", "abcdefgh"),
        (Wanted(due_by=60_000_000, machines=("diary",), after="f"), "runs_due", "gh"),
        (Wanted(statuses=("parked",)), "runs_standing", ""),
        (Wanted(statuses=("waiting", "running"), limit=2), "runs_standing", "ab"),
        (Wanted(statuses=("waiting",), machines=("diary",), after="c"), "runs_standing", "defgh"),
        (Wanted(machines=("diary",), held=False), "runs_standing", "abcdefgh"),
        (Wanted(mail=True), "INTEGER PRIMARY KEY", "c"),
        (Wanted(mail=False, limit=3, after="a"), "sqlite_autoindex_runs_1", "bde"),
        (Wanted(after="c", limit=1), "sqlite_autoindex_runs_1", "d"),
    ],
    ids=str,
)
def test_runs_are_found_without_looking_at_all_of_them(
    base: Explaining, wanted: Wanted, index: str, found: str
) -> None:
    assert "".join(run for run, _ in find(base, wanted)) == found

    assert any("SEARCH runs USING" in plan and index in plan for plan in base.plans) or any(
        f"SCAN runs USING INDEX {index}" in plan for plan in base.plans
    )
    assert not any(plan.startswith("SCAN runs") and "USING" not in plan for plan in base.plans)


def test_what_is_due_next_and_which_machines_live_is_seen_in_an_index(base: Explaining) -> None:
    assert next_due(base, 0) == 60_000_000
    assert [name for name, _ in shapes(base)] == ["diary"]

    assert "SEARCH runs USING COVERING INDEX runs_due (due>?)" in base.plans
    assert any("runs_living (machine=?)" in plan for plan in base.plans)
    assert not any(plan.startswith("SCAN runs") for plan in base.plans)


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (Reader.load, ("a",)),
        (Reader.entries, ("a", 1, 2)),
        (Reader.holds, ("a", 1, "00")),
        (Reader.taken, ("a", "k")),
        (Reader.inbox, ("c",)),
        (Reader.cells, (["x"],)),
        (Reader.beside, (["00"],)),
        (Reader.outline, ("x",)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_of_one_run_only_its_own_rows_are_read(
    base: Explaining, call: Any, given: Sequence[Any]
) -> None:
    call(Reader(base, "runs.db"), *given)

    assert [plan for plan in base.plans if plan.startswith("SCAN") and "CONSTANT" not in plan] == []


def test_an_index_is_written_only_when_its_answer_changes(tmp_path: Path) -> None:
    store, said = SQLite(tmp_path / "runs.db"), list[str]()

    async def write(journal: Journal) -> None:
        made = begun("a")
        await journal.append([made.write])
        base: sqlite3.Connection = vars(journal)["_clerk"]._base
        base.set_trace_callback(said.append)
        stands = made.write.standing
        assert stands is not None
        for standing in (stands, but(stands, due=7), Standing("completed"), None):
            made = made.writer.take((Said("x"), None), standing=standing)
            assert await journal.append([made.write]) == (Committed(*made.writer.after),)

    driven(store, write)

    updates = [one.partition(" WHERE")[0] for one in said if one.startswith("UPDATE")]
    assert updates == [
        "UPDATE runs SET due = 7",
        "UPDATE runs SET status = 'completed', due = NULL, is_over = 1",
    ]


def test_one_entry_takes_one_statement(tmp_path: Path) -> None:
    store, said = SQLite(tmp_path / "runs.db"), list[str]()

    async def write(journal: Journal) -> None:
        made = begun("a")
        await journal.append([made.write])
        base: sqlite3.Connection = vars(journal)["_clerk"]._base
        base.set_trace_callback(said.append)
        made = made.writer.take((Said("x"), None), standing=None)
        assert await journal.append([made.write]) == (Committed(*made.writer.after),)

    driven(store, write)

    assert [one[:19] for one in said if "PRAGMA" not in one] == ["INSERT INTO entries"]
