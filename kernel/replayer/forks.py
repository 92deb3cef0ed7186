"""Another run from an entry of a recorded one.

Rule 1: a fork is made without the author's code, and nothing of it happens before somebody resumes it: it is a run
        that is parked, and its time stands still.
Rule 2: what was in flight is asked about one by one: order it again (`rerun`), take what came of it in the parent
        (`take`), or say that nobody knows (`doubt`). Unless told otherwise what is pure is ordered again, and what may
        not be is in doubt; an effect for which neither is right has to be told.
        What is held has nothing under way, and stays held, unless something else is said.
        What is to be ordered again is held; what was told to stop has stopped, and is not.
Rule 3: timers, and what is held for a time, keep the time they had left.
Rule 4: what is taken, in doubt or stopped comes first when the fork is resumed: it waits in its line.
The file is long because there are many choices to make.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from detent.kernel.applying import SELDOM, dated
from detent.kernel.entries import (
    Checkpoint,
    Entry,
    Header,
    Origin,
    chained,
    machine_after,
    write_header,
)
from detent.kernel.errors import NoSuchEntry, WrongInput
from detent.kernel.frames import Frame, followed, opened, reading, whole
from detent.kernel.runlog import beside_line, checkpoint_line, header_line, outline_line, read_log
from detent.kernel.scribe import EMPTY
from detent.kernel.table import Outline
from detent.kernel.values import moment, tree
from detent.kernel.vault import Beside, Key, stowed
from detent.kernel.wire import Tree, spelled, under

__all__ = ["Fork", "ForkChoice", "fork"]

ForkChoice: TypeAlias = Literal["rerun", "take", "doubt"]

INERT: Tree = {"$": "Problem", "kind": "Fork", "message": "nobody has resumed it", "fields": []}
"""Why nothing happens of a fork of a run that was not parked."""

DEFAULTS: Mapping[str, ForkChoice] = {
    "pure": "rerun",
    "reconcilable": "doubt",
    "at_most_once": "doubt",
    "Wait": "rerun",
}
"""What becomes of an effect in flight if nobody says: by recovery class, and questions are asked again."""


@frozen
class Fork:
    """A run that begins at an entry of another: its first lines, and the outcomes that come first when it resumes."""

    header: Header
    checkpoint: Checkpoint
    arriving: tuple[Tree, ...] = field(default=(), repr=False)
    outlines: tuple[Outline, ...] = ()
    beside: tuple[Beside, ...] = ()

    def lines(self) -> Iterator[bytes]:
        """The log of the fork so far."""
        yield header_line(self.header)
        yield from map(outline_line, self.outlines)
        yield from map(beside_line, self.beside)
        yield checkpoint_line(self.header.run, self.checkpoint)


@reading("the log")
def fork(
    log: Iterable[bytes],
    seq: int,
    run: str,
    choices: Mapping[int, ForkChoice] | None = None,
    *,
    of: str | None = None,
    at: int | None = None,
    key: Key | None = None,
) -> Fork:
    """A run with a name of its own that begins where another was after an entry.

    `choices` says by id what becomes of each effect in flight, `at` when the fork begins (microseconds since 1970).
    Raises NoSuchEntry, or WrongInput if a choice is missing or cannot be made.
    """
    parent = _Parent(log, seq, of, key)
    if parent.frame["end"] is not None:
        raise WrongInput(f"run {parent.header.run!r} is over at entry {seq}: nothing follows it")
    if run == parent.header.run:
        raise WrongInput(f"a fork needs a name of its own, not {run!r}")
    if "/" in run:
        raise WrongInput(f"{run!r} cannot be the name of a fork: `/` is for children")
    began = int(str(parent.frame["at"]))
    frame = _moved(parent.frame, began if at is None else max(at, began))
    chosen: dict[int, ForkChoice] = dict(choices or {})
    arriving: list[Tree] = []
    again: set[int] = set()
    for id, effect in _in_flight(parent.frame):
        came = parent.decided(id, effect, chosen.pop(id, None), int(str(frame["at"])))
        if came is not None:
            arriving.append(came)
        elif parent.is_performed(effect):
            again.add(id)
    if chosen:
        raise WrongInput(f"effect {min(chosen)} is not in flight at entry {seq}")
    origin = Origin(parent.header.run, seq, parent.hash)
    old = parent.header
    rest = (int(str(frame["at"])), origin)
    header = write_header(Header(run, old.machine, *parent.digests, *rest, baggage=old.baggage))
    frame = _laid_down(frame, arriving, again)
    beside = {digest: parent.sealed[digest] for digest in _seals(frame, parent.sealed)}
    body = spelled({"seq": seq, "frame": stowed(frame, key, beside)})
    checkpoint = Checkpoint(seq, frame, body=body, hash=chained(header.hash, body))
    outlines = tuple(parent.outlines.values())
    return Fork(header, checkpoint, tuple(arriving), outlines, tuple(beside.values()))


@frozen
class _InFlight:
    """An effect without an outcome: its form, which of those of an Each, and if it is to stop, or is held."""

    form: str
    part: int
    is_stopping: bool
    is_held: bool = False


class _Parent:
    """What a fork must know of the run it forks: the frame, and what came of what was in flight."""

    def __init__(self, log: Iterable[bytes], seq: int, run: str | None, key: Key | None) -> None:
        self.outlines: dict[str, Outline] = {}
        self.outcomes: dict[int, Tree] = {}
        self.sealed: dict[str, Beside] = {}
        self.hash = ""
        self.digests = ("", "")
        self._read(log, seq, run, key)

    def _read(self, log: Iterable[bytes], seq: int, run: str | None, key: Key | None) -> None:
        header: Header | None = None
        frame: Frame = EMPTY
        last = 0
        for line in read_log(log):
            what = line.what
            if isinstance(what, Outline):
                self.outlines[what.digest] = what
            elif isinstance(what, Header) and header is None and run in (None, line.run):
                header = what
                self.digests = what.shape, what.rules
                last = 0 if what.origin is None else what.origin.seq
            elif header is None or line.run != header.run:
                continue
            if key is None:
                self.sealed |= {one.digest: one for one in line.beside.values() if one.is_sealed}
            if isinstance(what, Checkpoint) and frame is EMPTY:
                frame = opened(what, line.beside, key)
                self.hash = what.hash
            elif isinstance(what, Entry):
                last = what.seq
                entry = whole(what, line.beside, key)
                if last <= seq:
                    frame, self.hash = followed(frame, entry), entry.hash
                    self.digests = machine_after(entry, self.digests)
                elif came := _came_of(entry):
                    id, outcome = came
                    self.outcomes.setdefault(id, {"$happened": [id, dated(outcome, entry.at)]})
        if header is None or frame is EMPTY or frame["seq"] != seq:
            of = "the log" if run is None else f"run {run!r}"
            raise NoSuchEntry(f"{of} has no entry {seq}: the last is {last}")
        used = self.digests
        self.outlines = {digest: one for digest, one in self.outlines.items() if digest in used}
        self.header = header
        self.frame = frame

    def decided(self, id: int, effect: _InFlight, choice: ForkChoice | None, at: int) -> Tree:
        """What arrives for one effect in flight, if anything does."""
        outcomes, kind = self._said(effect)
        named = f"effect {id} ({effect.form})"
        made = choice or ("rerun" if effect.is_held else DEFAULTS.get(kind))
        if made is None:
            what = f"{named} is {kind or 'of an unknown kind'}"
            raise WrongInput(f"{what}: say whether to rerun it or to take what came of it")
        if made == "take":
            return self._taken(id, named, outcomes)
        if made == "doubt":
            if "InDoubt" not in outcomes:
                raise WrongInput(f"{named} is {kind}: it cannot be in doubt")
            return _arriving(id, {"$": "InDoubt", "why": "fork", "at": tree(moment(at))})
        if made != "rerun":
            raise WrongInput(f"{named}: {made!r} is no choice, only 'rerun', 'take', 'doubt'")
        if effect.is_stopping:
            stopped: dict[str, Tree] = {
                "$": "Stopped",
                "by": "fork",
                "started": False,
                "at": tree(moment(at)),
            }
            return _arriving(id, stopped)
        return None

    def is_performed(self, effect: _InFlight) -> bool:
        """Whether somebody is to do again what was ordered; a question only waits, and is asked all the time."""
        return not effect.is_held and self._said(effect)[1] != "Wait"

    def _taken(self, id: int, named: str, outcomes: Container[str]) -> Tree:
        """What came of an effect after the fork, if that may come of it here too."""
        came: Any = self.outcomes.get(id)
        if came is None:
            raise WrongInput(f"nothing came of {named} in the log")
        name = came["$happened"][1]["$"]
        if name not in outcomes:  # it was asked to stop only later
            raise WrongInput(f"what came of {named} in the log is {name}, which cannot come of it")
        return self.outcomes[id]

    def _said(self, effect: _InFlight) -> tuple[list[str], str]:
        """What may come of an effect, and its recovery class, or its form if it is no Call: as the log says."""
        outline = self.outlines.get(self.digests[0])
        effects: Any = {} if outline is None else outline.tree["effects"]
        said = effects.get(effect.form)
        if said is None:
            return [], ""
        also = ["Stopped"] if effect.is_stopping or "Stopped" in said["outcomes"] else []
        if said["form"] == "Each":
            said = list(said["orders"].values())[effect.part]
        kind = said["orders"]["recovery"] if said["form"] == "Call" else said["form"]
        return [*said["outcomes"], *also], str(kind)


def _arriving(id: int, outcome: dict[str, Tree]) -> Tree:
    return {"$happened": [id, outcome]}


def _came_of(entry: Entry) -> tuple[int, Tree] | None:
    """The outcome that an entry tells of, with its effect: also of an attempt that was not tried again."""
    if happened := under(entry.event, "$happened"):
        return happened[0], happened[1]
    attempted = under(entry.event, "$attempt_failed")
    if attempted is None or entry.answer != "moved" or _is_tried_again(entry, str(attempted[0])):
        return None
    return attempted[0], attempted[2]


def _is_tried_again(entry: Entry, id: str) -> bool:
    """Whether all that came of an attempt is that the effect has come further."""
    edits: Any = entry.delta.get("effects", {})
    if edits.get(id):
        return "3" not in edits[id]
    fans = (under(under(edit, "3"), "$fan") for edit in edits.values())
    return any(fan is not None and fan.keys() == {"lives"} for fan in fans)


def _moved(frame: Frame, at: int) -> Frame:
    """A frame as it is at another time, with what waits for its time waiting as long as before."""
    parts: Any = frame
    late = at - parts["at"]
    timers: dict[str, Tree] = {
        id: [owner, row, due + late] for id, (owner, row, due) in parts["timers"].items()
    }
    effects: dict[str, Tree] = {
        id: [
            *(owner, form, ordered + late, _held_later(what, late)),
            *(*more[:2], *(_later(life, late) for life in more[2:])),
        ]
        for id, (owner, form, ordered, what, *more) in parts["effects"].items()
    }
    moved: Frame = {**frame, "at": at, "timers": timers, "effects": effects}
    parked = parts.get("parked", {})
    if "since" in parked:  # the fork of a fork: its time has stood still already
        moved["parked"] = {**parked, "since": parked["since"] + late}
    return moved


def _laid_down(frame: Frame, arriving: Iterable[Tree], again: set[int]) -> Frame:
    """A frame whose time stands still, with what arrives in its line, and with what is ordered again held."""
    parts: Any = frame
    effects = {id: _held_again(int(id), effect, again) for id, effect in parts["effects"].items()}
    waits = {"place": "", "role": "fork", "callable": "", "problem": INERT, "entry": 0}
    parked = {"since": frame["at"], **parts.get("parked", {})}
    since = parked.pop("since")
    line = list(parts.get("line", ()))
    last = min([0, *(seq for _, seq in line)])  # of a fork's fork: what arrived in that one
    line += [[one, last - place] for place, one in enumerate(arriving, 1)]
    rest: dict[str, Tree] = {
        **{key: parts[key] for key in ("abandoned", "halted") if key in parts},
        "parked": {**(parked or waits), "since": since},
        **({"line": line} if line else {}),
    }
    whole = {key: part for key, part in parts.items() if key not in SELDOM}
    return {**whole, "effects": effects, **rest}


def _held_again(id: int, effect: Any, again: set[int]) -> Tree:
    """An effect in flight, held if it is to be ordered again."""
    owner, form, at, what, *more = effect
    fan = under(what, "$fan")
    if fan is None:
        if id not in again:
            return [owner, form, at, what, *more]
        part, is_stopping, *life = more or (0, False)
        return [owner, form, at, what, part, is_stopping, _held(*life)]
    lives = dict(fan.get("lives", {}))
    for one in again & set(range(id, id + len(fan["orders"]))):
        place = str(one - id)
        lives[place] = _held(lives.get(place))
    more_to_say = {"lives": dict(sorted(lives.items()))} if lives else {}
    return [owner, form, at, {"$fan": {**fan, **more_to_say}}, *more]


def _held(life: Any = None) -> Tree:
    """An effect that begins when the fork is resumed: the attempt that was under way."""
    return [1 if life is None else life[0], "fork", 0]


def _held_later(what: Any, late: int) -> Tree:
    fan = under(what, "$fan")
    if fan is None or "lives" not in fan:
        order: Tree = what
        return order
    lives: dict[str, Tree] = {place: _later(life, late) for place, life in fan["lives"].items()}
    return {"$fan": {**fan, "lives": lives}}


def _later(life: Any, late: int) -> Tree:
    """How far an effect has come that is held for as long as before."""
    attempt, held, until = life
    return [attempt, held, until + late if until else 0]


def _in_flight(frame: Frame) -> Iterator[tuple[int, _InFlight]]:
    """Every effect that was begun and has no outcome, with its id."""
    effects: Any = frame["effects"]
    told = set(_told_in_line(frame))
    for first, (_, form, _, what, *more) in effects.items():
        fan = under(what, "$fan")
        if fan is None:
            part, is_stopping, *lives = more or (0, False)
            flying = {int(first): _InFlight(form, part, is_stopping, _is_held(*lives))}
        else:
            heard = {index for index, _ in fan["heard"]}
            asked = set(fan["asked"]) if fan["stopping"] else set(range(fan["begun"]))
            lives = fan.get("lives", {})
            flying = {
                int(first) + index: _InFlight(
                    *(form, fan["orders"][index][0], fan["stopping"] or index in fan["asked"]),
                    _is_held(lives.get(str(index))),
                )
                for index in sorted(asked - heard)
            }
        yield from ((id, effect) for id, effect in flying.items() if id not in told)


def _is_held(life: Any = None) -> bool:
    return life is not None and bool(life[1])


def _told_in_line(frame: Frame) -> Iterator[int]:
    """The effects whose outcomes wait in the line of a parked run."""
    line: Any = frame.get("line", [])
    for signal, _ in line:
        told = under(signal, "$happened") or under(signal, "$attempt_failed")
        if told is not None:
            yield told[0]


def _seals(value: Tree, known: Container[str]) -> Iterator[str]:
    """The digests of everything in a tree that is still sealed."""
    inside = value.values() if type(value) is dict else value if type(value) is list else ()
    for item in inside:
        yield from _seals(item, known)
    digest = under(value, "$sealed")
    if type(digest) is str and digest in known:
        yield digest
