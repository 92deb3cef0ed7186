"""The change between two snapshots: as large as what changed, and readable without anybody's code."""

from detent.kernel.delta.brief import Brief
from detent.kernel.delta.changes import Changes

__all__ = ["Brief", "Changes"]
