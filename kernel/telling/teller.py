"""From an entry, with the frames around it, to what it tells.

Rule 1: nothing is read but trees: no table, no code of the author's, no clock.
Rule 2: first what happened, then the states that were left and entered, what was asked to stop, what ended by it,
        what began, and last the end of the run.
Rule 3: an effect is told as begun by the entry that orders it. What is held by an entry that follows is told as held,
        and as begun once more when it is admitted: attempts are counted by effect and number.
Rule 4: what is no longer in flight has an end: the outcome that waited for it and is stepped no more, or else it is
        told as stopped. What is abandoned is in flight until it has an outcome.
Rule 5: what has waited and is refused in the end tells nothing, unless it is an event that was sent.
Left out on purpose: a state that is left and entered again within one entry (no frame shows it), and which rows were
taken. Notes of a kind that is not known tell nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from detent.kernel.entries import Entry
from detent.kernel.frames import Frame, reading
from detent.kernel.scribe import EMPTY
from detent.kernel.snapshot import DEADLINE
from detent.kernel.telling.flying import Flying, find, gone
from detent.kernel.telling.kinds import Kinds
from detent.kernel.telling.told import (
    BreakerChanged,
    CallFailed,
    CallFinished,
    CallStarted,
    CancelRequested,
    ChildEnded,
    ChildStarted,
    Closing,
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
    StateLeft,
    StopAsked,
    TimerFired,
    Told,
    WaitClosed,
    WaitOpened,
)
from detent.kernel.wire import Tree, spelled, under

__all__ = ["tell"]

LIMIT = "limit:"
"""What begins the reason of an effect that a limiter holds."""

RETRY = "retry"
"""Why an effect is held whose next attempt is to come."""

OUTCOMES = ("$happened", "$attempt_failed")
"""The events that tell the end of an effect themselves."""

HOW: Mapping[str, Closing] = {"Returned": "answered", "TimedOut": "timed_out"}


@frozen
class Scene:
    """An entry and what surrounds it."""

    before: Frame
    entry: Entry
    after: Frame
    run: str
    kinds: Kinds

    @property
    def where(self) -> tuple[str, int, int]:
        """What everything that is told says first."""
        return self.run, self.entry.seq, self.entry.at

    def was(self, id: int) -> Flying | None:
        """An effect as it was before the entry."""
        return find(self.before, id, self.kinds)

    def flies(self, id: int) -> Flying | None:
        """An effect as it is after the entry."""
        return find(self.after, id, self.kinds)

    def form(self, id: int) -> str:
        """What an effect was ordered by; empty if nobody knows."""
        found = self.was(id) or self.flies(id)
        return "" if found is None else found.form


def tell(
    before: Frame | None, entry: Entry, after: Frame, run: str, kinds: Kinds
) -> tuple[Told, ...]:
    """What an entry tells of a run, by the frames before and after it. Raises Unreadable for what no run writes.

    There is no frame before the first entry. `kinds` says which forms are calls, questions, children and letters:
    see `kinds_of` and `kinds_from`.
    """
    with reading(f"entry {entry.seq}"):
        return tuple(_told(Scene(EMPTY if before is None else before, entry, after, run, kinds)))


def _told(scene: Scene) -> Iterator[Told]:
    event: Any = scene.entry.event
    nothing: Any = None
    word, given = next(iter(event.items()), ("", nothing))
    if word == "$":
        yield _answered(scene, given)
    elif word in HAPPENED and scene.entry.answer == "moved":
        yield from HAPPENED[word](scene, given)
    yield from _positions(scene)
    yield from (StopAsked(*scene.where, id, scene.form(id)) for id in scene.entry.stopped)
    yield from _ended_by_it(scene, given[0] if word in OUTCOMES else None)
    admitted: list[int] = [given[0]] if word == "$admitted" else []
    begun = map(scene.flies, dict.fromkeys([*scene.entry.effects, *admitted]))
    yield from (_begun(scene, one) for one in begun if one is not None)
    if _is_over(scene.after) and not _is_over(scene.before):
        end: Any = scene.after["end"]
        yield RunFinished(*scene.where, end["status"], end["value"], tuple(end["failures"]))


def _positions(scene: Scene) -> Iterator[Told]:
    """The states that were left, inner before outer, and those that were entered, outer before inner."""
    before: Any = scene.before["in"]
    after: Any = scene.after["in"]
    if before is after:
        return
    was, now = set(before), set(after)
    yield from (StateLeft(*scene.where, state) for state in reversed(before) if state not in now)
    yield from (StateEntered(*scene.where, state) for state in after if state not in was)


def _is_over(frame: Frame) -> bool:
    return frame["end"] is not None and not frame["effects"]


# -- what happened


def _answered(scene: Scene, name: str) -> Told:
    """An event that was sent."""
    where, entry = scene.where, scene.entry
    match entry.answer:
        case "moved":
            return EventTaken(*where, name, entry.event, entry.cause)
        case "deferred":
            return EventDeferred(*where, name, entry.event)
        case "ignored":
            return EventIgnored(*where, name, entry.event, entry.cause)
        case _:
            return EventRejected(*where, name, entry.event, entry.cause)


def _began(scene: Scene, given: Any) -> Iterable[Told]:
    return (RunStarted(*scene.where, given),)


def _fired(scene: Scene, given: Any) -> Iterable[Told]:
    timers: Any = scene.before["timers"]
    owner, row, _ = timers[str(given)]
    yield TimerFired(*scene.where, given, owner, row)
    if row == DEADLINE:
        why = under(scene.after.get("halted"), "reason") or ""
        yield CancelRequested(*scene.where, _text(why), "timed_out")


def _happened(scene: Scene, given: Any) -> Iterable[Told]:
    id, outcome = given
    one = scene.was(id)
    return () if one is None else (_ended(scene, one, outcome),)


def _attempt_failed(scene: Scene, given: Any) -> Iterable[Told]:
    """An attempt that is the last, or the one before another."""
    id, attempt, outcome = given[:3]
    was, now = scene.was(id), scene.flies(id)
    if was is None:
        return
    yield _ended(scene, evolve(was, attempt=attempt), outcome)
    if now is not None and now.held == RETRY:
        yield RetryScheduled(*scene.where, id, now.form, now.attempt, now.until)


def _held(scene: Scene, given: Any) -> Iterable[Told]:
    until = given.get("until", 0)
    return [_waits(scene, id, scene.form(id), given["why"], until) for id in given["effects"]]


def _abandoned(scene: Scene, given: Any) -> Iterable[Told]:
    return (EffectAbandoned(*scene.where, given, scene.form(given)),)


def _halted(scene: Scene, given: Any) -> Iterable[Told]:
    return (CancelRequested(*scene.where, _text(given["reason"]), given["status"]),)


def _parked(scene: Scene, given: Any) -> Iterable[Told]:
    return (RunParked(*scene.where, *_bug(given)),)


def _broke(scene: Scene, given: Any) -> Iterable[Told]:
    return (RunBroke(*scene.where, *_bug(given)),)


def _bug(given: Any) -> tuple[str, str, str, str, str]:
    problem = given["problem"]
    said = given["place"], given["role"], given["callable"], problem["kind"], problem["message"]
    place, role, called, kind, message = map(_text, said)
    return place, role, called, kind, message


def _queued(scene: Scene, given: Any) -> Iterable[Told]:
    return (SignalQueued(*scene.where, given),)


def _resumed(scene: Scene, given: Any) -> Iterable[Told]:
    return (RunResumed(*scene.where, given["skip"]),)


def _noted(scene: Scene, given: Any) -> Iterable[Told]:
    effect, value = given
    return (Noted(*scene.where, effect, value),)


def _recovered(scene: Scene, given: Any) -> Iterable[Told]:
    return (RunRecovered(*scene.where, given["epoch"]),)


def _upgraded(scene: Scene, given: Any) -> Iterable[Told]:
    return (RunUpgraded(*scene.where, _pair(given["rules"])),)


def _migrated(scene: Scene, given: Any) -> Iterable[Told]:
    return (RunMigrated(*scene.where, _pair(given["shape"]), _pair(given["rules"])),)


def _pair(given: Any) -> tuple[str, str]:
    old, new = map(_text, given)
    return old, new


def _interrupted(scene: Scene, given: Any) -> Iterable[Told]:
    return [EffectInterrupted(*scene.where, id, scene.form(id)) for id in given]


def _breaker(scene: Scene, given: Any) -> Iterable[Told]:
    return (BreakerChanged(*scene.where, given["name"], given["to"]),)


HAPPENED: Mapping[str, Callable[[Scene, Any], Iterable[Told]]] = {
    "$began": _began,
    "$fired": _fired,
    "$happened": _happened,
    "$attempt_failed": _attempt_failed,
    "$held": _held,
    "$abandoned": _abandoned,
    "$halted": _halted,
    "$parked": _parked,
    "$broke": _broke,
    "$queued": _queued,
    "$resumed": _resumed,
    "$noted": _noted,
    "$recovered": _recovered,
    "$upgraded": _upgraded,
    "$migrated": _migrated,
    "$interrupted": _interrupted,
    "$breaker": _breaker,
}


# -- effects that end, and effects that begin


def _ended_by_it(scene: Scene, said: int | None) -> Iterator[Told]:
    """What ended besides: the others of an Each, what was held and is dropped, what nobody steps any more."""
    for id, outcome in gone(scene.before, scene.after):
        one = scene.was(id)
        if id != said and one is not None:
            yield _ended(scene, one, _waited(scene, id) if outcome is None else outcome)


def _waited(scene: Scene, id: int) -> Tree:
    """The outcome of an effect that has waited, or broke the run, and is stepped no more."""
    line: Any = scene.before.get("line", ())
    broke = under(under(scene.entry.event, "$broke"), "signal")
    for signal in (*(signal for signal, _ in line), broke):
        said: Any = under(signal, "$happened") or under(signal, "$attempt_failed")
        if said is not None and said[0] == id:
            outcome: Tree = said[1] if len(said) == 2 else said[2]
            return outcome
    return None


def _ended(scene: Scene, one: Flying, outcome: Tree) -> Told:
    """The end of an effect, or of an attempt; without an outcome it was stopped."""
    name = "Stopped" if outcome is None else under(outcome, "$")
    where = (*scene.where, one.id, one.form)
    value = under(outcome, "value")
    match one.kind, name:
        case "Call", "Returned":
            return CallFinished(*where, one.attempt, value)
        case "Call", _:
            return CallFailed(*where, one.attempt, *_problem(name, outcome))
        case "Wait", _:
            return WaitClosed(*where, value, HOW.get(name, "stopped"))
        case "Spawn", _:
            status = under(outcome, "status") or "stopped"
            return ChildEnded(*where, _child(scene, one), status)
        case _, "Returned":
            return LetterDelivered(*where, under(value, "status"))
        case _:
            return LetterFailed(*where, *_problem(name, outcome))


def _problem(name: str, outcome: Any) -> tuple[str, str]:
    """What went wrong: of what kind, and in which words."""
    match name:
        case "Failed":
            problem = outcome["problem"]
            return _text(problem["kind"]), _text(problem["message"])
        case "TimedOut":
            return "timed_out", ""
        case "InDoubt":
            return "in_doubt", _text(outcome["why"])
        case "Declined":
            by, reason = _text(outcome["by"]), _text(outcome["reason"])
            return "declined", f"{by}: {reason}" if reason else by
        case "Stopped":
            return "stopped", _text(under(outcome, "by") or "")
        case _:
            fields = {key: value for key, value in outcome.items() if key != "$"}
            return name, _text(fields) if fields else ""


def _begun(scene: Scene, one: Flying) -> Told:
    """The beginning of an effect that was ordered or admitted."""
    where = (*scene.where, one.id, one.form)
    if one.held:
        return _waits(scene, one.id, one.form, one.held, one.until)
    match one.kind:
        case "Call":
            return CallStarted(*where, one.order, one.attempt)
        case "Wait":
            return WaitOpened(*where, _text(one.order))
        case "Spawn":
            return ChildStarted(*where, _child(scene, one))
        case _:
            return LetterSent(*where, one.order["run"], one.order["event"])


def _waits(scene: Scene, id: int, form: str, why: Tree, until: int) -> Told:
    """What keeps an effect from beginning."""
    said = _text(why)
    kind = RateWaiting if said.startswith(LIMIT) else EffectHeld
    return kind(*scene.where, id, form, said, until)


def _child(scene: Scene, one: Flying) -> str:
    return f"{scene.run}/{one.id}"


def _text(tree: Tree) -> str:
    """A text as it is; of what lies elsewhere, or is no text, what stands for it."""
    return tree if isinstance(tree, str) else spelled(tree).decode()
