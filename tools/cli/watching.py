"""Looking on while somebody else drives a run."""

import signal
from typing import Any

import trio
from attrs import define

from detent.kernel import Seen, visit
from detent.tools.cli.exits import DONE, INTERRUPTED, NO, single
from detent.tools.cli.places import key_of, looked_at, whole_id
from detent.tools.cli.reporting import JsonLines, Lines, Reporter

__all__ = ["watch"]

GOOD = ("completed", "completed_with_failures", "stopped")


def watch(options: Any) -> int:
    """Look on."""
    reporter = JsonLines() if options.json else Lines()
    looking = _Looking(options, reporter)
    try:
        trio.run(looking.main)
    except BaseExceptionGroup as group:
        raise single(group) from group
    finally:
        reporter.close()
    return looking.status


@define
class _Looking:
    """Looks on until the run is over, or somebody presses Ctrl-C."""

    options: Any
    reporter: Reporter
    status: int = INTERRUPTED

    async def main(self) -> None:
        """Look on."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._listen, nursery.cancel_scope)
            await self._watch()
            nursery.cancel_scope.cancel()

    async def _listen(
        self, scope: trio.CancelScope, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                self.status = 128 + number
                scope.cancel()

    async def _watch(self) -> None:
        async with looked_at(self.options) as journal:
            id = await whole_id(journal, self.options.run)
            visited = visit(journal, key=key_of(self.options)).run(id)
            async for sight in visited.watch(after=self.options.after):
                if isinstance(sight, Seen):  # nobody else is shown what handlers emit
                    for told in sight.told:
                        self.reporter.told(told, len(sight.path) - 1)
            status = (await visited.status()).status
        self.status = DONE if status in GOOD else NO
