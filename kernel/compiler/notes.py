"""The mistakes found so far. The compiler goes on after each, so that an author sees all of them at once."""

from collections.abc import Iterable
from difflib import get_close_matches

from attrs import define, field

from detent.kernel.errors import Mistake

__all__ = ["Notes", "class_name", "closest", "listed"]

MANY = 12  # more names than this are not read, only the closest one


@define
class Notes:
    """Mistakes, in the order in which they were found."""

    mistakes: list[Mistake] = field(factory=list[Mistake])

    def add(self, code: str, place: str, what: str, right: str = "") -> None:
        """Note a mistake, once."""
        mistake = Mistake(code, place, what, right)
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


def closest(name: str, names: Iterable[str], kind: str) -> str:
    """What an author may have meant by a name that is not there."""
    known = sorted(names)
    near = get_close_matches(name, known, 1)
    meant = f"Did you mean {near[0]!r}?" if near else ""
    if len(known) > MANY:
        return meant
    return f"{meant} {kind} {listed(known)}.".strip()


def listed(names: Iterable[str]) -> str:
    """Names in a row: `are 'a', 'b'`, or `are none`."""
    shown = ", ".join(repr(name) for name in names)
    return f"are {shown}" if shown else "are none"


def class_name(kind: object) -> str:
    """A class, or whatever stands in the place of one, as an author would name it."""
    return kind.__name__ if isinstance(kind, type) else repr(kind)
