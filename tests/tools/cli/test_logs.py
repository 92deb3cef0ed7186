"""The commands for run logs, as they are typed."""

import json
from pathlib import Path

import pytest

from detent.kernel import compile_machine, log_lines, walk
from examples.order import Add, Cart, Pay, order
from tests.tools.cli.typed import Printed, detent


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of an order that is being paid."""
    path = tmp_path / "order.run.jsonl"
    steps = walk(order, Cart(), Add(500), Pay(), Add(200))
    path.write_bytes(b"".join(log_lines(compile_machine(order), Cart(), steps)))
    return path


def head_of(log: Path, capsys: Printed) -> str:
    """What `verify` says is the last hash."""
    return detent(capsys, "verify", str(log))[1].split()[-1]


def test_a_log_is_verified(log: Path, capsys: Printed) -> None:
    code, out, err = detent(capsys, "verify", str(log))

    assert (code, err) == (0, "")
    assert out.startswith("run 'walk': 4 entries, head ")
    assert detent(capsys, "verify", str(log), "--head", head_of(log, capsys))[0] == 0


def test_a_changed_byte_is_named(log: Path, capsys: Printed) -> None:
    log.write_bytes(log.read_bytes().replace(b'"cents":500', b'"cents":900'))

    code, out, err = detent(capsys, "verify", str(log))

    assert (code, out) == (1, "")
    assert err.startswith("detent: line 5, run 'walk', entry 2: the entry does not match its hash")


def test_a_cut_tail_is_found_by_its_head(log: Path, capsys: Printed) -> None:
    head = head_of(log, capsys)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))

    assert detent(capsys, "verify", str(log))[0] == 0
    code, _, err = detent(capsys, "verify", str(log), "--head", head)
    assert (code, head in err) == (1, True)
    assert "the log is cut short" in err


def test_a_torn_line_is_told(log: Path, capsys: Printed) -> None:
    log.write_bytes(log.read_bytes()[:-30])

    code, out, _ = detent(capsys, "verify", str(log))

    assert code == 0
    assert "run 'walk': 3 entries" in out
    assert "line 7 is torn" in out


def test_the_entries_of_a_log_are_shown(log: Path, capsys: Printed) -> None:
    code, out, _ = detent(capsys, "show", str(log), "--entries")

    assert code == 0
    assert out.splitlines() == [
        "run 'walk' of machine 'order'",
        '     1  {"$began":{"$":"Cart","total":0,"paid":0}}  moved',
        '     2  {"$":"Add","cents":500}  cart/0',
        '     3  {"$":"Pay"}  cart/1',
        '     4  {"$":"Add","cents":200}  deferred',
    ]


def test_what_happened_is_shown_and_how_it_stands(log: Path, capsys: Printed) -> None:
    code, out, _ = detent(capsys, "show", str(log))

    told, states, effects, stands = out.split("\n\n", 1)[1].split("\n\n")
    assert code == 0
    assert [line.split("s  ", 1)[1] for line in told.splitlines()] == [
        "● walk begins  Cart(total=0, paid=0)",
        "▸ cart",
        "  → Add(cents=500)",
        "  → Pay()",
        "▸ paying",
        "  → Add(cents=200)  kept for another state",
    ]
    assert [line.split() for line in states.splitlines()[2:]] == [
        ["cart", "1", "0.0", "ms"],
        ["paying", "1", "now"],
    ]
    assert effects.splitlines()[2].split() == ["charge", "1", "1", "under", "way"]
    assert stands == "running in paying\n"


def test_what_is_shown_is_a_document(log: Path, capsys: Printed) -> None:
    shown = json.loads(detent(capsys, "show", str(log), "--json")[1])

    assert (shown["run"], shown["machine"], shown["status"]) == ("walk", "order", "running")
    assert (shown["in"], shown["seq"], shown["ended"]) == (["paying"], 4, None)
    assert shown["timeline"][0]["what"] == "RunStarted"
    assert shown["states"][0] == {"state": "cart", "since": 0, "until": 0}
    assert shown["effects"][0]["form"] == "charge"


def test_a_frame_is_shown(log: Path, capsys: Printed) -> None:
    code, out, _ = detent(capsys, "show", str(log), "--at", "3")

    assert (code, json.loads(out)["in"]) == (0, ["paying"])
    assert detent(capsys, "show", str(log), "--at", "9")[0] == 2


def test_a_log_is_replayed(log: Path, capsys: Printed) -> None:
    code, out, _ = detent(capsys, "replay", str(log), "examples.order:order")

    assert (code, out) == (0, "4 entries as recorded\n")


def test_a_log_of_another_machine_diverges(log: Path, capsys: Printed) -> None:
    code, out, err = detent(capsys, "replay", str(log), "examples.turnstile:turnstile")

    assert (code, err) == (1, "")
    assert "run 'walk' diverges: shape" in out


def test_a_log_says_itself_which_machine_it_is_of(log: Path, capsys: Printed) -> None:
    assert detent(capsys, "replay", str(log))[:2] == (0, "4 entries as recorded\n")


def test_what_a_replay_comes_to_is_a_document(log: Path, capsys: Printed) -> None:
    code, out, _ = detent(capsys, "replay", str(log), "examples.turnstile:turnstile", "--json")
    well = json.loads(detent(capsys, "replay", str(log), "--json")[1])

    assert well == {"entries": 4, "others": 0, "torn": False, "changed": [], "divergence": None}
    assert (code, json.loads(out)["divergence"]["kind"]) == (1, "shape")


def test_a_fork_is_a_log_that_parts_where_it_should(
    log: Path, tmp_path: Path, capsys: Printed
) -> None:
    fork = tmp_path / "fork.run.jsonl"
    asked = ("fork", str(log), "--at", "3", "--name", "again", "--out", str(fork))

    code, out, _ = detent(capsys, *asked, "--effect", "1=doubt")

    assert code == 0
    assert out.startswith("run 'again' begins after entry 3")
    assert '"why": "fork"' in out
    assert detent(capsys, "verify", str(fork))[0] == 0
    assert detent(capsys, *asked)[0] == 2  # the file is there


def test_two_logs_part_at_an_entry(log: Path, tmp_path: Path, capsys: Printed) -> None:
    other = tmp_path / "other.run.jsonl"
    steps = walk(order, Cart(), Add(500), Add(1))
    other.write_bytes(b"".join(log_lines(compile_machine(order), Cart(), steps)))

    assert detent(capsys, "diff", str(log), str(log))[:2] == (0, "the two runs never part\n")
    code, out, _ = detent(capsys, "diff", str(log), str(other))
    assert (code, out.splitlines()[0]) == (1, "entry 3: something else happened")
    parting = json.loads(detent(capsys, "diff", str(log), str(other), "--json")[1])["parting"]
    assert (parting["seq"], parting["what"]) == (3, "something else happened")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("verify", "nowhere.run.jsonl"), "No such file"),
        (("fork", "LOG", "--at", "3", "--name", "f", "--out", "f", "--effect", "x"), "no choice"),
        (("fork", "LOG", "--at", "9", "--name", "f", "--out", "f"), "the last is 4"),
    ],
    ids=["no file", "no choice", "no entry"],
)
def test_a_wrong_command_is_told(
    arguments: tuple[str, ...], text: str, log: Path, capsys: Printed
) -> None:
    given = [str(log) if one == "LOG" else one for one in arguments]

    code, out, err = detent(capsys, *given)

    assert (code in (2, 3), out) == (True, "")
    assert text in err
