"""The wheel, installed where a host has packages of its own that are called like our folders."""

import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from attrs import frozen

from tests.house.sources import CODE, ROOT, sources

NEEDED = ("pyproject.toml", "README.md", "LICENSE")
SETUPTOOLS = 80  # the oldest that can build without an environment of its own, as in pyproject.toml

SHOP = """
from attrs import evolve, frozen
from detent import Call, Effect, Event, Final, Machine, On, Returned, State

@frozen
class Pay(Event): ...

@frozen
class Charge(Effect[int]):
    cents: int

@frozen
class Cart:
    total: int = 0
    paid: int = 0

    def charge(self) -> Charge:
        return Charge(self.total)

    def note(self, event: Returned[int]) -> "Cart":
        return evolve(self, paid=event.value)

charge = Call(Charge, Cart.charge)
order = Machine(
    "order",
    State("cart", On(Pay, to="paying", when="data.total > 0")),
    State("paying",
        On(charge.returned, to="paid", update=Cart.note), On(charge.unreturned, to="cart"),
        do=charge),
    Final("paid"), data=Cart)
"""

WALK = """
from detent.kernel import walk
from shop import Cart, Pay, charge, order
for step in walk(order, Cart(total=5), Pay(), charge.returned(5)):
    print(step)
print(step.snapshot.data)
"""


@frozen
class Host:
    """A project that uses Detent, and has `tools/` and `kernel.py` of its own."""

    folder: Path
    binaries: Path

    def run(self, command: str, *arguments: str) -> str:
        """What a command of the host's environment prints."""
        return told(str(self.binaries / command), *arguments, at=self.folder)

    def python(self, program: str) -> str:
        """What a program prints."""
        return self.run("python", "-W", "error", "-c", program).strip()


def told(*command: str, at: Path) -> str:
    """What a command prints; it must go well."""
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def can_build_here() -> bool:
    """Whether there is no need to fetch what builds the wheel."""
    try:
        return int(version("setuptools").partition(".")[0]) >= SETUPTOOLS
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that nothing of an earlier build is in it."""
    copy = tmp_path_factory.mktemp("source")
    for name in NEEDED:
        shutil.copy(ROOT / name, copy)
    for folder in ("detent", *CODE):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=ignored)
    isolation = ["--no-isolation"] if can_build_here() else []
    told(sys.executable, "-m", "build", "--wheel", *isolation, at=copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def host(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host with the wheel installed in an environment of its own."""
    folder = tmp_path_factory.mktemp("host")
    venv.create(folder / ".venv", symlinks=True)
    place = str(folder / ".venv")
    told(sys.executable, "-m", "pip", "--python", place, "install", "-q", str(wheel), at=folder)
    (folder / "tools").mkdir()
    (folder / "tools" / "__init__.py").write_text('WHOSE = "the host"\n', encoding="utf-8")
    (folder / "kernel.py").write_text('WHOSE = "the host"\n', encoding="utf-8")
    (folder / "shop.py").write_text(SHOP, encoding="utf-8")
    return Host(folder, folder / ".venv" / "bin")


def test_the_wheel_holds_one_package_with_all_of_the_code(wheel: Path) -> None:
    code = {f"detent/{source.name}" for source in sources()}

    held = set(zipfile.ZipFile(wheel).namelist())

    package = {name for name in held if not name.partition("/")[0].endswith(".dist-info")}
    assert package == code | {"detent/__init__.py", "detent/py.typed"}


def test_the_wheel_brings_its_licence(wheel: Path) -> None:
    assert any(name.endswith("/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_the_packages_of_the_host_stay_its_own(host: Host) -> None:
    said = host.python("import tools, kernel; print(tools.WHOSE, kernel.WHOSE)")

    assert said == "the host the host"


def test_ours_are_beside_them(host: Host) -> None:
    program = "import tools, detent.kernel, detent.machines, detent.tools as t; print(t.__file__)"

    file = Path(host.python(program))

    assert file.is_relative_to(host.folder / ".venv")
    assert file.parts[-3:] == ("detent", "tools", "__init__.py")


def test_the_command_says_its_version(host: Host) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert host.run("detent", "--version") == f"detent {project['version']}\n"


def test_a_machine_of_the_host_is_checked_by_the_command(host: Host) -> None:
    said = host.run("detent", "check", "shop:order")

    assert said.startswith("machine 'order' is sound: 3 states")


def test_a_machine_of_the_host_is_walked(host: Host) -> None:
    assert host.python(WALK).splitlines() == [
        "begin -> cart",
        "Pay -> paying, ordered charge",
        "charge.returned -> paid (completed)",
        "Cart(total=5, paid=5)",
    ]
