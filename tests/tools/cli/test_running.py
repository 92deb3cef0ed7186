"""run, resume and adopt in this process: what they say, how they end, and what is wrong is told."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve

from detent import World, open_kernel
from detent.tools.stores import SQLite
from tests.tools.cli.shop import Box, box
from tests.tools.cli.typed import SHOP, Ended, Printed, detent, process


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where runs are kept."""
    return tmp_path / "runs.db"


def run(capsys: Printed, store: Path, name: str, *more: object) -> tuple[int, str, str]:
    """Run a machine of the shop."""
    return detent(capsys, "run", f"{SHOP}:{name}", "--store", store, "--id", "r", *more)


def lines(text: str) -> list[str]:
    """What is told, without its time."""
    return [line[11:] for line in text.split("\n\n")[0].splitlines()]


def objects(text: str) -> list[dict[str, Any]]:
    """Lines of JSON."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_is_told_as_it_happens_and_ends_with_its_result(store: Path, capsys: Printed) -> None:
    code, out, err = run(capsys, store, "parcel")

    assert (code, err) == (0, "")
    told = lines(out)
    assert told[:3] == [
        '● r begins  Parcel(how="well", got="")',
        "▸ fetching",
        '  · fetch  Fetch(how="well")',
    ]
    assert told[3].startswith("  ✓ fetch ")
    assert told[3].endswith('  "well"')
    assert told[4] == "▸ here"
    assert told[5].startswith("■ completed ")
    assert out.split("\n\n")[1].splitlines() == [
        "run r  completed",
        '  Parcel(how="well", got="well")',
        f"  show it: detent show r --store {store}",
        f"  replay it: detent replay r {SHOP}:parcel --store {store}",
    ]


def test_what_it_says_to_do_next_can_be_done(store: Path, capsys: Printed) -> None:
    out = run(capsys, store, "parcel")[1]

    for line in out.splitlines()[-2:]:
        command = line.partition(": detent ")[2].split()
        code, _, err = detent(capsys, *command)
        assert (code, err) == (0, "")


def test_what_is_tried_again_is_told(store: Path, capsys: Printed) -> None:
    out = run(capsys, store, "parcel", "--input", '{"how": "second"}')[1]

    assert [line.split("  ")[1].rstrip() for line in lines(out)[2:6]] == [
        "· fetch",
        "✗ fetch",
        "↻ fetch again in 50 ms",
        "· fetch (attempt 2)",
    ]


def test_what_a_handler_notes_is_told(store: Path, capsys: Printed) -> None:
    assert '  · "half way"' in lines(run(capsys, store, "parcel", "--input", '{"how": "noted"}')[1])


def test_a_run_that_fails_says_so_with_its_status(store: Path, capsys: Printed) -> None:
    code, out, _ = run(capsys, store, "parcel", "--input", '{"how": "lost"}')

    assert code == 1
    assert "run r  failed" in out


def test_what_is_inside_a_run_is_told_inside_it(store: Path, capsys: Printed) -> None:
    code, out, _ = run(capsys, store, "family")
    assert code == 4
    assert detent(capsys, "answer", "r", "yes", "--store", store)[0] == 0
    code, out, _ = detent(capsys, "resume", "r", "--store", store)

    assert code == 0
    inside = [line for line in lines(out) if line.startswith("  ▸") or line.startswith("  ●")]
    assert inside == ['  ● r/2 begins  Parcel(how="well", got="")', "  ▸ fetching", "  ▸ here"]


def test_without_a_terminal_it_stops_with_the_question_and_says_how_to_answer(
    store: Path, capsys: Printed
) -> None:
    code, out, err = run(capsys, store, "family")

    assert (code, err) == (4, "")
    assert out.split("\n\n")[1].splitlines() == [
        "run r  asks",
        "  question 1: Really?",
        f"  answer it: detent answer r 1 VALUE --store {store}",
        f"  go on: detent resume r --store {store}",
    ]


def test_what_waits_for_an_event_says_for_which(store: Path, capsys: Printed) -> None:
    code, out, _ = run(capsys, store, "box")

    assert code == 4
    assert "run r  waits in open for Put or Close" in out
    assert f"  send it: detent send r Put JSON --store {store}" in out


def test_everything_is_lines_of_json_for_programs(store: Path, capsys: Printed) -> None:
    code, out, err = run(capsys, store, "parcel", "--json", "--input", '{"how": "noted"}')

    told = objects(out)
    assert (code, err) == (0, "")
    assert told[0] == {"what": "run", "run": "r", "machine": "parcel"}
    whats = [one["what"] for one in told]
    assert whats[1:4] == ["RunStarted", "StateEntered", "CallStarted"]
    assert {"Noted", "Chunk", "CallFinished", "RunFinished"} <= set(whats)
    assert all(one["run"] == "r" for one in told)
    assert told[-1] == {
        "what": "end",
        "run": "r",
        "status": "completed",
        "value": {"$": "Parcel", "how": "noted", "got": "noted"},
        "failures": [],
    }


def test_programs_are_told_what_is_asked_and_what_is_waited_for(
    store: Path, capsys: Printed
) -> None:
    asked = objects(run(capsys, store, "family", "--json")[1])[-1]
    store.unlink()
    waits = objects(run(capsys, store, "box", "--json")[1])[-1]

    assert asked["questions"] == [{"run": "r", "id": 1, "question": "Really?"}]
    assert (asked["what"], asked["status"]) == ("end", "asks")
    assert (waits["status"], waits["states"]) == ("waits", ["open"])
    assert waits["events"] == ["Put", "Close"]


def test_the_input_may_stand_in_a_file(store: Path, tmp_path: Path, capsys: Printed) -> None:
    (tmp_path / "in.json").write_text('{"how": "from afar"}')

    out = run(capsys, store, "parcel", "--input", f"@{tmp_path}/in.json")[1]

    assert 'Parcel(how="from afar", got="from afar")' in out


def test_a_run_of_the_same_id_and_input_is_that_run(store: Path, capsys: Printed) -> None:
    first = run(capsys, store, "parcel", "--input", '{"how": "pid"}')
    again = run(capsys, store, "parcel", "--input", '{"how": "pid"}')

    assert (again[0], again[1].split("\n\n")[1]) == (0, first[1].split("\n\n")[1])


def test_a_run_gets_a_name_that_can_be_read(store: Path, capsys: Printed) -> None:
    out = detent(capsys, "run", f"{SHOP}:parcel", "--store", store)[1]

    assert out.splitlines()[0].split()[3].startswith("parcel-")


def test_the_store_may_be_said_once_for_all(
    store: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETENT_STORE", str(store))

    code, out, _ = detent(capsys, "run", f"{SHOP}:parcel", "--id", "r")

    assert code == 0
    assert out.splitlines()[-2] == "  show it: detent show r"


def test_a_run_whose_time_is_over_says_so(store: Path, capsys: Printed) -> None:
    code, out, _ = run(capsys, store, "parcel", "--input", '{"how": "never"}', "--deadline", "0.1")

    assert code == 1
    assert "run r  timed_out" in out


@pytest.mark.parametrize(
    "handlers",
    [f"{SHOP}:handlers", f"{SHOP}:world", f"{SHOP}:made", "tests/tools/cli/shop.py", f"{SHOP}"],
)
def test_handlers_are_a_list_or_a_world_or_made(
    handlers: str, store: Path, capsys: Printed
) -> None:
    assert run(capsys, store, "parcel", "--handlers", handlers)[0] == 0


def test_full_durability_is_asked_for(store: Path, capsys: Printed) -> None:
    assert run(capsys, store, "parcel", "--durability", "full")[0] == 0


WRONG: dict[str, tuple[list[str], int, str]] = {
    "input": (["--input", "5"], 2, "--input: 5 is no Parcel: write {"),
    "json": (["--input", "{"], 2, "the JSON is no JSON"),
    "a field": (["--input", '{"ho": "x"}'], 2, "Parcel has no field 'ho'"),
    "deadline": (["--deadline", "-1"], 2, "--deadline -1.0: it is a number of seconds above zero"),
    "grace": (["--grace", "-1"], 2, "--grace -1.0"),
    "no handlers": (["--handlers", f"{SHOP}:KINDS"], 2, "is no handler"),
    "one thing": (["--handlers", f"{SHOP}:nothing"], 2, "int 5 is no handler"),
    "unmade": (["--handlers", f"{SHOP}:unmade"], 2, "raises RuntimeError: no key in the drawer"),
    "elsewhere": (["--handlers", "examples.nowhere:x"], 2, "there is no module"),
    "too few": (["--handlers", "examples.refund:handlers"], 2, "nobody performs Fetch"),
    "id": (["--id", "a/b"], 2, "cannot be the id of a run"),
    "key": (["--key-file", "nowhere.key"], 3, "nowhere.key: No such file or directory"),
}


@pytest.mark.parametrize(("more", "status", "text"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_run_is_told_and_nothing_is_run(
    more: list[str], status: int, text: str, store: Path, capsys: Printed
) -> None:
    code, out, err = run(capsys, store, "parcel", *more)

    assert (code, out) == (status, "")
    assert err.startswith("detent: ")
    assert text in err


def test_an_id_that_is_taken_is_refused(store: Path, capsys: Printed) -> None:
    run(capsys, store, "parcel")

    code, _, err = run(capsys, store, "parcel", "--input", '{"how": "x"}')

    assert (code, "began with another input" in err) == (2, True)


def test_without_a_store_it_says_so(capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DETENT_STORE", raising=False)

    code, _, err = detent(capsys, "run", f"{SHOP}:parcel")

    assert (code, err) == (2, "detent: which store? Say --store FILE, or set DETENT_STORE\n")


# -- going on


def test_what_another_process_drives_is_told_to_go_on(store: Path) -> None:
    async def main() -> Ended:
        async with open_kernel(World(box, store=SQLite(store))) as kernel:
            await kernel.start(box, Box(), id="r")
            return await trio.to_thread.run_sync(process, "resume", "r", "--store", store)

    ended = trio.run(main)

    assert (ended.code, ended.err) == (0, "")
    assert "another process drives it: there is nothing to resume" in ended.out


def test_what_is_over_is_not_resumed(store: Path, capsys: Printed) -> None:
    run(capsys, store, "parcel")

    code, _, err = detent(capsys, "resume", "r", "--store", store)

    assert (code, "run 'r' is over: completed. See detent show r" in err) == (2, True)


def test_what_is_not_parked_has_nothing_to_skip(store: Path, capsys: Printed) -> None:
    run(capsys, store, "box")

    code, _, err = detent(capsys, "resume", "r", "--skip", "--store", store)

    assert (code, "there is nothing to skip" in err) == (2, True)


def test_a_run_of_another_machine_is_not_driven_by_this_one(store: Path, capsys: Printed) -> None:
    run(capsys, store, "box")

    code, _, err = detent(
        capsys, "resume", "r", "--machine", "examples.refund:refund", "--store", store
    )

    assert (code, "machine 'box'" in err) == (2, True)


def test_what_was_put_away_goes_on_where_it_was(store: Path, capsys: Printed) -> None:
    run(capsys, store, "box")
    assert detent(capsys, "send", "r", "Put", '{"cents": 3}', "--store", store)[0] == 0
    assert detent(capsys, "send", "r", "Close", "--store", store)[0] == 0

    code, out, _ = detent(capsys, "resume", "r", "--store", store)

    assert code == 0
    assert "Box(cents=3, notes=[])" in out
    assert evolve(Box(), cents=3) == Box(3)
