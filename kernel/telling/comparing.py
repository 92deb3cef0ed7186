"""Two runs compared by what they tell, apart from ids and from what a kernel did on its own account.

Rule 1: what is left out says how and where a run was performed, and nothing of what it did: that it was taken over,
        or goes on by other rules, that an effect was held, interrupted, or begun once more at the same attempt.
Rule 2: times are kept. Numbers of effects are, too: they count what the run ordered.
"""

from collections.abc import Iterable

from attrs import define, evolve, field

from detent.kernel.telling.told import (
    CallStarted,
    ChildEnded,
    ChildStarted,
    EffectHeld,
    EffectInterrupted,
    LetterSent,
    RateWaiting,
    RunRecovered,
    RunUpgraded,
    Told,
    WaitOpened,
)

__all__ = ["normal"]

LEFT_OUT = (RunRecovered, RunUpgraded, EffectHeld, RateWaiting, EffectInterrupted)
BEGINNINGS = (CallStarted, WaitOpened, ChildStarted, LetterSent)


def normal(told: Iterable[Told]) -> tuple[Told, ...]:
    """What was told, so that two tellings are equal exactly when the same came to pass.

    Runs are called by the order in which they appear, and the entries that tell something count from 1 in each run.
    """
    names = _Names()
    begun: set[tuple[object, ...]] = set()
    kept: list[Told] = []
    for one in told:
        if isinstance(one, BEGINNINGS):
            again = (type(one), one.run, one.effect, getattr(one, "attempt", 1))
            if again in begun:
                continue
            begun.add(again)
        if not isinstance(one, LEFT_OUT):
            kept.append(names.rename(one))
    return tuple(kept)


@define
class _Names:
    """What runs and entries are called, in the order in which they appear."""

    runs: dict[str, str] = field(factory=dict[str, str])
    entries: dict[str, dict[int, int]] = field(factory=dict[str, dict[int, int]])

    def rename(self, one: Told) -> Told:
        """The same, under these names."""
        entries = self.entries.setdefault(one.run, {})
        seq = entries.setdefault(one.seq, len(entries) + 1)
        named = evolve(one, run=self._run(one.run), seq=seq)
        if isinstance(named, ChildStarted | ChildEnded):
            return evolve(named, child=self._run(named.child))
        if isinstance(named, LetterSent):
            return evolve(named, to=self._run(named.to))
        return named

    def _run(self, run: str) -> str:
        return self.runs.setdefault(run, str(len(self.runs) + 1))
