"""Where the entries of many runs are kept."""

from detent.kernel.journal.memory import MemoryJournal
from detent.kernel.journal.protocol import (
    Cell,
    Committed,
    Conflict,
    ConflictKind,
    Delivery,
    Fenced,
    Journal,
    Loaded,
    RunStatus,
    Standing,
    Unconfirmed,
    Verdict,
    Write,
    frame_of,
    needs_of,
    standing_of,
)

__all__ = [
    "Cell",
    "Committed",
    "Conflict",
    "ConflictKind",
    "Delivery",
    "Fenced",
    "Journal",
    "Loaded",
    "MemoryJournal",
    "RunStatus",
    "Standing",
    "Unconfirmed",
    "Verdict",
    "Write",
    "frame_of",
    "needs_of",
    "standing_of",
]
