"""A file uses only what stands on a lower floor, and enters another folder by its face.

The floors of the kernel are drawn in the docstring of `kernel/__init__.py`, and read from there.
Above the kernel stand the machines, and above these the tools. Inside a folder without a drawing
nothing may go round in a circle.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import takewhile

import pytest

from tests.house.sources import CODE, ROOT, Source, sources, text_below

KERNEL = "detent.kernel"
DRAWING = text_below(Source(ROOT / "kernel" / "__init__.py").docstring)
ROOMS = [(room.strip(), floor) for floor, line in enumerate(DRAWING) for room in line.split(",")]
FLOORS = dict(ROOMS)

IMPURE = {  # the world: clocks, chance, the environment, files, the network, other threads
    *("trio", "asyncio", "threading", "multiprocessing", "subprocess", "signal"),
    *("time", "random", "secrets", "os", "sys", "io", "pathlib", "shutil", "tempfile"),
    *("logging", "warnings", "socket", "ssl", "http", "urllib", "sqlite3"),
}
ASKS_THE_WORLD = {
    *("open", "input", "print", "exec", "eval", "breakpoint"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4"),
}
PURE = {"attrs", "msgspec"}  # what the kernel and the machines may use of others
FRONT_ENDS = {"machines/classic/": {"transitions"}}  # what it is for is the package itself
EVERYWHERE = {"attrs", "trio"}  # a file of the tools may use one third-party package besides

RUNTIME = ("scheduler", "watching", "runs", "system")  # the rooms of the kernel that know trio
LIVING = {  # and those that ask a clock and chance, or tell people of what went wrong beside the runs
    "kernel/system.py": {"time", "random"},
    "kernel/scheduler/onlookers.py": {"logging"},
}

every_file = pytest.mark.parametrize("source", sources(), ids=lambda source: source.name)
PURE_FILES = [
    source
    for source in sources("kernel", "machines")
    if not source.name.startswith(tuple(f"kernel/{room}" for room in RUNTIME))
]
pure_file = pytest.mark.parametrize("source", PURE_FILES, ids=lambda source: source.name)


def room_of(module: str) -> str:
    """The room of the kernel that a module is in; none for the face of the kernel."""
    return module.removeprefix(KERNEL).strip(".").partition(".")[0]


def face_of(module: str, folder: str) -> str:
    """How far a file of a folder may go to a module: one step beyond what they have in common."""
    steps, own = module.split("."), folder.split(".")
    common = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(steps, own, strict=False))))
    return ".".join(steps[: max(common + 1, 2)])


def inner(source: Source) -> Iterator[str]:
    """The modules of Detent that a file imports."""
    return (name for name in source.imports() if name.partition(".")[0] == "detent")


def third_party(source: Source) -> set[str]:
    """The packages of others that a file imports."""
    tops = {name.partition(".")[0] for name in source.imports()}
    renamed = {"attr": "attrs"}
    return {renamed.get(top, top) for top in tops - sys.stdlib_module_names - {"detent"}}


def test_every_room_of_the_kernel_stands_on_one_floor() -> None:
    rooms = {room_of(source.module) for source in sources("kernel")} - {""}

    drawn = Counter(room for room, _ in ROOMS)

    assert sorted(drawn.elements()) == sorted(rooms)


@pytest.mark.parametrize("source", sources("kernel"), ids=lambda source: source.name)
def test_a_file_of_the_kernel_imports_only_from_lower_floors(source: Source) -> None:
    here = room_of(source.module)
    height = FLOORS.get(here, len(DRAWING))

    looks = {room_of(name) for name in inner(source) if name.startswith(KERNEL)} - {here}

    assert {room for room in looks if FLOORS.get(room, len(DRAWING)) >= height} == set()


@every_file
def test_a_file_enters_another_folder_by_its_face(source: Source) -> None:
    assert {name for name in inner(source) if name != face_of(name, source.folder)} == set()


@every_file
def test_kernel_machines_and_tools_stand_on_one_another(source: Source) -> None:
    height = CODE.index(source.module.split(".")[1])

    tops = {name.partition(".")[2].partition(".")[0] for name in inner(source)}

    assert tops <= set(CODE[: height + 1])


@pytest.mark.parametrize("folder", CODE)
def test_no_file_imports_itself_by_way_of_others(folder: str) -> None:
    files = {source.module: source for source in sources(folder)}
    graph = {
        module: {name for name in source.imports() if name in files and name != module}
        for module, source in files.items()
    }

    try:
        circle: object = None
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]

    assert circle is None


@pure_file
def test_what_is_pure_imports_nothing_that_touches_the_world(source: Source) -> None:
    assert {name for name in source.imports() if name.partition(".")[0] in IMPURE} == set()


@pure_file
def test_what_is_pure_asks_the_world_nothing(source: Source) -> None:
    calls = (node.func for node in ast.walk(source.tree) if isinstance(node, ast.Call))

    assert {ast.unparse(call) for call in calls} & ASKS_THE_WORLD == set()


@pure_file
def test_what_is_pure_uses_no_package_but_attrs_and_msgspec(source: Source) -> None:
    own = {
        name for room, some in FRONT_ENDS.items() if source.name.startswith(room) for name in some
    }

    assert third_party(source) <= PURE | own


@pytest.mark.parametrize(
    "source",
    [source for source in sources("kernel") if source not in PURE_FILES],
    ids=lambda source: source.name,
)
def test_the_runtime_knows_trio_and_nothing_else_of_the_world(source: Source) -> None:
    allowed = {"trio", *LIVING.get(source.name, set())}

    assert third_party(source) <= PURE | {"trio"}
    assert {name.partition(".")[0] for name in source.imports()} & IMPURE <= allowed


def test_one_file_spells_with_the_wire_library_and_one_has_the_values_of_the_kernel() -> None:
    users = [one.name for one in sources("kernel", "machines") if "msgspec" in third_party(one)]

    assert users == ["kernel/facts.py", "kernel/wire.py"]


@pytest.mark.parametrize("source", sources("tools"), ids=lambda source: source.name)
def test_a_tool_uses_one_package_of_others(source: Source) -> None:
    assert len(third_party(source) - EVERYWHERE) <= 1, third_party(source)


@every_file
def test_every_import_stands_at_the_top_of_its_file(source: Source) -> None:
    top = {id(node) for node in source.tree.body}

    hidden = [
        node.lineno
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in top
    ]

    assert hidden == []


@every_file
def test_no_import_is_for_type_checkers_only(source: Source) -> None:
    names = {node.id for node in ast.walk(source.tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)}

    assert "TYPE_CHECKING" not in names | attributes
