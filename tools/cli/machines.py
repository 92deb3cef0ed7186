"""Machines, handlers and upgrades, found by their address: `module:name`, or a file and a name.

Rule 1: a file is imported under the name that its package gives it: the same machine has the same digests, whether it
        is named by its file or by its module.
Rule 2: what a module raises while it is imported is told as one sentence, with the place in the file.
Rule 3: where nothing was said, the machine of a run is looked for where its callables are, which its log names.
"""

import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

from attrs import frozen

from detent.kernel import (
    Each,
    Handled,
    Journal,
    Machine,
    Outline,
    Spawn,
    Table,
    Upgrade,
    World,
    compile_machine,
)
from detent.tools.cli.exits import Usage
from detent.tools.cli.parsing import closest

__all__ = [
    "AnyMachine",
    "Found",
    "found_by_callables",
    "found_machine",
    "found_upgrade",
    "machine_of_run",
    "world_of",
]

AnyMachine = Machine[Any, Any, Any]
CALLABLE = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):[\w<]")


@frozen
class Found:
    """A machine: where it was found, under which address it is found again, and its table."""

    address: str
    module: ModuleType
    machine: AnyMachine

    @property
    def table(self) -> Table[Any, Any, Any]:
        """What it compiles to. Raises InvalidMachine."""
        return compile_machine(self.machine)

    @property
    def is_found_again(self) -> bool:
        """Whether nobody has to say where it is, for a run of it, in this directory."""
        here = os.path.join(os.getcwd(), *self.module.__name__.split("."))
        file = os.path.realpath(self.module.__file__ or "")
        if file not in (os.path.realpath(f"{here}.py"), os.path.join(here, "__init__.py")):
            return False
        outlines = (self.table.shape_outline, self.table.rules_outline)
        return self.module.__name__ in _modules_in(outlines)


def found_machine(address: str) -> Found:
    """The machine at an address. Raises Usage with what is wrong with the address, or in the module."""
    module, name = _imported(address, "machine")
    if not name:
        return Found(address, module, _only_machine(module, address))
    value = _named(module, name, address)
    machine = _machine_in(value)
    if machine is None:
        known = ", ".join(_machines(module)) or "none"
        raise Usage(
            f"{address!r} is no machine, it is a {type(value).__name__}; there are: {known}"
        )
    return Found(address, module, machine)


def found_upgrade(address: str) -> tuple[Upgrade[Any], Found]:
    """The upgrade at an address, and the machine it is for."""
    value, module = _one_of(Upgrade, address, "Upgrade")
    upgrade: Upgrade[Any] = value
    return upgrade, Found(address, module, upgrade.machine.machine)


def world_of(found: Found, handlers: str | None, **parts: Any) -> World:
    """The world in which a machine runs: with `world` or `handlers` beside it, or with what is named."""
    value: Any
    if handlers is not None:
        module, name = _imported(handlers, "handlers")
        value = _named(module, name or "handlers", handlers)
        where = handlers
    else:
        value = getattr(found.module, "world", None)
        value = getattr(found.module, "handlers", ()) if value is None else value
        where = f"handlers of {found.module.__name__}"
    if callable(value) and not isinstance(value, World):
        value = _called(value, where)
    if isinstance(value, World):
        taken = ("handlers", "limiters", "breakers", "taps", "clock", "chance", "limits", "key")
        kept = {name: getattr(value, name) for name in (*taken, "large")}
        given = {name: part for name, part in parts.items() if part is not None}
        return World(found.machine, *value.machines, **{**kept, **given})
    one: Any = value
    listed: tuple[Any, ...] = tuple(one) if isinstance(value, Iterable) else (one,)
    odd = [one for one in listed if not isinstance(one, Handled)]
    if odd:
        what = f"{type(odd[0]).__name__} {odd[0]!r}"
        raise Usage(f"{where}: {what} is no handler; write handlers = [handle(Charge, charge)]")
    return World(found.machine, handlers=listed, **parts)


# -- the machine of a run


async def machine_of_run(journal: Journal, run: str, address: str | None) -> Found:
    """The machine of a run of a journal: the one that is named, or the one its log names. Raises Usage."""
    address = address or os.environ.get("DETENT_MACHINE")
    if address:
        return found_machine(address)
    loaded = await journal.load(run)
    assert loaded is not None, "who asks has found the run"
    outlines = [await journal.outline(digest) for digest in loaded.digests]
    return found_by_callables([one for one in outlines if one], loaded.header.machine)


def found_by_callables(outlines: Iterable[Outline], machine: str) -> Found:
    """The machine of a name, in one of the modules whose callables its outlines name. Raises Usage."""
    _look_here()
    for module_name in _modules_in(outlines):
        try:
            module = import_module(module_name)
        except Exception:  # it is somebody's code, and only perhaps the right one
            continue
        for name, found in _machines(module).items():
            if found.name == machine:
                return Found(f"{module_name}:{name}", module, found)
    raise Usage(f"where is machine {machine!r}? Say it as module:name, or as file.py:name")


def _modules_in(outlines: Iterable[Outline]) -> Iterator[str]:
    """The modules of the callables in outlines, each once."""
    texts = [outline.text.decode() for outline in outlines]
    yield from dict.fromkeys(
        found["module"] for text in texts for found in CALLABLE.finditer(text.replace('"', " "))
    )


# -- modules


def _imported(address: str, what: str) -> tuple[ModuleType, str]:
    """The module of an address, and the name in it, if one is said."""
    place, colon, name = address.rpartition(":")
    if not colon:
        place, name = address, ""
    if not place or (colon and not name):
        raise Usage(f"{address!r} is no address of a {what}: write module:name, or file.py:name")
    _look_here()
    is_path = place.endswith(".py") or os.sep in place
    return (_from_file(place) if is_path else _from_module(place, address)), name


def _look_here() -> None:
    """Let modules be found in the current directory too."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def _from_module(name: str, address: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise Usage(f"{address!r} is no address: write module:name, or file.py:name")
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            file = f"{name.replace('.', os.sep)}.py"
            hint = f". There is a file {file!r}: write it so" if os.path.isfile(file) else ""
            raise Usage(f"{address!r}: there is no module {error.name!r}{hint}") from error
        raise _broken(name, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _from_file(path: str) -> ModuleType:
    """The module of a file, with the name that its package gives it."""
    if not os.path.isfile(path):
        raise Usage(f"there is no file {path!r}")
    full = os.path.realpath(path)
    name = os.path.splitext(os.path.basename(full))[0]
    folder = os.path.dirname(full)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        name = f"{os.path.basename(folder)}.{name}"
        folder = os.path.dirname(folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    known = sys.modules.get(name)
    if known is not None and os.path.realpath(getattr(known, "__file__", "") or "") == full:
        return known
    try:
        if "." in name:
            import_module(name.rpartition(".")[0])
        return _executed(name, full)
    except (Exception, SystemExit) as error:
        raise _broken(path, error) from error


def _executed(name: str, path: str) -> ModuleType:
    """A module made of a file, whatever else has its name."""
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Usage(f"{path!r} is no file of Python")
    module = module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise
    return module


def _broken(name: str, error: BaseException) -> Usage:
    """What to say of a module that cannot be imported."""
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}, line {error.lineno})"
        return Usage(f"{name} cannot be imported: {type(error).__name__}: {error.msg}{place}")
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if "importlib" not in one.filename and one.filename != __file__]
    place = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    return Usage(f"{name} cannot be imported: {what}{place}")


def _called(make: Any, where: str) -> Any:
    try:
        return make()
    except Exception as error:
        raise Usage(f"{where}: making them raises {type(error).__name__}: {error}") from error


def _named(module: ModuleType, name: str, address: str) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            near = closest(part, [one for one in vars(module) if not one.startswith("_")])
            raise Usage(f"{address!r}: module {module.__name__!r} has no {part!r}.{near}")
        value = getattr(value, part)
    return value


def _one_of(kind: type[Any], address: str, what: str) -> tuple[Any, ModuleType]:
    module, name = _imported(address, what)
    if name:
        value = _named(module, name, address)
        if not isinstance(value, kind):
            raise Usage(f"{address!r} is no {what}, it is a {type(value).__name__}")
        return value, module
    there = {name: one for name, one in vars(module).items() if isinstance(one, kind)}
    if len(there) != 1:
        known = ", ".join(there) or "none"
        raise Usage(f"{address!r}: which {what}? There are: {known}")
    return next(iter(there.values())), module


def _machines(module: ModuleType) -> dict[str, AnyMachine]:
    """The machines of a module by name, each once."""
    found: dict[str, AnyMachine] = {}
    seen: set[int] = set()
    for name, value in vars(module).items():
        machine = _machine_in(value)
        if machine is not None and id(machine) not in seen and not name.startswith("_"):
            seen.add(id(machine))
            found[name] = machine
    return found


def _machine_in(value: Any) -> AnyMachine | None:
    """The machine that a value is, or compiles to; nothing of what is for a machine, as an Upgrade is."""
    if isinstance(value, type | Upgrade):
        return None
    machine: Any = getattr(value, "machine", None)
    return machine if _is_machine(machine) else None


def _is_machine(value: object) -> bool:
    return isinstance(value, Machine)


def _only_machine(module: ModuleType, address: str) -> AnyMachine:
    """The one machine of a module; of several, the one that none of the others spawns."""
    there = _machines(module)
    if len(there) > 1:
        inside = {id(one) for machine in there.values() for one in _spawned(machine)}
        outer = {name: one for name, one in there.items() if id(one) not in inside}
        there = outer if len(outer) == 1 else there
    if len(there) == 1:
        return next(iter(there.values()))
    if not there:
        raise Usage(f"{address!r}: there is no machine in it")
    example = f"{address}:{next(iter(there))}"
    raise Usage(f"{address!r}: which machine? Write {example}; there are: {', '.join(there)}")


def _spawned(machine: AnyMachine) -> Iterator[AnyMachine]:
    """The machines that a machine begins, as it is written."""
    waiting: list[Any] = [machine]
    while waiting:
        part = waiting.pop()
        waiting += getattr(part, "parts", ())
        for form in (*getattr(part, "do", ()), *getattr(part, "background", ())):
            for inner in form.forms if isinstance(form, Each) else (form,):
                if isinstance(inner, Spawn):
                    yield inner.machine.machine
