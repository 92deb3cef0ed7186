"""Stores: where journals are kept that outlive their process."""

from detent.tools.stores.sqlite import SQLite
from detent.tools.stores.wrappers import ReadOnly, Through

__all__ = ["ReadOnly", "SQLite", "Through"]
