"""From a path to connections: whether it is a store at all, made if there is none, brought up to date.

Rule 1: what is not a store of ours is left as it is, to the byte: it is looked at before SQLite is.
Rule 2: a new file is made beside its place and moved there whole: there is no moment at which half of it is there.
Rule 3: a file of a newer version is refused; one of an older version is brought up to date by who drives it.
"""

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from typing import Literal, TypeAlias
from urllib.parse import quote

from detent.kernel import NoStore, OtherVersion
from detent.tools.stores.sqlite.committing import told
from detent.tools.stores.sqlite.files import Connection, first_bytes
from detent.tools.stores.sqlite.reading import Base
from detent.tools.stores.sqlite.schema import APPLICATION, Migrations

__all__ = ["Durability", "brought_up", "checked", "connected", "looking"]

Durability: TypeAlias = Literal["normal", "full"]

MAGIC = b"SQLite format 3\x00"
HEADER = 100  # bytes
UNWRITABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
PATIENCE = 5.0  # seconds that a connection waits for another that writes


@contextmanager
def _translated(path: str) -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in UNWRITABLE:
            raise NoStore(
                f"{path!r} cannot be written ({error}): give this process the right to, or "
                "read() the file"
            ) from error
        raise told(path, error) from error


def checked(path: str) -> bool:
    """Whether a store is there; False if there is nothing. Raises NoStore if there is something else."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise NoStore(f"{path!r}: there is no folder {folder!r}; make it, or name another")
    try:
        head = first_bytes(path, HEADER)
    except FileNotFoundError:
        head = b""
    except OSError as error:
        raise NoStore(f"{path!r} cannot be read: {error.strerror}") from error
    if not head:
        if os.path.exists(f"{path}-wal"):
            raise NoStore(
                f"{path!r} is gone, but its write-ahead log {path + '-wal'!r} is there: put the "
                "file back, or remove that too to begin anew"
            )
        return False
    if len(head) < HEADER or not head.startswith(MAGIC):
        raise NoStore(f"{path!r} is no SQLite file, so it is no store: name another")
    if int.from_bytes(head[68:72]) != APPLICATION:
        raise NoStore(f"{path!r} is an SQLite file of something else, not a store: name another")
    return True


def brought_up(path: str, migrations: Migrations) -> None:
    """Make a store, or make one of an older version one of this. Raises NoStore, OtherVersion, DamagedStore."""
    is_there = checked(path)
    with _translated(path):
        if not is_there:
            _make(path, migrations)
        with closing(_connection(path, "rw")) as base:
            version = _version(base, path, len(migrations))
            for number in range(version, len(migrations)):
                _migrate(base, migrations[number], number + 1)


def looking(path: str, versions: int) -> Base:
    """A connection that only reads; also of a file, or in a folder, where nothing may be written."""
    _there(path)
    with _translated(path):
        with _unless_it_fails(_connection(path, "ro")) as base:
            if _is_within_reach(base, path):
                return _of_version(base, path, versions)
        base.close()
        with _unless_it_fails(_connection(path, "ro&immutable=1")) as base:  # nobody writes there
            return _of_version(base, path, versions)


def connected(path: str, versions: int, durability: Durability, most: int | None = None) -> Base:
    """A connection that writes. `most` is how many bytes the file may come to."""
    _there(path)
    with _translated(path), _unless_it_fails(_connection(path, "rw")) as base:
        _of_version(base, path, versions)
        base.execute("BEGIN IMMEDIATE")  # or it would show later that nothing may be written
        base.execute("ROLLBACK")
        base.execute(f"PRAGMA synchronous = {durability.upper()}")
        base.execute("PRAGMA foreign_keys = ON")
        base.execute("PRAGMA secure_delete = FAST").fetchall()
        base.execute("PRAGMA temp_store = MEMORY")
        if most is not None:
            (size,) = base.execute("PRAGMA page_size").fetchone()
            base.execute(f"PRAGMA max_page_count = {max(1, most // size)}").fetchall()
        return base


@contextmanager
def _unless_it_fails(base: Base) -> Generator[Base]:
    """A connection that is closed if what is done with it fails."""
    try:
        yield base
    except BaseException:
        base.close()
        raise


def _is_within_reach(base: Base, path: str) -> bool:
    """Whether a file can be read beside others: False where SQLite would have to write for that, and may not."""
    try:
        base.execute("SELECT 1 FROM runs").fetchone()
    except sqlite3.OperationalError as error:
        log = f"{path}-wal"
        if error.sqlite_errorcode & 0xFF not in UNWRITABLE:
            raise
        if os.path.exists(log) and os.path.getsize(log):
            raise
        return False
    return True


def _there(path: str) -> None:
    if not checked(path):
        raise NoStore(f"there is no store at {path!r}: open_kernel with SQLite({path!r}) makes one")


def _connection(path: str, mode: str) -> Base:
    uri = f"file:{quote(path)}?mode={mode}"
    base = Connection(
        uri, uri=True, isolation_level=None, timeout=PATIENCE, check_same_thread=False, path=path
    )
    base.execute("PRAGMA cell_size_check = ON")
    return base


def _make(path: str, migrations: Migrations) -> None:
    """A new file, in its place when it is whole."""
    made = f"{path}.new"
    for left in (made, f"{made}-journal", f"{made}-wal", f"{made}-shm"):
        with suppress(FileNotFoundError):
            os.remove(left)
    with closing(_connection(made, "rwc")) as base:
        base.execute("PRAGMA synchronous = FULL")
        base.execute(f"PRAGMA application_id = {APPLICATION}")
        for number, statements in enumerate(migrations):
            _migrate(base, statements, number + 1)
        base.execute("PRAGMA journal_mode = WAL").fetchone()
    os.replace(made, path)


def _migrate(base: Base, statements: tuple[str, ...], version: int) -> None:
    base.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements:
            base.execute(statement)
        base.execute(f"PRAGMA user_version = {version}")
        base.execute("COMMIT")
    except sqlite3.Error:
        if base.in_transaction:
            base.execute("ROLLBACK")
        raise


def _of_version(base: Base, path: str, versions: int) -> Base:
    if _version(base, path, versions) < versions:
        raise OtherVersion(
            f"{path!r} was written by an older version of Detent: open it with a kernel once, "
            "and it is brought up to date"
        )
    return base


def _version(base: Base, path: str, versions: int) -> int:
    (version,) = base.execute("PRAGMA user_version").fetchone()
    if not 0 < version <= versions:
        raise OtherVersion(
            f"{path!r} is a store of version {version}, and this Detent knows those up to "
            f"{versions}: use the Detent that wrote it, or a newer one"
        )
    return int(version)
