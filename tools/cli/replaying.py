"""The commands that look back: replay, diff, fork."""

import json
from typing import Any

import trio

from detent.kernel import (
    Difference,
    ForkChoice,
    Header,
    Outline,
    WrongInput,
    diff,
    fork,
    read_log,
    replay,
)
from detent.tools.cli.exits import DONE, NO, Usage
from detent.tools.cli.machines import Found, found_by_callables, found_machine
from detent.tools.cli.moving import brought_in
from detent.tools.cli.places import is_file, key_of, lines_of, named, new_file
from detent.tools.cli.reporting import say_json

__all__ = ["differed", "forked", "replayed"]

CHOICES: dict[str, ForkChoice] = {"rerun": "rerun", "take": "take", "doubt": "doubt"}


def replayed(options: Any) -> int:
    """Take a recorded run again."""
    lines = trio.run(lines_of, options, options.run)
    machine = found_machine(options.machine) if options.machine else _machine_in(lines)
    came = replay(lines, machine.machine, key=key_of(options))
    parted = came.divergence
    if not options.json:
        print(came)
        return DONE if parted is None else NO
    divergence = parted and {
        **{"run": parted.run, "seq": parted.seq, "kind": parted.kind},
        **{"expected": parted.expected, "actual": parted.actual},
        "differences": _differences(parted.diff),
    }
    say_json(
        {
            **{"entries": came.entries, "others": came.others, "torn": came.torn},
            "changed": _differences(came.changed),
            "divergence": divergence,
        }
    )
    return DONE if parted is None else NO


def _machine_in(lines: tuple[bytes, ...]) -> Found:
    """The machine of the first run of a log, found where its callables are."""
    machine, outlines = "", list[Outline]()
    for line in read_log(lines):
        if isinstance(line.what, Header) and not machine:
            machine = line.what.machine
        elif isinstance(line.what, Outline):
            outlines.append(line.what)
    return found_by_callables(outlines, machine)


def _differences(given: tuple[Difference, ...]) -> list[dict[str, Any]]:
    return [{"path": one.path, "text": str(one)} for one in given]


def differed(options: Any) -> int:
    """Find where two runs part."""
    one = trio.run(lines_of, options, options.one)
    other = trio.run(lines_of, options, options.other)
    parting = diff(one, other, key=key_of(options))
    if options.json:
        found = parting and {
            **{"seq": parting.seq, "what": parting.what},
            "differences": _differences(parting.diff),
        }
        say_json({"parting": found})
    else:
        print(parting or "the two runs never part")
    return DONE if parting is None else NO


def forked(options: Any) -> int:
    """Begin another run after an entry of one."""
    choices = dict(map(_choice, options.effect))
    lines = trio.run(lines_of, options, options.run)
    made = fork(lines, options.at, options.name, choices, of=options.of, key=key_of(options))
    if options.out is None and is_file(options.run) and not options.store:
        raise Usage("where is it to go? Say --out FILE, or --store FILE")
    if options.out is None:
        trio.run(brought_in, options, tuple(made.lines()))
        where = "the store"
    else:
        new_file(options.out, made.lines())
        where = options.out
    if options.json:
        say_json({"run": options.name, "at": options.at, "in": where, "arriving": [*made.arriving]})
        return DONE
    print(f"run {options.name!r} begins after entry {options.at}, in {where}")
    for one in made.arriving:
        print(f"arrives first: {json.dumps(one, ensure_ascii=False)}")
    if options.out is None:
        print(f"go on: detent resume {options.name}{named(options)}")
    return DONE


def _choice(given: str) -> tuple[int, ForkChoice]:
    id, _, word = given.partition("=")
    choice = CHOICES.get(word)
    if choice is None or not id.isdigit():
        raise WrongInput(f"{given!r} is no choice: write ID=CHOICE, of {', '.join(CHOICES)}")
    return int(id), choice
