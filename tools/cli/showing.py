"""What happened in a run, and how it stands: as lines for people, as entries, or as the frame at one of them."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import trio

from detent.kernel import Entry, Footer, Header, Key, Torn, frame_at, read_log
from detent.tools.cli.exits import DONE
from detent.tools.cli.places import key_of, lines_of
from detent.tools.cli.printing import in_columns
from detent.tools.cli.reporting import as_json, say_json
from detent.tools.cli.screen import Screen
from detent.tools.cli.standing import in_flight, questions_of
from detent.tools.cli.timelines import Performed, Timeline, timeline
from detent.tools.cli.wording import Saying, shown, span

__all__ = ["show"]

GOOD = ("completed", "completed_with_failures", "stopped")
MANY = 30  # effects that are listed one by one; more are summed up by their form


def show(options: Any) -> int:
    """Tell what happened in a run."""
    lines = trio.run(lines_of, options, options.run)
    key = key_of(options)
    if options.at is not None:
        frame = frame_at(lines, options.at, options.of, key).frame
        print(json.dumps(frame, indent=None if options.json else 2, ensure_ascii=False))
    elif options.entries:
        _entries(options, lines)
    else:
        _timeline(options, lines, key)
    return DONE


# -- entries, as they are written


def _entries(options: Any, lines: Sequence[bytes]) -> None:
    for line in read_log(lines):
        if options.of not in (None, line.run) and not isinstance(line.what, Torn):
            continue
        if options.json:
            if isinstance(line.what, Entry):
                say_json({"run": line.run, "entry": json.loads(line.what.body)})
        elif text := _entry(line.what):
            print(text)


def _entry(what: object) -> str:
    if isinstance(what, Header):
        origin = "" if what.origin is None else f", from {what.origin.run!r} {what.origin.seq}"
        return f"run {what.run!r} of machine {what.machine!r}{origin}"
    if isinstance(what, Entry):
        event = json.dumps(what.event, ensure_ascii=False, separators=(",", ":"))
        took = " ".join(row for rows in what.took for row in rows) or what.answer
        cause = "" if what.cause is None else f" (deferred at {what.cause})"
        text = event if len(event) <= 100 else f"{event[:97]}..."
        return f"{what.seq:>6}  {text}{cause}  {took}"
    if isinstance(what, Footer):
        return f"it shows: {what.promise}"
    return "the last line is torn" if isinstance(what, Torn) else ""


# -- what happened, and how it stands


def _timeline(options: Any, lines: Sequence[bytes], key: Key | None) -> None:
    made = timeline(lines, options.of, key)
    if options.json:
        say_json(_document(made))
        return
    screen = Screen()
    for text in _told(screen, made):
        screen.line(text)
    for title, rows in (("states", _states(made)), ("effects", _effects(made))):
        if len(rows) > 1:
            screen.line(f"\n{screen.paint('bold', title)}")
            plain = ("",) * len(rows[0])
            styles = [("dim",) * len(rows[0]), *(plain for _ in rows[1:])]
            for text in in_columns(screen, rows, styles):
                screen.line(f"  {text}")
    for text in _open(screen, made):
        screen.line(text)


def _told(screen: Screen, made: Timeline) -> Iterator[str]:
    header = made.header
    origin = "" if header.origin is None else f", from {header.origin.run} {header.origin.seq}"
    yield f"run {screen.paint('bold', header.run)} of machine {header.machine}{origin}"
    yield ""
    saying = Saying()
    for told, depth in made.told:
        said = saying.say(told)
        if said is not None:
            for line in screen.lines_of(said, told.at - header.at, depth):
                yield f"{screen.paint('dim', f'{told.seq:>4}')} {line}"
    if made.is_torn:
        yield "     the last line is torn"


def _states(made: Timeline) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("STATE", "TIMES", "FOR", "")]
    names = dict.fromkeys(stay.state for stay in made.stays)
    over = made.end is not None
    for name in names:
        own = [stay for stay in made.stays if stay.state == name]
        known = sum(stay.until - stay.since for stay in own if stay.until is not None)
        is_in = any(stay.until is None for stay in own)
        word = "" if not is_in else "the end" if over else "now"
        took = span(known) if any(stay.until is not None for stay in own) else ""
        rows.append((name, str(len(own)), took, word))
    return rows


def _effects(made: Timeline) -> list[tuple[str, ...]]:
    effects = list(made.effects.values())
    if len(effects) <= MANY:
        head: tuple[str, ...] = ("EFFECT", "", "ATTEMPTS", "TOOK", "OUTCOME")
        return [head, *map(_effect, effects)]
    rows: list[tuple[str, ...]] = [("EFFECT", "TIMES", "ATTEMPTS", "TOOK", "OUTCOME")]
    by_form = sorted(effects, key=lambda one: (one.form, one.outcome))
    for (form, outcome), group in groupby(by_form, key=lambda one: (one.form, one.outcome)):
        own = list(group)
        took = sum(one.until - one.since for one in own if one.until is not None)
        attempts = sum(one.attempts for one in own)
        word = outcome or "under way"
        rows.append((form, str(len(own)), str(attempts), span(took), word))
    return rows


def _effect(one: Performed) -> tuple[str, ...]:
    took = "" if one.until is None else span(one.until - one.since)
    return (one.form, str(one.effect), str(one.attempts), took, one.outcome or "under way")


def _open(screen: Screen, made: Timeline) -> Iterator[str]:
    """What is asked, and how it stands."""
    for id, text in questions_of(made.frame, made.outline):
        yield f"\n{screen.paint('ask', f'question {id}')}: {text}"
    status, parked = _status(made), made.frame.get("parked")
    if status == "parked":
        where = f"{parked['place']}, {parked['role']} {parked['callable']}"
        yield f"\n{where}: {parked['problem']['kind']}: {parked['problem']['message']}"
    yield ""
    if made.end is None:
        where = ", ".join(made.frame["in"])
        style = "bad" if status == "parked" else "state"
        yield f"{screen.paint(style, status)} in {where}"
        return
    style = "end" if made.end.status in GOOD else "ended badly"
    took = span(made.end.at - made.header.at)
    value = shown(made.end.value, None) if made.end.status in GOOD else ""
    yield f"{screen.paint(style, made.end.status)} after {took}  {value}".rstrip()


def _status(made: Timeline) -> str:
    frame = made.frame
    if frame.get("parked"):
        return "parked" if frame["parked"]["role"] != "fork" else "inert"
    if frame["end"] is not None or "halted" in frame:
        return "ending"
    kinds = {one.kind for one in in_flight(frame, made.outline)}
    return "waiting" if kinds <= {"Wait"} else "running"


def _document(made: Timeline) -> dict[str, Any]:
    header, end = made.header, made.end
    origin = header.origin and {"run": header.origin.run, "seq": header.origin.seq}
    return {
        **{"run": header.run, "machine": header.machine, "origin": origin},
        "status": _status(made) if end is None else end.status,
        **{"at": header.at, "ended": None if end is None else end.at, "seq": made.frame["seq"]},
        **{"in": made.frame["in"], "data": made.frame["data"], "input": made.input},
        "value": None if end is None else end.value,
        "failures": [] if end is None else [*end.failures],
        "timeline": [as_json(told) for told, _ in made.told],
        "states": [
            {"state": one.state, "since": one.since, "until": one.until} for one in made.stays
        ],
        "effects": [
            {
                **{"effect": one.effect, "form": one.form, "attempts": one.attempts},
                **{"since": one.since, "until": one.until, "outcome": one.outcome or None},
            }
            for one in made.effects.values()
        ],
        "questions": [
            {"id": id, "question": text} for id, text in questions_of(made.frame, made.outline)
        ],
        "parked": made.frame.get("parked"),
        "torn": made.is_torn,
    }
