"""The lines of a log: what each holds, and the chain of hashes that holds them together.

Rule 1: the hash of an entry is BLAKE2b-256 over the hash before it and the entry's own bytes; that of a header is
        over its bytes alone, or, for a fork, over the parent's hash and its bytes. A changed byte breaks the chain.
Rule 2: a checkpoint hashes to the entry it follows and is no link of the chain, so that one may be left out; that of
        a fork is its first link.
Rule 3: bytes are kept as they were read or written: nothing is spelled again to be checked.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from detent.kernel.applying import ordered_in
from detent.kernel.edits import BadEdit
from detent.kernel.errors import Unreadable, WrongInput
from detent.kernel.facts import Fact
from detent.kernel.values import FrozenMap
from detent.kernel.wire import REFUSED, Tree, spelled, strict, under, why_refused

__all__ = [
    "FORMAT",
    "NOTHING",
    "AnswerWord",
    "Checkpoint",
    "Entry",
    "Header",
    "Origin",
    "chained",
    "linked",
    "machine_after",
    "read_checkpoint",
    "read_entry",
    "read_header",
    "unwritten",
    "write_header",
]

FORMAT = 1
"""Which version of the format a header is of."""

NOTHING: FrozenMap[str, str] = FrozenMap()
"""The baggage of who carries none."""

AnswerWord: TypeAlias = Literal["moved", "ignored", "deferred", "rejected"]


@frozen
class Origin:
    """Where a fork comes from: the entry of another run that it follows."""

    run: str
    seq: int
    hash: str


@frozen(weakref_slot=False)
class Header:
    """The first line of a run: which machine it is a run of, by name and digests, and when it began.

    `seed` is what its chance comes from, `deadline` when its time is over; of a fork both are its parent's business.
    `baggage` are words it carries along for whoever performs its effects, or looks on.
    """

    run: str
    machine: str
    shape: str
    rules: str
    at: int = 0
    origin: Origin | None = None
    seed: int | None = None
    deadline: int | None = None
    baggage: FrozenMap[str, str] = NOTHING
    body: bytes = field(default=b"", repr=False, eq=False, kw_only=True)
    hash: str = field(default="", kw_only=True)


class Entry(Fact, frozen=True):
    """One line of the log: what happened, what it was answered with, and what changed.

    `event` is the signal as a tree (an outcome that came just then does not say when), `took` names the rows of each
    microstep, `delta` is the change of the frame, `effects` and `stopped` are the ids of what was ordered and of what
    was asked to stop. `cause` is the entry that deferred the event, `key` the idempotency key of its sender.
    """

    seq: int
    at: int
    event: Tree
    cause: int | None = None
    key: str | None = None
    answer: AnswerWord = "moved"
    took: tuple[tuple[str, ...], ...] = ()
    delta: dict[str, Tree] = {}
    effects: tuple[int, ...] = ()
    stopped: tuple[int, ...] = ()
    body: bytes = b""
    hash: str = ""

    def __eq__(self, other: object) -> bool:
        """Whether two entries say the same, and follow the same."""
        if not isinstance(other, Entry):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in SAID)

    def __ne__(self, other: object) -> bool:
        """Whether they do not; a struct would look at its bytes, too."""
        return not self == other


SAID = tuple(name for name in Entry.__struct_fields__ if name != "body")
"""What an entry says; its bytes say it once more."""


@frozen
class Checkpoint:
    """A whole frame, so that reading a run need not begin at its beginning."""

    seq: int
    frame: dict[str, Tree] = field(repr=False)
    body: bytes = field(default=b"", repr=False, eq=False, kw_only=True)
    hash: str = field(default="", kw_only=True)


def chained(previous: str, body: bytes) -> str:
    """The hash that follows another."""
    return blake2b(bytes.fromhex(previous) + body, digest_size=32).hexdigest()


def linked(previous: bytes, body: bytes) -> bytes:
    """The same in half the room."""
    return blake2b(previous + body, digest_size=32).digest()


def machine_after(entry: Entry, digests: tuple[str, str]) -> tuple[str, str]:
    """The shape and the rules of its machine after an entry of a run, from those before it."""
    upgraded = under(entry.event, "$upgraded")
    migrated = under(entry.event, "$migrated")
    if upgraded is None and migrated is None:
        return digests
    match upgraded or migrated:
        case {"rules": [str(), str(rules)]} if migrated is None:
            return digests[0], rules
        case {"shape": [str(), str(shape)], "rules": [str(), str(rules)]}:
            return shape, rules
        case other:
            raise Unreadable(f"{other!r} does not say what became of the machine")


def unwritten(header: Header) -> Header:
    """A header whose bytes and hash are made later (`write_header`). Raises WrongInput for what has no spelling."""
    if not header.run:
        raise WrongInput("a run needs an id")
    try:
        header.run.encode()
    except UnicodeEncodeError:
        raise WrongInput(f"{header.run!r} cannot be the id of a run: it has no spelling") from None
    for word, meaning in header.baggage.items():
        try:
            f"{word}{meaning}".encode()
        except UnicodeEncodeError:
            raise WrongInput(f"baggage {word!r}: {meaning!r} has no spelling") from None
    return header


def write_header(header: Header) -> Header:
    """A header with its bytes and its hash. Raises WrongInput for what has no spelling."""
    unwritten(header)
    said: dict[str, Tree] = {
        "detent": FORMAT,
        "run": header.run,
        "machine": header.machine,
        "shape": header.shape,
        "rules": header.rules,
        "at": header.at,
    }
    if header.seed is not None:
        said["seed"] = header.seed
    if header.deadline is not None:
        said["deadline"] = header.deadline
    if header.baggage:
        said["baggage"] = dict(header.baggage)
    origin = header.origin
    if origin is not None:
        said["origin"] = {"run": origin.run, "seq": origin.seq, "hash": origin.hash}
    return read_header(spelled(said))


def entry_body(entry: Entry) -> bytes:
    """The bytes of an entry; what is empty is left out, and what its delta orders too."""
    said: dict[str, Any] = {"seq": entry.seq, "at": entry.at, "event": entry.event}
    if entry.cause is not None:
        said["cause"] = entry.cause
    if entry.key is not None:
        said["key"] = entry.key
    if entry.answer != "moved":
        said["answer"] = entry.answer
    if entry.took:
        said["took"] = entry.took
    if entry.delta:
        said["delta"] = entry.delta
    if entry.effects != ordered_in(entry.delta):
        said["effects"] = entry.effects
    if entry.stopped:
        said["stopped"] = entry.stopped
    return spelled(said)


def read_header(body: bytes) -> Header:
    """A header from its bytes. Raises Unreadable."""
    given = _read(_HEADER, body, "header")
    if given.detent != FORMAT:
        raise Unreadable(f"this is no log of format {FORMAT}")
    origin = None
    if given.origin is not None:
        of = _read(_ORIGIN, spelled(given.origin), "header")
        origin = Origin(of.run, of.seq, of.hash)
    try:
        digest = chained("" if origin is None else origin.hash, body)
    except ValueError:
        raise Unreadable("this is no header: the hash of its origin is none") from None
    names = (given.run, given.machine, given.shape, given.rules)
    baggage: FrozenMap[str, str] = FrozenMap(given.baggage) if given.baggage else NOTHING
    rest = (given.at, origin, given.seed, given.deadline)
    return Header(*names, *rest, baggage=baggage, body=body, hash=digest)


def read_entry(body: bytes, hash: str) -> Entry:
    """An entry from its bytes. Raises Unreadable."""
    try:
        given = _ENTRY(body)
        effects = given.effects
        if effects is None:
            effects = ordered_in(given.delta) if "effects" in given.delta else ()
    except (*REFUSED, BadEdit) as error:
        raise Unreadable(f"this is no entry: {why_refused(error)}") from None
    return Entry(
        given.seq,
        given.at,
        given.event,
        given.cause,
        given.key,
        given.answer,
        given.took,
        given.delta,
        effects,
        given.stopped,
        body,
        hash,
    )


def read_checkpoint(body: bytes, hash: str) -> Checkpoint:
    """A checkpoint from its bytes. Raises Unreadable."""
    given = _read(_CHECKPOINT, body, "checkpoint")
    return Checkpoint(given.seq, given.frame, body=body, hash=hash)


_HEADER = strict(
    ("detent", int),
    ("run", str),
    ("machine", str),
    ("shape", str),
    ("rules", str),
    ("at", int),
    ("seed", int | None, None),
    ("deadline", int | None, None),
    ("baggage", dict[str, str] | None, None),
    ("origin", dict[str, Any] | None, None),
)
_ORIGIN = strict(("run", str), ("seq", int), ("hash", str))
_ENTRY = strict(
    ("seq", int),
    ("at", int),
    ("event", Any),
    ("cause", int | None, None),
    ("key", str | None, None),
    ("answer", AnswerWord, "moved"),
    ("took", tuple[tuple[str, ...], ...], ()),
    ("delta", dict[str, Any], {}),
    ("effects", tuple[int, ...] | None, None),
    ("stopped", tuple[int, ...], ()),
)
_CHECKPOINT = strict(("seq", int), ("frame", dict[str, Any]))


def _read(reader: Callable[[bytes], Any], body: bytes, what: str) -> Any:
    try:
        return reader(body)
    except REFUSED as error:
        raise Unreadable(f"this is no {what}: {why_refused(error)}") from None
