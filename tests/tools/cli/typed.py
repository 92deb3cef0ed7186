"""Commands as they are typed: in this process, in one of their own, and in a terminal."""

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define, field, frozen

from detent.tools.cli import main

__all__ = [
    "DETENT",
    "ROOT",
    "SHOP",
    "Ended",
    "Printed",
    "Terminal",
    "detent",
    "process",
    "terminal",
]

ROOT = Path(__file__).parents[3]
DETENT = str(Path(sys.executable).with_name("detent"))
SHOP = "tests.tools.cli.shop"
PATIENCE = 60.0  # seconds until something is surely wrong
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TAKES_THE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)

Printed = pytest.CaptureFixture[str]


def detent(capsys: Printed, *arguments: object) -> tuple[int, str, str]:
    """Run a command here: its exit status, what it printed, and what it complained about."""
    capsys.readouterr()
    code = main(list(map(str, arguments)))
    told = capsys.readouterr()
    return code, told.out, told.err


@frozen
class Ended:
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str


def process(*arguments: object, at: Path = ROOT, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command as a process of its own."""
    done = subprocess.run(
        [DETENT, *map(str, arguments)],
        cwd=at,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@define
class Terminal:
    """A process in a terminal: what it shows is read, and keys are pressed."""

    running: "subprocess.Popen[bytes]"
    fd: int
    raw: str = ""
    seen: int = field(default=0, init=False)

    @property
    def shown(self) -> str:
        """All that was shown, without colours and moves."""
        return ESCAPE.sub("", self.raw)

    def until(self, text: str) -> str:
        """Read until a text is shown that was not seen yet: all that was shown since then."""
        ends = time.monotonic() + PATIENCE
        while True:
            place = self.shown.find(text, self.seen)
            if place >= 0:
                before, self.seen = self.shown[self.seen : place], place + len(text)
                return before
            assert time.monotonic() < ends, f"{text!r} is not shown: {self.shown[self.seen :]!r}"
            if not self._read():
                raise AssertionError(f"{text!r} is not shown: {self.shown[self.seen :]!r}")

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self.fd, keys.encode())

    def end(self) -> int:
        """Read to the end: the exit status."""
        while self._read():
            pass
        return self.running.wait(PATIENCE)

    def _read(self) -> bool:
        """Read a little; whether there may be more."""
        ready, _, _ = select.select([self.fd], [], [], PATIENCE)
        assert ready, f"nothing more is shown: {self.shown!r}"
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is gone
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(
    *arguments: object, at: Path = ROOT, env: Mapping[str, str] | None = None, columns: int = 100
) -> Generator[Terminal]:
    """Run a command in a terminal; it is killed at the end of the block."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    running = subprocess.Popen(
        [sys.executable, "-c", TAKES_THE_TERMINAL, DETENT, *map(str, arguments)],
        cwd=at,
        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(running, ours)
    finally:
        running.kill()
        running.wait()
        os.close(ours)
