"""The run log: what happened to one run, or to a run and its children, as lines of JSON. docs/log-format.md has it all.

Rule 1: a line is read alone, and checked before anybody sees it: whoever reads a log reads what was written.
Rule 2: what lies beside a line (large values, sealed ones) stands directly before it, so that reading needs no more
        memory than the largest line does with what lies beside it.
Rule 3: a last line that is torn is told, and what comes before it is kept.
Left out on purpose: files. Lines come from anywhere and go anywhere.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

from attrs import define, field, frozen

from detent.kernel.entries import (
    Checkpoint,
    Entry,
    Header,
    Origin,
    chained,
    read_checkpoint,
    read_entry,
    read_header,
)
from detent.kernel.errors import DamagedLog, Unreadable, WrongInput
from detent.kernel.recorder import Recorded, Recorder
from detent.kernel.steps import Stepped
from detent.kernel.table import Outline, Table
from detent.kernel.vault import Beside, Vault
from detent.kernel.wire import REFUSED, NoJson, Tree, parsed, spelled, strict, why_refused

__all__ = [
    "Footer",
    "Line",
    "Torn",
    "footer_line",
    "log_lines",
    "opening_lines",
    "read_log",
    "recorded_lines",
    "verify_log",
]

LINK = re.compile(
    rb'\{"run":("(?:[^"\\]|\\.)*"),"(header|entry|checkpoint)":(?P<body>\{.*\}),"hash":"([0-9a-f]{64})"\}',
    re.DOTALL,
)
BESIDE = re.compile(
    rb'\{"(blob|sealed|outline)":"([0-9a-f]{64})","(?:value|cipher|tree)":(?P<body>.*),"hash":"([0-9a-f]{64})"\}',
    re.DOTALL,
)
FOOTED = strict(("promise", str), ("loop_from", int | None))
FOOTER = re.compile(rb'\{"footer":(?P<body>\{.*\}),"hash":"([0-9a-f]{64})"\}', re.DOTALL)


@frozen
class Footer:
    """What a log is about, if it was made to show something: the promise that was broken, and where a loop begins."""

    promise: str = ""
    loop_from: int | None = None


@frozen
class Torn:
    """A last line that was not written to its end."""

    text: bytes


What: TypeAlias = Header | Entry | Checkpoint | Outline | Footer | Torn


@frozen(slots=False)
class Line:
    """A line of a log: its number, the run it belongs to, what it is, and what lies beside it."""

    number: int
    run: str
    what: What
    beside: Vault = field(factory=dict[str, Beside], repr=False)


# -- writing


def log_lines(
    table: Table[Any, Any, Any],
    input: object,
    steps: Iterable[Stepped[Any]],
    *,
    run: str = "walk",
    at: int = 0,
    recorder: Recorder | None = None,
) -> Iterator[bytes]:
    """The log of a run that was walked: `log_lines(table, Cart(), walk(order, Cart(), Pay()))`.

    Raises WrongInput if the machine has secret or personal fields, and the recorder no key to seal them with.
    """
    made = Recorder(table) if recorder is None else recorder
    header = made.header(run, at)
    yield from opening_lines(made, header)
    recorded: Recorded | None = None
    for stepped in steps:
        if recorded is None:
            recorded = made.begin(header, stepped, input)
        else:
            told = made.record(recorded.head, recorded.snapshot, stepped)
            if told is None:
                continue
            recorded = told
        yield from recorded_lines(run, recorded)


def opening_lines(recorder: Recorder, header: Header) -> Iterator[bytes]:
    """What a log begins with: the header, and what the machine was when it was written.

    Raises WrongInput if the machine has secret or personal fields, and the recorder no key to seal them with.
    """
    if recorder.unsealed:
        raise WrongInput(
            f"machine {header.machine!r} has something to seal ({recorder.unsealed}), and there is no key for it: "
            f"a log that lasts is made by Recorder(table, Key(...))"
        )
    yield header_line(header)
    for outline in (recorder.table.shape_outline, recorder.table.rules_outline):
        yield outline_line(outline)


def recorded_lines(run: str, recorded: Recorded) -> Iterator[bytes]:
    """The lines of an entry, and of its checkpoint if it has one."""
    entry, checkpoint = recorded.entry, recorded.checkpoint
    yield from map(beside_line, recorded.beside)
    yield entry_line(run, entry)
    if checkpoint is not None:
        yield from map(beside_line, recorded.under)
        yield checkpoint_line(run, checkpoint)


def header_line(header: Header) -> bytes:
    """The line a run begins with."""
    return _link(header.run, "header", header.body, header.hash)


def entry_line(run: str, entry: Entry) -> bytes:
    """The line of an entry."""
    return _link(run, "entry", entry.body, entry.hash)


def checkpoint_line(run: str, checkpoint: Checkpoint) -> bytes:
    """The line of a checkpoint."""
    return _link(run, "checkpoint", checkpoint.body, checkpoint.hash)


def beside_line(beside: Beside) -> bytes:
    """The line of what lies beside the next entry."""
    if beside.is_sealed:
        return _beside("sealed", beside.digest, "cipher", spelled(beside.text))
    return _beside("blob", beside.digest, "value", beside.body)


def outline_line(outline: Outline) -> bytes:
    """The line that says what a machine was."""
    return _beside("outline", outline.digest, "tree", outline.text)


def footer_line(footer: Footer) -> bytes:
    """The last line of a log that was made to show something."""
    body = spelled({"promise": footer.promise, "loop_from": footer.loop_from})
    return b'{"footer":' + body + b',"hash":"' + _digest(body).encode() + b'"}\n'


def _link(run: str, word: str, body: bytes, hash: str) -> bytes:
    return b'{"run":%b,"%b":%b,"hash":"%b"}\n' % (spelled(run), word.encode(), body, hash.encode())


def _beside(word: str, digest: str, name: str, body: bytes) -> bytes:
    hash = _digest(digest.encode() + body).encode()
    parts = (word.encode(), digest.encode(), name.encode(), body, hash)
    return b'{"%b":"%b","%b":%b,"hash":"%b"}\n' % parts


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=32).hexdigest()


# -- reading


def read_log(lines: Iterable[bytes]) -> Iterator[Line]:
    """The lines of a log, each checked. Raises DamagedLog, which names the line, the run and the entry."""
    reader = _Reader()
    for number, text in enumerate(lines, 1):
        line = reader.next_entry(number, text)
        if line is None:
            yield from reader.read(number, text)
        else:
            yield line


def verify_log(lines: Iterable[bytes], heads: Mapping[str, str] | None = None) -> dict[str, str]:
    """The last hash of each run of a log. Raises DamagedLog, also if one of `heads` (run: hash) is not in it.

    Whoever kept the hash of an entry somewhere else can tell by it whether a log was cut short.
    """
    missing = dict(heads or {})
    reader = _Reader()
    number = 0
    for number, text in enumerate(lines, 1):
        for line in reader.read(number, text):
            tip = reader.tips.get(line.run)
            if tip is not None and missing.get(line.run) == tip.hash:
                del missing[line.run]
    for run, head in missing.items():
        seq = reader.tips[run].seq + 1 if run in reader.tips else 0
        raise DamagedLog(number, run, seq, f"the log is cut short: {head} is not in it")
    return {run: tip.hash for run, tip in reader.tips.items()}


@define
class _Tip:
    """Where the reading of a run is."""

    hash: str
    seq: int
    origin: Origin | None = None


@define
class _Reader:
    """Checks one line after the other."""

    tips: dict[str, _Tip] = field(factory=dict[str, _Tip])
    waiting: dict[str, Beside] = field(factory=dict[str, Beside])
    names: dict[bytes, str] = field(factory=dict[bytes, str])
    end: Line | None = None
    run: str = ""
    start: bytes = b""
    """Of the last entry: its run, and what its line began with."""

    def next_entry(self, number: int, text: bytes) -> Line | None:
        """The line of a text that is the next entry of the run of the last: what `read` would say, sooner.

        All else, and all that is wrong, is left to `read`.
        """
        if not self.start or not text.startswith(self.start) or text[-76:-67] != b',"hash":"':
            return None
        body, hash = text[len(self.start) : -76], text[-67:-3]
        tip = self.tips[self.run]
        made = chained(tip.hash, body)
        if made.encode() != hash or text[-3:] != b'"}\n' or self.end is not None:
            return None
        try:
            entry = read_entry(body, made)
        except Unreadable:
            return None
        if entry.seq != tip.seq + 1 or not body.startswith(b"{") or not body.endswith(b"}"):
            return None
        tip.hash, tip.seq, tip.origin = made, entry.seq, None
        beside, self.waiting = self.waiting, {}
        return Line(number, self.run, entry, beside)

    def read(self, number: int, text: bytes) -> Iterator[Line]:
        """The line of a text, if it is a line for others to see."""
        if self.end is not None:
            raise self._beyond(number, self.end)
        line = text.removesuffix(b"\n")
        if line is text and not _is_whole(line):
            yield self._torn(number, text)
        elif found := LINK.fullmatch(line):
            yield self._link(number, *found.groups())
        elif found := BESIDE.fullmatch(line):
            yield from self._beside(number, *found.groups())
        elif found := FOOTER.fullmatch(line):
            body, hash = found.groups()
            if _digest(body) != hash.decode():
                raise DamagedLog(number, "", None, "the footer does not match its hash")
            try:
                given = FOOTED(body)
            except REFUSED as error:
                raise DamagedLog(
                    number, "", None, f"this is no footer: {why_refused(error)}"
                ) from None
            self.end = Line(number, "", Footer(given.promise, given.loop_from))
            yield self.end
        else:
            raise DamagedLog(number, *self._guess(line), "this is no line of a log")

    def _torn(self, number: int, text: bytes) -> Line:
        """A text that is no whole line, and has no end of a line."""
        if _is_whole(text[:-1]):
            why = f"the line ends with {text[-1:]!r}, and not with the end of a line"
            raise DamagedLog(number, *self._guess(text), why)
        self.end = Line(number, "", Torn(text))
        return self.end

    def _beyond(self, number: int, end: Line) -> DamagedLog:
        if isinstance(end.what, Torn):
            why = "this is no line of a log, and not the last"
            return DamagedLog(end.number, *self._guess(end.what.text), why)
        return DamagedLog(number, "", None, "the footer is not the last line")

    def _link(self, number: int, name: bytes, word: bytes, body: bytes, hash: bytes) -> Line:
        try:
            run = self.names.get(name, "") or self.names.setdefault(name, str(parsed(name)))
            what: Header | Entry | Checkpoint
            if word == b"header":
                what = self._header(number, run, body, hash.decode())
            elif run not in self.tips:
                raise DamagedLog(number, run, None, f"there is no header of run {run!r}")
            elif word == b"entry":
                what = self._entry(number, run, body, hash.decode())
            else:
                what = self._checkpoint(number, run, body, hash.decode())
        except (Unreadable, NoJson) as error:
            raise DamagedLog(number, *self._guess(name), str(error)) from None
        beside, self.waiting = self.waiting, {}
        return Line(number, run, what, beside)

    def _header(self, number: int, run: str, body: bytes, hash: str) -> Header:
        header = read_header(body)
        if header.hash != hash or header.run != run:
            raise DamagedLog(number, run, 0, "the header does not match its hash")
        if run in self.tips:
            raise DamagedLog(number, run, 0, f"run {run!r} has a second header")
        origin = header.origin
        self.tips[run] = _Tip(hash, 0 if origin is None else origin.seq, origin)
        return header

    def _entry(self, number: int, run: str, body: bytes, hash: str) -> Entry:
        tip = self.tips[run]
        if chained(tip.hash, body) != hash:
            why = "the entry does not match its hash, or one before it is missing"
            raise DamagedLog(number, run, tip.seq + 1, why)
        entry = read_entry(body, hash)
        if entry.seq != tip.seq + 1:
            raise DamagedLog(number, run, tip.seq + 1, f"the entry says it is entry {entry.seq}")
        tip.hash, tip.seq, tip.origin = hash, entry.seq, None
        self.run, self.start = run, b'{"run":%b,"entry":' % spelled(run)
        return entry

    def _checkpoint(self, number: int, run: str, body: bytes, hash: str) -> Checkpoint:
        tip = self.tips[run]
        if chained(tip.hash, body) != hash:
            raise DamagedLog(number, run, tip.seq, "the checkpoint does not match its hash")
        checkpoint = read_checkpoint(body, hash)
        if not tip.seq:
            raise DamagedLog(number, run, 0, "a checkpoint stands before the first entry")
        if checkpoint.seq != tip.seq:
            raise DamagedLog(number, run, tip.seq, "the checkpoint follows another entry")
        if tip.origin is not None:
            tip.hash = hash  # the first line of a fork is a link of its chain
        return checkpoint

    def _beside(
        self, number: int, word: bytes, digest: bytes, body: bytes, hash: bytes
    ) -> Iterator[Line]:
        name = digest.decode()
        if _digest(digest + body) != hash.decode():
            raise DamagedLog(number, *self._next(), f"the {word.decode()} does not match its hash")
        if word == b"outline":
            if _digest(body) != name:
                raise DamagedLog(number, "", None, "the outline does not match its digest")
            yield Line(number, "", Outline(body, name))
            return
        sealed = word == b"sealed"
        try:
            cipher: Tree = parsed(body) if sealed else ""
            made = Beside.of_text(name, str(cipher), True) if sealed else Beside(name, body)
        except (NoJson, ValueError) as error:
            raise DamagedLog(number, *self._next(), f"this cannot be read: {error}") from None
        if not made.is_whole():
            raise DamagedLog(number, *self._next(), "the blob does not match its digest")
        self.waiting[name] = made

    def _next(self) -> tuple[str, int | None]:
        """The entry that what lies beside one probably belongs to, if there is one run alone."""
        if len(self.tips) == 1:
            ((run, tip),) = self.tips.items()
            return run, tip.seq + 1
        return "", None

    def _guess(self, line: bytes) -> tuple[str, int | None]:
        """Whose line this may have been."""
        for run, tip in self.tips.items():
            if spelled(run) in line[: len(spelled(run)) + 9]:
                return run, tip.seq + 1
        return self._next()


def _is_whole(line: bytes) -> bool:
    """Whether a text is a line from its first byte to its last, be it right or wrong."""
    found = LINK.fullmatch(line) or BESIDE.fullmatch(line) or FOOTER.fullmatch(line)
    try:
        return found is not None and parsed(found["body"]) is not None
    except (NoJson, RecursionError):
        return False
