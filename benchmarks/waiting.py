"""What runs cost that wait for somebody. Exits with 1 if a budget is broken. `python -m benchmarks.waiting`.

100,000 runs, each with a question, in memory: one that stays open for ever, and one that is closed after a day. They
are started one after the other; then it is looked at what is there: tasks, bytes that were asked for besides the
author's data (tracemalloc, in a pass of its own), and bytes that the process takes up. The floor is what a store would
keep of one: the bytes of its header and its entries. In the end 1,000 of them are answered, at random, and end.

Every pass is a process of its own. `--quick` takes a tenth of the runs.
"""

import sys
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random

import trio
from attrs import evolve, frozen

from benchmarks.measure import resident, table
from detent import Final, Machine, On, Returned, State, Wait
from detent.kernel import Kernel, World, open_kernel

RUNS = 100_000
TRACED = 50_000
ANSWERED = 1_000
WARM = 1_100  # as many as are kept awake, and some
DAY = 86_400.0
BUDGET = 1_500.0  # bytes of a run that waits, or what a store keeps of it
TASKS_BUDGET = 10


@frozen
class Form:
    """The data: who is asked, and what the answer was."""

    name: str
    said: str = ""

    def note(self, event: Returned[str]) -> "Form":
        """The answer."""
        return evolve(self, said=event.value)


@frozen
class Waited:
    """What was seen of many runs that wait. `stored` is what a store would keep of one."""

    start: float
    tasks: int
    traced: float
    resident: float
    stored: int
    answer: float


def asking(deadline: float | None) -> Machine[Form, Form, Form]:
    """A question, and its answer."""
    ask = Wait(str, "Who goes there?", deadline=deadline)
    answered = On(ask.returned, to="end", update=Form.note)
    late = [On(ask.timed_out, to="end")] if deadline is not None else []
    return Machine("asking", State("asking", answered, *late, do=ask), Final("end"), data=Form)


def main() -> int:
    """Measure, print, judge."""
    size = 10 if "--quick" in sys.argv[1:] else 1
    broken: list[str] = []
    rows: list[tuple[str, ...]] = []
    for name, deadline in (("for ever", None), ("a day", DAY)):
        seen = apart(deadline, RUNS // size, False)
        traced = apart(deadline, TRACED // size, True)
        budget = max(BUDGET, seen.stored)
        if traced.traced > budget:
            broken.append(f"open {name}: {traced.traced:.0f} bytes a run of {budget:.0f}")
        if seen.tasks > TASKS_BUDGET:
            broken.append(f"open {name}: {seen.tasks} tasks of {TASKS_BUDGET}")
        cells = (f"{seen.start:.0f}", f"{seen.tasks}", f"{traced.traced:.0f}")
        more = (f"{seen.resident:.0f}", f"{seen.stored}", f"{seen.answer:.0f}")
        rows.append((f"open {name}", *cells, *more))
    head = ("us to start", "tasks", "bytes", "resident", "stored (floor)", "us to answer")
    print(table((f"one of {RUNS // size:,} that wait", *head), rows))
    for one in broken:
        print(f"BROKEN: {one}")
    print("\nall budgets kept" if not broken else f"\n{len(broken)} budgets broken")
    return 1 if broken else 0


def apart(deadline: float | None, runs: int, is_traced: bool) -> Waited:
    """What is seen in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(waiting, deadline, runs, is_traced).result()


def waiting(deadline: float | None, runs: int, is_traced: bool) -> Waited:
    """Let so many runs wait, look, and answer some of them."""
    machine = asking(deadline)

    async def main() -> Waited:
        async with open_kernel(World(machine)) as kernel:
            await begin(kernel, machine, WARM)
            if is_traced:
                tracemalloc.start()
            held = tracemalloc.get_traced_memory()[0]
            was = resident()
            began = time.perf_counter()
            await begin(kernel, machine, runs)
            start = (time.perf_counter() - began) / runs * 1e6
            here = resident()
            traced = (tracemalloc.get_traced_memory()[0] - held) / runs - own(runs)
            tracemalloc.stop()
            tasks = trio.lowlevel.current_statistics().tasks_living
            found = await kernel.journal.find(statuses=("waiting",), limit=runs)
            ids = [run for run, _ in found]
            stored = await stored_of(kernel, ids[0])
            began = time.perf_counter()
            chosen = Random(1).sample(ids, min(ANSWERED, runs))
            for run in chosen:
                await answered(kernel, run)
            answer = (time.perf_counter() - began) / len(chosen) * 1e6
            return Waited(start, tasks, traced, (here - was) / runs, stored, answer)

    return trio.run(main)


def own(runs: int) -> float:
    """The bytes of the author's data of a run, if memory is traced."""
    held = tracemalloc.get_traced_memory()[0]
    data = [Form(f"the {number}th") for number in range(runs)]
    return (tracemalloc.get_traced_memory()[0] - held - sys.getsizeof(data)) / runs


async def begin(kernel: Kernel, machine: Machine[Form, Form, Form], runs: int) -> None:
    """Start runs, one after the other."""
    for number in range(runs):
        await kernel.start(machine, Form(f"the {number}th"))


async def stored_of(kernel: Kernel, run: str) -> int:
    """What a store would keep of a run."""
    loaded = await kernel.journal.load(run)
    if loaded is None:
        raise AssertionError(f"{run} is not there")
    return len(loaded.header.body) + loaded.unread


async def answered(kernel: Kernel, id: str) -> None:
    """Answer a run: it ends."""
    run = kernel.run(id)
    (question,) = await run.questions()
    await run.answer(question.id, "a friend")
    end = await run.wait_end()
    if end.status != "completed" or getattr(end.value, "said", "") != "a friend":
        raise AssertionError(f"it ended as {end}")


if __name__ == "__main__":
    sys.exit(main())
