"""What is known of an effect that was cut: by an exit, a time-out, a cancel, a crash before or after it began.

The file is long because it is a table: every way of cutting, for every class of effects.
"""

from collections.abc import Callable
from typing import Any

import pytest
import trio

from detent import (
    Context,
    Fails,
    Kernel,
    Limiter,
    Limits,
    Retry,
)
from detent.tools.testing.virtual import virtually
from tests.kernel.runtime.toys import (
    RECOVERIES,
    Again,
    Asked,
    Closed,
    Data,
    Hand,
    Left,
    Once,
    Pure,
    Stage,
    call,
    doing,
    fails,
    handled,
    raises,
    returns,
    words,
)

NAMES = {Pure: "pure", Again: "again", Asked: "asked", Once: "once"}
every_recovery = pytest.mark.parametrize("effect", RECOVERIES, ids=lambda one: one.__name__)
TRIES = Retry(attempts=3, base=1.0, factor=1.0, jitter=0.0)


async def seven(order: Any, context: Context) -> int:
    """A query that finds out what came of an order."""
    return 7


async def surely_not(order: Any, context: Context) -> int:
    """A query that finds out that it did not happen."""
    raise Fails("it never came")


async def cannot_tell(order: Any, context: Context) -> int:
    """A query that breaks."""
    raise ValueError("no answer")


def stage(effect: type[Any], act: Any, query: Any = seven, **options: Any) -> tuple[Stage, Hand]:
    """A machine with one effect, and a kernel that may die."""
    hand = Hand({NAMES[effect]: act})
    asked = query if effect is Asked else None
    names = [name for name in ("limiters", "limits") if name in options]
    world: dict[str, Any] = {name: options.pop(name) for name in names}
    workers = options.pop("workers", None)
    machine = doing(call(effect, **options))
    handlers = [handled(effect, hand, query=asked, workers=workers)]
    return Stage((machine,), handlers, world), hand


async def started(kernel: Kernel, stage: Stage, id: str = "r", seconds: float = 1.0) -> Any:
    """A run, some time after its start."""
    run = await kernel.start(stage.machines[0], Data(), id=id)
    await trio.sleep(seconds)
    return run


def starting(stage: Stage, *ids: str, seconds: float = 1.0) -> Callable[[Kernel], Any]:
    """Start runs, and wait."""

    async def act(kernel: Kernel) -> None:
        for id in ids or ("r",):
            await kernel.start(stage.machines[0], Data(), id=id)
        await trio.sleep(seconds)

    return act


async def the_end(kernel: Kernel) -> Any:
    """How the run ends."""
    return await kernel.run("r").wait_end()


# -- cut while it runs


@every_recovery
@virtually
async def test_of_what_a_state_left_only_at_most_once_is_in_doubt(effect: type[Any]) -> None:
    scene, hand = stage(effect, returns(1, 10.0))

    async def act(kernel: Kernel) -> Any:
        run = await started(kernel, scene)
        await run.send(Left())
        await run.send(Closed())
        return await run.wait_end()

    end = await scene.afterwards(act)

    assert end.status == "completed"
    assert end.value == Data()
    assert end.in_doubt == (("r/1",) if effect is Once else ())
    assert hand.calls == [(NAMES[effect], 1)]


@every_recovery
@virtually
async def test_a_time_out_is_in_doubt_if_it_must_not_be_repeated(effect: type[Any]) -> None:
    scene, _ = stage(effect, returns(1, 10.0), timeout=2.0)

    async def act(kernel: Kernel) -> Any:
        return await (await started(kernel, scene)).wait_end()

    end = await scene.afterwards(act)

    assert end.value == Data(("InDoubt timeout" if effect is Once else "TimedOut",))
    assert end.in_doubt == ()
    assert trio.current_time() == 2.0


@every_recovery
@virtually
async def test_of_what_a_cancel_cuts_only_at_most_once_is_in_doubt(effect: type[Any]) -> None:
    scene, _ = stage(effect, returns(1, 10.0))

    async def act(kernel: Kernel) -> Any:
        run = await started(kernel, scene)
        await run.cancel("enough")
        return await run.wait_end()

    end = await scene.afterwards(act)

    assert end.status == "cancelled"
    assert end.in_doubt == (("r/1",) if effect is Once else ())


@every_recovery
@virtually
async def test_what_returns_although_it_was_told_to_stop_is_in_no_doubt(
    effect: type[Any],
) -> None:
    async def insists(order: Any, context: Context) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(1.5)
        return 1

    scene, _ = stage(effect, insists)

    async def act(kernel: Kernel) -> Any:
        run = await started(kernel, scene)
        await run.cancel("enough")
        return await run.wait_end()

    end = await scene.afterwards(act)

    assert (end.status, end.in_doubt, end.abandoned) == ("cancelled", (), ())


@every_recovery
@virtually
async def test_what_a_shutdown_cuts_goes_by_its_class(effect: type[Any]) -> None:
    scene, hand = stage(effect, returns(1, 10.0), limits=Limits(grace=0.5))
    with trio.move_on_after(1.0):
        await scene.afterwards(starting(scene, seconds=100.0), on_cancel="suspend")
    assert words(await scene.entries("r")) == ["began", "interrupted"]

    end = await scene.afterwards(the_end)

    heard = {Asked: "Returned 7", Once: "InDoubt crash"}.get(effect, "Returned 1")
    assert end.value == Data((heard,))
    assert hand.calls == [(NAMES[effect], 1)] * (2 if effect in (Pure, Again) else 1)


# -- a crash


@every_recovery
@virtually
async def test_a_crash_before_anything_is_written_leaves_nothing(effect: type[Any]) -> None:
    scene, hand = stage(effect, returns(1))
    scene.journal.crash_at = (1, "before")
    await scene.until_crash(starting(scene))

    assert hand.calls == []
    assert await scene.journal.load("r") is None


@pytest.mark.parametrize("moment", ["as it begins", "under way", "its outcome unwritten"])
@every_recovery
@virtually
async def test_what_may_have_begun_when_a_kernel_died_goes_by_its_class(
    effect: type[Any], moment: str
) -> None:
    scene, hand = stage(effect, returns(1, 2.0))
    if moment == "as it begins":
        scene.journal.crash_at = (1, "after")
    elif moment == "its outcome unwritten":
        scene.journal.crash_at = (2, "before")
    await scene.until_crash(starting(scene, seconds=1.0 if moment == "under way" else 3.0))
    hand.calls.clear()

    end = await scene.afterwards(the_end)

    heard = {Asked: "Returned 7", Once: "InDoubt crash"}.get(effect, "Returned 1")
    assert end.value == Data((heard,))
    assert end.in_doubt == ()
    assert hand.calls == ([(NAMES[effect], 1)] if effect in (Pure, Again) else [])


@every_recovery
@virtually
async def test_what_was_written_before_a_crash_is_not_done_again(effect: type[Any]) -> None:
    scene, hand = stage(effect, returns(1, 2.0))
    scene.journal.crash_at = (2, "after")
    await scene.until_crash(starting(scene, seconds=3.0))

    end = await scene.afterwards(the_end)

    assert end.value == Data(("Returned 1",))
    assert hand.calls == [(NAMES[effect], 1)]


@pytest.mark.parametrize(
    ("query", "heard"),
    [(seven, "Returned 7"), (surely_not, "Failed Fails"), (cannot_tell, "InDoubt crash")],
)
@pytest.mark.parametrize("busy", ["nothing", "workers", "limiter"])
@virtually
async def test_a_query_says_what_came_of_an_effect_however_busy_others_are(
    busy: str, query: Any, heard: str
) -> None:
    every: dict[str, dict[str, Any]] = {
        "nothing": {},
        "workers": {"workers": 1},
        "limiter": {"limit": "m", "limiters": {"m": Limiter(1, 1000.0)}},
    }
    options = every[busy]
    scene, hand = stage(Asked, returns(1, 10.0), query, **options)
    await scene.until_crash(starting(scene))
    hand.calls.clear()

    end = await scene.afterwards(the_end)

    assert end.value == Data((heard,))
    assert hand.calls == []
    assert trio.current_time() == 1.0


@virtually
async def test_what_surely_did_not_happen_is_tried_again_after_its_query() -> None:
    scene, hand = stage(Asked, returns(1, 10.0), surely_not, retry=TRIES)
    await scene.until_crash(starting(scene))

    end = await scene.afterwards(the_end)

    assert end.value == Data(("Returned 1",))
    assert hand.calls == [("asked", 1), ("asked", 2)]


@every_recovery
@virtually
async def test_a_run_cancelled_before_it_is_taken_up_keeps_its_doubt(effect: type[Any]) -> None:
    scene, hand = stage(effect, returns(1, 10.0))
    await scene.until_crash(starting(scene))
    hand.calls.clear()

    async def act(kernel: Kernel) -> Any:
        await kernel.run("r").cancel("at once")
        return await the_end(kernel)

    end = await scene.afterwards(act)

    assert (end.status, hand.calls) == ("cancelled", [])
    assert end.in_doubt == (("r/1",) if effect is Once else ())
    assert words(await scene.entries("r"))[-1] in ("InDoubt", "Stopped")


@every_recovery
@virtually
async def test_what_was_told_to_stop_when_a_kernel_died_has_stopped(effect: type[Any]) -> None:
    async def insists(order: Any, context: Context) -> int:
        with trio.CancelScope(shield=True):
            await trio.sleep(3.0)
        return 1

    scene, hand = stage(effect, insists)

    async def act(kernel: Kernel) -> None:
        run = await started(kernel, scene)
        await run.send(Left())

    await scene.until_crash(act)

    async def close(kernel: Kernel) -> Any:
        await kernel.run("r").send(Closed())
        return await the_end(kernel)

    end = await scene.afterwards(close)

    assert end.value == Data()
    assert end.in_doubt == (("r/1",) if effect is Once else ())
    assert hand.calls == [(NAMES[effect], 1)]


# -- held


@pytest.mark.parametrize("cut", ["left", "cancelled", "crashed"])
@every_recovery
@virtually
async def test_what_never_began_is_never_in_doubt(effect: type[Any], cut: str) -> None:
    limited: dict[str, Any] = {"limit": "m", "limiters": {"m": Limiter(1, 60.0)}}
    scene, hand = stage(effect, returns(1), **limited)

    async def act(kernel: Kernel) -> Any:
        await starting(scene, "first", "r")(kernel)
        run = kernel.run("r")
        if cut == "left":
            await run.send(Left())
            await run.send(Closed())
        elif cut == "cancelled":
            await run.cancel()
        else:
            return None
        return await run.wait_end()

    end: Any = None
    if cut == "crashed":
        await scene.until_crash(act)
    else:
        end = await scene.afterwards(act)
    if cut == "crashed":
        end = await scene.afterwards(the_end)
        assert end.value == Data(("Returned 1",))
        assert trio.current_time() == 60.0

    assert end.in_doubt == end.abandoned == ()
    calls = 2 if cut == "crashed" else 1
    assert hand.calls == [(NAMES[effect], 1)] * calls


@pytest.mark.parametrize("moment", ["before", "after"])
@every_recovery
@virtually
async def test_an_admission_that_was_written_counts_and_another_does_not(
    effect: type[Any], moment: Any
) -> None:
    limited: dict[str, Any] = {"limit": "m", "limiters": {"m": Limiter(1, 60.0)}}
    scene, hand = stage(effect, returns(1, 2.0), **limited)

    async def act(kernel: Kernel) -> Any:
        await starting(scene, "first", "r", seconds=59.0)(kernel)
        scene.journal.crash_at = (scene.journal.commits + 1, moment)
        await trio.sleep(10.0)

    await scene.until_crash(act)
    hand.calls.clear()

    end = await scene.afterwards(the_end)

    began = moment == "after"
    heard: dict[Any, str] = {Asked: "Returned 7", Once: "InDoubt crash"} if began else {}
    again = not began or effect in (Pure, Again)
    assert end.value == Data((heard.get(effect, "Returned 1"),))
    assert hand.calls == ([(NAMES[effect], 1)] if again else [])


@virtually
async def test_what_failed_and_waits_for_its_next_attempt_goes_on_after_a_crash() -> None:
    scene, hand = stage(Once, fails("not now"), retry=TRIES)
    await scene.until_crash(starting(scene, seconds=0.5))
    hand.acts["once"] = returns(5)

    end = await scene.afterwards(the_end)

    assert end.value == Data(("Returned 5",))
    assert hand.calls == [("once", 1), ("once", 2)]
    assert trio.current_time() == 1.0


# -- trying again


@pytest.mark.parametrize(
    ("act", "calls", "heard"),
    [
        (fails("no"), 3, "Failed Fails"),
        (raises(ValueError("?")), 1, "InDoubt raised"),
        (returns(1, 9.0), 1, "InDoubt timeout"),
    ],
)
@virtually
async def test_at_most_once_is_tried_again_only_if_it_surely_did_not_happen(
    act: Any, calls: int, heard: str
) -> None:
    scene, hand = stage(Once, act, retry=TRIES, timeout=3.0)

    async def to_end(kernel: Kernel) -> Any:
        return await (await started(kernel, scene)).wait_end()

    end = await scene.afterwards(to_end)

    assert end.value == Data((heard,))
    assert hand.calls == [("once", n + 1) for n in range(calls)]


@pytest.mark.parametrize(
    ("act", "heard"),
    [
        (fails("no"), "Failed Fails"),
        (raises(ValueError("?")), "Failed ValueError"),
        (returns(1, 9.0), "TimedOut"),
    ],
)
@pytest.mark.parametrize("effect", [Pure, Again], ids=lambda one: one.__name__)
@virtually
async def test_what_may_be_repeated_is_tried_again_whatever_happened(
    effect: type[Any], act: Any, heard: str
) -> None:
    scene, hand = stage(effect, act, retry=TRIES, timeout=3.0)

    async def to_end(kernel: Kernel) -> Any:
        return await (await started(kernel, scene)).wait_end()

    end = await scene.afterwards(to_end)

    assert end.value == Data((heard,))
    assert hand.calls == [(NAMES[effect], n + 1) for n in range(3)]
