"""The change between two snapshots: as large as what changed, and readable without anybody's code."""

from detent.kernel.delta.changes import Changes
from detent.kernel.delta.edits import BadEdit, applied, resolved
from detent.kernel.delta.references import first_other, weighs

__all__ = ["BadEdit", "Changes", "applied", "first_other", "resolved", "weighs"]
