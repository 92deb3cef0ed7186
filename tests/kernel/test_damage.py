"""Damage to a run log: whatever is changed, put in, left out or moved is found, and its line is named."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detent.kernel import footer_line, verify_log
from tests.kernel.run_logs import FOOTER, Log, damage_of, families, flipped, links, logs, small
from tests.settings import LONG, times

STRIDE = 1 if LONG else 13
"""Every place of a log is tried in long runs, and some of them in others."""


@pytest.mark.parametrize("bits", [1, 0x20, 0x80])
def test_a_flipped_bit_anywhere_is_found_and_its_line_is_named(bits: int) -> None:
    text = b"".join(small())

    for place in range(0, len(text), 1 if bits == 1 else STRIDE):
        lines, blamed = flipped(small(), place, text[place] ^ bits)
        assert damage_of(lines).line in blamed, (place, lines)


@pytest.mark.parametrize("byte", [0, *b'\n\r \\"{}[]0aA,:', 0x7F, 0xC3, 0xFF])
def test_a_byte_of_every_kind_is_found_wherever_it_is_put(byte: int) -> None:
    text = b"".join(small())

    for place in range(byte % STRIDE, len(text), STRIDE):
        if text[place] != byte:
            lines, blamed = flipped(small(), place, byte)
            assert damage_of(lines).line in blamed, (place, lines)


@settings(max_examples=times(100))
@given(logs(footer=True), st.data())
def test_any_changed_byte_of_any_log_is_found(lines: Log, data: st.DataObject) -> None:
    text = b"".join(lines)
    for _ in range(10):
        place = data.draw(st.integers(0, len(text) - 1))
        changed, blamed = flipped(lines, place, text[place] ^ data.draw(st.integers(1, 255)))
        assert damage_of(changed).line in blamed


@given(logs(), st.data())
def test_a_header_or_an_entry_that_is_dropped_is_found(lines: Log, data: st.DataObject) -> None:
    chain = links(lines)
    assume(len(chain) > 1)
    place = data.draw(st.sampled_from(chain[:-1]))

    damage = damage_of([*lines[:place], *lines[place + 1 :]])

    assert damage.line <= chain[chain.index(place) + 1]
    assert "missing" in str(damage) or "there is no header" in str(damage)


@given(logs(), st.data())
def test_a_header_or_an_entry_that_is_there_twice_is_found(lines: Log, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(links(lines)))
    later = data.draw(st.integers(place, len(lines) - 1))

    damage = damage_of([*lines[: later + 1], lines[place], *lines[later + 1 :]])

    assert damage.line == later + 2


@given(logs(), st.data())
def test_entries_that_change_places_are_found(lines: Log, data: st.DataObject) -> None:
    chain = links(lines)
    assume(len(chain) > 1)
    first = data.draw(st.sampled_from(chain[:-1]))
    second = data.draw(st.sampled_from([place for place in chain if place > first]))
    swapped = list(lines)
    swapped[first], swapped[second] = swapped[second], swapped[first]

    damage = damage_of(swapped)

    assert damage.line == first + 1


@given(logs(footer=True), st.data())
def test_what_belongs_to_nobody_is_found_wherever_it_is_put(
    lines: Log, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(lines) - 1))
    junk = data.draw(st.binary(max_size=20).filter(lambda text: b"\n" not in text))

    damage = damage_of([*lines[:place], junk + b"\n", *lines[place:]])

    assert damage.line == place + 1
    assert damage.why == "this is no line of a log"


@given(logs(), st.data())
def test_nothing_follows_a_footer(lines: Log, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(lines) - 1))

    damage = damage_of([*lines[:place], footer_line(FOOTER), *lines[place:]])

    assert damage.line == place + 2
    assert damage.why == "the footer is not the last line"


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_lines_without_their_ends_are_checked_as_well(ending: bytes) -> None:
    lines = [line.removesuffix(b"\n") + ending for line in small()]

    assert verify_log(lines) == verify_log(small())
    for number, line in enumerate(lines[:-1], 1):
        for wrong in (line.replace(b'"hash":"', b'"hash":"0', 1), line[:-5] + ending):
            damage = damage_of([*lines[: number - 1], wrong, *lines[number:]])
            assert damage.line == number


@settings(max_examples=times(40))
@given(families(), st.data())
def test_an_entry_under_another_run_is_found(
    family: tuple[Log, tuple[Log, ...]], data: st.DataObject
) -> None:
    mixed, _ = family
    place = data.draw(st.sampled_from(links(mixed)))
    line = mixed[place]
    name = data.draw(st.sampled_from([b'"a"', b'"c"', b'"a c"', b'"d"']))
    assume(not line.startswith(b'{"run":' + name + b","))

    moved = re.sub(rb'^\{"run":"[^"]*"', b'{"run":' + name, line, count=1)

    assert damage_of([*mixed[:place], moved, *mixed[place + 1 :]]).line == place + 1


@settings(max_examples=times(40))
@given(families(), st.data())
def test_a_changed_byte_of_a_family_is_found(
    family: tuple[Log, tuple[Log, ...]], data: st.DataObject
) -> None:
    text = b"".join(family[0])
    place = data.draw(st.integers(0, len(text) - 1))

    changed, blamed = flipped(family[0], place, text[place] ^ data.draw(st.integers(1, 255)))

    assert damage_of(changed).line in blamed
