"""What the log costs: bytes, and time. Exits with 1 if a budget is broken. `python -m benchmarks.log`.

The floors: of an entry, spelling its tree and hashing it; of a load, reading its rows from SQLite and decoding them
to plain trees; of a whole history, the same with the lines of a file; of a replay, beside reading its log, the pure
steps of the same events. The floor of what is stored is what people said: their messages, each in its canonical bytes.

Kernel internals that are used: `wire`, which spells and decodes plain trees, for the floors; `entries`, which makes
entries of rows, as a store does.
"""

import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from benchmarks.measure import best_of, exponent, table
from benchmarks.runs import Chat, Found, Run, answers, chat, pages, recorded, search, ticks
from benchmarks.step import Count, flat, regions
from detent.kernel import (
    Loaded,
    MemoryJournal,
    Recorded,
    Replayed,
    Snapshot,
    Stepped,
    frame_of,
    read_log,
    replay,
    step,
)
from detent.kernel.entries import read_checkpoint, read_entry
from detent.kernel.wire import Tree, parsed, spelled

STORED_BUDGETS = {200: 2.5, 1_000: 1.5}  # bytes of a message: how many times these may be stored
STORED_EXPONENT = 1.05
ENTRY_BUDGET = 1.0  # of 2 x what is new, + 200, + 40 for each effect
LOAD_BUDGET = 3.0
HISTORY_BUDGET = 3.0
REPLAY_BUDGET = 3.0
ONE_REGION_BUDGET = 1.2  # bytes of one region's move among a thousand, of those among ten
ALL_REGIONS_EXPONENT = 1.1
HASH = 32  # bytes of a hash, as a store keeps it

T = TypeVar("T")


def main() -> int:
    """Measure, print, judge."""
    broken = [*entries(), *stored(), *entry_sizes(), *reading(), *many_regions()]
    for one in broken:
        print(f"BROKEN: {one}")
    print("\nall budgets are kept" if not broken else f"\n{len(broken)} budgets are broken")
    return 1 if broken else 0


def judged(name: str, value: float, budget: float) -> tuple[str, list[str]]:
    """A cell that says what was measured and what was allowed; and the complaint, if there is one."""
    text = f"{value:.2f} of {budget}"
    return text, [] if value <= budget else [f"{name}: {text}"]


# -- one entry


def entries() -> list[str]:
    """What recording a step costs, beside the step itself."""
    rows: list[tuple[str, ...]] = []
    for name, run in (
        ("flat", recorded(flat(), Count(), ticks, 10)),
        ("ten regions, one moves", recorded(regions(10, moving=1), Count(), ticks, 10)),
        ("chat of 10", recorded(chat, Chat(), answers(200), 10)),
        ("chat of 1,000", recorded(chat, Chat(), answers(200), 1_000)),
    ):
        costs = best_of(entry_works(run), number=300)
        least = costs["floor"]
        cells = (f"{cost:.1f} us, {cost / least:.1f} x" for cost in costs.values())
        rows.append((name, *cells))
    head = ("one entry", "spell, hash (floor)", "delta", "all of it", "the step", "both")
    print(table(head, rows))
    return []


def entry_works(run: Run) -> dict[str, Callable[[], object]]:
    """Recording the last step of a run, and its parts."""
    before, last = run.recorded[-2:]
    stepped: Stepped[Any] = step(run.table, before.snapshot, run.signals[-1], last.entry.at)
    event, after, tree = last.entry.event, stepped.snapshot, parsed(last.entry.body)
    previous = bytes.fromhex(before.head.hash)

    def floor() -> str:
        return blake2b(previous + spelled(tree), digest_size=32).hexdigest()

    def both() -> object:
        again = step(run.table, before.snapshot, run.signals[-1], last.entry.at)
        return run.recorder.record(before.head, before.snapshot, again)

    return {
        "floor": floor,
        "delta": partial(run.recorder.entry, before.snapshot, stepped, after, event),
        "record": partial(run.recorder.record, before.head, before.snapshot, stepped),
        "step": partial(step, run.table, before.snapshot, run.signals[-1], last.entry.at),
        "both": both,
    }


# -- bytes


def stored() -> list[str]:
    """What a growing chat takes in the store."""
    rows: list[tuple[str, ...]] = []
    broken: list[str] = []
    for size, budget in STORED_BUDGETS.items():
        run = recorded(chat, Chat(), answers(size), 10_000)
        sizes = {count: stored_bytes(run.recorded[: count + 1]) for count in (100, 1_000, 10_000)}
        slope = exponent(sizes)
        for count, taken in sizes.items():
            checkpoints = sum(one.checkpoint is not None for one in run.recorded[: count + 1])
            name = f"chat of {count:,} messages of {size:,} B"
            text, more = judged(name, taken / (count * size), budget)
            rows.append((name, f"{taken:,}", f"{checkpoints}", text))
            broken += more
        text, more = judged(f"growth of a chat of {size:,} B", slope, STORED_EXPONENT)
        rows.append((f"  exponent at {size:,} B", "", "", text))
        broken += more
    print("\n" + table(("stored", "bytes", "checkpoints", "of the messages"), rows))
    return broken


def stored_bytes(made: Iterable[Recorded]) -> int:
    """The bytes of entries and checkpoints, each with its hash."""
    links = [link for one in made for link in (one.entry, one.checkpoint) if link is not None]
    return sum(len(link.body) + HASH for link in links)


def entry_sizes() -> list[str]:
    """The largest entries, against 2 x what is new, + 200, + 40 for each effect."""
    rows: list[tuple[str, ...]] = []
    broken: list[str] = []
    for name, run in (
        ("flat", recorded(flat(), Count(), ticks, 50)),
        ("chat, 200 B", recorded(chat, Chat(), answers(200), 50)),
        ("chat, 1 kB", recorded(chat, Chat(), answers(1_000), 50)),
        ("search, Each of 20", recorded(search, Found(), pages, 100)),
        ("ten regions, all move", recorded(regions(10), Count(), ticks, 50)),
    ):
        worst, size, allowed = max(weighed(run))
        text, more = judged(f"entries of {name}", worst, ENTRY_BUDGET)
        rows.append((name, str(size), str(allowed), text))
        broken += more
    print("\n" + table(("largest entry", "bytes", "allowed", "of it"), rows))
    return broken


def weighed(run: Run) -> Iterator[tuple[float, int, int]]:
    """How each entry but the first compares with what it is allowed."""
    scribe = run.recorder.scribe
    known = leaves(scribe.frame(run.snapshots[0]))
    for one in run.recorded[1:]:
        frame = scribe.frame(one.snapshot)
        here = leaves({key: frame[key] for key in ("in", "data", "effects", "timers", "end")})
        event = len(spelled(one.entry.event))
        news = here - known - leaves(one.entry.event)
        new = sum(len(leaf) * times for leaf, times in news.items())
        ordered = sum(fan_size(one.snapshot, id) for id in one.entry.effects)
        allowed = 2 * (event + new) + 200 + 40 * ordered
        yield len(one.entry.body) / allowed, len(one.entry.body), allowed
        known = here


def fan_size(now: Snapshot[Any], id: int) -> int:
    """How many effects were ordered under an id."""
    flight: Any = next((flight for flight in now.effects if flight.id == id), None)
    return len(getattr(flight, "orders", (1,)))


def leaves(tree: Any) -> Counter[bytes]:
    """All that is no list and no object in a tree, in bytes."""
    found: Counter[bytes] = Counter()
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict | list):
            waiting += here.values() if isinstance(here, dict) else here
        else:
            found[spelled(here)] += 1
    return found


# -- reading


def reading() -> list[str]:
    """What it costs to load, to read all, and to replay a run of 1,000 steps."""
    loads: list[tuple[str, ...]] = []
    wholes: list[tuple[str, ...]] = []
    broken: list[str] = []
    for name, run in (
        ("flat", recorded(flat(), Count(), ticks, 1_000)),
        ("chat", recorded(chat, Chat(), answers(200), 1_000)),
    ):
        load, of_load = loading(name, run)
        whole, of_whole = rereading(name, run)
        loads.append(load)
        wholes.append(whole)
        broken += [*of_load, *of_whole]
    head = ("newest state of 1,000 steps", "read", "decoded (floor)", "frame", "snapshot")
    print("\n" + table(head, loads))
    parts = ("decoded (floor)", "verified", "stepped (floor)", "taken again", "both")
    print("\n" + table(("all of 1,000 steps", *parts), wholes))
    return broken


def loading(name: str, run: Run) -> tuple[tuple[str, ...], list[str]]:
    """The newest state of a run, from a database."""
    journal = MemoryJournal()
    done(journal.append([run.write]))
    kept = newest(journal)
    scribe = run.recorder.scribe
    with tempfile.TemporaryDirectory() as folder, Rows(Path(folder) / "runs.db", kept) as rows:

        def frame() -> dict[str, Tree]:
            points, links = rows.read()
            point = read_checkpoint(points[0][0], points[0][1].hex()) if points else None
            entries = tuple([read_entry(body, hash.hex()) for body, hash in links])
            head = entries[-1].seq, entries[-1].hash
            return frame_of(Loaded(kept.header, 0, kept.standing, head, point, entries))

        if scribe.snapshot(frame()) != run.snapshots[-1]:
            raise AssertionError(f"{name} does not come to where it was")
        costs = best_of(
            {
                "floor": lambda: [parsed(body) for some in rows.read() for body, _ in some],
                "frame": frame,
                "snapshot": lambda: scribe.snapshot(frame()),
            },
            number=20,
        )
    cells = [f"{kept.unread:,} B", f"{costs['floor']:.0f} us"]
    broken: list[str] = []
    for what in ("frame", "snapshot"):
        ratio = costs[what] / costs["floor"]
        text, more = judged(f"newest {what} of {name}", ratio, LOAD_BUDGET)
        cells.append(f"{costs[what]:.0f} us, {text}")
        broken += more
    return (name, *cells), broken


RowList: TypeAlias = list[tuple[bytes, bytes]]


class Rows:
    """A database with a run in it, as a store keeps it: checkpoints, and entries by run and number."""

    def __init__(self, path: Path, kept: Loaded) -> None:
        self._database = sqlite3.connect(path)
        run = kept.header.run
        points = [] if kept.checkpoint is None else [kept.checkpoint]
        for name, links in (("checkpoints", points), ("entries", kept.entries)):
            self._database.execute(
                f"create table {name} (run text, seq integer, hash blob, body blob, "
                f"primary key (run, seq)) without rowid"
            )
            rows = [(run, link.seq, bytes.fromhex(link.hash), link.body) for link in links]
            self._database.executemany(f"insert into {name} values (?, ?, ?, ?)", rows)
        self._database.commit()
        self._run = run

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def read(self) -> tuple[RowList, RowList]:
        """The newest checkpoint, and the entries after it."""
        point = self._database.execute(
            "select body, hash, seq from checkpoints where run = ? order by seq desc limit 1",
            (self._run,),
        ).fetchone()
        entries = self._database.execute(
            "select body, hash from entries where run = ? and seq > ? order by seq",
            (self._run, 0 if point is None else point[2]),
        ).fetchall()
        return ([] if point is None else [point[:2]]), entries


def rereading(name: str, run: Run) -> tuple[tuple[str, ...], list[str]]:
    """The whole of a run, from a file: verified, and replayed."""
    steps = [
        (now, signal, one.entry.at)
        for now, signal, one in zip(run.snapshots, run.signals, run.recorded[1:], strict=False)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.run.jsonl"
        path.write_bytes(b"".join(run.log))

        def replayed() -> Replayed:
            with path.open("rb") as lines:
                return replay(lines, run.definition)

        came = replayed()
        if came.divergence is not None or came.entries != len(run.recorded):
            raise AssertionError(f"{name} is not replayed: {came}")
        costs = best_of(
            {
                "decoded": lambda: over(path, lambda lines: [parsed(line) for line in lines]),
                "verified": lambda: over(path, lambda lines: [one.what for one in read_log(lines)]),
                "stepped": lambda: [step(run.table, *one) for one in steps],
                "replayed": replayed,
            },
            rounds=10,
        )
    again = costs["replayed"] - costs["verified"]
    verified, broken = judged(
        f"{name} verified", costs["verified"] / costs["decoded"], HISTORY_BUDGET
    )
    text, more = judged(f"{name} replayed", again / costs["stepped"], REPLAY_BUDGET)
    cells = (
        f"{costs['decoded'] / 1000:.1f} ms",
        f"{costs['verified'] / 1000:.1f} ms, {verified}",
        f"{costs['stepped'] / 1000:.1f} ms",
        f"{again / 1000:.1f} ms, {text}",
        f"{costs['replayed'] / 1000:.1f} ms",
    )
    return (name, *cells), [*broken, *more]


def over(path: Path, read: Callable[[Iterable[bytes]], object]) -> object:
    """What comes of the lines of a file."""
    with path.open("rb") as lines:
        return read(lines)


def newest(journal: MemoryJournal) -> Loaded:
    """The only run of a journal."""
    loaded = done(journal.load("run"))
    if loaded is None:
        raise AssertionError("the run is not there")
    return loaded


def done(waiting: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives that never waits."""
    try:
        waiting.send(None)
    except StopIteration as end:
        given: T = end.value
        return given
    raise AssertionError("a journal in memory waits")


# -- many regions


def many_regions() -> list[str]:
    """One of a thousand regions moves, and all of them do."""
    rows: list[tuple[str, ...]] = []
    sizes: dict[tuple[int, str], int] = {}
    for count, moving, name in (
        (10, 1, "one"),
        (1_000, 1, "one"),
        (10, 10, "all"),
        (1_000, 1_000, "all"),
    ):
        run = recorded(regions(count, moving), Count(), ticks, 4)
        costs = best_of(entry_works(run), number=3, rounds=10)
        sizes[count, name] = size = len(run.recorded[-1].entry.body)
        cells = (f"{costs[what]:,.0f} us" for what in ("floor", "step", "record"))
        rows.append((f"{name} of {count:,} regions", f"{size:,} B", *cells))
    one, more = judged(
        "bytes of one region among 1,000", sizes[1_000, "one"] / sizes[10, "one"], ONE_REGION_BUDGET
    )
    slope = exponent({count: size for (count, name), size in sizes.items() if name == "all"})
    every, also = judged("growth of all regions", slope, ALL_REGIONS_EXPONENT)
    print("\n" + table(("one move", "entry", "spell, hash (floor)", "the step", "record"), rows))
    print(f"bytes: one among 1,000 is {one} of one among 10; exponent of all {every}")
    return [*more, *also]


if __name__ == "__main__":
    sys.exit(main())
