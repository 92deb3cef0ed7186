"""What a command that follows a run says meanwhile, and in the end: lines for people, or lines of JSON.

Rule 1: every line of JSON is one object, whose `what` says what it is: the name of what is told, as docs/watching.md
        has it, or `run`, `question`, `notice`, `end`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs
from attrs import define, field

from detent.kernel import (
    CallFailed,
    CallFinished,
    CallStarted,
    ChildEnded,
    ChildStarted,
    RetryScheduled,
    StateEntered,
    StateLeft,
    Told,
    WaitClosed,
    WaitOpened,
)
from detent.tools.cli.screen import Screen
from detent.tools.cli.wording import Saying, span

__all__ = ["JsonLines", "Lines", "Reporter", "as_json", "say_json"]


class Reporter(Protocol):
    """What is said while a run is followed."""

    def told(self, told: Told, depth: int) -> None:
        """Something has happened."""
        ...

    def chunk(self, run: str, effect: int, value: object) -> None:
        """A handler has emitted something."""
        ...

    def notice(self, text: str, **more: Any) -> None:
        """Something about what this process does."""
        ...

    def tick(self, now: int, due: int | None, below: Sequence[str] = ()) -> None:
        """Time passes. `below` is what stands below all else: a line that is typed."""
        ...

    def close(self) -> None:
        """No more happens."""
        ...


def as_json(told: Told) -> dict[str, Any]:
    """What is told, as a JSON object."""
    fields: Mapping[str, Any] = attrs.asdict(told, recurse=False)
    return {"what": type(told).__name__, **fields}


def say_json(value: Any) -> None:
    """Print one JSON document on one line, for programs."""
    sys.stdout.write(f"{json.dumps(value, ensure_ascii=False, default=str)}\n")
    sys.stdout.flush()


class JsonLines:
    """Says everything as lines of JSON."""

    def told(self, told: Told, depth: int) -> None:
        """See Reporter."""
        say_json(as_json(told))

    def chunk(self, run: str, effect: int, value: object) -> None:
        """See Reporter."""
        say_json({"what": "Chunk", "run": run, "effect": effect, "value": value})

    def notice(self, text: str, **more: Any) -> None:
        """See Reporter."""
        say_json({"what": "notice", "text": text, **more})

    def tick(self, now: int, due: int | None, below: Sequence[str] = ()) -> None:
        """See Reporter. Programs have a clock."""

    def close(self) -> None:
        """See Reporter."""


@define
class _Underway:
    """Something that is under way: since when, what is shown of it, and what it has emitted last."""

    since: int
    text: str
    depth: int
    until: int = 0
    emitted: str = ""


@define
class Lines:
    """Says everything as lines for people, and shows below them what is under way, on a terminal."""

    screen: Screen = field(factory=Screen)
    _saying: Saying = field(init=False)
    _began: int | None = field(default=None, init=False)
    _below: Sequence[str] = field(default=(), init=False)
    _states: dict[tuple[str, str], int] = field(factory=dict[tuple[str, str], int], init=False)
    _effects: dict[tuple[str, int], _Underway] = field(
        factory=dict[tuple[str, int], _Underway], init=False
    )

    def __attrs_post_init__(self) -> None:
        self._saying = Saying(starts=not self.screen.is_live)

    def told(self, told: Told, depth: int) -> None:
        """See Reporter."""
        if self._began is None:
            self._began = told.at
        self._note(told, depth)
        said = self._saying.say(told)
        if said is not None:
            self.screen.said(said, told.at - self._began, depth)
        self.tick(told.at, None, self._below)

    def _note(self, told: Told, depth: int) -> None:
        """Keep in mind what is under way."""
        match told:
            case StateEntered(run=run, state=state):
                self._states[run, state] = told.at
            case StateLeft(run=run, state=state):
                self._states.pop((run, state), None)
            case CallStarted(run=run, effect=effect, form=form, attempt=attempt):
                text = form if attempt == 1 else f"{form} (attempt {attempt})"
                self._effects[run, effect] = _Underway(told.at, text, depth)
            case RetryScheduled(run=run, effect=effect, form=form, due=due):
                self._effects[run, effect] = _Underway(told.at, f"{form} again", depth, due)
            case ChildStarted(run=run, effect=effect, form=form):
                self._effects[run, effect] = _Underway(told.at, form, depth)
            case WaitOpened(run=run, effect=effect, question=question):
                self._effects[run, effect] = _Underway(told.at, f"? {question}", depth)
            case CallFinished() | CallFailed() | ChildEnded() | WaitClosed():
                self._effects.pop((told.run, told.effect), None)
            case _:
                pass

    def chunk(self, run: str, effect: int, value: object) -> None:
        """See Reporter."""
        one = self._effects.get((run, effect))
        if one is not None:
            text = value if isinstance(value, str) else repr(value)
            one.emitted = (one.emitted + text).splitlines()[-1][-200:] if text else one.emitted

    def notice(self, text: str, **more: Any) -> None:
        """See Reporter."""
        self.screen.line(self.screen.paint("dim", text))

    def tick(self, now: int, due: int | None, below: Sequence[str] = ()) -> None:
        """See Reporter."""
        self._below = below
        if self.screen.is_live:
            self.screen.block([*self._under_way(now, due), *below])

    def _under_way(self, now: int, due: int | None) -> list[str]:
        lines: list[str] = []
        turning = self.screen.spinner
        for one in self._effects.values():
            if one.text.startswith("?"):
                continue  # it stands above, and below is where it is answered
            when = f"in {span(max(one.until - now, 0))}" if one.until else span(now - one.since)
            head = f"{'  ' * (one.depth + 1)}{turning} {one.text}  {when}"
            lines.append(f"{' ' * 11}{head}{self.screen.paint('dim', f'  {one.emitted}')}")
        if not lines and due is not None:
            names = ", ".join(name for _, name in self._states)
            rest = span(max(due - now, 0))
            lines.append(f"{' ' * 11}{turning} {names}  goes on in {rest}")
        return lines

    def close(self) -> None:
        """See Reporter."""
        self.screen.close()
