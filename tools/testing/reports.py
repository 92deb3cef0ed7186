"""What a failed walk is told as: in words, as a test to paste, and as a run log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from detent.kernel import (
    Beside,
    Entry,
    Footer,
    Head,
    Header,
    Key,
    Recorded,
    Recorder,
    Stepped,
    Table,
    digests_of,
    footer_line,
    opening_lines,
    recorded_lines,
)
from detent.tools.testing.promises import Promise
from detent.tools.testing.spelling import Speller
from detent.tools.testing.strategies import Walk

__all__ = [
    "RUN",
    "BrokenProperty",
    "Found",
    "lines_of",
    "report",
    "stored_lines",
    "told_run",
    "walk_key",
    "write_log",
]

RUN = "walk"
walk_key = Key(b"what happens in a walk is made up")
"""What secret fields are sealed with in logs of walks, which hold nobody's secrets."""


class BrokenProperty(AssertionError):
    """A walk that breaks a promise, or something that every machine keeps."""


@frozen
class Found:
    """What is wrong with a walk: which property, how it shows, in which answer, and after how many signals."""

    what: str
    how: str
    stepped: Stepped[Any] | None = None
    number: int = 0
    entries: tuple[Recorded, ...] = ()


def lines_of(recorder: Recorder, entries: Sequence[Recorded]) -> Iterator[bytes]:
    """The log of what was recorded of a walk."""
    yield from opening_lines(recorder, recorder.header(RUN))
    for recorded in entries:
        yield from recorded_lines(RUN, recorded)


def report(
    recorder: Recorder,
    walk: Walk,
    promises: Sequence[Promise[Any]],
    found: Found,
    log: Path | None,
) -> str:
    """Everything somebody needs who is to mend it."""
    table = recorder.table
    lines = [f"machine {table.name!r} does not keep this: {found.what}", f"  {found.how}"]
    if found.stepped is not None:
        before = [one for one in found.entries if one.snapshot is not found.stepped.snapshot]
        states = ", ".join(before[-1].snapshot.configuration) if before else "nothing yet"
        lines += [f"  state: {states}", f"  event: {found.stepped}"]
    lines += ["", "as a test:", "", *_pasted(table, walk, promises, found)]
    if log is not None:
        _write(recorder, found, log)
        lines += ["", f"as a run log: {log}"]
    return "\n".join(lines)


def _pasted(
    table: Table[Any, Any, Any], walk: Walk, promises: Sequence[Promise[Any]], found: Found
) -> Iterator[str]:
    """A test that fails in the same way: nothing after what broke is in it."""
    speller = Speller()
    arguments = [_identifier(table.name), speller.spell(walk.input)]
    signals = walk.signals[: found.number]
    untimed = all(not at for _, at in signals)
    for signal, at in signals:
        text = speller.spell(signal)
        arguments.append(text if untimed else f"({text}, {at})")
    names = [_identifier(getattr(one.claim, "__name__", "promise")) for one in promises]
    if names:
        arguments.append(f"promises=[{', '.join(names)}]")
    for line in (*speller.imports(), "from detent.tools.testing import check_walk"):
        yield f"    {line}"
    yield f"    # and {' and '.join([arguments[0], *names])}, as this test calls them"
    yield ""
    yield f"    def test_{_identifier(found.what)}() -> None:"
    yield "        check_walk("
    for argument in arguments:
        yield f"            {argument},"
    yield "        )"


def _write(recorder: Recorder, found: Found, log: Path) -> None:
    """Write the log of a failure, its footer saying what was broken. What is there is replaced."""
    write_log(log, lines_of(recorder, found.entries), found.what)


def write_log(log: Path, lines: Iterable[bytes], what: str) -> None:
    """Write the log of a failure, its footer saying what was broken. What is there is replaced."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        file.writelines(lines)
        file.write(footer_line(Footer(what)))


def stored_lines(
    recorder: Recorder, header: Header, entries: Sequence[Entry], beside: Mapping[str, Beside]
) -> Iterator[bytes]:
    """The log of a run as a journal has stored it, with what lies beside it."""
    yield from opening_lines(recorder, header)
    nothing: Any = None
    for entry in entries:
        under = tuple(beside[digest] for digest in digests_of(entry) if digest in beside)
        yield from recorded_lines(header.run, Recorded(nothing, entry, Head(entry.hash), under))


def told_run(
    name: str,
    found: Found,
    script: Sequence[str],
    promises: Sequence[Promise[Any]],
    log: str,
) -> str:
    """Everything somebody needs who is to mend what a run on the kernel has shown."""
    lines = [f"machine {name!r} does not keep this: {found.what}", f"  {found.how}"]
    lines += ["", "what happened, by the clock:", "", *script]
    if log:
        names = [_identifier(getattr(one.claim, "__name__", "promise")) for one in promises]
        kept = f", promises=[{', '.join(names)}]" if names else ""
        lines += ["", f"as a run log: {log}", "as a test of what was recorded:", ""]
        lines += ["    from detent.tools.testing import recording", ""]
        lines += [
            f'    test_{_identifier(found.what)} = recording("{log}", {_identifier(name)}{kept})'
        ]
    return "\n".join(lines)


def _identifier(text: str) -> str:
    """A text as a name of Python."""
    name = "".join(letter if letter.isalnum() else "_" for letter in text).strip("_")
    return name if name.isidentifier() else f"the_{name}"
