"""What a person sees: commands in a terminal that draws its own screen (tmux), where one is installed."""

import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import frozen

from tests.tools.cli.typed import DETENT, ROOT, SHOP

TMUX = shutil.which("tmux")
PATIENCE = 60.0  # seconds until something is surely wrong

pytestmark = pytest.mark.skipif(TMUX is None, reason="tmux is not installed: see test_terminal.py")


@frozen
class Screen:
    """A terminal with a screen."""

    name: str

    def tmux(self, *arguments: str) -> str:
        """What a command of tmux prints."""
        command = [TMUX or "tmux", "-L", self.name, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def type(self, *keys: str) -> None:
        """Press keys, as tmux calls them."""
        self.tmux("send-keys", *keys)

    def shown(self, colours: bool = False) -> str:
        """What stands on the screen."""
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def until(self, is_so: Callable[[str], bool]) -> str:
        """Look until the screen is so."""
        ends = time.monotonic() + PATIENCE
        while not is_so(shown := self.shown()):
            assert time.monotonic() < ends, shown
        return shown


@pytest.fixture
def screen() -> Generator[Screen]:
    """A terminal of 100 columns and 30 lines, with a shell in it."""
    made = Screen(f"detent-{uuid4().hex[:8]}")
    shell = "env PS1='$ ' NO_COLOR= HISTFILE= bash --norc --noprofile"
    made.tmux("new-session", "-d", "-x", "100", "-y", "30", "-c", str(ROOT), shell)
    try:
        made.until(lambda shown: shown.startswith("$"))
        yield made
    finally:
        made.tmux("kill-server")


def test_a_run_is_pretty_and_its_question_is_asked_and_answered(
    screen: Screen, tmp_path: Path
) -> None:
    screen.type(f"clear; {DETENT} run examples/refund.py --id r --store {tmp_path}/r.db", "Enter")
    screen.until(lambda shown: "yes or no >" in shown)
    screen.type("maybe", "Enter")
    screen.until(lambda shown: "'maybe' is neither yes nor no; once more" in shown)
    screen.type("yes", "Enter")
    screen.until(lambda shown: "pay_back again  in" in shown)  # the block below the lines
    shown = screen.until(lambda shown: "replay it:" in shown)

    assert [
        line[11:].split("  ")[0].strip() or line[13:40].split("  ")[0]
        for line in shown.splitlines()[:3]
    ] == [
        "● r begins",
        "▸ looking",
        "✓ look_up",
    ]
    for word in ("✗ pay_back", "↻ pay_back again in", "✓ pay_back (attempt 3)", "■ completed"):
        assert word in shown
    assert "pay_back again  in" not in shown
    assert "yes or no >" not in shown
    assert "\x1b[1m\x1b[36m▸ looking" in screen.shown(colours=True)


def test_ctrl_c_is_told_and_the_shell_goes_on(screen: Screen, tmp_path: Path) -> None:
    command = f"{DETENT} run {SHOP}:parcel --id r --store {tmp_path}/r.db --grace 0.1"
    screen.type(f'clear; {command} --input \'{{"how": "never"}}\'; echo status $?', "Enter")
    screen.until(lambda shown: "fetch  " in shown)
    screen.type("C-c")
    screen.until(lambda shown: "status 130" in shown)
    screen.type("echo it is $((6 * 7))", "Enter")

    shown = screen.until(lambda shown: "it is 42" in shown)

    assert "SIGINT: putting the run down" in shown
    assert f"go on: detent resume r --store {tmp_path}/r.db" in shown
    assert "echo it is" in shown  # the terminal shows again what is typed


def test_a_word_is_completed_where_a_shell_is_told_how(screen: Screen, tmp_path: Path) -> None:
    folder = Path(DETENT).parent
    screen.type(f'PATH={folder}:$PATH; eval "$(detent completion bash)"; clear', "Enter")
    subprocess.run(
        [DETENT, "run", f"{SHOP}:parcel", "--id", "first-of-all", "--store", f"{tmp_path}/r.db"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    screen.until(lambda shown: shown.splitlines()[0].strip() == "$")

    screen.type("detent sho", "Tab")
    screen.until(lambda shown: "detent show" in shown)
    screen.type("-l", "--", f"--store {tmp_path}/r.db fir")
    screen.type("Tab")
    screen.until(lambda shown: "first-of-all" in shown.replace("\n", ""))
