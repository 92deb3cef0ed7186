"""Runs that a machine goes on with though it is no longer what it was when they began."""

from detent.kernel.upgrades.migrations import Former, Migration, migrated
from detent.kernel.upgrades.renewals import Renewal, Renewed, renewal
from detent.kernel.upgrades.upgrade import Obstacle, Upgrade

__all__ = [
    "Former",
    "Migration",
    "Obstacle",
    "Renewal",
    "Renewed",
    "Upgrade",
    "migrated",
    "renewal",
]
