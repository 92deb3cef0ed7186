"""Promises: what a machine keeps at every instant of every run.

Left out on purpose: what will happen some day, which needs all runs and not one.
"""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

from attrs import frozen

from detent.kernel import Snapshot

__all__ = ["Promise", "always", "never"]

D = TypeVar("D")
Dc = TypeVar("Dc", contravariant=True)


@frozen
class Promise(Generic[Dc]):
    """A claim about snapshots that is always true, or never."""

    word: Literal["always", "never"]
    claim: Callable[[Any], bool]

    @property
    def name(self) -> str:
        """What it is called: `never paid_less_than_total`."""
        return f"{self.word} {getattr(self.claim, '__name__', repr(self.claim))}"

    def is_kept(self, now: "Snapshot[Any]") -> bool:
        """Whether it is kept at one instant."""
        return bool(self.claim(now)) is (self.word == "always")


def always(claim: "Callable[[Snapshot[D]], bool]") -> Promise[D]:
    """A promise that a claim is true at every instant. Usable as a decorator."""
    return Promise("always", claim)


def never(claim: "Callable[[Snapshot[D]], bool]") -> Promise[D]:
    """A promise that a claim is true at no instant. Usable as a decorator."""
    return Promise("never", claim)
