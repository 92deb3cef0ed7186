"""What is in the file of a store, and how files of older versions become those of this one.

Rule 1: the version of a file is how many migrations it has been through. A migration is one transaction.
Rule 2: an entry is one row whose number is that of its run and its own: the entries of a run lie side by side, and
        need no index. A run has a small number of its own; its id stands in one row, and in the indexes it is in.
Rule 3: what is asked of many runs has an index that holds only those it can be true of.
Rule 4: what lies beside the logs is kept once, by digest. What was erased keeps its row, without its body.
"""

from typing import TypeAlias

__all__ = ["APPLICATION", "ENTRIES", "FIRST", "MIGRATIONS", "Migrations", "entry_number"]

APPLICATION = 0x64746E74
"""What says that an SQLite file is a store: `dtnt`."""

ENTRIES = 1 << 32
"""How many numbers a run has for its entries: with 31 bits for runs, all that a row's number can hold."""

Migrations: TypeAlias = tuple[tuple[str, ...], ...]
"""For each version the statements that make it out of the one before."""

FIRST = (
    "CREATE TABLE machines (id INTEGER PRIMARY KEY, name TEXT NOT NULL, shape TEXT NOT NULL,"
    " rules TEXT NOT NULL, UNIQUE (name, shape, rules))",
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE,"
    " machine INTEGER NOT NULL REFERENCES machines (id), epoch INTEGER NOT NULL,"
    " status TEXT NOT NULL, due INTEGER, in_flight INTEGER NOT NULL, held INTEGER NOT NULL,"
    " is_over INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, header BLOB NOT NULL)",
    "CREATE INDEX runs_standing ON runs (machine, status, run)",
    "CREATE INDEX runs_in_flight ON runs (run) WHERE in_flight = 1",
    "CREATE INDEX runs_held ON runs (run) WHERE held = 1",
    "CREATE INDEX runs_due ON runs (due) WHERE due IS NOT NULL",
    "CREATE INDEX runs_living ON runs (machine) WHERE is_over = 0",
    "CREATE TABLE claims (run TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE keys (run INTEGER NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY (run, key)) WITHOUT ROWID",
    "CREATE TABLE checkpoints (run INTEGER PRIMARY KEY, seq INTEGER NOT NULL,"
    " hash BLOB NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL,"
    " key TEXT NOT NULL, event BLOB NOT NULL, UNIQUE (run, key))",
    "CREATE TABLE cells (name TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL)"
    " WITHOUT ROWID",
    "CREATE TABLE beside (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,"
    " is_sealed INTEGER NOT NULL, body BLOB)",
    "CREATE TABLE needs (run INTEGER NOT NULL, seq INTEGER NOT NULL, beside INTEGER NOT NULL,"
    " PRIMARY KEY (run, seq, beside)) WITHOUT ROWID",
    "CREATE TABLE outlines (digest TEXT PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID",
)
"""The first version. `runs.seq` and `runs.hash` are what the first entry of a run follows."""

SECOND = (
    "CREATE TABLE openings (run INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL)",
    "INSERT INTO openings SELECT checkpoints.run, checkpoints.hash, checkpoints.body"
    " FROM checkpoints JOIN runs ON runs.id = checkpoints.run"
    " WHERE checkpoints.seq = runs.seq AND runs.seq > 0",
)
"""What forks begin with is kept when they have other checkpoints."""

MIGRATIONS: Migrations = (FIRST, SECOND)


def entry_number(run: int, seq: int) -> int:
    """The number of the row of an entry."""
    return run * ENTRIES + seq
