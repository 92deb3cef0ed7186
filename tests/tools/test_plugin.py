"""What pytest sees: async tests that are virtual, and the plugin with their clock."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from detent.tools.testing import plugin
from detent.tools.testing.virtual import BEGINNING, VirtualClock, virtually
from tests.house.sources import ROOT, Source

A_TEST = """
import pytest
import trio
from detent.tools.testing.virtual import VirtualClock, virtually

@virtually
async def test_a_day_passes(virtual_clock):
    assert type(virtual_clock) is VirtualClock
    await trio.sleep(24 * 3600)
    assert virtual_clock.current_time() == 24 * 3600

@virtually
async def test_another_clock_is_at_the_beginning(virtual_clock):
    assert virtual_clock.current_time() == 0

def test_a_clock_is_made_without_a_run(virtual_clock):
    assert virtual_clock.current_time() == 0

@virtually
async def test_this_one_is_stuck():
    await trio.sleep_forever()
"""


def run_by_pytest(folder: Path, code: str) -> tuple[int, str]:
    """What pytest says of a file of tests, with this plugin and no other."""
    (folder / "test_it.py").write_text(code, encoding="utf-8")
    options = ("-p", plugin.__name__, "-p", "no:cacheprovider", "-W", "error", "-q")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        cwd=folder,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_host_has_virtual_time_in_its_tests(tmp_path: Path) -> None:
    code, said = run_by_pytest(tmp_path, A_TEST)

    assert (code, said.splitlines()[-1].split(" in ")[0]) == (1, "1 failed, 3 passed")
    assert "FAILED test_it.py::test_this_one_is_stuck" in said
    assert "Stuck: at 0 s every task is blocked" in said


def test_no_pytest_loads_the_plugin_by_itself() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert "pytest11" not in project.get("entry-points", {})


def test_the_plugin_loads_nothing_but_pytest() -> None:
    loaded = set(Source(Path(plugin.__file__ or "")).imports())

    assert loaded - sys.stdlib_module_names == {"pytest"}


# -- virtual tests


@given(st.integers(0, 100))
@virtually
async def test_a_drawn_test_can_be_virtual(seconds: int) -> None:
    await trio.sleep(seconds)

    assert trio.current_time() == seconds


@virtually(seed=3)
@given(st.integers(0, 100))
async def test_a_virtual_test_can_be_drawn(seconds: int) -> None:
    await trio.sleep(seconds)

    assert trio.current_time() == seconds


@pytest.fixture
def clock() -> VirtualClock:
    """A clock by another name than the plugin's."""
    return VirtualClock()


@pytest.fixture
def answer() -> int:
    """Something that a test takes."""
    return 42


@virtually
async def test_a_virtual_test_takes_fixtures(answer: int, clock: VirtualClock) -> None:
    await trio.sleep(answer)

    assert clock.now() == BEGINNING + 42_000_000


class TestInAClass:
    """Tests are also written as methods."""

    @virtually(seed=1)
    async def test_a_virtual_test_may_be_a_method(self, answer: int) -> None:
        await trio.sleep(answer)

        assert trio.current_time() == 42


def test_a_virtual_test_keeps_its_name_and_its_answer() -> None:
    @virtually
    async def add(one: int, other: int = 1) -> int:
        """Add."""
        return one + other

    assert (add.__name__, add.__doc__, add(2), add(2, other=3)) == ("add", "Add.", 3, 5)


def test_what_is_not_async_cannot_be_made_virtual() -> None:
    def test_it() -> None: ...

    with pytest.raises(TypeError, match="is no async function"):
        virtually(test_it)
