"""A kernel in a program without a loop: every call blocks, inside a loop it refuses, and who is interrupted ends it."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from contextlib import closing
from contextvars import ContextVar
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import trio

from detent import (
    Fails,
    IncompleteWorld,
    KernelClosed,
    StoreInUse,
    World,
    WrongLoop,
    handle,
)
from detent.kernel import MemoryJournal, Seen
from detent.tools.embed.asyncio import on_host
from detent.tools.embed.sync import Kernel, Run, open_kernel
from detent.tools.stores import SQLite
from detent.tools.testing.faults import Crash
from tests.kernel.scheduler.toys import Add, Again, Close, Data, gives
from tests.tools.embed.hosts import COUNTING, DOING, HURRIED, dying, ends_in, still_there

who: ContextVar[str] = ContextVar("who", default="nobody")


pytestmark = pytest.mark.usefixtures("interruptible")


def world(by: Any = None, **options: Any) -> World:
    """Two machines, and who performs what they order."""
    return World(COUNTING, DOING, handlers=[handle(Again, by or gives())], **options)


# -- a plain program


def test_a_run_is_started_told_something_and_awaited() -> None:
    with open_kernel(world()) as kernel:
        run = kernel.start(COUNTING, Data())
        run.send(Add(2))
        run.send(Close())

        assert run.wait_result().n == 2
        assert kernel.run(run.id).status().status == "completed"
    assert still_there() == []


def test_a_watch_is_read_as_it_happens_and_may_be_closed_early() -> None:
    with open_kernel(world()) as kernel:
        run = kernel.start(COUNTING, Data())
        for sight in run.watch():
            assert isinstance(sight, Seen)
            run.send(Add()) if sight.seq < 4 else run.send(Close())
        with closing(run.watch()) as watch:
            first = next(watch)
            watch.close()
            assert isinstance(first, Seen)
            assert list(watch) == []

        assert len(run.wait_result().heard) == 0
        assert run.status().status == "completed"


def test_several_threads_may_ask_at_once() -> None:
    results: list[int] = []

    def ask(number: int) -> None:
        run = kernel.start(COUNTING, Data(n=number))
        for _ in range(10):
            run.send(Add())
        run.send(Close())
        results.append(run.wait_result().n)

    with open_kernel(world()) as kernel:
        threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(results) == [10 + number for number in range(8)]


def test_a_handler_in_a_thread_may_ask_the_kernel() -> None:
    def ask(order: Again) -> int:
        run = kernel.start(COUNTING, Data(n=3))
        run.send(Close())
        return run.wait_result().n

    with open_kernel(world(ask)) as kernel:
        assert kernel.start(DOING, Data()).wait_result().heard == ("Returned",)


def test_handlers_see_the_variables_of_whoever_started_the_run() -> None:
    saw: list[str] = []

    async def look(order: Again) -> int:
        saw.append(who.get())
        who.set("a handler")
        return 1

    with open_kernel(world(look)) as kernel:
        for name in ("Ada", "Bob"):
            who.set(name)
            kernel.start(DOING, Data()).wait_end()
            assert who.get() == name

    assert saw == ["Ada", "Bob"]


def test_a_handler_for_the_loop_of_a_host_does_not_run_where_there_is_none() -> None:
    async def work(order: Again) -> int:
        raise Fails("nobody calls it")

    with open_kernel(world(on_host(work))) as kernel:
        run = kernel.start(DOING, Data())

        assert run.wait_result().heard == ("Failed",)
        assert "this kernel has none beside it" in repr(run.log())


# -- inside a loop


def in_trio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a loop of trio."""
    trio.run(main)


def in_asyncio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a loop of asyncio."""
    asyncio.run(main())


every_loop = pytest.mark.parametrize(
    ("loop", "right"),
    [
        (in_trio, r"`async with detent\.open_kernel\(world\) as kernel`"),
        (in_asyncio, r"`async with detent\.tools\.embed\.asyncio\.open_kernel\(world\) as kernel`"),
    ],
)


@every_loop
def test_it_is_not_opened_inside_a_loop_and_nothing_is_made(
    loop: Any, right: str, tmp_path: Path
) -> None:
    async def main() -> None:
        threads = threading.active_count()
        with pytest.raises(WrongLoop, match=right), open_kernel(stored):
            raise AssertionError("it is open")
        assert threading.active_count() == threads

    stored = world(store=SQLite(tmp_path / "runs.db"))

    loop(main)

    assert list(tmp_path.iterdir()) == []


@every_loop
def test_one_that_is_open_refuses_every_call_inside_a_loop(loop: Any, right: str) -> None:
    async def main() -> None:
        for call in calls(kernel):
            with pytest.raises(WrongLoop, match=right):
                call()

    with open_kernel(world()) as kernel:
        kernel.start(COUNTING, Data(), id="r")
        loop(main)

        assert [one.id for one in kernel.runs()] == ["r"]
        assert kernel.run("r").snapshot().data == Data()


def calls(kernel: Kernel) -> list[Callable[[], object]]:
    """Some calls that would block."""
    run = kernel.run("r")
    return [
        lambda: kernel.start(COUNTING, Data()),
        lambda: kernel.batch(COUNTING, [Data()]),
        lambda: kernel.within(trio.sleep, 0),
        kernel.runs,
        lambda: run.send(Add()),
        run.cancel,
        run.wait_end,
        lambda: next(run.watch()),
    ]


def test_the_kernels_own_thread_does_not_wait_for_itself() -> None:
    async def ask(order: Again) -> int:
        with pytest.raises(WrongLoop):
            kernel.start(COUNTING, Data())
        return 1

    with open_kernel(world(ask)) as kernel:
        assert kernel.start(DOING, Data()).wait_result().heard == ("Returned",)


# -- what goes wrong


def test_what_the_block_raises_comes_out_of_it_when_the_runs_have_ended() -> None:
    journal = MemoryJournal()

    def host() -> None:
        with open_kernel(world(journal=journal)) as kernel:
            kernel.start(COUNTING, Data(), id="r")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        host()

    assert ends_in(journal) == {"r": "cancelled"}


def test_runs_may_be_put_down_instead_and_the_next_kernel_goes_on_with_them() -> None:
    kept: Any = {"journal": MemoryJournal(), "limits": HURRIED}

    def host() -> None:
        with open_kernel(world(gives(after=60.0), **kept), on_cancel="suspend") as kernel:
            kernel.start(DOING, Data(), id="w")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        host()
    with open_kernel(world(**kept)) as kernel:
        assert kernel.run("w").wait_end().status == "completed"


def test_leaving_the_block_waits_for_what_is_under_way() -> None:
    journal = MemoryJournal()
    with open_kernel(world(gives(after=0.05), journal=journal)) as kernel:
        kernel.start(DOING, Data(), id="w")

    assert ends_in(journal) == {"w": "completed"}


def test_a_kernel_that_cannot_open_says_why(tmp_path: Path) -> None:
    with pytest.raises(IncompleteWorld), open_kernel(World(DOING)):
        raise AssertionError("it is open")
    stored = world(store=SQLite(tmp_path / "runs.db"))
    with open_kernel(stored), pytest.raises(StoreInUse), open_kernel(stored):
        raise AssertionError("it is open twice")

    assert still_there() == []


def test_a_kernel_that_is_closed_refuses_everything() -> None:
    with open_kernel(world()) as kernel:
        run = kernel.start(COUNTING, Data(), id="r")
        watch = run.watch()

    for asks in (run.wait_end, kernel.runs, watch.__next__, lambda: kernel.within(trio.sleep, 0)):
        with pytest.raises(KernelClosed):
            asks()


def test_if_the_kernel_dies_whoever_waits_is_told_and_why_it_died_in_the_end() -> None:
    journal = dying()
    told: list[Exception] = []

    def wait(run: Run[Data, Data]) -> None:
        try:
            run.wait_end()
        except KernelClosed as error:
            told.append(error)

    def host() -> None:
        with open_kernel(world(journal=journal)) as kernel:
            run = kernel.start(COUNTING, Data())
            threads = [threading.Thread(target=wait, args=[run]) for _ in range(3)]
            for thread in threads:
                thread.start()
            journal.is_dead = True
            try:
                run.send(Add())
            finally:
                for thread in threads:
                    thread.join()

    with pytest.raises(Crash) as crash:
        host()

    assert isinstance(crash.value.__cause__, KernelClosed)
    assert len(told) == 3
    assert still_there() == []


# -- who interrupts


def interrupted(after: float, *again: float) -> None:
    """Have Ctrl-C pressed after a while, perhaps more than once."""
    for seconds in (after, *again):
        threading.Timer(seconds, os.kill, [os.getpid(), signal.SIGINT]).start()


def test_who_interrupts_a_call_ends_the_runs_in_order() -> None:
    journal, said = MemoryJournal(), list[str]()

    async def tidy(order: Again) -> int:
        try:
            await trio.sleep(60)
        finally:
            said.append("cleaned up")
        return 1

    def host() -> None:
        with open_kernel(world(tidy, journal=journal)) as kernel:
            run = kernel.start(DOING, Data(), id="w")
            interrupted(0.1)
            run.wait_end()

    with pytest.raises(KeyboardInterrupt):
        host()

    assert ends_in(journal) == {"w": "cancelled"}
    assert said == ["cleaned up"]
    assert still_there() == []


def test_who_interrupts_the_leaving_of_the_block_ends_what_is_under_way() -> None:
    journal = MemoryJournal()

    def host() -> None:
        with open_kernel(world(gives(after=60.0), journal=journal)) as kernel:
            kernel.start(DOING, Data(), id="w")
            interrupted(0.1)

    with pytest.raises(KeyboardInterrupt):
        host()

    assert ends_in(journal) == {"w": "cancelled"}


def test_who_interrupts_again_waits_no_longer() -> None:
    goes_on = threading.Event()

    async def stubborn(order: Again) -> int:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(goes_on.wait)
        return 1

    def host() -> None:
        with open_kernel(world(stubborn)) as kernel:
            run = kernel.start(DOING, Data(), id="w")
            interrupted(0.2, 0.7)
            run.wait_end()

    with pytest.raises(KeyboardInterrupt):
        host()
    assert still_there() == ["detent"]
    goes_on.set()
    for _ in range(500):
        if not still_there():
            break
        sleep(0.01)
    assert still_there() == []


def test_who_is_interrupted_while_he_reads_misses_nothing() -> None:
    with open_kernel(world()) as kernel:
        run = kernel.start(COUNTING, Data())
        watch = run.watch()
        first = next(watch)
        interrupted(0.3)
        with pytest.raises(KeyboardInterrupt):
            next(watch)
        run.send(Add())
        run.send(Close())
        rest = list(watch)

    assert [one.seq for one in (first, *rest) if isinstance(one, Seen)] == [1, 2, 3]
