"""answer, send and cancel: to a run that nobody drives, and to one that another process drives."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from detent import World, open_kernel
from detent.tools.stores import SQLite
from tests.tools.cli.shop import Box, Form, box, form, waits
from tests.tools.cli.typed import SHOP, Ended, Printed, detent, process


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a box, and a form that is filled in."""
    path = tmp_path / "runs.db"

    async def main() -> None:
        async with open_kernel(World(box, form, store=SQLite(path))) as kernel:
            await kernel.start(box, Box(), id="box-1")
            await kernel.start(form, Form(), id="form-1")

    trio.run(main)
    return path


def resumed(capsys: Printed, store: Path, run: str) -> str:
    """What is said when somebody drives it on."""
    return detent(capsys, "resume", run, "--store", store)[1]


def test_an_event_is_stored_for_whoever_drives_the_run(store: Path, capsys: Printed) -> None:
    code, out, err = detent(capsys, "send", "box-1", "Put", '{"cents": 5}', "--store", store)

    assert (code, err) == (0, "")
    assert out == (
        "stored: whoever drives run 'box-1' hears of it; if nobody does, "
        f"detent resume box-1 --store {store}\n"
    )
    assert "→ Put(cents=5" in resumed(capsys, store, "box-1")


def test_an_event_with_a_key_is_taken_once(store: Path, capsys: Printed) -> None:
    sent = ("send", "box-1", "Put", '{"cents": 5}', "--key", "first", "--store", store, "--json")

    receipts = [json.loads(detent(capsys, *sent)[1])["receipt"] for _ in range(2)]

    assert receipts == ["stored", "duplicate"]


def test_every_type_of_answer_is_given_as_a_word(store: Path, capsys: Printed) -> None:
    out = ""
    words = ["yes", "7", "a b", "red", '{"street": "High"}', "2026-11-29", "1.50"]
    for word in words:
        code, _, err = detent(capsys, "answer", "form-1", word, "--store", store)
        assert (code, err) == (0, ""), word
        out = resumed(capsys, store, "form-1")

    assert "run form-1  completed" in out
    assert "Place(street='High', number=1)" in out


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "no such run": (
        ["send", "bix", "Put"],
        2,
        "there is no run 'bix' in the store; there are 'box-1'",
    ),
    "no such event": (
        ["send", "box-1", "Putt"],
        2,
        "no event 'Putt'; it has Close, Put. Did you mean Put?",
    ),
    "no fields": (["send", "box-1", "Put"], 2, 'event Put: Put needs cents: write {"cents": int'),
    "a wrong field": (["send", "box-1", "Put", '{"cents": "5"}'], 2, 'cents: "5" is no int'),
    "no JSON": (["send", "box-1", "Put", "{"], 2, "the JSON is no JSON"),
    "nothing is asked": (["answer", "box-1", "yes"], 2, "run 'box-1' asks nothing"),
    "a wrong answer": (["answer", "form-1", "maybe"], 2, "wants yes or no: 'maybe' is neither"),
    "another question": (
        ["answer", "form-1", "9", "yes"],
        2,
        "no open question '9'; it asks 1: bool?",
    ),
    "too many words": (["answer", "form-1", "1", "a", "b"], 2, "in quotes if it has blanks"),
    "another machine": (
        ["cancel", "box-1", "--machine", "examples.order:order"],
        2,
        "machine 'box'",
    ),
    "no such machine": (["cancel", "box-1", "--machine", "examples.nowhere:a"], 2, "no module"),
}


@pytest.mark.parametrize(("words", "status", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused_and_nothing_is_sent(
    words: list[str], status: int, text: str, store: Path, capsys: Printed
) -> None:
    code, out, err = detent(capsys, *words, "--store", store)

    assert (code, out) == (status, "")
    assert text in err
    told = json.loads(detent(capsys, "show", "box-1", "--json", "--store", store)[1])
    assert (told["seq"], told["status"]) == (1, "waiting")


def test_a_question_is_answered_once(store: Path, capsys: Printed) -> None:
    assert detent(capsys, "answer", "form-1", "yes", "--store", store)[0] == 0

    code, _, err = detent(capsys, "answer", "form-1", "no", "--store", store)

    assert (code, "has an answer that waits" in err) == (1, True)


def test_a_run_is_asked_to_end(store: Path, capsys: Printed) -> None:
    code, _, _ = detent(capsys, "cancel", "box-1", "--reason", "enough", "--store", store)

    out = resumed(capsys, store, "box-1")
    assert code == 0
    assert "→ is to end: cancelled  enough" in out
    assert "run box-1  cancelled" in out


def test_what_is_sent_to_a_run_that_is_over_is_rejected(store: Path, capsys: Printed) -> None:
    detent(capsys, "cancel", "box-1", "--store", store)
    resumed(capsys, store, "box-1")

    code, out, _ = detent(capsys, "send", "box-1", "Close", "--store", store)

    assert (code, out) == (1, "rejected: run 'box-1' is over\n")


def test_the_beginning_of_an_id_names_a_run_if_it_is_the_only_one(
    store: Path, capsys: Printed
) -> None:
    assert detent(capsys, "send", "bo", "Close", "--store", store)[0] == 0


def test_the_machine_may_be_said_once_for_all(
    store: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETENT_MACHINE", f"{SHOP}:box")

    assert detent(capsys, "send", "box-1", "Close", "--store", store)[0] == 0


def test_whoever_drives_a_run_hears_of_what_is_sent_at_once(store: Path) -> None:
    async def main() -> tuple[list[Ended], Any]:
        async with open_kernel(World(box, form, store=SQLite(store))) as kernel:
            ended = [
                await trio.to_thread.run_sync(process, *words, "--store", store)
                for words in (
                    ("send", "box-1", "Put", '{"cents": 5}'),
                    ("answer", "form-1", "yes"),
                    ("cancel", "form-1"),
                    ("send", "box-1", "Close"),
                )
            ]
            with trio.fail_after(60):
                assert (await kernel.run("form-1").wait_end()).status == "cancelled"
                return ended, await kernel.run("box-1").wait_result()

    ended, result = trio.run(main)

    assert [(one.code, one.err) for one in ended] == [(0, "")] * 4
    assert result == Box(5)
    assert waits[0].question == "bool?"
