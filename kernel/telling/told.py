"""The base events of a run: what may be told of it, as a closed set of frozen values.

Rule 1: each says first of which run it is, of which entry, and when (microseconds since 1970).
Rule 2: they hold plain trees, as the log does, and no object of the author's.
Rule 3: `effect` is the id of an effect in its run, `form` the name of what ordered it; for one of an Each, of the Each.
"""

from typing import Literal, TypeAlias

from attrs import frozen

from detent.kernel.wire import Tree

__all__ = [
    "BreakerChanged",
    "CallFailed",
    "CallFinished",
    "CallStarted",
    "CancelRequested",
    "ChildEnded",
    "ChildStarted",
    "Closing",
    "EffectAbandoned",
    "EffectHeld",
    "EffectInterrupted",
    "EventDeferred",
    "EventIgnored",
    "EventRejected",
    "EventTaken",
    "LetterDelivered",
    "LetterFailed",
    "LetterSent",
    "Noted",
    "RateWaiting",
    "RetryScheduled",
    "RunBroke",
    "RunFinished",
    "RunMigrated",
    "RunParked",
    "RunRecovered",
    "RunResumed",
    "RunStarted",
    "RunUpgraded",
    "SignalQueued",
    "StateEntered",
    "StateLeft",
    "StopAsked",
    "TimerFired",
    "Told",
    "WaitClosed",
    "WaitOpened",
]

Closing: TypeAlias = Literal["answered", "timed_out", "stopped"]


@frozen
class Told:
    """Something that an entry tells of a run: which run, the number of the entry, and its time."""

    run: str
    seq: int
    at: int


# -- the run


@frozen
class RunStarted(Told):
    """The run has begun."""

    input: Tree


@frozen
class CancelRequested(Told):
    """The run is to end: somebody cancelled it, or its deadline has passed (`status` says which)."""

    reason: str
    status: str


@frozen
class RunParked(Told):
    """The author's code broke, and nothing is stepped until it is mended."""

    place: str
    role: str
    callable: str
    problem: str
    message: str


@frozen
class RunBroke(Told):
    """The author's code broke, and the run ends by it."""

    place: str
    role: str
    callable: str
    problem: str
    message: str


@frozen
class SignalQueued(Told):
    """Something happened to the run while it was parked, and waits."""

    signal: Tree


@frozen
class RunResumed(Told):
    """What waits is taken up again; with `skip`, without what broke."""

    skip: bool


@frozen
class RunUpgraded(Told):
    """The machine has other rules from now on; `rules` are the digests before and after."""

    rules: tuple[str, str]


@frozen
class RunMigrated(Told):
    """The machine has another shape from now on, and the run was moved into it: the digests before and after."""

    shape: tuple[str, str]
    rules: tuple[str, str]


@frozen
class RunRecovered(Told):
    """The run was taken over from a kernel that is gone."""

    epoch: int


@frozen
class RunFinished(Told):
    """The run has come to its end, and nothing of it is in flight any more."""

    status: str
    value: Tree
    failures: tuple[Tree, ...]


# -- where it is, and what happened to it


@frozen
class StateEntered(Told):
    """A state is active that was not before the entry."""

    state: str


@frozen
class StateLeft(Told):
    """A state is no longer active."""

    state: str


@frozen
class EventTaken(Told):
    """An event that was sent was handled. `cause` is the entry that had deferred it, if one had."""

    name: str
    event: Tree
    cause: int | None


@frozen
class EventDeferred(Told):
    """An event that was sent is kept for another state."""

    name: str
    event: Tree


@frozen
class EventIgnored(Told):
    """An event that was sent, or kept so far, means nothing here."""

    name: str
    event: Tree
    cause: int | None


@frozen
class EventRejected(Told):
    """An event that was kept so far has been refused. What is refused at once has no entry."""

    name: str
    event: Tree
    cause: int | None


@frozen
class TimerFired(Told):
    """A timer's time had come: its id, the state it belonged to, and the row it is of."""

    timer: int
    state: str
    row: str


# -- effects of any kind


@frozen
class EffectHeld(Told):
    """An effect has not begun: why, and until when not (0: as soon as it can)."""

    effect: int
    form: str
    why: str
    until: int


@frozen
class RateWaiting(Told):
    """An effect has not begun: a limiter holds it, until then if that is known (0: it is not)."""

    effect: int
    form: str
    why: str
    until: int


@frozen
class StopAsked(Told):
    """An effect was told to stop; how it ends is told when it does."""

    effect: int
    form: str


@frozen
class EffectAbandoned(Told):
    """An effect did not stop in time; what still comes of it is dropped, and its end is made up and told later."""

    effect: int
    form: str


@frozen
class EffectInterrupted(Told):
    """An effect was under way when the kernel that performed it was gone."""

    effect: int
    form: str


@frozen
class Noted(Told):
    """Who performs an effect has recorded a value."""

    effect: int
    value: Tree


# -- calls


@frozen
class CallStarted(Told):
    """An attempt of a call has begun."""

    effect: int
    form: str
    order: Tree
    attempt: int


@frozen
class CallFinished(Told):
    """A call was carried out, at this attempt; this came back."""

    effect: int
    form: str
    attempt: int
    value: Tree


@frozen
class CallFailed(Told):
    """An attempt of a call did not go well.

    `problem` is the kind of a Failed, the name of a declared failure, or timed_out, in_doubt, declined, stopped;
    `message` its words, of a declared failure its fields as JSON.
    """

    effect: int
    form: str
    attempt: int
    problem: str
    message: str


@frozen
class RetryScheduled(Told):
    """A call that failed is tried again: which attempt comes next, and when."""

    effect: int
    form: str
    attempt: int
    due: int


# -- questions, children, letters


@frozen
class WaitOpened(Told):
    """A question was asked."""

    effect: int
    form: str
    question: str


@frozen
class WaitClosed(Told):
    """A question is no longer open, with its answer if there is one."""

    effect: int
    form: str
    answer: Tree
    how: Closing


@frozen
class ChildStarted(Told):
    """A child run was begun; `child` is its id."""

    effect: int
    form: str
    child: str


@frozen
class ChildEnded(Told):
    """A child run came to its end, for its parent."""

    effect: int
    form: str
    child: str
    status: str


@frozen
class LetterSent(Told):
    """An event was sent to another run."""

    effect: int
    form: str
    to: str
    event: Tree


@frozen
class LetterDelivered(Told):
    """An event reached another run; `status` is that of its receipt."""

    effect: int
    form: str
    status: str


@frozen
class LetterFailed(Told):
    """An event did not reach another run."""

    effect: int
    form: str
    problem: str
    message: str


# -- the world


@frozen
class BreakerChanged(Told):
    """A circuit breaker opened or closed because of what this run did."""

    name: str
    to: str
