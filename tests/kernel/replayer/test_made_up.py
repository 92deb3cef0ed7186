"""Logs whose hashes are right and whose contents nobody's run wrote: refused in words, wherever they are read."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detent.kernel import (
    DetentError,
    Entry,
    Header,
    Recorder,
    Unreadable,
    compile_machine,
    diff,
    fork,
    frame_at,
    instants,
    read_log,
    replay,
    verify_log,
)
from detent.kernel.entries import chained
from detent.kernel.runlog import checkpoint_line
from detent.kernel.wire import Tree, parsed, spelled
from tests.kernel.replayer.corpus import logs, parcel
from tests.settings import times

PARCEL = parcel()
RUNS = {name: tuple(lines) for name, lines in logs().items()}
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    (None, True, 0, -1, 1.5, "", "x", [], [1], ["a", 2], {}, {"$": "X"}, {"$ref": "data/x"}, [[]])
)


def places(tree: Tree, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a tree."""
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(tree, dict):
        inner = tree.items()
    elif isinstance(tree, list):
        inner = enumerate(tree)
    return [path, *(way for key, part in inner for way in places(part, (*path, key)))]


def with_part(tree: Any, path: tuple[Any, ...], part: Any) -> Any:
    """A tree with another part somewhere."""
    if not path:
        return part
    copied = dict(tree) if isinstance(tree, dict) else list(tree)
    copied[path[0]] = with_part(tree[path[0]], path[1:], part)
    return copied


def rehashed(lines: Iterable[bytes], number: int, change: Callable[[Any], Any]) -> list[bytes]:
    """A log in which the body of one entry is changed, and every hash is made anew."""
    made: list[bytes] = []
    hash = ""
    for line in read_log(lines):
        what = line.what
        if isinstance(what, Header):
            hash = what.hash
            made.append(
                b'{"run":%b,"header":%b,"hash":"%b"}\n'
                % (spelled(line.run), what.body, hash.encode())
            )
        elif isinstance(what, Entry):
            body = what.body
            if what.seq == number:
                body = spelled(change(parsed(body)))
            hash = chained(hash, body)
            made.append(
                b'{"run":%b,"entry":%b,"hash":"%b"}\n' % (spelled(line.run), body, hash.encode())
            )
    return made


READERS: dict[str, Callable[[list[bytes]], object]] = {
    "verify": verify_log,
    "replay": lambda lines: replay(lines, PARCEL),
    "instants": lambda lines: list(instants(lines)),
    "diff": lambda lines: diff(lines, lines),
    "fork": lambda lines: fork(lines, 4, "another"),
}


@settings(max_examples=times(150))
@given(st.data())
def test_whatever_is_made_up_is_read_or_refused_in_words(data: st.DataObject) -> None:
    lines = RUNS[data.draw(st.sampled_from(sorted(RUNS)))]
    count = sum(isinstance(line.what, Entry) for line in read_log(lines))
    number = data.draw(st.integers(1, count))

    def change(tree: Any) -> Any:
        return with_part(tree, data.draw(st.sampled_from(places(tree))), data.draw(JUNK))

    made = rehashed(lines, number, change)

    for read in READERS.values():
        with suppress(DetentError):
            read(made)


def test_a_checkpoint_that_is_another_frame_is_found_by_replay() -> None:
    lines = list(next(iter(RUNS.values())))
    places_of = [n for n, line in enumerate(lines) if b'"entry"' in line]
    after = places_of[2]
    instant = frame_at(lines, 3)
    recorder = Recorder(compile_machine(PARCEL))
    now = recorder.scribe.snapshot(instant.frame)
    right, _ = recorder.checkpoint(now, instant.hash)
    body = right.body.replace(b'"count":', b'"count":1')
    from_hand = checkpoint_line(
        instant.header.run, type(right)(3, {}, body=body, hash=chained(instant.hash, body))
    )
    good = checkpoint_line(instant.header.run, right)

    assert replay([*lines[: after + 1], good, *lines[after + 1 :]], PARCEL).divergence is None
    with pytest.raises(Unreadable, match=r"entry 3 of run .*: its checkpoint is another frame"):
        replay([*lines[: after + 1], from_hand, *lines[after + 1 :]], PARCEL)
