"""What a kernel runs: each machine of a world compiled, and for each of its effects the way in which it is performed.

Rule 1: a world that lacks something is refused before anything runs, and everything that it lacks is told at once.
Rule 2: a blocking handler is told by what it is: a function that is not async runs in a thread.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from detent.kernel.compiler import compile_machine, outcome_shape, returned_shape
from detent.kernel.definition import Call, Doing, Send, Spawn, Wait, fill
from detent.kernel.errors import IncompleteWorld
from detent.kernel.policies import Breaker, Limiter, Retry
from detent.kernel.ports import Handled, World, takes_context
from detent.kernel.recorder import Recorder
from detent.kernel.shapes import Scalar, Shape
from detent.kernel.signals import Returned
from detent.kernel.stored import forms_of
from detent.kernel.table import Table

__all__ = ["Served", "Way", "known", "serve"]

WayKind: TypeAlias = Literal["call", "wait", "spawn", "send"]
NONE: frozenset[type] = frozenset()
PLAIN: dict[str, frozenset[type]] = {
    "bool": frozenset({bool}),
    "int": frozenset({int}),
    "str": frozenset({str}),
    "float": frozenset({float, int}),
    "None": frozenset({type(None)}),
}
KINDS: dict[type, WayKind] = {Call: "call", Wait: "wait", Spawn: "spawn", Send: "send"}
AT_MOST_ONCE = "at_most_once"


@frozen(eq=False)
class Way:
    """How the orders of a form are performed."""

    form: Any
    kind: WayKind
    effect: str = ""
    by: Callable[..., Any] | None = None
    is_async: bool = True
    takes_context: bool = False
    query: Callable[..., Any] | None = None
    workers: int | None = None
    timeout: float | None = None
    retry: Retry | None = None
    limiter: tuple[str, Limiter] | None = None
    breaker: tuple[str, Breaker] | None = None
    recovery: str = AT_MOST_ONCE
    child: str = ""
    returns: Shape = field(init=False)
    """The shape of the outcome when it goes well."""
    plain: frozenset[type] = field(init=False)
    """The types of which every value may come back, and need not be looked at."""
    is_quick: bool = field(init=False)
    """Whether nothing can keep it from beginning."""

    def __attrs_post_init__(self) -> None:
        shape = returned_shape(self.form)
        plain = PLAIN.get(shape.name, NONE) if isinstance(shape, Scalar) else NONE
        is_quick = self.kind == "call" and self.is_async and self.workers is None and self.is_free
        fill(self, returns=outcome_shape(self.form, Returned), plain=plain, is_quick=is_quick)

    @property
    def is_free(self) -> bool:
        """Whether nothing but the handler's own workers can keep it from beginning."""
        return self.limiter is None and self.breaker is None

    @property
    def may_doubt(self) -> bool:
        """Whether it is in doubt when it is cut."""
        return self.kind == "call" and self.recovery == AT_MOST_ONCE


@frozen(eq=False)
class Served:
    """A machine that a kernel runs."""

    table: Table[Any, Any, Any]
    recorder: Recorder
    ways: Mapping[tuple[str, int], Way]
    waits: frozenset[str] = field(init=False)
    """The forms of which something waits for its time: questions with a deadline."""
    has_breakers: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        timed = frozenset(form for (form, _), way in self.ways.items() if _has_deadline(way))
        broken = any(way.breaker is not None for way in self.ways.values())
        fill(self, waits=timed, has_breakers=broken)

    @property
    def name(self) -> str:
        """The name of the machine."""
        return self.table.name


def _has_deadline(way: Way) -> bool:
    return way.kind == "wait" and way.form.deadline is not None


def serve(world: World) -> dict[str, Served]:
    """The machines of a world, and all that they spawn, by name. Raises IncompleteWorld with everything it lacks."""
    lacks: list[str] = []
    served = _served(world, lacks)
    for name, one in served.items():
        lacks += _lacking(one.table, one.ways, world)
        unsealed = one.recorder.unsealed
        if unsealed and (world.journal is not None or world.store is not None):
            lacks.append(f"{unsealed} of machine {name!r} is sealed: give World a key")
    for kind, named in (("limiter", world.limiters), ("breaker", world.breakers)):
        for name, policy in named.items():
            lacks += [f"{kind} {name!r}: {mistake}" for mistake in policy.mistakes()]
    _refuse(lacks)
    return served


def known(world: World) -> dict[str, Served]:
    """The same for who performs nothing. Raises IncompleteWorld if two machines have the same name."""
    lacks: list[str] = []
    served = _served(world, lacks)
    _refuse(lacks)
    return served


def _refuse(lacks: list[str]) -> None:
    if lacks:
        listed = "\n".join(f"  {one}" for one in dict.fromkeys(lacks))
        raise IncompleteWorld(f"this world cannot run its machines:\n{listed}")


def _served(world: World, lacks: list[str]) -> dict[str, Served]:
    """The machines of a world, with who performs their effects, as far as somebody does."""
    handlers: dict[type, Handled] = {}
    for handled in world.handlers:
        if handled.effect in handlers:
            lacks.append(f"{handled.effect.__name__} has two handlers: keep one of them")
        handlers[handled.effect] = handled
    served: dict[str, Served] = {}
    for name, table in _tables(world, lacks).items():
        ways = {place: _way(form, world, handlers) for place, form in _forms(table)}
        served[name] = Served(table, Recorder(table, world.key, world.large), ways)
    return served


def _tables(world: World, lacks: list[str]) -> dict[str, Table[Any, Any, Any]]:
    """The tables of all machines, those that are spawned too."""
    found: dict[str, Table[Any, Any, Any]] = {}
    waiting: list[Any] = list(world.machines)
    while waiting:
        machine = waiting.pop(0).machine
        known = found.get(machine.name)
        if known is None:
            table = found[machine.name] = compile_machine(machine)
            waiting += [form.machine for _, form in _forms(table) if isinstance(form, Spawn)]
        elif known.machine is not machine and known.machine != machine:
            lacks.append(f"two machines are called {machine.name!r}: give one another name")
    return found


def _forms(table: Table[Any, Any, Any]) -> Iterator[tuple[tuple[str, int], Any]]:
    for name, form in table.forms.items():
        for part, inner in enumerate(forms_of(form)):
            yield (name, part), inner


def _way(form: Doing[Any], world: World, handlers: Mapping[type, Handled]) -> Way:
    """How a form is performed; of a Call without a handler as much as can be said."""
    kind = KINDS[type(form)]
    if isinstance(form, Spawn):
        return Way(form, kind, child=form.machine.machine.name)
    if not isinstance(form, Call):
        return Way(form, kind, recovery="idempotent")
    limiter = world.limiters.get(form.limit or "")
    breaker = world.breakers.get(form.breaker or "")
    handled = handlers.get(form.effect)
    by = None if handled is None else handled.by
    query = None if handled is None else handled.query
    return Way(
        form,
        kind,
        form.effect.__name__,
        by,
        by is None or _is_async(by),
        by is not None and takes_context(by),
        query,
        None if handled is None else handled.workers,
        form.timeout,
        form.retry,
        None if limiter is None else (form.limit or "", limiter),
        None if breaker is None else (form.breaker or "", breaker),
        form.effect.recovery,
    )


def _lacking(
    table: Table[Any, Any, Any], ways: Mapping[tuple[str, int], Way], world: World
) -> Iterator[str]:
    for way in ways.values():
        if way.kind != "call":
            continue
        form = way.form
        where = f"machine {table.name!r}, {form.key!r}"
        if way.by is None:
            yield f"{where}: nobody performs {way.effect}: handle({way.effect}, ...)"
        if form.limit is not None and form.limit not in world.limiters:
            yield f"{where}: there is no limiter {form.limit!r}: World(limiters={{...}})"
        if form.breaker is not None and form.breaker not in world.breakers:
            yield f"{where}: there is no breaker {form.breaker!r}: World(breakers={{...}})"
        if way.query is not None and way.recovery != "reconcilable":
            yield f"{where}: {way.effect} is {way.recovery}, and nobody would ask the query"
        if way.by is not None and way.query is None and way.recovery == "reconcilable":
            yield f"{where}: {way.effect} is reconcilable: handle({way.effect}, ..., query=...)"


def _is_async(by: Any) -> bool:
    return inspect.iscoroutinefunction(by) or inspect.iscoroutinefunction(
        getattr(by, "__call__", None)  # noqa: B004 - an object whose calls are async
    )
