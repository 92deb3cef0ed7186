"""The change between two snapshots: as large as what changed, and readable without anybody's code."""

from detent.kernel.delta.changes import Changes
from detent.kernel.delta.edits import BadEdit, applied, resolved, unfolded

__all__ = ["BadEdit", "Changes", "applied", "resolved", "unfolded"]
