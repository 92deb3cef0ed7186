"""When an effect is tried again, when it may begin, and when it is not worth trying: decisions, and no clock.

Rule 1: a policy is a value, and what it decides follows from its arguments alone: time, chance and what was before are
        given to it. So whatever performs effects, checks them or draws them decides the same.
Rule 2: what a Limiter or a Breaker remembers is a small tree of plain JSON. It says what happened (who was admitted,
        when it opened), never what follows, so that a policy with other numbers can go on with it.
Rule 3: time inside the kernel is an integer, microseconds since 1970; what people write down is seconds.
Rule 4: wrong numbers are told by `mistakes`, all of them at once; no policy raises because of them when it is made.
Left out on purpose: carrying a policy out, which needs a clock, and is the scheduler's; keeping what it remembers.
"""

import math
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Literal, TypeAlias, TypeGuard, cast

from attrs import field, frozen

from detent.kernel.errors import Unreadable
from detent.kernel.signals import (
    Declined,
    Ended,
    Event,
    Failed,
    Failure,
    InDoubt,
    Returned,
    Settled,
    Stopped,
    TimedOut,
)
from detent.kernel.wire import Tree

__all__ = [
    "LONGEST_WAIT",
    "Admission",
    "Breaker",
    "BreakerWord",
    "Limiter",
    "Retry",
    "chance",
    "counts_as_failure",
    "is_wait",
    "seed_of",
]

LONGEST_WAIT = (
    1_000_000_000  # seconds: thirty years; what is to wait longer is to wait for something else
)
MICRO = 1_000_000  # microseconds in a second
HUGE = 1e300  # beyond any wait, and times a million still a float
FINAL = {kind.__name__ for kind in (Returned, InDoubt, Declined, Stopped, Ended, Settled)}
"""What is never tried again: it went well, nobody knows, or somebody wanted it so."""


def is_wait(seconds: object) -> TypeGuard[float]:
    """Whether something is a number of seconds that somebody may wait."""
    return type(seconds) in (int, float) and 0 <= cast(float, seconds) <= LONGEST_WAIT


def _micro(seconds: float) -> int:
    """Seconds in microseconds, also where their product would be no number any more."""
    whole = int(seconds)
    return whole * MICRO + round((seconds - whole) * MICRO)


def _wrong_spans(policy: object, *names: str) -> Iterator[str]:
    """Which of some fields are no spans of time."""
    for name in names:
        seconds: object = getattr(policy, name)
        if not is_wait(seconds) or _micro(seconds) < 1:
            yield (
                f"{name}={seconds!r} is no span of time: a number of seconds above zero, "
                f"at most {LONGEST_WAIT}"
            )


def _wrong_count(policy: object, name: str) -> Iterator[str]:
    """Whether a field is no number of things."""
    number: object = getattr(policy, name)
    if type(number) is not int or number < 1:
        yield f"{name}={number!r} is no number of {name}: it is 1 or more"


# -- trying again


def _names(only: "tuple[type[Failure] | str, ...]") -> tuple[str, ...]:
    """Failures by name. What is no tuple is left for `mistakes`."""
    given: Any = only
    if not isinstance(given, tuple):
        return given  # type: ignore[no-any-return]
    return tuple(one.__name__ if isinstance(one, type) else one for one in only)


@frozen
class Retry:
    """Try again after a delay that grows, with a limit to everything.

    `attempts` counts the first one too. The n-th delay is `base * factor ** (n - 1)`, at most `cap`, shortened by up to
    `jitter` of itself: 1.0 spreads it over all of the delay, 0 not at all. `total` bounds the time from the first
    attempt to the last one's beginning. Trying again at once must be spelled out: `base=0`.

    `only` says which failures are tried again: failures that the effect declares, and kinds of problems and "TimedOut"
    by name; "Failed" is every kind of problem. Without it every Failed and every TimedOut is, and no declared failure.
    It is kept as names.

    >>> Retry(attempts=5, only=("ConnectionError", "TimedOut")).again(1, TimedOut(), 0.0, since=0, at=0)
    1000000
    """

    attempts: int = 3
    base: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: float = 0.5
    total: float = 600.0
    only: tuple[str, ...] = field(default=(), converter=_names)

    def again(self, attempt: int, event: Event, chance: float, since: int, at: int) -> int | None:
        """When the next attempt may begin, if there is one: an attempt came to an event at a time.

        `chance`, from 0 to 1, shortens the delay; `since` is when the first attempt began.
        """
        if attempt >= self.attempts or not self._may_follow(event):
            return None
        begins = at + self._delay(attempt, chance)
        return begins if begins <= since + _micro(self.total) else None

    def _may_follow(self, event: Event) -> bool:
        """Whether what an attempt came to is of a kind that is tried again."""
        name = type(event).__name__
        match event:
            case Failed(problem=problem):
                return not self.only or name in self.only or problem.kind in self.only
            case TimedOut():
                return not self.only or name in self.only
            case Failure():
                return name in self.only
            case _:
                return False

    def _delay(self, attempt: int, chance: float) -> int:
        """How long to wait after an attempt. Something, unless the base is nothing: others are to have their turn."""
        if not self.base:
            return 0
        try:
            grown = float(min(self.factor, HUGE)) ** (attempt - 1)
        except OverflowError:
            grown = HUGE
        longest = min(self.cap, float(min(self.base, HUGE)) * grown, HUGE)
        return max(1, _micro(longest * (1 - self.jitter * chance)))

    def mistakes(self) -> tuple[str, ...]:
        """What is wrong with the numbers and the names, if anything."""
        return (*self._wrong_numbers(), *self._wrong_names())

    def _wrong_numbers(self) -> Iterator[str]:
        if type(self.attempts) is not int or self.attempts < 1:
            yield f"attempts={self.attempts!r} is no number of attempts: it counts the first one too"
        for name in ("base", "factor", "cap", "jitter", "total"):
            number: object = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | float):
                yield f"{name}={number!r} is no number"
            elif not 0 <= number < math.inf:
                yield f"{name}={number!r} must be zero or more, and finite"
            elif name == "jitter" and number > 1:
                yield f"jitter={number!r} must be from 0 to 1: it is a part of the delay"

    def _wrong_names(self) -> Iterator[str]:
        only: object = self.only
        if not isinstance(only, tuple):
            yield f"only={only!r} is no tuple: name one failure as only=(CardRefused,)"
            return
        for one in cast(tuple[object, ...], only):
            if type(one) is not str or not one:
                yield f"only names {one!r}, which is no failure: a class of failures, or a kind of problem"
            elif one in FINAL:
                yield f"only names {one!r}, which is never tried again"


def chance(seed: int, effect: int, attempt: int) -> float:
    """A number from 0 up to 1 that follows from these three, the same everywhere: what spreads delays.

    >>> chance(1, 2, 3)
    0.40675705933660067
    """
    return (_digest(f"{seed}/{effect}/{attempt}") >> 11) / 2**53


def seed_of(run: str) -> int:
    """The seed of a run that was given none, from its id: 63 bits.

    >>> seed_of("order-1")
    1354598356660093214
    """
    return _digest(run) >> 1


def _digest(text: str) -> int:
    """64 bits that stand for a text."""
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest())


# -- not too often


@frozen
class Limiter:
    """At most so many calls begin in any span of `per` seconds, and each as soon as that allows.

    A span holds its beginning and not its end: what is admitted at 0.0 counts no more at 1.0 if `per` is 1.0. What it
    remembers are the times of the admissions that still count, oldest first.
    """

    calls: int
    per: float

    def admit(self, state: Tree, at: int) -> tuple[Tree, int]:
        """Ask whether a call may begin: what to remember, and 0 if it may, else from when on to ask again.

        Whoever may not begin changes nothing. A time before the newest admission counts as that.
        """
        times = _times(state)
        at = max(at, times[-1]) if times else at
        span = _micro(self.per)
        counting = [time for time in times if time + span > at]
        if len(counting) < self.calls:
            return [*counting, at], 0
        return state, counting[-self.calls] + span

    def mistakes(self) -> tuple[str, ...]:
        """What is wrong with the numbers, if anything."""
        return (*_wrong_count(self, "calls"), *_wrong_spans(self, "per"))


def _times(state: Tree) -> list[int]:
    """What a limiter remembers."""
    if state is None:
        return []
    if isinstance(state, list):
        times = [time for time in state if type(time) is int]
        if len(times) == len(state) and times == sorted(times):
            return times
    raise Unreadable(f"no limiter has left this: {state!r}. It is a list of times, oldest first")


# -- not in vain

BreakerWord: TypeAlias = Literal["closed", "open", "half_open"]


@frozen
class Admission:
    """What a breaker says to a call: why it is declined, if it is; and what the breaker is now."""

    state: Tree
    declined: str
    word: BreakerWord


@frozen
class _Read:
    """What a breaker remembers: how many failures in a row, when it opened, or whose probe began when."""

    word: BreakerWord
    failed: int = 0
    time: int = 0
    probe: str | None = None


@frozen
class Breaker:
    """After so many failures in a row nobody calls for `cool_down` seconds; then one does, to see whether it is well.

    closed: everybody is admitted. open: nobody is, until it is cool; then whoever asks next is the probe. half_open:
    the probe is under way; that it goes well closes the breaker, that it fails opens it again, and what calls come to
    that began before it opened counts for nothing. A probe that nobody has heard of for `probe` seconds has died, and
    whoever asks next is the probe instead. Time alone changes nothing: the breaker changes when it is asked or told.

    What it remembers is None (closed, and well), `{"failed": 2}`, `{"opened": time}` or
    `{"probe": who, "since": time}`; a probe of nobody is one that was given back.
    """

    failures: int = 5
    cool_down: float = 30.0
    probe: float = 60.0

    def admit(self, state: Tree, at: int, who: str) -> Admission:
        """Ask whether a call may begin. The probe may ask again: it began anew, and is still the only one."""
        known = _read(state)
        if known.word == "closed":
            return Admission(state, "", "closed")
        if known.word == "open" and at < known.time + _micro(self.cool_down):
            return Admission(state, "it is open", "open")
        if known.probe not in (None, who) and at < known.time + _micro(self.probe):
            return Admission(state, "it is half open, and somebody else tries", "half_open")
        return Admission({"probe": who, "since": at}, "", "half_open")

    def heard(self, state: Tree, at: int, who: str, well: bool) -> tuple[Tree, BreakerWord]:
        """Tell what a call came to: what to remember, and what the breaker is now."""
        known = _read(state)
        if known.word == "open" or (known.word == "half_open" and known.probe != who):
            return state, known.word
        if well:
            return None, "closed"
        if known.word == "closed" and known.failed + 1 < self.failures:
            return {"failed": known.failed + 1}, "closed"
        return {"opened": at}, "open"

    def given_back(self, state: Tree, who: str) -> Tree:
        """Tell that a call came to nothing that counts. If it was the probe, whoever asks next is; the word stays."""
        known = _read(state)
        return {"probe": None, "since": known.time} if known.probe == who else state

    def word(self, state: Tree, at: int) -> BreakerWord:
        """What the breaker is, at any time: an open one that is cool is open until somebody asks."""
        return _read(state).word

    def mistakes(self) -> tuple[str, ...]:
        """What is wrong with the numbers, if anything."""
        return (*_wrong_count(self, "failures"), *_wrong_spans(self, "cool_down", "probe"))


def _read(state: Tree) -> _Read:
    """What a breaker remembers."""
    match state:
        case None:
            return _Read("closed")
        case {"failed": int(failed), **more} if not more and _is_int(failed) and failed > 0:
            return _Read("closed", failed)
        case {"opened": int(time), **more} if not more and _is_int(time):
            return _Read("open", time=time)
        case {"probe": None | str() as who, "since": int(time), **more} if not more and _is_int(
            time
        ):
            return _Read("half_open", time=time, probe=who)
        case _:
            right = "It is None, or says what failed, when it opened, or whose probe it waits for"
            raise Unreadable(f"no breaker has left this: {state!r}. {right}")


def _is_int(number: object) -> bool:
    return type(number) is int  # True is no number


def counts_as_failure(event: Event) -> bool | None:
    """Whether an outcome speaks against the service; None if it says nothing of it.

    A failure that an effect declares is an answer: the service is well.
    """
    match event:
        case Failed() | TimedOut() | InDoubt():
            return True
        case Returned() | Failure():
            return False
        case _:
            return None
