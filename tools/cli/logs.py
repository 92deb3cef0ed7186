"""The commands for run logs: verify, show, replay, diff, fork."""

import argparse
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from detent.kernel import (
    Entry,
    Footer,
    ForkChoice,
    Header,
    Key,
    Torn,
    WorldError,
    WrongInput,
    diff,
    fork,
    frame_at,
    read_log,
    replay,
)

__all__ = ["Findings", "add_commands"]

CHOICES: dict[str, ForkChoice] = {"rerun": "rerun", "take": "take", "doubt": "doubt"}


class Findings(Exception):
    """What a command found that should not be so: told, and the exit code is 1."""


def add_commands(
    add: Callable[..., argparse.ArgumentParser],
    machine_of: Callable[[str], Any],
) -> None:
    """Add the commands; `add` makes a parser for one. `machine_of` finds a machine by its address."""
    verifying = _command(add, "verify", "check that a log is as it was written", _verify)
    verifying.add_argument(
        "--head", action="append", default=[], metavar="HASH", help="a hash the log must hold"
    )
    showing = _command(add, "show", "tell a log, an entry a line", _show)
    showing.add_argument("--at", type=int, metavar="SEQ", help="the whole frame after one entry")
    showing.add_argument("--run", dest="of", help="of which run; the first, if nothing is said")
    replaying = _command(add, "replay", "take a log again by a machine", _replay)
    replaying.add_argument("machine", help="where it is: module:name, as in shop.orders:order")
    replaying.set_defaults(machine_of=machine_of)
    for command in (showing, replaying):
        command.add_argument(
            "--key", type=Path, metavar="FILE", help="holds the key of what is sealed"
        )
    parting = _command(add, "diff", "find where two logs part", _diff)
    parting.add_argument("other", type=Path, help="another log")
    forking = _command(add, "fork", "begin another run after an entry of a log", _fork)
    forking.add_argument("--at", type=int, required=True, metavar="SEQ", help="after which entry")
    forking.add_argument("--name", required=True, metavar="RUN", help="the id of the new run")
    forking.add_argument("--run", dest="of", help="of which run; the first, if nothing is said")
    forking.add_argument("--key", type=Path, metavar="FILE", help="holds the key of what is sealed")
    forking.add_argument("--out", type=Path, required=True, metavar="LOG", help="where it goes")
    forking.add_argument(
        "--effect",
        action="append",
        default=[],
        metavar="ID=CHOICE",
        help=f"what becomes of an effect in flight: {', '.join(CHOICES)}",
    )


def _command(
    add: Callable[..., argparse.ArgumentParser],
    name: str,
    what: str,
    run: Callable[[argparse.Namespace], str],
) -> argparse.ArgumentParser:
    command = add(name, help=what)
    command.set_defaults(run=run)
    command.add_argument("log", type=Path, help="a *.run.jsonl")
    return command


@contextmanager
def _opened(path: Path) -> Generator[IO[bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from error
    with file:
        yield file


def _key(options: argparse.Namespace) -> Key | None:
    if options.key is None:
        return None
    with _opened(options.key) as file:
        return Key(file.read())


def _verify(options: argparse.Namespace) -> str:
    missing = set(options.head)
    entries: dict[str, int] = {}
    tips: dict[str, str] = {}
    told: list[str] = []
    with _opened(options.log) as log:
        for line in read_log(log):
            if isinstance(line.what, Header | Entry):
                entries[line.run] = entries.get(line.run, -1) + 1
                tips[line.run] = line.what.hash
                missing.discard(line.what.hash)
            elif isinstance(line.what, Torn):
                told.append(f"line {line.number} is torn: {len(line.what.text)} bytes left out")
    if not tips:
        raise Findings(f"{options.log}: there is no run in it")
    if missing:
        raise Findings(f"{options.log}: the log is cut short: {min(missing)} is not in it")
    runs = [f"run {run!r}: {entries[run]} entries, head {tips[run]}" for run in tips]
    return "\n".join([*runs, *told])


def _show(options: argparse.Namespace) -> str:
    with _opened(options.log) as log:
        if options.at is not None:
            frame = frame_at(log, options.at, options.of, _key(options)).frame
            return json.dumps(frame, indent=2, ensure_ascii=False)
        told = [
            _told(line.what)
            for line in read_log(log)
            if options.of in (None, line.run) or isinstance(line.what, Torn)
        ]
    return "\n".join(text for text in told if text)


def _told(what: object) -> str:
    if isinstance(what, Header):
        origin = "" if what.origin is None else f", from {what.origin.run!r} {what.origin.seq}"
        return f"run {what.run!r} of machine {what.machine!r}{origin}"
    if isinstance(what, Entry):
        event = json.dumps(what.event, ensure_ascii=False, separators=(",", ":"))
        took = " ".join(row for rows in what.took for row in rows) or what.answer
        cause = "" if what.cause is None else f" (deferred at {what.cause})"
        shown = event if len(event) <= 100 else f"{event[:97]}..."
        return f"{what.seq:>6}  {shown}{cause}  {took}"
    if isinstance(what, Footer):
        return f"it shows: {what.promise}"
    return "the last line is torn" if isinstance(what, Torn) else ""


def _replay(options: argparse.Namespace) -> str:
    machine = options.machine_of(options.machine)
    with _opened(options.log) as log:
        replayed = replay(log, machine, key=_key(options))
    if replayed.divergence is not None:
        raise Findings(str(replayed))
    return str(replayed)


def _diff(options: argparse.Namespace) -> str:
    with _opened(options.log) as one, _opened(options.other) as other:
        parting = diff(one, other)
    if parting is not None:
        raise Findings(str(parting))
    return "the two runs never part"


def _fork(options: argparse.Namespace) -> str:
    choices: dict[int, ForkChoice] = {}
    for given in options.effect:
        id, _, word = given.partition("=")
        choice = CHOICES.get(word)
        if choice is None or not id.isdigit():
            raise WrongInput(f"{given!r} is no choice: write ID=CHOICE, of {', '.join(CHOICES)}")
        choices[int(id)] = choice
    if options.out.exists():
        raise WrongInput(f"{options.out} is there already")
    with _opened(options.log) as log:
        made = fork(log, options.at, options.name, choices, of=options.of, key=_key(options))
    with options.out.open("wb") as file:
        file.writelines(made.lines())
    arriving = "".join(f"\narrives first: {json.dumps(one)}" for one in made.arriving)
    return f"run {options.name!r} begins after entry {options.at}, in {options.out}{arriving}"
