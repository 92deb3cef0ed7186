"""Looking on while somebody else drives a run."""

from typing import Any

import trio

from detent.kernel import Chunk, Gap, Seen, visit
from detent.tools.cli.exits import DONE, NO
from detent.tools.cli.places import key_of, looked_at, whole_id
from detent.tools.cli.reporting import JsonLines, Lines, Reporter

__all__ = ["watch"]

GOOD = ("completed", "completed_with_failures", "stopped")


def watch(options: Any) -> int:
    """Look on."""
    reporter = JsonLines() if options.json else Lines()
    try:
        return trio.run(_watch, options, reporter)
    finally:
        reporter.close()


async def _watch(options: Any, reporter: Reporter) -> int:
    async with looked_at(options) as journal:
        id = await whole_id(journal, options.run)
        visited = visit(journal, key=key_of(options)).run(id)
        async for sight in visited.watch(after=options.after):
            match sight:
                case Seen():
                    for told in sight.told:
                        reporter.told(told, len(sight.path) - 1)
                case Chunk() | Gap():
                    pass
        status = (await visited.status()).status
    return DONE if status in GOOD else NO
