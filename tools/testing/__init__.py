"""What tests of machines are made of. Needs the extra `testing`: pip install 'detent[testing]'."""

from detent.tools.testing.payloads import values
from detent.tools.testing.promises import Promise, always, never
from detent.tools.testing.recordings import recording
from detent.tools.testing.reports import BrokenProperty, walk_key
from detent.tools.testing.strategies import Features, Walk, machines, signals, walks
from detent.tools.testing.walk_tests import check_walk, machine_test
from detent.tools.testing.watchdog import NotReturning, watchdog

__all__ = [
    "BrokenProperty",
    "Features",
    "NotReturning",
    "Promise",
    "Walk",
    "always",
    "check_walk",
    "machine_test",
    "machines",
    "never",
    "recording",
    "signals",
    "values",
    "walk_key",
    "walks",
    "watchdog",
]
