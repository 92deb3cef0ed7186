"""What becomes of a run that is driven when somebody presses Ctrl-C: it is put down in order, to be resumed.

Rule 1: the first signal puts the run down: nothing new begins, and what is under way has the grace to end.
Rule 2: the second one ends the process at once. The run is as it is stored, as after a kill.
"""

import os
import signal
from collections.abc import Callable

import trio
from attrs import define, field

__all__ = ["PuttingDown"]

MOMENT = 0.05  # seconds


@define
class PuttingDown:
    """Listens for Ctrl-C, and for what asks a process to end."""

    say: Callable[[str], None]
    """Tells the person that the run is being put down."""
    at_once: Callable[[], None]
    """What is to be done before the process ends at once."""
    scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    by: int = field(default=0, init=False)
    """The signal that came."""

    async def listen(self, task_status: trio.TaskStatus[None]) -> None:
        """Listen, until it is cancelled."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for number in signals:
                if self.by:
                    self.at_once()
                    os._exit(128 + number)
                self.by = number
                self.say(signal.Signals(number).name)
                self.scope.cancel()
                await trio.sleep(MOMENT)  # what is typed in is given back before all else

    @property
    def status(self) -> int:
        """The exit status that says so."""
        return 128 + self.by
