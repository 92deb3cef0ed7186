"""A run that one process begins, is killed in the middle of, and another goes on with: its spans are one tree."""

import json
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
import trio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from detent import Context, Run, Seen, World, handle, open_kernel
from detent.kernel import WaitOpened
from detent.tools.stores import SQLite
from detent.tools.telemetry.ids import Ids
from detent.tools.telemetry.lines import Lines
from detent.tools.telemetry.otel import Spans
from tests.stories.elsewhere import ROOT, command
from tests.tools.telemetry.traces import Dig, Errand, Look, errand, id_of

LONG = 60.0  # seconds until something is surely wrong
KILLED_IN = 2  # the attempt in which the first process is killed


class File(SpanExporter):
    """Writes each span that has ended as a line into a file, at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        with self._path.open("a", encoding="utf-8") as file:
            for span in spans:
                parent = 0 if span.parent is None else span.parent.span_id
                context: Any = span.get_span_context()
                told = [span.name, id_of(span), parent, context.trace_id]
                file.write(json.dumps(told) + "\n")
        return SpanExportResult.SUCCESS


async def work(folder: str, number: str) -> None:
    """What a process does: it begins the errand, or goes on with it; the first is stuck in a call, and killed there."""
    place = Path(folder)
    provider = TracerProvider(id_generator=Ids())
    provider.add_span_processor(SimpleSpanProcessor(File(place / "spans")))
    tracer, spans = provider.get_tracer("handlers"), Spans(provider)
    written = (place / f"lines-{number}").open("w", encoding="utf-8", buffering=1)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(written),
    )

    async def look(order: Look, context: Context) -> int:
        with tracer.start_as_current_span(f"look {number}.{context.attempt}"):
            structlog.get_logger().info("looking")
        if number == "1" and context.attempt == KILLED_IN:
            print("stuck", flush=True)
            await trio.sleep_forever()
        if context.attempt == 1:
            raise RuntimeError("it is dark")
        return 7

    def dig(order: Dig) -> int:
        with tracer.start_as_current_span(f"dig {number}"):
            structlog.get_logger().info("digging")
            return order.depth

    handlers = [handle(Look, look), handle(Dig, dig)]
    store = SQLite(place / "runs.db")
    world = World(
        errand, handlers=handlers, store=store, taps=[spans, Lines()], baggage=spans.baggage
    )
    async with open_kernel(world) as kernel:
        if number == "1":
            with tracer.start_as_current_span("host"):
                await kernel.start(errand, Errand(), id="r")
        run = kernel.run("r")
        await run.answer(await asked_in(run), True)
        print((await run.wait_end()).status, flush=True)


async def asked_in(run: Run[Any, Any]) -> int:
    """The question that a run asks, as soon as it does."""
    async for sight in run.watch():
        for told in sight.told if isinstance(sight, Seen) else ():
            if isinstance(told, WaitOpened):
                return told.effect
    raise AssertionError("nothing was asked")


def test_spans_before_and_after_a_kill_are_one_tree_and_lines_say_whose_they_are(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(command(work, tmp_path, 1), cwd=ROOT, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"stuck\n"
        first.kill()
        assert first.wait(LONG) == -signal.SIGKILL
    done = subprocess.run(
        command(work, tmp_path, 2), cwd=ROOT, capture_output=True, timeout=LONG, check=True
    )

    assert done.stdout == b"completed\n"
    spans = [json.loads(line) for line in (tmp_path / "spans").read_text().splitlines()]
    assert drawn(spans, 0) == [
        "host",
        "  run errand",
        "    state outside",
        "      state looking",
        "        look",
        "          look 1.1",
        "          look 1.2",
        "          look 2.2",
        "      state asking",
        "        wait",
        "      state digging",
        "        digging",
        "          run digging",
        "            state at work",
        "              dig",
        "                dig 2",
        "            state done",
        "    state home",
    ]
    assert len({trace for _, _, _, trace in spans}) == 1
    assert len({id for _, id, _, _ in spans}) == len(spans) == 18
    lines = [lines_of(tmp_path / f"lines-{number}") for number in (1, 2)]
    assert [one for one in lines[0] if one[0] == "looking"] == [
        ("looking", "r", "looking", 1, 1),
        ("looking", "r", "looking", 1, 2),
    ]
    assert lines[1][:2] == [
        ("run recovered", "r", "looking", None, None),
        ("looking", "r", "looking", 1, 2),
    ]
    assert ("digging", "r/3", "at work", 1, 1) in lines[1]
    assert lines[1][-1] == ("run finished", "r", "home", None, None)


def lines_of(path: Path) -> list[tuple[Any, ...]]:
    """What each line says: what happened, and where."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    keys = ("event", "run", "state", "effect", "attempt")
    return [tuple(line.get(key) for key in keys) for line in lines]


def drawn(spans: list[list[Any]], around: int, depth: int = 0) -> list[str]:
    """The tree, what is inside something set in; what ended earlier comes first, but for what is around it."""
    found: list[str] = []
    for name, id, parent, _ in spans:
        if parent == around:
            found += [f"{'  ' * depth}{name}", *drawn(spans, id, depth + 1)]
    return found
