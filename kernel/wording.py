"""What a kernel decides about a run as trees, and back; and what a frame holds of it.

Rule 1: a decision is an object with one key that begins with `$`, and DECIDED names these keys. Every other such
        object that stands for no event is a note, and changes nothing.
Left out on purpose: how the signals and outcomes are written that a decision is about (the scribe's).
"""

from typing import Any, Protocol

from detent.kernel.codec import Codec
from detent.kernel.decisions import (
    Abandoned,
    Admitted,
    AttemptFailed,
    Broke,
    Decision,
    Halted,
    Held,
    Life,
    Parked,
    Queued,
    Resumed,
    Signal,
)
from detent.kernel.errors import Unreadable
from detent.kernel.shapes import Many, Scalar, shape_of
from detent.kernel.signals import Event, Problem
from detent.kernel.wire import Tree

__all__ = [
    "DECIDED",
    "PROBLEM",
    "Telling",
    "read_decision",
    "read_halted",
    "read_life",
    "read_parked",
    "write_decision",
    "write_halted",
    "write_life",
    "write_parked",
]

DECIDED = frozenset(
    {
        "$abandoned",
        "$admitted",
        "$attempt_failed",
        "$broke",
        "$halted",
        "$held",
        "$parked",
        "$queued",
        "$resumed",
    }
)

TEXT, NUMBER, FRACTION = Scalar("str"), Scalar("int"), Scalar("float")
NUMBERS = Many(NUMBER)
HALTED, PROBLEM = shape_of(Halted), shape_of(Problem)


class Telling(Protocol):
    """What writes and reads what decisions are about, in an entry."""

    @property
    def codec(self) -> Codec:
        """What writes and reads values."""
        ...

    def write(self, signal: Signal) -> Tree:
        """A signal as a tree."""
        ...

    def write_outcome(self, effect: int, event: Event) -> Tree:
        """An outcome of an effect as a tree."""
        ...

    def read(self, written: Any) -> Signal:
        """The signal of a tree."""
        ...

    def read_outcome(self, effect: int, written: Any) -> Event:
        """The outcome of a tree."""
        ...


# -- writing


def write_decision(telling: Telling, decision: Decision) -> Tree:
    """A decision as a tree."""
    match decision:
        case Held(effects, why, until):
            said = _text(telling.codec, why)
            more: dict[str, Tree] = {"until": until} if until else {}
            return {"$held": {"effects": list(effects), "why": said, **more}}
        case Admitted(effect, attempt):
            return {"$admitted": [effect, attempt]}
        case AttemptFailed(effect, attempt, event, chance):
            outcome = telling.write_outcome(effect, event)
            return {"$attempt_failed": [effect, attempt, outcome, chance]}
        case Abandoned(effect):
            return {"$abandoned": effect}
        case Halted():
            return {"$halted": write_halted(telling.codec, decision)}
        case Queued(signal):
            return {"$queued": telling.write(signal)}
        case Resumed(skip):
            return {"$resumed": {"skip": skip}}
        case Parked(entry=entry):
            number: dict[str, Tree] = {"entry": entry} if entry else {}
            return {"$parked": {**_mistake(telling, decision), **number}}
        case _:
            return {"$broke": _mistake(telling, decision)}


def write_halted(codec: Codec, halted: Halted) -> Tree:
    """Why a run is to end."""
    return {"status": halted.status, "reason": _text(codec, halted.reason)}


def write_parked(codec: Codec, parked: Parked) -> Tree:
    """What broke a run that is parked, and which entry put it where it waits; since when time stands still for it."""
    since: dict[str, Tree] = {} if parked.since is None else {"since": parked.since}
    return {**_said(codec, parked), "entry": parked.entry, **since}


def write_life(codec: Codec, life: Life) -> Tree:
    """How far an effect has come."""
    return [life.attempt, _text(codec, life.held), life.until]


def _mistake(telling: Telling, broke: Parked | Broke) -> dict[str, Tree]:
    signal = None if broke.signal is None else telling.write(broke.signal)
    return {**_said(telling.codec, broke), "signal": signal}


def _said(codec: Codec, broke: Parked | Broke) -> dict[str, Tree]:
    return {
        "place": _text(codec, broke.place),
        "role": _text(codec, broke.role),
        "callable": _text(codec, broke.callable),
        "problem": codec.write(PROBLEM, broke.problem),
    }


def _text(codec: Codec, text: str) -> Tree:
    return codec.write(TEXT, text)


# -- reading


def read_decision(telling: Telling, written: dict[str, Any]) -> Decision:
    """The decision of a tree. Raises Unreadable."""
    codec = telling.codec
    match written:
        case {"$held": {"effects": effects, "why": why, "until": until} as said} if len(said) == 3:
            return Held(codec.read(NUMBERS, effects), _word(codec, why), _number(codec, until))
        case {"$held": {"effects": effects, "why": why} as said} if len(said) == 2:
            return Held(codec.read(NUMBERS, effects), _word(codec, why))
        case {"$admitted": [effect, attempt]}:
            return Admitted(_number(codec, effect), _number(codec, attempt))
        case {"$attempt_failed": [effect, attempt, outcome, chance]}:
            id, number = _number(codec, effect), _number(codec, attempt)
            drawn = codec.read(FRACTION, chance)
            return AttemptFailed(id, number, telling.read_outcome(id, outcome), drawn)
        case {"$abandoned": effect}:
            return Abandoned(_number(codec, effect))
        case {"$halted": halted}:
            return read_halted(codec, halted)
        case {"$queued": signal}:
            return Queued(telling.read(signal))
        case {"$resumed": {"skip": bool(skip)}}:
            return Resumed(skip)
        case {"$parked": {"signal": _} as said}:
            return read_parked(codec, {"entry": 0, **said}, telling)
        case {"$broke": {"signal": _} as said}:
            return Broke(*_read_mistake(codec, said, 5), _read_signal(said, telling))
        case _:
            raise _nonsense(written)


def read_halted(codec: Codec, written: Any) -> Halted:
    """Why a run is to end. Raises Unreadable."""
    if type(written) is not dict:
        raise _nonsense(written)
    halted: Halted = codec.read(HALTED, {**written, "$": "Halted"})
    return halted


def read_parked(codec: Codec, written: Any, telling: Telling | None = None) -> Parked:
    """What broke a run that is parked; in an entry, with the signal. Raises Unreadable."""
    is_inert = telling is None and "since" in written
    mistake = _read_mistake(codec, written, 5 + (telling is not None) + is_inert)
    signal = None if telling is None else _read_signal(written, telling)
    since = _number(codec, written["since"]) if is_inert else None
    return Parked(*mistake, signal, _number(codec, written.get("entry")), since)


def read_life(codec: Codec, written: Any) -> Life:
    """How far an effect has come. Raises Unreadable."""
    match written:
        case [attempt, held, until]:
            return Life(_number(codec, attempt), _word(codec, held), _number(codec, until))
        case _:
            raise _nonsense(written)


def _read_mistake(codec: Codec, written: Any, size: int) -> tuple[str, str, str, Problem]:
    match written:
        case {"place": place, "role": role, "callable": name, "problem": problem} if (
            len(written) == size
        ):
            words = (_word(codec, place), _word(codec, role), _word(codec, name))
            return (*words, codec.read(PROBLEM, problem))
        case _:
            raise _nonsense(written)


def _read_signal(written: Any, telling: Telling) -> Signal | None:
    return None if written["signal"] is None else telling.read(written["signal"])


def _number(codec: Codec, written: Any) -> int:
    number: int = codec.read(NUMBER, written)
    return number


def _word(codec: Codec, written: Any) -> str:
    word: str = codec.read(TEXT, written)
    return word


def _nonsense(written: Any) -> Unreadable:
    return Unreadable(f"{written!r} is nothing that anybody decides")
