"""A listener for tests, and a variable that says where one is."""

import contextvars

from detent import Context
from detent.kernel import Listener, Telling

__all__ = ["Ear", "here"]

here: contextvars.ContextVar[str] = contextvars.ContextVar("here", default="nowhere")


class Ear(Listener):
    """A listener that keeps what it is told, and where it was told it."""

    def __init__(self, knows: bool = True) -> None:
        self.tellings: list[Telling] = []
        self.places: list[str] = []
        self._knows = knows

    def told(self, telling: Telling) -> None:
        """See Listener."""
        self.tellings.append(telling)
        self.places.append(here.get())
        here.set("with the listener")

    def begins(self, context: Context) -> None:
        """See Listener."""
        here.set(f"effect {context.key} of {context.state}")

    def knows(self, run: str, seq: int) -> bool:
        """See Listener."""
        return self._knows

    @property
    def seqs(self) -> list[tuple[str, int, bool]]:
        """The entries it was told of."""
        return [(one.run, one.seq, one.is_past) for one in self.tellings]
