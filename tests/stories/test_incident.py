"""An incident, from the shell: a run is killed, found, gone on with, taken home, replayed, and tried another way.

Every step is a process of its own, as somebody would type it; docs/command-line.md tells the same story.
"""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.tools.cli.typed import DETENT, process

SHOP = """
import os
import trio
from attrs import evolve, frozen
from detent import Call, Context, Effect, Final, Machine, On, Returned, State, Wait, handle

@frozen
class Charge(Effect[str], recovery="at_most_once"):
    cents: int

@frozen
class Order:
    cents: int = 500
    receipt: str = ""
    def charge(self) -> Charge:
        return Charge(self.cents)
    def paid(self, event: Returned[str]) -> "Order":
        return evolve(self, receipt=event.value)

charge = Call(Charge, Order.charge)
ask = Wait(bool, "Did the bank pay?")
order = Machine("order",
    State("paying",
        On(charge.returned, to="paid", update=Order.paid), On(charge.in_doubt, to="asking"),
        On(charge.failed, to="refused"), do=charge),
    State("asking", On(ask.returned, to="paid", when="event.value"), On(ask.returned, to="refused"), do=ask),
    Final("paid"), Final("refused", status="failed"), data=Order)

async def pay(order: Charge, context: Context) -> str:
    with open("calls", "a") as calls:
        calls.write(f"{context.run}\\n")
    if os.environ.get("BANK") == "silent":
        await trio.sleep_forever()
    return f"{order.cents} paid"

handlers = [handle(Charge, pay)]
"""


def typed(at: Path, *words: object, code: int = 0) -> str:
    """What a command prints; it must end with this status, and complain of nothing."""
    ended = process(*words, at=at, env={"DETENT_STORE": "runs.db", "BANK": "open"})
    assert (ended.code, ended.err) == (code, ""), ended
    return ended.out


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a machine in it."""
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def killed(at: Path) -> None:
    """Run an order, and kill the process while the bank is silent."""
    running = subprocess.Popen(
        [DETENT, "run", "shop.py", "--id", "order-7"],
        cwd=at,
        env={**os.environ, "DETENT_STORE": "runs.db", "BANK": "silent", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout is not None
    for line in running.stdout:
        if "charge" in line:
            break
    while not (at / "calls").exists():
        os.sched_yield()
    running.send_signal(signal.SIGKILL)
    running.communicate()


def test_an_incident_is_seen_through_from_the_shell(shop: Path) -> None:
    killed(shop)

    # What is there, and what was it doing?
    (run,) = json.loads(typed(shop, "runs", "--json"))["runs"]
    assert (run["id"], run["status"], run["states"]) == ("order-7", "running", ["paying"])
    told = typed(shop, "show", "order-7").splitlines()
    assert ["charge", "1", "1", "under", "way"] in [line.split() for line in told]

    # Go on: the bank may have paid, so nobody calls it again, and a person is asked.
    out = typed(shop, "resume", "order-7", code=4)
    assert "● taken up again  its process was gone" in out
    assert "in_doubt: crash" in out
    assert "question 2: Did the bank pay?" in out
    assert "stored" in typed(shop, "answer", "order-7", "yes")
    assert "run order-7  completed" in typed(shop, "resume", "order-7")
    assert (shop / "calls").read_text() == "order-7\n"

    # Take it home, and replay it there: nothing is called.
    typed(shop, "export", "order-7", "--out", "incident.run.jsonl")
    assert typed(shop, "verify", "incident.run.jsonl").startswith("run 'order-7': ")
    assert "entries as recorded" in typed(shop, "replay", "incident.run.jsonl", "shop.py")

    # With the machine changed, the first thing that comes out differently is named.
    mended = SHOP.replace('when="event.value"', 'when="event.value and data.cents > 900"')
    assert mended != SHOP
    (shop / "shop.py").write_text(mended)
    out = typed(shop, "replay", "incident.run.jsonl", code=1)
    assert "changed since: states.asking.rows.asking/0.when: " in out
    assert "entry 4 of run 'order-7' diverges: guard" in out

    # And what would have come of it? Another run, from the moment before.
    home = ("--store", "home.db")
    typed(shop, "import", "incident.run.jsonl", *home)
    typed(shop, "fork", "order-7", "--at", 3, "--name", "order-7b", *home)
    assert "question 2: Did the bank pay?" in typed(shop, "resume", "order-7b", *home, code=4)
    typed(shop, "answer", "order-7b", "yes", *home)
    assert "run order-7b  failed" in typed(shop, "resume", "order-7b", *home, code=1)
    out = typed(shop, "diff", "order-7", "order-7b", *home, code=1)
    assert out.startswith("entry 4: ")
    assert (shop / "calls").read_text() == "order-7\n"
    listed = json.loads(typed(shop, "runs", "--json", *home))["runs"]
    assert [(one["id"], one["status"]) for one in listed] == [
        ("order-7", "completed"),
        ("order-7b", "failed"),
    ]


def test_a_run_whose_machine_broke_is_parked_mended_and_gone_on_with(shop: Path) -> None:
    (shop / "shop.py").write_text(SHOP.replace("evolve(self, receipt", "evolve(self, reciept"))

    out = typed(shop, "run", "shop.py", "--id", "order-8", code=1)
    assert "✗ parked: the machine broke" in out
    assert "run order-8  parked" in out
    assert "mend the machine, then: detent resume order-8" in out
    assert "or leave it out: detent resume order-8 --skip" in out
    assert "parked in paying" in typed(shop, "show", "order-8")

    (shop / "shop.py").write_text(SHOP)
    out = typed(shop, "resume", "order-8")
    assert "run order-8  completed" in out
    assert (shop / "calls").read_text() == "order-8\n"


def test_what_broke_a_run_is_left_out_if_somebody_says_so(shop: Path) -> None:
    (shop / "shop.py").write_text(SHOP.replace("evolve(self, receipt", "evolve(self, reciept"))
    typed(shop, "run", "shop.py", "--id", "order-9", code=1)

    out = typed(shop, "resume", "order-9", "--skip", code=4)

    assert "● resumed  without what broke" in out
    assert typed(shop, "cancel", "order-9").startswith("stored")
    assert "run order-9  cancelled" in typed(shop, "resume", "order-9", code=1)


UPGRADE = """
from detent import Upgrade, compile_machine
import shop_before
upgrade = Upgrade(order, compile_machine(shop_before.order).shape, states={"asking": "calling"})
wrong = Upgrade(order, compile_machine(shop_before.order).shape)
"""


def test_a_run_of_another_shape_is_adopted(shop: Path) -> None:
    killed(shop)
    typed(shop, "resume", "order-7", code=4)
    (shop / "shop_before.py").write_text(SHOP)
    (shop / "shop.py").write_text(SHOP.replace('"asking"', '"calling"') + UPGRADE)

    changed = process("resume", "order-7", at=shop, env={"DETENT_STORE": "runs.db"})
    assert changed.code == 1
    assert changed.err.startswith(
        "detent: run 'order-7' is one of machine 'order' as it was, and waits for it: serve that "
        "again, or adopt the run with an Upgrade."
    )
    out = typed(shop, "adopt", "order-7", "shop:wrong", "--check", code=1)
    assert "state 'asking': has no counterpart" in out
    assert typed(shop, "adopt", "order-7", "shop:upgrade", "--check") == (
        "run 'order-7' can be adopted\n"
    )
    out = typed(shop, "adopt", "order-7", "shop.py:upgrade", code=4)
    assert "● adopted  its machine has another shape now" in out
    assert "▸ calling" in out
    typed(shop, "answer", "order-7", "no")
    assert "run order-7  failed" in typed(shop, "resume", "order-7", code=1)


def test_an_upgrade_that_meets_obstacles_writes_nothing(shop: Path) -> None:
    killed(shop)
    typed(shop, "resume", "order-7", code=4)
    (shop / "shop_before.py").write_text(SHOP)
    (shop / "shop.py").write_text(SHOP.replace('"asking"', '"calling"') + UPGRADE)
    before = typed(shop, "show", "order-7", "--json")

    for address, code, text in (
        ("shop:wrong", 1, "state 'asking': has no counterpart"),
        ("shop:nothing", 2, "module 'shop' has no 'nothing'"),
        ("shop:order", 2, "is no Upgrade, it is a Machine"),
        ("shop", 2, "which Upgrade? There are: upgrade, wrong"),
    ):
        ended = process("adopt", "order-7", address, at=shop, env={"DETENT_STORE": "runs.db"})
        assert (ended.code, text in ended.err) == (code, True), ended
    assert typed(shop, "show", "order-7", "--json") == before
