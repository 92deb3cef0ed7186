"""check and draw, as they are typed; and machines found by their address."""

import json
from pathlib import Path

import pytest

from tests.tools.cli.typed import ROOT, SHOP, Printed, detent, process


def test_a_sound_machine_is_summed_up(capsys: Printed) -> None:
    code, out, err = detent(capsys, "check", "examples.order:order")

    assert (code, err) == (0, "")
    assert "machine 'order' is sound: 4 states, 7 rows, 2 events, 2 effects" in out
    assert "shape " in out
    assert "rules " in out


def test_every_mistake_of_a_machine_is_told(capsys: Printed) -> None:
    code, out, err = detent(capsys, "check", "tests.tools.broken:broken")

    assert (code, out) == (1, "")
    assert "[unknown-state]" in err
    assert "[unreachable-state]" not in err
    assert "[bad-expression]" in err


def test_what_check_finds_is_told_to_programs(capsys: Printed) -> None:
    sound = json.loads(detent(capsys, "check", "examples.order:order", "--json")[1])
    code, out, err = detent(capsys, "check", "tests.tools.broken:broken", "--json")

    assert (sound["sound"], sound["machine"], sound["states"]) == (True, "order", 4)
    assert (code, err) == (1, "")
    assert {one["code"] for one in json.loads(out)["mistakes"]} >= {"unknown-state"}


@pytest.mark.parametrize("form", ["mermaid", "dot", "text"])
def test_a_machine_is_drawn(form: str, capsys: Printed) -> None:
    code, out, _ = detent(capsys, "draw", "examples.order:order", "--form", form, "--lit", "paying")

    assert code == 0
    assert "paying" in out
    assert not out.endswith("\n\n")


def test_a_drawing_is_a_document(capsys: Printed) -> None:
    out = detent(capsys, "draw", "examples/order.py", "--form", "dot", "--json")[1]

    assert json.loads(out)["drawing"].startswith("digraph")


def test_a_file_is_the_module_that_its_package_makes_of_it(capsys: Printed) -> None:
    by_module = detent(capsys, "check", "examples.order:order")
    by_file = detent(capsys, "check", ROOT / "examples" / "order.py")
    by_both = detent(capsys, "check", f"{ROOT}/examples/order.py:order")

    assert by_module == by_file == by_both


def test_of_machines_that_spawn_one_another_the_outer_one_is_meant(
    tmp_path: Path, capsys: Printed
) -> None:
    (tmp_path / "pair.py").write_text(
        "from attrs import frozen\n"
        "from detent import Final, Machine, On, Spawn, State\n"
        "@frozen\nclass Data: ...\n"
        "def same(data: Data) -> Data: return data\n"
        "inner = Machine('inner', State('a'), Final('b'), data=Data)\n"
        "go = Spawn(inner, same)\n"
        "outer = Machine('outer', State('c', On(go.ended, to='d'), do=go), Final('d'), data=Data)\n"
    )

    assert "'outer'" in detent(capsys, "check", tmp_path / "pair.py")[1]


WRONG = {
    "no colon": (["check", "examples"], "there is no machine in it"),
    "no module": (["check", ":order"], "write module:name"),
    "no name": (["check", "examples.order:"], "write module:name"),
    "a module that is not there": (
        ["check", "examples.nowhere:order"],
        "no module 'examples.nowhere'",
    ),
    "a name that is not there": (["check", "examples.order:odrer"], "Did you mean order?"),
    "a class": (["check", "examples.order:Cart"], "is no machine"),
    "a number": (["check", f"{SHOP}:nothing"], "it is a int; there are: box"),
    "which machine": (["check", SHOP], "which machine?"),
    "a file as a module": (["check", "examples/nowhere.py"], "there is no file"),
    "a path": (["check", "examples/order"], "there is no file"),
    "no words of Python": (["check", "exa-mples.order:order"], "write module:name"),
    "no state": (["draw", "examples.order:order", "--lit", "nowhere"], "nowhere"),
    "no form": (["draw", "examples.order:order", "--form", "png"], "invalid choice: 'png'"),
    "no machine": (["check"], "the following arguments are required: MACHINE"),
}


@pytest.mark.parametrize(("arguments", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_command_says_what_would_have_been_right(
    arguments: list[str], text: str, capsys: Printed
) -> None:
    code, out, err = detent(capsys, *arguments)

    assert (code, out) == (2, "")
    assert err.startswith("detent: ")
    assert err.count("\n") == 1
    assert text in err


BROKEN = {
    "x = 1 / 0\n": "ZeroDivisionError: division by zero (",
    "def f(:\n": "SyntaxError: invalid syntax (",
    "import nowhere_at_all\n": "ModuleNotFoundError: No module named 'nowhere_at_all' (",
    "raise SystemExit(3)\n": "SystemExit: 3 (",
    "class A:\n    def __init_subclass__(cls): raise KeyError('a')\nclass B(A): ...\n": "KeyError: 'a' (",
}


@pytest.mark.parametrize(("text", "why"), BROKEN.items(), ids=[why[:12] for why in BROKEN.values()])
def test_a_module_that_cannot_be_imported_is_told_with_the_place(
    text: str, why: str, tmp_path: Path, capsys: Printed
) -> None:
    (tmp_path / "broken_shop.py").write_text(text)

    code, out, err = detent(capsys, "check", tmp_path / "broken_shop.py")

    assert (code, out) == (2, "")
    assert f"broken_shop.py cannot be imported: {why}" in err
    assert f"broken_shop.py, line {text.count(chr(10)) if 'class' not in text else 2})" in err


def test_two_files_of_one_name_are_two_modules(tmp_path: Path, capsys: Printed) -> None:
    for folder, name in (("a", "order"), ("b", "turnstile")):
        (tmp_path / folder).mkdir()
        text = (ROOT / "examples" / f"{name}.py").read_text()
        (tmp_path / folder / "same.py").write_text(text)

    assert "'order'" in detent(capsys, "check", tmp_path / "a" / "same.py")[1]
    assert "'turnstile'" in detent(capsys, "check", tmp_path / "b" / "same.py")[1]


def test_the_script_finds_machines_where_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text((ROOT / "examples" / "turnstile.py").read_text())

    for address in ("shop:turnstile", "shop", "shop.py", "./shop.py:turnstile"):
        assert "machine 'turnstile' is sound" in process("check", address, at=tmp_path).out


def test_who_forgets_that_it_is_a_file_is_told_so(tmp_path: Path) -> None:
    package = tmp_path / "till"
    package.mkdir()
    (package / "shop.py").write_text("")

    ended = process("check", "tull.shop:x", at=tmp_path)

    assert (ended.code, ended.err) == (2, "detent: 'tull.shop:x': there is no module 'tull'\n")
