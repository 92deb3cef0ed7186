"""A line that is typed in a terminal while lines above it go on.

Rule 1: keys are read as they come, and nothing of the terminal's own echo is used: what is above may change meanwhile.
Rule 2: the terminal is as it was when the block is left, however that is.
Left out on purpose: moving inside the line. Backspace, Ctrl-U and Ctrl-W take away, Ctrl-D ends.
"""

import codecs
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TextIO

import trio
from attrs import define, field

__all__ = ["Keyboard", "Typing", "can_be_asked", "typing_in", "unechoed"]

LOCAL = 3  # where the local modes stand among those of a terminal

KEYS = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)?")
"""What arrows and other keys send that have no letter."""


def can_be_asked(stream: TextIO) -> bool:
    """Whether somebody sits there who can type."""
    try:
        return os.name == "posix" and stream.isatty()
    except ValueError:  # it is closed
        return False


@contextmanager
def typing_in(stream: TextIO, ahead: str = "") -> Generator["Keyboard"]:
    """The keyboard of a terminal, for as long as the block lasts. `ahead` are keys that came before."""
    termios: Any = import_module("termios")
    tty: Any = import_module("tty")
    fd = stream.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd, termios.TCSANOW)
        yield Keyboard(fd, ahead)
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)


@contextmanager
def unechoed(stream: TextIO) -> Generator[None]:
    """Have a terminal not show what is typed, for as long as the block lasts: that would stand between the lines."""
    termios: Any = import_module("termios")
    fd = stream.fileno()
    before = termios.tcgetattr(fd)
    quiet = [*before]
    quiet[LOCAL] &= ~termios.ECHO
    try:
        termios.tcsetattr(fd, termios.TCSANOW, quiet)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)


@define
class Typing:
    """A line that is being typed."""

    text: str = ""
    is_done: bool = False
    is_ended: bool = False
    """Whether somebody said with Ctrl-D that there will be no answer."""

    def take(self, keys: str) -> str:
        """Take keys, as far as they belong to the line: those that come after it."""
        keys = KEYS.sub("", keys)
        for place, key in enumerate(keys):
            if key in "\r\n":
                self.is_done = True
                return keys[place + 1 :]
            if key == "\x04" and not self.text:
                self.is_ended = True
                return keys[place + 1 :]
            self._key(key)
        return ""

    def _key(self, key: str) -> None:
        if key in "\x7f\x08":
            self.text = self.text[:-1]
        elif key == "\x15":
            self.text = ""
        elif key == "\x17":
            self.text = self.text.rstrip().rpartition(" ")[0] + " " * (" " in self.text.strip())
        elif key.isprintable() or key == "\t":
            self.text += key


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


@define
class Keyboard:
    """The keys of a terminal, as they come."""

    fd: int
    rest: str = ""
    _decoder: codecs.IncrementalDecoder = field(factory=_decoder, init=False)

    async def typed(self) -> str:
        """The next keys. Nothing if the terminal is gone."""
        if self.rest:
            keys, self.rest = self.rest, ""
            return keys
        while True:
            await trio.lowlevel.wait_readable(self.fd)
            try:
                data = os.read(self.fd, 1024)
            except OSError:
                return ""
            keys = self._decoder.decode(data)
            if keys or not data:
                return keys
