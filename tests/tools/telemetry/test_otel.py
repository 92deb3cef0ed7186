"""Spans of runs: one tree, whatever happens to them, and whoever goes on with them."""

from collections.abc import Iterator
from typing import Any

import trio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import StatusCode

from detent import Context, Fails, Limits, World, handle, open_kernel
from detent.kernel import MemoryJournal
from detent.tools.telemetry.ids import Ids
from detent.tools.telemetry.otel import Measures, Spans
from detent.tools.testing import machines
from detent.tools.testing.drawing import Draw
from detent.tools.testing.run_tests import Played, check_of
from detent.tools.testing.samples import Tally
from detent.tools.testing.virtual import virtually
from tests.kernel.scheduler.toys import clock_here
from tests.settings import times
from tests.tools.telemetry.traces import Dig, Errand, Look, Recall, Trace, errand, id_of, told_again

UNEXPLAINED = [phase for phase in Phase if phase is not Phase.explain]
UNREAD = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]

WHOLE = [
    "host",
    "  run errand",
    "    state outside",
    "      state looking",
    "        look",
    "          asking a map",
    "          asking a map",
    "      state asking",
    "        wait",
    "      state digging",
    "        digging",
    "          run digging",
    "            state at work",
    "              dig",
    "                sweating",
    "            state done",
    "    state home",
]


class Hands:
    """Handlers that make spans of their own, in tasks and in threads."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self.tracer = provider.get_tracer("hands")

    async def look(self, order: Look, context: Context) -> int:
        """The second time something is found."""
        with self.tracer.start_as_current_span("asking a map"):
            await trio.sleep(1)
        if context.attempt == 1:
            raise Fails("it is dark")
        return 7

    def dig(self, order: Dig) -> int:
        """In a thread."""
        with self.tracer.start_as_current_span("sweating"):
            return order.depth


def world_of(spans: Spans, provider: trace.TracerProvider, **options: Any) -> World:
    """Everything for an errand."""
    hands = Hands(provider)
    return World(
        errand,
        handlers=[handle(Look, hands.look), handle(Dig, hands.dig)],
        taps=[spans],
        baggage=spans.baggage,
        clock=clock_here(),
        **options,
    )


async def agree(run: Any) -> None:
    """Answer what is asked."""
    (question,) = await run.questions()
    await run.answer(question.id, True)


@virtually
async def test_spans_of_a_run_with_a_retry_a_child_and_threads_are_one_tree() -> None:
    made = Trace()
    provider = made.provider()
    spans = Spans(provider)
    async with open_kernel(world_of(spans, provider)) as kernel:
        with provider.get_tracer("host").start_as_current_span("host"):
            run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(5)
        await agree(run)
        await run.wait_end()

    assert made.drawn() == WHOLE
    assert made.traces() == 1
    assert [event.name for event in made.named("look").events] == [
        "call started",
        "call failed",
        "retry scheduled",
        "call started",
    ]
    assert {span.status.status_code for span in made.spans} == {StatusCode.UNSET}


@virtually
async def test_spans_made_before_and_after_a_restart_are_one_tree() -> None:
    made, journal = Trace(), MemoryJournal()
    provider = made.provider()
    spans = Spans(provider)
    host = provider.get_tracer("host")
    async with open_kernel(
        world_of(spans, provider, journal=journal), on_cancel="suspend"
    ) as kernel:
        with host.start_as_current_span("host"):
            await kernel.start(errand, Errand(), id="r")
        await trio.sleep(1.5)  # between two attempts
        with trio.CancelScope() as scope:
            scope.cancel()
            await trio.sleep_forever()
    before = made.drawn()
    other = made.provider()
    async with open_kernel(world_of(Spans(other), other, journal=journal)) as kernel:
        await trio.sleep(5)
        await agree(kernel.run("r"))
        await kernel.run("r").wait_end()

    assert before == ["host"]  # the rest is inside what has not ended
    assert made.drawn() == WHOLE
    assert made.traces() == 1
    assert {span.status.status_code for span in made.spans} == {StatusCode.UNSET}
    look = made.named("look")
    assert [event.name for event in look.events][:2] == ["call started", "call failed"]
    assert (look.end_time or 0) - (look.start_time or 0) == 3_000_000_000


@virtually
async def test_a_child_that_goes_on_elsewhere_hangs_where_it_hung() -> None:
    made, journal = Trace(), MemoryJournal()
    stuck = Limits(grace=0.1)

    async def never(order: Dig) -> int:
        await trio.sleep_forever()
        return 0

    for provider in (made.provider(), made.provider()):
        spans = Spans(provider)
        world = world_of(spans, provider, journal=journal, limits=stuck)
        is_first = not made.spans
        handlers = [world.handlers[0], handle(Dig, never) if is_first else world.handlers[1]]
        again = World(
            errand, handlers=handlers, taps=world.taps, baggage=world.baggage, journal=journal,
            clock=world.clock, limits=stuck,
        )  # fmt: skip
        with trio.CancelScope() as scope:
            async with open_kernel(again, on_cancel="suspend") as kernel:
                if is_first:
                    await kernel.start(errand, Errand(), id="r")
                    await trio.sleep(5)
                    await agree(kernel.run("r"))
                    await trio.sleep(1)
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
                await kernel.run("r").wait_end()

    assert made.orphans() == []
    assert made.traces() == 1
    child = made.named("run digging")
    assert child.parent is not None
    assert child.parent.span_id == id_of(made.named("digging"))
    assert [event.name for event in made.named("dig").events].count("call started") >= 1


@virtually
async def test_who_starts_a_run_says_by_its_baggage_what_it_is_inside_of() -> None:
    made = Trace()
    provider = made.provider()
    there = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with open_kernel(world_of(Spans(provider), provider)) as kernel:
        run = await kernel.start(errand, Errand(), id="r", baggage={"traceparent": there})
        await trio.sleep(5)
        await run.send(Recall())
        await run.wait_end()

    parent = made.named("run errand").parent
    assert parent is not None
    assert (parent.trace_id, parent.span_id) == (
        0x0AF7651916CD43DD8448EB211C80319C,
        0xB7AD6B7169203331,
    )
    assert made.orphans() == ["run errand"]


@virtually
async def test_a_run_inside_nothing_is_a_trace_of_its_own() -> None:
    made = Trace()
    provider = made.provider()
    async with open_kernel(world_of(Spans(provider), provider)) as kernel:
        for name in "ab":
            run = await kernel.start(errand, Errand(), id=name)
            await trio.sleep(5)
            await run.send(Recall())
            await run.wait_end()

    assert made.traces() == 2
    assert made.orphans() == []


@virtually
async def test_without_the_ids_spans_of_one_process_are_one_tree() -> None:
    made = Trace()
    provider = made.provider(RandomIdGenerator())
    spans = Spans(provider)
    world = world_of(spans, provider)
    plain = World(errand, handlers=world.handlers, taps=[spans], clock=clock_here())
    async with open_kernel(plain) as kernel:
        with provider.get_tracer("host").start_as_current_span("host"):
            run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(5)
        await agree(run)
        await run.wait_end()

    assert made.drawn() == WHOLE
    assert made.traces() == 1


@virtually
async def test_who_wakes_a_run_is_not_what_it_is_inside_of() -> None:
    made, journal = Trace(), MemoryJournal()
    provider = made.provider()
    plain = world_of(Spans(provider), provider)
    without = World(errand, handlers=plain.handlers, journal=journal, clock=clock_here())
    async with open_kernel(without) as kernel:
        await kernel.start(errand, Errand(), id="r")
        await trio.sleep(5)
    late = World(
        errand, handlers=plain.handlers, journal=journal, clock=clock_here(), taps=plain.taps
    )
    async with open_kernel(late) as kernel:
        with provider.get_tracer("host").start_as_current_span("another"):
            await kernel.run("r").send(Recall())
        await kernel.run("r").wait_end()

    assert made.named("run errand").parent is None
    assert made.named("state asking").start_time == made.named("wait").start_time


@virtually
async def test_what_goes_wrong_is_an_error_and_a_wait_is_none() -> None:
    made = Trace()
    provider = made.provider()
    spans = Spans(provider)

    async def fails(order: Look) -> int:
        raise Fails("nowhere")

    handlers = [handle(Look, fails), handle(Dig, Hands(provider).dig)]
    world = World(errand, handlers=handlers, taps=[spans], clock=clock_here())
    async with open_kernel(world) as kernel:
        await (await kernel.start(errand, Errand(), id="r")).wait_end()

    wrong = {span.name: span.status for span in made.spans if not span.status.is_ok}
    assert [*wrong] == ["look"]
    assert wrong["look"].description == "Fails: nowhere"


@virtually
async def test_numbers_are_given_to_the_meter_of_the_host() -> None:
    reader = InMemoryMetricReader()
    measures = Measures(MeterProvider([reader]))
    made = Trace().provider()
    world = world_of(Spans(made), made)
    counted = World(errand, handlers=world.handlers, taps=[measures], clock=clock_here())
    async with open_kernel(counted) as kernel:
        run = await kernel.start(errand, Errand(), id="r")
        await trio.sleep(5)
        meanwhile = numbers(reader)
        await agree(run)
        await run.wait_end()

    after = numbers(reader)
    assert meanwhile["detent.runs", "errand"] == 1
    assert meanwhile["detent.effects_in_flight", "errand"] == 1
    assert after["detent.runs", "errand"] == 0
    assert after["detent.runs_ended", "errand", "completed"] == 1
    assert after["detent.effects_ended", "errand", "look", "returned"] == 1
    assert after["detent.retries", "errand", "look"] == 1
    assert after["detent.run_seconds", "errand"] == 5.0


def numbers(reader: InMemoryMetricReader) -> dict[tuple[Any, ...], float]:
    """What was measured: values of counters and gauges, sums of what was timed."""
    data: Any = reader.get_metrics_data()
    found: dict[tuple[Any, ...], float] = {}
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    value = point.sum if hasattr(point, "sum") else point.value
                    found[metric.name, *point.attributes.values()] = value
    return found


# -- properties


@st.composite
def traced_runs(draw: Draw) -> tuple[Played, Trace]:
    """A run of any machine in any world, with spans, in one kernel after the other."""
    made = Trace()

    def looking() -> Iterator[Spans]:
        yield Spans(made.provider())

    check = check_of(draw(machines()), may_break=True, looking=looking)
    return check.play(draw, Tally(draw(st.integers(0, 9))), 12), made


@settings(max_examples=times(20), phases=UNEXPLAINED, suppress_health_check=UNREAD)
@given(traced_runs())
def test_spans_of_any_run_are_those_of_its_log_in_one_tree(run: tuple[Played, Trace]) -> None:
    played, made = run
    if played.end is None:
        return

    whole = Trace()
    spans = Spans(whole.provider())
    for telling in told_again(played.lines):
        spans.told(telling)
    assert whole.orphans() == []
    assert (whole.traces(), len([one for one in whole.spans if one.parent is None])) == (1, 1)
    assert len(whole.facts()) == len(set(whole.facts()))
    if any("the kernel dies at commit" in line for line in played.script):
        assert set(made.facts()) <= set(whole.facts())  # nobody was told of its last commit
    else:
        assert sorted(made.facts()) == sorted(whole.facts())


def test_ids_are_random_but_where_one_is_wanted() -> None:
    ids = Ids()

    assert ids.generate_span_id() != ids.generate_span_id()
    assert ids.generate_trace_id() != ids.generate_trace_id()
