"""What it costs that runs are on a disk. Exits with 1 if a budget is broken. `python -m benchmarks.durable [--quick]`.

The floors, each measured in turn with what it is the floor of, on files of their own in one folder:
- of a chain of no-ops: the floor of `benchmarks.runtime`, and for each step an INSERT of as many bytes with a COMMIT;
- of many runs at once: as many tasks, each parked at every step until what all of them want to write is committed;
- of the newest state of a run: reading its newest checkpoint and what follows it, decoded to plain trees;
- of its whole history, verified: reading the rows and decoding them to plain trees;
- of opening a store of very many runs: opening one of a few.

`--quick`: a tenth as many runs in the store that is opened.
"""

import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import trio
from attrs import define, evolve, field, frozen

from benchmarks.measure import least_of, table
from benchmarks.runtime import (
    MICRO,
    Count,
    Ping,
    Plain,
    bare,
    chain,
    crowd,
    judged,
    milli,
    no_op,
    nothing,
    through,
)
from detent import Event, Final, Kernel, Machine, On, State, World, handle, open_kernel
from detent.kernel import Journal, Loaded, frame_of, parsed
from detent.tools.stores import SQLite

STEPS = 2_000
RUNS, EACH = 1_000, 10
LONG = 1_000  # steps of the run that is read
WAITING = 1_000
BODY = os.urandom(250)  # about an entry of the chain
CHAIN_BUDGETS = {"normal": 2.0, "full": 1.3}
CROWD_BUDGET = 2.5
STATE_BUDGET = HISTORY_BUDGET = 3.0
OPEN_BUDGET = 2.0  # of the pages of an index more are read


@frozen
class Go(Event):
    """What the runs wait for."""


waiting = Machine("waiting", State("here", On(Go, to="gone")), Final("gone"), data=Count)
AT_LAST = "SELECT hash, body FROM checkpoints ORDER BY seq DESC LIMIT 1"
COPIES = """
    WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < ?)
    INSERT INTO runs (run, machine, epoch, status, due, in_flight, held, is_over, seq, hash, header)
    SELECT 'copy' || n, machine, epoch, iif(n % 10, 'completed', status),
        iif(n % 10, NULL, 9000000000000000 + n), 0, 0, n % 10 > 0, seq, hash, header
    FROM copies, runs WHERE runs.id = 1
"""


def main() -> int:
    """Measure, print, judge."""
    many = 100_000 if "--quick" in sys.argv[1:] else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        broken = [*chains(folder), *crowds(folder), *reading(folder), *opening(folder, many)]
    for one in broken:
        print(f"BROKEN: {one}")
    print("\nall budgets kept" if not broken else f"\n{len(broken)} budgets broken")
    return 1 if broken else 0


@define
class Folder:
    """Where files are made, each with a name of its own."""

    path: Path
    count: int = field(default=0, init=False)

    def new(self) -> Path:
        """The path of a file that is not there yet."""
        self.count += 1
        return self.path / f"{self.count}.db"


def world(path: Path, durability: Any = "normal") -> World:
    """All that is run here, on a file."""
    store = SQLite(path, durability=durability)
    return World(chain, waiting, handlers=[handle(Ping, no_op)], store=store)


def timed(
    work: Callable[[Kernel], Awaitable[object]], count: int, made: Callable[[], World]
) -> float:
    """How long something takes in a kernel of its own that is there already: microseconds for each of so many."""

    async def main() -> float:
        async with open_kernel(made()) as kernel:
            began = time.perf_counter()
            await work(kernel)
            return (time.perf_counter() - began) / count * MICRO

    return trio.run(main)


# -- one run, and many


def chains(folder: Folder) -> list[str]:
    """No-op after no-op, each of them committed."""
    rows: list[tuple[str, ...]] = []
    broken: list[str] = []
    for durability, budget in CHAIN_BUDGETS.items():
        one = partial(through, machine=chain, count=STEPS)
        made = partial(fresh_world, folder, durability)
        costs = least_of(
            {
                "floor": partial(plain_chain, folder, durability),
                "chain": partial(timed, one, STEPS, made),
            },
            rounds=7,
        )
        ratio, more = judged(f"chain, {durability}", costs["chain"] / costs["floor"], budget)
        broken += more
        rows.append((durability, f"{costs['chain']:.1f}", f"{costs['floor']:.1f}", ratio))
    print(table((f"chain of {STEPS:,} no-ops", "us a step", "floor", "ratio"), rows))
    return broken


def fresh_world(folder: Folder, durability: str = "normal") -> World:
    """All that is run here, on a new file."""
    return world(folder.new(), durability)


def plain_base(folder: Folder, durability: str) -> sqlite3.Connection:
    """A file in which there is room for entries."""
    base = sqlite3.connect(folder.new(), isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL").fetchone()
    base.execute(f"PRAGMA synchronous = {durability.upper()}")
    base.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    return base


def plain_chain(folder: Folder, durability: str) -> float:
    """What any engine does that can be cancelled, has immutable snapshots, and commits each step."""
    base = plain_base(folder, durability)

    async def main() -> None:
        now = Plain("a", Count(), 0)
        for n in range(STEPS):
            await trio.lowlevel.checkpoint()
            with trio.CancelScope():
                await nothing()
            now = Plain("b", evolve(now.data, n=n), now.seq + 1)
            base.execute("INSERT INTO entries (body) VALUES (?)", (BODY,))

    try:
        return bare(main, STEPS)
    finally:
        base.close()


def crowds(folder: Folder) -> list[str]:
    """Many runs at once, which share commits."""
    costs = least_of(
        {
            "floor": partial(plain_crowd, folder),
            "runs": partial(timed, partial(crowd, machine=chain), 1, partial(fresh_world, folder)),
        },
        rounds=5,
    )
    ratio, broken = judged("many runs", costs["runs"] / costs["floor"], CROWD_BUDGET)
    row = (f"{RUNS:,} runs x {EACH} steps", milli(costs["runs"]), milli(costs["floor"]), ratio)
    print("\n" + table(("durable, normal", "ms", "floor", "ratio"), [row]))
    return broken


def plain_crowd(folder: Folder) -> float:
    """Tasks that are parked until what they want to write is committed, by a thread, all of it together."""
    base = sqlite3.connect(folder.new(), isolation_level=None, check_same_thread=False)
    base.execute("PRAGMA journal_mode = WAL").fetchone()
    base.execute("PRAGMA synchronous = NORMAL")
    base.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    parked: list[trio.lowlevel.Task] = []

    def commit(count: int) -> None:
        base.execute("BEGIN")
        base.executemany("INSERT INTO entries (body) VALUES (?)", [(BODY,)] * count)
        base.execute("COMMIT")

    async def one() -> None:
        now = Plain("a", Count(), 0)
        for n in range(EACH):
            await trio.lowlevel.checkpoint()
            with trio.CancelScope():
                await nothing()
            now = Plain("b", evolve(now.data, n=n), now.seq + 1)
            parked.append(trio.lowlevel.current_task())
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(RUNS):
                nursery.start_soon(one)
            left = RUNS * EACH
            while left:
                await trio.lowlevel.checkpoint()
                batch = parked.copy()
                parked.clear()
                if batch:
                    await trio.to_thread.run_sync(commit, len(batch))
                left -= len(batch)
                for task in batch:
                    trio.lowlevel.reschedule(task)

    try:
        return bare(main)
    finally:
        base.close()


# -- reading


def reading(folder: Folder) -> list[str]:
    """The newest state of a long run, and all of its history."""
    path = folder.new()
    long = partial(through, machine=chain, count=LONG)
    timed(long, LONG, partial(world, path))
    base = sqlite3.connect(path, isolation_level=None)
    (size,) = base.execute("SELECT sum(length(body)) FROM entries").fetchone()
    costs = least_of(
        {
            "newest floor": partial(read, lambda: decoded(base, newest=True)),
            "newest": partial(asked, path, newest_state),
            "history floor": partial(read, lambda: decoded(base, newest=False)),
            "history": partial(asked, path, history),
        },
        rounds=7,
    )
    base.close()
    rows: list[tuple[str, ...]] = []
    broken: list[str] = []
    for name, budget in (("newest", STATE_BUDGET), ("history", HISTORY_BUDGET)):
        ratio, more = judged(f"{name} of a long run", costs[name] / costs[f"{name} floor"], budget)
        rows.append((name, f"{costs[name]:.0f}", f"{costs[f'{name} floor']:.0f}", ratio))
        broken += more
    print("\n" + table((f"a run of {LONG:,} steps, {size:,} B", "us", "floor", "ratio"), rows))
    return broken


def read(work: Callable[[], object]) -> float:
    """How long it takes to read something, in microseconds."""
    began = time.perf_counter()
    for _ in range(10):
        work()
    return (time.perf_counter() - began) / 10 * MICRO


def decoded(base: sqlite3.Connection, newest: bool) -> object:
    """Rows as plain trees."""
    point = base.execute(AT_LAST).fetchone() if newest else None
    run, start = base.execute("SELECT id, 0 FROM runs").fetchone()
    if point is not None:
        start = base.execute("SELECT seq FROM checkpoints").fetchone()[0]
    first = run << 32
    asked = "SELECT hash, body FROM entries WHERE id > ? ORDER BY id"
    rows = base.execute(asked, (first + start,)).fetchall()
    return [parsed(body) for _, body in ([] if point is None else [point]) + rows]


def asked(path: Path, what: Callable[[Journal, str], Awaitable[object]]) -> float:
    """How long a store takes to answer, in microseconds."""

    async def main() -> float:
        async with SQLite(path).read() as journal:
            ((run, _),) = await journal.find()
            began = time.perf_counter()
            for _ in range(10):
                await what(journal, run)
            return (time.perf_counter() - began) / 10 * MICRO

    return trio.run(main)


async def newest_state(journal: Journal, run: str) -> object:
    """The frame that a run is at."""
    loaded: Loaded | None = await journal.load(run)
    if loaded is None:
        raise AssertionError("the run is not there")
    return frame_of(loaded)


async def history(journal: Journal, run: str) -> object:
    """All entries of a run, each of them verified."""
    entries = await journal.entries(run, 0, LONG * 2)
    if len(entries) <= LONG:
        raise AssertionError("entries are missing")
    return entries


# -- opening


def opening(folder: Folder, many: int) -> list[str]:
    """A store of very many runs, nine tenths of them over, the others waiting for something far ahead."""
    small, large = folder.new(), folder.new()
    began = os.path.getsize(filled(folder.new(), 1))
    weight = (os.path.getsize(filled(small, WAITING)) - began) / (WAITING - 1)
    filled(large, 1)
    base = sqlite3.connect(large, isolation_level=None)
    base.execute(COPIES, (many,))
    base.close()
    costs = least_of({"few": partial(opened, small), "many": partial(opened, large)}, rounds=7)
    ratio, broken = judged("opening", costs["many"] / costs["few"], OPEN_BUDGET)
    rows = [
        (f"{WAITING:,}", f"{costs['few'] / 1_000:.1f}", ""),
        (f"{many:,}", f"{costs['many'] / 1_000:.1f}", ratio),
    ]
    print("\n" + table(("opening a store of", "ms", "ratio"), rows))
    print(f"a run that waits takes up {weight:.0f} bytes of the file")
    return broken


def filled(path: Path, count: int) -> Path:
    """A store in which so many runs wait."""

    async def start(kernel: Kernel) -> None:
        for _ in range(count):
            await kernel.start(waiting, Count())

    timed(start, count, partial(world, path))
    return path


def opened(path: Path) -> float:
    """How long it takes until a kernel is there, in microseconds."""

    async def main() -> float:
        began = time.perf_counter()
        async with open_kernel(world(path)):
            return (time.perf_counter() - began) * MICRO

    return trio.run(main)


if __name__ == "__main__":
    sys.exit(main())
