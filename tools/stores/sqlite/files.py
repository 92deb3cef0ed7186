"""Connections to files, and a look at a file's first bytes beside them.

Rule 1: no file is closed here while this process has a connection to it. On POSIX whoever closes a file loses all
        locks that his process has on it, also those of SQLite. Without them a connection of another process takes
        itself for the last one, and takes the write-ahead log away, with all that will be written to it.
"""

import os
import sqlite3
from collections import Counter
from threading import Lock
from typing import Any, TypeAlias

__all__ = ["Connection", "first_bytes"]

File: TypeAlias = tuple[int, int]
"""What a file is, whatever it is called: its device, and its number there."""

_turn = Lock()
_used: Counter[File] = Counter()
"""How many connections this process has to each file."""
_kept: dict[File, int] = {}
"""Files that were looked at while there were connections to them: they are closed after the last of these."""


class Connection(sqlite3.Connection):
    """A connection that is known of, as long as it is open."""

    def __init__(self, database: str, *args: Any, path: str, **kwargs: Any) -> None:
        self._file = _begin(path)
        try:
            super().__init__(database, *args, **kwargs)
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Close it."""
        super().close()
        self._end()

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            _left(file)


def first_bytes(path: str, count: int) -> bytes:
    """What a file begins with. Raises OSError."""
    with _turn:
        known = _kept.get(_file_of(os.stat(path)))
        fd = os.open(path, os.O_RDONLY) if known is None else known
        file = _file_of(os.fstat(fd))
        try:
            os.lseek(fd, 0, os.SEEK_SET)
            return os.read(fd, count)
        finally:
            if known is None and _used[file] and file not in _kept:
                _kept[file] = fd
            elif known is None:
                os.close(fd)


def _begin(path: str) -> File | None:
    """Know of a connection that is about to be opened."""
    with _turn:
        try:
            file = _file_of(os.stat(path))
        except OSError:
            return None  # it is made by this connection, or it cannot be opened
        _used[file] += 1
        return file


def _left(file: File) -> None:
    """Know that a connection has been closed."""
    with _turn:
        _used[file] -= 1
        if not _used[file]:
            del _used[file]
            fd = _kept.pop(file, None)
            if fd is not None:
                os.close(fd)


def _file_of(stat: os.stat_result) -> File:
    return stat.st_dev, stat.st_ino
