"""What a run began with, read by a machine that begins with something else now."""

from typing import Any

import attrs
import pytest
from attrs import frozen

from detent import Event, Final, Machine, On, Secret, State
from detent.kernel import (
    Key,
    Unreadable,
    begin,
    compile_machine,
    opening_lines,
    recorded_lines,
    replay,
)
from detent.kernel.recorder import Recorder

KEY = Key(b"sixteen bytes ok")


@frozen
class Go(Event):
    """Go on."""


@frozen
class Nothing:
    """The data; nothing of the input is kept."""


def begins_with(**fields: type) -> tuple[Any, Machine[Any, Any, Any]]:
    """A class of inputs, and a machine that begins with one."""
    named = {name: attrs.field(type=kind) for name, kind in fields.items()}
    wish: Any = attrs.make_class("Wish", named, frozen=True)

    def first(given: Any) -> Nothing:
        return Nothing()

    first.__annotations__ = {"given": wish, "return": Nothing}
    parts = (State("here", On(Go, to="there")), Final("there"))
    return wish, Machine("m", *parts, data=Nothing, begin=first)


def log_of(machine: Machine[Any, Any, Any], input: object) -> list[bytes]:
    """The log of a run that has just begun."""
    table = compile_machine(machine)
    recorder = Recorder(table, KEY)
    header = recorder.header("run", 0)
    first = recorder.begin(header, begin(table, input), input)
    return [*opening_lines(recorder, header), *recorded_lines("run", first)]


def test_an_input_that_the_machine_no_longer_begins_with_is_another_shape() -> None:
    wish, machine = begins_with(topic=str)
    _, changed = begins_with(topic=str, depth=int)
    log = log_of(machine, wish("owls"))

    found = replay(log, changed)

    assert replay(log, machine).divergence is None
    assert str(found.divergence) == (
        "entry 1 of run 'run' diverges: shape\n"
        '  recorded: begins with {"$":"Wish","topic":"owls"}\n'
        "  now:      Wish lacks its field 'depth'"
    )


def test_an_input_that_is_sealed_with_another_key_cannot_be_replayed() -> None:
    wish, machine = begins_with(topic=Secret[str])
    log = log_of(machine, wish("owls"))

    assert replay(log, machine, key=KEY).divergence is None
    with pytest.raises(Unreadable, match="entry 1 of run 'run'"):
        replay(log, machine, key=Key(b"another sixteen!"))
    with pytest.raises(Unreadable, match="entry 1 of run 'run'"):
        replay(log, machine)
