"""Who looks on: taps are shown every entry and every chunk, and change nothing.

Rule 1: what a tap raises is kept, its first error once, for whoever asks; it is shown the next thing all the same.
"""

from collections.abc import Callable, Iterable, Sequence

from detent.kernel.entries import Entry
from detent.kernel.ports import Tap

__all__ = ["Onlookers"]


class Onlookers:
    """The taps of a kernel."""

    def __init__(self, taps: Iterable[Tap]) -> None:
        self._taps = tuple(taps)
        self.failures: list[tuple[Tap, Exception]] = []
        """Taps that have raised, each with its first error."""

    def committed(self, run: str, entries: Sequence[Entry]) -> None:
        """Show what was committed."""
        for tap in self._taps:
            for entry in entries:
                self._show(tap, tap.entry, run, entry)

    def emitted(self, run: str, effect: int, attempt: int, chunk: object) -> None:
        """Show what a handler emits."""
        for tap in self._taps:
            self._show(tap, tap.chunk, run, effect, attempt, chunk)

    def _show(self, tap: Tap, seen: Callable[..., None], *what: object) -> None:
        try:
            seen(*what)
        except Exception as error:
            if all(one is not tap for one, _ in self.failures):
                self.failures.append((tap, error))
