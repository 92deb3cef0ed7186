"""Numbers as text: what is said is what happened, and what reads it in earnest understands it."""

import threading
from collections.abc import Iterator
from typing import Any

import trio
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from detent import Fails, World, handle
from detent.kernel import open_kernel
from detent.tools.telemetry.counting import GAUGES, INSTRUMENTS
from detent.tools.telemetry.metrics import CONTENT_TYPE, Metrics
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import Break, Data, clock_here, counting
from tests.tools.telemetry.test_timeline import world_of
from tests.tools.telemetry.traces import Dig, Errand, Look, Recall, errand

Sample = tuple[str, tuple[tuple[str, str], ...]]


def read(text: str) -> dict[Sample, float]:
    """What Prometheus makes of a text."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> Sample:
    """A number."""
    return f"detent_{name}", tuple(sorted(labels.items()))


@virtually
async def test_what_has_happened_is_counted_and_measured() -> None:
    metrics = Metrics()
    async with open_kernel(world_of(metrics)) as kernel:
        run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(0.5)
        first = read(metrics.text())
        await trio.sleep(3)
        second = read(metrics.text())
        await run.send(Recall())
        await run.wait_end()

    assert first[of("effects_held", machine="errand")] == 1
    assert second[of("effects_held", machine="errand")] == 0
    assert second[of("effects_in_flight", machine="errand")] == 1
    assert second[of("runs", machine="errand")] == 1
    last = read(metrics.text())
    assert last[of("runs", machine="errand")] == 0
    assert last[of("runs_started_total", machine="errand")] == 1
    assert last[of("runs_ended_total", machine="errand", status="completed")] == 1
    assert last[of("retries_total", machine="errand", effect="look")] == 1
    assert last[of("effects_ended_total", machine="errand", effect="look", outcome="returned")] == 1
    assert last[of("effects_ended_total", machine="errand", effect="wait", outcome="stopped")] == 1
    assert last[of("effect_seconds_sum", machine="errand", effect="wait")] == 2.5
    assert last[of("effect_seconds_bucket", machine="errand", effect="wait", le="1")] == 0
    assert last[of("effect_seconds_bucket", machine="errand", effect="wait", le="5")] == 1
    assert last[of("effect_seconds_bucket", machine="errand", effect="wait", le="+Inf")] == 1
    assert last[of("run_seconds_sum", machine="errand")] == 3.5


@virtually
async def test_what_is_parked_and_what_fails_is_counted_by_its_kind() -> None:
    async def fails(order: Look) -> int:
        raise Fails("nowhere")

    metrics, parked = Metrics(), counting()
    handlers = [handle(Look, fails), handle(Dig, fails_to_dig)]
    world = World(errand, parked, handlers=handlers, taps=[metrics], clock=clock_here())
    async with open_kernel(world) as kernel:
        await (await kernel.start(errand, Errand(), id="r")).wait_end()
        run = await kernel.start(parked, Data(), id="p")
        await run.send(Break())
        now = read(metrics.text())
        await run.cancel()
        await run.wait_end()

    assert now[of("effects_ended_total", machine="errand", effect="look", outcome="failed")] == 1
    assert now[of("runs_parked_total", machine="counting")] == 1
    assert now[of("runs_parked_now", machine="counting")] == 1
    assert read(metrics.text())[of("runs_parked_now", machine="counting")] == 0


def fails_to_dig(order: Dig) -> int:
    """Nothing to be dug out."""
    raise Fails("rock")


def test_before_anything_happens_everything_is_explained() -> None:
    families = list(text_string_to_metric_families(Metrics().text()))

    named = {one.name: (one.type, one.documentation) for one in families}
    assert named == {
        f"detent_{one.name}": (one.kind, one.help)
        for one in [*INSTRUMENTS.values(), *GAUGES.values()]
    }
    assert "version=0.0.4" in CONTENT_TYPE


@given(st.text(min_size=1), st.floats(0, 1e18))
def test_any_label_and_any_number_is_read_back(name: str, seconds: float) -> None:
    metrics = Metrics(prefix="x")
    metrics.add(INSTRUMENTS["run_seconds"], (name,), seconds)
    metrics.add(INSTRUMENTS["runs_started"], (name,), 3)

    found = read(metrics.text())

    assert found["x_runs_started_total", (("machine", name),)] == 3
    assert found["x_run_seconds_sum", (("machine", name),)] == seconds
    assert found["x_run_seconds_count", (("machine", name),)] == 1
    assert found["x_run_seconds_bucket", (("le", "+Inf"), ("machine", name))] == 1


@given(st.lists(st.floats(0, 100), max_size=20), st.sets(st.floats(0.01, 100), min_size=1))
def test_a_bucket_holds_everything_up_to_its_bound(
    seconds: list[float], bounds: set[float]
) -> None:
    metrics = Metrics(buckets=bounds)
    for one in seconds:
        metrics.add(INSTRUMENTS["run_seconds"], ("m",), one)

    found = read(metrics.text())

    buckets = {
        float(dict(labels)["le"]): value
        for (name, labels), value in found.items()
        if name == "detent_run_seconds_bucket"
    }
    assert buckets == (
        {bound: sum(one <= bound for one in seconds) for bound in [*bounds, float("inf")]}
        if seconds
        else {}
    )


@virtually
async def test_it_may_be_asked_in_other_threads_meanwhile() -> None:
    metrics, stop, wrong = Metrics(), threading.Event(), list[Exception]()

    def ask() -> None:
        while not stop.is_set():
            try:
                read(metrics.text())
            except Exception as error:
                wrong.append(error)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    async with open_kernel(world_of(metrics)) as kernel:
        for name in names(30):
            run = await kernel.start(errand, Errand(), id=name)
            await run.cancel()
            await run.wait_end()
    stop.set()
    for thread in asking:
        thread.join()

    assert wrong == []
    ended: Any = of("runs_ended_total", machine="errand", status="cancelled")
    assert read(metrics.text())[ended] == 30


def names(count: int) -> Iterator[str]:
    """Ids of runs."""
    return (f"r{number}" for number in range(count))
