"""What is told, in words and plain fields: what a line says, and an event of a span.

Rule 1: what is the author's (inputs, values, events, orders, questions, answers) is left out, unless it is asked for.
Rule 2: two things are called otherwise than in the kernel, since loggers have words of their own: the name of an event
        that was sent is `event_name`, the event itself `given`.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from attrs import fields

from detent.kernel import Telling, Told, Tree

__all__ = ["about", "said_of", "words_of"]

FIRST = ("run", "seq", "at")
AUTHORS = ("input", "value", "failures", "event", "order", "question", "answer", "signal")
OTHERWISE = {"name": "event_name", "event": "given"}
CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def words_of(told: Told) -> str:
    """What happened: a `CallFailed` is "call failed"."""
    kind: Any = type(told)
    return _words(kind)


@cache
def _words(kind: type[Any]) -> str:
    return CAPITAL.sub(" ", kind.__name__).lower()


@cache
def _plain(kind: type[Any], values: bool) -> tuple[tuple[str, str], ...]:
    """The fields that are said, and what they are called."""
    names: list[str] = [one.name for one in fields(kind) if one.name not in FIRST]
    return tuple(
        (name, OTHERWISE.get(name, name)) for name in names if values or name not in AUTHORS
    )


def said_of(told: Told, values: bool = False) -> Mapping[str, Tree]:
    """What a thing told says beside where and when; what is none is left out."""
    kind: Any = type(told)
    found = {called: getattr(told, name) for name, called in _plain(kind, values)}
    return {name: value for name, value in found.items() if value is not None}


def about(telling: Telling, told: Told) -> str:
    """The state that something is about: the one it names, or that ordered the effect; else those that are active."""
    named: str | None = getattr(told, "state", None)
    if named is not None:
        return named
    effect: int | None = getattr(told, "effect", None)
    return ", ".join(telling.states) if effect is None else telling.state_of(effect)
