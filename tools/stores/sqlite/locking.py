"""One process drives a file: a lock of the operating system on a file beside it.

Rule 1: the lock goes with the process: however that ends, the next one gets it.
Rule 2: the file of the lock stays where it is: who removes it could remove that of somebody else. It says who has it.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from detent.kernel import NoStore, StoreInUse

__all__ = ["locked"]


@contextmanager
def locked(path: str) -> Generator[None]:
    """Be the one who drives a file. Raises StoreInUse, and NoStore if nothing can be written there."""
    beside = f"{path}.lock"
    try:
        file = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise NoStore(
            f"{path!r} cannot be driven: there is no writing {beside!r} ({error.strerror}). "
            "Name a file in a folder that is there and may be written, or read() it"
        ) from error
    try:
        if not _take(file):
            who = os.read(file, 100).decode(errors="replace").strip() or "another process"
            raise StoreInUse(
                f"{path!r} is driven by {who}: close that kernel first, or visit() the file "
                "to read it and to send"
            )
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()}\n".encode())
        yield
    finally:
        os.close(file)  # and the lock is free


def _take(file: int) -> bool:
    """Lock a file, if nobody else has."""
    try:
        if os.name == "nt":
            msvcrt: Any = import_module("msvcrt")
            os.lseek(file, 1 << 20, os.SEEK_SET)  # beyond what it says, which others may read
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            fcntl: Any = import_module("fcntl")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
