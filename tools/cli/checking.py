"""The commands that look at machines: check, draw."""

from typing import Any

import trio

from detent.kernel import InvalidMachine, draw, frame_of
from detent.tools.cli.exits import DONE, NO
from detent.tools.cli.machines import found_machine
from detent.tools.cli.places import looked_at, whole_id
from detent.tools.cli.reporting import say_json

__all__ = ["check", "drawn"]


def check(options: Any) -> int:
    """Compile a machine, and say what it is."""
    found = found_machine(options.machine)
    try:
        table = found.table
    except InvalidMachine as error:
        if not options.json:
            raise
        told = [
            {"code": one.code, "place": one.place, "what": one.what, "right": one.right}
            for one in error.mistakes
        ]
        say_json({"machine": found.machine.name, "sound": False, "mistakes": told})
        return NO
    states = sum(node.kind != "history" for node in table.nodes[1:])
    counts = {
        "states": states,
        "rows": len(table.rows),
        "events": len(table.events),
        "effects": len(table.forms),
    }
    digests = {"shape": table.shape, "rules": table.rules}
    if options.json:
        say_json({"machine": table.name, "sound": True, "mistakes": [], **counts, **digests})
        return DONE
    print(
        f"machine {table.name!r} is sound: {', '.join(f'{n} {what}' for what, n in counts.items())}"
    )
    for name, digest in digests.items():
        print(f"{name} {digest}")
    return DONE


def drawn(options: Any) -> int:
    """Draw a machine."""
    table = found_machine(options.machine).table
    lit = [*options.lit]
    if options.run is not None:
        lit += trio.run(_states_of, options)
    drawing = draw(table, lit=lit, form=options.form).rstrip("\n")
    if options.json:
        say_json({"machine": table.name, "form": options.form, "lit": lit, "drawing": drawing})
    else:
        print(drawing)
    return DONE


async def _states_of(options: Any) -> list[str]:
    """The states that a run is in."""
    async with looked_at(options) as journal:
        run = await whole_id(journal, options.run)
        loaded = await journal.load(run)
        assert loaded is not None, "who asks has found the run"
        frame: Any = frame_of(loaded)
        states: list[str] = frame["in"]
        return states
