"""Logs taken again: replay, what a run was at an entry, forks, and where two runs part."""

from detent.kernel.replayer.divergence import Divergence, DivergenceKind
from detent.kernel.replayer.forks import Fork, ForkChoice, fork
from detent.kernel.replayer.partings import Parting, diff
from detent.kernel.replayer.replays import Replayed, replay, reshaped, snapshot_at

__all__ = [
    "Divergence",
    "DivergenceKind",
    "Fork",
    "ForkChoice",
    "Parting",
    "Replayed",
    "diff",
    "fork",
    "replay",
    "reshaped",
    "snapshot_at",
]
