"""What happened, in words for people: a line for each thing that is told of a run.

Rule 1: what is said is read off what is told alone: a run that goes on, one that is over, and a log say the same.
Rule 2: how long something took is said where it ends.
Left out on purpose: colours, and where the lines go.
"""

import json
from typing import Any, Literal, TypeAlias

from attrs import define, field, frozen

from detent.kernel import (
    BreakerChanged,
    CallFailed,
    CallFinished,
    CallStarted,
    CancelRequested,
    ChildEnded,
    ChildStarted,
    EffectAbandoned,
    EffectHeld,
    EffectInterrupted,
    EventDeferred,
    EventIgnored,
    EventRejected,
    EventTaken,
    LetterDelivered,
    LetterFailed,
    LetterSent,
    Noted,
    RateWaiting,
    RetryScheduled,
    RunBroke,
    RunFinished,
    RunMigrated,
    RunParked,
    RunRecovered,
    RunResumed,
    RunStarted,
    RunUpgraded,
    SignalQueued,
    StateEntered,
    StopAsked,
    TimerFired,
    Told,
    Tree,
    WaitClosed,
    WaitOpened,
)

__all__ = ["Mark", "Said", "Saying", "cut", "shown", "span"]

Mark: TypeAlias = Literal[
    "run", "state", "begun", "done", "bad", "retry", "ask", "event", "note", "end"
]
GOOD = ("completed", "completed_with_failures", "stopped")
HELD = {
    "retry": "until its next attempt",
    "stopping": "until others have stopped",
    "drain": "until the run is resumed",
    "adopted": "until the run goes on",
}


@frozen
class Said:
    """Something in words: what kind of thing it is, what is said, more of it, and how long it took (microseconds)."""

    mark: Mark
    text: str
    more: str = ""
    took: int | None = None


def span(micro: int) -> str:
    """A time in words.

    >>> [span(one) for one in (900, 31_400, 1_540_000, 75_000_000, 7_260_000_000, 180_000_000_000)]
    ['0.9 ms', '31 ms', '1.54 s', '1 min 15 s', '2 h 1 min', '2 d 2 h']
    """
    if micro < 10_000:
        return f"{micro / 1000:.1f} ms"
    if micro < 1_000_000:
        return f"{micro // 1000} ms"
    seconds = micro / 1_000_000
    if seconds < 60:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def shown(tree: Tree, longest: int | None = 100) -> str:
    """A value as people write it in Python, cut to a length.

    >>> shown({"$": "Add", "cents": 500, "tags": ["a"], "price": {"$decimal": "1.50"}})
    'Add(cents=500, tags=["a"], price=1.50)'
    """
    text = _shown(tree)
    return text if longest is None else cut(text, longest)


def cut(text: str, longest: int) -> str:
    """A text that is no longer than that, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _shown(tree: Tree) -> str:
    if isinstance(tree, dict):
        whole: dict[str, Any] = {**tree}
        name = whole.pop("$", None)
        if isinstance(name, str):
            return f"{name}({', '.join(f'{key}={_shown(one)}' for key, one in whole.items())})"
        if len(whole) == 1:
            ((key, inner),) = whole.items()
            if key == "$sealed" or key == "$blob":
                return f"({key[1:]})"
            if key == "$enum":
                return str(inner)
            if key in ("$set", "$map"):
                return _shown(inner)
            if key.startswith("$") and isinstance(inner, str):
                return inner
        return f"{{{', '.join(f'{key}: {_shown(one)}' for key, one in whole.items())}}}"
    if isinstance(tree, list | tuple):
        return f"[{', '.join(map(_shown, tree))}]"
    return json.dumps(tree, ensure_ascii=False)


@define
class Saying:
    """Says what is told of a run and those inside it, in the order in which it is told.

    With `starts` it says also that calls begin: for who has no other way to see what is under way.
    """

    starts: bool = False
    _begun: dict[tuple[str, int], int] = field(factory=dict[tuple[str, int], int], init=False)
    _runs: dict[str, int] = field(factory=dict[str, int], init=False)

    def say(self, told: Told) -> Said | None:
        """What is said of something that is told; nothing of what follows from the rest."""
        return (
            self._of_runs(told)
            or self._of_events(told)
            or self._of_calls(told)
            or self._of_others(told)
            or _of_holding(told)
        )

    def _took(self, told: Told, effect: int) -> int | None:
        began = self._begun.pop((told.run, effect), None)
        return None if began is None else told.at - began

    def _of_runs(self, told: Told) -> Said | None:
        match told:
            case RunStarted(run=run, at=at, input=input):
                self._runs[run] = at
                return Said("run", f"{run} begins", shown(input))
            case RunFinished(run=run, status=status, value=value, failures=failures):
                began = self._runs.get(run)
                took = None if began is None else told.at - began
                more = shown(value) if status in GOOD else "; ".join(map(_problem, failures))
                return Said("end", status, more, took)
            case CancelRequested(reason=reason, status=status):
                return Said("event", f"is to end: {status}", reason)
            case RunParked(place=place, role=role, callable=callable, message=message):
                what = f"{told.problem}: {message}"
                return Said(
                    "bad", "parked: the machine broke", f"{place}, {role} {callable}: {what}"
                )
            case RunBroke(place=place, role=role, callable=callable, message=message):
                what = f"{told.problem}: {message}"
                return Said("bad", "the machine broke", f"{place}, {role} {callable}: {what}")
            case SignalQueued(signal=signal):
                return Said("event", "waits in line", shown(signal))
            case RunResumed(skip=skip):
                return Said("run", "resumed", "without what broke" if skip else "")
            case RunRecovered():
                return Said("run", "taken up again", "its process was gone")
            case RunUpgraded():
                return Said("run", "goes on by other rules")
            case RunMigrated():
                return Said("run", "adopted", "its machine has another shape now")
            case _:
                return None

    def _of_events(self, told: Told) -> Said | None:
        match told:
            case StateEntered(state=state):
                return Said("state", state)
            case EventTaken(event=event):
                return Said("event", shown(event))
            case EventDeferred(event=event):
                return Said("event", shown(event), "kept for another state")
            case EventIgnored(event=event):
                return Said("event", shown(event), "ignored")
            case EventRejected(event=event):
                return Said("bad", shown(event), "rejected")
            case TimerFired(state=state):
                return Said("event", "the time has come", f"in {state}" if state else "")
            case _:
                return None

    def _of_calls(self, told: Told) -> Said | None:
        match told:
            case CallStarted(effect=effect, form=form, attempt=attempt):
                self._begun[told.run, effect] = told.at
                if not self.starts:
                    return None
                return Said("begun", _attempt(form, attempt), shown(told.order))
            case CallFinished(effect=effect, form=form, attempt=attempt, value=value):
                took = self._took(told, effect)
                return Said("done", _attempt(form, attempt), shown(value), took)
            case CallFailed(effect=effect, form=form, attempt=attempt):
                took = self._took(told, effect)
                why = "" if told.problem == "Fails" else f"{told.problem}: "
                more = f"{why}{told.message}" if told.message else told.problem
                return Said("bad", _attempt(form, attempt), more, took)
            case RetryScheduled(form=form, attempt=attempt, due=due):
                wait = span(max(due - told.at, 0))
                return Said("retry", f"{form} again in {wait}", f"attempt {attempt}")
            case _:
                return None

    def _of_others(self, told: Told) -> Said | None:
        match told:
            case WaitOpened(effect=effect, question=question):
                self._begun[told.run, effect] = told.at
                return Said("ask", question, f"question {effect}")
            case WaitClosed(effect=effect, how=how, answer=answer):
                took = self._took(told, effect)
                said = shown(answer) if how == "answered" else how.replace("_", " ")
                return Said("done" if how == "answered" else "bad", f"answer {effect}", said, took)
            case ChildStarted(effect=effect, form=form, child=child):
                self._begun[told.run, effect] = told.at
                return Said("begun", form, f"run {child}")
            case ChildEnded(effect=effect, form=form, child=child, status=status):
                took = self._took(told, effect)
                return Said(
                    "done" if status in GOOD else "bad", form, f"run {child} {status}", took
                )
            case LetterSent(form=form, to=to, event=event):
                return Said("begun", form, f"to run {to}: {shown(event)}")
            case LetterDelivered(form=form, status=status):
                return Said("done", form, status)
            case LetterFailed(form=form, problem=problem, message=message):
                return Said("bad", form, f"{problem}: {message}")
            case Noted(value=value):
                return Said("note", shown(value))
            case BreakerChanged(name=name, to=to):
                return Said("bad" if to == "open" else "done", f"breaker {name}", to)
            case _:
                return None


def _of_holding(told: Told) -> Said | None:
    match told:
        case EffectHeld(form=form, why=why):
            return Said("retry", f"{form} is held", HELD.get(why, why))
        case RateWaiting(form=form, why=why):
            return Said("retry", f"{form} waits for its turn", why)
        case StopAsked(form=form):
            return Said("event", f"{form} is told to stop")
        case EffectAbandoned(form=form):
            return Said("bad", f"{form} is abandoned", "it did not stop in time")
        case EffectInterrupted(form=form):
            return Said("bad", f"{form} was interrupted")
        case _:
            return None


def _attempt(form: str, attempt: int) -> str:
    return form if attempt == 1 else f"{form} (attempt {attempt})"


def _problem(failure: Tree) -> str:
    if isinstance(failure, dict) and "message" in failure:
        return f"{failure.get('kind', 'Failed')}: {failure['message']}"
    return shown(failure)
