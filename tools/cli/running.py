"""The commands that drive runs: run, resume, adopt.

Rule 1: who drives a run sees to it that it can be gone on with: it is put down in order, and what to say to go on is
        told.
Rule 2: what somebody else's process drives is left to that: it is told what to do, by the inbox of the run.
"""

import shlex
import sys
from collections.abc import Awaitable, Callable
from secrets import token_hex
from typing import Any, TypeAlias

import trio
from attrs import define, field

from detent.kernel import (
    Kernel,
    Limits,
    Run,
    Sights,
    Snapshot,
    StoreInUse,
    compile_machine,
    open_kernel,
    scribe_of,
    visit,
)
from detent.tools.cli.exits import DONE, NO, WAITS, Usage, single
from detent.tools.cli.following import Following, Stuck
from detent.tools.cli.keyboard import can_be_asked
from detent.tools.cli.machines import Found, found_machine, found_upgrade, machine_of_run, world_of
from detent.tools.cli.places import key_of, named, store_of, whole_id
from detent.tools.cli.putting_down import PuttingDown
from detent.tools.cli.reporting import JsonLines, Lines, Reporter, say_json
from detent.tools.cli.screen import Screen
from detent.tools.cli.values import Unfit, fields_said, from_json, given_json
from detent.tools.cli.wording import shown

__all__ = ["adopt", "resume", "run"]

GOOD = ("completed", "completed_with_failures", "stopped")
Begun: TypeAlias = tuple[Run[Any, Any], Sights]
Begin: TypeAlias = Callable[[Kernel], Awaitable[Begun]]
"""Begins or finds the run, in an open kernel: the run, and a watch that misses nothing of it."""


def run(options: Any) -> int:
    """Run a machine."""
    found = found_machine(options.machine)
    input = _input_of(found, options.input)
    if options.deadline is not None and not options.deadline > 0:
        raise Usage(f"--deadline {options.deadline}: it is a number of seconds above zero")

    async def begin(kernel: Kernel) -> Begun:
        id = options.id or f"{found.machine.name}-{token_hex(4)}"
        watch = kernel.run(id).watch()
        one = await kernel.start(found.machine, input, id=id, deadline=options.deadline)
        return one, watch

    return _Driving(options, found).drive(begin)


def resume(options: Any) -> int:
    """Go on with a run."""
    id, seq, status, found = trio.run(_looked_up, options)
    if status not in ("running", "waiting", "parked", "ending", "inert"):
        raise Usage(f"run {id!r} is over: {status}. See detent show {id}{named(options)}")
    if options.skip and status != "parked":
        raise Usage(f"run {id!r} is not parked, it is {status}: there is nothing to skip")

    async def begin(kernel: Kernel) -> Begun:
        one = kernel.run(id)
        watch = one.watch(after=seq)
        if status in ("parked", "inert"):
            await one.resume(skip=options.skip)
        return one, watch

    try:
        return _Driving(options, found).drive(begin)
    except StoreInUse:
        return trio.run(_left_to_another, options, found, id, status)


def adopt(options: Any) -> int:
    """Go on with a run whose machine has another shape."""
    upgrade, found = found_upgrade(options.upgrade)
    if options.check:
        return trio.run(_checked, options, upgrade, found)

    async def begin(kernel: Kernel) -> Begun:
        id = await whole_id(kernel.journal, options.run)
        loaded = await kernel.journal.load(id)
        watch = kernel.run(id).watch(after=0 if loaded is None else loaded.head[0])
        await kernel.adopt(id, upgrade)
        return kernel.run(id), watch

    return _Driving(options, found).drive(begin)


async def _looked_up(options: Any) -> tuple[str, int, str, Found]:
    """The run that is to be gone on with, how far it is, how it is, and its machine."""
    async with store_of(options).read() as journal:
        id = await whole_id(journal, options.run)
        loaded = await journal.load(id)
        assert loaded is not None, "who asks has found the run"
        found = await machine_of_run(journal, id, options.machine)
        return id, loaded.head[0], loaded.standing.status, found


async def _left_to_another(options: Any, found: Found, id: str, status: str) -> int:
    """Tell the process that drives the store to go on."""
    async with store_of(options).visit() as journal:
        if status not in ("parked", "inert"):
            text = f"another process drives it: there is nothing to resume (run {id!r} is {status})"
            _print(options, {"run": id, "status": status, "receipt": "driven"}, text)
            return DONE
        visited = visit(journal, found.machine, key=key_of(options)).run(id)
        receipt = await visited.resume(skip=options.skip)
        text = f"run {id!r} is to go on: {receipt.status}, for the process that drives it"
        _print(options, {"run": id, "status": status, "receipt": receipt.status}, text)
        return DONE


async def _checked(options: Any, upgrade: Any, found: Found) -> int:
    """Say what stands in the way of an upgrade, and write nothing."""
    async with store_of(options).read() as journal:
        id = await whole_id(journal, options.run)
        visitor = visit(journal, found.machine, key=key_of(options))
        obstacles = await visitor.check_upgrade(upgrade, id)
    found_so: dict[str, Any] = {
        "run": id,
        "obstacles": [{"place": one.place, "what": one.what} for one in obstacles],
    }
    text = "\n".join(map(str, obstacles)) or f"run {id!r} can be adopted"
    _print(options, found_so, text)
    return NO if obstacles else DONE


def _print(options: Any, document: dict[str, Any], text: str) -> None:
    if options.json:
        say_json(document)
    else:
        print(text)


def _input_of(found: Found, given: str | None) -> Any:
    """What a run begins with. Raises Usage."""
    shape = scribe_of(found.table).input
    try:
        return from_json(shape, {} if given is None else given_json(given))
    except Unfit as unfit:
        begins = f"machine {found.machine.name!r} begins with {fields_said(shape)}"
        said = f"--input: {unfit}" if given is not None else begins
        raise Usage(f"{said}; say it with --input JSON, or @file") from None


@define
class _Driving:
    """Drives one run to its end, or as far as it goes here."""

    options: Any
    found: Found
    reporter: Reporter = field(init=False)
    screen: Screen = field(factory=Screen, init=False)
    putting: PuttingDown = field(init=False)
    run: Run[Any, Any] | None = field(default=None, init=False)
    stuck: Stuck | None = field(default=None, init=False)
    last: Snapshot[Any] | None = field(default=None, init=False)
    document: dict[str, Any] = field(factory=dict[str, Any], init=False)

    def __attrs_post_init__(self) -> None:
        self.reporter = JsonLines() if self.options.json else Lines(self.screen)
        self.putting = PuttingDown(self._say_so, self.reporter.close)

    def drive(self, begin: Begin) -> int:
        """Drive it: the exit status."""
        grace = self.options.grace
        if not grace >= 0:
            raise Usage(f"--grace {grace}: it is a number of seconds")
        limits = Limits(grace=grace)
        store = store_of(self.options, durability=self.options.durability)
        parts: dict[str, Any] = {"store": store, "key": key_of(self.options), "limits": limits}
        world = world_of(self.found, self.options.handlers, **parts)
        try:
            trio.run(self._main, world, begin)
        except BaseExceptionGroup as group:
            raise single(group) from group
        finally:
            self.reporter.close()
        return self._ending()

    async def _main(self, world: Any, begin: Begin) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.putting.listen)
            with self.putting.scope:
                async with open_kernel(world, on_cancel="suspend") as kernel:
                    await self._drive(kernel, begin)
            nursery.cancel_scope.cancel()

    async def _drive(self, kernel: Kernel, begin: Begin) -> None:
        self.run, watch = await begin(kernel)
        asks = can_be_asked(sys.stdin) and self.screen.is_live and not self.options.json
        follow = Following(kernel, self.run, self.reporter, asks, self.options.stay, watch)
        if self.options.json:
            say_json({"what": "run", "run": self.run.id, "machine": self.found.machine.name})
        self.stuck = await follow.follow()
        self.last = await self.run.snapshot()
        others = await self._others(kernel)
        if others:
            self.reporter.notice(f"waiting for what else is under way here: {others}")

    async def _others(self, kernel: Kernel) -> str:
        """The other runs that go on in this process."""
        if self.run is None:
            return ""
        there = await kernel.runs(status="running", machine=self.found.machine.name)
        own = self.run.id
        return ", ".join(one.id for one in there if not f"{one.id}/".startswith(f"{own}/"))

    def _say_so(self, name: str) -> None:
        """Say that the run is being put down."""
        grace = f"{self.options.grace:g} s at most"
        again = "; Ctrl-C again ends this at once" if name == "SIGINT" else ""
        self.reporter.notice(f"{name}: putting the run down, {grace}{again}", signal=name)

    # -- in the end

    def _ending(self) -> int:
        """Say how it ended, or how to go on: the exit status."""
        assert self.run is not None or self.putting.by
        if self.run is None:
            return self.putting.status
        if self.putting.by or self.stuck is None:
            return self._said("put down", self.putting.status, [self._go_on("go on", "resume")])
        now = self.last
        assert now is not None
        match self.stuck.why:
            case "over":
                return self._said_over(now)
            case "parked":
                return self._said(
                    "parked",
                    NO,
                    [
                        self._go_on("mend the machine, then", "resume"),
                        self._go_on("or leave it out", "resume", "--skip"),
                    ],
                )
            case "asks" | "no answer":
                return self._said("asks", WAITS, self._questions())
            case _:
                events = self._accepted(now)
                where = ", ".join(now.configuration)
                what = f"waits in {where} for {' or '.join(events) or 'nothing it knows'}"
                lines = [self._go_on("send it", "send", event, "JSON") for event in events]
                self.document = {
                    "status": "waits",
                    "states": [*now.configuration],
                    "events": events,
                }
                return self._said(what, WAITS, [*lines, self._go_on("go on", "resume")])

    def _said_over(self, now: Snapshot[Any]) -> int:
        end: Any = now.end
        lines = [
            self._go_on("show it", "show", machine=False),
            self._go_on("replay it", "replay"),
        ]
        scribe = scribe_of(compile_machine(self.found.machine))
        tree: Any = scribe.frame(now)["end"]
        self.document = {"value": tree["value"], "failures": tree["failures"]}
        is_good = end.status in GOOD
        said = shown(tree["value"], None) if is_good else ""
        return self._said(str(end.status), DONE if is_good else NO, lines, said)

    def _questions(self) -> list[str]:
        lines: list[str] = []
        asked: list[dict[str, Any]] = []
        for run, question in () if self.stuck is None else self.stuck.questions:
            lines += [f"question {question.id}: {question.question}"]
            lines += [self._go_on("answer it", "answer", str(question.id), "VALUE", run=run)]
            asked.append({"run": run, "id": question.id, "question": question.question})
        self.document = {"questions": asked}
        return [*lines, self._go_on("go on", "resume")]

    def _accepted(self, now: Snapshot[Any]) -> list[str]:
        """The names of the events for which there are rows in the states that a run is in."""
        table = self.found.table
        names = ("", *now.configuration)
        nodes = [node for node in table.nodes if node.name in names]
        events = [one for node in nodes for row in node.rows for one in row.triggers]
        sent = {one.__name__ for one in table.events}
        return list(
            dict.fromkeys(
                one.__name__ for one in events if isinstance(one, type) and one.__name__ in sent
            )
        )

    def _go_on(self, what: str, *command: str, machine: bool = True, run: str = "") -> str:
        """A line that says which command comes next."""
        name, *rest = command
        id = run or ("" if self.run is None else self.run.id)
        address: list[str] = []
        if machine and name == "replay":
            address = [self.found.address]
        elif machine and not self.found.is_found_again:
            address = ["--machine", self.found.address]
        words = ["detent", name, id, *rest, *address]
        return f"{what}: {shlex.join(words)}{named(self.options)}"

    def _said(self, status: str, code: int, lines: list[str], value: str = "") -> int:
        """Say the last words."""
        id = "" if self.run is None else self.run.id
        if self.options.json:
            say_json({"what": "end", "run": id, "status": status, **self.document})
            return code
        paint = self.screen.paint
        good = "end" if code == DONE else "ended badly" if code == NO else "ask"
        self.screen.line()
        self.screen.line(f"run {paint('bold', id)}  {paint(good, status)}")
        if value:
            self.screen.line(f"  {value}")
        for line in lines:
            what, colon, command = line.partition(": ")
            self.screen.line(f"  {paint('dim', what + colon)}{command}")
        return code
