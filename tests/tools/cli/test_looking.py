"""runs, show, watch, verify, fork, export, import and diff on a store, and stores that are not what they should be."""

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from detent import World, open_kernel
from detent.tools.stores import SQLite
from tests.tools.cli.shop import Box, Close, Put, box
from tests.tools.cli.typed import SHOP, Ended, Printed, detent, process


@pytest.fixture
def store(tmp_path: Path, capsys: Printed) -> Path:
    """A store with a parcel that has come, one that is lost, a family that asks, and a box."""
    path = tmp_path / "runs.db"
    for name, machine, how in (
        ("came", "parcel", '{"how": "second"}'),
        ("lost", "parcel", '{"how": "lost"}'),
        ("asks", "family", "{}"),
        ("open", "box", "{}"),
    ):
        detent(capsys, "run", f"{SHOP}:{machine}", "--id", name, "--input", how, "--store", path)
    return path


def rows(text: str) -> list[list[str]]:
    """A table, in words."""
    return [line.split() for line in text.splitlines()]


def shown(capsys: Printed, store: Path, *words: object) -> Any:
    """What a command says to programs."""
    return json.loads(detent(capsys, *words, "--json", "--store", store)[1])


def test_runs_are_listed_with_what_they_wait_for(store: Path, capsys: Printed) -> None:
    code, out, err = detent(capsys, "runs", "--store", store)

    assert (code, err) == (0, "")
    assert rows(out)[0] == ["RUN", "MACHINE", "STATUS", "IN", "LAST", "NEXT"]
    assert [row[:4] for row in rows(out)[1:]] == [
        ["asks", "family", "waiting", "asking"],
        ["came", "parcel", "completed", "here"],
        ["lost", "parcel", "failed", "lost"],
        ["open", "box", "waiting", "open"],
    ]
    assert out.splitlines()[1].endswith("? Really?")


def test_runs_are_chosen_and_turned_over_page_by_page(store: Path, capsys: Printed) -> None:
    parcels = shown(capsys, store, "runs", "--machine", "parcel")["runs"]
    waiting = shown(capsys, store, "runs", "--status", "waiting")["runs"]
    first = shown(capsys, store, "runs", "--limit", 3)
    rest = shown(capsys, store, "runs", "--limit", 3, "--after", first["after"])

    assert [one["id"] for one in parcels] == ["came", "lost"]
    assert [one["id"] for one in waiting] == ["asks", "open"]
    assert waiting[0]["questions"] == [{"id": 1, "question": "Really?"}]
    assert ([one["id"] for one in first["runs"]], first["after"]) == (
        ["asks", "came", "lost"],
        "lost",
    )
    assert ([one["id"] for one in rest["runs"]], rest["after"]) == (["open"], None)
    out = detent(capsys, "runs", "--limit", 1, "--store", store)[1]
    assert out.splitlines()[-1] == f"more: detent runs --after asks --store {store}"


def test_where_there_is_none_it_says_so(store: Path, capsys: Printed) -> None:
    assert detent(capsys, "runs", "--machine", "x", "--store", store)[1] == "no such run\n"
    assert detent(capsys, "runs", "--limit", "0", "--store", store)[0] == 2


def test_a_run_is_shown_with_how_long_everything_took(store: Path, capsys: Printed) -> None:
    told = shown(capsys, store, "show", "came")

    (fetch,) = told["effects"]
    assert (fetch["form"], fetch["attempts"], fetch["outcome"]) == ("fetch", 2, "returned")
    assert fetch["until"] - fetch["since"] >= 50_000
    assert [one["state"] for one in told["states"]] == ["fetching", "here"]
    assert (told["status"], told["value"]["got"]) == ("completed", "second")
    out = detent(capsys, "show", "came", "--store", store)[1]
    assert ["fetch", "1", "2"] in [row[:3] for row in rows(out)]
    assert out.splitlines()[-1].startswith("completed after ")


def test_what_a_run_was_at_an_entry_is_shown(store: Path, capsys: Printed) -> None:
    frame = json.loads(detent(capsys, "show", "came", "--at", 1, "--store", store)[1])

    assert (frame["seq"], frame["in"]) == (1, ["fetching"])
    code, _, err = detent(capsys, "show", "came", "--at", 99, "--store", store)
    assert (code, "has no entry 99" in err) == (2, True)


def test_a_run_inside_another_is_shown_inside_it_and_alone(store: Path, capsys: Printed) -> None:
    detent(capsys, "answer", "asks", "y", "--store", store)
    detent(capsys, "resume", "asks", "--store", store)

    whole = shown(capsys, store, "show", "asks")
    alone = shown(capsys, store, "show", "asks/2")

    assert {one["run"] for one in whole["timeline"]} == {"asks", "asks/2"}
    assert [one["state"] for one in whole["states"]] == ["asking", "sending", "alone"]
    assert [one["state"] for one in alone["states"]] == ["fetching", "here"]
    assert shown(capsys, store, "show", "asks")["effects"][1]["outcome"] == "completed"


def test_what_a_run_asks_is_shown(store: Path, capsys: Printed) -> None:
    out = detent(capsys, "show", "asks", "--store", store)[1]

    assert out.split("\n\n")[-2:] == ["question 1: Really?", "waiting in asking\n"]


def test_the_states_of_a_run_are_lit_in_a_drawing(store: Path, capsys: Printed) -> None:
    out = detent(capsys, "draw", f"{SHOP}:family", "--run", "asks", "--store", store)[1]

    assert "*   state asking" in out


def test_who_looks_on_sees_a_run_to_its_end(store: Path) -> None:
    async def main() -> Ended:
        async with (
            open_kernel(World(box, store=SQLite(store))) as kernel,
            trio.open_nursery() as all,
        ):
            ended: list[Ended] = []

            async def look() -> None:
                ended.append(
                    await trio.to_thread.run_sync(process, "watch", "open", "--store", store)
                )

            all.start_soon(look)
            await kernel.run("open").send(Put(5))
            await trio.sleep(1.0)  # real time: another process has to begin
            await kernel.run("open").send(Close())
            await kernel.run("open").wait_end()
        return ended[0]

    ended = trio.run(main)

    assert (ended.code, ended.err) == (0, "")
    assert "→ Put(cents=5" in ended.out
    assert "■ completed" in ended.out


def test_who_looks_on_at_what_is_over_sees_all_of_it(store: Path, capsys: Printed) -> None:
    assert detent(capsys, "watch", "came", "--store", store)[0] == 0
    code, out, _ = detent(capsys, "watch", "lost", "--after", 2, "--json", "--store", store)

    told = [json.loads(line) for line in out.splitlines()]
    assert (code, told[-1]["what"], told[-1]["status"]) == (1, "RunFinished", "failed")
    assert min(one["seq"] for one in told) == 3


def test_a_store_is_verified_whole_or_run_by_run(store: Path, capsys: Printed) -> None:
    whole = shown(capsys, store, "verify")
    head = next(one["head"] for one in whole["runs"] if one["run"] == "came")

    assert [one["run"] for one in whole["runs"]] == ["asks", "came", "lost", "open"]
    assert detent(capsys, "verify", store)[0] == 0
    assert detent(capsys, "verify", "came", "--head", head, "--store", store)[0] == 0
    code, _, err = detent(capsys, "verify", store, "--head", "0" * 64)
    assert (code, "the log is cut short: 000" in err) == (1, True)


def test_what_is_damaged_in_a_store_is_named_and_the_rest_is_verified(
    store: Path, capsys: Printed
) -> None:
    base = sqlite3.connect(store)
    ((id, body),) = base.execute(
        "SELECT entries.id, body FROM entries WHERE instr(body, CAST('$began' AS BLOB))"
        " AND instr(body, CAST('second' AS BLOB))"
    )
    base.execute("UPDATE entries SET body = ? WHERE id = ?", (body.replace(b"sec", b"sac"), id))
    base.commit()
    base.close()

    code, out, err = detent(capsys, "verify", store)

    assert code == 1
    assert "run 'came': " in err
    assert "entry 1 is not as it was written" in err
    assert "run 'lost': " in out
    assert detent(capsys, "show", "came", "--store", store)[0] == 1


def test_a_run_goes_out_of_a_store_and_into_another(
    store: Path, tmp_path: Path, capsys: Printed
) -> None:
    file, other = tmp_path / "asks.run.jsonl", tmp_path / "other.db"

    assert detent(capsys, "export", "asks", "--out", file, "--store", store)[0] == 0
    code, out, _ = detent(capsys, "import", file, "--store", other)
    assert (code, out) == (0, "brought in: asks\n")
    assert detent(capsys, "diff", file, "asks", "--store", other)[0] == 0
    assert detent(capsys, "answer", "asks", "no", "--store", other)[0] == 0
    assert detent(capsys, "resume", "asks", "--store", other)[0] == 0
    code, out, _ = detent(capsys, "diff", file, "asks", "--store", other)
    assert (code, out) == (1, "entry 2: the second run goes on alone\n")


def test_without_a_file_a_log_is_printed(store: Path) -> None:
    ended = process("export", "came", "--store", store)

    assert ended.code == 0
    assert ended.out.startswith('{"run":"came","header":')


def test_a_run_is_forked_in_its_store_and_goes_on(store: Path, capsys: Printed) -> None:
    words = ("fork", "came", "--at", 1, "--name", "again", "--effect", "1=rerun")

    code, out, err = detent(capsys, *words, "--store", store)

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "run 'again' begins after entry 1, in the store",
        f"go on: detent resume again --store {store}",
    ]
    assert shown(capsys, store, "runs", "--status", "inert")["runs"][0]["id"] == "again"
    assert shown(capsys, store, "show", "again")["status"] == "inert"
    assert detent(capsys, "resume", "again", "--store", store)[0] == 0
    code, out, _ = detent(capsys, "diff", "came", "again", "--store", store)
    assert (code, out.splitlines()[0]) == (1, "entry 2: something else happened")  # by its chance
    told = shown(capsys, store, "show", "again")
    assert [one["state"] for one in told["states"]] == ["fetching", "here"]


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "no run": (["show", "nobody"], 2, "there is no run 'nobody' in the store; there are 'asks'"),
    "many runs": (["show", ""], 2, "there is no run ''; these begin so: 'asks', 'came'"),
    "no log": (["show", "nowhere.run.jsonl"], 3, "nowhere.run.jsonl: No such file or directory"),
    "watch": (["watch", "nobody"], 2, "there is no run 'nobody'"),
    "export": (["export", "nobody", "--out", "x.run.jsonl"], 2, "there is no run 'nobody'"),
    "export a file": (["export", "x.jsonl"], 2, "is a file already"),
    "a wrong ending": (["export", "came", "--out", "x.txt"], 2, "logs are called *.run.jsonl"),
    "no folder": (["export", "came", "--out", "/nowhere/x.jsonl"], 3, "No such file or directory"),
    "import": (["import", "nowhere.run.jsonl"], 3, "No such file or directory"),
    "no log to import": (["import", "runs.db"], 2, "is no log"),
    "fork the end": (["fork", "came", "--at", "4", "--name", "x"], 2, "is over at entry 4"),
    "fork unsaid": (["fork", "came", "--at", "1", "--name", "x"], 2, "say whether to rerun it"),
    "fork a choice": (
        ["fork", "came", "--at", "1", "--name", "x", "--effect", "1=maybe"],
        2,
        "is no choice: write ID=CHOICE",
    ),
    "a name that is taken": (
        ["fork", "came", "--at", "1", "--name", "lost", "--effect", "1=rerun"],
        2,
        "run 'lost' is there already",
    ),
    "after nobody": (["runs", "--after", "nobody"], 2, "there is no run 'nobody'"),
}


@pytest.mark.parametrize(("words", "status", "text"), REFUSED.values(), ids=REFUSED)
def test_what_there_is_not_is_told(
    words: list[str], status: int, text: str, store: Path, capsys: Printed
) -> None:
    code, out, err = detent(capsys, *words, "--store", store)

    assert (code, out) == (status, "")
    assert err.startswith("detent: ")
    assert text in err


def test_a_run_is_not_brought_in_twice(store: Path, tmp_path: Path, capsys: Printed) -> None:
    file = tmp_path / "came.run.jsonl"
    detent(capsys, "export", "came", "--out", file, "--store", store)

    code, _, err = detent(capsys, "import", file, "--store", store)
    again = detent(capsys, "export", "came", "--out", file, "--store", store)

    assert (code, "run 'came' is there already: nothing was brought in" in err) == (2, True)
    assert (again[0], "is there already: name another file" in again[2]) == (2, True)


# -- stores that are not what they should be

Spoil = Callable[[Path], object]


def newer(path: Path) -> None:
    """As a later version would have written it."""
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 99")
    base.close()


def torn(path: Path) -> None:
    """Half of it is something else."""
    data = path.read_bytes()
    path.write_bytes(data[:100] + os.urandom(len(data) - 100))


SPOILT: dict[str, tuple[Spoil, int, str]] = {
    "gone": (lambda path: path.unlink(), 3, "there is no store at"),
    "empty": (lambda path: path.write_bytes(b""), 3, "there is no store at"),
    "text": (lambda path: path.write_text("hello"), 3, "is no SQLite file, so it is no store"),
    "newer": (newer, 3, "is a store of version 99"),
    "torn": (torn, 1, "runs.db"),
}


@pytest.mark.parametrize(
    "words", [["runs"], ["show", "came"], ["send", "open", "Close"], ["verify"]]
)
@pytest.mark.parametrize(("spoil", "status", "text"), SPOILT.values(), ids=SPOILT)
def test_what_is_wrong_with_a_store_is_told_in_one_sentence(
    spoil: Spoil, status: int, text: str, words: list[str], store: Path, capsys: Printed
) -> None:
    spoil(store)

    code, out, err = detent(capsys, *words, "--store", store)

    assert (code, out) == (status, "")
    assert err.startswith("detent: ")
    assert text in err
    assert err.count("\n") == 1


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, capsys: Printed) -> None:
    code, _, err = detent(
        capsys, "run", f"{SHOP}:parcel", "--store", tmp_path / "nowhere" / "runs.db"
    )

    assert (code, "there is no folder" in err) == (3, True)


def test_a_store_that_is_driven_is_not_driven_twice(store: Path) -> None:
    async def main() -> list[Ended]:
        async with open_kernel(World(box, store=SQLite(store))):
            return [
                await trio.to_thread.run_sync(process, *words, "--store", store)
                for words in (
                    ("run", f"{SHOP}:parcel"),
                    ("fork", "came", "--at", "1", "--name", "x", "--effect", "1=rerun"),
                    ("runs",),
                )
            ]

    run, fork, runs = trio.run(main)

    assert (run.code, fork.code, runs.code) == (3, 3, 0)
    assert f"is driven by process {os.getpid()}" in run.err
    assert run.err.count("\n") == 1


def test_who_has_the_file_to_himself_is_told_of(store: Path, capsys: Printed) -> None:
    base = sqlite3.connect(store, isolation_level=None)
    base.execute("BEGIN EXCLUSIVE")

    code, _, err = detent(capsys, "send", "open", "Close", "--store", store)

    base.close()
    assert (code, "locked" in err) == (3, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everything")
def test_a_file_that_may_not_be_written_is_read(store: Path, capsys: Printed) -> None:
    store.chmod(0o400)
    store.parent.chmod(0o500)
    try:
        assert detent(capsys, "show", "came", "--store", store)[0] == 0
        code, _, err = detent(capsys, "send", "open", "Close", "--store", store)
        assert (code, "cannot be written" in err) == (3, True)
    finally:
        store.parent.chmod(0o700)


def test_the_box_of_the_shop_is_a_box() -> None:
    assert Box().put(Put(1, "a")) == Box(1, ("a",))
