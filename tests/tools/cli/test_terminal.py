"""Commands in a terminal: questions that are asked there, Ctrl-C, colours, and what is under way."""

import signal
import sqlite3
import termios
from pathlib import Path
from typing import Any

import pytest

from detent.tools.cli.keyboard import Typing
from tests.tools.cli.typed import SHOP, Printed, detent, terminal


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where runs are kept."""
    return tmp_path / "runs.db"


def run_of(store: Path, name: str, *more: object) -> tuple[object, ...]:
    """The words that run a machine of the shop."""
    return ("run", f"{SHOP}:{name}", "--id", "r", "--store", store, *more)


def test_every_question_is_asked_and_what_is_wrong_is_asked_again(store: Path) -> None:
    with terminal(*run_of(store, "form")) as here:
        for prompt, wrong, why, right in (
            ("yes or no >", "perhaps", "'perhaps' is neither yes nor no; once more", "yes"),
            ("a whole number >", "2.5", "'2.5' is no whole number", "-7"),
            ("a text >", None, None, "Ada, and so on"),
            ("RED or BLUE >", "green", "none of RED, BLUE", "blue"),
            ('{"street": str, "number": int', "High Street", "no JSON", '{"street": "High"}'),
            ("a date >", "tomorrow", "write a date", "2026-11-29"),
            ("a number >", "much", "write a number", "1.50"),
        ):
            here.until(prompt)
            if wrong is not None and why is not None:
                here.press(f"{wrong}\r")
                here.until(why)
                here.until(prompt)
            here.press(f"{right}\r")
        here.until("run r  completed")
        code = here.end()

    assert code == 0
    assert "Place(street='High', number=1)" in here.shown
    assert "'Ada, and so on'" in here.shown
    assert "Colour.BLUE" in here.shown


def test_what_is_typed_is_shown_and_can_be_taken_back(store: Path) -> None:
    with terminal(*run_of(store, "form")) as here:
        here.until("yes or no >")
        here.press("nope")
        here.until("> nope")
        here.press("\x7f\x7f")
        here.until("> no")
        here.press("\x15y\x1b[Des\r")  # Ctrl-U, and an arrow that means nothing
        here.until("answer 1")
        here.until("true")


def test_what_was_typed_too_early_is_the_next_answer(store: Path) -> None:
    with terminal(*run_of(store, "form")) as here:
        here.until("yes or no >")
        here.press("yes\r41\r")
        here.until("answer 2")
        here.until("41")


def test_what_is_typed_before_anything_is_asked_does_not_stand_between_the_lines(
    store: Path,
) -> None:
    with terminal(*run_of(store, "parcel", "--input", '{"how": "never"}')) as here:
        here.until("fetch  ")
        here.press("hello\r")
        here.until("fetch  ")
        here.until("fetch  ")

    assert "hello" not in here.shown


def test_who_ends_the_line_gives_no_answer(store: Path) -> None:
    with terminal(*run_of(store, "form")) as here:
        here.until("yes or no >")
        here.press("\x04")
        here.until("run r  asks")
        here.until("answer it: detent answer r 1 VALUE")
        assert here.end() == 4


def test_ctrl_c_puts_the_run_down_and_says_how_to_go_on(store: Path, capsys: Printed) -> None:
    with terminal(
        *run_of(store, "parcel", "--input", '{"how": "never"}', "--grace", "0.2")
    ) as here:
        here.until("fetch  ")
        here.press("\x03")
        here.until("SIGINT: putting the run down, 0.2 s at most; Ctrl-C again ends this at once")
        here.until("run r  put down")
        here.until(f"go on: detent resume r --store {store}")
        assert here.end() == 130

    told = detent(capsys, "show", "r", "--store", store)[1]
    assert "fetch was interrupted" in told


def test_ctrl_c_while_something_is_asked_gives_the_terminal_back(store: Path) -> None:
    with terminal(*run_of(store, "form")) as here:
        before = termios.tcgetattr(here.fd)
        here.until("yes or no >")
        during: list[Any] = termios.tcgetattr(here.fd)
        here.press("\x03")
        here.until("run r  put down")
        after = termios.tcgetattr(here.fd)
        assert here.end() == 130

    lines = 3  # the local modes, among them whether the terminal shows what is typed
    assert not during[lines] & termios.ECHO
    assert before[lines] == after[lines]
    assert after[lines] & termios.ECHO


def test_a_second_ctrl_c_ends_at_once_and_the_run_is_as_it_was(store: Path) -> None:
    with terminal(
        *run_of(store, "parcel", "--input", '{"how": "never"}', "--grace", "600")
    ) as here:
        here.until("fetch  ")
        here.press("\x03")
        here.until("putting the run down")
        here.press("\x03")
        assert here.end() == 130

    assert "put down" not in here.shown.split("putting the run down")[1]
    base = sqlite3.connect(store)
    assert base.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    base.close()


def test_who_is_asked_to_end_puts_the_run_down(store: Path) -> None:
    with terminal(
        *run_of(store, "parcel", "--input", '{"how": "never"}', "--grace", "0.2")
    ) as here:
        here.until("fetch  ")
        here.running.send_signal(signal.SIGTERM)
        here.until("SIGTERM: putting the run down, 0.2 s at most")
        assert here.end() == 143


def test_a_terminal_has_colours_and_shows_what_is_under_way(store: Path) -> None:
    with terminal(*run_of(store, "parcel", "--input", '{"how": "never"}')) as here:
        here.until("fetch  ")
        here.until("fetch  ")  # the clock beside it goes on

    assert "\x1b[1;36m▸ fetching\x1b[0m" in here.raw
    assert "\x1b[J" in here.raw


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_who_wants_no_colours_gets_none(env: dict[str, str], store: Path) -> None:
    with terminal(*run_of(store, "parcel"), env=env) as here:
        assert here.end() == 0

    assert "▸ fetching" in here.shown
    assert "\x1b[1" not in here.raw
    assert "\x1b[3" not in here.raw


def test_where_signs_cannot_be_written_there_are_others(store: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    with terminal(*run_of(store, "parcel"), env=env) as here:
        assert here.end() == 0

    assert "> fetching" in here.shown
    assert here.raw.isascii()


def test_who_stays_sees_what_others_send_and_the_end(store: Path, capsys: Printed) -> None:
    with terminal(*run_of(store, "box", "--stay")) as here:
        here.until("▸ open")
        for number, words in enumerate(
            (("Put", '{"cents": 2}'), ("Put", '{"cents": 3}'), ("Close",))
        ):
            code, _, err = detent(capsys, "send", "r", *words, "--store", store)
            assert (code, err) == (0, ""), number
            here.until(f"→ {words[0]}(")
        here.until("run r  completed")
        assert here.end() == 0

    assert "Box(cents=5, notes=[])" in here.shown


def test_a_question_that_somebody_else_answers_is_asked_no_more(
    store: Path, capsys: Printed
) -> None:
    with terminal(*run_of(store, "family")) as here:
        here.until("yes or no >")
        assert detent(capsys, "answer", "r", "no", "--store", store)[0] == 0
        here.until("answer 1")
        here.until("run r  completed")
        assert here.end() == 0


def test_a_narrow_terminal_is_not_overrun(store: Path) -> None:
    long = '{"how": "' + "x" * 200 + '"}'
    with terminal(*run_of(store, "parcel", "--input", long), columns=72) as here:
        here.until("run r  completed")
        told = here.shown.split("run r  completed")[0]

    assert max(map(len, told.replace("\r", "\n").splitlines())) <= 72


def test_looking_on_ends_with_ctrl_c_and_says_nothing(store: Path, capsys: Printed) -> None:
    assert detent(capsys, *run_of(store, "form"))[0] == 4
    with terminal("watch", "r", "--store", store) as here:
        here.until("bool?")
        here.press("\x03")
        code = here.end()

    assert (code, "Traceback" in here.shown) == (130, False)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("abc", "abc"),
        ("ab\x7fc", "ac"),
        ("\x7fa", "a"),
        ("ab cd\x17", "ab "),
        ("ab cd  \x17e", "ab e"),
        ("ab\x17", ""),
        ("ab\x15c", "c"),
        ("a\x1b[A\x1b[3~\x1bOPb", "ab"),
        ("a\x00\x04b", "ab"),
        ("ä日\t", "ä日\t"),
    ],
    ids=repr,
)
def test_keys_make_a_line(keys: str, text: str) -> None:
    typing = Typing()

    assert typing.take(keys) == ""
    assert (typing.text, typing.is_done, typing.is_ended) == (text, False, False)


def test_what_comes_after_the_line_belongs_to_the_next() -> None:
    typing = Typing()

    assert typing.take("yes\rno\r") == "no\r"
    assert (typing.text, typing.is_done) == ("yes", True)
