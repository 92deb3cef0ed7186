"""The store in one file, on SQLite."""

from detent.tools.stores.sqlite.store import SQLite

__all__ = ["SQLite"]
