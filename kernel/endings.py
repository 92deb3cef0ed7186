"""Why a run ends as it does, as data.

Rule 1: a problem names who has it: the state, the form, the callable.
"""

from typing import Any, TypeAlias

from detent.kernel.decisions import Broke, Halted, Parked
from detent.kernel.definition import outcome_name, snake
from detent.kernel.signals import Ended, Event, Failed, Failure, Problem, Returned
from detent.kernel.steps import Bug
from detent.kernel.wire import Tree

__all__ = ["CUT", "UNFINISHED", "broken", "halting", "news", "problem_of", "unhandled", "went_well"]

GOOD_ENDS = ("completed", "completed_with_failures", "stopped")

CUT = frozenset({"failed", "cancelled", "timed_out"})
"""Ends that stop everything, and have no result."""

UNFINISHED = Problem("compensation", "was not finished in time")

Mistake: TypeAlias = Bug | Parked | Broke


def went_well(event: Event) -> bool:
    """Whether an outcome is one that was hoped for."""
    return isinstance(event, Returned) or (isinstance(event, Ended) and event.status in GOOD_ENDS)


def problem_of(event: Event, form: str) -> Problem:
    """What an outcome that did not go well says, when no row hears it."""
    known: Any = getattr(event, "problem", None)
    if isinstance(event, Failed | Ended) and known is not None:
        return known  # type: ignore[no-any-return]
    if isinstance(event, Failure):
        return Problem(type(event).__name__)
    if isinstance(event, Ended):
        return Problem(event.status, form)
    return Problem(snake(type(event).__name__), form)


def unhandled(owner: str, form: str, event: Event) -> Problem:
    """Why a run fails to which something happened that no row is for."""
    what = outcome_name(form, type(event))
    where = f"state {owner!r}" if owner else "the machine"
    return Problem("unhandled", f"no row of {where} takes {what}")


def news(written: Any) -> dict[str, Tree]:
    """What a parent is told of the end of a run, as it stands in its frame."""
    failures: Any = written["failures"]
    return {
        "$": "Ended",
        "status": written["status"],
        "result": written["value"],
        "problem": failures[0] if failures else None,
    }


def broken(mistake: Mistake) -> Problem:
    """Why a run fails whose machine broke."""
    problem = mistake.problem
    called = f" {mistake.callable}" if mistake.callable else ""
    said = f"{mistake.place}: {mistake.role}{called}: {problem.message}"
    return Problem(problem.kind, said, problem.fields)


def halting(halted: Halted) -> Problem:
    """Why a run ends that was halted."""
    return Problem(halted.status, halted.reason)
