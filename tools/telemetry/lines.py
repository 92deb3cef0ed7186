"""Lines for structlog: one for each thing that is told of a run.

    World(..., taps=[Lines()])

Rule 1: how lines look, and where they go, is the host's business: his structlog configuration decides.
Rule 2: every line says run, machine, state and seq; one about an effect says which. What was bound where the run was
        started is there too, if the host merges context variables.
Rule 3: what a handler writes itself says run, machine, state, effect and attempt: they are bound in the effect's own
        context, and nowhere else.
Rule 4: nothing of the author's is written, unless `values=True`; what is sealed stays sealed.
"""

from typing import Any, Literal, TypeAlias

import structlog

from detent.kernel import (
    BreakerChanged,
    CallFailed,
    ChildEnded,
    Context,
    EffectAbandoned,
    EffectInterrupted,
    EventRejected,
    LetterFailed,
    Listener,
    RetryScheduled,
    RunBroke,
    RunFinished,
    RunParked,
    Telling,
    Told,
)
from detent.tools.telemetry.timeline import WRONG, Closed, Timeline
from detent.tools.telemetry.wording import about, said_of, words_of

__all__ = ["Level", "Lines", "level_of"]

Level: TypeAlias = Literal["info", "warning", "error"]

WARNINGS = (
    EffectAbandoned,
    EffectInterrupted,
    EventRejected,
    LetterFailed,
    RetryScheduled,
    RunParked,
)


def level_of(told: Told) -> Level:
    """How much a line is to be noticed."""
    match told:
        case RunBroke():
            return "error"
        case RunFinished():
            return "error" if told.status in WRONG else "info"
        case CallFailed() if told.problem == "stopped":
            return "info"
        case CallFailed():
            return "warning"
        case ChildEnded():
            return "warning" if told.status in WRONG else "info"
        case BreakerChanged():
            return "warning" if told.to == "open" else "info"
        case _:
            return "warning" if isinstance(told, WARNINGS) else "info"


class Lines(Listener):
    """Writes a line for each thing that is told: info, warning for what went wrong, error for runs that failed."""

    def __init__(self, logger: Any = None, *, values: bool = False) -> None:
        self._logger: Any = structlog.get_logger("detent") if logger is None else logger
        self._values = values
        self._timeline = Timeline()

    def told(self, telling: Telling) -> None:
        """See Listener."""
        told: Told | None = None
        seconds: float | None = None
        for change in self._timeline.follow(telling):
            if isinstance(change, Told):
                if told is not None:
                    self._write(telling, told, seconds)
                told, seconds = change, None
            elif isinstance(change, Closed):
                seconds = change.seconds
        if told is not None:
            self._write(telling, told, seconds)

    def begins(self, context: Context) -> None:
        """See Listener."""
        structlog.contextvars.bind_contextvars(
            run=context.run,
            machine=context.machine,
            state=context.state,
            effect=context.effect,
            attempt=context.attempt,
        )

    def _write(self, telling: Telling, told: Told, seconds: float | None) -> None:
        """One line. How long something has lasted is said where it ends."""
        line: dict[str, object] = {
            "run": told.run,
            "machine": telling.header.machine,
            "state": about(telling, told),
            "seq": told.seq,
            "at": told.at,
            **said_of(told, self._values),
        }
        if seconds is not None:
            line["seconds"] = seconds
        write = getattr(self._logger, level_of(told))
        write(words_of(told), **line)
