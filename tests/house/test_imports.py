"""What an import brings along: the standard library, attrs, msgspec, trio, Detent itself, and not one warning."""

import json
import subprocess
import sys

import pytest

LISTED = """
import json, sys
before = set(sys.modules)
import {module}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
ALLOWED = {
    *("attr", "attrs", "msgspec", "detent"),
    *("trio", "outcome", "sniffio", "sortedcontainers", "idna"),  # trio, and what it needs
    "typing_extensions",  # if it happens to be installed, msgspec loads it
}


def brought(module: str) -> list[str]:
    """The modules that an import loads in a fresh interpreter where every warning is an error."""
    command = [sys.executable, "-W", "error", "-c", LISTED.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    listed: list[str] = json.loads(done.stdout)
    return listed


OWN = (
    *("detent", "detent.kernel", "detent.machines"),
    *("detent.tools.embed.asyncio", "detent.tools.embed.sync"),
    *("detent.tools.telemetry", "detent.tools.telemetry.metrics", "detent.tools.telemetry.aside"),
)


@pytest.mark.parametrize("module", OWN)
def test_an_import_brings_nothing_but_attrs_msgspec_and_trio(module: str) -> None:
    tops = {name.partition(".")[0] for name in brought(module)}

    assert tops - sys.stdlib_module_names <= ALLOWED


def test_the_package_alone_loads_no_kernel_yet() -> None:
    assert [name for name in brought("detent") if name.startswith(("detent.", "trio"))] == []


@pytest.mark.parametrize("module", ["detent", "detent.kernel"])
def test_the_kernel_brings_no_tools(module: str) -> None:
    above = ("detent.machines", "detent.tools")

    assert [name for name in brought(module) if name.startswith(above)] == []


def test_a_program_without_a_loop_does_not_pay_for_that_of_another() -> None:
    assert "asyncio" not in brought("detent.tools.embed.sync")


@pytest.mark.parametrize("module", ["detent.tools", "detent.tools.cli", "detent.tools.testing"])
def test_an_import_of_tools_says_and_warns_of_nothing(module: str) -> None:
    assert module in brought(module)
