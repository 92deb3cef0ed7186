"""What is read of a file: runs whole and in pages, and what stands beside them.

Rule 1: what is read in one go is read of one moment.
Rule 2: what has a hash is checked as it is read: each line against the one before it, what lies beside the logs
        against its digest. A byte that was changed is found, and its line named (DamagedStore).
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import define

from detent.kernel import (
    Beside,
    Cell,
    Checkpoint,
    DamagedStore,
    Delivery,
    Entry,
    Header,
    Loaded,
    NoJson,
    NoSuchRun,
    Outline,
    Standing,
    Unreadable,
    chained,
    linked,
    parsed,
    read_checkpoint,
    read_entry,
    read_header,
)
from detent.tools.stores.sqlite.finding import stands_well
from detent.tools.stores.sqlite.schema import ENTRIES, entry_number

__all__ = ["PLACE", "Base", "Place", "Reader", "TooLong", "hex_of", "packed", "sound"]

Base = sqlite3.Connection

RUN = """
    SELECT runs.id, epoch, status, in_flight, held, seq, hash, header, shape, rules, due
    FROM runs JOIN machines ON machines.id = runs.machine WHERE run = ?
"""
OPENING = "SELECT id, seq, hash FROM runs WHERE run = ?"
BEGINNING = """
    SELECT openings.hash, body, header FROM runs JOIN openings ON openings.run = runs.id
    WHERE runs.run = ?
"""
ENTRY = "SELECT hash FROM entries WHERE id = ?"
PAGE = "SELECT id, hash, body FROM entries WHERE id > ? AND id < ? ORDER BY id LIMIT ?"
POINT = """
    SELECT seq, hash, length(body), iif(length(body) <= ?, body, NULL) FROM checkpoints WHERE run = ?
"""
ANY = 2**62  # bytes: there is nothing as large
BULK = """
    SELECT count(*), total(size) FROM (
        SELECT * FROM (SELECT length(body) AS size FROM entries WHERE id > ? AND id < ? LIMIT ?)
        UNION ALL
        SELECT * FROM (
            SELECT length(body) FROM needs JOIN beside ON beside.id = needs.beside
            WHERE run = ? AND seq >= ? LIMIT ?
        )
    )
"""
MANY = 256  # rows: whoever only wants to know whether a run is short counts no further
TAKEN = """
    SELECT keys.seq FROM runs JOIN keys ON keys.run = runs.id WHERE runs.run = ? AND key = ?
    UNION ALL
    SELECT 0 FROM runs JOIN inbox ON inbox.run = runs.id WHERE runs.run = ? AND key = ?
"""
INBOX = """
    SELECT number, key, event FROM inbox
    WHERE inbox.run = (SELECT id FROM runs WHERE run = ?) ORDER BY number
"""
NEEDED = """
    SELECT DISTINCT digest, is_sealed, body FROM needs JOIN beside ON beside.id = needs.beside
    WHERE run = ? AND seq >= ? AND body IS NOT NULL
"""
PLACE = (int, int, str, int, int, int, bytes)
"""What most columns of a run are: its number, its epoch, how it stands, what its first entry follows."""

BESIDE = "SELECT digest, is_sealed, body FROM beside WHERE digest = ? AND body IS NOT NULL"


def packed(hash: str) -> bytes | str:
    """A hash in half the room; what is none stays as it is."""
    try:
        made = bytes.fromhex(hash)
    except ValueError:
        return hash
    return made if made.hex() == hash else hash


def hex_of(kept: bytes | str) -> str:
    """The other way round; what is neither, in a file that is damaged, is no hash of anything."""
    return kept.hex() if type(kept) is bytes else str(kept)


def sound(row: Sequence[Any], *kinds: type[Any]) -> bool:
    """Whether the columns of a row are what they were written as."""
    return all(type(value) is kind for value, kind in zip(row, kinds, strict=False))


class TooLong(Exception):
    """There is more to read of a run than was allowed."""


@define
class Place:
    """A run, and the line of it that the next one is checked against."""

    run: str
    number: int
    seq: int
    hash: str


class Reader:
    """Reads, by one connection."""

    def __init__(self, base: Base, path: str) -> None:
        self.base = base
        self._path = path

    def load(self, run: str, most: int | None = None) -> Loaded | None:
        """See Journal. Raises TooLong if that is more than so many bytes."""
        row = self.base.execute(RUN, (run,)).fetchone()
        if row is None:
            return None
        number, epoch, status, in_flight, held, seq, hash, body, shape, rules, due = row
        if not sound(row, *PLACE, bytes, str, str) or not stands_well(status, due):
            raise self._damage(run, "how it stands is not as it was written")
        header = self._header(run, body)
        place = Place(run, number, seq, hex_of(hash))
        if header.origin is None and (place.seq, place.hash) != (0, header.hash):
            raise self._damage(run, "its header is not the one that its entries follow")
        standing = Standing(status, due, bool(in_flight), bool(held))
        checkpoint = self._checkpoint(header, place, ANY if most is None else most)
        start = 0 if checkpoint is None else checkpoint.seq
        if most is not None:
            self._bound(place, start, most)
        entries = self._lines(place, -1)
        beside = self._all_whole(self.base.execute(NEEDED, (number, start)))
        head = (place.seq, place.hash)
        return Loaded(header, epoch, standing, head, checkpoint, entries, beside, (shape, rules))

    def entries(self, run: str, after: int, limit: int) -> tuple[Entry, ...]:
        """See Journal."""
        row = self.base.execute(OPENING, (run,)).fetchone()
        if row is None:
            raise NoSuchRun(f"there is no run {run!r} in {self._path!r}")
        if not sound(row, int, int, bytes):
            raise self._damage(run, "where it begins is not as it was written")
        place = Place(run, row[0], row[1], hex_of(row[2]))
        if after > place.seq:
            hash = self._hash(place.number, after)
            if hash is None:
                return ()
            place.seq, place.hash = after, hash
        return self._lines(place, limit)

    def opening(self, run: str) -> Checkpoint | None:
        """See Journal."""
        row = self.base.execute(BEGINNING, (run,)).fetchone()
        if row is None:
            return None
        hash, body, header = row
        if not sound(row, bytes, bytes, bytes):
            raise self._damage(run, "what it begins with is not as it was written")
        if chained(self._header(run, header).hash, body) != hex_of(hash):
            raise self._damage(run, "what it begins with does not follow its header")
        try:
            return read_checkpoint(body, hex_of(hash))
        except Unreadable as error:
            raise self._damage(run, f"what it begins with: {error}") from error

    def holds(self, run: str, seq: int, hash: str) -> bool:
        """See Journal."""
        row = self.base.execute(OPENING, (run,)).fetchone()
        return row is not None and 0 < seq < ENTRIES and self._hash(row[0], seq) == hash

    def taken(self, run: str, key: str) -> int | None:
        """See Journal."""
        row = self.base.execute(TAKEN, (run, key) * 2).fetchone()
        return None if row is None else row[0]

    def inbox(self, run: str) -> tuple[Delivery, ...]:
        """See Journal."""
        rows = self.base.execute(INBOX, (run,))
        where = f"what waits in the inbox of run {run!r}"
        return tuple(
            Delivery(run, key, self._tree(event, where), number) for number, key, event in rows
        )

    def cells(self, names: Iterable[str]) -> tuple[Cell, ...]:
        """See Journal."""
        found: list[Cell] = []
        for name in names:
            asked = "SELECT value, version FROM cells WHERE name = ?"
            row = self.base.execute(asked, (name,)).fetchone()
            value = None if row is None else self._tree(row[0], f"cell {name!r}")
            found.append(Cell(name) if row is None else Cell(name, value, row[1]))
        return tuple(found)

    def beside(self, digests: Iterable[str]) -> Mapping[str, Beside]:
        """See Journal."""
        found: dict[str, Beside] = {}
        for digest in digests:
            found.update(self._all_whole(self.base.execute(BESIDE, (packed(digest),))))
        return found

    def outline(self, digest: str) -> Outline | None:
        """See Journal."""
        asked = "SELECT text FROM outlines WHERE digest = ?"
        row = self.base.execute(asked, (digest,)).fetchone()
        return None if row is None else Outline(row[0], digest)

    def _bound(self, place: Place, start: int, most: int) -> None:
        """See that what is to be read after a place, and beside it, is no more than so many bytes."""
        first, end = entry_number(place.number, place.seq), entry_number(place.number + 1, 0)
        asked = (first, end, MANY, place.number, start, MANY)
        count, size = self.base.execute(BULK, asked).fetchone()
        if size > most or count >= MANY:
            raise TooLong

    # -- lines, checked

    def _header(self, run: str, body: bytes) -> Header:
        try:
            header = read_header(body)
        except Unreadable as error:
            raise self._damage(run, str(error)) from error
        if header.run != run:
            raise self._damage(run, f"its header is that of {header.run!r}")
        return header

    def _checkpoint(self, header: Header, place: Place, most: int) -> Checkpoint | None:
        """The newest checkpoint, if there is one; then the place is its own. Raises TooLong."""
        row = self.base.execute(POINT, (most, place.number)).fetchone()
        if row is None:
            return None
        seq, hash, size, body = row[0], hex_of(row[1]), row[2], row[3]
        if body is None and type(size) is int and size > most:
            raise TooLong
        follows = self._hash(place.number, seq) if seq > place.seq else header.hash
        where = f"its checkpoint after entry {seq}"
        if follows is None or type(body) is not bytes or chained(follows, body) != hash:
            raise self._damage(header.run, f"{where} is not as it was written")
        if seq > place.seq:
            place.seq, place.hash = seq, follows
        try:
            return read_checkpoint(body, hash)
        except Unreadable as error:
            raise self._damage(header.run, f"{where}: {error}") from error

    def _hash(self, number: int, seq: int) -> str | None:
        """The hash of an entry, if there is one of that number."""
        row = self.base.execute(ENTRY, (entry_number(number, seq),)).fetchone()
        return None if row is None else hex_of(row[0])

    def _lines(self, place: Place, limit: int) -> tuple[Entry, ...]:
        """The entries after a place, which goes along."""
        first, end = entry_number(place.number, place.seq), entry_number(place.number + 1, 0)
        found: list[Entry] = []
        before: Any = packed(place.hash)
        if type(before) is str:
            before = b""  # no hash, and nothing follows it
        last = first
        for number, hash, body in self.base.execute(PAGE, (first, end, limit)).fetchall():
            last += 1
            if number != last or type(body) is not bytes or linked(before, body) != hash:
                what = (
                    f"entry {last - first + place.seq} is not as it was written, or it is missing"
                )
                raise self._damage(place.run, what)
            before = hash
            try:
                found.append(read_entry(body, hash.hex()))
            except Unreadable as error:
                what = f"entry {last - first + place.seq}: {error}"
                raise self._damage(place.run, what) from error
        place.seq, place.hash = last - first + place.seq, hex_of(before)
        return tuple(found)

    def _all_whole(self, rows: Iterable[Any]) -> dict[str, Beside]:
        found: dict[str, Beside] = {}
        for digest, is_sealed, body in rows:
            one = Beside(hex_of(digest), body, bool(is_sealed))
            if type(body) is not bytes or not one.is_whole():
                what = f"{self._path!r}: what lies under {one.digest} is not as it was written"
                raise DamagedStore(what)
            found[one.digest] = one
        return found

    def _tree(self, body: bytes, where: str) -> Any:
        try:
            return parsed(body)
        except (NoJson, RecursionError, TypeError) as error:
            raise DamagedStore(f"{self._path!r}: {where} is no JSON: {error}") from error

    def _damage(self, run: str, what: str) -> DamagedStore:
        return DamagedStore(f"{self._path!r}, run {run!r}: {what}")
